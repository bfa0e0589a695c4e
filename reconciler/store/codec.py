"""State and records as JSON text: canonical on the way out, checked to the last member on the way
in.

Any bytes give a value, `StateDamaged` or `StateNewer`; nothing else, in time and memory that grow
with their number only. What decoding gives is frozen all the way down and equal to what was
encoded. Members that are not known are passed over: a newer minor version may add some; one that
changes a meaning raises `FORMAT`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.model.ports import StateDamaged, StateNewer
from reconciler.model.resource import EMPTY
from reconciler.model.state import (
    FORMAT,
    Deposed,
    Entry,
    Intent,
    Note,
    Outcome,
    Phase,
    Record,
    State,
    StateChange,
)
from reconciler.store.damage import damaged

STATE_BYTES_MAX = 256 * 1024 * 1024
"""A longer state is neither written nor read."""

HINT_DAMAGED = "put back a whole copy of the state's folder; its own older states lie in history/ (docs/how-to/recover.md)"
HINT_NEWER = "use the version of reconciler that wrote it, or a newer one"

_DEPTH_MAX = 64
_WHOLE_MAX = 2**63
_RESULTS = frozenset({"accepted", "done", "refused", "failed", "unknown"})
_UNSETTLED = frozenset({"accepted", "unknown"})
_CHECKSUM = b'"checksum": "sha256:'
_PHASES = {phase.value: phase for phase in Phase}


class Moment(Enum):
    """When in a run a snapshot was written: before its first record, between two records, or at its
    end.
    """

    START = "start"
    DURING = "during"
    END = "end"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one `state.json` holds."""

    state: State
    moment: Moment = Moment.END


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The text of `state.json`: one line a member, one line an object, sorted, the checksum of all
    before it last.
    """
    document = _document(snapshot)
    try:
        body = _lines(document, _UTF8).encode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold, but an escape can
        body = _lines(document, _ASCII).encode()
    return body + _CHECKSUM + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def decode_snapshot(data: bytes, *, name: str = "state.json") -> Snapshot:
    """The snapshot that the bytes spell. `name` is the file for messages. Raises `StateDamaged`,
    `StateNewer`.
    """
    try:
        if len(data) > STATE_BYTES_MAX:
            _fail(f"more than {STATE_BYTES_MAX} bytes")
        document = _object(_loads(data), "the document")
        # before the checksum, whose rule a newer format may have changed
        check_format(document, name=name)
        body, found, checksum = data.rpartition(_CHECKSUM)
        if not found or checksum != hashlib.sha256(body).hexdigest().encode() + b'"\n}\n':
            _fail("the checksum does not match: the file was changed or truncated")
        return _snapshot(document)
    except (ValueError, RecursionError) as error:
        raise damaged(
            f"{name} cannot be read: {error}", data, name=name, hint=HINT_DAMAGED
        ) from None


def encode_record(record: Record) -> bytes:
    """The record as one line of JSON, without the newline."""
    row = _record_row(record)
    try:
        return _UTF8.encode(row).encode()
    except UnicodeEncodeError:
        return _ASCII.encode(row).encode()


def decode_record(data: bytes, *, name: str = "record") -> Record:
    """The record that the bytes spell. Raises `StateDamaged`."""
    try:
        return _record(_object(_loads(data), "a record"))
    except (ValueError, RecursionError) as error:
        raise StateDamaged(f"{name} cannot be read: {error}", hint=HINT_DAMAGED) from None


def encode_object(members: Mapping[str, Any]) -> bytes:
    """A small plain object as one line of canonical JSON."""
    return _ASCII.encode(members).encode()


def decode_object(data: bytes) -> dict[str, Any]:
    """The object that the bytes spell. Raises `ValueError`."""
    try:
        return _object(_loads(data), "it")
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check_format(document: Mapping[str, Any], *, name: str) -> None:
    """Raises `StateNewer` where a later version wrote it, `ValueError` where no version did."""
    found = _whole(document, "format")
    if found > FORMAT:
        raise StateNewer(
            f"{name} is of format {found}; this version reads up to {FORMAT}", hint=HINT_NEWER
        )
    if found < 1:
        _fail(f"there is no format {found}")


# --- out ---


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def _encoder(*, ascii_only: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=ascii_only,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
        default=_plain,
    )


_UTF8 = _encoder(ascii_only=False)
_ASCII = _encoder(ascii_only=True)


def _document(snapshot: Snapshot) -> dict[str, Any]:
    state = snapshot.state
    return {
        "format": FORMAT,
        "lineage": state.lineage,
        "serial": state.serial,
        "sequence": state.sequence,
        "moment": snapshot.moment.value,
        "stack": state.stack,
        "environment": state.environment,
        "account": state.account,
        "endpoint": state.endpoint,
        "facts": dict(state.facts),
        **({"looks": dict(state.looks)} if state.looks else {}),
        "outputs": dict(state.outputs),
        "open": {str(sequence): _open_row(*found) for sequence, found in state.open.items()},
        "deposed": {id: _deposed_row(deposed) for id, deposed in state.deposed.items()},
        "entries": {address: _entry_row(entry) for address, entry in state.entries.items()},
    }


def _lines(document: Mapping[str, Any], encoder: json.JSONEncoder) -> str:
    # One line an object: a state kept in Git then shows per object what changed. (json's own indent
    # is pure Python and ten times slower.)
    members = []
    for name, value in document.items():
        if isinstance(value, dict) and value:
            rows = ",\n".join(
                f"  {encoder.encode(key)}: {encoder.encode(value[key])}" for key in sorted(value)
            )
            members.append(f'"{name}": {{\n{rows}\n}}')
        else:
            members.append(f'"{name}": {encoder.encode(value)}')
    return "{\n" + ",\n".join(members) + ",\n"


def _entry_row(entry: Entry) -> dict[str, Any]:
    # Members at their default are left out: most objects are then one short line.
    row: dict[str, Any] = {"id": entry.id, "kind": entry.kind}
    if entry.applied:
        row["applied"] = entry.applied
    if entry.lookups:
        row["lookups"] = entry.lookups
    if entry.depends_on:
        row["depends_on"] = entry.depends_on
    if entry.parent is not None:
        row["parent"] = entry.parent
    if entry.protect:
        row["protect"] = entry.protect
    if entry.phase is not Phase.READY:
        row["phase"] = entry.phase.value
    if entry.nonce is not None:
        row["nonce"] = entry.nonce
    if entry.made is not None:
        row["made"] = entry.made
    if entry.retain:
        row["retain"] = True
    if entry.stopped:
        row["stopped"] = True
    return row


def _deposed_row(deposed: Deposed) -> dict[str, Any]:
    row: dict[str, Any] = {"address": deposed.address, "kind": deposed.kind}
    if deposed.nonce is not None:
        row["nonce"] = deposed.nonce
    if deposed.phase is not Phase.READY:
        row["phase"] = deposed.phase.value
    return row


def _open_row(intent: Intent, last: str | None) -> dict[str, Any]:
    return {"intent": _record_row(intent), "last": last}


def _effect_row(effect: StateChange) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if effect.put is not None:
        row["put"] = {"address": effect.put.address, **_entry_row(effect.put)}
    if effect.drop is not None:
        row["drop"] = effect.drop
    if effect.depose is not None:
        row["depose"] = {"id": effect.depose.id, **_deposed_row(effect.depose)}
    if effect.remove_deposed is not None:
        row["bury"] = effect.remove_deposed
    if effect.output is not None:
        row["output"] = effect.output
    if effect.unset is not None:
        row["unset"] = effect.unset
    if effect.fact is not None:
        row["fact"] = effect.fact
    if effect.look is not None:
        row["look"] = effect.look
    return row


def _record_row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {"sequence": record.sequence, "run": record.run}
    match record:
        case Intent():
            row |= {
                "type": "intent",
                "step": record.step,
                "address": record.address,
                "operation": record.operation,
            }
            row |= {
                "target": record.target,
                "inputs": record.inputs,
                "nonce": record.nonce,
                "signed": record.signed,
            }
            row["effects"] = [_effect_row(effect) for effect in record.effects]
        case Outcome():
            row |= {
                "type": "outcome",
                "intent": record.intent,
                "result": record.result,
                "code": record.code,
            }
            row["effects"] = [_effect_row(effect) for effect in record.effects]
        case Note():
            row |= {"type": "note", "reason": record.reason, "settles": record.settles}
            row["effects"] = [_effect_row(effect) for effect in record.effects]
    return row


# --- in ---


def _fail(why: str) -> NoReturn:
    raise ValueError(why)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _fail("a number out of range")
    return number


def _loads(data: bytes) -> Any:
    return json.loads(
        data.decode(),
        parse_float=_finite,
        parse_constant=lambda text: _fail(f"{text} is not a number"),
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if type(value) is not dict:
        _fail(f"{what} is not an object")
    return value


def _member(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _object(row.get(name, {}), name)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if type(value) is not str:
        _fail(f"{name} is not a text")
    return value


def _text_or_none(row: Mapping[str, Any], name: str) -> str | None:
    return None if row.get(name) is None else _text(row, name)


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if type(value) is not int or not 0 <= value < _WHOLE_MAX:
        _fail(f"{name} is not a whole number")
    return value


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = row.get(name, ())
    if not value:
        return ()
    if type(value) is not list or not all(type(text) is str for text in value):
        _fail(f"{name} is not a list of texts")
    return tuple(value)


def _one_of(row: Mapping[str, Any], name: str, allowed: frozenset[str]) -> str:
    value = _text(row, name)
    if value not in allowed:
        _fail(f"{name} is not one of {', '.join(sorted(allowed))}")
    return value


_Row = TypeVar("_Row")


def _rows(
    row: Mapping[str, Any], name: str, read: Callable[[str, Any], _Row]
) -> Mapping[str, _Row]:
    found = _member(row, name)
    return (
        MappingProxyType({key: read(key, value) for key, value in found.items()})
        if found
        else EMPTY
    )


def _frozen(value: Any, depth: int = 0) -> Any:
    kind = type(value)
    if kind is dict:
        if depth >= _DEPTH_MAX:
            _fail("nested too deeply")
        return (
            MappingProxyType({key: _frozen(below, depth + 1) for key, below in value.items()})
            if value
            else EMPTY
        )
    if kind is list:
        if depth >= _DEPTH_MAX:
            _fail("nested too deeply")
        return tuple(_frozen(below, depth + 1) for below in value)
    return value


def _snapshot(document: Mapping[str, Any]) -> Snapshot:
    unsettled = MappingProxyType(
        dict(_open(key, row) for key, row in _member(document, "open").items())
    )
    state = State(
        lineage=_text(document, "lineage"),
        serial=_whole(document, "serial"),
        stack=_text(document, "stack"),
        environment=_text_or_none(document, "environment"),
        account=_text_or_none(document, "account"),
        endpoint=_text_or_none(document, "endpoint"),
        entries=_rows(document, "entries", _entry),
        deposed=_rows(document, "deposed", _deposed),
        open=unsettled or EMPTY,  # type: ignore[arg-type]
        outputs=_rows(document, "outputs", lambda name, row: _output(name, row)[1:]),
        facts=_rows(document, "facts", lambda name, text: _text({name: text}, name)),
        looks=_rows(document, "looks", lambda subject, second: _whole({subject: second}, subject)),
        sequence=_whole(document, "sequence"),
    )
    if (
        not state.lineage
        or state.serial < 1
        or any(sequence > state.sequence for sequence in state.open)
    ):
        _fail("lineage, serial or sequence cannot be right")
    return Snapshot(state, Moment(_text(document, "moment")))


def _entry(address: str, value: Any) -> Entry:
    row = _object(value, address)
    return Entry(
        address=address,
        kind=_text(row, "kind"),
        id=_text(row, "id"),
        applied=_frozen(_member(row, "applied")),
        lookups=_rows(row, "lookups", _pins) if "lookups" in row else EMPTY,
        depends_on=_texts(row, "depends_on"),
        parent=_text_or_none(row, "parent"),
        protect=_texts(row, "protect"),
        phase=_phase(row),
        nonce=_text_or_none(row, "nonce"),
        made=_whole(row, "made") if "made" in row else None,
        retain=row.get("retain") is True,
        stopped=row.get("stopped") is True,
    )


def _pins(field: str, value: Any) -> Mapping[str, str]:
    pins = _object(value, field)
    if not all(type(id) is str for id in pins.values()):
        _fail(f"a lookup of {field} is not a text")
    return MappingProxyType(pins)


def _phase(row: Mapping[str, Any]) -> Phase:
    found = _PHASES.get(row.get("phase", "ready")) if type(row.get("phase", "")) is str else None
    return found if found is not None else _fail("phase is not one of the phases")


def _deposed(id: str, value: Any) -> Deposed:
    row = _object(value, id)
    return Deposed(
        _text(row, "address"),
        _text(row, "kind"),
        id,
        nonce=_text_or_none(row, "nonce"),
        phase=_phase(row),
    )


def _output(name: str, value: Any) -> tuple[str, Any, str | None]:
    if (
        type(value) is not list
        or len(value) != 2
        or not (value[1] is None or type(value[1]) is str)
    ):
        _fail(f"output {name} is not a value and a reason")
    return name, _frozen(value[0]), value[1]


def _open(key: str, value: Any) -> tuple[int, tuple[Intent, str | None]]:
    row = _object(value, "an open intent")
    intent = _record(_member(row, "intent"))
    if not isinstance(intent, Intent) or str(intent.sequence) != key:
        _fail("an open intent is not filed under its sequence")
    return intent.sequence, (
        intent,
        None if row.get("last") is None else _one_of(row, "last", _UNSETTLED),
    )


def _record(row: Mapping[str, Any]) -> Record:
    sequence, run, type_ = _whole(row, "sequence"), _text(row, "run"), _text(row, "type")
    if type_ == "intent":
        return Intent(
            sequence=sequence,
            run=run,
            step=_text(row, "step"),
            address=_text(row, "address"),
            operation=_text(row, "operation"),
            target=_text_or_none(row, "target"),
            inputs=_frozen(_member(row, "inputs")),
            nonce=_text_or_none(row, "nonce"),
            signed=_whole(row, "signed"),
            effects=_effects(row),
        )
    if type_ == "outcome":
        result = _one_of(row, "result", _RESULTS)
        return Outcome(
            sequence, run, _whole(row, "intent"), result, _effects(row), _text_or_none(row, "code")
        )
    if type_ == "note":
        settles = None if row.get("settles") is None else _whole(row, "settles")
        return Note(sequence, run, _text(row, "reason"), _effects(row), settles)
    return _fail("a record is neither intent nor outcome nor note")


def _effects(row: Mapping[str, Any]) -> tuple[StateChange, ...]:
    found = row.get("effects", [])
    if type(found) is not list:
        _fail("effects are not a list")
    return tuple(_effect(_object(effect, "an effect")) for effect in found)


def _effect(row: dict[str, Any]) -> StateChange:
    match row:
        case {"put": dict() as entry}:
            return StateChange(put=_entry(_text(entry, "address"), entry))
        case {"drop": str(address)}:
            return StateChange(drop=address)
        case {"depose": dict() as deposed}:
            return StateChange(depose=_deposed(_text(deposed, "id"), deposed))
        case {"bury": str(id)}:
            return StateChange(remove_deposed=id)
        case {"output": [str(name), value, (str() | None) as reason]}:
            return StateChange(output=(name, _frozen(value), reason))
        case {"unset": str(name)}:
            return StateChange(unset=name)
        case {"fact": [str(name), str(text)]}:
            return StateChange(fact=(name, text))
        case {"look": [str(subject), second]}:
            return StateChange(
                look=(subject, None if second is None else _whole({subject: second}, subject))
            )
        case _:
            return _fail("an effect does nothing that is known")
