"""Saved plans: what they contain, their canonical text, and how they are compared with what apply
would do now (planning#saved-plans).

A saved plan contains no secret: keys are never in a plan, and the account is named by the digest of
its key. Its id is that of its content: of all that decides what an apply of it does, and to whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import DecodeError, Form
from reconciler.common.text import msg
from reconciler.model import serialize
from reconciler.model.plan import Plan
from reconciler.model.ports.plan_ports import KeptPlan
from reconciler.model.resource import title_of
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.compare import diff, fingerprint
from reconciler.planner.compare.assessment import PlanOptions

KIND = "reconciler-plan"
FORMAT = 4
"""The format of a saved plan."""
CONTENT_FORMAT = 3
"""The format of what the id of a saved plan is made from."""
_DIFFERENCES_SHOWN_MAX = 20


class Unreadable(ValueError):
    """The text is not a saved plan that this version reads; the message says why."""


@dataclass(frozen=True, slots=True)
class SavedOptions:
    """Those of the `PlanOptions` that shape a plan, and are the same when it is applied. `stack` is
    the path of the stack as it was given.
    """

    destroy: bool = False
    replace: frozenset[str] = frozenset()
    unprotect: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = field(default=(), metadata={"json": "except"})
    undo: int | None = None
    stack: str = "."

    @classmethod
    def of(cls, options: PlanOptions, stack: str = ".") -> SavedOptions:
        """Those of the options that a plan was made with."""
        return cls(
            stack=stack,
            destroy=options.destroy,
            replace=options.replace,
            unprotect=options.unprotect,
            only=options.only,
            without=options.without,
            undo=options.undo,
        )


@dataclass(frozen=True, slots=True)
class Made:
    """When a plan was made, in unix seconds, and by whom: the user and the host, for people."""

    at: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What `plan --out` and `plan --save` write.

    `account` is the digest of the access key, `endpoint` the origin, `simulated` whether that was
    the local cloud. `accept` is the consent given with the plan, and `exit_code` that of `plan`.
    """

    plan: Plan
    account: str
    endpoint: str
    simulated: bool
    made: Made
    accept: tuple[Acceptance, ...] = ()
    options: SavedOptions = SavedOptions()
    exit_code: int = 0

    @property
    def id(self) -> str:
        """The hex SHA-256 over the content. The same plan, made at another time, by somebody else
        or in another folder, has the same id; one that differs in anything that an apply would do
        has another one.
        """
        plan, options = self.plan, replace(self.options, stack="")
        return json_text.checksum(
            {
                "kind": KIND,
                "format": CONTENT_FORMAT,
                "stack": [plan.stack, plan.environment, plan.digest],
                "state": [plan.lineage, plan.serial],
                "cloud": [self.account, self.endpoint, self.simulated],
                "variables": CODEC.encode(plan.variables),
                "lookups": CODEC.encode(plan.lookups),
                "accept": sorted(set(map(str, self.accept))),
                "options": CODEC.encode(options),
                "content": serialize.content(plan),
            }
        )

    @property
    def plan_options(self) -> PlanOptions:
        """The options to make the plan again with: the lookups have the ids that they gave."""
        return PlanOptions(
            destroy=self.options.destroy,
            accept=tuple((given.risk.value, given.address) for given in self.accept),
            replace=self.options.replace,
            unprotect=self.options.unprotect,
            pinned=self.plan.lookups,
            only=self.options.only,
            without=self.options.without,
            undo=self.options.undo,
        )


@dataclass(frozen=True, slots=True)
class ListedPlan:
    """A kept plan for a list. `saved` is None if it cannot be read, for the reason in `damage`;
    `stale` is why an apply would refuse it already because of its age or the state, None if not.
    """

    kept: KeptPlan
    saved: SavedPlan | None
    damage: str | None = None
    stale: str | None = None


def _read_acceptance(text: Any) -> Acceptance:
    found = approval.parse(text) if isinstance(text, str) else None
    if found is None:
        raise DecodeError("{place} is not a consent")
    return found


CODEC = serialize.CODEC.extended({Acceptance: Form(str, _read_acceptance)})


def write(saved: SavedPlan) -> str:
    """The canonical text of a saved plan: sorted keys, no spaces, its own checksum inside."""
    body = {"kind": KIND, "format": FORMAT, **CODEC.encode(saved)}
    return json_text.canonical({**body, "checksum": json_text.checksum(body)}) + "\n"


