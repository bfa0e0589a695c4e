"""Random graphs of stacks, carried out in virtual time: the order, what runs side by side, and what
a failure or an interruption leaves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from reconciler.commands.project import stack_queue
from reconciler.commands.project.stack_queue import STACKS_MAX, StackEnd, StackQueue

LEVELS, STACKS = 3, 20


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    """Up to 20 stacks on 3 levels: each needs some of the levels before its own."""
    levels = [draw(st.integers(0, LEVELS - 1)) for _ in range(draw(st.integers(1, STACKS)))]
    titles = draw(st.permutations(range(len(levels))))
    found = {}
    for title in titles:
        before = [f"s{each}" for each, level in enumerate(levels) if level < levels[title]]
        chosen = draw(st.frozensets(st.sampled_from(before), max_size=3)) if before else frozenset()
        found[f"s{title}"] = chosen
    return found


class VirtualWorkers:
    """Stacks that take some seconds of virtual time. `log` has each begin and end in order."""

    def __init__(self, seconds: Mapping[str, float], failing: frozenset[str] = frozenset()) -> None:
        self.seconds, self.failing, self.now = seconds, failing, 0.0
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.most = 0
        self._under_way: list[tuple[float, str]] = []

    def start(self, title: str) -> None:
        assert title not in self.begun
        self.begun[title] = self.now
        heapq.heappush(self._under_way, (self.now + self.seconds[title], title))
        self.most = max(self.most, len(self._under_way))

    def next(self) -> tuple[str, bool] | None:
        self.now, title = heapq.heappop(self._under_way)
        self.ended[title] = self.now
        return title, title not in self.failing


def carried_out(
    needs: Mapping[str, frozenset[str]],
    workers: VirtualWorkers,
    interrupted: Callable[[], bool] = lambda: False,
) -> StackQueue:
    return stack_queue.drive(StackQueue(needs), workers, interrupted)


def seconds_of(draw: st.DataObject, needs: Mapping[str, frozenset[str]]) -> dict[str, float]:
    return {title: draw.draw(st.integers(1, 30)) / 2 for title in needs}


@given(graphs(), st.data())
def test_each_stack_begins_after_all_that_it_needs(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    workers = VirtualWorkers(seconds_of(data, needs))
    queue = carried_out(needs, workers)
    assert set(queue.ends.values()) == {StackEnd.DONE} and queue.ends.keys() == needs.keys()
    for title, needed in needs.items():
        assert all(workers.ended[each] <= workers.begun[title] for each in needed)


@given(graphs(), st.data())
def test_independent_stacks_run_side_by_side_and_at_most_four(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    workers = VirtualWorkers(seconds_of(data, needs))
    carried_out(needs, workers)
    assert workers.most <= STACKS_MAX
    # Graham's bound: no place is empty while a stack could begin.
    longest = _longest(needs, workers.seconds)
    work = sum(workers.seconds.values())
    assert workers.now <= work / STACKS_MAX + longest * (1 - 1 / STACKS_MAX) + 1e-9


@given(graphs(), st.data())
def test_a_failure_skips_exactly_what_depends_on_it(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    failing = data.draw(st.frozensets(st.sampled_from(sorted(needs)), max_size=3))
    workers = VirtualWorkers(seconds_of(data, needs), failing)
    queue = carried_out(needs, workers)
    for title in needs:
        before = stack_queue.needed_by(needs, title)
        if before & failing:
            assert queue.ends[title] is StackEnd.SKIPPED and title not in workers.begun
            assert set(queue.failed_before(title)) == {
                each for each in before & failing if queue.ends[each] is StackEnd.FAILED
            }
        else:
            assert queue.ends[title] is (StackEnd.FAILED if title in failing else StackEnd.DONE)


@given(graphs(), st.data(), st.integers(0, 60))
def test_nothing_begins_after_an_interruption(
    needs: dict[str, frozenset[str]], data: st.DataObject, at: int
) -> None:
    workers = VirtualWorkers(seconds_of(data, needs))
    queue = carried_out(needs, workers, lambda: workers.now >= at)
    assert all(begun < at for begun in workers.begun.values())
    assert workers.begun.keys() == workers.ended.keys()
    ends = {title for title, end in queue.ends.items() if end is StackEnd.NOT_STARTED}
    assert ends == needs.keys() - workers.begun.keys()


@given(graphs(), st.data())
def test_a_destroy_ends_each_stack_after_those_that_need_it(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    workers = VirtualWorkers(seconds_of(data, needs))
    carried_out(stack_queue.reversed_needs(needs), workers)
    for title, needed in needs.items():
        assert all(workers.ended[title] <= workers.begun[each] for each in needed)


def test_the_stack_that_most_wait_for_begins_first() -> None:
    needs = {name: frozenset[str]() for name in "abcde"} | {"f": frozenset("e")}
    assert StackQueue(needs).ready == ("e", "a", "b", "c")


def _longest(needs: Mapping[str, frozenset[str]], seconds: Mapping[str, float]) -> float:
    def until(title: str) -> float:
        return seconds[title] + max(map(until, needs[title]), default=0.0)

    return max(map(until, needs))
