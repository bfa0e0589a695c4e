"""The life of a pull request: planned, approved, merged, applied. What counts is the account."""

from __future__ import annotations

import pytest

from reconciler.cli.review.applying import approved_run
from reconciler.model.diagnostics import error
from tests.review.pulls import NETWORK, PROJECT, SHOP, PullHarness

SSH = "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"
GROWN = {"network/stack.yaml": NETWORK + SSH}
EMPTY = "version: 1\nstack: network\n"


def prepared(pulls: PullHarness) -> None:
    """The two stacks of the repository, applied by an approved pull request."""
    number = pulls.open(
        {"network/stack.yaml": NETWORK + "# 1\n", "shop/stack.yaml": SHOP + "# 1\n"}
    )
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.approve(number, "shop")
    pulls.merge(number)
    assert pulls.apply() == 0
    assert pulls.firewalls() == {"network-web", "shop-api"}


def test_an_approved_plan_is_applied_after_the_merge(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    waiting = {"reconciler/network": "pending", "reconciler/approved": "pending"}
    assert pulls.statuses(number) == waiting
    pulls.approve(number, "network")
    assert pulls.plan(number) == 0
    assert pulls.statuses(number)["reconciler/approved"] == "success"
    assert pulls.apply(number) == 0 and pulls.firewalls() == set()  # the mode is: after the merge
    pulls.merge(number)
    assert pulls.apply() == 0
    done = {"reconciler/network": "success", "reconciler/approved": "success"}
    assert pulls.statuses(number) == done and pulls.firewalls() == {"network-web"}
    started, ended = pulls.audit()
    assert (started.outcome.value, ended.outcome.value) == ("started", "applied")
    assert [each.person for each in ended.plan.approvals] == ["bora"]
    assert ended.source.pull == number and ended.plan.id is not None
    calls = len(pulls.forge.calls)
    assert pulls.apply() == 0
    assert len(pulls.forge.calls) - calls == 2  # the merged ones, and the statuses of this one


def test_without_an_approval_nothing_is_applied(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    for person in ("arim", "eve", "reconciler[bot]"):  # the author, an outsider, a bot
        pulls.approve(number, "network", person)
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.apply(detailed_exitcode=True) == 2
    assert pulls.firewalls() == set()
    assert pulls.statuses(number)["reconciler/network"] == "pending"
    pulls.approve(number, "network", "CHAN")  # a member of the team, after the merge
    assert pulls.apply(detailed_exitcode=True) == 0 and pulls.firewalls() == {"network-web"}


def test_a_new_commit_voids_an_approval(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.push(number, {"network/stack.yaml": NETWORK + SSH.replace("22", "23")})
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.firewalls() == set()


def test_a_world_that_changed_since_the_approval_is_not_touched(pulls: PullHarness) -> None:
    prepared(pulls)
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.merge(number)
    pulls.close_all_ports("network-web")  # by hand, in the console
    assert pulls.apply() == 0
    assert pulls.ports("network-web") == set()
    assert pulls.statuses(number)["reconciler/network"] == "pending"
    pulls.approve(number, "network")
    assert pulls.apply() == 0 and pulls.ports("network-web") == {"443", "22"}


def test_a_delete_wants_two_people(pulls: PullHarness) -> None:
    prepared(pulls)
    number = pulls.open({"network/stack.yaml": EMPTY})
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.approve(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 0 and "network-web" in pulls.firewalls()
    pulls.approve(number, "network", "dana")
    assert pulls.apply() == 0 and pulls.firewalls() == {"shop-api"}


def test_a_pull_request_does_not_change_its_own_rules(pulls: PullHarness) -> None:
    loose = PROJECT.replace("any: 1, delete: 2", "any: 0")
    number = pulls.open({**GROWN, "reconciler.yaml": loose})
    assert pulls.plan(number) == 0
    assert pulls.statuses(number)["reconciler/approved"] == "pending"
    pulls.merge(number)
    other = pulls.open({"shop/stack.yaml": SHOP + "# 2\n"})
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    # a later one has the new rules, and does not carry the earlier one
    assert pulls.plan(other) == 0
    assert pulls.statuses(other)["reconciler/approved"] == "success"
    pulls.merge(other)
    assert pulls.apply() == 0 and pulls.firewalls() == {"shop-api"}


def test_two_merges_before_an_apply_are_one_plan_that_none_of_both_showed(
    pulls: PullHarness,
) -> None:
    first, second = pulls.open(GROWN), pulls.open({"network/x.yaml": SHOP_PART})
    for number in (first, second):
        assert pulls.plan(number) == 0
        pulls.approve(number, "network")
    pulls.merge(first)
    pulls.merge(second)
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    pulls.approve(second, "network")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web", "network-more"}
    assert pulls.statuses(first)["reconciler/network"] == "success"


SHOP_PART = """\
firewalls:
  more:
    rules:
      https: {direction: in, protocol: tcp, ports: 444, cidr: 0.0.0.0/0}
"""


def test_before_the_merge_only_what_the_rules_apply_then(pulls: PullHarness) -> None:
    rules = PROJECT.replace("approvers:", "apply: approved\n    approvers:")
    pulls.commit({"reconciler.yaml": rules})
    number = pulls.open(GROWN)
    assert pulls.apply(number) == 0 and pulls.firewalls() == set()
    pulls.approve(number, "network")
    assert pulls.apply(number) == 0 and pulls.firewalls() == {"network-web"}
    assert pulls.statuses(number)["reconciler/network"] == "success"
    pulls.merge(number)
    assert pulls.apply() == 0


def test_a_stack_by_hand_waits_for_a_person(pulls: PullHarness) -> None:
    pulls.commit(
        {"reconciler.yaml": PROJECT.replace("approvers:", "apply: by-hand\n    approvers:")}
    )
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    assert pulls.apply(number, by_hand=True) == 0 and pulls.firewalls() == {"network-web"}


READER = """\
version: 1
stack: shop
stacks: {network: {path: ../network}}
firewalls:
  api:
    rules:
      api: {direction: in, protocol: tcp, ports: 8443, cidr: "${stacks.network.outputs.range}"}
"""
GIVER = NETWORK + 'outputs:\n  range: {value: "10.1.0.0/16"}\n'


def test_a_provisional_plan_is_applied_after_the_stack_that_it_waits_for(
    pulls: PullHarness,
) -> None:
    number = pulls.open({"network/stack.yaml": GIVER, "shop/stack.yaml": READER})
    assert pulls.plan(number) == 0
    pulls.approve(number, "shop")
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.firewalls() == set()  # network is not approved
    pulls.approve(number, "network")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web", "shop-api"}
    assert set(pulls.statuses(number).values()) == {"success"}


def test_a_fault_of_the_forge_after_an_apply_is_mended_by_the_next_job(
    pulls: PullHarness,
) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.merge(number)
    pulls.forge.fail("edit_comment", times=99)
    pulls.forge.fail("set_status", times=99)
    assert pulls.apply() != 0 and pulls.firewalls() == {"network-web"}
    pulls.forge.heal()
    assert pulls.apply() == 0
    assert pulls.statuses(number)["reconciler/network"] == "success"


def test_a_fork_is_only_checked(pulls: PullHarness) -> None:
    number = pulls.open({"network/stack.yaml": GIVER, "shop/stack.yaml": READER})
    pulls.forge.world.pull(number).is_fork = True
    assert pulls.plan(number) == 0
    assert set(pulls.comments(number)) == {"network", "shop"}
    assert not (pulls.folder / "states").exists()
    pulls.push(number, {"network/stack.yaml": "version: 1\nstack: network\nfirewals: {}\n"})
    assert pulls.plan(number) == 1
    assert pulls.apply(number) == 0 and not (pulls.folder / "states").exists()


def test_nothing_is_sent_without_an_entry_in_the_audit_log(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.merge(number)
    folder = pulls.folder / "states" / ".simulator" / ".audit"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")
    assert pulls.apply() == 7 and pulls.firewalls() == set()
    assert pulls.statuses(number)["reconciler/network"] == "failure"
    folder.unlink()
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}


DENY = """\
- name: no-ssh
  deny: opened_to(change, "tcp/22").size() > 0
  each: change
  say: nobody logs in from outside
"""


def test_no_approval_overrides_a_policy_of_the_base(pulls: PullHarness) -> None:
    project = PROJECT + "policies: [policies/*.yaml]\n"
    pulls.commit({"reconciler.yaml": project, "policies/ssh.yaml": DENY})
    server = NETWORK.replace("firewalls:", SERVER + "firewalls:")
    number = pulls.open({"network/stack.yaml": server + SSH, "policies/ssh.yaml": "[]\n"})
    assert pulls.plan(number) == 4
    assert pulls.statuses(number)["reconciler/network"] == "failure"
    assert "nobody logs in" in pulls.comment(number, "network")
    assert "/approve" not in pulls.comment(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 4 and pulls.firewalls() == set()


SERVER = """\
instances:
  web: {zone: kr1-z01, flavor: std_1.1-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], firewall: web}
"""


def test_letters_that_also_fit_an_earlier_plan_approve_nothing(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    id = pulls.plans(number, "network")[0]
    # as if somebody had searched for two plans that begin alike, and shown the harmless one first
    twin = id[:12] + "0" * (len(id) - 12)
    comment = next(each for each in pulls.forge.world.comments_of(number))
    pulls.forge.world.edit_comment(comment.id, comment.body.replace(id, f"{id} {twin}"))
    pulls.approve(number, "network")
    pulls.merge(number)
    assert pulls.apply() == 0 and pulls.firewalls() == set()
    assert "several plans" in pulls.comment(number, "network")
    pulls.forge.world.comment(number, "bora", f"/approve {id}")
    assert pulls.apply() == 0 and pulls.firewalls() == {"network-web"}


def test_a_plan_from_before_an_apply_is_not_written_over_its_end(pulls: PullHarness) -> None:
    rules = PROJECT.replace("approvers:", "apply: approved\n    approvers:")
    pulls.commit({"reconciler.yaml": rules})
    number = pulls.open(GROWN)
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    done: list[bool] = []

    def apply_meanwhile(account: str, operation: str) -> None:
        if operation == "comments" and not done:
            done.append(True)
            assert pulls.apply(number) == 0 and pulls.firewalls() == {"network-web"}

    pulls.forge.listen(apply_meanwhile)
    assert pulls.plan(number) == 0 and done
    assert pulls.statuses(number)["reconciler/network"] == "success"


def test_a_commit_during_a_job_is_planned_by_the_same_job(pulls: PullHarness) -> None:
    number = pulls.open(GROWN)
    pushed: list[bool] = []

    def push_meanwhile(account: str, operation: str) -> None:
        if operation == "set_status" and not pushed:
            pushed.append(True)
            pulls.push(number, {"network/stack.yaml": NETWORK + SSH.replace("22", "23")})

    pulls.forge.listen(push_meanwhile)
    assert pulls.plan(number) == 0 and pushed
    assert "tcp/23" in pulls.comment(number, "network")
    assert pulls.statuses(number)["reconciler/network"] == "pending"


ENVIRONMENTS = """\
version: 1
stack: network
environments: {staging: {}, prod: {}}
firewalls:
  web:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
"""


def test_a_new_environment_of_a_known_stack_is_part_of_its_pull_request(pulls: PullHarness) -> None:
    before = PROJECT.replace("{path: network}", "{path: network, environments: [staging]}")
    pulls.commit({"reconciler.yaml": before, "network/stack.yaml": ENVIRONMENTS})
    after = before.replace("[staging]", "[staging, prod]")
    number = pulls.open({"reconciler.yaml": after})
    assert pulls.plan(number) == 0
    assert "reconciler/network.prod" in pulls.statuses(number)
    for title in ("network/staging", "network/prod"):
        pulls.approve(number, title)
    pulls.merge(number)
    assert pulls.apply() == 0
    assert {"network-prod-web", "network-staging-web"} <= pulls.firewalls()
    # together with a looser rule, the whole change waits for the merge
    other = pulls.open({"reconciler.yaml": after.replace("any: 1", "any: 0") + "# more\n"})
    assert pulls.plan(other) == 0 and "reconciler/network.prod" not in pulls.statuses(other)


def test_a_stack_that_was_skipped_is_not_in_the_audit_log(
    pulls: PullHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = pulls.open({"network/stack.yaml": GIVER, "shop/stack.yaml": READER})
    assert pulls.plan(number) == 0
    pulls.approve(number, "network")
    pulls.approve(number, "shop")
    pulls.merge(number)
    changed = error("plan-stale", "the plan is another one")
    monkeypatch.setattr(approved_run, "not_approved", lambda approved, now: changed)
    assert pulls.apply() == 4 and pulls.firewalls() == set()
    assert [(each.title, each.outcome.value) for each in pulls.audit()] == [("network", "refused")]


@pytest.mark.parametrize(
    ("prune", "is_deleted"), [("never", False), ("ask", True), ("apply", True)]
)
def test_prune_forbids_deletes_or_leaves_them_to_approvals(
    pulls: PullHarness, prune: str, is_deleted: bool
) -> None:
    prepared(pulls)
    pulls.commit(
        {"reconciler.yaml": PROJECT.replace("delete: 2}", "delete: 1}\n    prune: " + prune)}
    )
    number = pulls.open({"network/stack.yaml": EMPTY})
    assert pulls.plan(number) == 0
    pulls.merge(number)
    assert pulls.apply() == 0 and "network-web" in pulls.firewalls()
    pulls.approve(number, "network")
    pulls.apply()
    assert ("network-web" not in pulls.firewalls()) is is_deleted
