"""The values of a pass of `watch`: what it saw, what earlier passes saw, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import EMPTY


class Health(Enum):
    """How a stack is, the healthiest first.

    - `CLEAN`: the account has what the files and the last apply say.
    - `DRIFTED`: somebody changed something outside.
    - `WAITING`: the files ask for changes, or another run is active.
    - `BLOCKED`: nothing is done without a person.
    - `STALE`: the account could not be read completely, so nothing is known of now.
    - `FAILED`: the files have mistakes, or a revert failed.
    """

    CLEAN = "clean"
    DRIFTED = "drifted"
    WAITING = "waiting"
    BLOCKED = "blocked"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Drifted:
    """An address that somebody changed outside.

    `seen` is a digest of what differs and how: equal digests mean that two readings saw the same.
    `key` is the same without the values. `listed_as` are the names by which `revert` may list it.
    `never` says why it is not reverted even if it is listed, None if nothing speaks against it.
    """

    address: str
    key: str
    seen: str
    listed_as: frozenset[str] = frozenset()
    never: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one pass saw. `at` is when the reading began and `until` when it ended, in unix seconds.

    `trouble` is `STALE` if nothing can be concluded from it, `BLOCKED` if nothing is done without a
    person, `WAITING` for another stack, or `FAILED` if the files have mistakes, with the reason;
    else None. `running` is the run
    that is active now, `pending` the number of changes that the files ask for, `digest` that of the
    files.
    """

    at: float
    until: float = 0.0
    digest: str = ""
    drift: tuple[Drifted, ...] = ()
    pending: int = 0
    running: str | None = None
    trouble: tuple[Health, str] | None = None


@dataclass(frozen=True, slots=True)
class Reverted:
    """A revert that was begun: when, in unix seconds, and the key of what drifted."""

    at: float
    key: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier passes saw and did. To lose it is safe: what drifts has to be seen twice again.

    `seen` maps what drifted to the time at which a complete reading first saw it; whatever a
    complete reading does not see is dropped. `reverts` are those since the files last changed.
    `read_at` is the last complete reading, `reported` the last health that was reported, and
    `failures` the number of passes in a row that could conclude nothing.
    """

    digest: str = ""
    seen: Mapping[str, float] = field(default_factory=lambda: EMPTY)
    reverts: tuple[Reverted, ...] = ()
    read_at: float | None = None
    reported: str | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Allowed:
    """What holds back a revert now. `frozen` is the reason of a freeze, `opens` the next opening of
    a window in unix seconds; None if it is not held back. `revert` is what the rules list.
    """

    revert: frozenset[str] = frozenset()
    frozen: str | None = None
    opens: float | None = None


@dataclass(frozen=True, slots=True)
class WatchDecision:
    """What a pass does: `revert` has the addresses that it reverts. `reason` is one line for
    people, `left` why each other address that drifted is left as it is, and `memory` what the next
    pass knows.
    """

    health: Health
    reason: str
    memory: Memory
    revert: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class Passed:
    """The result of a pass over one stack: the addresses that drifted and those that were reverted,
    the calls that it sent, and `monthly`, what the stack costs in KRW a month (None if unknown).
    `branch` is the branch with the absorbed drift, if one was written.
    """

    title: str
    decision: WatchDecision
    drifted: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    calls: int = 0
    monthly: int | None = None
    branch: str | None = None

    @property
    def health(self) -> Health:
        """How the stack is."""
        return self.decision.health

    @property
    def is_news(self) -> bool:
        """Whether the health is not the one that was last reported."""
        return self.decision.memory.reported != self.decision.health.value

    @property
    def exit_code(self) -> int:
        """The exit code of a pass: 0 if it went as it should, whatever it found."""
        code = exit_codes.of_problems(self.problems)
        if self.health is Health.BLOCKED:
            return exit_codes.worst((code, exit_codes.DECIDE))
        if self.health in (Health.FAILED, Health.STALE):
            return exit_codes.worst((code, exit_codes.ERROR))
        return exit_codes.DONE
