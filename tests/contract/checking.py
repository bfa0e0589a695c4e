"""Runs the checks of the contract over a local cloud in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.contract import table
from reconciler.contract.check_runner import CheckRunner
from reconciler.contract.report import ContractReport
from reconciler.model import http
from reconciler.simulator import Fault, World
from tests.clouds import Middle, VirtualCloud, virtual_cloud


@dataclass
class LastArrival:
    """What came for the last request, recorded between client and cloud."""

    last: http.Response | http.WireError | None = None
    inner: Middle | None = None

    def __call__(self, request: http.Request, send: http.Send) -> http.Response:
        try:
            self.last = send(request) if self.inner is None else self.inner(request, send)
        except http.WireError as failure:
            self.last = failure
            raise
        return self.last


def checked(
    world: World | None = None,
    *,
    switches: Mapping[str, object] | None = None,
    faults: Iterable[Fault] = (),
    middle: Middle | None = None,
) -> tuple[ContractReport, VirtualCloud]:
    """The report on a cloud, and the cloud."""
    arrivals = LastArrival(inner=middle)
    side = virtual_cloud(world, switches=switches, faults=faults, middle=arrivals)
    results = CheckRunner(side.exchange, arrivals, table.CALLS).run(table.READ_CHECKS)
    return ContractReport("0.0", "2026-11-30", results), side
