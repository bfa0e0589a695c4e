"""The machine's clock, and the times that HTTP headers carry."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def time(self) -> float:
        """Unix seconds by this machine's clock."""
        return time.time()


def moment(text: str) -> float | None:
    """The unix second of an HTTP date, None if the text is not a date."""
    try:
        found = parsedate_to_datetime(text)
        # `-0000` is UTC too, not this machine's zone.
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return found.timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):  # by version of the library
        return None
