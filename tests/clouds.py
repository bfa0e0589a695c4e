"""Clouds for tests: the client's exchange over the local cloud, in process and in virtual time, or
on a socket.

with_virtual = virtual_cloud() # nobody sleeps; the clock moves when the exchange waits account =
with_virtual.read(Wants(kinds=frozenset({"instances"}))) with served_cloud() as served: ... # real
HTTP on loopback, an ephemeral port
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciler.common.timing import IN_FLIGHT_MAX
from reconciler.iwinv.client import HttpClient, Pacing
from reconciler.iwinv.clock import SystemClock
from reconciler.iwinv.endpoint import parse
from reconciler.iwinv.network import ThreadNetwork
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog
from reconciler.iwinv.refresh import CloudReads, read_account
from reconciler.iwinv.signing import Keys
from reconciler.iwinv.transport import HttpTransport
from reconciler.model import http
from reconciler.model.kinds import Kinds
from reconciler.model.ports import Answer, QuotaLog, RefreshScope
from reconciler.model.resource import Account
from reconciler.model.resource_type import Call
from reconciler.resources import all_kinds
from reconciler.simulator import Cloud, Fault, SimulatorServer, World
from tests.doubles.clock import VirtualClock
from tests.doubles.network import VirtualNetwork

Middle = Callable[[http.Request, http.Send], http.Response]
"""What may stand between client and cloud: it gets a request and the way on, and answers or raises
`WireError`.
"""


@dataclass
class ClientSide:
    """An exchange with the cloud that it talks to. `requests` are those that were executed, in
    order.
    """

    cloud: Cloud
    exchange: HttpClient
    kinds: Kinds
    keys: Keys
    requests: list[http.Request] = field(default_factory=list)
    time_scale: float = 1.0

    @property
    def reads(self) -> CloudReads:
        """The port through which apply reads."""
        return CloudReads(self.kinds, time_scale=self.time_scale)

    def read(self, wants: RefreshScope) -> Account:
        """The account, as a plan reads it."""
        return read_account(self.exchange, wants, self.kinds, time_scale=self.time_scale)

    def call(self, call: Call, *, token: int = 1_000_000) -> Answer:
        """One call and its answer."""
        while (wait := self.exchange.ready_in()) > 0.0:
            assert self.exchange.next(wait) is None
        self.exchange.send(token, call)
        while (arrived := self.exchange.next(60.0)) is None:
            pass
        assert arrived[0] == token
        return arrived[1]

    def do(self, operation: str, inputs: Mapping[str, Any], target: str | None = None) -> Answer:
        """One write by the name that plans use (`instance.create`)."""
        singular, _, verb = operation.partition(".")
        kind = next(kind for kind in self.kinds.values() if kind.singular == singular)
        return self.call(kind.operations[verb].encode(target, inputs))

    def wait(self, seconds: float) -> None:
        """Lets time pass with nothing in flight."""
        assert self.exchange.in_flight == 0
        self.exchange.next(seconds)


@dataclass
class VirtualCloud(ClientSide):
    """The same in virtual time, with its clock."""

    clock: VirtualClock = field(default_factory=VirtualClock)


def virtual_cloud(
    world: World | None = None,
    *,
    clock: VirtualClock | None = None,
    latency_seconds: float | Callable[[http.Request], float] = 0.1,
    limit: int = IN_FLIGHT_MAX,
    switches: Mapping[str, object] | None = None,
    faults: Iterable[Fault] = (),
    firewall_api: str = "security-groups",
    quota: QuotaLog | None = None,
    time_scale: float = 1.0,
    seed: int = 0,
    middle: Middle | None = None,
    cloud: Cloud | None = None,
) -> VirtualCloud:
    """A client and a cloud in one process, on one virtual clock. A given `cloud` must be on the
    given `clock`.
    """
    clock = clock or VirtualClock()
    cloud = cloud or Cloud(
        world,
        clock=clock,
        switches=dict(switches or {}),
        faults=faults,
        seed=seed,
        time_scale=time_scale,
    )
    requests: list[http.Request] = []

    def send(request: http.Request) -> http.Response:
        requests.append(request)
        return middle(request, cloud.handle) if middle is not None else cloud.handle(request)

    keys = Keys(cloud.access_key, cloud.secret_key)
    network = VirtualNetwork(send, clock, latency_seconds)
    log = quota if quota is not None else MemoryQuotaLog(time_scale=time_scale)
    exchange = HttpClient(network, clock, keys, log, limit=limit, pacing=Pacing(time_scale))
    return VirtualCloud(cloud, exchange, all_kinds(firewall_api), keys, requests, time_scale, clock)


@contextmanager
def served_cloud(
    world: World | None = None,
    *,
    switches: Mapping[str, object] | None = None,
    firewall_api: str = "security-groups",
    time_scale: float = 1.0,
    limit: int = IN_FLIGHT_MAX,
) -> Iterator[ClientSide]:
    """A client and a cloud over HTTP on loopback; `time_scale` makes the cloud's own times
    short.
    """
    cloud = Cloud(world, switches=dict(switches or {}), time_scale=time_scale)
    with SimulatorServer(cloud) as server:
        requests: list[http.Request] = []
        transport = HttpTransport(parse(server.endpoint))

        def send(request: http.Request) -> http.Response:
            requests.append(request)
            return transport(request)

        keys = Keys(cloud.access_key, cloud.secret_key)
        exchange = HttpClient(
            ThreadNetwork(send, limit),
            SystemClock(),
            keys,
            MemoryQuotaLog(time_scale=time_scale),
            limit=limit,
            pacing=Pacing(time_scale),
        )
        try:
            yield ClientSide(cloud, exchange, all_kinds(firewall_api), keys, requests, time_scale)
        finally:
            exchange.close()
