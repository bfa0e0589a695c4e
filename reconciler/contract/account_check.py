"""`doctor --contract`: runs the checks of the contract on an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.contract.check import AnswerSet, ContractCheck, Exchange
from reconciler.contract.check_runner import CheckRunner, Direct, result_of, wire_answer
from reconciler.contract.probe.probe_checks import FIREWALL_PROBE, SERVER_PROBE
from reconciler.contract.report import CheckResult, ContractReport, without_catalog
from reconciler.contract.table import FIREWALL_CALLS_MAX, chosen
from reconciler.model import http
from reconciler.model.events import Activity
from reconciler.model.ports import Client
from reconciler.version import VERSION

_CALL_SECONDS = 1.0
"""What a call takes at most on average: the quota allows one each second."""


@dataclass(frozen=True, slots=True)
class ContractOptions:
    """Which checks are made: `refusals` and `rate` provoke refusals. Without `catalog` no code of a
    zone or flavor is reported.
    """

    refusals: bool = False
    rate: bool = False
    catalog: bool = True

    @property
    def checks(self) -> tuple[ContractCheck, ...]:
        """The checks."""
        return chosen(refusals=self.refusals, rate=self.rate)

    @property
    def calls(self) -> int:
        """How many calls they need in an account with few firewalls."""
        return sum(check.calls for check in self.checks)

    @property
    def calls_max(self) -> int:
        """How many calls they need at most."""
        return self.calls + FIREWALL_CALLS_MAX

    @property
    def seconds_max(self) -> float:
        """How long they take at most, in seconds, if nothing else uses the key."""
        return self.calls_max * _CALL_SECONDS


@dataclass(slots=True)
class LastArrival:
    """The last answer as it came over the wire: an observer of a connection."""

    last: http.Response | http.WireError | None = None

    def __call__(self, request: http.Request, arrival: http.Response | http.WireError) -> None:
        self.last = arrival


_EXCHANGES_MAX = 5_000


@dataclass(slots=True)
class ProbeRecorder:
    """The requests of a write probe with their answers: an observer of its connections."""

    exchanges: list[Exchange] = field(default_factory=list)

    def __call__(self, request: http.Request, arrival: http.Response | http.WireError) -> None:
        stamp = request.header("X-iwinv-Timestamp") or ""
        if len(self.exchanges) < _EXCHANGES_MAX and stamp.isdigit():
            answer = wire_answer(arrival)
            self.exchanges.append(Exchange(request.method, request.path, int(stamp), answer))

    def results(self, *, server: bool) -> tuple[CheckResult, ...]:
        """What the probe showed; `server`: it was to create an instance too."""
        answers = AnswerSet(exchanges=tuple(self.exchanges))
        checks = (*FIREWALL_PROBE, *(SERVER_PROBE if server else ()))
        return tuple(result_of(check, answers) for check in checks)


@dataclass(frozen=True, slots=True)
class CheckedAccount:
    """The account that is checked. `arrivals` observes its client."""

    client: Client
    arrivals: LastArrival
    direct: Direct | None = None
    notify: Callable[[Activity], None] = lambda activity: None


def check(account: CheckedAccount, options: ContractOptions, day: str) -> ContractReport:
    """The report on an account; `day` is YYYY-MM-DD. Raises `Abort` if nothing can be reached or
    the key is refused.
    """
    runner = CheckRunner(
        account.client, account.arrivals, options.calls, account.notify, account.direct
    )
    results = runner.run(options.checks)
    return ContractReport(VERSION, day, results if options.catalog else without_catalog(results))
