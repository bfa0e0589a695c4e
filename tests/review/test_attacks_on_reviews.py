"""What an author must not reach by a pull request, and what bad luck must not break."""

from __future__ import annotations

from tests.review.pulls import NETWORK, PROJECT, SHOP, PullHarness
from tests.review.test_pull_flow import GIVER, GROWN, SSH, prepared

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
