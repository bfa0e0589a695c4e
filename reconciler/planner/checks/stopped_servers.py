"""Instances that are off and that a plan does not start: an earlier run stopped them in the middle
of a change, or somebody switched them off outside and their power is not managed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.common.timing import kst
from reconciler.model.diagnostics import Problem, notice, warning
from reconciler.model.plan import Step
from reconciler.model.resource import Account, LiveResource, Resource, Stack
from reconciler.model.state import SWITCHED_OFF, Entry, State
from reconciler.planner.compare.assessment import Assessment
from reconciler.resources import instance as instance_kind


def problems(assessment: Assessment, steps: Sequence[Step]) -> Iterator[Problem]:
    """All kinds, each with an address."""
    yield from _left_off(assessment, steps)
    yield from _switched_off(assessment, steps)
    yield from _started_again(assessment, steps)


def _left_off(assessment: Assessment, steps: Sequence[Step]) -> Iterator[Problem]:
    """A warning for each of them that is neither started nor deleted: held back, left out of the
    plan, or forgotten.
    """
    handled = {
        str(step.address)
        for step in steps
        if step.operation in (instance_kind.START, instance_kind.DELETE)
    }
    for address, item in assessment.items.items():
        off = (
            item.entry is not None
            and item.entry.stopped
            and item.live is not None
            and item.live.attributes.get("power") == "off"
        )
        if off and str(address) not in handled and item.wanted.get("power") != "off":
            message = msg(
                "{address} is powered off: an earlier run stopped it, and this plan does not "
                "start it",
                address=address,
            )
            yield warning(
                "stays-off",
                message,
                address=str(address),
                hint=msg(
                    "start it with `reconciler server start {address}`, or finish the earlier "
                    "change with an apply",
                    address=pasted(address),
                ),
            )


def _switched_off(assessment: Assessment, steps: Sequence[Step]) -> Iterator[Problem]:
    """A notice for each instance that is off, that no run stopped, and whose power the file does
    not manage, unless the plan starts or deletes it.
    """
    handled = {
        str(step.address)
        for step in steps
        if step.operation in (instance_kind.START, instance_kind.DELETE)
    }
    for address, item in assessment.items.items():
        if str(address) not in handled and _is_off(item.resource, item.entry, item.live):
            yield _notice(str(address), _since(assessment.state, item.live))


def _started_again(assessment: Assessment, steps: Sequence[Step]) -> Iterator[Problem]:
    """A notice for each instance that `server stop` switched off and that the plan starts."""
    for step in steps:
        item = assessment.items.get(step.address)
        if item is None or step.operation != instance_kind.START:
            continue
        since = _since(assessment.state, item.live)
        if since is not None:
            yield notice(
                "powered-off",
                msg(
                    "{address} is powered off since `server stop` on {since}; this plan starts it",
                    address=step.address,
                    since=since,
                ),
                address=str(step.address),
                hint=msg("write `power: off` in the file to keep it off"),
            )


def _since(state: State | None, live: LiveResource | None) -> str | None:
    """When `server stop` switched an instance off, None if it did not, or if the instance was
    started since.
    """
    if state is None or live is None or live.attributes.get("power") != "off":
        return None
    second = state.facts.get(SWITCHED_OFF + live.id, "")
    return kst(int(second)) if second.isdecimal() else None


def by_lists(stack: Stack, state: State | None, account: Account) -> Iterator[Problem]:
    """The same without a plan: by the file, the state and the list of instances."""
    entries = {} if state is None else state.entries
    for address, resource in stack.resources.items():
        entry = entries.get(str(address))
        live = None if entry is None else account.find(entry.kind, entry.id)
        if _is_off(resource, entry, live):
            yield _notice(str(address), _since(state, live))


def _is_off(resource: Resource | None, entry: Entry | None, live: LiveResource | None) -> bool:
    return (
        resource is not None
        and entry is not None
        and live is not None
        and live.attributes.get("power") == "off"
        and "power" not in resource.attributes
        and not entry.stopped
    )


def _notice(address: str, since: str | None) -> Problem:
    text = msg(
        "{address} is powered off: it was switched off outside, and its `power` is not managed",
        address=address,
    )
    if since is not None:
        text = msg(
            "{address} is powered off since `server stop` on {since}, and its `power` is not "
            "managed",
            address=address,
            since=since,
        )
    hint = msg(
        "start it with `reconciler server start {address}`, or write `power: on` in the file and "
        "apply",
        address=pasted(address),
    )
    return notice("powered-off", text, address=address, hint=hint)
