"""What a change says on its line: the edit or the new object in the user's words, and what it does
to what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Action, Cause, Change, DataLoss, FieldChange, Impact
from reconciler.model.serialize import sources
from reconciler.render import escape, format


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the plan knows of a change beside the change itself.

    `left` maps a path to what the last apply left there, where somebody outside has changed it
    since; `power_cut` says how its server is switched off on the way: `power cut`, `power cut if
    refused`, or nothing.
    """

    left: Mapping[str, Any]
    power_cut: str = ""


NO_CONTEXT = RowContext({})
_DEPOSED = "the deposed "
_LINKS = ("firewall", "instance")


def what(change: Change, beside: RowContext = NO_CONTEXT) -> tuple[str, ...]:
    """The parts of a change's line between its address and its place, all safe text."""
    if change.action in (Action.DECIDE, Action.BLOCKED):
        return _held_back(change, beside)
    parts = [
        *_deed(change, beside),
        *_reverts(change),
        *_impact(change, beside.power_cut),
        *_billed(change),
        *_old_one(change),
    ]
    return tuple(part for part in parts if part)


def _deed(change: Change, beside: RowContext) -> list[str]:
    reason = escape.outside(change.reason)
    if change.action is Action.CREATE:
        return _created(change, reason)
    if change.action is Action.DELETE:
        if reason.startswith(_DEPOSED):
            return [f"{reason}; the object of today stays"]
        return ["deleted" + (f" ({reason})" if reason not in ("", "destroy") else "")]
    if change.action in (Action.FORGET, Action.MOVE):
        return [reason]
    edits = [edit(field, beside.left) for field in change.fields]
    if change.action is Action.REPLACE:
        return [f"replaced: {', '.join(edits) or reason}", reason if edits else ""]
    if change.action is Action.IMPORT or change.reason == "import":
        return [f"bound{f' ({reason})' if reason else ''}{', then' if edits else ''}", *edits]
    return edits or [reason or ("unchanged" if change.action is Action.NONE else "")]


def _old_one(change: Change) -> Iterable[str]:
    """What an earlier replacement left at the address and goes now, with its disk: told apart from
    the object of today.
    """
    _, deposed, rest = change.reason.rpartition(_DEPOSED)
    if deposed and change.fields and change.action is not Action.REPLACE:
        yield f"{deposed}{escape.outside(rest)}"
    for loss in change.impact.data_loss:
        if _is_of_old(loss):
            whose = escape.outside(loss.address.partition(" (")[2].removesuffix(")"))
            yield f"the {'disk' if loss.disk == 'root' else 'data'} of {whose}{_size(loss)} is lost"


def _is_of_old(loss: DataLoss) -> bool:
    return " (" in loss.address


def _size(loss: DataLoss) -> str:
    return "" if loss.gb is None else f" ({loss.gb} GB)"


def _created(change: Change, reason: str) -> list[str]:
    said = made(
        "rules" if change.address.rule else change.address.kind,
        {field.path: field for field in change.fields},
    )
    if change.address.rule and _is_whole_story(said, change.impact):
        return []
    return [said or reason, reason if said and reason not in ("", "new") else ""]


def _is_whole_story(said: str, impact: Impact) -> bool:
    """Whether what a rule opens says all that the rule says: then it is told once."""
    return (
        len(impact.opens) == 1
        and not impact.closes
        and f"in {escape.outside(traffic(impact.opens[0])[0])}" == said
    )


def _held_back(change: Change, beside: RowContext) -> tuple[str, ...]:
    verb = "decide" if change.action is Action.DECIDE else "blocked"
    by, reason = change.impact.blocked_by or "", "" if change.reason == "new" else change.reason
    if by == str(change.address):
        why, rest = "it is protected", reason
    else:
        why, rest = (reason or by), "" if by in (reason or by) else f"because of {by}"
    edits = ", ".join(edit(field, beside.left) for field in change.fields)
    parts = [f"{verb}: {escape.outside(why)}", escape.outside(rest), f"({edits})" if edits else ""]
    return tuple(part for part in parts if part)


def _billed(change: Change) -> Iterable[str]:
    """Traps of money: what does not run or hangs on nothing costs the same (contract#bill,
    planning#steps).
    """
    for field in change.fields:
        if field.path == "power" and field.after == "off":
            yield "still billed while off"
        if (
            field.path == "instance"
            and field.after is None
            and field.before is not None
            and change.reason != "moves with its instance"
        ):
            yield "still billed while detached"


def _reverts(change: Change) -> list[str]:
    """A change that only takes back what somebody else did says so, wherever it stands."""
    causes = {field.cause for field in change.fields}
    grave = change.action in (
        Action.REPLACE,
        Action.REBUILD,
        Action.RESIZE,
        Action.POWER,
        Action.DETACH,
        Action.ATTACH,
    )
    if not grave or causes != {Cause.OUTSIDE}:
        return []
    return ["reverts what was changed outside"]


