"""The plans of a pull request, each with the id by which it is approved and what is approved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace

from reconciler.cli import plan_output
from reconciler.cli.many import many_plans
from reconciler.cli.many.chosen_stacks import ChosenStacks
from reconciler.cli.many.many_plans import PlannedStacks
from reconciler.cli.options import Choices
from reconciler.commands import session as sessions
from reconciler.commands.project.values import ProjectPlan, StackPlan
from reconciler.commands.review import plan_ids
from reconciler.commands.review.approvals import ReviewedPlan
from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Severity
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, Decision, GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.saved_plan import SavedPlan
from reconciler.render.project.shown_project import ShownProject, ShownStack, ShownStatus


@dataclass(frozen=True, slots=True)
class ReviewedStack:
    """One stack of a pull request. `saved` is its plan as it would be saved, and `reviewed` what
    approvals are about: both are None if there is nothing to apply, or no plan.
    """

    part: StackPlan
    shown: ShownStack
    saved: SavedPlan | None = None
    reviewed: ReviewedPlan | None = None

    @property
    def title(self) -> str:
        """`shop/prod`, or `shop`."""
        return self.shown.title

    @property
    def is_denied(self) -> bool:
        """Whether a policy denies the plan: no approval changes that."""
        found = self.shown.every_problem
        return any(one.code == "policy" and one.severity is Severity.ERROR for one in found)

    @property
    def needs_approval(self) -> bool:
        """Whether an apply of it changes more than the outputs in the state."""
        plan = self.shown.plan
        return self.reviewed is not None and plan is not None and not plan.is_empty


@dataclass(frozen=True, slots=True)
class ReviewedStacks:
    """The plans of a pull request in the order of an apply. `choices` has the consent that the
    plans were made with, because they lift a refusal: of objects by name.
    """

    chosen: ChosenStacks
    found: PlannedStacks
    shown: ShownProject
    stacks: tuple[ReviewedStack, ...]
    choices: Choices = Choices()

    def is_current(self) -> bool:
        """Whether the states of the stacks are still those that the plans were made with. It reads
        each of them.
        """
        by_title = {each.title: each for each in self.chosen.stacks}
        for each in self.stacks:
            plan, own = each.shown.plan, by_title[each.title]
            if plan is not None:
                state = sessions.read_state(own.session.store(own.name, own.environment))
                serial = 0 if state is None else state.serial
                if serial != plan.serial:
                    return False
        return True


@dataclass(slots=True)
class _Consent:
    """The consent by name that the plans of a first look need."""

    accept: tuple[Acceptance, ...] = field(default=())

    def options(self, made: ProjectPlan) -> PlanOptions | None:
        """The options to plan again with, if there is any."""
        self.accept = tuple(_by_name(made))
        return plan_output.plan_options(self.choices) if self.accept else None

    @property
    def choices(self) -> Choices:
        """The same as options of a command."""
        return Choices(accept=self.accept, yes=True, allow_empty=True)


def _by_name(made: ProjectPlan) -> Iterator[Acceptance]:
    for part in made.parts:
        for item in () if part.planned is None else part.planned.plan.consents:
            if item.risk in approval.BY_ADDRESS_ONLY:
                yield Acceptance(item.risk, f"{part.title}:{item.address}")


@contextmanager
def reviewed_stacks(chosen: ChosenStacks) -> Iterator[ReviewedStacks]:
    """The plans of the stacks, as they would be after all consent that they need; the account stays
    open while the block runs.

    A plan that is refused until somebody names an object in it is made with that consent: this is
    what is shown, and what an approval of its id agrees to.
    """
    consent = _Consent()
    wanted = plan_output.plan_options(consent.choices)
    with many_plans.planned_stacks(chosen, wanted, consent.options) as found:
        choices = consent.choices
        shown = many_plans.shown_project(chosen, found, choices, detailed=False)
        by_title: Mapping[str, ShownStack] = {each.title: each for each in shown.stacks}
        stacks = tuple(
            _reviewed(chosen, found, choices, by_title[part.title]) for part in found.plan.parts
        )
        yield ReviewedStacks(chosen, found, shown, stacks, choices)


def _reviewed(
    chosen: ChosenStacks, found: PlannedStacks, choices: Choices, shown: ShownStack
) -> ReviewedStack:
    part = found.plan.part(shown.title)
    if part.planned is None or shown.status is not ShownStatus.CHANGED:
        return ReviewedStack(part, shown)
    denied = ReviewedStack(part, shown)
    if denied.is_denied:
        return denied
    each = next(one for one in chosen.stacks if one.title == shown.title)
    saved = many_plans.saved_plan(each, part, found, choices)
    id = plan_ids.review_id(saved, part.after)
    reviewed = ReviewedPlan.of(part.planned.plan, id, is_provisional=bool(part.after))
    return ReviewedStack(part, shown, saved, reviewed)


def narrowed(chosen: ChosenStacks, titles: Collection[str]) -> ChosenStacks:
    """The same choice with only these stacks, in their order."""
    stacks = tuple(each for each in chosen.stacks if each.title in titles)
    needs = {each.title: chosen.needs.get(each.title, frozenset()) & {*titles} for each in stacks}
    return replace(chosen, stacks=stacks, needs=needs)


def decision_of(each: ReviewedStack, choices: Choices) -> Decision:
    """The decision about a plan that was approved: its consent is what was shown of it."""
    planned = each.part.planned
    assert planned is not None
    accept = approval.own(choices.accept, each.title)
    given = GivenConsent(accept=accept, allow_empty=True, terminal=True)
    return approval.decide(planned.plan, given, tracked=planned.tracked)
