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
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import SEVERITY_ORDER, Action, Cause, Change, FieldChange, Plan, Step
from reconciler.render import escape, format
from reconciler.render.format import ConsoleName, phrase
from reconciler.render.plan import change_text, plan_rows
from reconciler.render.plan.address_ranges import span
from reconciler.render.plan.change_text import PowerCut, RowContext
from reconciler.render.plan.plan_rows import PlanRow
from reconciler.render.run.screen import Tone
from reconciler.resources import firewall

GROUP_MIN = 3
"""As many equal changes become one row; fewer are as quickly read one by one."""

SHOWN_IN_ROWS = frozenset({"open-to-all"})
"""Codes of warnings that are part of the row of their object."""


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
        _with_names_of_the_file(_explained_once(change, plan.problems), plan)
        for change in plan.changes
        if verbose or change.action is not Action.NONE
    ]
    kept, with_owner = _split_rules(shown)
    dangerous = [change for change in kept if plan_rows.is_dangerous(change)]
    dangerous.sort(key=lambda change: (SEVERITY_ORDER[change.action], change.address.sort_key))
    warned = warned_rows(plan.problems)
    harmless = [change for change in kept if not plan_rows.is_dangerous(change)]
    opened = [change for change in harmless if str(change.address) in warned]
    others = [change for change in harmless if str(change.address) not in warned]

    def rows(changes: Sequence[Change]) -> tuple[PlanRow, ...]:
        found = []
        for change in changes:
            address = change.address
            context = RowContext(left.get(address, {}), cuts.get(address, PowerCut.NONE))
            row = plan_rows.row(change, context)
            row = _with_rules(row, change, with_owner.get(address, ()))
            if str(address) in warned:
                row = _with_warning(row, change, warned[str(address)])
            found.append(row)
        return tuple(found if verbose else _grouped(found, changes))

    drift = phrase("Drift")
    found = (
        Section("attention", phrase("Needs your attention"), rows([*dangerous, *opened])),
        Section("changes", phrase("Changes"), rows([c for c in others if not _is_revert(c)])),
        Section(
            "drift",
            drift,
            rows([change for change in others if _is_revert(change)]),
            phrase(
                "changed outside; this apply reverts it (`reconciler absorb ADDRESS` keeps it "
                "instead)"
            ),
        ),
        Section("left", drift, tuple(map(plan_rows.drift_row, _drift_left(plan))), _note(plan)),
    )
    return tuple(section for section in found if section.rows)


def _with_warning(row: PlanRow, change: Change, warning: Problem) -> PlanRow:
    """The row of a new instance that the whole internet reaches. Without a firewall, the warning
    says all that is open.
    """
    first, *rest = row.parts
    if without_firewall(change):
        rest = [part for part in rest if part not in change_text.opened(change.impact.opens)]
    return replace(row, parts=(first, escape.outside(warning.message), *rest), tone=Tone.CARE)


def without_firewall(change: Change) -> bool:
    """Whether a new instance gets no firewall."""
    membership = resources.all_kinds().of(change.address).membership
    linked = {field.path for field in change.fields if field.after is not None}
    return change.action is Action.CREATE and membership is not None and membership not in linked


def warned_rows(problems: Sequence[Problem]) -> Mapping[str, Problem]:
    """The warnings that are part of a row, by address: that the whole internet reaches a new
    instance.
    """
    return {
        problem.address: problem
        for problem in problems
        if problem.code in SHOWN_IN_ROWS and problem.address is not None
    }


def _note(plan: Plan) -> str:
    """Why drift stays."""
    if not plan.changes:
        return phrase(
            "changed outside; an apply reverts it, `reconciler absorb ADDRESS` keeps it instead"
        )
    if plan.partial:
        return phrase("changed outside, and left by this narrowed plan")
    return phrase("changed outside, and left: it matches the file already, or is ignored")


def power_cuts(steps: Sequence[Step]) -> Mapping[Address, PowerCut]:
    """How an instance is switched off on the way to something else: a stop is a power cut
    (planning#steps), and the plan says so.
    """
    cutting = {
        f"{kind.singular}.{name}"
        for kind in resources.all_kinds().values()
        for name, operation in kind.operations.items()
        if operation.cuts_power
    }
    found: dict[Address, PowerCut] = {}
    for step in steps:
        if step.operation in cutting:
            found[step.address] = PowerCut.ALWAYS
        elif step.fallback is not None and cutting.intersection(step.fallback.operations):
            found.setdefault(step.address, PowerCut.IF_REFUSED)
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


