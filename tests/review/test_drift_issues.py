"""Issues and pull requests about drift: one for each stack, whatever happens meanwhile, and nobody
else's is touched.
"""

from __future__ import annotations

import pytest

from reconciler.commands.review import drift_issues, drift_pulls
from reconciler.commands.review.drift_issues import (
    DriftLook,
    IssueOutcome,
    IssueReport,
    WantedIssue,
)
from reconciler.commands.review.drift_pulls import PullOutcome, PullReport, WantedPull
from reconciler.model.ports.forge_ports import PullState
from reconciler.render.review import drift_issue
from reconciler.render.review.drift_issue import LABEL, DriftHead
from tests.doubles.memory_forge import MemoryForge
from tests.forges.forge_world import IssueRecord

PROJECT = "infra"
RUN = "https://forge.example/runs/7"
ONE, OTHER = "0" * 16, "1" * 16


def found(title: str = "shop/prod", drift: str = ONE, text: str = "rows") -> WantedIssue:
    """There is drift."""
    head = DriftHead(PROJECT, title, drift)
    return WantedIssue(head, drift_issue.issue_title(title), f"{head.text}{text} {drift}\n")


def gone(title: str = "shop/prod") -> WantedIssue:
    """There is none."""
    head = DriftHead(PROJECT, title)
    return WantedIssue(head, drift_issue.issue_title(title), why=drift_issue.is_gone())


def report(
    forge: MemoryForge, *wanted: WantedIssue, titles: frozenset[str] | None = None
) -> IssueReport:
    """One job."""
    return drift_issues.report(
        forge, PROJECT, wanted, look=DriftLook(0.0, RUN), pause=lambda seconds: None, titles=titles
    )


def outcomes(done: IssueReport) -> dict[str, IssueOutcome]:
    assert done.problems == ()
    return {result.title: result.outcome for result in done.results}


def issues(forge: MemoryForge) -> list[IssueRecord]:
    return forge.world.issues_with(LABEL)


def only(forge: MemoryForge) -> IssueRecord:
    (issue,) = issues(forge)
    return issue


def writes(forge: MemoryForge) -> int:
    return sum(name in ("add_issue", "edit_issue") for _, name in forge.calls)


def test_drift_twice_is_one_issue() -> None:
    forge = MemoryForge()
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.OPENED}
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.KEPT}
    assert only(forge).is_open and writes(forge) == 1
    assert outcomes(report(forge, found(drift=OTHER))) == {"shop/prod": IssueOutcome.UPDATED}
    assert OTHER in only(forge).body and writes(forge) == 2


def test_an_issue_is_closed_when_the_drift_is_gone_and_opened_again() -> None:
    forge = MemoryForge()
    assert outcomes(report(forge, gone())) == {} and not issues(forge)
    report(forge, found())
    assert outcomes(report(forge, gone())) == {"shop/prod": IssueOutcome.CLOSED}
    closed = only(forge)
    assert (
        not closed.is_open
        and "No drift: the account matches" in closed.body
        and "rows" in closed.body
    )
    assert outcomes(report(forge, gone())) == {} and writes(forge) == 2
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.OPENED}
    assert only(forge).is_open and "No drift: the account matches" not in only(forge).body


def test_what_a_person_closed_stays_closed_while_the_drift_is_the_same() -> None:
    forge = MemoryForge()
    report(forge, found())
    kept = only(forge)
    forge.world.edit_issue(kept.number, title=kept.title, body=kept.body, is_open=False)
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.SILENT}
    assert not only(forge).is_open
    assert outcomes(report(forge, found(drift=OTHER))) == {"shop/prod": IssueOutcome.OPENED}
    kept = only(forge)
    forge.world.edit_issue(kept.number, title=kept.title, body=kept.body, is_open=False)
    assert outcomes(report(forge, gone())) == {}  # noted in the text, so that it can come again
    assert outcomes(report(forge, found(drift=OTHER))) == {"shop/prod": IssueOutcome.OPENED}


