"""The text of a change: the edit or the new object in the user's words, and what it does to what
runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, LiteralString

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined
from reconciler.model.plan import (
    Action,
    Cause,
    Change,
    DataLoss,
    FieldChange,
    Reason,
    ReasonKind,
    TrafficChange,
    reason_kind,
)
from reconciler.model.resource_type import Edit, ResourceType
from reconciler.model.serialize import sources
from reconciler.render import escape, format
from reconciler.render.format import phrase


class PowerCut(Enum):
    """How an instance is switched off on the way to something else."""

    NONE = "none"
    IF_REFUSED = "if-refused"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the plan knows about a change besides the change itself.

    `left` maps a path to the value that the last apply left, if somebody changed it outside since.
    """

    left: Mapping[str, Any]
    power_cut: PowerCut = PowerCut.NONE


NO_CONTEXT = RowContext({})

GAP = "; "
"""Between the parts of a line."""

_HEADS: Mapping[Action, tuple[LiteralString, LiteralString]] = {
    Action.DECIDE: ("decide[: {text}]", "decide for each of {number}[: {text}]"),
    Action.BLOCKED: ("blocked[: {text}]", "{number} blocked[: {text}]"),
    Action.REPLACE: ("replace[: {text}]", "replace {number}[: {text}]"),
    Action.DELETE: ("delete[: {text}]", "delete {number}[: {text}]"),
    Action.REBUILD: ("rebuild[: {text}]", "rebuild {number}[: {text}]"),
    Action.RESIZE: ("resize[: {text}]", "resize {number}[: {text}]"),
    Action.POWER: ("switch[: {text}]", "switch {number}[: {text}]"),
    Action.DETACH: ("detach[: {text}]", "detach {number}[: {text}]"),
    Action.ATTACH: ("change[: {text}]", "change {number}[: {text}]"),
    Action.UPDATE: ("change[: {text}]", "change {number}[: {text}]"),
    Action.CREATE: ("create[: {text}]", "create {number}[: {text}]"),
    Action.IMPORT: ("import[: {text}]", "import {number}[: {text}]"),
    Action.MOVE: ("rename[: {text}]", "rename {number}[: {text}]"),
    Action.FORGET: ("forget[: {text}]", "forget {number}[: {text}]"),
    Action.NONE: ("unchanged", "{number} unchanged"),
}
_HEADS_OF_PARTS: Mapping[Action, tuple[LiteralString, LiteralString]] = {
    **_HEADS,
    Action.DELETE: ("remove {noun}[: {text}]", "remove {number} {noun}[: {text}]"),
    Action.UPDATE: ("change {noun}[: {text}]", "change {number} {noun}[: {text}]"),
    Action.CREATE: ("add {noun}[: {text}]", "add {number} {noun}[: {text}]"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """The first words of a row: what is done, and to how many equal objects. `noun` is the kind of
    an object that is a part of another one, such as a rule; `outside`: somebody else did it.
    """

    action: Action
    noun: str = ""
    nouns: str = ""
    outside: bool = False

    def text(self, rest: str, number: int = 1) -> str:
        """The words, followed by what they are about."""
        if self.outside:
            return rest
        one, several = (_HEADS_OF_PARTS if self.noun else _HEADS)[self.action]
        noun = self.noun if number == 1 else self.nouns
        return phrase(one if number == 1 else several, text=rest, number=number, noun=noun)


def head(change: Change) -> Head:
    """The head of a change's row."""
    if change.address.rule is None:
        return Head(change.action)
    kind = resources.all_kinds().of(change.address)
    return Head(change.action, kind.noun, kind.nouns)


def parts(change: Change, context: RowContext = NO_CONTEXT) -> tuple[str, ...]:
    """The parts of a change's line behind its head, all safe text. The first one continues the
    head, and may be empty.
    """
    if change.action in (Action.DECIDE, Action.BLOCKED):
        first, *rest = _held_back(change, context)
    else:
        first, *rest = [
            *(_effect(change, context) or [""]),
            *_cause(change),
            *_impact(change, context.power_cut),
            *_billed(change),
            *_deposed(change),
        ]
    return (first, *(part for part in rest if part))


def line(change: Change, context: RowContext = NO_CONTEXT) -> str:
    """Head and parts in one line."""
    first, *rest = parts(change, context)
    return GAP.join((head(change).text(first), *rest))


def _effect(change: Change, context: RowContext) -> list[str]:
    """What happens to the object itself."""
    reason, kind = escape.outside(change.reason), reason_kind(change.reason)
    if change.action is Action.CREATE:
        return _created(change, reason)
    if change.action is Action.DELETE:
        if kind is ReasonKind.DEPOSED:
            return [phrase("{deposed}; the current object stays", deposed=reason)]
        return ["" if kind is ReasonKind.DESTROY else reason]
    if change.action in (Action.FORGET, Action.MOVE):
        return [reason]
    edits = ", ".join(edit(field, context.left) for field in change.fields)
    if change.action is Action.REPLACE:
        return [edits or reason, reason if edits else ""]
    if change.action is Action.IMPORT:
        cause = "" if kind is ReasonKind.IMPORT else reason
        return [cause, edits and phrase("then {edits}", edits=edits)]
    if kind is ReasonKind.IMPORT:
        return [phrase("import it, then {edits}", edits=edits)]
    return [edits or reason, reason if edits and kind is ReasonKind.MOVED else ""]


def _created(change: Change, reason: str) -> list[str]:
    text = _new_text(change)
    is_new = reason_kind(change.reason) is ReasonKind.NEW
    if _opens_as_written(change):
        return opened(change.impact.opens)
    return [text or ("" if is_new else reason), "" if is_new or not text else reason]


def _new_text(change: Change) -> str:
    kind = resources.all_kinds().of(change.address)
    return new_object(kind, {field.path: field for field in change.fields})


def _opens_as_written(change: Change) -> bool:
    """Whether what a new rule opens is all that the rule says: then it is shown once."""
    impact = change.impact
    if change.action is not Action.CREATE or change.address.rule is None:
        return False
    return (
        len(impact.opens) == 1
        and not impact.closes
        and phrase("in {traffic}", traffic=impact.opens[0].traffic) == _new_text(change)
    )


def _held_back(change: Change, context: RowContext) -> list[str]:
    reason = "" if reason_kind(change.reason) is ReasonKind.NEW else change.reason
    blocker, rest = change.impact.blocked_by or "", ""
    if reason_kind(change.reason) is ReasonKind.SHARED:
        why = reason
    elif blocker == str(change.address):
        why, rest = phrase("it is protected"), reason
    else:
        why = reason or blocker
        if blocker not in why:
            rest = phrase("because of {blocker}", blocker=blocker)
    edits = ", ".join(edit(field, context.left) for field in change.fields)
    return [
        escape.outside(why),
        escape.outside(rest),
        phrase("[not done: {edits}]", edits=edits),
    ]


def _cause(change: Change) -> Iterable[str]:
    """Whether the change takes back what somebody changed outside. An update that does nothing else
    is under a title that says so.
    """
    causes = {field.cause for field in change.fields}
    if change.action is Action.CREATE and causes == {Cause.OUTSIDE}:
        yield phrase("removed outside")
    elif change.action is not Action.UPDATE and causes == {Cause.OUTSIDE}:
        yield phrase("reverts what was changed outside")
    elif Cause.BOTH in causes or len(causes) > 1:
        yield phrase("changed both in the file and outside")


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
            yield phrase("{disk} is lost permanently", disk=disk_of(loss, loss.deposed))


def _lost(loss: DataLoss) -> str:
    """The loss of the disk of a row's own object."""
    if loss.disk == "root":
        return phrase("its[ {gb} GB] disk is lost permanently", gb=loss.gb)
    return phrase("all data on it[ ({gb} GB)] is lost permanently", gb=loss.gb)


def disk_of(loss: DataLoss, owner: str) -> str:
    """A lost disk by its owner."""
    return phrase("the[ {gb} GB] disk of {owner}", gb=loss.gb, owner=owner)


def _impact(change: Change, power_cut: PowerCut) -> Iterable[str]:
    impact = change.impact
    if impact.downtime_seconds is not None:
        yield _down(impact.downtime_seconds, power_cut)
    for loss in impact.data_loss:
        if loss.deposed is None:
            yield _lost(loss)
    if impact.address_change:
        yield phrase("its addresses change")
    if impact.exposure_seconds is not None and change.action is not Action.CREATE:
        duration = format.duration(impact.exposure_seconds)
        yield phrase("without its firewall for {duration}", duration=duration)
    if not _opens_as_written(change):
        yield from opened(impact.opens)
    yield from closed(impact.closes)


_DOWN: Mapping[PowerCut, LiteralString] = {
    PowerCut.NONE: "down for {duration}",
    PowerCut.IF_REFUSED: (
        "down for {duration}; the power is cut if the cloud refuses this while it runs"
    ),
    PowerCut.ALWAYS: "down for {duration}; the power is cut",
}


def _down(seconds: tuple[int, int | None], power_cut: PowerCut) -> str:
    low, high = seconds
    if high is not None:
        return phrase(_DOWN[power_cut], duration=format.span(low, high))
    if power_cut is PowerCut.NONE:
        return phrase("down until it is started")
    return phrase("down until it is started; the power is cut")


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
            "{edit} (the last apply left {left})",
            edit=text,
            left=_value(field.path, left[field.path]),
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
    return ", ".join([*map(escape.outside, kind.summary.parts(summary)), *rest])


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
        yield phrase(
            "{traffic}[ on {instances}]", traffic=joined(", ", traffic), instances=instances
        )
