"""Equal names: of two objects of the stack, or of one of the stack and one that is not part of it.
The cloud allows them, and people confuse the two (planning#feasibility).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.common.suggestions import pasted, spelled
from reconciler.common.text import Text, joined, msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.plan import Change
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject


def within_stack(assessment: Assessment) -> Iterator[Problem]:
    """Two objects of a kind with one name: an error if one of them is to be created, a warning if
    both exist (stack-files#remote-names).
    """
    by_name: dict[tuple[str, str], list[ManagedObject]] = {}
    for item in assessment.items.values():
        if item.resource is None or item.kind.owner is not None:
            continue
        default = item.resource.at_create.get("name") if item.entry is None else None
        name = item.wanted.get("name", default)
        if name is None and item.live is not None:
            name = item.live.attributes.get("name")
        if isinstance(name, str):
            by_name.setdefault((item.kind.name, name), []).append(item)
    for (_, name), items in sorted(by_name.items()):
        if len(items) < 2:
            continue
        report = error if any(item.disposition is Disposition.CREATE for item in items) else warning
        addresses = joined(msg(" and "), [str(item.address) for item in items])
        yield report(
            "duplicate-name",
            msg("{addresses} have the same name {name!r}", addresses=addresses, name=name),
            place=items[-1].resource.place if items[-1].resource else None,
            address=str(items[-1].address),
            hint=msg("give one of them another `name:`"),
        )


def with_others(assessment: Assessment, changes: Mapping[Address, Change]) -> Iterator[Problem]:
    """A warning for each object to be created or renamed whose new name belongs to an object that
    is not part of the stack.
    """
    names = {
        address: name
        for address, item in assessment.items.items()
        if (name := _new_name(item, changes)) is not None
    }
    if not names:
        return
    taken: dict[tuple[str, str], str] = {}
    for kind, live in lost_state.unowned_objects(assessment):
        named = live.attributes.get("name")
        if isinstance(named, str):
            taken.setdefault((kind, spelled(named)), live.id)
    for address, name in names.items():
        other, item = taken.get((address.kind, spelled(name))), assessment.items[address]
        if other is None or assessment.options.accepts("duplicate", str(address)):
            continue
        place = (
            None if item.resource is None else item.resource.places.get("name", item.resource.place)
        )
        yield warning(
            "duplicate-name",
            msg(
                "{other}, which is not part of this stack, has the same name {name!r}",
                other=other,
                name=name,
            ),
            place=place,
            address=str(address),
            hint=_ways_out(item, other, assessment.options.command),
        )


def _ways_out(item: ManagedObject, other: str, command: str) -> Text:
    """What to do about another object that has the name of an object of the stack."""
    consent = pasted(f"duplicate={item.address}")
    if item.disposition is not Disposition.CREATE:
        return msg(
            "give it another `name:`\n"
            "or accept that the two have the same name: {command} --accept {consent}",
            command=command,
            consent=consent,
        )
    return msg(
        "if {id} belongs to this stack: reconciler import {address} {id}\n"
        "else give it another `name:`\n"
        "or accept that the two have the same name: {command} --accept {consent}",
        address=pasted(item.address),
        id=other,
        command=command,
        consent=consent,
    )


def _new_name(item: ManagedObject, changes: Mapping[Address, Change]) -> str | None:
    if item.address.rule is not None or item.resource is None:
        return None
    if item.disposition is Disposition.CREATE:
        return lost_state.remote_name(item)
    row = changes.get(item.address)
    named = row is not None and any(field.path == "name" for field in row.fields)
    return lost_state.remote_name(item) if named else None
