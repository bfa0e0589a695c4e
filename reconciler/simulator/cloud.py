"""The local cloud in one process: it takes requests, lets time pass, and returns answers.

`Cloud.handle` takes a request and returns a response (`reconciler.model.http`). `Cloud.exchange`
returns an `Answer` instead, with which a server can cut a connection or send half a response. One
lock guards the world, so any number of threads may call.
"""

from __future__ import annotations

import functools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Concatenate, ParamSpec, TypeVar

from reconciler.model.http import Request, Response, WireError
from reconciler.simulator.answers import (
    CUT_AFTER,
    Answer,
    LogEntry,
    distort,
    failure,
    refusal,
    spoilt,
    success,
    text_in,
)
from reconciler.simulator.clock import TIME_MAX
from reconciler.simulator.errors import (
    ApiError,
    MethodNotAllowed,
    error_response,
    plain_response,
    refuse_if,
)
from reconciler.simulator.faults import INSTANTS, Fault, FaultPlan
from reconciler.simulator.gate import Quota, check_caller, signed_request
from reconciler.simulator.kinds.call import OperationCall
from reconciler.simulator.kinds.registry import Route, find_route
from reconciler.simulator.switches import Switches
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import default_world

ACCESS_KEY = "local-access-key"
# a fixed key of a cloud that exists on this machine only
SECRET_KEY = "local-secret-key"  # noqa: S105
P = ParamSpec("P")
T = TypeVar("T")
READS = frozenset({"GET", "HEAD"})
# the furthest that the world's time jumps at once: a hundred years
ADVANCE_SECONDS_MAX = 3_155_760_000.0


@dataclass(frozen=True, slots=True)
class _Late:
    """A delayed request, to be executed at this second of the clock."""

    at: float
    request: Request
    peer: str


def _locked(method: Callable[Concatenate[Cloud, P], T]) -> Callable[Concatenate[Cloud, P], T]:
    """The method, run by one thread at a time."""

    @functools.wraps(method)
    def locked(self: Cloud, /, *args: P.args, **options: P.kwargs) -> T:
        with self.lock:
            return method(self, *args, **options)

    return locked