def test_a_text_edited_by_hand_is_written_again() -> None:
    forge = MemoryForge()
    report(forge, found())
    kept = only(forge)
    body = kept.body.replace("rows", "nothing to see here")
    forge.world.edit_issue(kept.number, title="Ours now", body=body, is_open=True)
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.UPDATED}
    assert "rows" in only(forge).body and only(forge).title == "Drift of shop/prod"
    kept = only(forge)
    forge.world.edit_issue(kept.number, title=kept.title, body="my own", is_open=True)
    report(forge, found())
    assert [issue.body == "my own" for issue in issues(forge)] == [True, False]


@pytest.mark.parametrize("wanted", [found(), gone()], ids=["found", "gone"])
def test_issues_of_others_and_of_another_project_are_left_alone(wanted: WantedIssue) -> None:
    forge = MemoryForge()
    body = found().body
    assert body is not None
    stranger = forge.world.open_issue("mallory", "Drift", body, [LABEL])
    own = forge.world.open_issue("reconciler[bot]", "Other", "no marker", [LABEL])
    unlabelled = forge.world.open_issue("reconciler[bot]", "No label", body, [])
    project = forge.world.open_issue(
        "reconciler[bot]", "Web", body.replace(f" {PROJECT} ", " web "), [LABEL]
    )
    others = (stranger, own, unlabelled, project)
    before = [(each.title, each.body, each.is_open) for each in others]
    report(forge, wanted, titles=frozenset())
    assert [(each.title, each.body, each.is_open) for each in others] == before
    assert len(issues(forge)) == (4 if wanted.body else 3)


def test_a_stack_that_is_not_reported_keeps_its_issue() -> None:
    forge = MemoryForge()
    report(forge, found(), found("web"))
    report(forge, gone("web"), titles=frozenset({"shop/prod", "web"}))
    assert [issue.is_open for issue in issues(forge)] == [True, False]


def test_the_issue_of_a_stack_that_the_project_no_longer_lists_is_closed() -> None:
    forge = MemoryForge()
    report(forge, found(), found("web"))
    report(forge, found("web"), titles=frozenset({"web"}))
    assert [issue.is_open for issue in issues(forge)] == [False, True]
    assert "does not list this stack" in issues(forge)[0].body


def test_doubles_are_closed_and_the_oldest_stays() -> None:
    forge = MemoryForge()
    body = found().body
    assert body is not None
    for _ in range(3):
        forge.world.open_issue("reconciler[bot]", "Drift of shop/prod", body, [LABEL])
    assert outcomes(report(forge, found())) == {"shop/prod": IssueOutcome.KEPT}
    assert [issue.is_open for issue in issues(forge)] == [True, False, False]
    assert "older issue" in issues(forge)[2].body
    report(forge, gone())
    assert not any(issue.is_open for issue in issues(forge))
    report(forge, found())
    assert [issue.is_open for issue in issues(forge)] == [True, False, False]


def test_two_jobs_at_once_leave_one_issue() -> None:
    forge = MemoryForge()
    other = forge.as_("reconciler[bot]")
    done: list[IssueReport] = []

    def meanwhile(account: str, operation: str) -> None:
        if operation == "add_issue" and not done:
            done.append(IssueReport())
            done[0] = report(other, found())

    forge.listen(meanwhile)
    report(forge, found())
    assert [issue.is_open for issue in issues(forge)] == [True, False]
    report(forge, found())
    assert [issue.is_open for issue in issues(forge)] == [True, False]


def test_jobs_that_see_different_drift_both_end() -> None:
    forge = MemoryForge()
    report(forge, found())
    turns = iter(range(100))

    def meanwhile(account: str, operation: str) -> None:
        if operation == "issues":
            kept = only(forge)
            body = f"{found().head.text}turn {next(turns)}"
            forge.world.edit_issue(kept.number, title=kept.title, body=body, is_open=True)

    forge.listen(meanwhile)
    assert report(forge, found(drift=OTHER)).problems == ()
    assert next(turns) < 5


