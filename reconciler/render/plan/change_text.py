"""The text of a change: the edit or the new object in the user's words, and what it does to what
runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.model.plan import (
    Action,
    Cause,
    Change,
    DataLoss,
    FieldChange,
    Impact,
    Reason,
    ReasonKind,
    TrafficChange,
    reason_kind,
)
from reconciler.model.resource_type import Edit, ResourceType
from reconciler.model.serialize import sources
from reconciler.render import escape, format
from reconciler.render.format import phrase


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the plan knows about a change besides the change itself.

    `left` maps a path to the value that the last apply left, if somebody changed it outside since.
    `power_cut` says how the instance is switched off on the way: `by a power cut`, `power cut if
    refused`, or nothing.
    """

    left: Mapping[str, Any]
    power_cut: str = ""


NO_CONTEXT = RowContext({})


def parts(change: Change, context: RowContext = NO_CONTEXT) -> tuple[str, ...]:
    """The parts of a change's line between its address and its place, all safe text."""
    if change.action in (Action.DECIDE, Action.BLOCKED):
        found = _held_back(change, context)
    else:
        found = [
            *_effect(change, context),
            *_reverts(change),
            *_impact(change, context.power_cut),
            *_billed(change),
            *_deposed(change),
        ]
    return tuple(part for part in found if part)


def _effect(change: Change, context: RowContext) -> Iterable[str]:
    """What happens to the object itself."""
    reason, kind = escape.outside(change.reason), reason_kind(change.reason)
    if change.action is Action.CREATE:
        return _created(change, reason)
    if change.action is Action.DELETE:
        if kind is ReasonKind.DEPOSED:
            return [phrase("{deposed}; the current object stays", deposed=reason)]
        return [phrase("deleted[ ({reason})]", reason="" if kind is ReasonKind.DESTROY else reason)]
    if change.action in (Action.FORGET, Action.MOVE):
        return [reason]
    edits = [edit(field, context.left) for field in change.fields]
    if change.action is Action.REPLACE:
        why = ", ".join(edits) or reason
        return [phrase("replaced: {reason}", reason=why), reason if edits else ""]
    if change.action is Action.IMPORT or kind is ReasonKind.IMPORT:
        then = phrase("then") if edits else ""
        return [phrase("bound[ ({reason})][, {then}]", reason=reason, then=then), *edits]
    return edits or [reason or (phrase("unchanged") if change.action is Action.NONE else "")]


def _created(change: Change, reason: str) -> Iterable[str]:
    text = new_object(
        resources.all_kinds().of(change.address), {field.path: field for field in change.fields}
    )
    if change.address.rule is not None and _is_shown_by_impact(text, change.impact):
        return
    yield text or reason
    if text and reason_kind(change.reason) is not ReasonKind.NEW:
        yield reason


def _is_shown_by_impact(text: str, impact: Impact) -> bool:
    """Whether what a rule opens is all that the rule says: then it is shown once."""
    return (
        len(impact.opens) == 1
        and not impact.closes
        and f"in {escape.outside(impact.opens[0].traffic)}" == text
    )


def _held_back(change: Change, context: RowContext) -> list[str]:
    reason = "" if reason_kind(change.reason) is ReasonKind.NEW else change.reason
    blocker, rest = change.impact.blocked_by or "", ""
    if blocker == str(change.address):
        why, rest = phrase("it is protected"), reason
    else:
        why = reason or blocker
        if blocker not in why:
            rest = phrase("because of {blocker}", blocker=blocker)
    edits = ", ".join(edit(field, context.left) for field in change.fields)
    return [
        phrase("decide: {reason}", reason=why)
        if change.action is Action.DECIDE
        else phrase("blocked: {reason}", reason=why),
        escape.outside(rest),
        f"({edits})" if edits else "",
    ]


def _reverts(change: Change) -> Iterable[str]:
    """A large change that only takes back what somebody changed outside says so."""
    large = (
        Action.REPLACE,
        Action.REBUILD,
        Action.RESIZE,
        Action.POWER,
        Action.DETACH,
        Action.ATTACH,
    )
    if change.action in large and {field.cause for field in change.fields} == {Cause.OUTSIDE}:
        yield phrase("reverts what was changed outside")


def _billed(change: Change) -> Iterable[str]:
    """What does not run or is attached to nothing costs the same (contract#bill)."""
    kind = resources.all_kinds().of(change.address)
    for field in change.fields:
        known = kind.fields.get(field.path)
        if not kind.billed or known is None:
            continue
        if known.edit is Edit.POWER and field.after == "off":
            yield phrase("still billed while off")
        if (
            known.edit is Edit.ATTACH
            and field.after is None
            and field.before is not None
            and reason_kind(change.reason) is not ReasonKind.FOLLOWS_INSTANCE
        ):
            yield phrase("still billed while detached")


