"""A forecast of a plan: how long it takes, how many calls, and which steps decide it
(planning#forecast).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.timing import Throughput
from reconciler.model.address import Address
from reconciler.model.plan import CallBudget, Step
from reconciler.model.resource import EMPTY, Account, Link
from reconciler.model.resource_type import (
    Paging,
    ResourceType,
    deletes,
    kind_of,
    operation_of,
    waits,
)
from reconciler.planner.estimate.forecast_model import Deed, Job, Model
from reconciler.planner.steps import graph


@dataclass(frozen=True, slots=True)
class Forecast:
    """What applying a plan comes to. `critical` is the longest chain of steps that wait for each
    other, in their order.
    """

    seconds: float
    writes: int
    reads: int
    critical: tuple[str, ...] = ()


def forecast(
    steps: Sequence[Step],
    account: Account,
    kinds: Mapping[str, ResourceType],
    *,
    facts: Mapping[str, str] = EMPTY,
    pace: Throughput | None = None,
    id_of: Callable[[Address], str | None] = lambda address: None,
) -> Forecast | None:
    """The forecast, None where there is nothing to do. `facts` are those of the state; `id_of`
    gives the ids that addresses have.
    """
    if not steps:
        return None
    pace = pace or Throughput(
        taken=(timing.QUOTA_SECONDS,) * min(account.calls, timing.QUOTA_CALLS)
    )
    maker = _Maker(kinds, facts, id_of)
    weights = weights_of(steps, kinds)
    jobs = {
        step.key: Job(
            step.key,
            tuple(maker.deeds(step)),
            weights[step.key],
            step.after,
            step.instances,
            step.after_accepted,
        )
        for step in steps
    }
    model = Model(
        jobs, _pages(steps, account, kinds), pace.latency_seconds, pace.taken, pace.own_seconds
    )
    model.run()
    return Forecast(model.now, model.writes, model.reads, _critical(steps, jobs))


def _critical(steps: Sequence[Step], jobs: Mapping[str, Job]) -> tuple[str, ...]:
    """The longest chain of steps that wait for each other, each as long as the cloud takes for it,
    the quota apart.
    """
    after = {
        step.key: tuple(key for key in step.after if key not in step.after_accepted)
        for step in steps
    }
    tails = graph.tails(after, {key: sum(map(_usual, job.deeds)) for key, job in jobs.items()})
    followers: dict[str, list[str]] = {}
    for key, earlier in after.items():
        for other in earlier:
            followers.setdefault(other, []).append(key)
    path = [max(sorted(after), key=tails.__getitem__)]
    while path[-1] in followers:
        path.append(max(sorted(followers[path[-1]]), key=tails.__getitem__))
    return tuple(path)


def _usual(deed: Deed) -> float:
    return CALL_SECONDS * deed.calls + deed.seconds + (timing.ABSENCE_SECONDS if deed.gone else 0.0)


_AT_ONCE = 1e9


def weights_of(steps: Sequence[Step], kinds: Mapping[str, ResourceType]) -> dict[str, float]:
    """How urgent each step is: the seconds of the longest chain that begins with it; the heaviest
    that may begin is next.

    A server that was taken off its firewall gets the new one before anything else is done to it
    (planning#steps); one that has none, because an earlier run took it off, before anything else at
    all, and what that waits for goes first as well.
    """
    left = {step.key: step.address for step in steps if step.operation == "firewall.detach"}
    after_left = {
        step.key for step in steps if any(left.get(key) == step.address for key in step.after)
    }
    seconds = {step.key: seconds_of(step, kinds) for step in steps}
    for step in steps:
        if step.operation == "firewall.attach" and step.key not in after_left and _has_none(step):
            seconds[step.key] += _AT_ONCE
    found = graph.tails({step.key: step.after for step in steps}, seconds)
    for step in steps:
        if step.operation == "firewall.attach" and step.key in after_left:
            found[step.key] += _AT_ONCE
    return found


def _has_none(attach: Step) -> bool:
    """Whether the server that is to be attached is there already, and behind no firewall."""
    return "former" not in attach.inputs and not isinstance(attach.inputs["instance"], Link)


def seconds_of(step: Step, kinds: Mapping[str, ResourceType]) -> float:
    """How long a step usually takes, its call included: what a run goes by when it chooses which
    step is next.
    """
    return CALL_SECONDS + float(operation_of(kinds, step.operation).seconds[1])


CALL_SECONDS = 1.0
"""What a call weighs: a quota of 60 a minute is one a second."""


def _pages(
    steps: Sequence[Step], account: Account, kinds: Mapping[str, ResourceType]
) -> dict[str, int]:
    """The calls that each list takes, with what the plan makes: a page that is full is followed by
    another.
    """
    found = {}
    for kind in kinds.values():
        if kind.name in kind.lists and kind.lists[kind.name].paging is Paging.PAGES:
            made = sum(1 for step in steps if step.operation == f"{kind.singular}.create")
            found[kind.name] = (
                1 + (len(account.objects.get(kind.name, EMPTY)) + made) // timing.PAGE_SIZE
            )
    return found


def calls_of(step: Step, facts: Mapping[str, str] = EMPTY) -> int:
    """The writes that a step is expected to send: the first way of a resize, the longer way of a
    switch until it is known (planning#steps).
    """
    return len(operations_of(step, facts))


def operations_of(step: Step, facts: Mapping[str, str]) -> tuple[str, ...]:
    """The operations that a step is expected to send, refused ones included."""
    if waits(step.operation):
        return ()
    if step.operation == "firewall.attach" and "former" in step.inputs:
        ways = {"replace": ("firewall.attach",), "many": ("firewall.attach", "firewall.detach")}
        return ways.get(
            facts.get("attach", ""), ("firewall.attach", "firewall.detach", "firewall.attach")
        )
    return (step.operation,)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Turns steps into what the model walks."""

    kinds: Mapping[str, ResourceType]
    facts: Mapping[str, str]
    id_of: Callable[[Address], str | None]

    def deeds(self, step: Step) -> Iterator[Deed]:
        """What a step does, one call after the other."""
        inputs = {name: self._plain(value) for name, value in step.inputs.items()}
        operations = operations_of(step, self.facts)
        if not operations:
            operation = operation_of(self.kinds, step.operation)
            # Nobody knows how far it is: half of what it usually takes is left.
            yield Deed(operation.watches(step.target, inputs), operation.seconds[1] / 2, calls=0)
        for number, name in enumerate(operations):
            deed = self._deed(step, name, inputs, first=number == 0)
            if name == "firewall.attach" and len(operations) == 3 and number == 0:
                deed = Deed(looks=deed.looks)  # refused: the answer is the end
            yield deed

    def _deed(self, step: Step, name: str, inputs: Mapping[str, Any], *, first: bool) -> Deed:
        kind = kind_of(self.kinds, name)
        operation = operation_of(self.kinds, name)
        asked = (
            {**inputs, "firewall": inputs["former"]}
            if name == "firewall.detach" and "former" in inputs
            else inputs
        )
        gone = deletes(name) and kind.name != "rules"
        lists = (
            operation.settled_by(step.target, asked)
            if gone
            else operation.watches(step.target or str(step.address), asked)
        )
        if name == "firewall.attach" and "former" in inputs:
            lists = (*lists, f"members:{inputs['former']}")
        looks = operation.second_look(step.fingerprint, asked) if first else ()
        seconds, look = float(operation.seconds[1]), float(operation.look_seconds)
        return Deed(
            lists,
            seconds,
            first=look,
            looks=looks,
            gone=gone,
            probed=gone and kind.detail is not None,
        )

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Link):
            return self.id_of(value.address) or str(value.address)
        return value


def budget(account: Account, found: Forecast | None) -> CallBudget:
    """Calls made for reading, to be sent as writes, and expected while waiting."""
    if found is None:
        return CallBudget(read=account.calls)
    return CallBudget(read=account.calls, write=found.writes, wait=found.reads)
