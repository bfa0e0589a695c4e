"""The cloud harness: stack texts, plans and applies against the local cloud, in one process and in
virtual time.

Everything is real but the time and the wire's latency: the cloud checks signatures and quota, the
store writes its records (to a disk in memory), the client pages, waits and polls. What a test asks
is the world after it, not the calls before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler import resources
from reconciler.commands import apply as applying
from reconciler.commands import context
from reconciler.commands import plan as planning
from reconciler.commands.project.gate_values import Gates
from reconciler.config import builder, schema, stack_folder
from reconciler.config.variables import VariableInputs
from reconciler.executor import Result
from reconciler.iwinv.client import HttpClient
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog
from reconciler.iwinv.quota.quota_record import QuotaRecord
from reconciler.iwinv.refresh import CloudReads
from reconciler.iwinv.signing import Keys
from reconciler.model import http, ports
from reconciler.model.diagnostics import Problem, has_errors
from reconciler.model.events import Event
from reconciler.model.plan import Plan
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.planner.checks.approval import Decision, GivenConsent
from reconciler.planner.checks.approval import parse as parse_acceptance
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.faults import Fault
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_store import MemoryStore
from tests.doubles.network import VirtualNetwork

START = 1_767_225_600.0
EVERYTHING = ("delete", "data-loss", "downtime", "detach", "address-change", "exposure")
_NONCE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class CloudHarness:
    """One account, one stack, one state; `latency_seconds` is that of every request."""

    def __init__(
        self,
        *,
        switches: Mapping[str, object] | None = None,
        faults: tuple[Fault, ...] = (),
        latency_seconds: float = 0.2,
        limit: int = 4,
        store: MemoryStore | None = None,
        firewall_api: str = "security-groups",
    ) -> None:
        self.clock = VirtualClock(START)
        self.cloud = Cloud(clock=self.clock.time, switches=switches or {}, faults=faults, seed=7)
        self.store = MemoryStore() if store is None else store
        self.kinds = resources.all_kinds(firewall_api)
        self.latency, self.limit = latency_seconds, limit
        self.sends: list[tuple[float, http.Request]] = []
        self.events: list[Event] = []
        self.plans: list[context.Planned] = []
        self.quota = QuotaRecord()
        self._numbers = itertools.count(1)
        self._runs = itertools.count(1)
        self.interrupted: Callable[[], bool] = lambda: False
        self.gates: Gates | None = None

    # The product's own use cases, wired for the tests
    # ----------------------------------------------------------------------

    def exchange(self) -> HttpClient:
        """A new exchange, as each command makes one; the log of sends is shared, as it is between
        commands.
        """
        network = VirtualNetwork(self._send, self.clock, self.latency)
        keys = Keys(access=self.cloud.access_key, secret=self.cloud.secret_key)
        return HttpClient(
            network, self.clock, keys, MemoryQuotaLog(record=self.quota), limit=self.limit
        )

    def _send(self, request: http.Request) -> http.Response:
        self.sends.append((self.clock.time(), request))
        return self.cloud.handle(request)

    def stack(
        self,
        text: str | Mapping[str, str],
        tmp: Path,
        *,
        environment: str | None = None,
        **variables: Any,
    ) -> Stack:
        """A stack text, through every layer that a file goes through. Fails the test where it has
        mistakes.
        """
        files = {"stack.yaml": text} if isinstance(text, str) else dict(text)
        tmp.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (tmp / name).write_text(content, encoding="utf-8")
        return self.stack_in(tmp, environment=environment, **variables)

    def stack_in(self, folder: Path, *, environment: str | None = None, **variables: Any) -> Stack:
        """The same for a folder that is there already."""
        document, problems = stack_folder.load(folder)
        problems = (*problems, *schema.check(document))
        assert not has_errors(problems), said(problems)
        inputs = VariableInputs(arguments={name: str(value) for name, value in variables.items()})
        stack, more = builder.build(document, environment=environment, variables=inputs)
        assert stack is not None and not has_errors(more), said(more)
        return stack

    def connection(self) -> context.Connection:
        """The account as a new command sees it."""
        return context.Connection(
            exchange=self.exchange(),
            reads=lambda tracked: CloudReads(self.kinds, tracked=tracked),
            kinds=self.kinds,
            account="lab",
            key_suffix="lab",
            endpoint="http://127.0.0.1",
        )

    @property
    def state(self) -> State | None:
        """The state as it lies on the disk."""
        return self.store.read()

    def plan(self, stack: Stack, **options: Any) -> Plan:
        """What would be done."""
        return planning.plan(stack, self.connection(), self.store, PlanOptions(**options)).plan

    def apply(
        self,
        stack: Stack,
        *,
        wait: bool = True,
        accept: tuple[str, ...] = EVERYTHING,
        **options: Any,
    ) -> Result:
        """One whole `apply --yes` in a process of its own: plans under the lock, settles, does it.
        `accept` is as `--accept` takes it.
        """
        words = [found for text in accept if (found := parse_acceptance(text)) is not None]
        chosen = PlanOptions(
            accept=tuple((word.risk.value, word.address) for word in words), **options
        )
        if "delete" in accept and self.state is not None:
            # Named one by one, so that a delete beside a like create is not taken for a rename that
            # somebody forgot to say.
            chosen = replace(
                chosen,
                accept=(*chosen.accept, *(("delete", text) for text in sorted(self.state.entries))),
            )
        given = GivenConsent(
            accept=tuple(words), yes=True, allow_empty=True, destroy=chosen.destroy
        )
        number = next(self._runs)
        run = context.Run(
            id=f"run-{number}",
            holder=ports.Holder("tester", "lab", number, "apply", self.clock.time()),
            nonce=self.nonce,
            interrupts=Interrupts(self),
            again="reconciler apply",
            wait=wait,
        )
        talk = context.Prompter(
            show=lambda planned, decision: self.plans.append(planned),
            ask=_nobody,
            emit=self.events.append,
        )
        applied = applying.apply(
            stack,
            self.connection(),
            self.store,
            chosen,
            context.Execution(run, given, talk, self.gates),
        )
        nothing = Result(
            (),
            {},
            {},
            (),
            0,
            0.0,
            0,
            applied.outputs,
            (*applied.planned.plan.problems, *applied.planned.problems),
        )
        return replace(applied.result or nothing, exit_code=applied.exit_code)

    def nonce(self) -> str:
        """A new nonce, the same ones in every run of a test."""
        number, text = next(self._numbers), ""
        for _ in range(12):
            number, rest = divmod(number, 32)
            text = _NONCE_LETTERS[rest] + text
        return text


def _nobody(planned: context.Planned, decision: Decision) -> bool:
    return False


class Interrupts:
    """What the signal handler says, without signals."""

    def __init__(self, harness: CloudHarness) -> None:
        self._lab = harness

    def __enter__(self) -> None:
        return None

    def __exit__(self, *failure: object) -> None:
        return None

    def __call__(self) -> bool:
        return self._lab.interrupted()


def said(problems: tuple[Problem, ...]) -> str:
    """Problems as lines, for a failing test."""
    return "\n".join(
        f"{p.place or ''} {p.severity.value}[{p.code}] {p.address or ''} {p.message} ({p.hint})"
        for p in problems
    )


def shown(plan: Plan) -> list[str]:
    """A plan's changes as short lines, for asserting."""
    return [
        f"{change.action.value} {change.address}"
        for change in plan.changes
        if change.action.value != "none"
    ]
