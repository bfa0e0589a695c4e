"""What rules let through, by meaning: tables of rule sets and what is said of their difference."""

from __future__ import annotations

import pytest

from reconciler.common import reachability
from reconciler.model.address import Address
from reconciler.model.resource import Ref, Unknown


def rule(text: str) -> dict[str, object]:
    """A rule from `in tcp/443 10.0.0.0/8`."""
    direction, traffic, cidr = text.split(" ")
    protocol, _, ports = traffic.partition("/")
    return {"direction": direction, "protocol": protocol, "ports": ports, "cidr": cidr}


def rules(*texts: str, icmp: bool | None = False) -> reachability.Reach:
    return reachability.from_rules([rule(text) for text in texts], icmp)


SAME = [
    (
        "order",
        ["in tcp/80 0.0.0.0/0", "in tcp/22 10.0.0.1/32"],
        ["in tcp/22 10.0.0.1/32", "in tcp/80 0.0.0.0/0"],
    ),
    ("host bits", ["in tcp/22 192.0.2.77/24"], ["in tcp/22 192.0.2.0/24"]),
    (
        "two halves are the whole",
        ["in tcp/22 10.0.0.0/9", "in tcp/22 10.128.0.0/9"],
        ["in tcp/22 10.0.0.0/8"],
    ),
    (
        "neighbouring ports are a range",
        ["in tcp/80 0.0.0.0/0", "in tcp/81 0.0.0.0/0"],
        ["in tcp/80-81 0.0.0.0/0"],
    ),
    (
        "a rule within another adds nothing",
        ["in tcp/1-100 10.0.0.0/8", "in tcp/22 10.1.2.3/32"],
        ["in tcp/1-100 10.0.0.0/8"],
    ),
    (
        "an overlap counts once",
        ["in tcp/1-60 10.0.0.0/8", "in tcp/40-100 10.0.0.0/8"],
        ["in tcp/1-100 10.0.0.0/8"],
    ),
]


@pytest.mark.parametrize(("what", "one", "other"), SAME, ids=[row[0] for row in SAME])
def test_rule_sets_that_let_the_same_through_are_equal(
    what: str, one: list[str], other: list[str]
) -> None:
    # Goal: meaning, not spelling; and then nothing is opened or closed.
    assert rules(*one) == rules(*other)
    assert reachability.lines(reachability.difference(rules(*one), rules(*other))) == ()


OPENED = [
    (
        "a port more",
        ["in tcp/443 0.0.0.0/0"],
        ["in tcp/443 0.0.0.0/0", "in tcp/8080 10.0.0.0/8"],
        ["tcp/8080 from 10.0.0.0/8"],
    ),
    (
        "what is open already is not opened",
        ["in tcp/1-100 0.0.0.0/0"],
        ["in tcp/1-100 0.0.0.0/0", "in tcp/80 10.0.0.0/8"],
        [],
    ),
    (
        "only the part that was not open",
        ["in tcp/22 10.0.0.0/9"],
        ["in tcp/22 10.0.0.0/8"],
        ["tcp/22 from 10.128.0.0/9"],
    ),
    (
        "single addresses keep their mask",
        [],
        ["in tcp/22 203.0.113.7/32"],
        ["tcp/22 from 203.0.113.7/32"],
    ),
    (
        "equal sources share a line",
        [],
        ["in tcp/80 0.0.0.0/0", "in udp/443 0.0.0.0/0"],
        ["tcp/80, udp/443 from 0.0.0.0/0"],
    ),
    (
        "equal ports share a line",
        [],
        ["in tcp/22 10.0.0.0/8", "in tcp/22 192.0.2.0/24"],
        ["tcp/22 from 10.0.0.0/8, 192.0.2.0/24"],
    ),
    (
        "a wide rule and a narrow one stay two lines",
        [],
        ["in tcp/1-100 10.0.0.0/8", "in tcp/50 192.0.2.0/24"],
        ["tcp/1-100 from 10.0.0.0/8", "tcp/50 from 192.0.2.0/24"],
    ),
    (
        "all but one part",
        ["in tcp/80 10.0.0.0/8"],
        ["in tcp/80 0.0.0.0/0"],
        ["tcp/80 from 0.0.0.0/0 except 10.0.0.0/8"],
    ),
    (
        "what is no range in the usual form",
        ["in tcp/80 10.0.0.0/32"],
        ["in tcp/80 10.0.0.0/30"],
        ["tcp/80 from 10.0.0.1-10.0.0.3"],
    ),
    (
        "outwards",
        ["out tcp/25 10.0.0.0/8"],
        ["out tcp/25 0.0.0.0/0"],
        ["tcp/25 to 0.0.0.0/0 except 10.0.0.0/8"],
    ),
    ("every port of a protocol", [], ["in tcp/1-65535 10.0.0.0/8"], ["tcp/any from 10.0.0.0/8"]),
    (
        "every port",
        [],
        ["in tcp/1-65535 0.0.0.0/0", "in udp/1-65535 0.0.0.0/0"],
        ["every port from 0.0.0.0/0"],
    ),
]


