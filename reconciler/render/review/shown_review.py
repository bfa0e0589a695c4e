"""What the comment about one stack of a pull request says, as values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.config.project.project import ApplyMode
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.render.project.shown_project import ShownPlan


class ReviewStage(Enum):
    """Where a stack of a pull request is.

    - `PLANNED`: there is a plan; its approvals say whether it waits for one.
    - `NO_PLAN`: errors came before a plan, or are in it.
    - `HELD`: the plan may be applied, but a window, a freeze or another stack holds it back.
    - `CHANGED`: an apply sent nothing, because the plan is not the approved one any more.
    - `APPLIED`, `FAILED`: an apply ended.
    - `CONFLICT`: the pull request cannot be merged, so there is nothing to plan.
    - `FORK`: it comes from another repository, so it is only validated.
    """

    PLANNED = "planned"
    NO_PLAN = "no-plan"
    HELD = "held"
    CHANGED = "changed"
    APPLIED = "applied"
    FAILED = "failed"
    CONFLICT = "conflict"
    FORK = "fork"


APPROVABLE = (ReviewStage.PLANNED, ReviewStage.HELD, ReviewStage.CHANGED)
"""The stages in which a plan can be approved."""


@dataclass(frozen=True, slots=True)
class ShownApproval:
    """What approvals say. `people` are the accounts whose approval counts, `ignored` are accounts
    and why their approval does not. `never` are the classes that the rules forbid, or `any`.
    `way_out` is what to do if nobody can approve.
    """

    needed: int
    people: tuple[str, ...] = ()
    missing: int = 0
    never: frozenset[str] = frozenset()
    ignored: tuple[tuple[str, str], ...] = ()
    way_out: str | None = None

    @property
    def is_approved(self) -> bool:
        """Whether nothing is missing or forbidden."""
        return not self.missing and not self.never


@dataclass(frozen=True, slots=True)
class ReviewNotes:
    """What the comment says besides the plan. `commit` is the one that was planned;
    `rules_changed` whether the pull request changes rules or policies. `waits_for` are the titles
    of stacks whose apply decides values of this plan: without them it is not provisional.
    `is_merged` is that of the pull request.
    """

    commit: str
    mode: ApplyMode = ApplyMode.MERGED
    rules_changed: bool = False
    waits_for: tuple[str, ...] = ()
    is_merged: bool = False
    run_url: str = ""
    report_url: str = ""


@dataclass(frozen=True, slots=True)
class ReviewEnd:
    """How an apply ended, or why none began. `opens` is the unix second at which the next window
    opens; `next` is the command that continues.
    """

    reason: str | None = None
    seconds: float = 0.0
    calls: int = 0
    opens: float | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ShownReview:
    """One stack of a pull request. `id` is that of the plan; `problems` are those without a plan,
    and those of an apply.
    """

    title: str
    stage: ReviewStage
    notes: ReviewNotes
    shown: ShownPlan | None = None
    id: str | None = None
    approval: ShownApproval | None = None
    problems: Sequence[Problem] = ()
    end: ReviewEnd = ReviewEnd()

    @property
    def is_empty(self) -> bool:
        """Whether there is a plan, and nothing to apply."""
        shown = self.shown
        return shown is not None and shown.plan.is_empty and not shown.outputs

    @property
    def has_only_outputs(self) -> bool:
        """Whether an apply only writes outputs into the state."""
        return self.shown is not None and self.shown.plan.is_empty and not self.is_empty

    @property
    def has_errors(self) -> bool:
        """Whether errors keep its plan from being applied, or there is none because of them."""
        stopped = self.shown is not None and exit_codes.stops(self.shown.plan.problems)
        return self.stage is ReviewStage.NO_PLAN or (stopped and self.stage in APPROVABLE)

    @property
    def is_approved(self) -> bool:
        """Whether no approval is missing or forbidden."""
        return self.approval is None or self.approval.is_approved
