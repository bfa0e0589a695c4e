"""Pull requests with drift: one for each branch with drift, opened, and closed when the drift is
gone. As with issues, each look reads what is at the forge and writes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum

from reconciler.commands.review.drift_issues import PAUSES
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports.forge_ports import Forge, ForgeError, PullRequest
from reconciler.render.review import drift_pull

_ROUNDS_MAX = 6


class PullOutcome(Enum):
    """What was done about the pull request of a stack. `SILENT`: a person closed it, and the branch
    is still the same.
    """

    OPENED = "opened"
    KEPT = "kept"
    CLOSED = "closed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class WantedPull:
    """What is true of one stack and its branch: there is drift, or none is left. `is_new` is
    whether the branch has got another commit now.
    """

    title: str
    branch: str
    has_drift: bool
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class PullResult:
    """What became of the pull request of a stack."""

    title: str
    outcome: PullOutcome
    url: str = ""


@dataclass(frozen=True, slots=True)
class PullReport:
    """What was done by title, and what could not be done."""

    results: Mapping[str, PullResult]
    problems: tuple[Problem, ...] = ()


def report(
    forge: Forge,
    base: str,
    wanted: Sequence[WantedPull],
    may_close: Callable[[str], bool],
    pause: Callable[[float], object],
) -> PullReport:
    """Makes the pull requests for a branch those that are wanted. `may_close` says whether the last
    commit of a branch is our own. A fault of the forge is in the result: it raises no `ForgeError`.
    """
    work = _Pulls(forge, base, wanted, may_close)
    pauses = list(PAUSES)
    for _ in range(_ROUNDS_MAX):
        try:
            work.settle()
            break
        except ForgeError as fault:
            if not pauses:
                message = msg(
                    "the pull requests with drift are not up to date: {reason}", reason=fault
                )
                return PullReport(work.results, (error("forge", message, hint=fault.hint),))
            pause(pauses.pop(0))
    return PullReport(work.results)


@dataclass(slots=True)
class _Pulls:
    forge: Forge
    base: str
    wanted: Sequence[WantedPull]
    may_close: Callable[[str], bool]
    results: dict[str, PullResult] = field(default_factory=dict)

    def settle(self) -> None:
        """One reading, and the writes that follow from it."""
        open_ = {pull.branch: pull for pull in self.forge.open_pulls(self.base) if not pull.is_fork}
        for each in self._undone():
            pull = open_.get(each.branch)
            if each.has_drift:
                self._keep(each, pull)
            elif pull is not None and self.may_close(each.branch):
                self._close(each, pull)

    def _undone(self) -> Iterator[WantedPull]:
        return (each for each in self.wanted if each.title not in self.results)

    def _keep(self, each: WantedPull, pull: PullRequest | None) -> None:
        title, body = drift_pull.pull_title(each.title), drift_pull.pull_body(each.title)
        if pull is not None:
            if pull.title != title:
                self.forge.edit_pull(pull.number, title=title, body=body, is_open=True)
            self._note(each, PullOutcome.KEPT, pull)
        elif each.is_new:
            made = self.forge.add_pull(each.branch, self.base, title, body)
            self._note(each, PullOutcome.OPENED, made)
        else:
            self._note(each, PullOutcome.SILENT, None)

    def _close(self, each: WantedPull, pull: PullRequest) -> None:
        body = drift_pull.gone_body(each.title)
        self.forge.edit_pull(pull.number, title=pull.title, body=body, is_open=False)
        self._note(each, PullOutcome.CLOSED, pull)

    def _note(self, each: WantedPull, outcome: PullOutcome, pull: PullRequest | None) -> None:
        url = "" if pull is None else pull.url
        self.results[each.title] = PullResult(each.title, outcome, url)
