"""The journal: records after a snapshot, one a line, each durable when it is appended.

A line is eight hexadecimal digits (the CRC-32 of what follows the space), a space, JSON, a newline.
The first line binds the journal to the lineage and serial of its snapshot. After the last line lie
zero bytes: room that is already the file's own, so that a disk that fills up meanwhile cannot take
the record of an answer. Before a request is recorded, there is room for what its answer may need.
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
"""A longer journal is not read; a writer takes a snapshot long before."""

_BLOCK_BYTES = 64 * 1024
_RESERVE_BYTES = 16 * 1024
_HINT = (
    "put back state.json and journal from one copy; without one, move the journal away: what it recorded since the state's serial "
    "is then looked for in the account by `reconciler recover` (docs/how-to/recover.md)"
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
    """What a journal holds. `torn` where its last line is not whole: an append that never returned,
    so nothing was done upon it.
    """

    header: Header
    records: tuple[Record, ...] = ()
    torn: bool = False


def decode_journal(data: bytes, *, name: str = "journal") -> Written:
    """What the bytes of a journal say. Raises `StateDamaged`, `StateNewer`."""
    if len(data) > JOURNAL_BYTES_MAX:
        raise StateDamaged(f"{name} has more than {JOURNAL_BYTES_MAX} bytes", hint=_HINT)
    body = data.rstrip(b"\0")
    lines = body.removesuffix(b"\n").split(b"\n") if body else []
    payloads: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        payload = _payload(line)
        if payload is not None:
            payloads.append(payload)
        elif number == 1 or number < len(lines) or not _is_cut(line, body):
            raise damaged(f"{name} is damaged in line {number}", data, name=name, hint=_HINT)
    if not payloads:
        raise StateDamaged(f"{name} is empty: not even its first line is there", hint=_HINT)
    header = _header(payloads[0], name=name)
    records = []
    for number, payload in enumerate(payloads[1:], start=1):
        record = state_format.decode_record(payload, name=f"{name}, line {number + 1},")
        if record.sequence != header.sequence + number:
            raise StateDamaged(
                f"{name} is damaged: line {number + 1} is record {record.sequence}, out of order",
                hint=_HINT,
            )
        records.append(record)
    return Written(header, tuple(records), torn=len(payloads) < len(lines))


def _is_cut(line: bytes, body: bytes) -> bool:
    # A write that did not come to its end leaves the zeros of the room behind it, at its end or, by
    # blocks, within it.
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
    """A journal that is being written; the one thing here that changes.

    `end` is the byte at which the next line begins, `size` those that the file has, room included;
    an append that failed may have written up to `stained`. `owed` is the room kept for the answers
    to requests under way, by the sequence of their intents.
    """

    file: File
    end: int
    size: int
    stained: int = 0
    owed: dict[int, int] = field(default_factory=dict)

    @classmethod
    def create(cls, disk: Disk, path: Path, header: Header, *, owed: Mapping[int, int]) -> Journal:
        """A journal without records at a new path, on the medium when it returns. Raises `OSError`.

        `owed` is the room that the answers to requests under way may need, by the sequence of their
        intents.
        """
        line = encode_line(state_format.encode_object(state_format.CODEC.encode(header)))
        file = disk.create(path)
        try:
            journal = cls(file, end=0, size=0, owed=dict(owed))
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
        writes over it.

        Only what may still be refused takes room: for an intent or a note the file grows first, an
        answer is written into what is there.
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
        """Lets the file go. Raises `OSError`."""
        self.file.close()

    def trim(self) -> None:
        """Gives back the room that was not used. Raises `OSError`."""
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
        # what is left of appends that failed would look like damage
        blank = bytes(max(0, self.stained - end))
        self.stained = max(self.stained, end)
        self.file.write(self.end, line + blank)
        self.file.sync()
        self.end = self.stained = end


def _readable(record: Record) -> bytes:
    payload = state_format.encode_record(record)
    try:
        state_format.decode_record(payload)
    except StateDamaged as error:  # a mistake of ours, found before it does harm
        raise AssertionError(f"a record was made that could not be read again: {error}") from error
    return payload