def edit(field: FieldChange, left: Mapping[str, Any] | None = None) -> str:
    """One field: `flavor std_2.4-g1 -> std_4.8-g1`; where both the file and somebody outside
    changed it, with what it was before.
    """
    path, before = escape.outside(field.path), _value(field.path, field.before)
    if field.known_after_apply:
        after = f"known after apply of {escape.outside(_source(field.after))}"
        return f"{path} {after}" if field.before is None else f"{path} {before} -> {after}"
    said = f"{path} {before} -> {_value(field.path, field.after)}"
    if field.cause is Cause.BOTH and left is not None and field.path in left:
        return f"{said} (left as {_value(field.path, left[field.path])}; outside made it {before})"
    return said


def _value(path: str, value: Any) -> str:
    """A value; what a firewall or a server is meant by goes without its kind."""
    said = format.value(value)
    return format.short(said) if path in _LINKS and value is not None else said


def _source(after: Any) -> str:
    return ", ".join(sources(after)) or "another object"


def traffic(line: str) -> tuple[str, str]:
    """A line of what a change opens or closes, parted into the traffic and the servers that it is
    on.
    """
    head, on, instances = line.rpartition(" on ")
    return (head, instances) if on else (line, "")


def opened(verb: str, lines: Sequence[str]) -> list[str]:
    """What is opened or closed, each set of servers named once: `opens tcp/80 from A, tcp/443 from
    B on web[0]`.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        head, instances = traffic(line)
        found.setdefault(instances, []).append(head)
    return [
        escape.outside(
            f"{verb} {', '.join(dict.fromkeys(heads))}" + (f" on {instances}" if instances else "")
        )
        for instances, heads in found.items()
    ]


def made(kind: str, fields: Mapping[str, FieldChange]) -> str:
    """What a new object is, as a person would say it: its kind's own words first, the rest as `name
    value`.
    """
    said = _MADE.get(kind, _plainly)
    return said(fields)


def _new(fields: Mapping[str, FieldChange], name: str) -> str | None:
    field = fields.get(name)
    if field is None:
        return None
    if field.known_after_apply:
        return f"(known after apply of {escape.outside(_source(field.after))})"
    return None if field.after is None else format.value(field.after)


def _instance(fields: Mapping[str, FieldChange]) -> str:
    first = [_new(fields, name) for name in ("flavor", "image", "zone")]
    return "  ".join(
        [*(part for part in first if part), *_rest(fields, {"flavor", "image", "zone"})]
    )


def _storage(fields: Mapping[str, FieldChange]) -> str:
    size, of, on = (_new(fields, name) for name in ("size", "type", "instance"))
    parts = [f"{size} GB" if size else None, of, f"on {format.short(on)}" if on else None]
    return "  ".join(
        [*(part for part in parts if part), *_rest(fields, {"size", "type", "instance"})]
    )


def _rule(fields: Mapping[str, FieldChange]) -> str:
    direction, protocol, ports, cidr = (
        _new(fields, name) for name in ("direction", "protocol", "ports", "cidr")
    )
    word = "to" if direction == "out" else "from"
    return f"{direction or 'in'} {protocol or 'tcp'}/{ports or '?'} {word} {cidr or '?'}"


def _firewall(fields: Mapping[str, FieldChange]) -> str:
    icmp = _new(fields, "icmp")
    parts = [] if icmp is None else [f"ping {'allowed' if icmp == 'true' else 'not allowed'}"]
    return "  ".join([*parts, *_rest(fields, {"icmp"})])


def _plainly(fields: Mapping[str, FieldChange]) -> str:
    return "  ".join(_rest(fields, set()))


def _rest(fields: Mapping[str, FieldChange], said: set[str]) -> list[str]:
    found = ((name, _new(fields, name)) for name in sorted(fields) if name not in said)
    return [
        f"{escape.outside(name)} {format.short(text) if name == 'firewall' else text}"
        for name, text in found
        if text is not None
    ]


_MADE: Mapping[str, Callable[[Mapping[str, FieldChange]], str]] = {
    "instances": _instance,
    "block_storages": _storage,
    "rules": _rule,
    "firewalls": _firewall,
}


def _impact(change: Change, power_cut: str) -> Iterable[str]:
    impact = change.impact
    yield _down(impact.downtime_seconds, power_cut)
    for loss in impact.data_loss:
        if not _is_of_old(loss):
            yield f"{'its disk' if loss.disk == 'root' else 'the data on it'}{_size(loss)} is lost"
    if impact.address_change:
        yield "its addresses change"
    if impact.exposure_seconds is not None and change.action is not Action.CREATE:
        yield f"without its firewall for {format.duration(impact.exposure_seconds)}"
    yield from opened("opens", impact.opens)
    yield from opened("closes", impact.closes)


def _down(seconds: tuple[int, int | None] | None, power_cut: str) -> str:
    if seconds is None:
        return ""  # a new server that is to be off serves nobody when its power is cut
    low, high = seconds
    if high is None:
        return f"off {power_cut} until it is started".replace("  ", " ")
    return f"down {format.span(low, high)}" + (f", {power_cut}" if power_cut else "")
