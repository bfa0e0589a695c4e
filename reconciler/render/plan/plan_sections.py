"""The rows of a plan in the order in which they are read: what is dangerous, the other changes,
drift.

The same rows are the plan, the progress of its run and the summary after it. Equal changes of one
resource become one row; what needs consent or a decision, or takes something away, always keeps a
row of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.plan import GRAVITY, Action, Cause, Change, FieldChange, Plan, Step
from reconciler.render import escape, format
from reconciler.render.format import UserText
from reconciler.render.plan import change_text, plan_rows
from reconciler.render.plan.address_ranges import span
from reconciler.render.plan.change_text import RowContext
from reconciler.render.plan.plan_rows import PlanRow

GROUP_MIN = 3
"""As many equal changes become one row; fewer are as quickly read one by one."""

_DRIFT_REVERTED = "DRIFT   changed outside: this apply reverts it; or absorb ADDRESS, or ignore"
_DRIFT_LEFT = "DRIFT   changed outside, and left: it matches the file already, or is ignored"
_DRIFT_NARROWED = "DRIFT   changed outside, and left by this narrowed plan"
_DRIFT_ALONE = "DRIFT   changed outside: absorb ADDRESS, or apply to revert, or ignore"


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title. `name` is `attention`, `changes`, `drift` (reverted by an apply) or
    `left` (drift that stays).
    """

    name: str
    title: str
    rows: tuple[PlanRow, ...]


def sections(plan: Plan, *, verbose: bool = False) -> tuple[Section, ...]:
    """The sections that have rows. With `verbose` nothing is put together, and untouched objects
    have rows too.
    """
    left = {
        change.address: {field.path: field.before for field in change.fields}
        for change in plan.drift
    }
    cuts = power_cuts(plan.steps)
    called = [
        _called_as_in_the_file(change, plan)
        for change in plan.changes
        if verbose or change.action is not Action.NONE
    ]
    kept, with_owner = _part_rules(called)
    attention: list[Change] = []
    reverts: list[Change] = []
    others: list[Change] = []
    for change in kept:
        if plan_rows.is_dangerous(change):
            attention.append(change)
        else:
            (reverts if _is_revert(change) else others).append(change)
    attention.sort(key=lambda change: (GRAVITY[change.action], change.address.sort_key))

    def shown(changes: Iterable[Change]) -> list[PlanRow]:
        found = []
        for change in changes:
            beside = RowContext(left.get(change.address, {}), cuts.get(change.address, ""))
            found.append(
                _with_rules(
                    plan_rows.row(change, beside), change, with_owner.get(change.address, ())
                )
            )
        return found if verbose else _grouped(found, changes)

    dismissed = tuple(plan_rows.drift_row(change) for change in _left_alone(plan))
    found = (
        Section("attention", "ATTENTION", tuple(shown(attention))),
        Section("changes", "CHANGES", tuple(shown(others))),
        Section("drift", _DRIFT_REVERTED, tuple(shown(reverts))),
        Section("left", _title_of_the_left(plan), dismissed),
    )
    return tuple(section for section in found if section.rows)


def power_cuts(steps: Sequence[Step]) -> Mapping[Address, str]:
    """How a server is switched off on the way to something else: a stop is a power cut
    (planning#steps), and the plan says so.
    """
    found: dict[Address, str] = {}
    for step in steps:
        if step.operation == "instance.stop":
            found[step.address] = "by a power cut"
        elif step.fallback is not None and "instance.stop" in step.fallback.operations:
            found.setdefault(step.address, "power cut if refused")
    return found


def _is_revert(change: Change) -> bool:
    """Whether a change only puts back what somebody else changed."""
    return (
        change.action is Action.UPDATE
        and bool(change.fields)
        and all(field.cause is Cause.OUTSIDE for field in change.fields)
    )


def _title_of_the_left(plan: Plan) -> str:
    if not plan.changes:
        return _DRIFT_ALONE
    return _DRIFT_NARROWED if plan.partial else _DRIFT_LEFT


def _left_alone(plan: Plan) -> list[Change]:
    """The drift that no change takes up: each difference is told once."""
    taken = {(change.address, field.path) for change in plan.changes for field in change.fields}
    whole = {
        change.address
        for change in plan.changes
        if change.action in (Action.CREATE, Action.DELETE, Action.REPLACE)
    }
    found = []
    for change in plan.drift:
        fields = tuple(
            field for field in change.fields if (change.address, field.path) not in taken
        )
        if change.address not in whole and (fields or not change.fields):
            found.append(replace(change, fields=fields))
    return found


def _called_as_in_the_file(change: Change, plan: Plan) -> Change:
    address = str(change.address)
    return named(change, plan.former_lookups.get(address, {}), plan.lookups.get(address, {}))


