"""What an author must not reach by a pull request, and what bad luck must not break."""

from __future__ import annotations

from tests.review.pulls import PROJECT, SHOP, PullHarness
from tests.review.test_pull_flow import GIVER, GROWN, prepared

LOOSE = PROJECT.replace("any: 1, delete: 2", "any: 0")


def test_a_stack_called_approved_does_not_set_the_status_of_the_approvals(
    pulls: PullHarness,
) -> None:
    project = PROJECT.replace("rules:", "  approved: {path: approved}\nrules:")
    new = {"approved/stack.yaml": "version: 1\nstack: approved\n", "reconciler.yaml": project}
    number = pulls.open({**GROWN, **new})
    assert pulls.plan(number) == 0
    assert pulls.statuses(number) == {
        "reconciler/approved": "pending",
        "reconciler/network": "pending",
        "reconciler/stack/approved": "success",
    }
    pulls.approve(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 0 and set(pulls.statuses(number).values()) == {"success"}


def test_new_outputs_are_written_after_the_merge(pulls: PullHarness) -> None:
    prepared(pulls)
    number = pulls.open({"network/stack.yaml": GIVER})
    assert pulls.plan(number) == 0
    # nobody needs to approve them, but they are not done
    assert pulls.statuses(number) == {
        "reconciler/approved": "success",
        "reconciler/network": "pending",
    }
    assert "only outputs change" in pulls.comment(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.statuses(number)["reconciler/network"] == "success"
    again = pulls.open({"network/stack.yaml": GIVER + "# 2\n"})
    assert pulls.plan(again) == 0 and pulls.statuses(again)["reconciler/network"] == "success"


# Whose rules hold
# ------------------------------------------------------------------------------------------------


def loosening(pulls: PullHarness) -> int:
    """A pull request of two commits: the first one loosens the rules for the second one."""
    pulls.git("checkout", "-q", "-b", "two-commits", "main")
    pulls.commit({"reconciler.yaml": LOOSE})
    head = pulls.commit(GROWN)
    pulls.git("checkout", "-q", "main")
    pull = pulls.forge.world.open_pull("arim", branch="two-commits")
    pull.head = head
    assert pulls.plan(pull.number) == 0
    return pull.number


def merged_as(pulls: PullHarness, number: int, commit: str) -> None:
    """The base branch has a pull request as this commit."""
    pulls.git("checkout", "-q", "main")
    pulls.git("reset", "-q", "--hard", commit)
    pulls.forge.world.merge(number)
    pulls.forge.world.pull(number).merged_as = commit


def rebased(pulls: PullHarness, number: int) -> None:
    """The forge puts the commits of a pull request on top of the base, without a merge commit."""
    pulls.commit({"other.txt": "by another person"})
    pulls.git("checkout", "-q", "--detach", "two-commits")
    pulls.git("rebase", "-q", "main")
    merged_as(pulls, number, pulls.git("rev-parse", "HEAD"))


def test_a_rebase_does_not_let_the_first_commit_loosen_the_rules(pulls: PullHarness) -> None:
    number = loosening(pulls)
    rebased(pulls, number)
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    pulls.approve(number, "network")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}


def test_a_fast_forward_without_an_earlier_merge_needs_the_commit_before(
    pulls: PullHarness,
) -> None:
    number = loosening(pulls)
    before = pulls.git("rev-parse", "main")
    merged_as(pulls, number, "two-commits")
    pulls.forge.world.pull(number).merged_as = pulls.git("rev-parse", "main")
    assert pulls.apply() == 1 and pulls.firewalls() == set()
    assert pulls.statuses(number)["reconciler/approved"] == "failure"
    assert pulls.apply(number, before="main") == 64 and pulls.firewalls() == set()
    pulls.approve(number, "network")
    assert pulls.apply(number, before=before) == 0 and pulls.firewalls() == {"network-web"}


def test_a_later_push_does_not_bring_the_rules_of_an_earlier_pull_request(
    pulls: PullHarness,
) -> None:
    number = pulls.open({**GROWN, "reconciler.yaml": LOOSE})
    assert pulls.plan(number) == 0
    pulls.merge(number)
    before = pulls.git("rev-parse", "HEAD")
    other = pulls.open({"other.txt": "1"})
    assert pulls.plan(other) == 0
    pulls.merge(other)
    pulls.before = before  # what the job of that push says
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    assert pulls.apply(number, before=before) != 0 and pulls.firewalls() == set()


def test_approvers_that_were_missing_can_be_added_later(pulls: PullHarness) -> None:
    nobody = PROJECT.replace("    approvers: [bora, team:infra]\n", "")
    pulls.commit({"reconciler.yaml": nobody})
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.merge(number)
    assert pulls.apply() == 0 and "Nobody can approve" in pulls.comment(number, "network")
    fix = pulls.open({"reconciler.yaml": PROJECT})
    assert pulls.plan(fix) == 0
    pulls.merge(fix)
    pulls.approve(number, "network")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}


# One pull request that is not as it should be does not hold others back
# ------------------------------------------------------------------------------------------------


def approved(pulls: PullHarness) -> None:
    """A pull request that is approved and merged."""
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.merge(number)


def test_a_base_branch_that_was_set_back(pulls: PullHarness) -> None:
    lost = pulls.open({"shop/stack.yaml": SHOP + "# 3\n"})
    assert pulls.plan(lost) == 0
    pulls.approve(lost, "shop")
    pulls.merge(lost)
    pulls.git("reset", "-q", "--hard", "HEAD^")
    approved(pulls)
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}
    assert pulls.apply(lost) == 1 and pulls.firewalls() == {"network-web"}
    pulls.forge.world.pull(lost).merged_as = "0" * 39 + "1"  # the checkout does not have it
    assert pulls.apply() == 0 and pulls.apply(lost) == 1


def test_the_pull_request_that_brings_the_rules_is_finished(pulls: PullHarness) -> None:
    pulls.commit({"reconciler.yaml": None})
    first = pulls.open({"reconciler.yaml": PROJECT})
    pulls.merge(first)  # without any job
    approved(pulls)
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}
    assert pulls.statuses(first) == {"reconciler/approved": "success"}


def test_a_merged_pull_request_without_plans_is_not_forgotten(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    pulls.environ["RECONCILER_STATE_DIR"], kept = "s3://", pulls.environ["RECONCILER_STATE_DIR"]
    assert pulls.plan(number) != 0
    assert pulls.statuses(number) == {"reconciler/approved": "failure"}
    pulls.environ["RECONCILER_STATE_DIR"] = kept
    pulls.merge(number)
    assert pulls.apply() == 0
    pulls.approve(number, "network")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}
