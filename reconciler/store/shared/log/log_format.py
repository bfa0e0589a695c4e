"""The objects of the log: canonical on the way out, checked to the last member on the way in.

Each is one line of JSON. Its header says who wrote it (epoch, token) and after which bytes
(`previous`); `kind` and the members of that kind say what it changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import Codec, DecodeError, Form
from reconciler.common.text import msg
from reconciler.model.ports import Holder, StateDamaged, StateNewer
from reconciler.model.state import FORMAT, Intent, Note, Outcome, Record, State
from reconciler.store import state_format
from reconciler.store.state_format import Moment, Snapshot

RECORDS_BYTES_MAX = 8 * 1024 * 1024
"""Records of an append that are longer are refused."""

HINT_DAMAGED = msg(
    "restore the objects of this state from a backup of the place, all of one time; without one, "
    "continue from its newest snapshot, or rebuild it (docs/how-to/recover.md)"
)


@dataclass(frozen=True, slots=True)
class LogHeader:
    """Who wrote an object, and where it belongs.

    `previous` is the SHA-256 of the bytes of the object before it, None at position 1. `began` is
    the position of the first object of this epoch. `at` is the unix second of the writer's clock,
    for people and for the clean-up only.
    """

    lineage: str
    position: int
    epoch: int
    token: str
    previous: str | None
    began: int
    at: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class FenceBody:
    """A new writer: whoever wrote before cannot write any more."""

    holder: Holder | None
    stack: str
    environment: str | None


@dataclass(frozen=True, slots=True)
class RecordsBody:
    """Records. With a `serial` the state gets it; without records that is a commit."""

    records: tuple[Intent | Outcome | Note, ...] = ()
    serial: int | None = None
    account: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class StateBody:
    """A whole state instead of the one before."""

    state: State


@dataclass(frozen=True, slots=True)
class ArrivalBody:
    """A whole state that is being moved here from the place `origin`; a close completes it."""

    state: State
    origin: str


@dataclass(frozen=True, slots=True)
class CloseBody:
    """The writer ended: the next one need not wait."""


@dataclass(frozen=True, slots=True)
class DepartureBody:
    """The state was moved to `to`, where it began with that serial: another place, or another name
    in the same place (`../<name>`), and then there is none here any more.
    """

    to: str
    serial: int

    @property
    def is_near(self) -> bool:
        """Whether the state is still in this place."""
        return self.to.startswith("../")


Body: TypeAlias = "FenceBody | RecordsBody | StateBody | ArrivalBody | CloseBody | DepartureBody"

_KINDS: Mapping[str, type[Any]] = {
    "fence": FenceBody,
    "records": RecordsBody,
    "state": StateBody,
    "incoming": ArrivalBody,
    "close": CloseBody,
    "moved": DepartureBody,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class LogObject:
    """One object of the log. `digest` is the SHA-256 of its bytes."""

    header: LogHeader
    body: Body
    digest: str


def encode_log_object(header: LogHeader, body: Body) -> bytes:
    """The bytes of an object."""
    rows = {
        **state_format.CODEC.encode(header),
        **_BODIES.encode(body),
        "kind": _NAMES[type(body)],
    }
    if isinstance(body, RecordsBody):
        rows["records"] = [state_format.CODEC.encode(record) for record in body.records]
        rows["format"] = max((FORMAT, *map(state_format.format_of, body.records)))
    data = state_format.encode_object(rows) + b"\n"
    try:
        decode_log_object(data, name="a log object")
    except StateDamaged as error:  # a bug of this program, found before it does harm
        raise AssertionError(f"an object of the log could not be read again: {error}") from error
    return data


def decode_log_object(data: bytes, *, name: str) -> LogObject:
    """The object that the bytes spell; `name` is its key, for messages. Raises `StateDamaged`,
    `StateNewer`.
    """
    try:
        row = state_format.decode_object(data)
        state_format.check_format(row, name=name)
        kind = _KINDS.get(str(row.get("kind")))
        if kind is None:
            message = msg("{name} is of a kind that this version does not know", name=name)
            raise StateNewer(message, hint=state_format.HINT_NEWER)
        header: LogHeader = state_format.CODEC.decode(LogHeader, row)
        body: Body = _BODIES.decode(kind, row)
        if isinstance(body, RecordsBody):
            body = replace(body, records=_read_records(row.get("records")))
        if header.position < 1 or not 1 <= header.began <= header.position or header.epoch < 1:
            raise DecodeError("position, epoch or its beginning cannot be right")
        return LogObject(header, body, digest(data))
    except (ValueError, RecursionError) as error:
        message = msg("{name} cannot be read: {reason}", name=name, reason=str(error))
        raise StateDamaged(message, hint=HINT_DAMAGED) from None


def digest(data: bytes) -> str:
    """The SHA-256 of an object's bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _write_state(state: State) -> str:
    return state_format.encode_snapshot(Snapshot(state, Moment.END)).decode()


def _read_state(text: Any) -> State:
    if not isinstance(text, str):
        raise DecodeError("{place} is not a text")
    return state_format.decode_snapshot(text.encode(), name="a whole state").state


def _read_records(rows: Any) -> tuple[Record, ...]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DecodeError("the records are not a list of objects")
    return tuple(map(state_format.record_of, rows))


_BODIES = Codec(
    forms={State: Form(_write_state, _read_state)}, sparse=(RecordsBody,), without=("records",)
)
