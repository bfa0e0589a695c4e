"""`doctor --contract`: runs the checks of the contract on an account."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.common.dataclass import dataclass
from reconciler.contract.check import ContractCheck
from reconciler.contract.check_runner import CheckRunner, Direct
from reconciler.contract.report import ContractReport, without_catalog
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
