"""Operations on a place that are tried again: what to do if it gives no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import PlaceUnusable
from reconciler.store.objects.port import AccessRefused, ObjectStoreError
from reconciler.store.shared.log.store_clock import StoreClock

READ_SECONDS = 15.0
"""For how long a read is tried again."""

_FIRST_PAUSE_SECONDS = 0.5
_PAUSE_SECONDS_MAX = 10.0
_NOTICE_SECONDS = 10.0

HINT_AWAY = msg("check the network and the place, then run the command again")

T = TypeVar("T")
Notify = Callable[[str], None]


@dataclass(slots=True)
class Retries:
    """Pauses that grow until the time is over. The user is informed of the wait."""

    clock: StoreClock
    notify: Notify
    until: float
    pause: float = _FIRST_PAUSE_SECONDS
    noticed: float | None = None

    @classmethod
    def of(cls, clock: StoreClock, notify: Notify, seconds: float) -> Retries:
        """One that begins now."""
        return cls(clock, notify, clock.monotonic() + seconds)

    def wait(self, failure: ObjectStoreError) -> bool:
        """Waits before the next try; False if the time is over."""
        now = self.clock.monotonic()
        if now >= self.until:
            return False
        if self.noticed is None or now >= self.noticed + _NOTICE_SECONDS:
            self.noticed = now
            self.notify(msg("waiting for the place of the state: {reason}", reason=str(failure)))
        self.clock.sleep(min(self.pause, max(self.until - now, 0.001)))
        self.pause = min(self.pause * 2, _PAUSE_SECONDS_MAX)
        return True


def read_again(action: Callable[[], T], clock: StoreClock, notify: Notify) -> T:
    """The result of an action that only reads. Raises `PlaceUnusable` if the place refuses it, or
    gives no answer for `READ_SECONDS`.
    """
    retries = Retries.of(clock, notify, READ_SECONDS)
    while True:
        try:
            return action()
        except AccessRefused as error:
            raise unusable(error) from error
        except ObjectStoreError as error:
            if not retries.wait(error):
                raise unusable(error) from error


def unusable(error: ObjectStoreError) -> PlaceUnusable:
    """The error for whoever cannot use the place."""
    message = msg("the place of the state cannot be used: {reason}", reason=str(error))
    return PlaceUnusable(message, hint=error.hint or HINT_AWAY)


def batches(positions: range, size: int) -> Iterator[range]:
    """The positions in groups of at most `size`, in order."""
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
