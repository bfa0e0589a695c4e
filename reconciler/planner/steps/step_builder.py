"""The steps that every kind has: create, update and delete of one object, as its table says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Value
from reconciler.model.resource_type import CREATE, DELETE, UPDATE
from reconciler.model.state import Phase
from reconciler.planner.compare.assessment import ManagedObject
from reconciler.planner.steps.change_builder import fingerprint, shown_fields
from reconciler.planner.steps.plan_builder import PlanBuilder


def only_at_create(builder: PlanBuilder, item: ManagedObject) -> dict[str, Value]:
    """The values that count only when an object is created: default names, schema defaults."""
    if item.resource is None:
        return {}
    return {
        name: builder.resolver.value(item.address, value)
        for name, value in item.resource.at_create.items()
    }


def create_step(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    *,
    apart: Collection[str] = (),
    deposes: bool = False,
    instances: tuple[str, ...] = (),
) -> Step:
    """The create of an object. Fields of `apart` are set by steps of their own. With `deposes` it
    is the successor of the live object, which must still be as planned.
    """
    operation = item.kind.operation_name(CREATE)
    sent = {
        name: value for name, value in wanted.items() if name not in apart and value is not None
    }
    return Step(
        f"{operation} {item.address}",
        item.address,
        operation,
        inputs={**only_at_create(builder, item), **sent},
        instances=instances,
        fingerprint=fingerprint(builder, item.live) if deposes else EMPTY,
        deposes=deposes,
        applies=dict(wanted),
    )


def update_step(
    builder: PlanBuilder, item: ManagedObject, changed: Mapping[str, Value], **more: Value
) -> Step:
    """The edit of the fields that an object changes in place. `more` are values that the API wants
    in every edit; all that it replaces must still be as planned. What the file does not contain,
    the text of the owner, is not recorded.
    """
    operation = item.kind.operation_name(UPDATE)
    inputs = {**more, **changed}
    return Step(
        f"{operation} {item.address}",
        item.address,
        operation,
        target=item.live_id,
        inputs=inputs,
        instances=_exclusive(item),
        fingerprint=shown_fields(builder, item.live, inputs),
        applies={
            name: value
            for name, value in changed.items()
            if name in item.wanted and (value is None or item.wanted[name] is not None)
        },
    )


def delete_step(builder: PlanBuilder, item: ManagedObject, *, deposed: bool = False) -> Step:
    """The delete of the live object. With `deposed` its successor exists by then, so its id is part
    of the key.
    """
    operation = item.kind.operation_name(DELETE)
    return Step(
        f"{operation} {item.address} {item.live_id}" if deposed else f"{operation} {item.address}",
        item.address,
        operation,
        target=item.live_id,
        instances=_exclusive(item),
        fingerprint=fingerprint(builder, item.live),
        deposed=deposed,
    )


def _exclusive(item: ManagedObject) -> tuple[str, ...]:
    """The id of an object on which one thing is done at a time."""
    return (item.live_id,) if item.kind.power is not None else ()


def is_being_deleted(item: ManagedObject) -> bool:
    """Whether an earlier run deletes the object: that was consented to, and cannot be stopped."""
    return item.entry is not None and item.entry.phase is Phase.DELETING


def is_delete_first(item: ManagedObject) -> bool:
    """Whether a replacement deletes the old object before it creates the new one: as the file asks,
    or because an earlier run deletes it already.
    """
    if is_being_deleted(item):
        return True
    return item.resource is not None and item.resource.lifecycle.replace == "delete_first"
