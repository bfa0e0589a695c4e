"""The cloud in process: a request comes in, time passes, something happens, an answer goes out.

`Cloud.handle` is the whole of it as `reconciler.model.http` knows HTTP; `Cloud.exchange` is the
same for a server that wants to cut a connection or send half an answer itself. One lock guards the
world, so any number of threads may call.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlencode

from reconciler.model.http import Request, Response, WireError
from reconciler.simulator.call import Call, Reply
from reconciler.simulator.clock import TIME_MAX, http_date
from reconciler.simulator.distort import HTML, distort
from reconciler.simulator.errors import (
    CODES,
    ApiError,
    MethodNotAllowed,
    envelope_error,
    error_response,
    plain_response,
    result_shape,
)
from reconciler.simulator.faults import INSTANTS, Fault, FaultPlan
from reconciler.simulator.gate import Quota, check_caller, sign
from reconciler.simulator.routes import Route, find_route
from reconciler.simulator.switches import Switches
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import default_world

ACCESS_KEY = "local-access-key"
SECRET_KEY = "local-secret-key"  # noqa: S105 - a fixed key of a cloud that exists on this machine only
T = TypeVar("T")
READS = frozenset({"GET", "HEAD"})
ADVANCE_SECONDS_MAX = 3_155_760_000.0
"""The furthest that the world's time jumps at once: a hundred years."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a response, perhaps late, perhaps only its first bytes, or nothing at all.

    `keep` is the number of body bytes that are sent before the connection is cut; a response of
    None is cut at once.
    """

    response: Response | None
    reason: str = ""
    delay: float = 0.0
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the request log."""

    number: int
    time: float
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    operation: str
    status: int | None
    error_code: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Late:
    """A request that is on its way and will be executed at this second of the real clock."""

    at: float
    request: Request
    peer: str


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
        self.log: deque[Entry] = deque(maxlen=10_000)
        self.on_change: Callable[[World], None] | None = None
        """Called with a copy of the world after each request or act that may have changed it,
        before its answer goes out.
        """
        self._clock = clock or time.time
        self._sleep = sleep or (time.sleep if clock is None else None)
        self._timeout = timeout_seconds
        self._lock = threading.RLock()
        self._quota = Quota()
        self._late: list[_Late] = []
        self._past: deque[World] = deque(maxlen=100)
        self._seed = seed
        self._number = 0
        self._unsaved = False
        self._take(default_world(seed=seed) if world is None else world)

    def _take(self, world: World) -> None:
        """Go on with a world; its time never runs backwards, even where the clock is behind it."""
        self._world = world
        self._offset = max(0.0, world.time - self._clock())
        self._advance()

    # The wire
    # ----------------------------------------------------------------------------------------------------------------

    def handle(self, request: Request, *, peer: str = "127.0.0.1") -> Response:
        """The whole cloud in process: a Response, or WireError where no whole one came."""
        answer = self.exchange(request, peer=peer)
        wait = answer.delay
        if self._timeout is not None and wait > self._timeout:
            self.pause(self._timeout)
            raise WireError("no answer in time", sent=True)
        self.pause(wait)
        if answer.response is None or answer.keep is not None:
            raise WireError(answer.reason, sent=True)
        return answer.response

    def pause(self, seconds: float) -> None:
        """Let a slow answer take its time."""
        if seconds and self._sleep is not None:
            self._sleep(seconds)

    def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
        """Execute a request, faults included, and say what goes back."""
        with self._lock:
            self._advance()
            self._number += 1
            route = _route_or_none(request, self.switches)
            drawn = self.faults.draw(
                request, route.template if route else "", route.operation if route else ""
            )
            answer = self._answer(request, peer, route, drawn)
            self._note(request, route, answer, drawn)
            if request.method not in READS or self._unsaved:
                self._changed()
            return answer

    def _answer(
        self, request: Request, peer: str, route: Route | None, drawn: list[Fault]
    ) -> Answer:
        fault = next((each for each in drawn if each.instant in INSTANTS), None)
        instant = fault.instant if fault is not None else ""
        if fault is not None and instant == "refused_before":
            return Answer(_refusal(fault, self.switches))
        if fault is not None and instant == "lost_before":
            return Answer(None, "the connection was cut before the request arrived")
        if fault is not None and instant == "executed_late":
            self._late.append(_Late(self._clock() + fault.seconds, request, peer))
            self._late.sort(key=lambda late: late.at)
            return (
                Answer(_failure(fault))
                if fault.status is not None
                else Answer(None, "no answer came in time")
            )
        response, cut = self._respond(request, peer, route, drawn)
        if instant == "executed_twice":
            self._respond(request, peer, route, drawn)
        if cut:
            return Answer(None, cut)
        return _spoilt(response, fault) if fault is not None else Answer(response)

    def _respond(
        self, request: Request, peer: str, route: Route | None, drawn: list[Fault]
    ) -> tuple[Response, str]:
        """The true answer, distorted where asked, and why the connection is cut instead, if it is."""
        refused = self._quota.admit(request, self._clock(), self.time_scale, self.switches)
        if refused is not None:
            return self._dated(refused), ""
        try:
            self._check(request, peer, now=self._clock())
            unknown = next((each for each in drawn if each.instant == "unknown_code"), None)
            if unknown is not None:
                return self._dated(_refusal(unknown, self.switches)), ""
            response = self._execute(
                request, stale=next((each for each in drawn if each.instant == "stale_read"), None)
            )
        except ApiError as error:
            return self._dated(error_response(error, self.switches)), ""
        except MethodNotAllowed as error:
            return self._dated(
                plain_response(
                    405, {"message": "허용되지 않은 메서드입니다."}, ("Allow", error.allowed)
                )
            ), ""
        if route is not None and route.operation == "createInstance":
            if self.switches.create_outcome == "lost":
                return response, "the connection was cut after the request was executed"
            if self.switches.create_outcome == "http_500":
                return self._dated(error_response(ApiError("DEV_CHECK_RETURN"), self.switches)), ""
        return self._dated(distort(response, drawn, lambda: self._previous_page(request))), ""

    def _check(self, request: Request, peer: str, *, now: float) -> None:
        check_caller(
            request,
            now=now,
            peer=peer,
            access_key=self.access_key,
            secret_key=self.secret_key,
            switches=self.switches,
        )

    def _execute(self, request: Request, *, stale: Fault | None = None) -> Response:
        route, ids = find_route(request.method, request.path, self.switches)
        is_read = request.method in READS
        world = self._world
        if stale is not None and is_read:
            world = self._remembered(stale.seconds)
        elif not is_read and any(each.instant == "stale_read" for each in self.faults.faults):
            self._past.append(world.copy())
        call = Call(
            world=world,
            switches=self.switches,
            now=world.time,
            scale=self.time_scale,
            request=request,
            ids=ids,
            query=dict(request.query),
        )
        response = _success(route.handler(call), route.status(self.switches))
        for kind, key in call.seen:
            world.note_read(kind, key)
        return response

    def _remembered(self, seconds: float) -> World:
        """The world before the last change, or as it was this long ago as far as it was kept."""
        if not self._past:
            return self._world.copy()
        if not seconds:
            return self._past[-1].copy()
        older = [each for each in self._past if each.time <= self._world.time - seconds]
        return (older[-1] if older else self._past[0]).copy()

    def _previous_page(self, request: Request) -> list[object]:
        """The rows of the page before the one that was asked for; none before the first."""
        query = dict(request.query)
        number = query.get("page_no") or "1"
        if not number.isdecimal() or int(number) < 2:
            return []
        query["page_no"] = str(int(number) - 1)
        result = json.loads(self._execute(replace(request, query=tuple(query.items()))).body)[
            "result"
        ]
        return result if isinstance(result, list) else []

    def _dated(self, response: Response) -> Response:
        return Response(
            response.status, (*response.headers, ("Date", http_date(self._clock()))), response.body
        )

    def _note(
        self, request: Request, route: Route | None, answer: Answer, drawn: list[Fault]
    ) -> None:
        status = answer.response.status if answer.response is not None else None
        code = (
            _error_code(answer.response.body)
            if answer.response is not None and answer.response.status >= 400
            else ""
        )
        self.log.append(
            Entry(
                number=self._number,
                time=self._world.time,
                method=request.method,
                path=request.path,
                query=request.query,
                operation=route.operation if route else "",
                status=status,
                error_code=code,
                faults=tuple(each.instant for each in drawn),
            )
        )

    # Time
    # --------------------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Bring the world to now, executing on the way what was under way late."""
        real = self._clock()
        while self._late and self._late[0].at <= real:
            late = self._late.pop(0)
            self._world.advance(late.at + self._offset)
            self._execute_late(late)
        self._world.advance(real + self._offset)

    def _execute_late(self, late: _Late) -> None:
        """A request that was held up: its signature is looked at when it arrives, like anybody's."""
        self._unsaved = True
        try:
            self._check(late.request, late.peer, now=late.at)
            self._execute(late.request)
        except (ApiError, MethodNotAllowed):
            return

    def advance(self, seconds: float) -> None:
        """Let the world's time jump ahead; the clock and signatures are not touched."""
        if not 0 <= seconds <= ADVANCE_SECONDS_MAX:
            raise ValueError(f"seconds are from 0 to {ADVANCE_SECONDS_MAX:.0f}")
        with self._lock:
            self._advance()
            if self._world.time + seconds > TIME_MAX:
                raise ValueError(f"the world's time ends at the unix second {TIME_MAX:.0f}")
            self._offset += seconds
            self._advance()
            self._changed()

    def next_change(self) -> float | None:
        """The second of the clock at which something finishes by itself next, or None: where a
        virtual clock may jump to.
        """
        with self._lock:
            self._advance()
            due = self._world.next_due()
            moments = [late.at for late in self._late[:1]] + (
                [] if due is None else [due - self._offset]
            )
            return min(moments, default=None)

    # For tests, steering and saving
    # ------------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The living world, brought to now. Tests read it freely; changing it is for `edits` and
        the operations.
        """
        with self._lock:
            self._advance()
            return self._world

    def snapshot(self) -> World:
        """A copy of the world as it is now."""
        with self._lock:
            self._advance()
            return self._world.copy()

    def replace_world(self, world: World) -> None:
        """Go on with another world."""
        with self._lock:
            self._take(world)
            self._past.clear()
            self._changed()

    def change(self, act: Callable[[World], T]) -> T:
        """Run an edit of the world under the lock."""
        with self._lock:
            self._advance()
            result = act(self._world)
            self._changed()
            return result

    def set_faults(self, faults: Iterable[Fault], *, seed: int | None = None) -> None:
        """Put other faults in force, counting from nothing."""
        with self._lock:
            self.faults = FaultPlan(faults, seed=self._seed if seed is None else seed)

    def add_faults(self, *faults: Fault) -> None:
        """Put more faults in force; what was counted so far stays."""
        with self._lock:
            self.faults.add(*faults)

    def entries(self) -> list[Entry]:
        """The log of requests as it is now, newest last."""
        with self._lock:
            return list(self.log)

    def set_switches(self, values: Mapping[str, object]) -> None:
        """Turn some switches; the others stay."""
        with self._lock:
            self.switches = Switches.parse(values, self.switches)

    def forget_quota(self) -> None:
        """Start with an empty rate window."""
        with self._lock:
            self._quota.forget()

    def signed(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> Request:
        """A request signed with this cloud's own keys: a dictionary body becomes a form, a `json:`
        one JSON; for tests and stories.
        """
        headers = list(sign(self.access_key, self.secret_key, path, self._clock()))
        content = b""
        if isinstance(body, Mapping):
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            content = urlencode({str(name): str(value) for name, value in body.items()}).encode()
        elif isinstance(body, str):
            headers.append(("Content-Type", "application/json"))
            content = body.encode()
        return Request(method, path, tuple((query or {}).items()), tuple(headers), content)

    def _changed(self) -> None:
        self._unsaved = False
        if self.on_change is not None:
            self.on_change(self._world.copy())


def _route_or_none(request: Request, switches: Switches) -> Route | None:
    try:
        return find_route(request.method, request.path, switches)[0]
    except (ApiError, MethodNotAllowed):
        return None


def _success(reply: Reply, status: int) -> Response:
    """A success in the envelope (contract#envelope)."""
    body: dict[str, object] = {
        "code": "0x00",
        "error_code": "SUCCESS",
        "message": "",
        "result": reply.result,
    }
    if reply.counted and isinstance(reply.result, list):
        body["count"] = len(reply.result)
    if reply.page is not None:
        number, size = reply.page
        body["page_no"], body["page_size"] = (
            (str(number), str(size)) if reply.page_as_text else (number, size)
        )
    if reply.total is not None:
        body["total"] = reply.total
    return plain_response(status, body)


def _refusal(fault: Fault, switches: Switches) -> Response:
    """The answer that a fault asks for instead of execution."""
    if fault.body is not None or (
        fault.status is not None and fault.status >= 500 and not fault.code
    ):
        return _failure(fault)
    if fault.instant == "unknown_code" or fault.code:
        name = fault.code or "SOMETHING_NEW"
        known = CODES.get(name)
        status = fault.status or (known.status if known else 400)
        message = fault.message or (known.message if known else "알 수 없는 오류입니다.")
        return envelope_error(
            status, hex(fault.code_number), name, message, result_shape(known, switches)
        )
    if fault.status == 429:
        headers = (("Retry-After", str(int(fault.seconds) or 5)),) if switches.retry_after else ()
        return plain_response(
            429, {"message": fault.message or "요청 한도를 초과하였습니다."}, *headers
        )
    if fault.status == 422:
        message = fault.message or "입력값을 확인해 주세요."
        return plain_response(422, {"message": message, "errors": {"name": [message]}})
    return plain_response(fault.status or 500, {"message": fault.message or "일시적인 오류입니다."})


def _failure(fault: Fault) -> Response:
    """A 5xx as a gateway writes it, or the body the fault brings along."""
    body = HTML if fault.body is None else fault.body
    kind = "text/html" if body.lstrip().startswith("<") or not body.strip() else "application/json"
    return Response(fault.status or 502, (("Content-Type", kind),), body.encode())


def _spoilt(response: Response, fault: Fault) -> Answer:
    """What becomes of the answer to a request that was executed."""
    if fault.instant == "answer_lost":
        return Answer(None, "the connection was cut after the request was executed")
    if fault.instant == "executed_then_5xx":
        return Answer(_failure(fault))
    if fault.instant == "answer_cut":
        return Answer(
            response,
            "the connection was cut in the middle of the answer",
            keep=len(response.body) // 2,
        )
    if fault.instant == "answer_garbled":
        body = (HTML if fault.body is None else fault.body).encode()
        return Answer(Response(fault.status or response.status, response.headers, body))
    if fault.instant == "answer_slow":
        return Answer(response, delay=fault.seconds)
    return Answer(response)


def _error_code(body: bytes) -> str:
    try:
        parsed = json.loads(body)
    except ValueError:
        return ""
    return str(parsed.get("error_code", "")) if isinstance(parsed, dict) else ""
