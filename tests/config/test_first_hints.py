"""Hints for what people write in their first hour."""

from __future__ import annotations

import pytest

from tests.stackfiles import HEAD, the_problem

SERVER = 'zone: kr1-z01, flavor: f, image: {os: ubuntu, version: "22.04"}'


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        (
            f'firewalls: {{web: {{}}}}\ninstances:\n  a: {{{SERVER}, firewall: "${{firewalls.web.id}}"}}\n',
            "not-known",
            "write firewall: web",
        ),
        (
            f"instances: {{a: {{{SERVER}}}}}\n"
            'block_storages: {d: {size: 10, type: ssd, instance: "${instances.a.id}"}}\n',
            "not-known",
            "write instance: a",
        ),
        (
            f"instances: {{a: {{{SERVER}}}}}\noutputs:\n  ip: ${{instances.a.public_ip}}\n",
            "wrong-type",
            'write {value: "${instances.a.public_ip}"}',
        ),
        (
            f'instances: {{a: {{{SERVER}}}}}\noutputs:\n  ip: ${{string(instances.a.public_ip == "x")}}\n',
            "wrong-type",
            "write it as the `value:` of the output",
        ),
        ("instances:\n\ta: {}\n", "yaml-syntax", "indent with spaces"),
    ],
)
def test_the_hint_says_what_to_write(text: str, code: str, hint: str) -> None:
    found = the_problem(HEAD + text)
    assert (found.code, found.hint) == (code, hint)


@pytest.mark.parametrize("port", ["0", "-1"])
def test_a_port_out_of_range_is_told_the_range(port: str) -> None:
    found = the_problem(
        f"{HEAD}firewalls: {{w: {{rules: {{a: {{direction: in, protocol: tcp, ports: {port}, "
        "cidr: 10.0.0.0/8}}}}\n"
    )
    assert found.message == f"`ports` must be 1 to 65,535, not `{port}`"
