"""Plans of firewalls and of their rules as tables: what differs | wanted changes | steps | consents
| problems.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.resource import Deferred, Lifecycle, Ref
from reconciler.model.state import Phase
from tests.builders import (
    OMIT,
    Case,
    at,
    firewall,
    nothing,
    rule,
    server,
    settled,
    step,
    told,
    waits,
)

IGNORE_RULES = Lifecycle(ignore=("rules",))


def base(**web: Any) -> Case:
    """One server in a firewall with two rules."""
    return settled(
        server("web", firewall="web"),
        firewall("web", **web),
        rule("web", "https"),
        rule("web", "ssh", ports="22", cidr="10.0.0.0/8"),
    )


def stray(case: Case, **attributes: Any) -> Case:
    row = {
        "firewall": "f-web",
        "direction": "in",
        "protocol": "tcp",
        "ports": "8080",
        "cidr": "0.0.0.0/0",
        "title": "theirs",
    }
    return case.foreign_object("rules", "r-99", **{**row, **attributes})


ROWS: list[tuple[str, Case, list[str], list[str], list[str]]] = [
    ("nothing differs", base(), [], [], []),
    (
        "a firewall with its rules is made before a server is put into it",
        nothing(
            server("web", image="rocky", firewall="web"), firewall("web"), rule("web", "https")
        ),
        ["create firewalls.web", "create firewalls.web.rules.https", "create instances.web"],
        [
            "firewall.create firewalls.web",
            "instance.create instances.web",
            "rule.create firewalls.web.rules.https",
            "firewall.attach instances.web",
        ],
        [],
    ),
    (
        "its texts and ping",
        base(name="a-name").edit("firewalls.web", name="b-name", icmp=False),
        ["update firewalls.web"],
        ["firewall.update firewalls.web"],
        [],
    ),
    (
        "a rule more",
        base().add(rule("web", "http", ports="80")),
        ["create firewalls.web.rules.http"],
        ["rule.create firewalls.web.rules.http"],
        [],
    ),
    (
        "a rule less",
        base().leave_out("firewalls.web.rules.https"),
        ["delete firewalls.web.rules.https"],
        ["rule.delete firewalls.web.rules.https"],
        [],
    ),
    (
        "a rule's ports",
        base().edit("firewalls.web.rules.https", ports="8443"),
        ["update firewalls.web.rules.https"],
        ["rule.update firewalls.web.rules.https"],
        [],
    ),
    (
        "a rule's key: only its title is edited",
        base().leave_out("firewalls.web.rules.https").add(rule("web", "tls")),
        ["update firewalls.web.rules.tls"],
        ["rule.update firewalls.web.rules.tls"],
        [],
    ),
    (
        "a rule's key where its title stays: nothing is sent",
        base().leave_out("firewalls.web.rules.https").add(rule("web", "tls", title="https")),
        ["import firewalls.web.rules.tls"],
        [],
        [],
    ),
    (
        "two rules swap their traffic: only titles are edited",
        base()
        .edit("firewalls.web.rules.https", ports="22", cidr="10.0.0.0/8")
        .edit("firewalls.web.rules.ssh", ports="443", cidr="0.0.0.0/0"),
        ["update firewalls.web.rules.https", "update firewalls.web.rules.ssh"],
        ["rule.update firewalls.web.rules.https", "rule.update firewalls.web.rules.ssh"],
        [],
    ),
    (
        "a rule takes over the traffic of another that moves on: no gap",
        base()
        .edit("firewalls.web.rules.ssh", ports="443", cidr="0.0.0.0/0")
        .edit("firewalls.web.rules.https", ports="8443"),
        [
            "create firewalls.web.rules.https",
            "delete firewalls.web.rules.ssh",
            "update firewalls.web.rules.ssh",
        ],
        [],
        [],
    ),
    (
        "added by somebody: removed again",
        stray(base()),
        ["update firewalls.web"],
        ["rule.delete firewalls.web r-99"],
        [],
    ),
    (
        "added by somebody, rules ignored",
        stray(base().edit("firewalls.web", life=IGNORE_RULES)),
        [],
        [],
        [],
    ),
    (
        "removed by somebody: made again",
        base().vanish("firewalls.web.rules.https"),
        ["create firewalls.web.rules.https"],
        ["rule.create firewalls.web.rules.https"],
        [],
    ),
    (
        "removed by somebody and left out: forgotten",
        base().vanish("firewalls.web.rules.https").leave_out("firewalls.web.rules.https"),
        [],
        [],
        [],
    ),
    (
        "edited by somebody: edited back",
        base().drift("firewalls.web.rules.https", cidr="10.0.0.0/8"),
        ["update firewalls.web.rules.https"],
        ["rule.update firewalls.web.rules.https"],
        [],
    ),
    (
        "a stray rule with the traffic of a new one becomes it",
        stray(base()).add(rule("web", "alt", ports="8080")),
        ["update firewalls.web.rules.alt"],
        ["rule.update firewalls.web.rules.alt"],
        [],
    ),
    (
        "a rule moves to the traffic that a stray one holds: that goes first",
        stray(base()).edit("firewalls.web.rules.https", ports="8080", life=None),
        [],
        [],
        [],
    ),
    (
        "left out with its server's line: the member goes first",
        base().leave_out("firewalls.web", "instances.web"),
        ["delete firewalls.web", "delete instances.web"],
        ["instance.delete instances.web", "firewall.delete firewalls.web"],
        ["delete=firewalls.web", "delete=instances.web"],
    ),
    (
        "left out, its server says none",
        base().leave_out("firewalls.web").edit("instances.web", firewall=None),
        ["delete firewalls.web", "attach instances.web"],
        ["firewall.detach instances.web", "firewall.delete firewalls.web"],
        ["delete=firewalls.web", "exposure=instances.web"],
    ),
    (
        "left out, its server goes to another",
        base().leave_out("firewalls.web").add(firewall("db")).edit("instances.web", firewall="db"),
        ["create firewalls.db", "delete firewalls.web", "attach instances.web"],
        [
            "firewall.create firewalls.db",
            "firewall.attach instances.web",
            "firewall.delete firewalls.web",
        ],
        ["delete=firewalls.web", "exposure=instances.web"],
    ),
    (
        "left out and retained: forgotten with its rules",
        base(life=Lifecycle(retain=True))
        .leave_out("firewalls.web")
        .edit("instances.web", firewall=OMIT),
        ["forget firewalls.web"],
        [],
        [],
    ),
]
FREE = {
    "a rule takes over the traffic of another that moves on: no gap",
    "a rule moves to the traffic that a stray one holds: that goes first",
}
"""Rows whose steps are looked at in a test of their own."""


@pytest.mark.parametrize(
    ("case", "changes", "steps", "consents"),
    [row[1:] for row in ROWS if row[0] not in FREE],
    ids=[row[0] for row in ROWS if row[0] not in FREE],
)
def test_a_firewall_is_planned(
    case: Case, changes: list[str], steps: list[str], consents: list[str]
) -> None:
    # Goal: only what differs is touched, in an order that neither opens nor locks; no errors.
    said = told(case.plan())
    assert (said.changes, said.steps, said.consents) == (changes, steps, consents)
    assert [p for p in said.problems if not p.startswith("notice")] == []


def test_a_rule_that_takes_over_traffic_takes_the_rule_that_lets_it_through() -> None:
    # Goal: matched by meaning before key, so that the traffic is never cut; the rest is made and
    # taken away around it.
    case = (
        base()
        .edit("firewalls.web.rules.ssh", ports="443", cidr="0.0.0.0/0")
        .edit("firewalls.web.rules.https", ports="8443")
    )
    plan = case.plan()
    assert told(plan).problems == []
    assert step(plan, "rule.update firewalls.web.rules.ssh").target == "r-web-https"
    assert step(plan, "rule.update firewalls.web.rules.ssh").inputs.keys() == {"firewall", "title"}
    assert step(plan, "rule.update firewalls.web.rules.https").target == "r-web-ssh"


def test_of_two_live_rules_for_the_same_traffic_the_older_one_is_taken() -> None:
    # Goal: adopt writes the first one and leaves the second to `ignore: [rules]`.
    case = stray(base()).add(rule("web", "first", ports="8080"))
    traffic = {"direction": "in", "protocol": "tcp", "ports": "8080", "cidr": "0.0.0.0/0"}
    case = case.foreign_object("rules", "r-98", firewall="f-web", title="first", **traffic)
    plan = case.plan()
    assert [(each.operation, each.target) for each in plan.steps] == [("rule.delete", "r-99")]


def test_a_swap_of_traffic_edits_titles_only() -> None:
    # Goal: the cloud refuses two equal rules, so traffic cannot be swapped by edits; titles can.
    case = base().edit("firewalls.web.rules.https", ports="22", cidr="10.0.0.0/8")
    plan = case.edit("firewalls.web.rules.ssh", ports="443", cidr="0.0.0.0/0").plan()
    for key, target in (("https", "r-web-ssh"), ("ssh", "r-web-https")):
        update = step(plan, f"rule.update firewalls.web.rules.{key}")
        assert (update.target, update.inputs["title"]) == (target, key)
        assert "ports" not in update.inputs


def test_traffic_goes_round_three_rules_without_a_circle() -> None:
    # Goal: any permutation of traffic among the keys is planned.
    case = settled(
        firewall("web"),
        *(rule("web", key, ports=port) for key, port in (("a", "1"), ("b", "2"), ("c", "3"))),
    )
    plan = (
        case.edit("firewalls.web.rules.a", ports="2")
        .edit("firewalls.web.rules.b", ports="3")
        .edit("firewalls.web.rules.c", ports="1")
        .plan()
    )
    assert told(plan).problems == []
    assert len(plan.steps) == 3


def test_traffic_that_names_an_address_changes_keys_without_a_circle() -> None:
    # Goal: references are filled in before rules are matched.
    value = Deferred("${instances.web.private_ip}/32", (Ref(at("instances.web"), "private_ip"),))
    case = settled(
        server("web"),
        firewall("db"),
        rule("db", "a", ports="1", cidr="10.0.0.4/32"),
        rule("db", "b", ports="2"),
    )
    case = case.edit("firewalls.db.rules.a", ports="2", cidr="0.0.0.0/0").edit(
        "firewalls.db.rules.b", ports="1", cidr=value
    )
    plan = case.plan()
    assert told(plan).problems == []
    assert step(plan, "rule.update firewalls.db.rules.b").inputs.keys() == {"firewall", "title"}


def test_what_is_added_or_edited_goes_before_what_is_removed() -> None:
    # Goal: no traffic is cut before its successor lets it through.
    case = base().add(rule("web", "http", ports="80")).edit("firewalls.web.rules.ssh", ports="2222")
    plan = case.leave_out("firewalls.web.rules.https").plan()
    before = waits(plan, "rule.delete firewalls.web.rules.https")
    assert before == {"rule.create firewalls.web.rules.http", "rule.update firewalls.web.rules.ssh"}


def test_an_edit_waits_for_the_rule_that_still_holds_its_traffic() -> None:
    # Goal: the cloud refuses an exact duplicate (contract#security-groups): a rule whose next value
    # is not known yet lets go first.
    value = Deferred("${instances.app.private_ip}/32", (Ref(at("instances.app"), "private_ip"),))
    case = settled(
        server("app"),
        firewall("web"),
        rule("web", "app", ports="22", cidr="10.0.0.4/32"),
        rule("web", "ops", ports="2222"),
    )
    case = case.edit("instances.app", zone="z2", image="rocky").edit(
        "firewalls.web.rules.app", cidr=value
    )
    plan = case.edit("firewalls.web.rules.ops", ports="22", cidr="10.0.0.4/32").plan()
    assert "rule.update firewalls.web.rules.app" in waits(
        plan, "rule.update firewalls.web.rules.ops"
    )


def test_two_rules_for_the_same_traffic_are_an_error() -> None:
    # Goal: seen where the reference is known, before the cloud refuses the second.
    value = Deferred("${instances.web.private_ip}/32", (Ref(at("instances.web"), "private_ip"),))
    case = settled(server("web"), firewall("db"), rule("db", "a", cidr="10.0.0.4/32"))
    plan = case.add(rule("db", "b", cidr=value)).plan()
    assert told(plan).problems == ["error duplicate-rule firewalls.db.rules.b"]
    assert plan.steps == ()


def test_a_rule_removed_by_somebody_is_drift() -> None:
    # Goal: made again, and the cause is outside; also in the list of drift.
    plan = base().vanish("firewalls.web.rules.https").plan()
    assert {line.rsplit(" ", 1)[1] for line in told(plan).fields} == {"outside"}
    assert [str(row.address) for row in plan.drift] == ["firewalls.web.rules.https"]


def test_a_rule_added_by_somebody_is_named_as_drift() -> None:
    # Goal: the row of the firewall names the rule and its cause; so does the drift.
    plan = stray(base()).plan()
    assert told(plan).fields == [
        "firewalls.web.rules.r-99 'in tcp/8080 0.0.0.0/0 (theirs)' -> None outside"
    ]
    assert [str(row.address) for row in plan.drift] == ["firewalls.web"]


def test_a_firewall_with_a_member_that_stays_is_not_deleted() -> None:
    # Goal: blocked, the members listed, and its rules stay with it.
    plan = base().leave_out("firewalls.web").edit("instances.web", firewall=OMIT).plan()
    assert told(plan).changes == ["blocked firewalls.web"]
    assert told(plan).problems[0] == "error foreign-member firewalls.web"
    assert any("instances.web" in p.message for p in plan.problems if p.code == "foreign-member")
    assert plan.steps == ()


def test_a_firewall_with_a_foreign_member_is_not_deleted() -> None:
    # Goal: neither in an apply nor in a destroy; everything else goes.
    plan = (
        base()
        .foreign_object("instances", "i-theirs", power="on", zone="z1")
        .join("f-web", "i-web", "i-theirs")
        .plan(destroy=True)
    )
    assert told(plan).changes == ["blocked firewalls.web", "delete instances.web"]
    assert told(plan).problems == ["error foreign-member firewalls.web"]
    assert told(plan).steps == ["instance.delete instances.web"]


def test_a_foreign_member_that_comes_is_left_alone() -> None:
    # Goal: members that nobody manages are no drift.
    plan = (
        base()
        .foreign_object("instances", "i-theirs", power="on", zone="z1")
        .join("f-web", "i-web", "i-theirs")
        .plan()
    )
    assert plan.is_empty


@pytest.mark.parametrize(
    ("name", "case"),
    [
        (
            "retained and left out",
            base(life=Lifecycle(retain=True))
            .leave_out("firewalls.web")
            .edit("instances.web", firewall=OMIT),
        ),
        (
            "deleted by an earlier run",
            base()
            .leave_out("firewalls.web", "instances.web")
            .remember("firewalls.web", phase=Phase.DELETING)
            .remember("instances.web", phase=Phase.DELETING)
            .vanish("firewalls.web", "instances.web"),
        ),
    ],
)
def test_a_firewall_that_is_forgotten_takes_its_rules_out_of_the_state(
    name: str, case: Case
) -> None:
    # Goal: no entry of a rule stays without its firewall.
    dropped = {effect.drop for effect in case.plan().records}
    assert {"firewalls.web", "firewalls.web.rules.https", "firewalls.web.rules.ssh"} <= dropped, (
        name
    )


def test_a_recreated_firewall_forgets_rules_that_the_file_no_longer_has() -> None:
    # Goal: the same where it is gone and wanted again.
    case = (
        base()
        .remember("firewalls.web", phase=Phase.DELETING)
        .vanish("firewalls.web", "firewalls.web.rules.https", "firewalls.web.rules.ssh")
    )
    plan = case.leave_out("firewalls.web.rules.ssh").plan()
    assert {effect.drop for effect in plan.records} == {"firewalls.web.rules.ssh"}
    assert "rule.create firewalls.web.rules.https" in told(plan).steps


def test_a_firewall_in_doubt_keeps_what_is_known_of_its_rules() -> None:
    # Goal: missing is not gone: nothing is dropped, nothing is sent.
    case = settled(
        firewall("web"), firewall("db"), rule("web", "https"), rule("web", "ssh", ports="22")
    )
    plan = (
        case.leave_out("firewalls.web.rules.ssh")
        .vanish("firewalls.web", "firewalls.web.rules.https", "firewalls.web.rules.ssh")
        .plan()
    )
    assert (plan.steps, plan.records) == ((), ())
    assert told(plan).changes[0] == "decide firewalls.web"


# Exposure
# ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "case", "consents"),
    [
        (
            "ssh from everywhere",
            base().edit("firewalls.web.rules.ssh", cidr="0.0.0.0/0"),
            ["exposure=instances.web"],
        ),
        (
            "a new rule for a database",
            base().add(rule("web", "pg", ports="5400-5500")),
            ["exposure=instances.web"],
        ),
        (
            "any range with no prefix",
            base().add(rule("web", "pg", ports="5432", cidr="10.1.2.3/0")),
            ["exposure=instances.web"],
        ),
        ("a port nobody fears", base().add(rule("web", "http", ports="80")), []),
        ("not from everywhere", base().add(rule("web", "pg", ports="5432", cidr="10.0.0.0/8")), []),
        ("outwards", base().add(rule("web", "pg", ports="5432", direction="out")), []),
        ("no server in it yet", settled(firewall("web")).add(rule("web", "pg", ports="5432")), []),
        (
            "its title only",
            settled(
                server("web", firewall="web"), firewall("web"), rule("web", "ssh", ports="22")
            ).edit("firewalls.web.rules.ssh", title="login"),
            [],
        ),
        (
            "open before, by the same rule",
            settled(
                server("web", firewall="web"), firewall("web"), rule("web", "ssh", ports="22")
            ).edit("firewalls.web.rules.ssh", ports="22-23"),
            [],
        ),
        (
            "open before, by another rule",
            settled(
                server("web", firewall="web"), firewall("web"), rule("web", "all", ports="1-65535")
            ).add(rule("web", "ssh", ports="22")),
            [],
        ),
    ],
)
def test_a_management_port_that_opens_to_the_internet_asks_for_exposure(
    name: str, case: Case, consents: list[str]
) -> None:
    # Goal: newly, to everybody, inwards, on a server that exists (consent#exposure).
    assert told(case.plan()).consents == consents, name


# Values that wait for others
# ---------------------------------------------------------------------------------------------------------


def test_a_rule_may_name_the_address_of_a_server_it_protects() -> None:
    # Goal: group, server, membership, then that rule; no circle.
    value = Deferred("${instances.web.private_ip}/32", (Ref(at("instances.web"), "private_ip"),))
    plan = nothing(
        server("web", image="rocky", firewall="web"),
        firewall("web"),
        rule("web", "own", cidr=value),
        rule("web", "https"),
    ).plan()
    assert told(plan).problems == []
    assert waits(plan, "rule.create firewalls.web.rules.own") >= {
        "instance.create instances.web",
        "firewall.create firewalls.web",
    }
    assert "rule.create firewalls.web.rules.https" in waits(plan, "firewall.attach instances.web")
    row = next(c for c in plan.changes if str(c.address) == "firewalls.web.rules.own")
    cidr = next(f for f in row.fields if f.path == "cidr")
    assert cidr.known_after_apply and str(cidr.after) == "known after apply of instances.web"


def test_a_known_value_is_compared_and_an_unknown_one_waits() -> None:
    # Goal: the address of a server that stays is known now; of one that is replaced, after apply.
    value = Deferred("${instances.web.private_ip}/32", (Ref(at("instances.web"), "private_ip"),))
    case = settled(server("web"), firewall("db"), rule("db", "own", cidr="10.0.0.4/32"))
    case = replace(
        case, file={**case.file, at("firewalls.db.rules.own"): rule("db", "own", cidr=value)}
    )
    assert case.plan().is_empty
    plan = case.edit("instances.web", zone="z2", image="rocky").plan()
    assert waits(plan, "rule.update firewalls.db.rules.own") == {"instance.create instances.web"}


def test_the_work_of_a_plan_grows_with_the_number_of_rules_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: 45,000 rules in one firewall took 40 s, because each was compared with all others.
    counted = [0]
    spelled = Address.__str__

    def spell(address: Address) -> str:
        counted[0] += 1
        return spelled(address)

    kept = settled(firewall("web"), *[rule("web", f"r{n}", ports=str(n + 1)) for n in range(300)])
    monkeypatch.setattr(Address, "__str__", spell)
    assert not kept.plan().steps
    assert counted[0] < 300 * 60


def listed(*ranges: str | Deferred) -> list[Any]:
    """The rules of `mysql` from a list, with positions as keys."""
    found = enumerate(ranges)
    return [rule("db", f"mysql[{n}]", ports="3306", cidr=c, title="mysql") for n, c in found]


NEW_WEB = Deferred("${instances.new.private_ip}/32", (Ref(at("instances.new"), "private_ip"),))
OLD, NEXT, LAST = "10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        ([OLD, NEXT, LAST], [NEXT, LAST], ["rule.delete r-db-mysql[0]"]),
        ([OLD, NEXT, LAST], [LAST], ["rule.delete r-db-mysql[0]", "rule.delete r-db-mysql[1]"]),
        ([OLD, NEXT], [NEW_WEB, OLD, NEXT], ["rule.create"]),
        ([OLD, NEXT], [NEXT, OLD], []),
        ([OLD, NEXT], [OLD, NEW_WEB], ["rule.update r-db-mysql[1]"]),
        ([OLD, NEXT], [NEXT, NEW_WEB], ["rule.update r-db-mysql[0]"]),
    ],
)
def test_elements_of_a_list_that_shift_keep_their_live_rules(
    before: list[Any], after: list[Any], writes: list[str]
) -> None:
    case = settled(server("app"), firewall("db"), *listed(*before))
    case = case.leave_out(*(f"firewalls.db.rules.mysql[{n}]" for n in range(len(before))))
    plan = case.add(server("new"), *listed(*after)).plan()
    assert plan.drift == ()
    targets = {
        row.attributes["cidr"]: id for (kind, id), row in case.live.items() if kind == "rules"
    }
    found = sorted(
        f"{s.operation} {s.target}".removesuffix(" None")
        for s in plan.steps
        if s.operation.startswith("rule.")
    )
    wanted = sorted(
        " ".join([w.split()[0], *(targets[before[int(w[-2])]] for _ in w.split()[1:])])
        for w in writes
    )
    assert found == wanted
    ids = [c.put.id for c in plan.records if c.put is not None and c.put.parent is not None]
    assert len(ids) == len(set(ids))
