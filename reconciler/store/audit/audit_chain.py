"""The records of the audit log: their form, and whether they are a whole chain.

A record is one canonical JSON text. It has its own checksum, and as `previous` the SHA-256 of the
whole text before it. So whoever changes one must write all later ones again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import Codec, DecodeError
from reconciler.common.text import msg
from reconciler.model.ports import StateNewer
from reconciler.model.ports.audit_ports import (
    AuditFault,
    AuditFaultKind,
    AuditRecord,
    AuditTrail,
)
from reconciler.model.review.audit_entry import AuditEntry
from reconciler.store.state_format import HINT_NEWER

RECORD_BYTES_MAX = 256 * 1024
FORMAT = 1

_CODEC = Codec(strict=True)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A record as it is written. `token` is a text that no other record has, so that a writer knows
    its own; `checksum` is that of all other members.
    """

    format: int
    position: int
    previous: str | None
    token: str
    entry: AuditEntry
    checksum: str = ""


def sealed(entry: AuditEntry, position: int, previous: str | None, token: str) -> bytes:
    """The record of an entry, whose predecessor has the hash `previous`."""
    made = _Sealed(FORMAT, position, previous, token, entry)
    return _text(replace(made, checksum=_checksum(_CODEC.encode(made)))).encode()


def hash_of(data: bytes) -> str:
    """The SHA-256 of a record, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def record_of(data: bytes) -> AuditRecord:
    """The record that a text spells. Raises ValueError if it was changed, `StateNewer`."""
    found = _opened(data)
    return AuditRecord(found.position, hash_of(data), found.previous, found.entry)


def trail_of(texts: Mapping[int, bytes], others: Iterable[str] = ()) -> AuditTrail:
    """The log of these records by position. `others` are the names of what is not a record. Raises
    `StateNewer`.
    """
    records, faults = list[AuditRecord](), list[AuditFault]()
    before: tuple[int, str] | None = None
    for position, data in sorted(texts.items()):
        after = 0 if before is None else before[0]
        if position != after + 1:
            faults.append(_missing(after + 1))
        try:
            record = record_of(data)
        except ValueError:
            faults.append(_changed(position))
        else:
            is_next = position == after + 1
            fault = _fault_of(record, position, before, is_next=is_next)
            faults += [fault] if fault is not None else []
            records.append(replace(record, position=position))
        before = (position, hash_of(data))
    faults.sort(key=lambda fault: fault.position)
    faults += [_foreign(name, len(texts)) for name in sorted(others)]
    return AuditTrail(tuple(records), faults[0] if faults else None)


def _fault_of(
    record: AuditRecord, position: int, before: tuple[int, str] | None, *, is_next: bool
) -> AuditFault | None:
    if record.position != position:
        message = msg(
            "entry {position} is not in its place: it was written as entry {other}",
            position=position,
            other=record.position,
        )
        return AuditFault(AuditFaultKind.MOVED, position, message)
    if before is None and is_next and record.previous is not None:
        message = msg("entry 1 is not the beginning of a log: it was replaced")
        return AuditFault(AuditFaultKind.REPLACED, position, message)
    if before is not None and is_next and record.previous != before[1]:
        message = msg(
            "entry {position} does not follow entry {other}: one of the two was replaced",
            position=position,
            other=before[0],
        )
        return AuditFault(AuditFaultKind.REPLACED, position, message)
    return None


def _missing(position: int) -> AuditFault:
    message = msg("entry {position} is missing", position=position)
    return AuditFault(AuditFaultKind.MISSING, position, message)


def _changed(position: int) -> AuditFault:
    message = msg("entry {position} was changed after it was written", position=position)
    return AuditFault(AuditFaultKind.CHANGED, position, message)


def _foreign(name: str, position: int) -> AuditFault:
    message = msg("{name} is among the entries, but is none", name=name)
    return AuditFault(AuditFaultKind.FOREIGN, position, message)


def _opened(data: bytes) -> _Sealed:
    document = json_text.parse(data)
    if not isinstance(document, dict):
        raise DecodeError("{place} is not an object")
    format = document.get("format")
    if type(format) is int and format > FORMAT:
        message = msg("the audit log was written by a newer version of reconciler")
        raise StateNewer(message, hint=HINT_NEWER)
    if json_text.canonical(document).encode() != data:
        raise DecodeError("{place} is not as it was written")
    found: _Sealed = _CODEC.decode(_Sealed, document)
    if found.checksum != _checksum(document) or found.position < 1:
        raise DecodeError("{place} does not have its checksum")
    return found


def _checksum(document: Mapping[str, Any]) -> str:
    return json_text.checksum({key: document[key] for key in document if key != "checksum"})


def _text(record: _Sealed) -> str:
    return json_text.canonical(_CODEC.encode(record))
