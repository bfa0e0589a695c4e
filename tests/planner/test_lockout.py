"""The guard: which plans would lock somebody out, what is held back for it, and the way out that
works.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.plan import Plan
from reconciler.model.resource import Existing, Guard, Link
from tests.builders import Case, at, firewall, nothing, rule, server, settled, told, waits

OFFICE = "203.0.113.0/29"


def guarded(
    case: Case,
    *,
    admin: tuple[str, ...] = (OFFICE,),
    ports: tuple[str, ...] = ("22",),
    servers: tuple[str, ...] = (),
) -> Case:
    """The same with a guard."""
    return replace(
        case,
        extra={**case.extra, "guard": Guard(admin, ports, tuple(at(text) for text in servers))},
    )


def base() -> Case:
    """Two servers behind one firewall that the office reaches by SSH, and another firewall that
    lets in tcp/443 only.
    """
    return guarded(
        settled(
            server("web[0]", firewall="web"),
            server("web[1]", firewall="web"),
            firewall("web"),
            rule("web", "ssh", ports="22", cidr=OFFICE),
            firewall("bare"),
            rule("bare", "https"),
        )
    )


def lockouts(plan: Plan) -> list[str]:
    """The lockouts of a plan, by change and by consent."""
    return [line for line in told(plan).problems if " lockout " in line] + [
        c for c in told(plan).consents if c.startswith("lockout")
    ]


BOTH = ["lockout=instances.web[0]", "lockout=instances.web[1]"]
SSH = "error lockout firewalls.web.rules.ssh"

LOST = [
    ("the rule goes", base().leave_out("firewalls.web.rules.ssh"), [SSH, *BOTH]),
    (
        "the rule gets another port",
        base().edit("firewalls.web.rules.ssh", ports="2222"),
        [SSH, *BOTH],
    ),
    (
        "a part of the range is lost",
        base().edit("firewalls.web.rules.ssh", cidr="203.0.113.0/30"),
        [SSH, *BOTH],
    ),
    ("another direction", base().edit("firewalls.web.rules.ssh", direction="out"), [SSH, *BOTH]),
    ("another protocol", base().edit("firewalls.web.rules.ssh", protocol="udp"), [SSH, *BOTH]),
    (
        "a server goes behind a firewall that does not let the office in",
        base().edit("instances.web[1]", firewall="bare"),
        ["error lockout instances.web[1]", BOTH[1]],
    ),
    (
        "a server that stood open gets such a firewall",
        guarded(
            settled(server("db", firewall="none"), firewall("bare"), rule("bare", "https")).edit(
                "instances.db", firewall="bare"
            )
        ),
        ["error lockout instances.db", "lockout=instances.db"],
    ),
    (
        "the last of two rules, the other of which nobody wrote down",
        base()
        .leave_out("firewalls.web.rules.ssh")
        .foreign_object(
            "rules",
            "r9",
            firewall="f-web",
            direction="in",
            protocol="tcp",
            ports="1-99",
            cidr="0.0.0.0/0",
            title="all",
        ),
        [SSH, *BOTH],
    ),
    (
        "one of several ports",
        guarded(
            base()
            .edit("firewalls.web.rules.ssh", ports="22-23")
            .add(rule("web", "x", ports="23", cidr=OFFICE)),
            ports=("22-23",),
        ).leave_out("firewalls.web.rules.ssh"),
        [SSH, *BOTH],
    ),
]


@pytest.mark.parametrize(("what", "case", "wanted"), LOST, ids=[row[0] for row in LOST])
def test_a_step_that_locks_out_is_blocked_and_asks_by_server(
    what: str, case: Case, wanted: list[str]
) -> None:
    # Goal: the change that takes guarded access away is not done, and names each server that would
    # lose it.
    plan = case.plan()
    assert lockouts(plan) == wanted
    blocked = [str(change.address) for change in plan.changes if change.action.value == "blocked"]
    assert blocked == [line.split(" ")[2] for line in wanted if line.startswith("error")]
    assert not [step.key for step in plan.steps if str(step.address) in blocked]


KEPT = [
    (
        "another rule lets the office in",
        base()
        .add(rule("web", "ops", ports="20-30", cidr="203.0.113.0/24"))
        .leave_out("firewalls.web.rules.ssh"),
    ),
    ("the range is widened", base().edit("firewalls.web.rules.ssh", cidr="203.0.113.0/24")),
    (
        "two rules for two halves take the place of one",
        base()
        .add(
            rule("web", "low", ports="22", cidr="203.0.113.0/30"),
            rule("web", "high", ports="22", cidr="203.0.113.4/30"),
        )
        .leave_out("firewalls.web.rules.ssh"),
    ),
    (
        "the same traffic under another key",
        base()
        .leave_out("firewalls.web.rules.ssh")
        .add(rule("web", "office", ports="22", cidr=OFFICE)),
    ),
    (
        "a switch to a firewall that lets it in",
        base()
        .add(rule("bare", "ops", ports="22", cidr=OFFICE))
        .edit("instances.web[1]", firewall="bare"),
    ),
    ("no firewall at all", base().edit("instances.web[1]", firewall="none")),
    ("a server that goes", base().leave_out("instances.web[1]")),
    ("all of it goes", base()),
    ("a port that is not guarded", base().leave_out("firewalls.bare.rules.https")),
    (
        "a server that the guard is not about",
        guarded(base().edit("instances.web[1]", firewall="bare"), servers=("instances.web[0]",)),
    ),
    (
        "a range that never had it",
        guarded(base().leave_out("firewalls.web.rules.ssh"), admin=("198.51.100.0/24",)),
    ),
    ("without a guard", replace(base().leave_out("firewalls.web.rules.ssh"), extra={})),
]


@pytest.mark.parametrize(("what", "case"), KEPT, ids=[row[0] for row in KEPT])
def test_what_leaves_the_access_as_it_is_asks_nothing(what: str, case: Case) -> None:
    # Goal: by meaning, not by rule: no false alarm trains anybody to accept.
    options: dict[str, Any] = {"destroy": True} if what == "all of it goes" else {}
    assert lockouts(case.plan(**options)) == []


def test_access_is_given_before_it_is_taken_whatever_fails() -> None:
    # Goal: what takes access waits for all that gives it, so that a failed or late step cannot lock
    # out.
    case = (
        base()
        .edit("firewalls.web.rules.ssh", cidr="10.0.0.0/8")
        .add(
            rule("web", "low", ports="22", cidr="203.0.113.0/30"),
            rule("web", "z-high", ports="1-99", cidr="203.0.113.4/30"),
        )
    )
    plan = case.plan()
    assert lockouts(plan) == []
    assert {
        "rule.create firewalls.web.rules.low",
        "rule.create firewalls.web.rules.z-high",
    } <= waits(plan, "rule.update firewalls.web.rules.ssh")


def test_a_server_leaves_a_firewall_before_its_rule_goes_and_comes_when_the_other_has_it() -> None:
    # Goal: the order holds across firewalls too.
    case = (
        base()
        .edit("instances.web[0]", firewall="bare")
        .edit("instances.web[1]", firewall="bare")
        .add(rule("bare", "ops", ports="22", cidr=OFFICE))
        .leave_out("firewalls.web.rules.ssh")
    )
    plan = case.plan()
    assert lockouts(plan) == []
    attached = {"firewall.attach instances.web[0]", "firewall.attach instances.web[1]"}
    assert attached <= waits(plan, "rule.delete firewalls.web.rules.ssh")
    assert all("rule.create firewalls.bare.rules.ops" in waits(plan, key) for key in attached)


def test_what_is_accepted_by_server_is_done_and_keeps_its_consent() -> None:
    # Goal: `--accept lockout=SERVER`, for each of them; with one left out it stays blocked.
    case = base().leave_out("firewalls.web.rules.ssh")
    one = case.plan(accept=(("lockout", "instances.web[0]"),))
    assert lockouts(one) == [SSH, *BOTH]
    both = case.plan(accept=(("lockout", "instances.web[0]"), ("lockout", "instances.web[1]")))
    assert lockouts(both) == BOTH
    assert [step.key for step in both.steps] == ["rule.delete firewalls.web.rules.ssh"]
    everywhere = case.plan(accept=(("lockout", None),))
    assert lockouts(everywhere) == [SSH, *BOTH]


def test_the_rest_of_a_plan_continues_without_steps_that_lock_out() -> None:
    # Goal: one blocked change holds back its dependants only.
    case = base().leave_out("firewalls.web.rules.ssh").edit("instances.web[0]", name="other")
    plan = case.plan()
    assert [step.key for step in plan.steps] == ["instance.update instances.web[0]"]


def test_the_part_of_a_plan_that_was_asked_for_is_looked_at_alone() -> None:
    # Goal: `--only` on the rule that goes, without the one that comes, does not slip through.
    case = (
        base()
        .add(rule("web", "ops", ports="22", cidr="203.0.113.0/24"))
        .leave_out("firewalls.web.rules.ssh")
    )
    assert lockouts(case.plan()) == []
    plan = case.plan(only=("instances.*", "firewalls.web.rules.ssh"))
    assert lockouts(plan) == [] and "rule.create firewalls.web.rules.ops" in [
        step.key for step in plan.steps
    ]
    plan = case.plan(without=("firewalls.web.rules.ops",))
    assert [step.key for step in plan.steps] == []


PROPOSED = [
    ("the rule goes", base().leave_out("firewalls.web.rules.ssh")),
    ("a part of the range is lost", base().edit("firewalls.web.rules.ssh", cidr="203.0.113.0/30")),
    ("another firewall", base().edit("instances.web[1]", firewall="bare")),
    (
        "several ports and ranges",
        guarded(
            base().leave_out("firewalls.web.rules.ssh"),
            admin=("203.0.113.0/30", "203.0.113.4/30"),
            ports=("22", "1-1000"),
        ),
    ),
    (
        "a key that is taken",
        base().add(rule("web", "guard", ports="80")).leave_out("firewalls.web.rules.ssh"),
    ),
]
_RULE = re.compile(
    r"`(?P<key>guard[-0-9]*): \{direction: in, protocol: tcp, ports: (?P<ports>[0-9-]+), cidr: (?P<cidr>[0-9./]+)\}`"
)


@pytest.mark.parametrize(("what", "case"), PROPOSED, ids=[row[0] for row in PROPOSED])
def test_the_way_out_that_is_proposed_works(what: str, case: Case) -> None:
    # Goal: the rules of the hint, pasted into the file where it says, give a plan that locks nobody
    # out.
    (problem,) = [p for p in case.plan().problems if p.code == "lockout"]
    assert problem.hint is not None and "--accept" in problem.hint
    found = re.search(r"add to the rules of firewalls\.(\w+): ", problem.hint)
    assert found is not None
    pasted = case.add(
        *(
            rule(found[1], m["key"], ports=m["ports"], cidr=m["cidr"])
            for m in _RULE.finditer(problem.hint)
        )
    )
    assert len(pasted.file) > len(case.file)
    assert lockouts(pasted.plan()) == []


def test_a_new_server_that_will_never_let_the_guard_in_is_a_warning() -> None:
    # Goal: nothing is taken from anybody, but the reader should know before it is made.
    case = guarded(
        nothing(
            server("web", firewall="bare"), firewall("bare"), rule("bare", "https"), server("open")
        )
    )
    plan = case.plan()
    assert lockouts(plan) == ["warning lockout instances.web"]
    (problem,) = [p for p in plan.problems if p.code == "lockout"]
    assert "tcp/22 from 203.0.113.0/29" in problem.message and "firewalls.bare" in (
        problem.hint or ""
    )
    assert plan.steps


def test_a_firewall_of_others_whose_rules_are_not_known_does_not_count_as_access() -> None:
    # Goal: assumed until known: what was not read lets nothing in; what was read counts.
    office = Address("firewalls", "office", existing=True)
    case = (
        base()
        .foreign_object("firewalls", "f-office", name="office")
        .edit("instances.web[1]", firewall=Link(office))
    )
    case = replace(
        case, extra={**case.extra, "existing": {office: Existing(office, "name", "office")}}
    )
    plan = case.plan()
    assert lockouts(plan) == ["error lockout instances.web[1]", BOTH[1]]
    (problem,) = [p for p in plan.problems if p.code == "lockout"]
    assert "in the console" in (problem.hint or "")
