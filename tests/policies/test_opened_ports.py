"""`opened_to`: the lines of a plan, read back as what they stand for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.common import reachability
from reconciler.config.functions import CallError
from reconciler.policies.opened_ports import opened_to
from tests.policies.plans import change

CIDRS = st.builds(
    lambda a, b, bits: f"{a}.{b}.0.0/{bits}",
    st.integers(0, 3).map(lambda n: n * 64),
    st.sampled_from((0, 128)),
    st.sampled_from((9, 10, 16)),
)
RULES = st.fixed_dictionaries(
    {
        "direction": st.sampled_from(("in", "in", "out")),
        "protocol": st.sampled_from(("tcp", "udp")),
        "ports": st.sampled_from(("22", "20-25", "80", "1-65535", "any")),
        "cidr": st.one_of(st.just("0.0.0.0/0"), CIDRS),
    }
)


def normal(rule: dict[str, str]) -> dict[str, str]:
    """The rule with its range without host bits."""
    import ipaddress

    return rule | {"cidr": str(ipaddress.IPv4Network(rule["cidr"], strict=False))}


@given(st.lists(RULES.map(normal), max_size=5), st.lists(RULES.map(normal), max_size=3))
def test_lines_are_read_back_as_what_they_stand_for(
    rules: list[dict[str, Any]], before: list[dict[str, Any]]
) -> None:
    import ipaddress

    opened = reachability.difference(
        reachability.from_rules(rules, False), reachability.from_rules(before, False)
    )
    lines = [f"{line} on web[0]" for line in reachability.lines(opened)]
    found = opened_to(change("firewalls.a.rules.b", opens=lines), "tcp/22")
    size = sum(ipaddress.IPv4Network(text).num_addresses for text in found)
    wanted = [
        addresses for low, high, addresses in opened.inward.get("tcp", ()) if low <= 22 <= high
    ]
    assert size == sum(high - low + 1 for ranges in wanted for low, high in ranges)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("every port from 0.0.0.0/0 on web", ["0.0.0.0/0"]),
        ("tcp/20-25, udp/53 from 10.0.0.0/8", ["10.0.0.0/8"]),
        ("tcp/any from 10.0.0.0/8, 192.0.2.1/32", ["10.0.0.0/8", "192.0.2.1/32"]),
        ("tcp/22 from 10.0.0.0/8 except 10.0.0.0/9 on a", ["10.128.0.0/9"]),
        ("tcp/22 from 10.0.0.1-10.0.0.2", ["10.0.0.1/32", "10.0.0.2/32"]),
        ("tcp/220 from 0.0.0.0/0", []),
        ("tcp/22 to 0.0.0.0/0", []),
        ("ping on web", []),
        ("tcp/22 from an address known after apply of instances.web[0] on db", []),
    ],
)
def test_a_port_in_a_line(line: str, found: list[str]) -> None:
    assert opened_to(change("firewalls.a", opens=[line]), "tcp/22") == found


@pytest.mark.parametrize("arguments", [({}, "22"), ("x", "tcp/22"), ({"impact": {}}, "tcp/22")])
def test_wrong_arguments_are_refused(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(CallError, match="opened_to"):
        opened_to(*arguments)
