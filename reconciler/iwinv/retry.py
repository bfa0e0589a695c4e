"""Patience: when a read is asked again and when it is given up. Reads may be resent, writes never
are (contract#retry).

The one rule: no answer (a cut connection, a 5xx, what cannot be read) is asked again after longer
and longer waits; 429 after the wait that the exchange keeps; 401 and 403 once more, but for a key
that the cloud does not know; any other refusal is final. Every count has a limit, and so has the
time.
"""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.iwinv import refusals
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import NoAnswer, Refused

ATTEMPTS_MAX = 5
UNSENT_ATTEMPTS_MAX = 3
"""Fewer where nothing even left: a wrong endpoint or a missing network should show soon."""

RATE_ATTEMPTS_MAX = 12
"""A 429 says nothing against the read itself: it is asked again for about five minutes."""

UNANSWERED_SECONDS_MAX = 60.0
"""After so long without a usable answer a read is not asked again: one that drips through its time
limit is not sent five times.
"""

_BACKOFF_SECONDS = 1.0
_BACKOFF_SECONDS_MAX = 20.0


class Retry:
    """How often one read was asked in vain. `doing` is for the message (`reading the list of
    instances`).
    """

    def __init__(self, doing: str, time_scale: float) -> None:
        self._doing = doing
        self._time_scale = time_scale
        self._attempts = 0
        self._rate_attempts = 0
        self._refusals = 0
        self._silent_since: float | None = None

    def went_well(self) -> None:
        """An answer was usable; failures count anew."""
        self._attempts, self._silent_since = 0, None

    def after_refusal(self, answer: Refused, now: float) -> float | Problem:
        """The time at which to ask again, or the problem that ends it."""
        if answer.status == 429:
            self._rate_attempts += 1
            if self._rate_attempts <= RATE_ATTEMPTS_MAX:
                return now  # the exchange keeps the wait that was asked for
        elif (
            answer.status in (401, 403)
            and self._refusals < 1
            and not refusals.is_unknown_key(answer)
        ):
            # Signed anew, a clock that stepped is right again; a 403 has causes that pass.
            self._refusals += 1
            return now + (
                0.0 if answer.status == 401 else refusals.DELAY_SECONDS / self._time_scale
            )
        return refusals.explain(answer, self._doing)

    def after_silence(self, answer: NoAnswer, now: float) -> float | Problem:
        """The same where nothing is known of the call."""
        return self._again(
            now,
            f"{self._doing} failed: {answer.reason}",
            ATTEMPTS_MAX if answer.sent else UNSENT_ATTEMPTS_MAX,
        )

    def after_garbage(self, reason: str, now: float) -> float | Problem:
        """The same where the answer is not as documented."""
        return self._again(
            now, f"{self._doing} failed: the answer is not as documented ({reason})", ATTEMPTS_MAX
        )

    def _again(self, now: float, message: str, attempts_max: int) -> float | Problem:
        self._attempts += 1
        since = self._silent_since = now if self._silent_since is None else self._silent_since
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