class Cloud:
    """A local iwinv.

    `clock` gives unix seconds and may be virtual; `time_scale` divides background durations and the
    quota's window, never the signature's. `sleep` is called for a slow answer (outside the lock);
    without it an answer comes at once under a given clock and after `time.sleep` under the real
    one. `timeout_seconds` makes a slower answer a WireError, as a client's timeout would.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        clock: Callable[[], float] | None = None,
        time_scale: float = 1.0,
        switches: Switches | Mapping[str, object] | None = None,
        faults: Iterable[Fault] = (),
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        seed: int = 0,
        sleep: Callable[[float], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        if not 0 < time_scale < float("inf"):
            raise ValueError("time_scale is a number above 0")
        self.access_key = access_key
        self.secret_key = secret_key
        self.time_scale = time_scale
        self.switches = (
            switches if isinstance(switches, Switches) else Switches.parse(switches or {})
        )
        self.faults = FaultPlan(faults, seed=seed)
        self.log: deque[LogEntry] = deque(maxlen=10_000)
        # called with a copy of the world after each request or edit that may have changed it,
        # before the answer goes out
        self.on_change: Callable[[World], None] | None = None
        self._clock = clock or time.time
        self._sleep = sleep or (time.sleep if clock is None else None)
        self._timeout = float("inf") if timeout_seconds is None else timeout_seconds
        self.lock = threading.RLock()
        self._quota = Quota()
        self._late: list[_Late] = []
        self._past: deque[World] = deque(maxlen=100)
        self._seed = seed
        self._number = 0
        self._unsaved = False
        self._take(default_world(seed=seed) if world is None else world)

    def _take(self, world: World) -> None:
        """Replaces the world. Its time never goes back, even if the clock is behind."""
        self._world = world
        self._offset = max(0.0, world.time - self._clock())
        self._advance()

    # The wire
    # ----------------------------------------------------------------------------------------------

    def handle(self, request: Request, *, peer: str = "127.0.0.1") -> Response:
        """The response to a request. Raises WireError if no complete response came."""
        answer = self.exchange(request, peer=peer)
        if answer.delay and self._sleep is not None:
            self._sleep(min(answer.delay, self._timeout))
        if answer.delay > self._timeout:
            raise WireError("no answer in time", sent=True)
        if answer.response is None or answer.keep is not None:
            raise WireError(answer.reason, sent=True)
        return answer.response

    @_locked
    def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
        """Execute a request, with the faults that apply to it, and return the answer."""
        self._advance()
        self._number += 1
        route = _route_or_none(request, self.switches)
        template, operation = ("", "") if route is None else (route.template, route.operation)
        drawn = self.faults.draw(request, template, operation)
        answer = self._answer(request, peer, operation, drawn)
        response = answer.response
        self.log.append(
            LogEntry(
                number=self._number,
                time=self._world.time,
                method=request.method,
                path=request.path,
                query=request.query,
                operation=operation,
                status=None if response is None else response.status,
                error_code=text_in(response.body, "error_code")
                if response and response.status >= 400
                else "",
                faults=tuple(each.instant for each in drawn),
            )
        )
        if request.method not in READS or self._unsaved:
            self._changed()
        return answer

    def _answer(self, request: Request, peer: str, operation: str, drawn: list[Fault]) -> Answer:
        fault = next((each for each in drawn if each.instant in INSTANTS), None)
        if fault is None:
            return self._respond(request, peer, operation, drawn)
        if fault.instant == "refused_before":
            return Answer(refusal(fault, self.switches))
        if fault.instant == "lost_before":
            return Answer(None, "the connection was cut before the request arrived")
        if fault.instant == "executed_late":
            self._late.append(_Late(self._clock() + fault.seconds, request, peer))
            self._late.sort(key=lambda late: late.at)
            response = None if fault.status is None else failure(fault)
            return Answer(response, "no answer came in time")
        answer = self._respond(request, peer, operation, drawn)
        if fault.instant == "executed_twice":
            self._respond(request, peer, operation, drawn)
        return answer if answer.response is None else spoilt(answer.response, fault)

    def _respond(self, request: Request, peer: str, operation: str, drawn: list[Fault]) -> Answer:
        """The answer of the API, distorted by faults, or cut off if a switch says so."""
        response = self._response(request, peer, operation, drawn)
        if response is None:
            return Answer(None, CUT_AFTER)
        date = ("Date", formatdate(self._clock(), usegmt=True))
        return Answer(replace(response, headers=(*response.headers, date)))

    def _response(
        self, request: Request, peer: str, operation: str, drawn: list[Fault]
    ) -> Response | None:
        refused = self._quota.admit(request, self._clock(), self.time_scale, self.switches)
        if refused is not None:
            return refused
        outcome = self.switches.create_outcome if operation == "createInstance" else ""
        faults = {each.instant: each for each in reversed(drawn)}
        try:
            check_caller(
                request,
                peer,
                now=self._clock(),
                keys=(self.access_key, self.secret_key),
                switches=self.switches,
            )
            if "unknown_code" in faults:
                return refusal(faults["unknown_code"], self.switches)
            response = self._execute(request, stale=faults.get("stale_read"))
            refuse_if(outcome == "http_500", "DEV_CHECK_RETURN")
        except ApiError as error:
            return error_response(error, self.switches)
        except MethodNotAllowed as error:
            message = {"message": "허용되지 않은 메서드입니다."}
            return plain_response(405, message, ("Allow", str(error)))
        if outcome == "lost":
            return None
        return distort(response, drawn, lambda: self._previous_page(request))

    def _execute(self, request: Request, *, stale: Fault | None = None) -> Response:
        route, ids = find_route(request.method, request.path, self.switches)
        is_read = request.method in READS
        world = self._world
        if stale is not None and is_read:
            world = self._remembered(stale.seconds)
        elif not is_read and any(each.instant == "stale_read" for each in self.faults.faults):
            self._past.append(world.copy())
        call = OperationCall(
            world=world,
            switches=self.switches,
            now=world.time,
            scale=self.time_scale,
            request=request,
            ids=ids,
            query=dict(request.query),
        )
        status = route.doc if self.switches.http_status == "doc" else route.live
        response = success(route.handler(call), status)
        for kind, key in call.seen:
            world.note_read(kind, key)
        return response

    def _remembered(self, seconds: float) -> World:
        """The world before the last change or, with `seconds`, as it was that long ago. If no copy
        is that old, the oldest copy.
        """
        kept = list(self._past) or [self._world]
        then = self._world.time - seconds
        older = [each for each in kept if each.time <= then] if seconds else kept
        return (older[-1] if older else kept[0]).copy()

    def _previous_page(self, request: Request) -> list[object]:
        """The rows of the page before the requested one; empty for the first page."""
        query = dict(request.query)
        number = query.get("page_no") or "1"
        if not number.isdecimal() or int(number) < 2:
            return []
        query["page_no"] = str(int(number) - 1)
        page = self._execute(replace(request, query=tuple(query.items())))
        result = json.loads(page.body)["result"]
        return result if isinstance(result, list) else []

    # Time
    # ----------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Bring the world to the present time, and execute the delayed requests that are due."""
        real = self._clock()
        while self._late and self._late[0].at <= real:
            late = self._late.pop(0)
            self._world.advance(late.at + self._offset)
            self._execute_late(late)
        self._world.advance(real + self._offset)

    def _execute_late(self, late: _Late) -> None:
        """Execute a delayed request. Its signature is checked on arrival, like that of any
        request.
        """
        self._unsaved = True
        try:
            check_caller(
                late.request,
                late.peer,
                now=late.at,
                keys=(self.access_key, self.secret_key),
                switches=self.switches,
            )
            self._execute(late.request)
        except (ApiError, MethodNotAllowed):
            return

    @_locked
    def advance(self, seconds: float) -> None:
        """Move the world's time ahead. The clock, and so the check of signatures, is unchanged."""
        if not 0 <= seconds <= ADVANCE_SECONDS_MAX:
            raise ValueError(f"seconds are from 0 to {ADVANCE_SECONDS_MAX:.0f}")
        if self.world.time + seconds > TIME_MAX:
            raise ValueError(f"the world's time ends at the unix second {TIME_MAX:.0f}")
        self._offset += seconds
        self._advance()
        self._changed()

    @_locked
    def next_change(self) -> float | None:
        """The time (by the clock) at which the next background operation ends or the next delayed
        request is executed, or None. A virtual clock may jump to it.
        """
        due = self.world.next_due()
        moments = [late.at for late in self._late]
        return min(moments if due is None else [*moments, due - self._offset], default=None)

    # For tests, steering and saving
    # ----------------------------------------------------------------------------------------------

    @property
    @_locked
    def world(self) -> World:
        """The world at the present time. Tests may read it; only `edits` and the operations change
        it.
        """
        self._advance()
        return self._world

    @_locked
    def snapshot(self) -> World:
        """A copy of the world as it is now."""
        return self.world.copy()

    @_locked
    def replace_world(self, world: World) -> None:
        """Continue with another world."""
        self._take(world)
        self._past.clear()
        self._changed()

    @_locked
    def change(self, act: Callable[[World], T]) -> T:
        """Change the world by a function, under the lock, and return its result."""
        result = act(self.world)
        self._changed()
        return result

    @_locked
    def set_faults(self, faults: Iterable[Fault], seed: int | None = None) -> None:
        """Replace the faults, with all counts at zero."""
        self.faults = FaultPlan(faults, seed=self._seed if seed is None else seed)

    @_locked
    def add_faults(self, *faults: Fault) -> None:
        """Add faults. The counts of the others stay."""
        self.faults.faults.extend(faults)

    @_locked
    def entries(self) -> list[LogEntry]:
        """The log of requests as it is now, newest last."""
        return list(self.log)

    @property
    @_locked
    def delayed(self) -> list[tuple[float, Request]]:
        """The requests that are yet to be executed, each with its second."""
        return [(late.at, late.request) for late in self._late]

    @_locked
    def set_switches(self, values: Mapping[str, object]) -> None:
        """Set some switches. The others stay."""
        self.switches = Switches.parse(values, self.switches)

    @_locked
    def forget_quota(self) -> None:
        """Start with an empty rate window."""
        self._quota = Quota()

    def signed(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> Request:
        """A request signed with this cloud's own keys: a dictionary body becomes a form, a `json:`
        one JSON; for tests and stories.
        """
        return signed_request(
            (self.access_key, self.secret_key),
            method,
            path,
            now=self._clock(),
            query=query,
            body=body,
        )

    def _changed(self) -> None:
        self._unsaved = False
        if self.on_change is not None:
            self.on_change(self._world.copy())


def _route_or_none(request: Request, switches: Switches) -> Route | None:
    try:
        return find_route(request.method, request.path, switches)[0]
    except (ApiError, MethodNotAllowed):
        return None
