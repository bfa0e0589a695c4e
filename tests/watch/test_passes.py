"""What passes of `watch` see and do, by the world after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.project.gate_values import GateRules, Gates
from reconciler.commands.watch import sight
from reconciler.commands.watch.decide import decide
from reconciler.iwinv.shared.account_pool import AccountPool
from reconciler.model import http
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.watching import Allowed, Health, Memory
from reconciler.policies.judgement import PolicyJudgement
from tests.watch.watcher import STACK, Watcher


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    return Watcher(tmp_path)


def widened(watcher: Watcher) -> None:
    watcher.change("set", "rule", "shop-web/ssh", ip="0.0.0.0/0")


def test_a_stack_without_drift_is_clean_and_costs_a_few_calls(watcher: Watcher) -> None:
    passed = watcher.look()
    assert passed.decision.health is Health.CLEAN
    assert passed.drifted == () and watcher.writes == []
    assert 4 <= passed.calls <= 7
    assert passed.monthly is not None and passed.monthly > 0


def test_drift_is_reverted_when_two_readings_apart_saw_the_same(watcher: Watcher) -> None:
    widened(watcher)
    first = watcher.look()
    assert (first.decision.health, first.reverted, watcher.writes) == (Health.DRIFTED, (), [])
    watcher.wait(3)
    assert watcher.look().reverted == () and watcher.writes == []
    watcher.wait(2.5)
    third = watcher.look()
    assert third.reverted == ("firewalls.web.rules.ssh",)
    watcher.wait(1)
    assert watcher.look().decision.health is Health.CLEAN


def test_a_policy_holds_back_a_revert(watcher: Watcher) -> None:
    denied = PolicyJudgement((error("policy", "no changes this week"),))
    watcher.gates = Gates(lambda title: GateRules(judge=lambda document, title: denied))
    widened(watcher)
    watcher.look()
    watcher.wait(5.5)
    passed = watcher.look()
    assert passed.reverted == () and watcher.writes == []
    assert passed.decision.health is Health.BLOCKED
    assert "policy" in {problem.code for problem in passed.problems}


def test_what_changed_again_in_between_is_seen_anew(watcher: Watcher) -> None:
    widened(watcher)
    watcher.look()
    watcher.wait(6)
    watcher.change("set", "rule", "shop-web/ssh", ip="203.0.113.0/24")
    assert watcher.look().reverted == ()
    watcher.wait(6)
    assert watcher.look().reverted == ("firewalls.web.rules.ssh",)


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        (Allowed(), "do not list"),
        (Allowed(revert=frozenset({"power"})), "do not list"),
        (Allowed(revert=frozenset({"rules"}), frozen="a fair"), "frozen: a fair"),
        (Allowed(revert=frozenset({"rules"}), opens=2e9), "window"),
    ],
)
def test_what_holds_back_a_revert(watcher: Watcher, allowed: Allowed, reason: str) -> None:
    watcher.allowed = allowed
    widened(watcher)
    watcher.look()
    watcher.wait(6)
    passed = watcher.look()
    assert passed.reverted == () and watcher.writes == []
    assert reason in passed.decision.left["firewalls.web.rules.ssh"]
    assert passed.decision.health is Health.DRIFTED


def test_the_third_return_of_the_same_drift_is_left_to_a_person(watcher: Watcher) -> None:
    reverted = 0
    for _ in range(8):
        widened(watcher)
        watcher.look()
        watcher.wait(30)
        reverted += len(watcher.look().reverted)
        watcher.wait(30)
    assert reverted == 3
    widened(watcher)
    passed = watcher.look()
    assert passed.decision.health is Health.BLOCKED
    assert "came back" in passed.decision.left["firewalls.web.rules.ssh"]


NEVER = {
    "a server is gone": [("delete", "instance", "shop-db")],
    "a block storage is detached and gone": [("delete", "block_storage", "shop-data")],
    "a rule is gone: its return would open a port": [("delete", "rule", "shop-web/https")],
    "a firewall is gone": [("delete", "firewall", "shop-web")],
}


@pytest.mark.parametrize("what", NEVER)
def test_what_is_never_done_without_a_person(watcher: Watcher, what: str) -> None:
    for action, kind, name in NEVER[what]:
        watcher.change(action, kind, name)
    for _ in range(3):
        passed = watcher.look()
        assert passed.reverted == () and watcher.writes == [], passed
        assert passed.decision.health not in (Health.CLEAN, Health.FAILED), passed
        watcher.wait(6)


def test_an_empty_file_reverts_and_deletes_nothing(watcher: Watcher) -> None:
    widened(watcher)
    watcher.look()
    watcher.wait(6)
    watcher.text = "version: 1\nstack: shop\n"
    passed = watcher.look()
    assert passed.decision.health is Health.BLOCKED
    assert passed.reverted == () and watcher.writes == []


def test_files_with_mistakes_fail_the_pass(watcher: Watcher) -> None:
    watcher.text = "version: 1\nstack: shop\ninstances: 3\n"
    passed = watcher.look()
    assert passed.decision.health is Health.FAILED and passed.calls == 0
    assert [problem.code for problem in passed.problems] == ["wrong-type"]


def test_another_network_for_ssh_is_not_opened_again_without_a_person(watcher: Watcher) -> None:
    watcher.change("set", "rule", "shop-web/ssh", ip="198.51.100.0/24")
    watcher.look()
    watcher.wait(6)
    passed = watcher.look()
    assert passed.reverted == ()
    assert "would open traffic" in passed.decision.left["firewalls.web.rules.ssh"]


def test_the_same_drift_of_another_object_is_seen_by_itself(tmp_path: Path) -> None:
    rule = "{direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}\n"
    watcher = Watcher(
        tmp_path, STACK.replace(rule, f"{rule}      vnc: {rule.replace('22', '5900')}")
    )
    widened(watcher)
    watcher.look()
    watcher.wait(6)
    watcher.change("set", "rule", "shop-web/vnc", ip="0.0.0.0/0")
    passed = watcher.look()
    assert passed.reverted == ("firewalls.web.rules.ssh",)
    assert set(passed.drifted) == {"firewalls.web.rules.ssh", "firewalls.web.rules.vnc"}


def test_a_list_that_was_read_before_the_pass_counts_from_then(watcher: Watcher) -> None:
    """Two passes over many stacks, of which the second one took its time with the others."""
    widened(watcher)
    watcher.look()
    watcher.wait(1)
    watcher.pool = AccountPool()
    watcher.look()
    watcher.wait(4.5)
    passed = watcher.look()
    assert passed.reverted == () and watcher.writes == []


def test_a_stack_that_reads_one_that_was_never_applied_waits() -> None:
    missing = error("output", "stack `network` has no state yet, so it has no outputs")
    seen = sight.of_stop(Abort(missing), 1e9)
    made = decide(seen, Memory(), Allowed())
    assert (made.health, made.reason, made.revert) == (Health.WAITING, missing.message, ())
    both = sight.of_stop(Abort(missing, error("wrong-type", "a mistake")), 1e9)
    assert decide(both, Memory(), Allowed()).health is Health.FAILED


def test_what_changes_between_the_look_and_the_revert_is_left(watcher: Watcher) -> None:
    widened(watcher)
    watcher.look()
    watcher.wait(6)
    honest, firewalls = watcher.harness._send, 0

    def changed_before_the_second_reading(request: http.Request) -> http.Response:
        nonlocal firewalls
        if request.method == "GET" and request.path == "/v1/security-groups":
            firewalls += 1
            if firewalls == 2:
                watcher.change("set", "rule", "shop-web/ssh", ip="203.0.113.0/24")
        return honest(request)

    watcher.harness._send = changed_before_the_second_reading  # type: ignore[method-assign]
    passed = watcher.look()
    assert firewalls == 2 and passed.reverted == () and watcher.writes == []
    assert "changed once more" in passed.decision.left["firewalls.web.rules.ssh"]
