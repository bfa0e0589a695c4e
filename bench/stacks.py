"""Stacks of any size: N servers, each with two volumes, a firewall of two rules for every ten
servers. All of it written out.
"""

from __future__ import annotations

HEAD = """version: 1
stack: bench
defaults:
  instances:
    {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1, ssh_keys: [deploy]}
"""


def servers_for(objects: int) -> int:
    """How many servers make a stack of about so many servers, volumes and firewalls."""
    return max(1, round(objects / 3.1))


def firewalls_of(servers: int) -> int:
    """One firewall for ten servers."""
    return -(-servers // 10)


def objects_of(servers: int) -> int:
    """Servers, volumes and firewalls; their rules are not counted."""
    return 3 * servers + firewalls_of(servers)


def stack(servers: int) -> str:
    """The text of the stack: every object an entry of its own, as people write them."""
    lines = [HEAD, "firewalls:\n"]
    for number in range(firewalls_of(servers)):
        lines.append(
            f"  f{number:04}:\n"
            "    rules:\n"
            "      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}\n"
            "      ssh: {direction: in, protocol: tcp, ports: 22, "
            f"cidr: 203.0.113.{number % 250}/32}}\n"
        )
    lines.append("instances:\n")
    lines += [
        f"  w{number:05}:\n    firewall: f{number // 10:04}\n    description: 웹 서버 {number}\n"
        for number in range(servers)
    ]
    lines.append("block_storages:\n")
    for number in range(servers):
        lines += [
            f"  v{number:05}{letter}: {{type: ssd, size: 100, instance: w{number:05}}}\n"
            for letter in "ab"
        ]
    return "".join(lines)


def with_an_edited_rule(text: str) -> str:
    """The stack after a person changed the address range of one rule."""
    return text.replace("cidr: 203.0.113.0/32", "cidr: 203.0.113.251/32", 1)


def with_all_resized(text: str) -> str:
    """The stack after a person chose a larger flavor for every instance."""
    return text.replace("flavor: std_2.4-g1", "flavor: std_4.8-g1", 1)


EDITS = {"one rule edited": with_an_edited_rule, "every instance resized": with_all_resized}
"""What a person may edit in the stack: the text before to the text after."""
