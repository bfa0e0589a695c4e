"""`ci drift`: finds drift of stacks, and keeps an issue or a pull request about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, replace
from enum import Enum

from reconciler.cli.many import many_plans
from reconciler.cli.many.chosen_stacks import ChosenStack, ChosenStacks
from reconciler.cli.many.many_plans import PlannedStacks
from reconciler.cli.review.drift.drift_branch import RemoteBranches
from reconciler.cli.watching import branch as branches
from reconciler.cli.watching.absorbing import absorbed
from reconciler.cli.watching.branch import Branch
from reconciler.commands.review import drift_issues, drift_pulls
from reconciler.commands.review.drift_issues import DriftLook, IssueOutcome, WantedIssue
from reconciler.commands.review.drift_pulls import PullOutcome, WantedPull
from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.config.project.project import DriftAnswer
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.plan import Plan, unstated
from reconciler.model.ports.forge_ports import Forge
from reconciler.render.format import phrase
from reconciler.render.project.shown_project import ShownProject, ShownStack, ShownStatus
from reconciler.render.review import drift_issue
from reconciler.render.review.drift_issue import DriftHead
from reconciler.render.run.screen import Line

_ISSUES: Mapping[IssueOutcome, Text] = {
    IssueOutcome.OPENED: msg("opened the issue"),
    IssueOutcome.UPDATED: msg("updated the issue"),
    IssueOutcome.KEPT: msg("the issue is up to date"),
    IssueOutcome.CLOSED: msg("closed the issue"),
    IssueOutcome.SILENT: msg("somebody closed the issue, and the drift is still the same"),
}
_PULLS: Mapping[PullOutcome, Text] = {
    PullOutcome.OPENED: msg("opened the pull request"),
    PullOutcome.KEPT: msg("the pull request has the drift"),
    PullOutcome.CLOSED: msg("closed the pull request"),
    PullOutcome.SILENT: msg("somebody closed the pull request, and the drift is still the same"),
}


@dataclass(frozen=True, slots=True)
class DriftJob:
    """Where drift is reported. `base` is the branch that pull requests are for, None if it is not
    known. `pause` waits for some seconds.
    """

    forge: Forge
    branches: RemoteBranches
    base: str | None
    run_url: str = ""
    detailed_exitcode: bool = False
    pause: Callable[[float], object] = lambda seconds: None


class DriftSight(Enum):
    """What is known of a stack. `UNKNOWN`: it could not be read whole, or another run changes it
    now.
    """

    FOUND = "found"
    GONE = "gone"
    UNKNOWN = "unknown"


def run(chosen: ChosenStacks, job: DriftJob) -> int:
    """Reports the drift of the stacks. Returns the exit code."""
    with many_plans.planned_stacks(chosen, None) as found:
        shown = many_plans.shown_project(chosen, found, None, detailed=job.detailed_exitcode)
        many_plans.show(chosen, shown)
        work = _Report(chosen, job, shown, found)
        work.report()
    chosen.console.result(work.lines)
    chosen.console.problems(work.problems)
    return exit_codes.worst((shown.exit_code, exit_codes.of_problems(work.problems)))


def sight_of(stack: ShownStack) -> DriftSight:
    """What a reading says about a stack. Drift that the files already have is none."""
    shown = stack.shown
    if shown is None or shown.header.provisional is not None:
        return DriftSight.UNKNOWN
    if stack.status is ShownStatus.CHANGED and unstated(shown.plan.drift):
        return DriftSight.FOUND
    is_whole = stack.status in (ShownStatus.CHANGED, ShownStatus.UNCHANGED)
    return DriftSight.GONE if is_whole and stack.exit_code in _WHOLE else DriftSight.UNKNOWN


_WHOLE = (exit_codes.DONE, exit_codes.CHANGES)
"""The exit codes of a stack that was read whole and needs no decision."""


@dataclass(slots=True)
class _Report:
    """The report of one run."""

    chosen: ChosenStacks
    job: DriftJob
    shown: ShownProject
    found: PlannedStacks
    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def report(self) -> None:
        """Writes pull requests first, then issues about the drift that none of them has."""
        proposed = self._pulls()
        wanted = list(self._wanted(proposed))
        project = self.chosen.project
        titles = {title for entry in project.stacks.values() for title in entry.titles}
        done = drift_issues.report(
            self.job.forge,
            project.name,
            wanted,
            look=DriftLook(time.time(), self.job.run_url),
            pause=self.job.pause,
            titles=frozenset(titles) if titles else None,
        )
        for result in done.results:
            url = "" if result.issue is None else result.issue.url
            self._add_line(_ISSUES[result.outcome], result.title, url)
        self.problems += done.problems

    def _wanted(self, proposed: Collection[str]) -> Iterator[WantedIssue]:
        for stack in self.shown.stacks:
            sight, title = sight_of(stack), drift_issue.issue_title(stack.title)
            head = DriftHead(self.chosen.project.name, stack.title)
            if sight is DriftSight.GONE:
                yield WantedIssue(head, title, why=drift_issue.is_gone())
            elif sight is DriftSight.FOUND and stack.title in proposed:
                yield WantedIssue(head, title, why=drift_issue.is_proposed())
            elif sight is DriftSight.FOUND:
                assert stack.shown is not None
                plan = _plan(stack)
                head = replace(head, drift=drift_issue.digest_of(plan))
                shown = replace(stack.shown, plan=plan)
                body = drift_issue.issue_body(shown, head, stack.path, self.job.run_url)
                yield WantedIssue(head, title, body)

    def _pulls(self) -> Collection[str]:
        """Keeps the pull requests. Returns the titles of the stacks whose drift is in one."""
        wanted = list(self._wanted_pulls())
        if not wanted or self.job.base is None:
            return ()
        done = drift_pulls.report(
            self.job.forge, self.job.base, wanted, self._may_close, self.job.pause
        )
        self.problems += done.problems
        for result in done.results.values():
            self._add_line(_PULLS[result.outcome], result.title, result.url)
        has_drift = (PullOutcome.OPENED, PullOutcome.KEPT)
        return {title for title, result in done.results.items() if result.outcome in has_drift}

    def _wanted_pulls(self) -> Iterator[WantedPull]:
        for stack in self.shown.stacks:
            sight, name = sight_of(stack), branches.name_of(stack.title)
            answer = self.chosen.project.settings(stack.title).drift.answer
            if sight is DriftSight.GONE:
                yield WantedPull(stack.title, name, has_drift=False)
            elif sight is DriftSight.FOUND and answer is DriftAnswer.PULL_REQUEST:
                branch = self._branch(stack)
                if branch is not None:
                    yield WantedPull(stack.title, name, has_drift=True, is_new=branch.is_new)

    def _branch(self, stack: ShownStack) -> Branch | None:
        """The branch with the whole drift. None if the files cannot have all of it, or the branch
        cannot be written: an issue is kept then.
        """
        each, title = self._chosen(stack.title), stack.title
        try:
            if self.job.base is None:
                message = msg("{stack}: the branch to merge into is not known", stack=title)
                raise Abort(error("absorb", message, hint=msg("name it with --base BRANCH")))
            store = each.session.store(each.name, each.environment)
            done = absorbed(each.session, store, self.found.connections[title])
            if exit_codes.of_problems(done.problems) != exit_codes.DONE or not done.texts:
                self.problems += (replace(it, severity=Severity.WARNING) for it in done.problems)
                return None
            addresses = {str(change.address) for change in _plan(stack).drift}
            text = f"Absorb drift of {title}\n\n" + "\n".join(sorted(addresses))
            return self.job.branches.put(done.texts, title, text)
        except Abort as stop:
            self.problems += stop.problems
            return None

    def _may_close(self, branch: str) -> bool:
        """Whether the last commit of a branch is our own."""
        try:
            tip = self.job.branches.tip(branch)
            return tip is not None and self.job.branches.is_own(tip)
        except Abort as stop:
            self.problems += stop.problems
            return False

    def _chosen(self, title: str) -> ChosenStack:
        return next(each for each in self.chosen.stacks if each.title == title)

    def _add_line(self, what: Text, title: str, url: str) -> None:
        text = phrase("{stack}: {what}[  {url}]", stack=title, what=what, url=url or None)
        self.lines.append(Line(f" {text}"))


def _plan(stack: ShownStack) -> Plan:
    """The plan with the drift that the files do not have."""
    assert stack.plan is not None
    return replace(stack.plan, drift=unstated(stack.plan.drift))
