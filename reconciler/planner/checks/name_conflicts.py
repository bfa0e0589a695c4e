"""Names that somebody else's object bears already: the cloud allows it, and people mistake the two
(planning#feasibility).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.common.suggestions import spelled
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.plan import Change
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject


def namesakes(seen: Assessment, changes: Mapping[Address, Change]) -> Iterator[Problem]:
    """A warning for each object that is to be made, or to get a name, which an object of nobody
    here bears already.
    """
    desired_value = {
        address: name
        for address, item in seen.items.items()
        if (name := _new_name(item, changes)) is not None
    }
    if not desired_value:
        return
    borne: dict[tuple[str, str], str] = {}
    for kind, live in lost_state.strangers(seen):
        named = live.attributes.get("name")
        if isinstance(named, str):
            borne.setdefault((kind, spelled(named)), live.id)
    for address, name in desired_value.items():
        other, item = borne.get((address.kind, spelled(name))), seen.items[address]
        if other is None or seen.options.accepts("duplicate", str(address)):
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
            hint=msg(
                "give it another `name:` if the two could be confused in the console or in a lookup by name"
            ),
        )


def _new_name(item: ManagedObject, changes: Mapping[Address, Change]) -> str | None:
    if item.address.rule is not None or item.resource is None:
        return None
    if item.disposition is Disposition.CREATE:
        return lost_state.remote_name(item)
    row = changes.get(item.address)
    named = row is not None and any(field.path == "name" for field in row.fields)
    return lost_state.remote_name(item) if named else None
