"""The client: it signs and sends calls, keeps to the quota, and judges answers. It never sends
anything again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import IN_FLIGHT_MAX, LATENCY_SECONDS, OVERHEAD_SECONDS, Throughput
from reconciler.iwinv import envelope, signing
from reconciler.iwinv.clock import moment
from reconciler.model import http
from reconciler.model.ports import Answer, Clock, Network, QuotaLog, Refused
from reconciler.model.resource_type import Call

PAUSES_SECONDS = (5.0, 10.0, 20.0, 40.0)
"""The waits after a 429 that does not name one: each is used once, in order (contract#limits)."""

PAUSE_SECONDS_MAX = 60.0
_JITTER_SECONDS = 2.0
_ANSWERS_MEASURED = 20
"""How many of the last answers show how long one takes."""

_KEY_LENGTH_MIN = 6
"""A shorter text is not a key, and may be part of any message."""

_SIGNATURE = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SLOT_SECONDS_MAX = 20.0
"""A slot held for longer without a send is given back: the log forgets slots after a while, and
must not forget one in use.
"""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long the client pauses after a 429. `time_scale` divides the pauses, as the local cloud
    divides its own; `jitter` returns numbers from 0 to 1.
    """

    time_scale: float = 1.0
    jitter: Callable[[], float] = lambda: 0.0


class _Latency:
    """How long answers take, and the calls that have none yet, by token, with the monotonic second
    of their send.
    """

    def __init__(self, limit: int, time_scale: float) -> None:
        self.sent = 0
        self.started: dict[int, float] = {}
        self._limit = limit
        self._time_scale = time_scale
        self._took: deque[float] = deque(maxlen=_ANSWERS_MEASURED)
        self._opening: set[int] = set()
        self._opened_in = math.inf

    def begin(self, token: int, now: float) -> None:
        """Notes that a call was sent. The first calls, as many as may be in flight together, open
        connections.
        """
        self.started[token] = now
        if self.sent < self._limit:
            self._opening.add(token)
        self.sent += 1

    def end(self, token: int, now: float) -> None:
        """Notes that an answer arrived."""
        started = self.started.pop(token, None)
        if started is None:
            return
        if token in self._opening:
            self._opening.discard(token)
            self._opened_in = min(self._opened_in, now - started)
        else:
            self._took.append(now - started)

    def seconds(self) -> float:
        """Seconds from a send to its answer, as is usual once connections are open."""
        usual = LATENCY_SECONDS / self._time_scale
        if self._took:
            return sorted(self._took)[len(self._took) // 2]
        # The first answers wait for connections, and for this program to load. They are an upper
        # bound, which the time scale of a faster cloud must not multiply.
        if self._opened_in < math.inf:
            return min(self._opened_in, max(self._opened_in / self._time_scale, usual))
        return usual


class _Slots:
    """When a call may be sent: after a pause that a 429 asked for, with a slot of the quota.
    `held`: a slot is reserved for the next send.
    """

    def __init__(self, clock: Clock, quota: QuotaLog, pacing: Pacing) -> None:
        self._clock, self._quota = clock, quota
        self._pauses = _Pauses(pacing)
        self.held = False
        self._held_since = 0.0
        self._ask_at = -math.inf

    def taken(self) -> tuple[float, ...]:
        """Seconds until each taken slot is free, without the slot that is held for the next
        send.
        """
        taken = list(self._quota.taken(self._clock.time()))
        held = [each for each in taken if each < math.inf] if self.held else []
        if held:
            taken.remove(max(held))
        return tuple(taken)

    def ready_in(self) -> float:
        """Seconds until a call may be sent; at 0.0 a slot is held for it."""
        now = self._clock.monotonic()
        if now < self._ask_at:
            return self._ask_at - now
        if self.held and now - self._held_since > _SLOT_SECONDS_MAX:
            self.give_back()
        if not self.held:
            wait = self._quota.reserve(self._clock.time())
            if wait > 0.0:
                self._ask_at = now + wait
                return wait
            self.held, self._held_since = True, now
        return 0.0

    def answered(self) -> None:
        """A call has its answer."""
        self._quota.answered(self._clock.time())

    def release(self) -> None:
        """Gives back the slot of a call that was not sent: the cloud does not count it."""
        self._quota.release(self._clock.time())

    def give_back(self) -> None:
        """Gives back the slot that is held."""
        if self.held:
            self.held = False
            self.release()

    def slow_down_after(self, answer: Answer) -> None:
        """After a 429 nothing is sent for a while, and the rate is halved for a minute
        (quota#quota).
        """
        refused = isinstance(answer, Refused) and answer.status == 429
        asked = answer.retry_after if isinstance(answer, Refused) else None
        until = self._pauses.after(asked, self._clock.monotonic()) if refused else None
        if until is None:
            self._pauses.refused_in_a_row = 0
            return
        self._ask_at = max(self._ask_at, until)
        self._quota.slow_down(self._clock.time())


class _Pauses:
    """How long nothing is sent after a 429: as long as the 429 asks for, otherwise longer each
    time.
    """

    def __init__(self, pacing: Pacing) -> None:
        self.refused_in_a_row = 0
        self._pacing = pacing
        self._until = -math.inf

    def after(self, asked: float | None, now: float) -> float:
        """The monotonic second at which the pause ends. `asked` is what the 429 asked for."""
        if asked is not None:
            pause = asked + self._pacing.jitter()
        elif now < self._until:
            pause = 0.0  # one of several that were in flight together: they count as one refusal
        else:
            step = PAUSES_SECONDS[min(self.refused_in_a_row, len(PAUSES_SECONDS) - 1)]
            pause = min(step + self._pacing.jitter() * _JITTER_SECONDS, PAUSE_SECONDS_MAX)
            self.refused_in_a_row += 1
        self._until = max(self._until, now + pause / self._pacing.time_scale)
        return self._until


class HttpClient:
    """The port `Client` over a network: what is in flight, when a call may be sent, and what came
    back.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        keys: signing.Keys,
        quota: QuotaLog,
        *,
        limit: int = IN_FLIGHT_MAX,
        pacing: Pacing | None = None,
    ) -> None:
        pacing = pacing or Pacing()
        self._network = network
        self._clock = clock
        self._keys = keys
        self._slots = _Slots(clock, quota, pacing)
        self._latency = _Latency(limit, pacing.time_scale)
        self._limit = limit
        self._time_scale = pacing.time_scale
        self.clock_ahead: float | None = None
        """By how many seconds this machine's clock was ahead of the cloud's at the last answer;
        None before one with a date came.
        """

    @property
    def sent(self) -> int:
        """How many calls were sent so far."""
        return self._latency.sent

    @property
    def in_flight(self) -> int:
        """How many calls have no answer yet."""
        return len(self._latency.started)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def unix(self) -> float:
        """Unix seconds: what a send is signed with."""
        return self._clock.time()

    def throughput(self) -> Throughput:
        """How long answers take and which slots of the quota are taken, in seconds at the cloud's
        own speed.
        """
        scale = self._time_scale
        free_in = tuple(seconds * scale for seconds in self._slots.taken())
        latency = self._latency.seconds() * scale
        return Throughput(latency, free_in, own_seconds=OVERHEAD_SECONDS * scale)

    def ready_in(self) -> float:
        """Seconds until a call may be sent; 0.0 holds a slot for the next `send`; infinite while as
        many are in flight as may be.
        """
        return math.inf if self.in_flight >= self._limit else self._slots.ready_in()

    def send(self, token: int, call: Call, *, signed: int | None = None) -> None:
        """Signs, with that unix second or the present one, and sends.

        Raises `UnsafePath` before anything is sent, AssertionError if `ready_in` did not return
        0.0.
        """
        if not self._slots.held or token in self._latency.started:
            raise AssertionError(
                "a call is sent only after ready_in returned 0.0, with its own token"
            )
        request = encode(call, self._keys, int(self._clock.time()) if signed is None else signed)
        self._slots.held = False
        self._latency.begin(token, self._clock.monotonic())
        self._network.start(token, request)

    def next(self, timeout_seconds: float) -> tuple[int, Answer] | None:
        """The next answer, or None after the timeout."""
        arrived = self._network.next(timeout_seconds)
        if arrived is None:
            return None
        token, arrival = arrived
        self._latency.end(token, self._clock.monotonic())
        if isinstance(arrival, http.WireError) and not arrival.sent:
            self._slots.release()  # nothing has left, so the cloud counts nothing
        else:
            self._slots.answered()
        if isinstance(arrival, http.WireError):
            return token, envelope.judge_failure(arrival)
        self._compare_clocks(arrival)
        answer = envelope.judge(arrival)
        self._slots.slow_down_after(answer)
        if isinstance(answer, Refused):
            ahead = self.clock_ahead if answer.status == 401 else None
            answer = replace(
                answer, message=without_credentials(answer.message, self._keys), clock_ahead=ahead
            )
        return token, answer

    def close(self) -> None:
        """Gives back a slot that is held, and closes the network."""
        self._slots.give_back()
        self._network.close()

    def _compare_clocks(self, response: http.Response) -> None:
        found = moment(response.header("Date") or "")
        if found is not None:
            self.clock_ahead = self._clock.time() - found


def without_credentials(text: str, keys: signing.Keys) -> str:
    """The cloud's message without credentials: it may name the key or the signature that it
    refuses.
    """
    for secret in (keys.access, keys.secret):
        for spelled in (
            secret,
            quote(secret, safe=""),
            secret.encode().hex(),
            b64encode(secret.encode()).decode().rstrip("="),
        ):
            if len(spelled) >= _KEY_LENGTH_MIN and spelled in text:
                text = text.replace(spelled, "(key)")
    return _SIGNATURE.sub("(signature)", text)


def encode(call: Call, keys: signing.Keys, timestamp: int) -> http.Request:
    """The request of a call at that unix second. Raises `UnsafePath`."""
    headers = signing.headers(keys, timestamp, call.path)
    if call.form is not None:
        boundary, body = _multipart(call.form)
        headers += (("Content-Type", f"multipart/form-data; boundary={boundary}"),)
    elif call.json is not None:
        body = json.dumps(call.json, ensure_ascii=False, separators=(",", ":")).encode()
        headers += (("Content-Type", "application/json"),)
    else:
        body = b""
    return http.Request(call.method, call.path, call.query, headers, body)


def _multipart(form: tuple[tuple[str, str], ...]) -> tuple[str, bytes]:
    """A form as multipart/form-data, values percent-encoded once with `%20` for a blank, on which
    all decoders agree (contract#values).

    Commas stay, because they separate lists of ids. The boundary is derived from the content, so
    that equal forms are equal bytes.
    """
    values = [(name, quote(value, safe=",")) for name, value in form]
    boundary = "form-" + hashlib.sha256(repr(values).encode()).hexdigest()[:32]
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in values
    ]
    return boundary, "".join([*parts, f"--{boundary}--\r\n"]).encode()