_EXPLAINED = frozenset({"missing-object"})
"""Codes of errors that repeat the reason of a row and add what to do."""


def _explained_once(change: Change, problems: Sequence[Problem]) -> Change:
    """The change that waits for a decision, without the reason that an error explains."""
    if change.action is not Action.DECIDE:
        return change
    address = str(change.address)
    codes = [each.code for each in problems if each.address == address and each.code in _EXPLAINED]
    return replace(change, reason=phrase("see {code}", code=codes[0])) if codes else change


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
    }
    first, *rest = row.parts
    written = ", ".join(
        _rule_text(rule) for rule in rules if not (rule.impact.opens or rule.impact.closes)
    )
    count = format.objects(len(rules), resources.all_kinds().of(rules[0].address))
    shown_once = {escape.outside(firewall.PING_ALLOWED) for traffic in opens if traffic.is_ping}
    own = ", ".join(part for part in first.split(", ") if part not in shown_once)
    with_rules = phrase("[{own}, ]{rules}[ ({written})]", own=own, rules=count, written=written)
    kept = [part for part in rest if part not in replaced]
    return replace(
        row,
        parts=(with_rules, *kept, *change_text.opened(opens), *change_text.closed(closes)),
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
    """Equal changes of the objects of one resource as one row, and so those of the rules of one
    collection, at the place of the first.
    """
    groups: dict[object, list[tuple[int, PlanRow, Change]]] = {}
    for number, (row, change) in enumerate(zip(found, changes, strict=True)):
        groups.setdefault(_equality(row, change), []).append((number, row, change))
    result: list[tuple[int, PlanRow]] = []
    for members in groups.values():
        number, first, change = members[0]
        if len(members) < GROUP_MIN:
            result += [(number, row) for number, row, _ in members]
            continue
        of_rules = _is_of_collection(first, change)
        together = replace(
            first,
            address=span([each.address for _, _, each in members]),
            parts=(
                _parts_of_rules([(row, each) for _, row, each in members])
                if of_rules
                else _parts_of_each(first, change.address)
            ),
            addresses=tuple(text for _, row, _ in members for text in row.addresses),
            alike=len(members),
        )
        result.append((number, together))
    return [row for _, row in sorted(result, key=lambda each: each[0])]


def _equality(row: PlanRow, change: Change) -> object:
    """What equal rows have in common; a dangerous row is equal to no other."""
    address = change.address
    if _is_of_collection(row, change):
        others = _split_parts(row, change)[1]
        return (address.owner, address.rule_key, row.head, others, row.place, row.tone)
    if row.dangerous or address.index is None:
        return row.addresses
    return (
        address.resource,
        address.rule,
        row.head,
        _parts_of_each(row, address),
        row.place,
        row.tone,
    )


def _is_of_collection(row: PlanRow, change: Change) -> bool:
    """Whether a row is about a rule of a collection, and may be shown with others of it."""
    address = change.address
    together = (Action.CREATE, Action.DELETE, Action.IMPORT)
    return not row.dangerous and address.rule != address.rule_key and change.action in together


def _split_parts(row: PlanRow, change: Change) -> tuple[list[str], tuple[str, ...]]:
    """The rule as its row writes it, and the parts of the row that are neither that nor what it
    opens or closes.
    """
    traffic = {
        *change_text.opened(change.impact.opens),
        *change_text.closed(change.impact.closes),
    }
    written = _rule_text(change) if change.action is Action.CREATE else ""
    rest = tuple(part for part in row.parts if part not in traffic)
    return [part for part in rest if part == written], tuple(p for p in rest if p != written)


def _parts_of_rules(members: Sequence[tuple[PlanRow, Change]]) -> tuple[str, ...]:
    """The parts of a row for several rules of one collection: all that they open and close."""
    written = [text for row, change in members for text in _split_parts(row, change)[0]]
    others = _split_parts(*members[0])[1]
    opens = [traffic for _, change in members for traffic in change.impact.opens]
    closes = [traffic for _, change in members for traffic in change.impact.closes]
    first = [", ".join(written)] if written else []
    return (*first, *others, *change_text.opened(opens), *change_text.closed(closes))


def _parts_of_each(row: PlanRow, address: Address) -> tuple[str, ...]:
    """The parts of a row, with its own index or key as `[..]`."""
    text = f"[{address.index}]" if isinstance(address.index, int) else f'["{address.index}"]'
    own = re.escape(escape.outside(text))
    return tuple(re.sub(own, "[..]", part) for part in row.parts)
