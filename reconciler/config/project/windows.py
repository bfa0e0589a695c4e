"""The times at which an apply may begin: whether a moment is in a window, and when the next one
opens. A window counts by the wall clock of its zone, through changes of summer time: an hour that
comes twice is in it twice, and a time that is left out opens it as soon as the clock jumps over it.
"""

from __future__ import annotations

import datetime
import math
import re
import zoneinfo
from collections.abc import Iterable, Iterator

from reconciler.common.text import msg
from reconciler.config.project.project import Window

_DAY = 86400
_HOUR = 3600
_AHEAD_DAYS = 23
"""How far ahead an opening is looked for: a day of the week may be left out by a change of time."""

_DAY_NAMES = (
    msg("Mon"),
    msg("Tue"),
    msg("Wed"),
    msg("Thu"),
    msg("Fri"),
    msg("Sat"),
    msg("Sun"),
)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def is_zone(name: str) -> bool:
    """Whether the data of time zones have that name."""
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (OSError, ValueError):  # what is not a file of a zone, such as `Asia`
        return False
    except zoneinfo.ZoneInfoNotFoundError:
        return False
    return True


def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(zoneinfo.available_timezones())


def is_open(windows: Iterable[Window], unix: float) -> bool:
    """Whether an apply may begin at a moment. Without windows it always may."""
    windows = tuple(windows)
    return not windows or any(_contains(window, unix) for window in windows)


def next_opening(windows: Iterable[Window], unix: float) -> float:
    """The first moment from `unix` on at which an apply may begin, in unix seconds."""
    windows = tuple(windows)
    if is_open(windows, unix):
        return unix
    return min(_opening(window, unix) for window in windows)


def opening_text(windows: Iterable[Window], unix: float) -> str:
    """The next opening for people, in the zone of the window that opens."""
    windows = tuple(windows)
    moment = next_opening(windows, unix)
    zone = next((each.zone for each in windows if _contains(each, moment)), "UTC")
    return moment_text(moment, zone)


def moment_text(unix: float, zone: str) -> str:
    """A moment for people, by the wall clock of a zone: `Mon 2026-12-07 10:00 Asia/Seoul`. Seconds
    are rounded up.
    """
    local = _local(math.ceil(unix / 60) * 60, zone)
    return msg(
        "{day} {date} {time} {zone}",
        day=_DAY_NAMES[local.weekday()],
        date=f"{local:%Y-%m-%d}",
        time=f"{local:%H:%M}",
        zone=zone,
    )


def _contains(window: Window, unix: float) -> bool:
    local = _local(unix, window.zone)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    if window.start < window.end:
        return today in window.days and window.start <= minute < window.end
    yesterday = (today - 1) % 7
    return (today in window.days and minute >= window.start) or (
        yesterday in window.days and minute < window.end
    )


def _opening(window: Window, unix: float) -> float:
    """The first moment of a window that is closed at `unix`. It opens at its start by the wall
    clock, or at midnight between two of its days, or when the clock is changed.
    """
    end = unix + _AHEAD_DAYS * _DAY
    moments = (*_starts(window, unix), *_changes(window.zone, unix, end))
    found = [each for each in moments if each > unix and _contains(window, each)]
    return min(found, default=end)


def _starts(window: Window, unix: float) -> Iterator[float]:
    """The starts of a window in the days around and after a moment, both times if the time comes
    twice. A time that is left out gives no useful moment: the change of the clock does.
    """
    zone = zoneinfo.ZoneInfo(window.zone)
    first = _local(unix, window.zone).date()
    for day in range(_AHEAD_DAYS + 1):
        date = first + datetime.timedelta(days=day)
        time = datetime.time(window.start // 60, window.start % 60)
        for fold in (0, 1):
            yield datetime.datetime.combine(date, time.replace(fold=fold), zone).timestamp()


def _changes(name: str, begin: float, end: float) -> Iterator[float]:
    """The moments in between at which the clock of a zone is changed, each to the second."""
    for low in range(math.floor(begin), math.ceil(end), _HOUR):
        high = low + _HOUR
        before = _offset(low, name)
        if _offset(high, name) == before:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(middle, name) == before else (low, middle)
        yield float(high)


def _local(unix: float, zone: str) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix, zoneinfo.ZoneInfo(zone))


def _offset(unix: float, zone: str) -> datetime.timedelta | None:
    return _local(unix, zone).utcoffset()