def read(text: str) -> SavedPlan:
    """The saved plan that a text spells. Raises `Unreadable`."""
    try:
        body = json_text.parse(text)
        members = dict(body) if isinstance(body, dict) else {}
        written = members.pop("checksum", None)
        checksum = json_text.checksum(members)
    except (ValueError, RecursionError) as error:
        raise Unreadable(msg("it is not JSON")) from error
    if members.pop("kind", None) != KIND:
        raise Unreadable(msg("it is not a saved plan of reconciler"))
    found = members.pop("format", None)
    if found != FORMAT:
        message = msg(
            "it has format {found}, and this version reads format {format}",
            found=found,
            format=FORMAT,
        )
        raise Unreadable(message)
    if written != checksum:
        raise Unreadable(msg("its checksum does not match: the file was changed or truncated"))
    try:
        saved: SavedPlan = CODEC.decode(SavedPlan, members)
        return saved
    except DecodeError as error:
        raise Unreadable(str(error)) from error


def differences(saved: SavedPlan, plan: Plan) -> tuple[str, ...]:
    """How an apply would differ from the saved plan, one line each; empty if it would not.

    Prices, times and unmanaged objects are not compared (planning#saved-plans).
    """
    before = saved.plan
    found = list(_of_head(before, plan))
    found += _of_rows(
        msg("change"),
        "address",
        serialize.changes_exactly(before),
        serialize.changes_exactly(plan),
    )
    found += _of_rows(
        msg("step"), "key", serialize.steps_exactly(before), serialize.steps_exactly(plan)
    )
    if not found and [step.key for step in before.steps] != [step.key for step in plan.steps]:
        found.append(msg("the order of the steps differs"))
    found += _of_fingerprints(before.fingerprints, plan.fingerprints)
    rest = len(found) - _DIFFERENCES_SHOWN_MAX
    if rest > 0:
        found = [*found[:_DIFFERENCES_SHOWN_MAX], msg("and {count} more", count=rest)]
    return tuple(found)


def _of_head(saved: Plan, plan: Plan) -> list[str]:
    found: list[str] = []
    if (saved.stack, saved.environment) != (plan.stack, plan.environment):
        planned = title_of(saved.stack, saved.environment)
        found.append(
            msg("it is a plan of {planned}, not of {title}", planned=planned, title=plan.title)
        )
    if saved.digest != plan.digest:
        found.append(msg("the stack files have changed since the plan was created"))
    if saved.lineage and saved.lineage != plan.lineage:
        found.append(msg("the plan was created with a different state (its lineage differs)"))
    elif saved.serial != plan.serial:
        found.append(
            msg(
                "the state has changed: serial {now}, planned with {planned}",
                now=plan.serial,
                planned=saved.serial,
            )
        )
    return found


def _of_rows(
    noun: str, key: str, saved: list[dict[str, Any]], now: list[dict[str, Any]]
) -> list[str]:
    before = {str(row[key]): row for row in saved}
    after = {str(row[key]): row for row in now}
    found: list[str] = [
        msg("{noun} {name}: planned, but no longer needed", noun=noun, name=name)
        for name in before
        if name not in after
    ]
    found += [
        msg("{noun} {name}: needed now, but not planned", noun=noun, name=name)
        for name in after
        if name not in before
    ]
    for name, row in before.items():
        if name in after and row != after[name]:
            found += [
                msg("{noun} {name}: {difference}", noun=noun, name=name, difference=line)
                for line in _of_row(row, after[name])
            ]
    return found


def _of_row(row: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    members = [member for member, value in now.items() if row.get(member) != value]
    shown = [member for member in members if member != "fingerprint"]
    return [
        msg("not as planned ({members})", members=", ".join(members)),
        *diff.differences(
            {member: row.get(member) for member in shown}, {member: now[member] for member in shown}
        ),
        *fingerprint.changes(row.get("fingerprint"), now.get("fingerprint")),
    ]


def _of_fingerprints(saved: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        msg("object {id}: it was changed since the plan was created", id=id)
        for id in sorted(saved.keys() | now.keys())
        if saved.get(id) != now.get(id)
    ]