def named(change: Change, *pins: Mapping[str, Mapping[str, str]]) -> Change:
    """The change with ids of the catalogue as the file calls them, or called them: `ubuntu 22.04`
    for an image found by that.

    `pins` are lookups with what they gave: field to text to id.
    """
    if not any(pins):
        return change
    called = {
        (name, id): _called(text)
        for each in pins
        for name, found in each.items()
        for text, id in found.items()
    }

    def name_of(path: str, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return tuple(name_of(path, part) for part in value)
        return called.get((path, value), value) if isinstance(value, str) else value

    def of_field(field: FieldChange) -> FieldChange:
        after = field.after if field.known_after_apply else name_of(field.path, field.after)
        return replace(field, before=name_of(field.path, field.before), after=after)

    return replace(change, fields=tuple(map(of_field, change.fields)))


def _called(text: str) -> UserText:
    """What a pin's text (`os:ubuntu:22.04`, `any:deploy`) says to people."""
    return UserText(text.partition(":")[2].replace(":", " "))


# Rules that come or go with their firewall
# ----------------------------------------------------------------------------------------


def _part_rules(changes: Sequence[Change]) -> tuple[list[Change], dict[Address, list[Change]]]:
    """Rules that come or go with their whole firewall are told in its line; one that needs consent
    keeps its own.
    """
    whole = {
        change.address: change.action
        for change in changes
        if change.action in (Action.CREATE, Action.DELETE)
    }
    kept: list[Change] = []
    parted: dict[Address, list[Change]] = {}
    for change in changes:
        owner = change.address.owner
        if (
            change.address.rule is not None
            and whole.get(owner) is change.action
            and not change.impact.consents
        ):
            parted.setdefault(owner, []).append(change)
        else:
            kept.append(change)
    return kept, parted


def _with_rules(row: PlanRow, change: Change, rules: Sequence[Change]) -> PlanRow:
    """The row of a firewall with what its rules say in it, each thing once: what is opened, else
    the rule as it is written.
    """
    if not rules:
        return row
    plain = []
    for rule in rules:
        impact = rule.impact
        if not (impact.opens or impact.closes):
            fields = {field.path: field for field in rule.fields}
            plain.append(
                change_text.made("rules", fields)
                if rule.action is Action.CREATE
                else escape.outside(rule.address.rule)
            )
    opens, closes = list(change.impact.opens), list(change.impact.closes)
    for rule in rules:
        opens, closes = [*opens, *rule.impact.opens], [*closes, *rule.impact.closes]
    own = {
        *change_text.opened("opens", change.impact.opens),
        *change_text.opened("closes", change.impact.closes),
    }
    counted = f"with {format.count(len(rules), 'rule')}" + (
        f": {', '.join(plain)}" if plain else ""
    )
    told_as_opened = "ping allowed" if any(line.startswith("ping") for line in opens) else None
    kept = [part for part in row.what if part not in own and part != told_as_opened]
    if change.action is Action.CREATE and kept[:1] == [escape.outside(change.reason)]:
        kept = kept[1:]
    what = (
        *kept,
        counted,
        *change_text.opened("opens", opens),
        *change_text.opened("closes", closes),
    )
    return replace(
        row, what=what, stands_for=(*row.stands_for, *(str(rule.address) for rule in rules))
    )


# Equal changes
# --------------------------------------------------------------------------------------------------------------------


def _grouped(found: Sequence[PlanRow], changes: Iterable[Change]) -> list[PlanRow]:
    """Equal changes of the instances of one resource as one row, at the place of the first."""
    groups: dict[object, list[tuple[PlanRow, Address]]] = {}
    for row, change in zip(found, changes, strict=True):
        groups.setdefault(_alike(row, change), []).append((row, change.address))
    result = []
    for members in groups.values():
        if len(members) < GROUP_MIN:
            result += members
        else:
            first, address = members[0]
            addresses = [address for _, address in members]
            what = (f"{len(members)} alike", *_what_of_each(first, address))
            stands_for = tuple(text for row, _ in members for text in row.stands_for)
            result.append(
                (replace(first, address=span(addresses), what=what, stands_for=stands_for), address)
            )
    place = {row.stands_for[0]: number for number, row in enumerate(found)}
    return sorted((row for row, _ in result), key=lambda row: place[row.stands_for[0]])


def _alike(row: PlanRow, change: Change) -> object:
    """What rows have in common that may be put together; nothing that needs attention is."""
    address = change.address
    if row.dangerous or address.index is None:
        return row.stands_for
    return (
        address.resource,
        address.rule,
        row.symbol,
        _what_of_each(row, address),
        row.place,
        row.cause,
        row.tone,
    )


def _what_of_each(row: PlanRow, address: Address) -> tuple[str, ...]:
    """What a row says, with its own index or key as `[..]`."""
    own = re.escape(
        escape.outside(
            f"[{address.index}]" if isinstance(address.index, int) else f'["{address.index}"]'
        )
    )
    return tuple(re.sub(own, "[..]", part) for part in row.what)
