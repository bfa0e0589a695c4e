"""The text of `state.json` and of the journal's records: canonical on the way out, checked to the
last member on the way in.

Any bytes give a value, `StateDamaged` or `StateNewer`; nothing else, in time and memory that grow
with their number only. Unknown members are skipped, because a newer minor version may add some. A
version that changes a meaning raises `FORMAT`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import Codec, DecodeError
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged, StateNewer
from reconciler.model.state import (
    FORMAT,
    FROZEN_FORMAT,
    Deposed,
    Entry,
    Intent,
    Note,
    Outcome,
    Record,
    State,
    StateChange,
)
from reconciler.store.damage import damaged

STATE_BYTES_MAX = 256 * 1024 * 1024
"""A longer state is neither written nor read."""

HINT_DAMAGED = msg(
    "put back a whole copy of the state's folder; its own older states are in history/ "
    "(docs/how-to/recover.md)"
)
HINT_NEWER = msg("use the version of reconciler that wrote it, or a newer one")

CODEC = Codec(sparse=(Entry, Deposed, StateChange))
"""Members at their default are left out of objects: most are then one short line."""

_RECORDS: Mapping[Any, Any] = {"intent": Intent, "outcome": Outcome, "note": Note}
_CHECKSUM = b'"checksum": "sha256:'
_MEMBERS = (
    *("format", "lineage", "serial", "sequence", "moment", "stack", "environment", "account"),
    *("endpoint", "frozen", "facts", "looks", "outputs", "open", "deposed", "entries"),
)
"""The members of `state.json`, in their order."""


class Moment(Enum):
    """When in a run a snapshot was written: before its first record, between two records, or at its
    end.
    """

    START = "start"
    DURING = "during"
    END = "end"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of one `state.json`."""

    state: State
    moment: Moment = Moment.END


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The text of `state.json`: one line a member, one line an object, sorted, the checksum of all
    before it last.
    """
    rows = {**CODEC.encode(snapshot.state), "moment": snapshot.moment.value}
    rows["format"] = format_of(snapshot.state)
    for name in ("looks", "frozen"):
        if not rows[name]:
            del rows[name]
    members = {name: rows[name] for name in _MEMBERS if name in rows}
    body = _encoded(lambda encoder: _lines(members, encoder))
    return body + _CHECKSUM + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def decode_snapshot(data: bytes, *, name: str = "state.json") -> Snapshot:
    """The snapshot that the bytes spell. `name` is the file for messages. Raises `StateDamaged`,
    `StateNewer`.
    """
    try:
        if len(data) > STATE_BYTES_MAX:
            raise DecodeError("it has more than {size} bytes", size=STATE_BYTES_MAX)
        document = decode_object(data)
        # before the checksum, whose rule a newer format may have changed
        check_format(document, name=name)
        body, found, checksum = data.rpartition(_CHECKSUM)
        if not found or checksum != hashlib.sha256(body).hexdigest().encode() + b'"\n}\n':
            raise DecodeError("the checksum does not match: the file was changed or truncated")
        moment = CODEC.decode(Moment, document.get("moment"))
        state = replace(CODEC.decode(State, document), format=FORMAT)
        return Snapshot(_checked(state), moment)
    except (ValueError, RecursionError) as error:
        message = msg("{name} cannot be read: {reason}", name=name, reason=str(error))
        raise damaged(message, data, name=name, hint=HINT_DAMAGED) from None


def encode_record(record: Record) -> bytes:
    """The record as one line of JSON, without the newline."""
    return encode_object(CODEC.encode(record))


def decode_record(data: bytes, *, name: str = "record") -> Record:
    """The record that the bytes spell. Raises `StateDamaged`."""
    try:
        return record_of(decode_object(data))
    except (ValueError, RecursionError) as error:
        message = msg("{name} cannot be read: {reason}", name=name, reason=str(error))
        raise StateDamaged(message, hint=HINT_DAMAGED) from None


def record_of(row: Mapping[str, Any]) -> Record:
    """The record of a plain object. Raises `ValueError`."""
    kind = _RECORDS.get(str(row.get("type")))
    if kind is None:
        raise DecodeError("a record is neither intent nor outcome nor note")
    record: Record = CODEC.decode(kind, row)
    return record


def encode_object(row: Mapping[str, Any]) -> bytes:
    """A plain object as one line of canonical JSON."""
    return _encoded(lambda encoder: encoder.encode(row))


def decode_object(data: bytes) -> dict[str, Any]:
    """The object that the bytes spell. Raises `ValueError`."""
    row = json_text.parse(data)
    if type(row) is not dict:
        raise DecodeError("{place} is not an object")
    return row


def format_of(value: State | Record) -> int:
    """The format that a state, or what contains a record, is written in."""
    if isinstance(value, State):
        return FORMAT if value.frozen is None else FROZEN_FORMAT
    is_of_freeze = any(
        change.freeze is not None or change.unfreeze is not None for change in value.effects
    )
    return FROZEN_FORMAT if is_of_freeze else FORMAT


def check_format(document: Mapping[str, Any], *, name: str) -> None:
    """Raises `StateNewer` if a later version wrote it, `ValueError` if no version did."""
    found = CODEC.decode(int, document.get("format"))
    if found > FORMAT and found != FROZEN_FORMAT:
        message = msg(
            "{name} is of format {found}, which this version does not know",
            name=name,
            found=found,
        )
        raise StateNewer(message, hint=HINT_NEWER)
    if found < 1:
        raise DecodeError("there is no format {found}", found=found)


def _checked(state: State) -> State:
    if not state.lineage or state.serial < 1 or any(open > state.sequence for open in state.open):
        raise DecodeError("lineage, serial or sequence cannot be right")
    for sequence, found in state.open.items():
        if found.intent.sequence != sequence:
            raise DecodeError("an open intent is not filed under its sequence")
    return state


def _encoder(*, ascii_only: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=ascii_only, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


_UTF8, _ASCII = _encoder(ascii_only=False), _encoder(ascii_only=True)


def _encoded(write: Callable[[json.JSONEncoder], str]) -> bytes:
    try:
        return write(_UTF8).encode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold, but an escape can
        return write(_ASCII).encode()


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
