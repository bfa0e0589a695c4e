"""What the rules of a project say about the approvals of its stacks, and what the comments of a
pull request mean for a plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.commands.review import approvals
from reconciler.commands.review.approvals import (
    ApprovalComment,
    ApprovalRules,
    ApprovalVerdict,
    IgnoredComment,
    NotCounted,
    ReviewedPlan,
)
from reconciler.common.dataclass import dataclass
from reconciler.config.project.project import Project, Prune, Settings
from reconciler.model.plan import RiskClass
from reconciler.model.ports.forge_ports import Forge, PullRequest
from reconciler.render.review.shown_review import ShownApproval


@dataclass(frozen=True, slots=True)
class PullApprovals:
    """The approvals of one pull request. `found` are its comments that approve something; `authors`
    are people whose changes are in the plans, who approve none of them. `earlier` are the ids of
    the plans that were shown before, or their beginnings.
    """

    pull: PullRequest
    found: Sequence[ApprovalComment | IgnoredComment]
    rules: Mapping[str, ApprovalRules]
    authors: frozenset[str] = frozenset()
    earlier: frozenset[str] = frozenset()

    def verdict(self, plan: ReviewedPlan, among: Iterable[str]) -> ApprovalVerdict:
        """What the comments mean for a plan. `among` are the ids of all plans that are shown."""
        rules = self.rules[plan.title]
        people = rules.approvers - frozenset(map(approvals.account, self.authors))
        rules = replace(rules, approvers=people)
        found = [self._unless_unclear(each, plan.id) for each in self.found]
        return approvals.judge(plan, found, rules, self.pull.author, among=among)

    def _unless_unclear(
        self, each: ApprovalComment | IgnoredComment, id: str
    ) -> ApprovalComment | IgnoredComment:
        """An approval, unless its few letters also fit a plan that was shown before: somebody who
        can try many plans could have two that begin alike.
        """
        if isinstance(each, IgnoredComment) or not id.startswith(each.id_start):
            return each
        others = [other for other in self.earlier if not id.startswith(other)]
        if not any(other.startswith(each.id_start) for other in others):
            return each
        return IgnoredComment(each.person, NotCounted.AMBIGUOUS, each.comment_id)


def of_stacks(project: Project, forge: Forge, titles: Iterable[str]) -> dict[str, ApprovalRules]:
    """The rules of approval by title. Raises `ForgeError` if a team cannot be read: a rule that is
    not known approves nothing.
    """
    teams: dict[str, frozenset[str]] = {}

    def team(name: str) -> Collection[str]:
        if name not in teams:
            teams[name] = forge.team(name)
        return teams[name]

    return {title: ApprovalRules.of(with_prune(project.settings(title)), team) for title in titles}


def with_prune(settings: Settings) -> Settings:
    """The settings, with deletes forbidden if `prune` is `never`. Otherwise a delete wants
    approvals as every class of consent does.
    """
    if settings.prune is not Prune.NEVER:
        return settings
    return replace(settings, approvals={**settings.approvals, RiskClass.DELETE.value: None})


def shown_approval(verdict: ApprovalVerdict) -> ShownApproval:
    """A verdict as a comment shows it."""
    return ShownApproval(
        verdict.needed,
        people=verdict.counted,
        missing=verdict.missing,
        never=verdict.never,
        ignored=tuple((each.person, approvals.reason(each.why)) for each in verdict.ignored),
        way_out=approvals.way_out(verdict),
    )