@pytest.mark.parametrize(
    ("what", "before", "after", "wanted"), OPENED, ids=[row[0] for row in OPENED]
)
def test_opened_ranges_are_shown_in_few_lines(
    what: str, before: list[str], after: list[str], wanted: list[str]
) -> None:
    # Goal: the difference and nothing else, and the same words for what is closed the other way.
    assert (
        list(reachability.lines(reachability.difference(rules(*after), rules(*before)))) == wanted
    )


def test_ping_is_shown_if_it_changes() -> None:
    # Goal: the one ICMP control of a firewall; where it is not known nothing is claimed.
    assert reachability.lines(reachability.difference(rules(icmp=True), rules(icmp=False))) == (
        "ping",
    )
    assert reachability.lines(reachability.difference(rules(icmp=True), rules(icmp=None))) == ()
    assert reachability.lines(reachability.difference(rules(icmp=False), rules(icmp=True))) == ()


def test_without_a_firewall_all_comes_in_and_nothing_is_claimed_of_what_goes_out() -> None:
    # Goal: the assumptions of planning#firewalls-by-meaning; and no line about the direction of
    # which nothing is known.
    guarded = rules("in tcp/443 0.0.0.0/0", "out tcp/25 0.0.0.0/0")
    assert reachability.lines(reachability.difference(reachability.UNGUARDED, guarded)) == (
        "tcp/1-442, tcp/444-65535, udp/any from 0.0.0.0/0",
        "ping",
    )
    assert reachability.lines(reachability.difference(guarded, reachability.UNGUARDED)) == ()
    assert reachability.lines(
        reachability.difference(reachability.UNGUARDED, reachability.NOTHING)
    ) == ("every port from 0.0.0.0/0", "ping")


def test_a_range_that_is_not_known_yet_is_shown_as_unknown() -> None:
    # Goal: it opens something, and nobody says to whom before it is known.
    waiting = Unknown((Ref(Address("instances", "web", 0), "private_ip"),))
    after = reachability.from_rules(
        [{"direction": "in", "protocol": "tcp", "ports": "3306", "cidr": waiting}], False
    )
    assert reachability.lines(reachability.difference(after, rules())) == (
        "tcp/3306 from an address known after apply of instances.web[0]",
    )
    assert after.inward == {}


PUBLIC = [
    ("ssh to all", ["in tcp/22 0.0.0.0/0"], {22}),
    ("in two halves", ["in tcp/3306 0.0.0.0/1", "in tcp/3306 128.0.0.0/1"], {3306}),
    ("within a range of ports", ["in tcp/5000-7000 0.0.0.0/0"], {5432, 6379}),
    (
        "all but what is private anyway",
        ["in tcp/22 0.0.0.0/1", "in tcp/22 128.0.0.0/2", "in tcp/22 192.0.0.0/3"],
        {22},
    ),
    ("to half of it", ["in tcp/22 0.0.0.0/1"], set()),
    ("outwards", ["out tcp/22 0.0.0.0/0"], set()),
    ("the web", ["in tcp/443 0.0.0.0/0"], set()),
]


@pytest.mark.parametrize(("what", "texts", "wanted"), PUBLIC, ids=[row[0] for row in PUBLIC])
def test_ports_open_to_the_whole_internet_are_found_by_meaning(
    what: str, texts: list[str], wanted: set[int]
) -> None:
    # Goal: no spelling of the whole internet slips through.
    assert reachability.public_ports(rules(*texts)) == wanted
