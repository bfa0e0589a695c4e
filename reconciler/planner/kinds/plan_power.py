"""Steps that turn an instance on or off, and those for which it is down: rebuild and resize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.plan import Fallback, FieldChange, Step
from reconciler.model.resource import Value
from reconciler.planner.compare.assessment import ManagedObject
from reconciler.planner.steps.change_builder import fingerprint, shown_fields
from reconciler.planner.steps.plan_builder import PlanBuilder

RESIZE_FALLBACK = Fallback(
    ("CHECK_PARAM", "IN_USE"),
    ("instance.stop", "instance.resize", "instance.start"),
    restore="instance.start",
)
"""Only if the cloud refuses to resize a running instance (planning#steps); the stop is a power cut
(contract#instances).
"""


def _step(item: ManagedObject, operation: str, target: str | None, **more: Any) -> Step:
    return Step(
        f"{operation} {item.address}",
        item.address,
        operation,
        target=target,
        instances=(target or str(item.address),),
        **more,
    )


def set_power(
    builder: PlanBuilder,
    item: ManagedObject,
    power: str,
    *,
    target: str | None,
    after: tuple[str, ...] = (),
    regardless_of: tuple[str, ...] = (),
) -> str:
    """Turns an instance on or off, as the file asks. `target` is the id of one that exists."""
    live = None if target is None else item.live
    if power == "on":
        operation, expected = "instance.start", shown_fields(builder, live, ("power", "flavor"))
    else:
        operation, expected = "instance.stop", fingerprint(builder, live)
    step = _step(
        item,
        operation,
        target,
        fingerprint=expected,
        applies={"power": power},
        regardless_of=regardless_of,
    )
    return builder.add(
        step,
        provides=[("power", item.address)],
        needs=[("object", item.address)],
        order_only=[("membership", item.address)],
        after=after,
    )


def start_again(builder: PlanBuilder, item: ManagedObject, disrupted: tuple[str, ...]) -> None:
    """Starts an instance that an earlier run has stopped, after what is done while it is off,
    whether that succeeds or fails.
    """
    step = _step(item, "instance.start", item.live_id, regardless_of=disrupted)
    if step.key not in builder.steps:
        builder.add(step, provides=[("power", item.address)], after=disrupted)


def disrupt(
    builder: PlanBuilder,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    changed: Mapping[str, FieldChange],
) -> tuple[str, ...]:
    """Rebuilds, then resizes. Returns the keys after which the power may be changed."""
    keys: tuple[str, ...] = ()
    if "image" in changed:
        keys = (_change(builder, item, "instance.rebuild", {"image": wanted["image"]}, ()),)
    if "flavor" in changed:
        keys = (*keys, *_resize(builder, item, {"flavor": wanted["flavor"]}, keys))
    return keys


def _change(
    builder: PlanBuilder,
    item: ManagedObject,
    operation: str,
    inputs: Mapping[str, Value],
    after: tuple[str, ...],
    fallback: Fallback | None = None,
) -> str:
    step = _step(
        item,
        operation,
        item.live_id,
        inputs=inputs,
        fallback=fallback,
        fingerprint=fingerprint(builder, item.live),
        applies=inputs,
    )
    return builder.add(step, after=after)


def _resize(
    builder: PlanBuilder, item: ManagedObject, inputs: Mapping[str, Value], after: tuple[str, ...]
) -> tuple[str, ...]:
    """A resize, with a stop before and a start after it if the file asks for that."""
    running = item.runs and item.wanted.get("power") != "off"
    lifecycle = item.resource.lifecycle if item.resource is not None else None
    if not running or lifecycle is None or lifecycle.resize != "stop_first":
        # The fallback begins with a stop and ends with a start: it is not for an instance that must
        # be off, nor for one that is protected from a stop.
        fallback = RESIZE_FALLBACK if running and "stop" not in item.protect else None
        return (_change(builder, item, "instance.resize", inputs, after, fallback),)
    expected = fingerprint(builder, item.live)
    stop = _step(item, "instance.stop", item.live_id, fingerprint=expected)
    stopped = builder.add(stop, after=after)
    resized = _change(builder, item, "instance.resize", inputs, (*after, stopped))
    start = _step(item, "instance.start", item.live_id, regardless_of=(resized,))
    return (resized, builder.add(start, after=(resized, stopped)))
