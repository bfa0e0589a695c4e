"""The `guard` section of a stack: what it comes to, and what is told of a wrong one."""

from __future__ import annotations

import pytest

from reconciler.common import validators
from tests.stackfiles import HEAD, at, built, the_problem, told

SERVERS = """
variables: {office: {type: cidr, default: 203.0.113.7/32}}
instances:
  web: {count: 2, zone: z, flavor: f, image: i}
  db: {zone: z, flavor: f, image: i}
"""


def test_a_guard_is_ranges_ports_and_servers() -> None:
    # Goal: ranges and ports as rules spell them, a counted resource stands for all of its servers.
    stack = built(
        HEAD
        + SERVERS
        + 'guard: {admin: ["${vars.office}", 10.0.0.0/8], ports: [22, 8000-8010], servers: [web, instances.db]}'
    )
    assert stack.guard is not None
    assert stack.guard.admin == ("203.0.113.7/32", "10.0.0.0/8")
    assert stack.guard.ports == ("22", "8000-8010")
    assert stack.guard.instances == (
        at("instances.db"),
        at("instances.web[0]"),
        at("instances.web[1]"),
    )


def test_left_out_servers_mean_all_of_them() -> None:
    # Goal: the short form is the safe one.
    stack = built(HEAD + SERVERS + "guard: {admin: [10.0.0.0/8], ports: [22]}")
    assert stack.guard is not None and stack.guard.instances == ()
    assert built(HEAD + SERVERS).guard is None


def test_a_guard_is_part_of_what_a_saved_plan_is_compared_by() -> None:
    # Goal: a guard added after a plan was reviewed is another stack; its order is not.
    one = built(HEAD + SERVERS + "guard: {admin: [10.0.0.0/8], ports: [22], servers: [db, web]}")
    other = built(HEAD + SERVERS + "guard: {admin: [10.0.0.0/8], ports: [22], servers: [web, db]}")
    assert one.digest == other.digest != built(HEAD + SERVERS).digest


WRONG = [
    ("a range without mask", "guard: {admin: [10.0.0.1], ports: [22]}", "bad-format"),
    ("a port that is none", "guard: {admin: [10.0.0.0/8], ports: [70000-70001]}", "out-of-bounds"),
    ("no ports", "guard: {admin: [10.0.0.0/8]}", "missing-key"),
    (
        "a server that is not there",
        "guard: {admin: [10.0.0.0/8], ports: [22], servers: [wbe]}",
        "missing-reference",
    ),
    (
        "an index too many",
        'guard: {admin: [10.0.0.0/8], ports: [22], servers: ["web[2]"]}',
        "missing-reference",
    ),
    (
        "a firewall as server",
        "guard: {admin: [10.0.0.0/8], ports: [22], servers: [firewalls.web]}",
        "bad-reference",
    ),
    (
        "a value known after apply",
        'guard: {admin: ["${instances.db.private_ip}/32"], ports: [22]}',
        "not-known",
    ),
    (
        "a word that is not known",
        "guard: {admin: [10.0.0.0/8], ports: [22], server: [web]}",
        "unknown-key",
    ),
]


@pytest.mark.parametrize(("what", "text", "code"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_guard_is_reported(what: str, text: str, code: str) -> None:
    # Goal: a guard that does not mean what it seems to is a mistake, never a guard that is silently
    # smaller.
    assert the_problem(HEAD + SERVERS + text).code == code


def test_a_list_may_come_from_a_variable() -> None:
    # Goal: the office's ranges stand once, as a variable.
    text = "variables: {office: {type: list, default: [10.0.0.0/8]}}\ninstances: {db: {zone: z, flavor: f, image: i}}\n"
    stack = built(HEAD + text + 'guard: {admin: "${vars.office}", ports: [22]}')
    assert stack.guard is not None and stack.guard.admin == ("10.0.0.0/8",)
    assert validators.cidr(stack.guard.admin[0]) is None


def test_a_guard_that_is_not_a_mapping_is_reported_once() -> None:
    # Goal: the form is the schema's to tell.
    assert [row.split(" ")[1] for row in told(HEAD + SERVERS + "guard: [22]")] == ["wrong-type"]
