"""The notes in a place of objects. The last one wins, so every operation may be done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed
from reconciler.store.notes import FOLDER
from reconciler.store.objects.port import ObjectStore, ObjectStoreError, Unreachable, Unsure
from reconciler.store.shared.log.retry_reads import HINT_AWAY, unusable

_TRIES = 3

T = TypeVar("T")


class ObjectNotes:
    """The notes of a stack in a place. `opened` gives a connection to it, which is closed after
    each call; `prefix` is where the stack's keys begin, with a `/` at its end.
    """

    def __init__(self, opened: Callable[[], ObjectStore], prefix: str) -> None:
        self._opened, self._prefix = opened, f"{prefix}{FOLDER}/"

    def read(self, name: str) -> bytes | None:
        """The note, or None if there is none. Raises `PlaceUnusable`."""
        key = f"{self._prefix}{name}"
        try:
            return self._tried(lambda place: place.read(key)).get(key)
        except ObjectStoreError as error:
            raise unusable(error) from error

    def write(self, name: str, data: bytes) -> None:
        """Writes a note in place of the one before, as a whole. Raises `RecordFailed`."""
        try:
            self._tried(lambda place: place.replace(f"{self._prefix}{name}", data))
        except ObjectStoreError as error:
            message = msg("a note cannot be written beside the state: {reason}", reason=error)
            raise RecordFailed(message, hint=error.hint or HINT_AWAY) from error

    def _tried(self, work: Callable[[ObjectStore], T]) -> T:
        """The result of an operation, which is tried again if its outcome is not known."""
        place = self._opened()
        try:
            for _ in range(_TRIES - 1):
                try:
                    return work(place)
                except (Unreachable, Unsure):
                    continue
            return work(place)
        finally:
            place.close()
