"""Which stacks of a run may begin now, as a pure value: independent ones side by side, the others
after what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Protocol

from reconciler.common.dataclass import dataclass
from reconciler.model.resource import EMPTY

STACKS_MAX = 4
"""How many stacks are applied side by side. All share one quota, so that more would only wait."""


class StackEnd(Enum):
    """How a stack of a run ended. Those after `FAILED` were not begun."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_STARTED = "not-started"


@dataclass(frozen=True, slots=True)
class StackQueue:
    """The stacks of a run by title, with what each needs; all of that is in the run too, and
    without a cycle. `ends` has those that ended. `is_stopped`: no stack begins any more.
    """

    needs: Mapping[str, frozenset[str]]
    most: int = STACKS_MAX
    running: frozenset[str] = frozenset()
    ends: Mapping[str, StackEnd] = field(default_factory=lambda: EMPTY)
    is_stopped: bool = False

    @property
    def ready(self) -> tuple[str, ...]:
        """The stacks that may begin now, as many as there is room for: the one with the longest
        chain of stacks behind it first.
        """
        if self.is_stopped:
            return ()
        free = [
            title
            for title, needed in self.needs.items()
            if title not in self.running
            and title not in self.ends
            and all(self.ends.get(each) is StackEnd.DONE for each in needed)
        ]
        behind = chains(self.needs)
        free.sort(key=lambda title: -behind[title])
        return tuple(free[: self.most - len(self.running)])

    def begin(self, title: str) -> StackQueue:
        """The queue after a stack began."""
        return replace(self, running=self.running | {title})

    def end(self, title: str, *, well: bool) -> StackQueue:
        """The queue after a stack ended. If it did not end well, what needs it is skipped, unless
        it ended before.
        """
        waiting = () if well else needed_by(reversed_needs(self.needs), title)
        skipped = dict.fromkeys(waiting, StackEnd.SKIPPED)
        own = StackEnd.DONE if well else StackEnd.FAILED
        ends = {**skipped, **self.ends, title: own}
        return replace(self, running=self.running - {title}, ends=ends)

    def stop(self) -> StackQueue:
        """The queue after an interruption: what runs ends, and nothing more begins."""
        return replace(self, is_stopped=True)

    def close(self) -> StackQueue:
        """The queue at the end of the run: what was never begun has that as its end."""
        left = {title: StackEnd.NOT_STARTED for title in self.needs if title not in self.ends}
        return replace(self, ends={**self.ends, **left})

    def failed_before(self, title: str) -> tuple[str, ...]:
        """Which of the stacks that a skipped one needs, directly or not, failed; in order."""
        needed = needed_by(self.needs, title)
        return tuple(
            each for each in self.needs if each in needed and self.ends.get(each) is StackEnd.FAILED
        )


class Workers(Protocol):
    """Carries out stacks, each beside the others."""

    def start(self, title: str) -> None:
        """Begins a stack."""
        ...

    def next(self) -> tuple[str, bool] | None:
        """Waits for the next stack that ends: its title, and whether it ended well. None from time
        to time, so that an interruption is seen.
        """
        ...


def drive(queue: StackQueue, workers: Workers, interrupted: Callable[[], bool]) -> StackQueue:
    """Carries out all stacks of a queue. Returns the queue at the end of the run."""
    while True:
        if interrupted():
            queue = queue.stop()
        for title in queue.ready:
            queue = queue.begin(title)
            workers.start(title)
        if not queue.running:
            return queue.close()
        ended = workers.next()
        if ended is not None:
            queue = queue.end(ended[0], well=ended[1])


def reversed_needs(needs: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The same stacks for a destroy: each waits for those that need it."""
    return {
        title: frozenset(each for each, needed in needs.items() if title in needed)
        for title in needs
    }


def chains(needs: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """For each stack, how long the longest chain of stacks is that wait for it."""
    found: dict[str, int] = {}
    dependants = reversed_needs(needs)
    for title in _last_first(needs, dependants):
        found[title] = max((found[each] + 1 for each in dependants[title]), default=0)
    return found


def _last_first(
    needs: Mapping[str, frozenset[str]], dependants: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    """All stacks, each after those that need it."""
    left = {title: len(each) for title, each in dependants.items()}
    free = [title for title, number in left.items() if not number]
    while free:
        title = free.pop()
        yield title
        for each in needs[title]:
            left[each] -= 1
            if not left[each]:
                free.append(each)


def needed_by(needs: Mapping[str, frozenset[str]], title: str) -> frozenset[str]:
    """What a stack needs, directly or not."""
    found, left = set[str](), [title]
    while left:
        new = needs.get(left.pop(), frozenset()) - found
        found |= new
        left += new
    return frozenset(found)
