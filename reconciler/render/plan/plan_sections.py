"""The rows of a plan in reading order: dangerous changes, other changes, drift.

The same rows make up the plan, the progress of its run, and the summary after it. Equal changes of
one resource become one row. What needs consent or a decision, or removes something, always keeps a
row of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.plan import SEVERITY_ORDER, Action, Cause, Change, FieldChange, Plan, Step
from reconciler.render import escape, format
from reconciler.render.format import ConsoleName, phrase
from reconciler.render.plan import change_text, plan_rows
from reconciler.render.plan.address_ranges import span
from reconciler.render.plan.change_text import RowContext
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.resources import firewall

GROUP_MIN = 3
"""As many equal changes become one row; fewer are as quickly read one by one."""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title. `drift` is what an apply reverts, `left` the drift that stays; `note`
    says so.
    """

    name: Literal["attention", "changes", "drift", "left"]
    title: str
    rows: tuple[PlanRow, ...]
    note: str = ""


def sections(plan: Plan, *, verbose: bool = False) -> tuple[Section, ...]:
    """The sections that have rows. `verbose`: equal rows stay separate, and unchanged objects have
    rows too.
    """
    left = {
        change.address: {field.path: field.before for field in change.fields}
        for change in plan.drift
    }
    cuts = power_cuts(plan.steps)
    shown = [
        _with_names_of_the_file(change, plan)
        for change in plan.changes
        if verbose or change.action is not Action.NONE
    ]
    kept, with_owner = _split_rules(shown)
    dangerous = [change for change in kept if plan_rows.is_dangerous(change)]
    dangerous.sort(key=lambda change: (SEVERITY_ORDER[change.action], change.address.sort_key))
    harmless = [change for change in kept if not plan_rows.is_dangerous(change)]

    def rows(changes: Sequence[Change]) -> tuple[PlanRow, ...]:
        found = []
        for change in changes:
            address = change.address
            context = RowContext(left.get(address, {}), cuts.get(address, ""))
            row = plan_rows.row(change, context)
            found.append(_with_rules(row, change, with_owner.get(address, ())))
        return tuple(found if verbose else _grouped(found, changes))

    drift = phrase("Drift")
    found = (
        Section("attention", phrase("Attention"), rows(dangerous)),
        Section("changes", phrase("Changes"), rows([c for c in harmless if not _is_revert(c)])),
        Section(
            "drift",
            drift,
            rows([change for change in harmless if _is_revert(change)]),
            phrase("changed outside: this apply reverts it; or absorb ADDRESS, or ignore"),
        ),
        Section("left", drift, tuple(map(plan_rows.drift_row, _drift_left(plan))), _note(plan)),
    )
    return tuple(section for section in found if section.rows)


def _note(plan: Plan) -> str:
    """Why drift stays."""
    if not plan.changes:
        return phrase("changed outside: absorb ADDRESS, or apply to revert, or ignore")
    if plan.partial:
        return phrase("changed outside, and left by this narrowed plan")
    return phrase("changed outside, and left: it matches the file already, or is ignored")


def power_cuts(steps: Sequence[Step]) -> Mapping[Address, str]:
    """How an instance is switched off on the way to something else: a stop is a power cut
    (planning#steps), and the plan says so.
    """
    cutting = {
        f"{kind.singular}.{name}"
        for kind in resources.all_kinds().values()
        for name, operation in kind.operations.items()
        if operation.cuts_power
    }
    found: dict[Address, str] = {}
    for step in steps:
        if step.operation in cutting:
            found[step.address] = phrase("by a power cut")
        elif step.fallback is not None and cutting.intersection(step.fallback.operations):
            found.setdefault(step.address, phrase("power cut if refused"))
    return found


def _is_revert(change: Change) -> bool:
    """Whether a change only takes back what somebody changed outside."""
    return (
        change.action is Action.UPDATE
        and bool(change.fields)
        and all(field.cause is Cause.OUTSIDE for field in change.fields)
    )


def _drift_left(plan: Plan) -> Iterator[Change]:
    """The drift that no change reverts: each difference is shown once."""
    taken = {(change.address, field.path) for change in plan.changes for field in change.fields}
    whole = {
        change.address
        for change in plan.changes
        if change.action in (Action.CREATE, Action.DELETE, Action.REPLACE)
    }
    for change in plan.drift:
        fields = tuple(
            field for field in change.fields if (change.address, field.path) not in taken
        )
        if change.address not in whole and (fields or not change.fields):
            yield replace(change, fields=fields)


def _with_names_of_the_file(change: Change, plan: Plan) -> Change:
    address = str(change.address)
    return named(change, plan.former_lookups.get(address, {}), plan.lookups.get(address, {}))


