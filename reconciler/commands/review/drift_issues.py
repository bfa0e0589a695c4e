"""Issues about drift: one for each stack, opened, kept up to date and closed.

Each look reads what is at the forge, writes what is missing, and reads again until nothing is
missing. So jobs at the same time, lost answers and jobs that were killed end alike. Only issues of
our own account with the hidden line of the project are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports.forge_ports import Forge, ForgeError, ForgeIssue
from reconciler.render.review import drift_issue, markers
from reconciler.render.review.drift_issue import LABEL, DriftHead

PAUSES: tuple[float, ...] = (1.0, 5.0, 15.0)
"""Seconds before each further try after a fault of the forge."""

_ROUNDS_MAX = 8


class IssueOutcome(Enum):
    """What was done about the issue of a stack. `SILENT`: a person closed it, and the drift is
    still the same.
    """

    OPENED = "opened"
    UPDATED = "updated"
    KEPT = "kept"
    CLOSED = "closed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class WantedIssue:
    """What is true of one stack: with a `body` there is drift, and an issue has this text; without
    one, none is open, because of `why`.
    """

    head: DriftHead
    title: str
    body: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class DriftLook:
    """When the account was read, in unix seconds, and the page of the run."""

    at: float
    run_url: str = ""


@dataclass(frozen=True, slots=True)
class IssueResult:
    """What became of the issue of a stack. `issue` is None if there is none."""

    title: str
    outcome: IssueOutcome
    issue: ForgeIssue | None = None


@dataclass(frozen=True, slots=True)
class IssueReport:
    """What was done, and what could not be done."""

    results: tuple[IssueResult, ...] = ()
    problems: tuple[Problem, ...] = ()


_Change: TypeAlias = "tuple[str, Callable[[], None]]"
"""A write, and what is written: the id of an issue, or the title of a stack."""


def report(
    forge: Forge,
    project: str,
    wanted: Sequence[WantedIssue],
    *,
    look: DriftLook,
    pause: Callable[[float], object],
    titles: frozenset[str] | None = None,
) -> IssueReport:
    """Makes the issues those that are wanted. With `titles`, all stacks of the project, issues
    about others are closed. A fault of the forge is in the result: it raises no `ForgeError`.
    """
    work = _Issues(forge, project, look, {each.head.title: each for each in wanted}, titles)
    pauses = list(PAUSES)
    for _ in range(_ROUNDS_MAX):
        try:
            if work.settle():
                return IssueReport(tuple(work.results.values()))
        except ForgeError as fault:
            if not pauses:
                message = msg("the issues about drift are not up to date: {reason}", reason=fault)
                problem = error("forge", message, hint=fault.hint)
                return IssueReport(tuple(work.results.values()), (problem,))
            pause(pauses.pop(0))
    message = msg("other jobs change the issues about drift again and again")
    hint = msg("let one job at a time look for drift")
    return IssueReport(tuple(work.results.values()), (error("forge", message, hint=hint),))


@dataclass(slots=True)
class _Issues:
    """The issues of one project. `written` are the ids of those that this process wrote, and the
    titles of those that it opened. Each is written once: jobs that see different drift would go on
    for ever, and a list of the forge may lag behind.
    """

    forge: Forge
    project: str
    look: DriftLook
    wanted: dict[str, WantedIssue]
    titles: frozenset[str] | None
    results: dict[str, IssueResult] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def settle(self) -> bool:
        """One reading, and the writes that follow from it. Returns whether nothing was missing."""
        own: dict[str, list[ForgeIssue]] = {}
        for issue in self.forge.issues(LABEL):
            head = drift_issue.head_of(issue.body) if issue.is_own else None
            if head is not None and head.project == self.project:
                own.setdefault(head.title, []).append(issue)
        changes = [
            (id, change)
            for wanted in [*self.wanted.values(), *self._removed(own)]
            for id, change in self._changes(wanted, own.get(wanted.head.title, []))
            if id not in self.written
        ]
        for id, change in changes:
            change()
            self.written.add(id)
        return not changes

    def _removed(self, own: dict[str, list[ForgeIssue]]) -> Iterator[WantedIssue]:
        for title in own:
            if self.titles is not None and title not in self.titles:
                yield WantedIssue(
                    DriftHead(self.project, title),
                    drift_issue.issue_title(title),
                    why=drift_issue.is_removed(),
                )

    def _changes(self, wanted: WantedIssue, found: Sequence[ForgeIssue]) -> Iterator[_Change]:
        """What is missing. Also notes what was done about the stack."""
        title = wanted.head.title
        if wanted.body is None:
            yield from self._closing(wanted, found, wanted.why)
            return
        is_open = [issue for issue in found if issue.is_open]
        if not is_open:
            same = [issue for issue in found if _drift_of(issue) == wanted.head.drift]
            if same:
                self._note(title, IssueOutcome.SILENT, same[0])
            elif found:
                yield found[0].id, lambda: self._write(wanted, found[0], IssueOutcome.OPENED)
            else:
                yield title, lambda: self._add(wanted)
            return
        kept, *doubles = is_open
        if kept.title == wanted.title and markers.is_same(kept.body, wanted.body):
            self._note(title, IssueOutcome.KEPT, kept)
        else:
            yield kept.id, lambda: self._write(wanted, kept, IssueOutcome.UPDATED)
        yield from self._closing(wanted, doubles, drift_issue.is_doubled())

    def _closing(
        self, wanted: WantedIssue, found: Sequence[ForgeIssue], why: str
    ) -> Iterator[_Change]:
        for issue in found:
            if issue.is_open or _drift_of(issue) is not None:
                yield issue.id, lambda issue=issue: self._close(wanted, issue, why)  # type: ignore[misc]

    def _add(self, wanted: WantedIssue) -> None:
        assert wanted.body is not None
        issue = self.forge.add_issue(wanted.title, wanted.body, LABEL)
        self._note(wanted.head.title, IssueOutcome.OPENED, issue)

    def _write(self, wanted: WantedIssue, issue: ForgeIssue, outcome: IssueOutcome) -> None:
        assert wanted.body is not None
        self.forge.edit_issue(issue.id, title=wanted.title, body=wanted.body, is_open=True)
        self._note(wanted.head.title, outcome, issue)

    def _close(self, wanted: WantedIssue, issue: ForgeIssue, why: str) -> None:
        head = DriftHead(self.project, wanted.head.title)
        body = drift_issue.closed_body(head, why, issue.body, self.look.at, self.look.run_url)
        self.forge.edit_issue(issue.id, title=issue.title, body=body, is_open=False)
        if issue.is_open and wanted.body is None:
            self._note(wanted.head.title, IssueOutcome.CLOSED, issue)

    def _note(self, title: str, outcome: IssueOutcome, issue: ForgeIssue) -> None:
        """Notes what was done. What a later reading finds as it should be was done before."""
        if outcome is IssueOutcome.KEPT and title in self.results:
            return
        self.results[title] = IssueResult(title, outcome, issue)


def _drift_of(issue: ForgeIssue) -> str | None:
    head = drift_issue.head_of(issue.body)
    return None if head is None else head.drift
