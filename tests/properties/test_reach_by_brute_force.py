"""Reachability against a checker that tries every packet: small universes of ports and addresses,
random rule sets.
"""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.common import reachability
from reconciler.common.ranges import Ranges

PORTS = range(1, 7)
ADDRESSES = range(16)
ALL = set(product(("in", "out"), reachability.PROTOCOLS, PORTS, ADDRESSES))


@st.composite
def one_rule(draw: st.DrawFn) -> dict[str, object]:
    low = draw(st.sampled_from(PORTS))
    high = draw(st.integers(low, PORTS[-1]))
    # Host bits may be set; four bits of address are the universe.
    cidr = f"0.0.0.{draw(st.sampled_from(ADDRESSES))}/{draw(st.integers(28, 32))}"
    return {
        "direction": draw(st.sampled_from(("in", "out"))),
        "protocol": draw(st.sampled_from(reachability.PROTOCOLS)),
        "ports": str(low) if low == high else f"{low}-{high}",
        "cidr": cidr,
    }


rule_sets = st.lists(one_rule(), max_size=7)


def passes(rules: list[dict[str, object]]) -> set[tuple[str, str, int, int]]:
    """Every packet that some rule lets through, each tried by itself."""
    found = set()
    for rule in rules:
        low, _, high = str(rule["ports"]).partition("-")
        address, _, mask = str(rule["cidr"]).partition("/")
        shift = 32 - int(mask)
        network = int(address.rpartition(".")[2]) >> shift
        found |= {
            packet
            for packet in ALL
            if packet[:2] == (rule["direction"], rule["protocol"])
            and int(low) <= packet[2] <= int(high or low)
            and packet[3] >> shift == network
        }
    return found


def packets(found: reachability.Reach) -> set[tuple[str, str, int, int]]:
    """Every packet of a reach."""
    sides = (("in", found.inward), ("out", found.outward or {}))
    return {
        (side, protocol, port, address)
        for side, traffic in sides
        for protocol, bands in traffic.items()
        for low, high, addresses in bands
        for port in range(low, high + 1)
        for address in numbers(addresses)
    }


def numbers(ranges: Ranges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(rule_sets)
def test_rules_let_through_what_each_packet_tried_alone_passes(
    rules: list[dict[str, object]],
) -> None:
    # Goal: the set algebra against the plainest reading of rules.
    assert packets(reachability.from_rules(rules, False)) == passes(rules)


@given(rule_sets, rule_sets)
def test_the_difference_and_what_is_shared_are_those_of_the_packets(
    before: list[dict[str, object]], after: list[dict[str, object]]
) -> None:
    # Goal: what is opened, closed and kept, packet by packet.
    old, new = reachability.from_rules(before, False), reachability.from_rules(after, False)
    assert packets(reachability.difference(new, old)) == passes(after) - passes(before)
    assert packets(reachability.shared(new, old)) == passes(after) & passes(before)
    assert (old == new) == (passes(before) == passes(after))


@given(rule_sets)
def test_the_reported_ranges_cover_the_difference_exactly(
    rules: list[dict[str, object]],
) -> None:
    # Goal: both ways of telling cover exactly the set; the lines never claim a packet that does not
    # pass.
    found = reachability.from_rules(rules, False)
    for way in reachability.pieces(found.inward):
        told = {
            ("in", protocol, port, address)
            for ports, addresses in way
            for protocol, low, high in ports
            for port in range(low, high + 1)
            for address in numbers(addresses)
        }
        assert told == {packet for packet in passes(rules) if packet[0] == "in"}


@given(rule_sets, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rules_makes_no_difference(
    rules: list[dict[str, object]], chance: object
) -> None:
    # Goal: a shuffled file is the same firewall, and is told in the same lines.
    shuffled = list(rules)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random of hypothesis
    assert reachability.from_rules(shuffled, True) == reachability.from_rules(rules, True)
    assert reachability.lines(reachability.from_rules(shuffled, True)) == reachability.lines(
        reachability.from_rules(rules, True)
    )
