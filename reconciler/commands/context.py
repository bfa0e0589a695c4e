"""The values that the use cases share: the account, the run, what was planned and applied."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes, ports
from reconciler.model.diagnostics import Problem
from reconciler.model.events import Activity, Event, Summary
from reconciler.model.kinds import Kinds
from reconciler.model.plan import Action, Plan
from reconciler.model.resource import Account, Stack
from reconciler.planner.checks.approval import Decision, GivenConsent
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.planner.steps.outputs import OutputChange

if TYPE_CHECKING:
    from reconciler.commands.project.gate_values import Gates
    from reconciler.contract.check_runner import Direct
    from reconciler.executor import Result
    from reconciler.executor.first_passwords import KeepPassword
    from reconciler.iwinv.shared.account_pool import AccountPool


@dataclass(frozen=True, slots=True)
class Connection:
    """The account as one run sees it. `account` is the digest of its key, `key_suffix` the end of
    the key, which may be shown.

    `reads` makes the readings of a run; its argument gives the ids that a list must show. `cache`
    is what is kept of the account between runs, None with `--no-cache`. `notify` takes what the
    command does and waits for while it reads and plans. `direct` provokes refusals. `pool` has what
    the run has read, if it works on several stacks.
    """

    exchange: ports.Client
    reads: Callable[[Callable[[str], frozenset[str]]], ports.Reads]
    kinds: Kinds
    account: str
    key_suffix: str
    endpoint: str
    simulated: bool = False
    time_scale: float = 1.0
    cache: ports.AccountCache | None = None
    notify: Callable[[Activity], None] = lambda activity: None
    direct: Direct | None = None
    pool: AccountPool | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from. `problems` are those besides the plan's own, `tracked` the
    addresses in the state, `unmanaged` the objects that are not in it, if they were asked for.
    `provisional` is the run that was active meanwhile, None if there was none.
    """

    plan: Plan
    account: Account
    stack: Stack
    at: float
    problems: tuple[Problem, ...] = ()
    tracked: Collection[str] = ()
    outputs: tuple[OutputChange, ...] = ()
    provisional: str | None = None
    unmanaged: tuple[Unmanaged, ...] | None = None

    @property
    def has_changes(self) -> bool:
        """Whether an apply would change anything for the user, if only outputs."""
        return not self.plan.is_empty or bool(self.outputs)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that only shows this plan, apart from changes: 4 if blocked, 3
        if a decision is needed, 1 for errors, otherwise 0.
        """
        actions = {change.action for change in self.plan.changes}
        codes = [exit_codes.of_problems((*self.plan.problems, *self.problems))]
        codes += [exit_codes.DECIDE] if Action.DECIDE in actions else []
        codes += [exit_codes.REFUSED] if Action.BLOCKED in actions else []
        return exit_codes.worst(codes)


@dataclass(frozen=True, slots=True)
class Prompter:
    """What a use case shows and asks. `ask` returns whether the user consents."""

    show: Callable[[Planned, Decision], None]
    ask: Callable[[Planned, Decision], bool]
    emit: Callable[[Event], None]


class Interrupts(Protocol):
    """Takes the signals of the process while its block runs. Called, it returns whether one asked
    for an end.
    """

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Run:
    """How a run works. `again` is the command that would continue it; `nonce` returns a new marker
    for each create.

    `interrupts` is entered while a plan is carried out, and returns whether an end was asked for.
    `wait`: the run waits until what an earlier run left open can be settled; otherwise it ends with
    exit 3. `keep` takes the first passwords of new instances.
    """

    id: str
    holder: ports.Holder
    nonce: Callable[[], str]
    interrupts: Interrupts
    again: str
    lock_timeout_seconds: float = 0.0
    wait: bool = True
    keep: KeepPassword | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """How a plan is carried out: the run, the consent given beforehand, what asks and reports, and
    what may hold it back; without `gates` that is only a freeze.
    """

    run: Run
    given: GivenConsent
    prompter: Prompter
    gates: Gates | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of an apply: the plan and what became of it. `summary` is None if there was
    nothing to do.
    """

    planned: Planned
    exit_code: int
    summary: Summary | None = None
    outputs: Mapping[str, tuple[Any, str | None]] = field(default_factory=dict)
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class ConcurrentRun:
    """A run that works on the stack now: `title` describes it for people, `run` is its id in the
    records, if that is known.
    """

    title: str
    run: str | None = None


def no_concurrent_run() -> ConcurrentRun | None:
    """No other run works on the stack."""
    return None
