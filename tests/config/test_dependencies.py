"""What waits for what, and circles."""

from __future__ import annotations

import pytest

from reconciler.config import dependencies
from tests.stackfiles import HEAD, built, problems

RULE = "direction: in, protocol: tcp, ports: 22"


def _edges(text: str) -> dict[str, list[str]]:
    return {
        f"{node.facet} {node.address}": sorted(
            f"{before.facet} {before.address}" for before in waits
        )
        for node, waits in dependencies.edges(built(HEAD + text)).items()
    }


def test_a_firewall_may_name_the_address_of_a_server_that_it_protects() -> None:
    found = _edges(
        f'firewalls: {{w: {{rules: {{a: {{{RULE}, cidr: "${{instances.s.private_ip}}/32"}}}}}}}}\ninstances: {{s: {{firewall: w}}}}'
    )
    assert found == {
        "firewall firewalls.w": [],
        "rule firewalls.w.rules.a": ["firewall firewalls.w", "instance instances.s"],
        "instance instances.s": [],
        "membership instances.s": [
            "firewall firewalls.w",
            "instance instances.s",
            "rule firewalls.w.rules.a",
        ],
        "power instances.s": ["instance instances.s"],
    }


def test_a_membership_does_not_wait_for_a_rule_that_waits_for_it() -> None:
    found = _edges(
        f'firewalls: {{w: {{rules: {{a: {{{RULE}, cidr: "${{instances.s.firewall}}/32"}}, b: {{{RULE}, cidr: 0.0.0.0/0}}}}}}}}\n'
        "instances: {s: {firewall: w}}"
    )
    assert found["rule firewalls.w.rules.a"] == ["firewall firewalls.w", "membership instances.s"]
    assert found["membership instances.s"] == [
        "firewall firewalls.w",
        "instance instances.s",
        "rule firewalls.w.rules.b",
    ]


def test_soft_edges_never_close_a_circle_together() -> None:
    found = dependencies.edges(
        built(
            HEAD
            + f"""
firewalls:
  a: {{rules: {{x: {{{RULE}, cidr: "${{instances.b.firewall}}/32"}}}}}}
  b: {{rules: {{y: {{{RULE}, cidr: "${{instances.a.firewall}}/32"}}}}}}
instances: {{a: {{firewall: a}}, b: {{firewall: b}}}}
"""
        )
    )
    order: set[dependencies.DependencyNode] = set()
    while len(order) < len(found):
        ready = [node for node, waits in found.items() if node not in order and waits <= order]
        assert ready
        order.update(ready)


def test_volumes_wait_for_their_server_and_references_for_the_facet_they_read() -> None:
    found = _edges(
        """
instances:
  a: {description: "${block_storages.d.instance}"}
  b: {}
  c: {description: "${instances.b.status} ${block_storages.d.size}"}
block_storages: {d: {instance: b}}
"""
    )
    assert found["block_storage block_storages.d"] == ["instance instances.b"]
    assert found["attachment block_storages.d"] == [
        "block_storage block_storages.d",
        "instance instances.b",
    ]
    assert found["instance instances.a"] == ["attachment block_storages.d"]
    assert found["instance instances.c"] == ["block_storage block_storages.d", "power instances.b"]


def test_depends_on_waits_for_all_of_what_it_names() -> None:
    found = _edges(
        f"""
firewalls: {{w: {{rules: {{a: {{{RULE}, cidr: 0.0.0.0/0}}}}}}, v: {{depends_on: [firewalls.w.rules.a, 'instances.m[1]']}}}}
instances: {{s: {{depends_on: [instances.m, firewalls.w]}}, m: {{count: 2}}}}
"""
    )
    assert found["instance instances.s"] == [
        "firewall firewalls.w",
        "instance instances.m[0]",
        "instance instances.m[1]",
        "membership instances.m[0]",
        "membership instances.m[1]",
        "power instances.m[0]",
        "power instances.m[1]",
        "rule firewalls.w.rules.a",
    ]
    assert found["firewall firewalls.v"] == [
        "instance instances.m[1]",
        "membership instances.m[1]",
        "power instances.m[1]",
        "rule firewalls.w.rules.a",
    ]


def test_objects_of_others_are_waited_for_by_nobody() -> None:
    found = _edges(
        "existing: {firewalls: {o: {name: o}}}\n"
        "instances: {a: {firewall: existing.firewalls.o, description: '${existing.firewalls.o.name}'}}"
    )
    assert found["membership instances.a"] == ["instance instances.a"]
    assert found["instance instances.a"] == []


CYCLES = [
    (
        "names",
        'instances:\n  a: {name: "${instances.b.id}"}\n  b: {name: "${instances.a.id}"}',
        "instances.a (stack.yaml:4:3) -> instances.b (stack.yaml:5:3) -> instances.a "
        "(stack.yaml:4:3)",
    ),
    (
        "itself",
        'instances:\n  a: {description: "x ${instances.a.name} y ${instances.a.status}"}',
        "instances.a (stack.yaml:4:3) -> power of instances.a (stack.yaml:4:3) -> instances.a "
        "(stack.yaml:4:3)",
    ),
    (
        "depends_on",
        "instances:\n  a: {depends_on: [firewalls.w]}\nfirewalls:\n  w: "
        "{depends_on: [instances.a]}",
        "firewalls.w (stack.yaml:6:3) -> instances.a (stack.yaml:4:3) -> firewalls.w "
        "(stack.yaml:6:3)",
    ),
    (
        "a volume and its server",
        'instances:\n  a: {description: "${block_storages.d.id}"}\nblock_storages:\n  d: '
        "{instance: a}",
        "block_storages.d (stack.yaml:6:3) -> instances.a (stack.yaml:4:3) -> block_storages.d "
        "(stack.yaml:6:3)",
    ),
]


@pytest.mark.parametrize(
    ("text", "path"), [row[1:] for row in CYCLES], ids=[row[0] for row in CYCLES]
)
def test_a_circle_is_shown_as_a_path(text: str, path: str) -> None:
    (found,) = problems(HEAD + text)
    assert found.code == "cycle"
    assert found.message == f"dependency cycle: {path}"


def test_two_cycles_are_reported_separately() -> None:
    text = "instances:\n" + "".join(
        f'  {a}: {{name: "${{instances.{b}.id}}"}}\n' for a, b in ("ab", "ba", "cd", "dc", "ea")
    )
    assert [problem.code for problem in problems(HEAD + text)] == ["cycle", "cycle"]


def test_a_long_chain_is_accepted() -> None:
    text = "instances:\n  a0: {}\n" + "".join(
        f'  a{n}: {{name: "${{instances.a{n - 1}.id}}"}}\n' for n in range(1, 3000)
    )
    assert len(dependencies.edges(built(HEAD + text))) == 9000
