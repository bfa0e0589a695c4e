"""When a request to a forge is sent again, and how long that waits.

A request that the forge did not take, because there were too many, is sent again after the time
that the forge names. One whose outcome is unknown is sent again only if twice is the same as once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import ForgeError

T = TypeVar("T")

LIMIT_WAIT_SECONDS_MAX = 300.0
"""The longest time that one request waits for a limit of the forge."""

UNNAMED_LIMIT_SECONDS = 60.0
"""The time to wait if the forge names none: what GitHub asks for at its secondary limits."""

_PAUSES = (1.0, 3.0, 8.0)
"""The pauses before a request is sent again that failed, in seconds."""


def _no_report(text: str) -> None:
    pass


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@dataclass(frozen=True, slots=True)
class ForgeWaits:
    """The clock in unix seconds, how to wait, and who is shown why a request waits."""

    now: Callable[[], float] = time.time
    wait: Callable[[float], None] = _wait
    report: Callable[[str], None] = _no_report


class ForgeRefusal(Exception):
    """The forge answered with an error. `headers` have lower-case names; `text` is what the forge
    says, for people, without the token.
    """

    def __init__(self, status: int, headers: Mapping[str, str], text: str = "") -> None:
        super().__init__(status)
        self.status, self.headers, self.text = status, headers, text


class ForgeUnreachable(Exception):
    """No answer came. `was_sent` is whether the request may have reached the forge."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.reason, self.was_sent = reason, was_sent


def send(place: str, waits: ForgeWaits, attempt: Callable[[], T], *, is_repeatable: bool) -> T:
    """What `attempt` returns. `is_repeatable` is whether sending it twice is the same as once.

    Raises the last `ForgeRefusal` or `ForgeUnreachable`, and `ForgeError` if the forge takes no
    more requests for longer than `LIMIT_WAIT_SECONDS_MAX`.
    """
    waited, pauses = 0.0, iter(_PAUSES)
    while True:
        try:
            return attempt()
        except ForgeRefusal as refusal:
            seconds = limit_seconds(refusal, waits.now())
            if seconds is not None:
                if waited + seconds > LIMIT_WAIT_SECONDS_MAX:
                    raise _limited(place, seconds) from None
                waited += seconds
                waits.report(
                    msg(
                        "{place} accepts no more requests for now; waiting {seconds:.0f} s",
                        place=place,
                        seconds=seconds,
                    )
                )
            elif refusal.status >= 500 and is_repeatable:
                seconds = next(pauses, None)
                if seconds is None:
                    raise
            else:
                raise
        except ForgeUnreachable as lost:
            seconds = next(pauses, None) if is_repeatable or not lost.was_sent else None
            if seconds is None:
                raise
        waits.wait(seconds)


def limit_seconds(refusal: ForgeRefusal, now: float) -> float | None:
    """How long to wait before a request is sent again that exceeded a limit; None if it did not."""
    headers = refusal.headers
    is_used_up = headers.get("x-ratelimit-remaining", "").strip() == "0"
    is_secondary = "rate limit" in refusal.text.lower()
    if refusal.status != 429 and not (
        refusal.status == 403 and ("retry-after" in headers or is_used_up or is_secondary)
    ):
        return None
    after = _after(headers.get("retry-after", ""), now)
    if after is None and (is_used_up or refusal.status == 429):
        # One second more: the limit ends at some time within that second.
        resets = (headers.get(name, "") for name in ("x-ratelimit-reset", "ratelimit-reset"))
        after = next((float(text) + 1 - now for text in resets if text.isdecimal()), None)
    return UNNAMED_LIMIT_SECONDS if after is None else max(after, 1.0)


def _after(text: str, now: float) -> float | None:
    """The seconds of a `Retry-After`, which is a number or a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


def _limited(place: str, seconds: float) -> ForgeError:
    return ForgeError(
        msg(
            "{place} accepts no more requests for {minutes:.0f} min",
            place=place,
            minutes=max(seconds / 60, 1),
        ),
        hint=msg("run the command again after that; a token of its own has a limit of its own"),
    )
