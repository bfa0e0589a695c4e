"""Windows in which an apply may begin: against a slow reference, over zones and summer time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.config.project import windows
from reconciler.config.project.project import Window

EVERY_DAY = frozenset(range(7))
MINUTE = 60

CHANGES = (
    ("Asia/Seoul", "1988-10-08T17:00"),  # the last change of its clock
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Asia/Beirut", "2026-03-28T22:00"),  # at midnight: the day begins at 01:00
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),  # left out a Friday
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("Asia/Kathmandu", "2026-05-01T00:00"),  # never changes, and is 45 minutes off
)
"""Zones, and a moment near which their clock is changed."""


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def window(days: str, start: str, end: str, zone: str = "Asia/Seoul") -> Window:
    numbers = frozenset(int(each) for each in days)
    minutes = [int(each[:2]) * 60 + int(each[3:]) for each in (start, end)]
    return Window(numbers, minutes[0], minutes[1], zone)


def minutes_of_week(each: Window) -> frozenset[int]:
    """The minutes of the week, by the wall clock, that a window contains."""
    length = (each.end - each.start - 1) % (24 * 60) + 1
    first = [day * 24 * 60 + each.start for day in each.days]
    return frozenset((begin + more) % (7 * 24 * 60) for begin in first for more in range(length))


def slow_is_open(each: Window, table: frozenset[int], unix: float) -> bool:
    local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(each.zone))
    return (local.weekday() * 24 + local.hour) * 60 + local.minute in table


def slow_opening(each: Window, unix: float) -> float:
    table = minutes_of_week(each)
    while not slow_is_open(each, table, unix):
        unix += MINUTE - unix % MINUTE
    return unix


@st.composite
def cases(draw: st.DrawFn) -> tuple[Window, float]:
    zone, near = draw(st.sampled_from(CHANGES))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    start = draw(st.integers(0, 24 * 60 - 1) | st.sampled_from((0, 60, 90, 120, 150, 179)))
    end = draw(st.integers(0, 24 * 60) | st.sampled_from((0, 61, 100, 121, 180, 24 * 60)))
    late = draw(st.integers(-4 * 86400, 2 * 86400) | st.integers(-7200, 7200))
    return Window(days, start, end, zone), moment(near) + late


@settings(max_examples=40)
@given(cases())
def test_a_window_opens_when_the_clock_on_the_wall_says_so(case: tuple[Window, float]) -> None:
    each, unix = case
    assert windows.is_open([each], unix) == slow_is_open(each, minutes_of_week(each), unix)
    assert windows.next_opening([each], unix) == slow_opening(each, unix)


@settings(max_examples=10)
@given(cases(), cases())
@example(
    (window("0", "09:00", "10:00"), moment("2026-12-07T02:00")),
    (window("0", "08:00", "09:00", "America/New_York"), 0.0),
)
def test_the_first_of_several_windows_counts(
    case: tuple[Window, float], other: tuple[Window, float]
) -> None:
    one, unix = case
    both = [one, other[0]]
    assert windows.is_open(both, unix) == any(windows.is_open([each], unix) for each in both)
    expected = min(windows.next_opening([each], unix) for each in both)
    assert windows.next_opening(both, unix) == expected


def test_without_windows_it_is_always_open() -> None:
    assert windows.is_open([], 0.0)
    assert windows.next_opening([], 12.5) == 12.5


WEEK = window("0123", "10:00", "17:00")  # Monday to Thursday in Seoul
NIGHT = window("5", "22:00", "02:00")  # Saturday night


@pytest.mark.parametrize(
    ("each", "now", "opening", "text"),
    [
        (WEEK, "2026-12-07T00:59", "2026-12-07T01:00", "Mon 2026-12-07 10:00 Asia/Seoul"),
        (WEEK, "2026-12-07T01:00", None, "Mon 2026-12-07 10:00 Asia/Seoul"),
        (WEEK, "2026-12-07T07:59", None, "Mon 2026-12-07 16:59 Asia/Seoul"),
        (WEEK, "2026-12-07T08:00", "2026-12-08T01:00", "Tue 2026-12-08 10:00 Asia/Seoul"),
        (WEEK, "2026-12-10T08:00", "2026-12-14T01:00", "Mon 2026-12-14 10:00 Asia/Seoul"),
        (NIGHT, "2026-12-12T12:00", "2026-12-12T13:00", "Sat 2026-12-12 22:00 Asia/Seoul"),
        (NIGHT, "2026-12-12T16:59", None, "Sun 2026-12-13 01:59 Asia/Seoul"),
        (NIGHT, "2026-12-12T17:00", "2026-12-19T13:00", "Sat 2026-12-19 22:00 Asia/Seoul"),
        # 02:30 is left out: it opens as the clock jumps from 02:00 to 03:00
        (
            window("6", "02:30", "04:00", "Europe/Berlin"),
            "2026-03-29T00:00",
            "2026-03-29T01:00",
            "Sun 2026-03-29 03:00 Europe/Berlin",
        ),
        # left out as a whole: a week later
        (
            window("6", "02:10", "02:50", "Europe/Berlin"),
            "2026-03-29T00:00",
            "2026-04-05T00:10",
            "Sun 2026-04-05 02:10 Europe/Berlin",
        ),
        # comes twice
        (
            window("6", "02:10", "02:50", "Europe/Berlin"),
            "2026-10-25T00:50",
            "2026-10-25T01:10",
            "Sun 2026-10-25 02:10 Europe/Berlin",
        ),
        # that Friday did not exist in Samoa
        (
            window("4", "00:00", "24:00", "Pacific/Apia"),
            "2011-12-30T09:00",
            "2012-01-05T10:00",
            "Fri 2012-01-06 00:00 Pacific/Apia",
        ),
    ],
)
def test_the_next_opening(each: Window, now: str, opening: str | None, text: str) -> None:
    unix = moment(now)
    assert windows.is_open([each], unix) == (opening is None)
    expected = unix if opening is None else moment(opening)
    assert windows.next_opening([each], unix) == expected
    assert str(windows.opening_text([each], unix)) == text


def test_the_opening_is_shown_in_the_zone_of_the_window_that_opens() -> None:
    early = window("0", "09:00", "10:00", "Asia/Tokyo")
    late = window("0", "09:00", "10:00", "Europe/Paris")
    for both in ([early, late], [late, early]):
        text = str(windows.opening_text(both, moment("2026-12-06T00:00")))
        assert text == "Mon 2026-12-07 09:00 Asia/Tokyo"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Asia",
        "Asia/Soul",
        "../Asia/Seoul",
        "/etc/passwd",
        "Asia/Seoul\0",
        "a" * 300,
        "KST ",
        "서울",
    ],
)
def test_what_is_not_a_zone_is_refused(name: str) -> None:
    assert not windows.is_zone(name)
    assert windows.is_zone("Asia/Seoul") and windows.is_zone("UTC")
