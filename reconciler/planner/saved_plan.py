"""A saved plan as a value: what it pins, its canonical form, and how it is compared with what would
be done now (planning#saved-plans).

It holds no secret: keys are never in a plan, and the account is named by the digest of its key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model import serialize
from reconciler.model.plan import Plan
from reconciler.model.resource import EMPTY, title_of
from reconciler.planner.checks.approval import Acceptance, parse
from reconciler.planner.compare import diff, fingerprint
from reconciler.planner.compare.assessment import PlanOptions

KIND = "reconciler-plan"
FORMAT = 1
_DIFFERENCES_SHOWN_MAX = 20


class Unreadable(ValueError):
    """The text is not a saved plan that this version reads; the message says why."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What `plan --out` writes.

    `account` is the digest of the access key, `endpoint` the origin, `simulated` whether it was the
    local cloud. `accept` is the consent given with it; `options` what shaped the plan (`destroy`,
    `replace`, `unprotect`, `only`, `except`, `undo`). `document` is the JSON plan, for showing;
    `changes`, `steps` and `fingerprints` are what must not differ when it is done.
    """

    stack: str
    environment: str | None
    digest: str
    lineage: str
    serial: int
    account: str
    endpoint: str
    simulated: bool
    variables: Mapping[str, Any] = EMPTY
    lookups: Mapping[str, Mapping[str, Mapping[str, str]]] = EMPTY
    accept: tuple[str, ...] = ()
    options: Mapping[str, Any] = EMPTY
    changes: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    fingerprints: Mapping[str, str] = EMPTY
    made_at: int = 0
    document: Mapping[str, Any] = field(default=EMPTY, compare=False)

    @property
    def acceptances(self) -> tuple[Acceptance, ...]:
        """The consent given with the plan, read."""
        return tuple(found for found in map(parse, self.accept) if found is not None)


def of(
    plan: Plan,
    *,
    account: str,
    endpoint: str,
    simulated: bool,
    accept: tuple[str, ...],
    options: Mapping[str, Any],
    made_at: int,
    document: Mapping[str, Any],
) -> SavedPlan:
    """The saved form of a plan. `made_at` is unix seconds, `document` the JSON plan as it was
    shown.
    """
    return SavedPlan(
        stack=plan.stack,
        environment=plan.environment,
        digest=plan.digest,
        lineage=plan.lineage,
        serial=plan.serial,
        account=account,
        endpoint=endpoint,
        simulated=simulated,
        variables=serialize.exact(plan.variables),
        lookups=serialize.exact(plan.lookups),
        accept=accept,
        options=options,
        changes=tuple(serialize.changes_exactly(plan)),
        steps=tuple(serialize.steps_exactly(plan)),
        fingerprints=dict(plan.fingerprints),
        made_at=made_at,
        document=document,
    )


def kept_options(options: PlanOptions) -> Mapping[str, Any]:
    """What a saved plan remembers of the options it was made with."""
    found: dict[str, Any] = {
        "destroy": options.destroy,
        "replace": sorted(options.replace),
        "unprotect": sorted(options.unprotect),
    }
    found |= {"only": list(options.only)} if options.only else {}
    found |= {"undo": options.undo} if options.undo is not None else {}
    return found | ({"except": list(options.without)} if options.without else {})


def options_of(saved: SavedPlan) -> PlanOptions:
    """The options under which a saved plan was made, its lookups pinned: the other half of
    `kept_options`.
    """
    return PlanOptions(
        destroy=bool(saved.options.get("destroy")),
        accept=tuple((said.risk.value, said.address) for said in saved.acceptances),
        replace=frozenset(saved.options.get("replace", ())),
        unprotect=frozenset(saved.options.get("unprotect", ())),
        pinned=saved.lookups,
        only=tuple(saved.options.get("only", ())),
        without=tuple(saved.options.get("except", ())),
        undo=saved.options.get("undo"),
    )


def write(saved: SavedPlan) -> str:
    """The canonical text of a saved plan: sorted keys, no spaces, its own checksum inside."""
    body = {
        "kind": KIND,
        "format": FORMAT,
        **{name: serialize.exact(getattr(saved, name)) for name in _MEMBERS},
        "document": saved.document,
    }
    return _canonical({**body, "checksum": _checksum(body)}) + "\n"


def read(text: str) -> SavedPlan:
    """The saved plan that a text holds. Raises `Unreadable`."""
    try:
        body = json.loads(text, parse_constant=_finite, parse_float=_finite)
        checked = (
            _checksum({name: value for name, value in body.items() if name != "checksum"})
            if isinstance(body, dict)
            else ""
        )
    except (ValueError, RecursionError) as cause:
        raise Unreadable("it is not JSON") from cause
    if not isinstance(body, dict) or body.get("kind") != KIND:
        raise Unreadable("it is not a saved plan of reconciler")
    if body.get("format") != FORMAT:
        raise Unreadable(
            f"it has format {body.get('format')!r}, and this version reads format {FORMAT}"
        )
    if body.pop("checksum", None) != checked:
        raise Unreadable("its checksum does not match: the file was changed or truncated")
    if set(body) != {"kind", "format", "document", *_MEMBERS}:
        raise Unreadable("it does not have the members of a saved plan")
    members = {name: body[name] for name in _MEMBERS}
    _check_types(members, body["document"])
    for name in ("accept", "changes", "steps"):
        members[name] = tuple(members[name])
    return SavedPlan(**members, document=body["document"])


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


def differences(saved: SavedPlan, plan: Plan) -> tuple[str, ...]:
    """What is not as saved, one line each; empty where the plan may be done as it was shown.

    Prices, times and unmanaged objects are not compared (planning#saved-plans).
    """
    found = list(_of_head(saved, plan))
    found += _of_rows("change", "address", saved.changes, serialize.changes_exactly(plan))
    found += _of_rows("step", "key", saved.steps, serialize.steps_exactly(plan))
    if not found and [row["key"] for row in saved.steps] != [step.key for step in plan.steps]:
        found.append("the order of the steps differs")
    found += _of_fingerprints(saved.fingerprints, plan.fingerprints)
    rest = len(found) - _DIFFERENCES_SHOWN_MAX
    return tuple(found if rest <= 0 else [*found[:_DIFFERENCES_SHOWN_MAX], f"and {rest} more"])


def _of_head(saved: SavedPlan, plan: Plan) -> list[str]:
    found = []
    if (saved.stack, saved.environment) != (plan.stack, plan.environment):
        found.append(
            f"it is a plan of {title_of(saved.stack, saved.environment)}, not of {plan.title}"
        )
    if saved.digest != plan.digest:
        found.append("the stack files have changed since the plan was created")
    if saved.lineage and saved.lineage != plan.lineage:
        found.append("the plan was created with a different state (its lineage differs)")
    elif saved.serial != plan.serial:
        found.append(f"the state has moved on: serial {plan.serial}, planned with {saved.serial}")
    return found


def _of_rows(
    noun: str, key: str, saved: tuple[Mapping[str, Any], ...], now: list[dict[str, Any]]
) -> list[str]:
    before = {str(row[key]): row for row in saved}
    after = {str(row[key]): row for row in now}
    found = [
        f"{noun} {name}: planned, but no longer needed" for name in before if name not in after
    ]
    found += [f"{noun} {name}: needed now, but not planned" for name in after if name not in before]
    for name, row in before.items():
        if name in after and row != after[name]:
            members = [member for member, value in after[name].items() if row.get(member) != value]
            found.append(f"{noun} {name}: not as planned ({', '.join(members)})")
            shown = [member for member in members if member != "fingerprint"]
            found += [
                f"{noun} {name}: {line}"
                for line in diff.differences(
                    {member: row.get(member) for member in shown},
                    {member: after[name][member] for member in shown},
                )
            ]
            found += [
                f"{noun} {name}: {line}"
                for line in fingerprint.changes(
                    row.get("fingerprint"), after[name].get("fingerprint")
                )
            ]
    return found


def _of_fingerprints(saved: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"object {id}: it was changed since the plan was created"
        for id in sorted(saved.keys() | now.keys())
        if saved.get(id) != now.get(id)
    ]


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body).encode("ascii")).hexdigest()


def _check_types(members: Mapping[str, Any], document: Any) -> None:
    """Raises `Unreadable` where a member has not the type that `write` gives it: nobody has to
    check again.
    """
    wrong = [name for name, types in _TYPES.items() if not isinstance(members[name], types)]
    if not wrong:
        wrong += [
            name
            for name in ("changes", "steps")
            if not all(isinstance(row, dict) for row in members[name])
        ]
        wrong += [] if all(isinstance(text, str) for text in members["accept"]) else ["accept"]
        wrong += [] if all(_is_pins(pins) for pins in members["lookups"].values()) else ["lookups"]
        wrong += (
            [] if all(_is_option(*pair) for pair in members["options"].items()) else ["options"]
        )
    if not wrong:
        wrong += (
            ["changes"]
            if any(not isinstance(row.get("address"), str) for row in members["changes"])
            else []
        )
        wrong += (
            ["steps"]
            if any(not isinstance(row.get("key"), str) for row in members["steps"])
            else []
        )
    if wrong or not isinstance(document, dict):
        raise Unreadable(f"its members {', '.join(wrong) or 'document'} are not as written")


def _is_option(name: str, value: Any) -> bool:
    if name == "destroy":
        return isinstance(value, bool)
    if name == "undo":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_pins(pins: Any) -> bool:
    if not isinstance(pins, dict) or not all(isinstance(found, dict) for found in pins.values()):
        return False
    return all(isinstance(id, str) for found in pins.values() for id in found.values())


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("stack", "digest", "lineage", "account", "endpoint"), (str,)),
    "environment": (str, type(None)),
    **dict.fromkeys(("serial", "made_at"), (int,)),
    "simulated": (bool,),
    **dict.fromkeys(("variables", "lookups", "options", "fingerprints"), (dict,)),
    **dict.fromkeys(("accept", "changes", "steps"), (list,)),
}
_MEMBERS = tuple(name for name in SavedPlan.__dataclass_fields__ if name != "document")
