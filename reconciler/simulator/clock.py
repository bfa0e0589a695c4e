"""Time: what the cloud prints, and a clock that moves only by request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

# Korea Standard Time, in which the API prints every date (contract#values).
KST = timezone(timedelta(hours=9))

# The latest unix second of a world, in the year 5138: later ones soon have no date that can be
# printed.
TIME_MAX = 100_000_000_000.0

# Seconds of the day by which objects are charged.
DAY = 86_400.0


@dataclass
class VirtualClock:
    """Unix seconds that advance only by `advance` or `sleep`: the clock of tests in process."""

    now: float = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    sleep = advance


def print_time(seconds: float) -> str:
    """`YYYY-MM-DD HH:MM:SS` without a zone, as instances and keys carry it."""
    return datetime.fromtimestamp(seconds, KST).strftime("%Y-%m-%d %H:%M:%S")


def read_time(text: str) -> float:
    """The unix second of a time as `print_time` writes it."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST).timestamp()


def print_date(seconds: float) -> str:
    """`YYYY-MM-DD`, as bills carry it."""
    return datetime.fromtimestamp(seconds, KST).strftime("%Y-%m-%d")


def month_start(seconds: float) -> float:
    """The unix second at which the month of this moment began in Korea."""
    today = datetime.fromtimestamp(seconds, KST)
    return today.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def next_month(seconds: float) -> float:
    """The unix second at which the month after this moment's begins in Korea."""
    return month_start(month_start(seconds) + 32 * DAY)
