"""The ports to the cloud: clock, network, quota, calls and readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import Expected, Throughput
from reconciler.model import http
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import EMPTY
from reconciler.model.resource_type import Call


class Clock(Protocol):
    """The time. Nothing here sleeps: waiting is `Network.next`."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def time(self) -> float:
        """Seconds since 1970 UTC, as the machine believes."""
        ...


class Network(Protocol):
    """Keeps HTTP requests in flight and returns answers one at a time, in the order of arrival."""

    def start(self, token: int, request: http.Request) -> None:
        """Sends a request and does not wait for its answer."""
        ...

    def next(self, timeout_seconds: float) -> tuple[int, http.Response | http.WireError] | None:
        """The next answer, or None after the timeout. With nothing in flight it sleeps for the
        whole time: the program's only sleep.
        """
        ...

    def close(self) -> None:
        """Ends all requests; answers not yet returned are lost."""
        ...


@dataclass(frozen=True, slots=True)
class RefreshScope:
    """What a run needs of the account, each list once.

    - `kinds`: the kinds whose lists are read.
    - `tracked`: for each kind, the ids that a complete list must show.
    - `rules_of`, `members_of`: ids of firewalls whose rules or members are read.
    - `rules_named`: names of firewalls whose rules are read too, if the list shows such a firewall.
    - `members_for`: ids of instances whose firewall must be known. If one is not a member of any of
      `members_of`, the members of the other firewalls are read too.
    - `whole`: kinds whose list is read up to an empty page, because a missing object is proof.
    - `catalogue`: the lists of `Catalogue` that the run cannot do without.
    - `optional`: the lists of `Catalogue` that only give a price or a size. If one cannot be read,
      the run continues without it.
    """

    kinds: frozenset[str] = frozenset()
    tracked: Mapping[str, frozenset[str]] = EMPTY
    rules_of: frozenset[str] = frozenset()
    rules_named: frozenset[str] = frozenset()
    members_of: frozenset[str] = frozenset()
    members_for: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    catalogue: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


class QuotaLog(Protocol):
    """The sends of the last minute, shared by all processes that use one key (quota#quota)."""

    def reserve(self, now: float) -> float:
        """Takes a slot for a send at `now` (unix seconds) and returns 0.0, or takes none and
        returns the seconds to wait.
        """
        ...

    def answered(self, now: float) -> None:
        """The oldest reserved send of this process has its answer. Its slot is free 60 s later."""
        ...

    def release(self, now: float) -> None:
        """Returns a slot that was reserved and not used."""
        ...

    def taken(self, now: float) -> tuple[float, ...]:
        """Seconds until each taken slot is free, the soonest first. Those of the quota that this
        log never gives are infinite.
        """
        ...

    def slow_down(self, now: float) -> None:
        """The cloud answered 429: the rate halves for a minute."""
        ...


