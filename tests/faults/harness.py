"""The harness: a calm run counts the boundaries; then one is broken, the fault is lifted, and the
program is run again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.model.resource import Stack
from tests.cloud_harness import said, shown
from tests.faults import faults, foreign_objects, situation
from tests.faults.bench import Bench, Ended, Saved
from tests.faults.ends import differences, end_of
from tests.faults.faults import Boundary, Break
from tests.faults.operator import Operator
from tests.faults.stacks import Story

RUNS_MORE = 2
"""How many more runs there may be when faults have stopped (safety#requests)."""

ONCE = frozenset({"rebuildInstance", "resizeInstance"})
CREATES = frozenset({"createInstance", "createBlockStorage", "createSecurityGroup"})
EXECUTED = frozenset(
    {
        "answer_lost",
        "executed_then_5xx",
        "executed_late",
        "executed_twice",
        "answer_cut",
        "answer_garbled",
    }
)

RECOVERY_SECONDS_MAX = 1200.0
"""One wait for the fence (450 s) and the two lists past it, besides what the steps themselves take.
"""


CHAINED_RUNS, CHAINED_SECONDS = 6, 240.0
"""How many runs with `--no-wait` may follow a break, and how long after each other."""


@dataclass(frozen=True, slots=True)
class Calm:
    """A story without faults: where it begins, its boundaries, and its end. `last` is the stack of
    all runs after the first.
    """

    story: Story
    stack: Stack
    last: Stack
    saved: Saved
    boundaries: tuple[Boundary, ...]
    end: dict[str, Any]
    seconds: float
    nonces: tuple[str, ...]
    once: int
    bench: type[Bench] = Bench


@dataclass(frozen=True, slots=True)
class Trial:
    """One or two breaks, and what came of them. `runs` counts all of them, the broken ones
    included; `recovery` the boundaries of the run after the first break.
    """

    story: str
    breaks: tuple[Break, ...]
    struck: bool
    runs: int
    answers: tuple[str, ...]
    violations: tuple[str, ...]
    recovery: tuple[Boundary, ...] = ()

    def __str__(self) -> str:
        return f"{self.story}: {' then '.join(map(str, self.breaks))}"


@dataclass(frozen=True, slots=True)
class _Rest:
    """What came of a situation after a first break; as in `Trial`, without that run's part."""

    runs: int
    answers: tuple[str, ...]
    violations: tuple[str, ...]
    recovery: tuple[Boundary, ...]


Known: TypeAlias = dict[tuple[bool, bytes], _Rest]
"""What came of situations of one story: those after a break that comes later than any evidence
apart.
"""


def calm(story: Story, make: type[Bench] = Bench) -> Calm:
    """Applies `before`, saves, applies `after`, and looks at the end. Fails the test where that is
    not calm. `make` says where the state is.
    """
    bench = make(switches=story.switches)
    foreign_objects.settle_in(bench.cloud)
    with tempfile.TemporaryDirectory() as folder:
        stack = bench.stack(story.after, Path(folder) / "after")
        last = stack if story.edited is None else bench.stack(story.edited, Path(folder) / "edited")
        before = (
            None if story.before is None else bench.stack(story.before, Path(folder) / "before")
        )
    if before is not None:
        ended = bench.run(before)
        assert ended.exit_code == 0, f"{story.name}: {said(ended.problems)}"
        bench.clock.advance(600.0)
    nonces = tuple(bench.nonces)
    saved = bench.save()
    again = start(story, saved, nonces, make)
    ended = again.run(stack, destroy=story.destroy)
    assert ended.exit_code == 0 and not again.violations, (
        f"{story.name}: {said(ended.problems)} {again.violations}"
    )
    boundaries = again.counted.boundaries
    if story.edited is not None:
        edited = again.run(last)
        assert edited.exit_code == 0 and not again.violations, (
            f"{story.name}: {said(edited.problems)} {again.violations}"
        )
    once = sum(entry.operation in _once(story) for entry in again.cloud.entries())
    assert_settled(again, last, story)
    return Calm(
        story,
        stack,
        last,
        saved,
        boundaries,
        end_of(again),
        ended.ended - ended.began,
        nonces,
        once,
        make,
    )


def start(story: Story, saved: Saved, nonces: Sequence[str], make: type[Bench] = Bench) -> Bench:
    """A bench at the beginning of a story."""
    bench = make(saved, switches=story.switches)
    bench.nonces.update(dict.fromkeys(nonces, ""))
    bench.check.begin()
    return bench


def begin(start_at: Calm) -> Bench:
    """A bench at the beginning of a calm story."""
    return start(start_at.story, start_at.saved, start_at.nonces, start_at.bench)


def assert_settled(bench: Bench, stack: Stack, story: Story) -> None:
    """The plan is empty: for the calm run, without which no comparison says anything."""
    left = plan_again(bench, stack, story)
    assert not left, f"{story.name}: {left}"


def plan_again(bench: Bench, stack: Stack, story: Story) -> list[str]:
    """What a further plan would do."""
    plan = bench.plan(stack, destroy=story.destroy)
    lines = (
        shown(plan) + [step.key for step in plan.steps] + [str(record) for record in plan.records]
    )
    return lines + [f"{p.code} {p.message}" for p in plan.problems if p.severity.value == "error"]


def trial(
    start_at: Calm, first: Break, second: Break | None = None, *, known: Known | None = None
) -> Trial:
    """Breaks one boundary, and perhaps one of the recovery; then runs at most two more times, with
    answers where a person is needed.

    `known` is what came of the situations after a first break; it is added to. Many breaks leave
    the same one.
    """
    bench = begin(start_at)
    ended = bench.run(start_at.stack, armed=first, destroy=start_at.story.destroy)
    struck = _struck(bench, first)
    at_once = tuple(bench.violations)
    left = None if known is None or second is not None else situation.of(bench, ended)
    if known is None or left is None:
        rest = _rest(bench, start_at, ended, first, second)
    else:
        here = (first.fault == faults.BEYOND, left)
        rest = known.get(here) or _rest(bench, start_at, ended, first, None)
        known[here] = rest
    done = (first,) if second is None else (first, second)
    return Trial(
        start_at.story.name,
        done,
        struck,
        rest.runs,
        rest.answers,
        at_once + rest.violations,
        rest.recovery,
    )


def _rest(bench: Bench, start_at: Calm, ended: Ended, first: Break, second: Break | None) -> _Rest:
    """What comes after the first run, which ended like that."""
    story, stack, operator = start_at.story, start_at.last, Operator()
    at_once, runs, recovery = len(bench.violations), 1, tuple[Boundary, ...]()
    left_over = ["the first run"]
    began = bench.clock.monotonic()
    allowed = RUNS_MORE + (1 if second is not None else 0)
    while not _is_done(ended) or (left_over := _settled_lines(bench, stack, story, ended)):
        if runs > allowed:
            break
        operator.answer(bench, stack, ended, destroy=story.destroy)
        armed = second if runs == 1 else None
        ended = _again(bench, stack, story, operator, armed)
        recovery = recovery or bench.counted.boundaries
        began = began if armed is None else bench.clock.monotonic()
        runs += 1
        left_over = []
    beyond = any(one is not None and one.fault == faults.BEYOND for one in (first, second))
    if beyond:
        ended, left_over = _long_after(bench, start_at, operator, ended)
    bench.violations += _after(bench, start_at, ended, left_over, late=beyond)
    if not beyond and bench.clock.monotonic() - began > RECOVERY_SECONDS_MAX + 3 * start_at.seconds:
        bench.violations.append(f"3: the recovery took {bench.clock.monotonic() - began:.0f} s")
    return _Rest(runs, tuple(operator.answers), tuple(bench.violations[at_once:]), recovery)


def chain(start_at: Calm, first: Break) -> Trial:
    """One break and then runs with `--no-wait` alone: each leaves what it cannot prove to the next
    one, and all end as the calm run did.
    """
    bench, operator, stack, story = (
        begin(start_at),
        Operator(),
        start_at.last,
        start_at.story,
    )
    ended, runs, left_over = (
        bench.run(start_at.stack, armed=first, destroy=story.destroy, wait=False),
        1,
        ["the first run"],
    )
    struck = _struck(bench, first)
    while runs <= CHAINED_RUNS and (
        not _is_done(ended) or (left_over := plan_again(bench, stack, story))
    ):
        bench.clock.advance(CHAINED_SECONDS)
        operator.answer(bench, stack, ended, destroy=story.destroy)
        ended = bench.run(
            stack,
            gone=operator.accept,
            duplicates=operator.duplicates,
            destroy=story.destroy,
            wait=False,
        )
        runs, left_over = runs + 1, []
    bench.violations += _after(bench, start_at, ended, left_over, late=first.fault == faults.BEYOND)
    return Trial(
        story.name, (first,), struck, runs, tuple(operator.answers), tuple(bench.violations)
    )


def _long_after(
    bench: Bench, start_at: Calm, operator: Operator, ended: Ended
) -> tuple[Ended, list[str]]:
    """What came later than any evidence reaches is told by the next run, with exit 3; a person
    deletes it.
    """
    before = len(operator.answers)
    bench.clock.advance(1000.0)
    for _ in range(2):
        ended = _again(bench, start_at.last, start_at.story, operator, None)
        operator.answer(bench, start_at.last, ended, destroy=start_at.story.destroy)
    if not any(answer.startswith("deleted") for answer in operator.answers[before:]):
        bench.violations.append("1: what came late was not told")
    return ended, plan_again(bench, start_at.last, start_at.story)


def _again(
    bench: Bench, stack: Stack, story: Story, operator: Operator, armed: Break | None
) -> Ended:
    return bench.run(
        stack,
        armed=armed,
        gone=operator.accept,
        duplicates=operator.duplicates,
        destroy=story.destroy,
    )


def _struck(bench: Bench, one: Break) -> bool:
    number = one.boundary.number
    counted = bench.counted.sends if one.boundary.place == "send" else bench.counted.operations
    return len(counted) >= number


def _is_done(ended: Ended) -> bool:
    return ended.exit_code == 0


def _settled_lines(bench: Bench, stack: Stack, story: Story, ended: Ended) -> list[str]:
    return plan_again(bench, stack, story)


def _after(
    bench: Bench, start_at: Calm, ended: Ended, left_over: list[str], *, late: bool
) -> list[str]:
    """The end against the calm one. `late`: an object came later than any evidence reaches, so that
    another one was created meanwhile.
    """
    found = []
    if not _is_done(ended):
        found.append(f"3: the last run ended with {ended.exit_code}: {said(ended.problems)}")
    found += [f"3: the plan is not empty: {line}" for line in left_over]
    found += _twice(bench, start_at, ONCE if late else _once(start_at.story))
    return found + [f"3: {line}" for line in differences(start_at.end, end_of(bench))]


def _once(story: Story) -> frozenset[str]:
    return ONCE if story.edited is None else ONCE | CREATES


def _twice(bench: Bench, start_at: Calm, once: frozenset[str]) -> list[str]:
    """What empties a disk or takes a server down is done once, however often a run begins anew; but
    where the cloud itself doubles it.

    If the file is edited between the runs, so is each create: a second object at the other address
    may be gone again at the end.
    """
    done = [entry for entry in bench.cloud.entries() if entry.operation in once]
    executed = [
        e
        for e in done
        if (e.status is not None and e.status < 300) or EXECUTED.intersection(e.faults)
    ]
    doubled = sum("executed_twice" in entry.faults for entry in executed)
    allowed = start_at.once + doubled
    return (
        [f"1: {', '.join(e.operation for e in executed)}: more than once"]
        if len(executed) > allowed
        else []
    )


def all_of(start_at: Calm) -> tuple[Break, ...]:
    """The whole space of a story; where the file is edited afterwards, that of its writes: the
    others leave nothing in doubt.
    """
    writes = tuple(one for one in start_at.boundaries if one.is_write)
    return tuple(
        faults.all_breaks(start_at.boundaries if start_at.story.edited is None else writes)
    )
