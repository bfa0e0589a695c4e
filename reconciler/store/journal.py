"""The journal: the records after a snapshot, one per line, each durable when it is appended.

A line is eight hexadecimal digits (the CRC-32 of what follows the space), a space, JSON, a newline.
The first line binds the journal to the lineage and serial of its snapshot. Zero bytes follow the
last line: room that the file already has, so that the record of an answer fits on a disk that has
filled up. Before a request is recorded, there is room for what its answer may need.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged
from reconciler.model.state import FORMAT, Intent, Outcome, Record
from reconciler.store import state_format
from reconciler.store.damage import damaged
from reconciler.store.disk import Disk, File

JOURNAL_BYTES_MAX = 256 * 1024 * 1024
"""A longer journal is not read; a writer takes a snapshot long before that."""

_BLOCK_BYTES = 64 * 1024
_RESERVE_BYTES = 16 * 1024
_HINT = msg(
    "put back state.json and journal from one copy; without one, move the journal away: "
    "`reconciler recover` then searches the account for what it recorded since the state's serial "
    "(docs/how-to/recover.md)"
)


@dataclass(frozen=True, slots=True)
class Header:
    """Which snapshot a journal follows: its lineage, its serial, and the sequence of its last
    record.
    """

    lineage: str
    serial: int
    sequence: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Written:
    """The content of a journal. `torn`: its last line is not whole. That append never returned, so
    nothing was sent after it.
    """

    header: Header
    records: tuple[Record, ...] = ()
    torn: bool = False


def decode_journal(data: bytes, *, name: str = "journal") -> Written:
    """The content that the bytes spell. Raises `StateDamaged`, `StateNewer`."""
    if len(data) > JOURNAL_BYTES_MAX:
        message = msg("{name} has more than {size} bytes", name=name, size=JOURNAL_BYTES_MAX)
        raise StateDamaged(message, hint=_HINT)
    body = data.rstrip(b"\0")
    lines = body.removesuffix(b"\n").split(b"\n") if body else []
    payloads: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        payload = _payload(line)
        if payload is not None:
            payloads.append(payload)
        elif number == 1 or number < len(lines) or not _is_cut(line, body):
            message = msg("{name} is damaged in line {number}", name=name, number=number)
            raise damaged(message, data, name=name, hint=_HINT)
    if not payloads:
        raise StateDamaged(msg("{name} is empty: it has no first line", name=name), hint=_HINT)
    header = _header(payloads[0], name=name)
    records = []
    for number, payload in enumerate(payloads[1:], start=1):
        record = state_format.decode_record(payload, name=f"{name}, line {number + 1},")
        if record.sequence != header.sequence + number:
            message = msg(
                "{name} is damaged: line {number} is record {sequence}, out of order",
                name=name,
                number=number + 1,
                sequence=record.sequence,
            )
            raise StateDamaged(message, hint=_HINT)
        records.append(record)
    return Written(header, tuple(records), torn=len(payloads) < len(lines))


def _is_cut(line: bytes, body: bytes) -> bool:
    # A write that was cut off leaves zeros of the room, at its end or, by blocks, within it.
    return b"\0" in line or not body.endswith(b"\n")


def _payload(line: bytes) -> bytes | None:
    payload = line[9:]
    return payload if line[:9] == b"%08x " % zlib.crc32(payload) else None


def _header(payload: bytes, *, name: str) -> Header:
    try:
        row = state_format.decode_object(payload)
        state_format.check_format(row, name=name)
        header: Header = state_format.CODEC.decode(Header, row)
        return header
    except ValueError as error:
        message = msg("the first line of {name} cannot be read: {reason}", name=name, reason=error)
        raise StateDamaged(message, hint=_HINT) from None


def encode_line(payload: bytes) -> bytes:
    """One line of a journal."""
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


@dataclass(slots=True)
class Journal:
    """A journal that is being written.

    `end` is the byte at which the next line begins, `size` the size of the file, room included. An
    append that failed may have written up to `written`. `owed` is the room kept for the answers to
    requests in flight, by the sequence of their intents. `format` is that of its first line.
    """

    file: File
    end: int
    size: int
    written: int = 0
    owed: dict[int, int] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def create(cls, disk: Disk, path: Path, header: Header, *, owed: Mapping[int, int]) -> Journal:
        """A journal without records at a new path, on the medium when it returns. Raises `OSError`.

        `owed` is the room that the answers to requests in flight may need, by the sequence of their
        intents.
        """
        line = encode_line(state_format.encode_object(state_format.CODEC.encode(header)))
        file = disk.create(path)
        try:
            journal = cls(file, end=0, size=0, owed=dict(owed), format=header.format)
            journal._grow(len(line) + journal._room)
            journal._put(line)
        except OSError:
            file.close()
            with suppress(OSError):
                disk.remove(path)
            raise
        return journal

    def append(self, record: Record) -> None:
        """Adds a record, on the medium when it returns. Raises `OSError`: then the next append
        overwrites it.

        For an intent or a note the file grows first; an outcome is written into the existing room.
        """
        line = encode_line(_readable(record))
        if isinstance(record, Intent):
            # Its outcomes (accepted, then done) name the object again, with dependencies; a
            # firewall's name each of its rules.
            self.owed[record.sequence] = 8 * (len(line) + 512)
        room = 0 if isinstance(record, Outcome) else self._room
        try:
            self._grow(self.end + len(line) + room)
            self._put(line)
        except OSError:
            self.owed.pop(record.sequence, None)
            raise
        if isinstance(record, Outcome) and record.result != "accepted":
            self.owed.pop(record.intent, None)

    def close(self) -> None:
        """Closes the file. Raises `OSError`."""
        self.file.close()

    def trim(self) -> None:
        """Cuts off the room that was not used. Raises `OSError`."""
        self.file.truncate(self.end)

    @property
    def _room(self) -> int:
        return _RESERVE_BYTES + sum(self.owed.values())

    def _grow(self, wanted: int) -> None:
        if wanted <= self.size:
            return
        size = -(-wanted // _BLOCK_BYTES) * _BLOCK_BYTES
        # Zeros are written, not only reserved: a write into reserved blocks may still need room for
        # the file system's own records.
        self.file.write(self.size, bytes(size - self.size))
        self.file.sync()
        self.size = size

    def _put(self, line: bytes) -> None:
        end = self.end + len(line)
        # the rest of an append that failed would look like damage
        blank = bytes(max(0, self.written - end))
        self.written = max(self.written, end)
        self.file.write(self.end, line + blank)
        self.file.sync()
        self.end = self.written = end


def _readable(record: Record) -> bytes:
    payload = state_format.encode_record(record)
    try:
        state_format.decode_record(payload)
    except StateDamaged as error:  # a bug of this program, found before it does harm
        raise AssertionError(f"a record could not be read again: {error}") from error
    return payload
