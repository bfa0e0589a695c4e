"""Runs checks over a client, one call at a time, and keeps to its quota (quota#quota)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import Protocol

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.contract.check import (
    AnswerSet,
    CheckRead,
    ContractCheck,
    Verdict,
    judged,
)
from reconciler.contract.report import CheckResult
from reconciler.contract.shape import WireAnswer
from reconciler.iwinv import envelope, errors
from reconciler.model import http
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.events import Activity, QuotaWait, ReadProgress
from reconciler.model.ports import Answer, Client, NoAnswer, Refused
from reconciler.model.resource_type import Call

ATTEMPTS_MAX = 2
"""How often a read is sent that gets no usable answer soon."""

_SOON_SECONDS = 10.0

_RATE_ATTEMPTS_MAX = 4
_SILENT_MAX = 3
"""After so many reads in a row without any answer, the others are not sent."""

_SILENT_SECONDS_MAX = 1.5
_WAIT_SECONDS_MAX = 60.0


class Arrivals(Protocol):
    """The last answer as it came over the wire."""

    @property
    def last(self) -> http.Response | http.WireError | None: ...


class Direct(Protocol):
    """Sends reads that are signed wrongly on purpose, or more of them than the quota allows."""

    def send(
        self, call: Call, *, seconds_ago: int = 0, forged: bool = False
    ) -> http.Response | http.WireError: ...

    def until(
        self, call: Call, status: int, most: int, progress: Callable[[], None]
    ) -> http.Response | http.WireError: ...


@dataclass(slots=True)
class CheckRunner:
    """Sends the reads of checks. `arrivals` shows what came for the last of them, `notify` takes
    the progress, `expected` is how many calls there will be. Without `direct`, reads that need it
    get no answer.
    """

    client: Client
    arrivals: Arrivals
    expected: int
    notify: Callable[[Activity], None] = lambda activity: None
    direct: Direct | None = None
    answered: int = 0
    _silent: int = 0
    _tokens: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(self, checks: Sequence[ContractCheck]) -> tuple[CheckResult, ...]:
        """The results of checks, in their order. Raises `Abort` if the first read shows that the
        key is refused or that nothing can be reached.
        """
        found: dict[str, WireAnswer] = {}
        results = []
        for check in checks:
            self._read(check, found)
            results.append(result_of(check, AnswerSet(found, self.client.clock_ahead)))
        return tuple(results)

    def _read(self, check: ContractCheck, found: dict[str, WireAnswer]) -> None:
        """Sends the reads of a check. An answer may make another read possible."""
        while True:
            due = [read for read in check.reads(AnswerSet(found)) if read.name not in found]
            if not due:
                return
            for read in due:
                found[read.name] = self._answer(read, first=not found)

    def _answer(self, read: CheckRead, *, first: bool) -> WireAnswer:
        if self._silent >= _SILENT_MAX:
            return WireAnswer(None, failure="no_answer")
        if read.seconds_ago or read.forged or read.calls > 1:
            return self._provoke(read)
        for attempt in range(1, _RATE_ATTEMPTS_MAX + 1):
            began = self.client.now()
            judged_answer = self._send(read)
            if first:
                _stop_if_useless(judged_answer)
            answer = wire_answer(self.arrivals.last)
            late = self.client.now() - began > _SOON_SECONDS
            if answer.status != 429 and (answer.is_usable or late or attempt >= ATTEMPTS_MAX):
                break
        self._silent = 0 if answer.status is not None else self._silent + 1
        self._count()
        return answer

    def _provoke(self, read: CheckRead) -> WireAnswer:
        if self.direct is None:
            return WireAnswer(None, failure="no_answer")
        if read.calls > 1:
            arrival = self.direct.until(read.call, 429, read.calls, self._count)
        else:
            self._wait_for_quota()
            arrival = self.direct.send(read.call, seconds_ago=read.seconds_ago, forged=read.forged)
            self._count()
        return wire_answer(arrival)

    def _count(self) -> None:
        self.answered += 1
        self.notify(ReadProgress(self.answered, max(self.expected, self.answered)))

    def _send(self, read: CheckRead) -> Answer:
        self._wait_for_quota()
        client = self.client
        client.send(next(self._tokens), read.call)
        while (arrived := client.next(_WAIT_SECONDS_MAX)) is None:
            pass
        return arrived[1]

    def _wait_for_quota(self) -> None:
        while (wait := self.client.ready_in()) > 0.0:
            if wait > _SILENT_SECONDS_MAX:
                self.notify(QuotaWait(wait))
            self.client.next(min(wait, _WAIT_SECONDS_MAX))


def _stop_if_useless(answer: Answer) -> None:
    """Stops at a refused key or an endpoint that cannot be reached: nothing could be checked."""
    if isinstance(answer, Refused) and answer.status in (401, 403):
        raise Abort(errors.explain(answer, msg("reading the list of {list}", list="zones")))
    if isinstance(answer, NoAnswer) and not answer.sent:
        raise Abort(
            error(
                "cloud",
                msg("the endpoint cannot be reached: {reason}", reason=answer.reason),
                hint=msg("run `reconciler doctor` for details"),
            )
        )


def wire_answer(arrival: http.Response | http.WireError | None) -> WireAnswer:
    """What came over the wire, decoded."""
    if not isinstance(arrival, http.Response):
        return WireAnswer(None, failure="no_answer")
    try:
        body = envelope.decode(arrival.body)
    except ValueError:
        failure = "not_json" if arrival.body.strip() else "empty_body"
        return WireAnswer(arrival.status, None, failure, arrival.headers)
    failure = "" if isinstance(body, dict) else "not_an_object"
    return WireAnswer(arrival.status, body, failure, arrival.headers)


def result_of(check: ContractCheck, answers: AnswerSet) -> CheckResult:
    """What a check finds in these answers."""
    try:
        judgement = check.verdict(answers)
    except RecursionError:  # values that are nested so deeply that they cannot be compared
        judgement = judged(Verdict.UNANSWERED, form="other_form")
    return CheckResult(check.name, judgement.verdict, judgement.facts)
