"""What all readings have in common: one call at a time, and when a read is sent again
(contract#retry). Writes are never sent again.

After no answer (a cut connection, a 5xx, an answer that is not as documented) a read is sent again
after longer and longer waits. After a 429 it is sent again when the client allows it. After a 401
or 403 it is sent again once, unless the cloud does not know the key. Any other refusal is final.
Every count has a limit, and so has the time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from reconciler.common.text import msg
from reconciler.iwinv import errors
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused, Seen
from reconciler.model.resource_type import Call

ATTEMPTS_MAX = 5
UNSENT_ATTEMPTS_MAX = 3
"""Fewer if nothing was sent: a wrong endpoint or a missing network should show soon."""

RATE_ATTEMPTS_MAX = 12
"""A 429 does not depend on the read itself: it is sent again for about five minutes."""

UNANSWERED_SECONDS_MAX = 60.0
"""After so long without a usable answer a read is not sent again. A read whose answer trickles in
until the time limit is then not sent five times.
"""

FORBIDDEN_DELAY_SECONDS = 10.0
"""The wait before the one retry of a read that was answered 403."""

_BACKOFF_SECONDS = 1.0
_BACKOFF_SECONDS_MAX = 20.0


class Retry:
    """Counts the failed attempts of one read. `doing` is for messages (`reading the list of
    instances`); `time_scale` divides the waits.
    """

    def __init__(self, doing: str, time_scale: float) -> None:
        self._doing = doing
        self._time_scale = time_scale
        self._attempts = 0
        self._rate_attempts = 0
        self._refusals = 0
        self._unanswered_since: float | None = None

    def succeeded(self) -> None:
        """Starts the count of failures again, after a usable answer."""
        self._attempts, self._unanswered_since = 0, None

    def after_refusal(self, answer: Refused, now: float) -> float | Problem:
        """The time at which to send again, or the problem that ends the read."""
        if answer.status == 429:
            self._rate_attempts += 1
            if self._rate_attempts <= RATE_ATTEMPTS_MAX:
                return now  # the client keeps the wait that was asked for
        elif (
            answer.status in (401, 403) and self._refusals < 1 and not errors.is_unknown_key(answer)
        ):
            # A new signature cures a clock that was just set; a 403 has causes that pass.
            self._refusals += 1
            delay = 0.0 if answer.status == 401 else FORBIDDEN_DELAY_SECONDS
            return now + delay / self._time_scale
        return errors.explain(answer, self._doing)

    def after_no_answer(self, answer: NoAnswer, now: float) -> float | Problem:
        """The same if it is not known what became of the call."""
        message = msg("{doing} failed: {reason}", doing=self._doing, reason=answer.reason)
        return self._again(now, message, ATTEMPTS_MAX if answer.sent else UNSENT_ATTEMPTS_MAX)

    def after_undocumented(self, reason: str, now: float) -> float | Problem:
        """The same if the answer is not as documented."""
        message = msg(
            "{doing} failed: the answer is not as documented ({reason})",
            doing=self._doing,
            reason=reason,
        )
        return self._again(now, message, ATTEMPTS_MAX)

    def _again(self, now: float, message: str, attempts_max: int) -> float | Problem:
        self._attempts += 1
        since = self._unanswered_since = (
            now if self._unanswered_since is None else self._unanswered_since
        )
        if self._attempts >= attempts_max or now - since >= UNANSWERED_SECONDS_MAX:
            return error(
                "cloud",
                message,
                hint=msg(
                    "{attempts} attempts failed; check the endpoint, or try again later",
                    attempts=self._attempts,
                ),
            )
        wait: float = min(_BACKOFF_SECONDS * 2.0 ** (self._attempts - 1), _BACKOFF_SECONDS_MAX)
        return now + wait / self._time_scale


class BaseReading(ABC):
    """A reading as the port `Reading` describes it, without I/O.

    A subclass gives the call to send (`_call`) and takes a success (`_accept`) and a refusal
    (`_refuse`). It ends the reading by setting `seen` or `failure`.
    """

    def __init__(self, what: str, doing: str, time_scale: float) -> None:
        self.what = what
        self.seen: Seen | None = None
        self.failure: Problem | None = None
        self._retry = Retry(doing, time_scale)
        self._in_flight = False
        self._due = -math.inf

    @property
    def done(self) -> bool:
        """Whether the reading has ended, with or without success."""
        return self.seen is not None or self.failure is not None

    @property
    def calls_left(self) -> int:
        """How many more calls are expected: one until it has ended, if no more is known."""
        return 0 if self.done else 1

    def next_call(self, now: float) -> Call | None:
        """The call that is due, or None if one is in flight, a wait is on, or the reading has
        ended. `now` is monotonic seconds.
        """
        if self.done or self._in_flight or now < self._due:
            return None
        self._in_flight = True
        return self._call(now)

    def wake_in(self, now: float) -> float:
        """Seconds until a call is due; infinite while one is in flight or after the end."""
        return math.inf if self.done or self._in_flight else max(self._due - now, 0.0)

    def take(self, answer: Answer, now: float) -> None:
        """Takes the answer to the last call."""
        self._in_flight = False
        match answer:
            case Accepted():
                try:
                    self._accept(answer, now)
                except ValueError as failure:
                    self._continue(self._retry.after_undocumented(str(failure), now))
            case Refused():
                if not self._refuse(answer):
                    self._continue(self._retry.after_refusal(answer, now))
            case NoAnswer():
                self._continue(self._retry.after_no_answer(answer, now))

    def _continue(self, verdict: float | Problem) -> None:
        if isinstance(verdict, Problem):
            self.failure = verdict
        else:
            self._due = verdict

    @abstractmethod
    def _call(self, now: float) -> Call:
        """The call to send next."""

    @abstractmethod
    def _accept(self, answer: Accepted, now: float) -> None:
        """Takes a success. Raises ValueError if it is not as the contract promises."""

    def _refuse(self, answer: Refused) -> bool:
        """Whether the refusal ends the reading in a known way; otherwise it may be sent again."""
        return False
