"""The port to small notes beside a state. Losing one must never do harm: nothing of the state
depends on them.
"""

from __future__ import annotations

from typing import Protocol

NOTE_BYTES_MAX = 1024 * 1024


class Notes(Protocol):
    """Notes of one stack and environment by name. The last one written is there; no method takes a
    lock.
    """

    def read(self, name: str) -> bytes | None:
        """The note, or None if there is none. Raises `StoreError`."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Writes a note in place of the one before, as a whole. Raises `RecordFailed`."""
        ...


class KeepsNotes(Protocol):
    """A store that keeps notes."""

    @property
    def notes(self) -> Notes:
        """The notes beside the state."""
        ...
