"""A forecast of a plan: how long it takes, how many calls, and which steps decide it
(planning#forecast).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.timing import Throughput
from reconciler.model.address import Address
from reconciler.model.plan import CallBudget, Step
from reconciler.model.resource import EMPTY, Account, Link
from reconciler.model.resource_type import (
    Paging,
    ResourceType,
    acts_on,
    deletes,
    operation_of,
    waits,
)
from reconciler.model.state import State
from reconciler.planner.estimate.forecast_model import ModelClient, ModelHandler, ModelReads
from reconciler.planner.estimate.model_controls import ModelControls, created_by, deleted_by
from reconciler.planner.steps import graph
from reconciler.resources.firewall import ATTACH, DETACH, INSTANCE
from reconciler.resources.rule import SINGULAR as RULE
from reconciler.schedule.last_control import LastControl
from reconciler.schedule.list_poller import ListPoller
from reconciler.schedule.loop import Loop
from reconciler.schedule.operation_lists import OperationLists
from reconciler.schedule.polling import SLIGHTLY, Polls
from reconciler.schedule.rechecks import Rechecks
from reconciler.schedule.scheduler import Scheduler
from reconciler.schedule.task import Task, Write


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many seconds, writes and reads an apply is expected to take. `critical` is the longest
    chain of steps that wait for each other, in order. `ends` is when each step ends, by its key, in
    seconds from the begin.
    """

    seconds: float
    writes: int
    reads: int
    critical: tuple[str, ...] = ()
    ends: Mapping[str, float] = EMPTY


def forecast(
    steps: Sequence[Step],
    account: Account,
    kinds: Mapping[str, ResourceType],
    *,
    state: State,
    throughput: Throughput | None = None,
    id_of: Callable[[Address], str | None] = lambda address: None,
) -> Forecast | None:
    """The forecast, None if the plan has no steps. `id_of` gives the ids that addresses have."""
    if not steps:
        return None
    throughput = throughput or Throughput(
        taken=(timing.QUOTA_SECONDS,) * min(account.calls, timing.QUOTA_CALLS)
    )
    weights = weights_of(steps, kinds)
    operations = {step.key: operations_of(step, state.facts) for step in steps}
    tasks = {
        step.key: _task(step, weights[step.key], operations[step.key], id_of) for step in steps
    }
    client = ModelClient(throughput)
    ends: dict[str, float] = {}
    scheduler = Scheduler(tasks, lambda task: ends.update({task.key: client.time}))
    poller = ListPoller(ModelReads(_pages(steps, account, kinds)), time_scale=1.0)
    lists, shown_from = OperationLists(kinds), dict[str, float]()
    controls = ModelControls(
        state,
        account,
        lambda kind: poller.shown_at((kind,)) + client.throughput.latency_seconds / 2 + SLIGHTLY,
        shown_from,
        created_by(steps, kinds),
        deleted_by(steps),
    )
    polls = Polls(scheduler, poller, lists, controls)
    rechecks = Rechecks(polls, client.now, 0.0, is_shown=lambda kind, id: True)
    handler = ModelHandler(
        client, polls, rechecks, LastControl(polls), _fallbacks(operations), shown_from
    )
    Loop(scheduler, poller, client, handler).run()
    critical = _critical(
        steps, {step.key: _usual(step, kinds, operations[step.key]) for step in steps}
    )
    return Forecast(client.time, client.writes, client.reads, critical, ends)


def _task(
    step: Step,
    weight: float,
    operations: tuple[str, ...],
    id_of: Callable[[Address], str | None],
) -> Task:
    """A step with its inputs as far as they are known: what has no id yet goes by its address."""
    inputs = {
        name: (id_of(value.address) or str(value.address)) if isinstance(value, Link) else value
        for name, value in step.inputs.items()
    }
    write = Write(target=step.target or str(step.address), inputs=inputs, resolved=True)
    sent = operations[:1] if _is_refused(operations) else operations
    return Task(step, weight, list(sent or (step.operation,)), write=write)


def _fallbacks(operations: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What is done after the first request, for each step of which that is expected to be
    refused.
    """
    return {key: names[1:] for key, names in operations.items() if _is_refused(names)}


def _is_refused(operations: Sequence[str]) -> bool:
    """Whether the first of these operations is expected to be refused: it comes again later."""
    return operations[0] in operations[1:] if operations else False


def _critical(steps: Sequence[Step], seconds: Mapping[str, float]) -> tuple[str, ...]:
    """The longest chain of steps that wait for each other, each as long as the cloud takes for it,
    the quota apart.
    """
    after = {
        step.key: tuple(key for key in step.after if key not in step.after_accepted)
        for step in steps
    }
    tails = graph.tails(after, seconds)
    followers: dict[str, list[str]] = {}
    for key, earlier in after.items():
        for other in earlier:
            followers.setdefault(other, []).append(key)
    path = [max(sorted(after), key=tails.__getitem__)]
    while path[-1] in followers:
        path.append(max(sorted(followers[path[-1]]), key=tails.__getitem__))
    return tuple(path)


def _usual(step: Step, kinds: Mapping[str, ResourceType], operations: tuple[str, ...]) -> float:
    """How long the cloud usually takes for a step, with every operation that it is expected to
    need.
    """
    if not operations:
        return operation_of(kinds, step.operation).seconds[1] / 2
    seconds = 0.0
    for number, name in enumerate(operations):
        seconds += CALL_SECONDS
        if number or not _is_refused(operations):
            seconds += operation_of(kinds, name).seconds[1]
        if deletes(name) and not acts_on(name, RULE):
            seconds += timing.ABSENCE_SECONDS
    return seconds


_AT_ONCE = 1e9


def weights_of(steps: Sequence[Step], kinds: Mapping[str, ResourceType]) -> dict[str, float]:
    """How urgent each step is: the seconds of the longest chain that begins with it. Of the steps
    that may begin, the one with the greatest weight is next.

    An instance that this run detaches from its firewall gets the new one before any other step on
    it (planning#steps). An instance that an earlier run left without a firewall gets one before
    all other steps, and the steps that this waits for come first too.
    """
    left = {step.key: step.address for step in steps if step.operation == DETACH}
    after_left = {
        step.key for step in steps if any(left.get(key) == step.address for key in step.after)
    }
    seconds = {step.key: seconds_of(step, kinds) for step in steps}
    for step in steps:
        if step.operation == ATTACH and step.key not in after_left and _has_none(step):
            seconds[step.key] += _AT_ONCE
    found = graph.tails({step.key: step.after for step in steps}, seconds)
    for step in steps:
        if step.operation == ATTACH and step.key in after_left:
            found[step.key] += _AT_ONCE
    return found


def _has_none(attach: Step) -> bool:
    """Whether the instance to be attached exists and has no firewall."""
    return "former" not in attach.inputs and not isinstance(attach.inputs[INSTANCE], Link)


def seconds_of(step: Step, kinds: Mapping[str, ResourceType]) -> float:
    """How many seconds a step usually takes, with its call. A run uses it to choose the
    next step.
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
    if step.operation == ATTACH and "former" in step.inputs:
        ways = {"replace": (ATTACH,), "many": (ATTACH, DETACH)}
        return ways.get(facts.get("attach", ""), (ATTACH, DETACH, ATTACH))
    return (step.operation,)


def budget(account: Account, found: Forecast | None) -> CallBudget:
    """Calls made for reading, to be sent as writes, and expected while waiting."""
    if found is None:
        return CallBudget(read=account.calls)
    return CallBudget(read=account.calls, write=found.writes, wait=found.reads)