def named(change: Change, *pins: Mapping[str, Mapping[str, str]]) -> Change:
    """The change with ids of the catalog replaced by what the file calls them, or called them:
    `ubuntu 22.04` for an image.

    `pins` are lookups with their results: field to text to id.
    """
    if not any(pins):
        return change
    names = {
        (name, id): ConsoleName(format.pinned_name(text))
        for each in pins
        for name, found in each.items()
        for text, id in found.items()
    }

    def name_of(path: str, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return tuple(name_of(path, part) for part in value)
        return names.get((path, value), value) if isinstance(value, str) else value

    def of_field(field: FieldChange) -> FieldChange:
        after = field.after if field.known_after_apply else name_of(field.path, field.after)
        return replace(field, before=name_of(field.path, field.before), after=after)

    return replace(change, fields=tuple(map(of_field, change.fields)))


# Rules that are created or deleted with their firewall
# ------------------------------------------------------------------------------------------------


def _split_rules(changes: Sequence[Change]) -> tuple[list[Change], dict[Address, list[Change]]]:
    """Rules that are created or deleted with their whole firewall go into its row; one that needs
    consent keeps its own.
    """
    whole = {
        change.address: change.action
        for change in changes
        if change.action in (Action.CREATE, Action.DELETE)
    }
    kept: list[Change] = []
    with_owner: dict[Address, list[Change]] = {}
    for change in changes:
        owner = change.address.owner
        if (
            change.address.rule is not None
            and whole.get(owner) is change.action
            and not change.impact.consents
        ):
            with_owner.setdefault(owner, []).append(change)
        else:
            kept.append(change)
    return kept, with_owner


def _with_rules(row: PlanRow, change: Change, rules: Sequence[Change]) -> PlanRow:
    """The row of a firewall with its rules, each thing once: the traffic that a rule opens or
    closes, else the rule as it is written.
    """
    if not rules:
        return row
    every = (change, *rules)
    opens = [traffic for each in every for traffic in each.impact.opens]
    closes = [traffic for each in every for traffic in each.impact.closes]
    replaced = {
        *change_text.opened(change.impact.opens),
        *change_text.closed(change.impact.closes),
        *([firewall.PING_ALLOWED] if any(traffic.is_ping for traffic in opens) else ()),
    }
    kept = [part for part in row.parts if part not in replaced]
    if change.action is Action.CREATE and kept[:1] == [escape.outside(change.reason)]:
        kept = kept[1:]
    written = ", ".join(
        _rule_text(rule) for rule in rules if not (rule.impact.opens or rule.impact.closes)
    )
    count = format.objects(len(rules), resources.all_kinds().of(rules[0].address))
    with_rules = phrase("with {rules}[: {written}]", rules=count, written=written)
    return replace(
        row,
        parts=(*kept, with_rules, *change_text.opened(opens), *change_text.closed(closes)),
        addresses=(*row.addresses, *(str(rule.address) for rule in rules)),
    )


def _rule_text(rule: Change) -> str:
    if rule.action is not Action.CREATE:
        return escape.outside(rule.address.rule)
    kind = resources.all_kinds().of(rule.address)
    return change_text.new_object(kind, {field.path: field for field in rule.fields})


# Equal changes
# ------------------------------------------------------------------------------------------------


def _grouped(found: Sequence[PlanRow], changes: Iterable[Change]) -> list[PlanRow]:
    """Equal changes of the objects of one resource as one row, at the place of the first."""
    groups: dict[object, list[tuple[int, PlanRow, Address]]] = {}
    for number, (row, change) in enumerate(zip(found, changes, strict=True)):
        groups.setdefault(_equality(row, change), []).append((number, row, change.address))
    result: list[tuple[int, PlanRow]] = []
    for members in groups.values():
        number, first, address = members[0]
        if len(members) < GROUP_MIN:
            result += [(number, row) for number, row, _ in members]
            continue
        together = replace(
            first,
            address=span([address for _, _, address in members]),
            parts=_parts_of_each(first, address),
            addresses=tuple(text for _, row, _ in members for text in row.addresses),
            alike=len(members),
        )
        result.append((number, together))
    return [row for _, row in sorted(result, key=lambda each: each[0])]


def _equality(row: PlanRow, change: Change) -> object:
    """What equal rows have in common; a row that needs attention is equal to no other."""
    address = change.address
    if row.dangerous or address.index is None:
        return row.addresses
    return (
        address.resource,
        address.rule,
        row.symbol,
        _parts_of_each(row, address),
        row.place,
        row.cause,
        row.tone,
    )


def _parts_of_each(row: PlanRow, address: Address) -> tuple[str, ...]:
    """The parts of a row, with its own index or key as `[..]`."""
    text = f"[{address.index}]" if isinstance(address.index, int) else f'["{address.index}"]'
    own = re.escape(escape.outside(text))
    return tuple(re.sub(own, "[..]", part) for part in row.parts)
