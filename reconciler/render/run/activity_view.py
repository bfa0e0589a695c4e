"""What a command does before and between its writes: at a terminal a line with a spinner that is
redrawn, elsewhere a line for each wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from reconciler.common.text import Text, msg
from reconciler.model.events import (
    Activity,
    ActivityEnded,
    LockWait,
    Planning,
    QuotaWait,
    ReadProgress,
    RetryWait,
)
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.run.live_area import Area
from reconciler.render.run.screen import Line, Style, Tone

SHOWN_AFTER_SECONDS = 0.5
"""What takes less is not shown: it would flicker."""

GAP_SECONDS_MAX = 0.5
"""Activities with a shorter pause between them count as one."""

HEARTBEAT_SECONDS = 30.0
_FRAMES, _ASCII_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_FRAMES_A_SECOND = 10


def spinner(now: float, *, ascii: bool) -> str:
    """The sign that turns, at a monotonic second."""
    frames = _ASCII_FRAMES if ascii else _FRAMES
    return frames[int(now * _FRAMES_A_SECOND) % len(frames)]


def quota_wait(seconds: float) -> Text:
    """That the request quota is waited for."""
    return msg("waiting {seconds} s for the request quota", seconds=math.ceil(seconds))


def _read(progress: ReadProgress) -> str:
    return phrase(
        "Reading the account: {done} of {calls}",
        done=progress.done,
        calls=format.count(progress.expected, "api-call"),
    )


def _retry_wait(seconds: float) -> str:
    return phrase("no usable answer yet: asking again in {seconds} s", seconds=math.ceil(seconds))


class ActivityLine:
    """One line at a terminal: what the command does, and what it waits for, with a countdown."""

    def __init__(self, area: Area, style: Style, *, now: Callable[[], float]) -> None:
        self._area, self._style, self._now = area, style, now
        self._activity: Activity = ActivityEnded()
        self._wait: QuotaWait | RetryWait | None = None
        self._began = self._at = -math.inf

    def __call__(self, activity: Activity) -> None:
        now = self._now()
        with self._area.changing():
            if isinstance(self._activity, ActivityEnded) and now - self._at > GAP_SECONDS_MAX:
                self._began = now
            self._at = now
            if isinstance(activity, QuotaWait | RetryWait):
                self._wait = activity
            else:
                self._activity, self._wait = activity, None
        if not isinstance(activity, ActivityEnded):
            self._area.add(self.lines)
        else:
            self._area.tick()

    def lines(self, now: float, columns: int) -> Sequence[Line]:
        """The line at a monotonic second; none for what has just begun."""
        del columns
        if isinstance(self._activity, ActivityEnded) or now - self._began < SHOWN_AFTER_SECONDS:
            return ()
        sign = spinner(now, ascii=self._style.ascii)
        return (Line(f"{sign} {self._text(now)}", Tone.FAINT),)

    def close(self) -> None:
        """Takes the line away."""
        self._area.remove(self.lines)

    def _text(self, now: float) -> str:
        match self._activity:
            case ReadProgress():
                text, wait = _read(self._activity), self._wait_text(now)
                return f"{text}; {wait}" if wait else text
            case LockWait():
                left = max(self._at + self._activity.seconds - now, 0.0)
                return phrase(
                    "Waiting for the lock, at most {duration}: {holder}",
                    duration=format.duration(math.ceil(left)),
                    holder=self._activity.holder,
                )
            case Planning():
                return phrase("Computing the plan")
            case _:
                return ""

    def _wait_text(self, now: float) -> str:
        wait = self._wait
        left = 0.0 if wait is None else self._at + wait.seconds - now
        if wait is None or left <= 0.0:
            return ""
        return quota_wait(left) if isinstance(wait, QuotaWait) else _retry_wait(left)


class ActivityLog:
    """Lines for a pipe or a log: each kind of wait once, but each wait for a lock, and every half
    minute how far a reading is.
    """

    def __init__(self, write: Callable[[Sequence[Line]], None], now: Callable[[], float]) -> None:
        self._write, self._now = write, now
        self._noticed: set[type[Activity] | LockWait] = set()
        self._written: float | None = None

    def __call__(self, activity: Activity) -> None:
        now = self._now()
        self._written = now if self._written is None else self._written
        match activity:
            case LockWait() if activity not in self._noticed:
                self._noticed.add(activity)
                self._line(self._wait_text(activity), now)
            case QuotaWait() | RetryWait() if type(activity) not in self._noticed:
                self._noticed.add(type(activity))
                self._line(self._wait_text(activity), now)
            case ReadProgress() if now - self._written >= HEARTBEAT_SECONDS:
                self._line(_read(activity), now)
            case _:
                pass

    def close(self) -> None:
        """Does nothing: every line is whole when it is written."""

    def _line(self, text: str, now: float) -> None:
        self._written = now
        self._write([Line(f" {text}", Tone.FAINT)])

    def _wait_text(self, wait: QuotaWait | RetryWait | LockWait) -> str:
        match wait:
            case QuotaWait():
                return phrase(
                    "the request quota is used up: sending the next request in {seconds} s",
                    seconds=math.ceil(wait.seconds),
                )
            case RetryWait():
                return _retry_wait(wait.seconds)
            case LockWait():
                return phrase(
                    "waiting for the lock, at most {duration}: {holder}",
                    duration=format.duration(wait.seconds),
                    holder=escape.outside(wait.holder),
                )
