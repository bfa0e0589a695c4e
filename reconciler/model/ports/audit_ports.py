"""The port to the audit log of a project: entries that are appended and never changed, each with
the hash of the one before it.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.review.audit_entry import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry in its place. `hash` is the SHA-256 of the whole record, which the next one has as
    `previous`; that of the first is None.
    """

    position: int
    hash: str
    previous: str | None
    entry: AuditEntry


class AuditFaultKind(Enum):
    """What is wrong with a log."""

    CHANGED = "changed"
    MISSING = "missing"
    MOVED = "moved"
    REPLACED = "replaced"
    FOREIGN = "foreign"
    CUT = "cut"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AuditFault:
    """The first thing that is wrong with a log: at which position, and what, for people."""

    kind: AuditFaultKind
    position: int
    message: str


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The whole log, in the order of its positions. Records that cannot be read are left out;
    `fault` names the first that is wrong, None if the chain is whole.
    """

    records: tuple[AuditRecord, ...] = ()
    fault: AuditFault | None = None

    @property
    def last(self) -> AuditRecord | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    def missing_from(self, position: int, hash: str) -> AuditFault | None:
        """What is wrong if there was a record with that position and hash: the end of the log was
        cut off, or the log was written again. None if the record is there.
        """
        found = {record.position: record for record in self.records}.get(position)
        if found is None:
            message = msg(
                "entry {position} is missing: the end of the log was cut off", position=position
            )
            return AuditFault(AuditFaultKind.CUT, position, message)
        if found.hash != hash:
            message = msg(
                "entry {position} has another hash than expected: the log was written again",
                position=position,
            )
            return AuditFault(AuditFaultKind.OTHER, position, message)
        return None


class AuditLog(Protocol):
    """The audit log of a project. It takes no lock."""

    @property
    def location(self) -> str:
        """Where the log is, for people: the path of a folder, or a URL without secrets."""
        ...

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Appends an entry at the next position, durably, and returns what was written. Two writers
        never get one position.

        Raises `PlaceUnusable`, and `RecordFailed`, whose text says if the entry may have been
        written.
        """
        ...

    def entries(self) -> AuditTrail:
        """The whole log. Raises `PlaceUnusable`, `StateDamaged` if it cannot be read at all, and
        `StateNewer`.
        """
        ...


class KeepsAudit(Protocol):
    """A place that has the audit log of its project."""

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...