class QuotaRow(Protocol):
    """The text of a quota's record in a place that many machines see, with that place's clock."""

    @property
    def location(self) -> str:
        """The URL of the place, without a secret."""
        ...

    def change(self, change: Callable[[str | None, float], str]) -> None:
        """Replaces the text by what `change` makes of it and of the place's clock, in Unix seconds.
        Nobody else changes it meanwhile. It is None if there is none yet. Raises `PlaceUnusable` if
        the place did not acknowledge the change, which may have been made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """A success by the contract: 2xx, `0x00`, `SUCCESS`, a `result`."""

    status: int
    result: Any
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The call was not executed, for certain: 429, 401, or a documented 4xx with its exact error
    body (safety#requests).

    `error_code` is the API's name (`IN_USE`), None for a bare 429; `retry_after` seconds if the
    cloud sent it. `message` is the cloud's text: escape it before it reaches a terminal.
    `clock_ahead` is by how many seconds this machine's clock is ahead of the cloud's `Date`, given
    with a 401.
    """

    status: int
    error_code: str | None
    message: str
    retry_after: float | None = None
    clock_ahead: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The outcome of the call is not known: 5xx, a timeout, a cut or unreadable answer. `sent` is
    False if it was certainly not sent.
    """

    reason: str
    status: int | None = None
    error_code: str | None = None
    sent: bool = True


Answer: TypeAlias = "Accepted | Refused | NoAnswer"


class Client(Protocol):
    """Calls out, answers in: signing, quota and decoding of the envelope, several calls in flight.
    It never resends anything.
    """

    @property
    def sent(self) -> int:
        """The number of calls sent."""
        ...

    @property
    def in_flight(self) -> int:
        """The number of calls without an answer."""
        ...

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's clock was ahead of the cloud's at the last answer;
        None before one with a date came.
        """
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def unix(self) -> float:
        """Unix seconds: what a send is signed with."""
        ...

    def throughput(self) -> Throughput:
        """The current speed of calls, in seconds at the cloud's own speed."""
        ...

    def ready_in(self) -> float:
        """Seconds until a call may be sent: 0.0 is now (`send` takes the slot); infinite while as
        many are in flight as may be.
        """
        ...

    def send(self, token: int, call: Call, *, signed: int | None = None) -> None:
        """Signs and sends. Only after `ready_in()` gave 0.0. `signed` is the unix second to sign
        with, that of the record of a write.
        """
        ...

    def next(self, timeout_seconds: float) -> tuple[int, Answer] | None:
        """The next answer, or None after the timeout."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a finished reading. `rows` are live objects, member ids or catalogue rows, by
    what was read; `complete` as quota#lists says.

    `inline` are further lists by name, `page_rows` the rows of a page, None if one page was all.
    `absent`, of a reading of one object: whether its absence is proved."""

    rows: tuple[Any, ...] = ()
    complete: bool = False
    inline: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    absent: bool | None = None
    page_rows: int | None = None


class Reading(Protocol):
    """One list (or one object) being read: it says which call is next, takes the answers, and
    resends only reads.
    """

    def next_call(self, now: float) -> Call | None:
        """The call to send now, or None: nothing is due, or one is under way. `now` is monotonic
        seconds.
        """
        ...

    def wake_in(self, now: float) -> float:
        """Seconds until `next_call` may give one; infinite while one is under way or when it is
        over.
        """
        ...

    def take(self, answer: Answer, now: float) -> None:
        """Takes the answer of the call given last."""
        ...

    @property
    def calls_left(self) -> int:
        """How many more calls it is expected to need, as far as is known; at least one until it
        has ended.
        """
        ...

    @property
    def seen(self) -> Seen | None:
        """The result, after it has succeeded."""
        ...

    @property
    def failure(self) -> Problem | None:
        """The problem, after it has failed."""
        ...


class Reads(Protocol):
    """Starts readings of the account, for a run that reads while it waits."""

    def listing(self, what: str) -> Reading:
        """The list `instances`, `block_storages`, `firewalls`, `rules:<firewall id>` or
        `members:<firewall id>`.
        """
        ...

    def absence(self, kind: str, id: str) -> Reading:
        """One object, to see whether the cloud gives the documented not-found for its id
        (contract#absence).
        """
        ...


class AccountCache(Protocol):
    """What is kept of an account between runs. All of it may be lost, or out of date."""

    def catalogue(self, names: Iterable[str]) -> Mapping[str, Rows]:
        """Those of the lists of the catalog that are kept and not too old, rows as in
        `model.resource.Catalogue`.
        """
        ...

    def keep_catalogue(self, lists: Mapping[str, Rows]) -> None:
        """Keeps lists that were just read."""
        ...

    def seconds(self) -> Mapping[str, Expected]:
        """The usual durations of operations, by name (`instance.create`)."""
        ...

    def learn(self, seen: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """Keeps how long operations took, in the cloud's own seconds: longer than the first, at
        most the second.
        """
        ...


Rows: TypeAlias = Sequence[Mapping[str, Any]]