def _deposed(change: Change) -> Iterable[str]:
    """What an earlier replacement left at the address and is deleted now, with its disk."""
    if change.fields and change.action is not Action.REPLACE:
        for id in change.deposed:
            yield escape.outside(Reason.of(ReasonKind.DEPOSED, id=id))
    for loss in change.impact.data_loss:
        if loss.deposed is not None:
            yield _lost(loss, loss.deposed)


def _lost(loss: DataLoss, owner: str) -> str:
    """The loss of one disk; `owner` names the object if it is not the one of the row."""
    if owner:
        disk = disk_of(loss, owner)
    else:
        disk = phrase("its disk") if loss.disk == "root" else phrase("the data on it")
    return phrase("{disk}[ ({gb} GB)] is lost", disk=disk, gb=loss.gb)


def disk_of(loss: DataLoss, owner: str) -> str:
    """A lost disk by its owner."""
    if loss.disk == "root":
        return phrase("the disk of {owner}", owner=owner)
    return phrase("the data of {owner}", owner=owner)


def _impact(change: Change, power_cut: str) -> Iterable[str]:
    impact = change.impact
    if impact.downtime_seconds is not None:
        yield _down(impact.downtime_seconds, power_cut)
    for loss in impact.data_loss:
        if loss.deposed is None:
            yield _lost(loss, "")
    if impact.address_change:
        yield phrase("its addresses change")
    if impact.exposure_seconds is not None and change.action is not Action.CREATE:
        duration = format.duration(impact.exposure_seconds)
        yield phrase("without its firewall for {duration}", duration=duration)
    yield from opened(impact.opens)
    yield from closed(impact.closes)


def _down(seconds: tuple[int, int | None], power_cut: str) -> str:
    low, high = seconds
    if high is None:
        return phrase("off[ {power_cut}] until it is started", power_cut=power_cut)
    duration = format.span(low, high)
    return phrase("down {duration}[, {power_cut}]", duration=duration, power_cut=power_cut)


# Fields
# ------------------------------------------------------------------------------------------------


def edit(field: FieldChange, left: Mapping[str, Any] | None = None) -> str:
    """One field: `flavor std_2.4-g1 -> std_4.8-g1`. If both the file and somebody outside changed
    it, with the value that the last apply left.
    """
    before = _value(field.path, field.before)
    if field.known_after_apply:
        after = known_after(field.after)
        before = "" if field.before is None else before
    else:
        after = _value(field.path, field.after)
    text = phrase("{field} [{before} -> ]{after}", field=field.path, before=before, after=after)
    if field.cause is Cause.BOTH and left is not None and field.path in left:
        return phrase(
            "{edit} (left as {left}; outside made it {before})",
            edit=text,
            left=_value(field.path, left[field.path]),
            before=before,
        )
    return text


def known_after(value: Any) -> str:
    """That a value is known only when other objects are applied."""
    names = ", ".join(sources(value)) or phrase("another object")
    return phrase("known after apply of {names}", names=names)


def _value(path: str, value: Any) -> str:
    """A value; an object that a field links to goes without its kind."""
    text = format.value(value)
    return format.short(text) if value is not None and path in resources.all_kinds().links else text


def new_object(kind: ResourceType, fields: Mapping[str, FieldChange]) -> str:
    """What a new object is: the summary of its kind first, then the other fields as `name
    value`.
    """
    new = {name: _new(field) for name, field in sorted(fields.items())}
    shown = {name: text for name, text in new.items() if text is not None}
    rest = [
        phrase("{field} {value}", field=name, value=text)
        for name, text in shown.items()
        if name not in kind.summary.fields
    ]
    summary = {name: shown[name] for name in kind.summary.fields if name in shown}
    return "  ".join([*kind.summary.parts(summary), *rest])


def _new(field: FieldChange) -> str | None:
    if field.known_after_apply:
        return f"({known_after(field.after)})"
    return None if field.after is None else _value(field.path, field.after)


# Traffic
# ------------------------------------------------------------------------------------------------


def opened(changes: Sequence[TrafficChange]) -> list[str]:
    """What is opened, each set of instances named once: `opens tcp/80 from A, tcp/443 from B on
    web[0]`.
    """
    return [phrase("opens {traffic}", traffic=each) for each in _by_instances(changes)]


def closed(changes: Sequence[TrafficChange]) -> list[str]:
    """What is closed, in the same form."""
    return [phrase("closes {traffic}", traffic=each) for each in _by_instances(changes)]


def _by_instances(changes: Sequence[TrafficChange]) -> Iterable[str]:
    found: dict[str, dict[str, None]] = {}
    for each in changes:
        found.setdefault(each.instances, {})[each.traffic] = None
    for instances, traffic in found.items():
        yield phrase("{traffic}[ on {instances}]", traffic=", ".join(traffic), instances=instances)
