"""Steps of deposed objects: what an earlier replacement left behind is deleted when its successor
is ready and what was attached to it has moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Change, Reason, ReasonKind, Step, reason_kind
from reconciler.model.resource import Link, LiveResource
from reconciler.model.resource_type import DELETE, DETACH, deletes
from reconciler.model.state import Deposed, Phase, StateChange
from reconciler.planner.compare import unsettled
from reconciler.planner.steps.attached_block_storages import (
    block_storages_on,
    foreign_block_storage,
    foreign_block_storages,
)
from reconciler.planner.steps.change_builder import fingerprint
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import block_storage as storage_kind


def records(builder: PlanBuilder) -> Iterator[StateChange]:
    """Takes the deposed objects that are gone out of the state: our delete was acknowledged, or a
    person said that they are gone.
    """
    assessment = builder.assessment
    for old, live in assessment.deposed():
        if live is None and old.kind in assessment.account.complete and _is_gone(builder, old):
            yield StateChange(remove_deposed=old.id)


def _is_gone(builder: PlanBuilder, old: Deposed) -> bool:
    options = builder.assessment.options
    proved = old.phase is Phase.DELETING and old.id not in options.unproved
    return not _is_unsettled(builder, old) and (proved or options.accepts("gone", old.address))


def _is_unsettled(builder: PlanBuilder, old: Deposed) -> bool:
    """Whether the outcome of its delete is unknown: then its address is reported for that."""
    open_deletes = (
        intent for intent, result in builder.assessment.state.open.values() if result != "accepted"
    )
    return any(intent.target == old.id and deletes(intent.operation) for intent in open_deletes)


def report_missing(builder: PlanBuilder, old: Deposed) -> None:
    """Reports a deposed object that the account does not list, unless it is proved gone
    (safety#absence).
    """
    if _is_gone(builder, old) or _is_unsettled(builder, old):
        return
    what = msg("{id}, which {address} has replaced", id=old.id, address=old.address)
    if old.phase is not Phase.DELETING:
        message = msg(
            "{what}, is missing from the account's list, and reconciler did not delete it",
            what=what,
        )
        hint = msg("if it is gone: --accept {consent}", consent=pasted(f"gone={old.address}"))
        builder.problems.append(error("missing-object", message, address=old.address, hint=hint))
    elif old.kind in builder.assessment.account.complete:
        builder.problems.append(
            unsettled.not_proved_gone(old.address, what, builder.assessment.options)
        )


def delete(builder: PlanBuilder, address: Address, old: Deposed, live: LiveResource) -> None:
    """Adds the delete of a deposed object, unless this plan has it already."""
    kind = builder.assessment.kinds[old.kind]
    key = f"{kind.operation_name(DELETE)} {address} {old.id}"
    if key in builder.steps:
        return
    if foreign := foreign_block_storages(builder, live):
        builder.problems.append(foreign_block_storage(address, live.id, foreign))
        return
    owner = live.attributes.get(kind.attachment) if kind.attachment is not None else None
    detached = []
    if owner is not None:
        operation = kind.operation_name(DETACH)
        step = Step(
            f"{operation} {address} {old.id}",
            address,
            operation,
            target=old.id,
            inputs={str(kind.attachment): owner},
            instances=(str(owner),),
            fingerprint=fingerprint(builder, live),
            deposed=True,
        )
        detached.append(builder.add(step))
    step = Step(
        key,
        address,
        kind.operation_name(DELETE),
        target=old.id,
        instances=(old.id,) if kind.power is not None else (),
        fingerprint=fingerprint(builder, live),
        deposed=True,
    )
    builder.add(
        step,
        provides=[("removed", address)],
        needs=[(node, address) for node in ("object", "membership", "power")],
        after=(*detached, *_arrivals(builder, address)),
    )
    _block_storages_leave_first(builder, old.id, key)
    reason = Reason.of(ReasonKind.DEPOSED, id=old.id)
    change = builder.changes.get(address)
    if change is None or change.action is Action.NONE:
        builder.unchanged -= 1 if change is not None else 0
        place = change.place if change is not None else None
        builder.changes[address] = Change(
            address, Action.DELETE, reason, place=place, deposed=(old.id,)
        )
        return
    reasons: str = reason
    if change.reason:
        reasons = msg("{reason}; {deposed}", reason=change.reason, deposed=reason)
        if reason_kind(change.reason) is ReasonKind.DEPOSED:
            reasons = Reason.worded(ReasonKind.DEPOSED, reasons)
    builder.changes[address] = replace(change, reason=reasons, deposed=(*change.deposed, old.id))


def _arrivals(builder: PlanBuilder, address: Address) -> tuple[str, ...]:
    """The steps that attach block storage to the successor."""
    attaches = (step for step in builder.steps.values() if step.operation == storage_kind.ATTACH)
    return tuple(step.key for step in attaches if Link(address) in step.inputs.values())


def _block_storages_leave_first(builder: PlanBuilder, instance_id: str, delete: str) -> None:
    for address in block_storages_on(builder, instance_id):
        for key in builder.keys_of(address):
            if builder.steps[key].operation == storage_kind.DETACH:
                builder.before(key, delete)