@pytest.mark.parametrize("is_done", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("operation", ["issues", "add_issue", "edit_issue"])
@pytest.mark.parametrize("times", [1, 3, 4])
def test_a_fault_of_the_forge_is_tried_again(operation: str, is_done: bool, times: int) -> None:
    forge = MemoryForge()
    report(forge, found("web"))
    forge.fail(operation, times=times, is_done=is_done)
    done = report(forge, found(), found("web", OTHER))
    is_settled = times < 4 or (is_done and operation != "issues")
    assert (done.problems == ()) == is_settled, done
    assert all(problem.code == "forge" for problem in done.problems)
    report(forge, found(), found("web", OTHER))
    assert sorted(issue.title for issue in issues(forge)) == ["Drift of shop/prod", "Drift of web"]
    assert all(issue.is_open for issue in issues(forge))


def test_a_long_text_is_cut_when_it_is_closed() -> None:
    forge = MemoryForge()
    report(forge, found(text="x" * 59_900))
    assert outcomes(report(forge, gone())) == {"shop/prod": IssueOutcome.CLOSED}


# Pull requests
# ------------------------------------------------------------------------------------------------

BRANCH = "reconciler/drift/shop.prod"


def pulls(
    forge: MemoryForge, *, has_drift: bool, is_new: bool = False, own: bool = True
) -> PullReport:
    wanted = WantedPull("shop/prod", BRANCH, has_drift, is_new)
    return drift_pulls.report(forge, "main", [wanted], lambda branch: own, lambda seconds: None)


def pull_outcomes(done: PullReport) -> list[PullOutcome]:
    assert done.problems == ()
    return [result.outcome for result in done.results.values()]


def test_a_pull_request_is_opened_once_and_closed_when_the_drift_is_gone() -> None:
    forge = MemoryForge()
    assert pull_outcomes(pulls(forge, has_drift=False)) == []
    assert pull_outcomes(pulls(forge, has_drift=True, is_new=True)) == [PullOutcome.OPENED]
    assert pull_outcomes(pulls(forge, has_drift=True, is_new=True)) == [PullOutcome.KEPT]
    assert pull_outcomes(pulls(forge, has_drift=True)) == [PullOutcome.KEPT]
    (number,) = forge.world.pulls
    assert pull_outcomes(pulls(forge, has_drift=False, own=False)) == []
    assert forge.pull(number).state is PullState.OPEN
    assert pull_outcomes(pulls(forge, has_drift=False)) == [PullOutcome.CLOSED]
    assert forge.pull(number).state is PullState.CLOSED
    assert pull_outcomes(pulls(forge, has_drift=False)) == []


def test_a_pull_request_that_a_person_closed_is_not_opened_for_the_same_drift() -> None:
    forge = MemoryForge()
    pulls(forge, has_drift=True, is_new=True)
    (number,) = forge.world.pulls
    forge.world.close(number)
    assert pull_outcomes(pulls(forge, has_drift=True)) == [PullOutcome.SILENT]
    assert pull_outcomes(pulls(forge, has_drift=True, is_new=True)) == [PullOutcome.OPENED]


def test_pull_requests_of_others_are_left_alone() -> None:
    forge = MemoryForge()
    fork = forge.world.open_pull("mallory", branch=BRANCH, is_fork=True)
    other = forge.world.open_pull("alice", branch="reconciler/drift/web")
    assert pull_outcomes(pulls(forge, has_drift=False)) == []
    assert pull_outcomes(pulls(forge, has_drift=True, is_new=True)) == [PullOutcome.OPENED]
    assert fork.state is other.state is PullState.OPEN


@pytest.mark.parametrize("is_done", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("operation", ["open_pulls", "add_pull"])
def test_a_fault_does_not_open_two(operation: str, is_done: bool) -> None:
    forge = MemoryForge()
    forge.fail(operation, is_done=is_done)
    done = pulls(forge, has_drift=True, is_new=True)
    assert done.problems == () and len(forge.world.pulls) == 1
    forge.fail("open_pulls", times=9)
    assert [problem.code for problem in pulls(forge, has_drift=True).problems] == ["forge"]
