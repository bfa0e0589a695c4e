"""A run is killed between a server and its firewall: every command says first that the server
stands open, and what ends that.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from tests.processes.bridge import CUT, PAST_THE_FENCE_SECONDS, Desk, StruckCloud, desk, kill

TEXT = """\
version: 1
stack: shop
defaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], firewall: w}}
firewalls: {w: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}
instances: {a: {}, b: {}, c: {}}
"""
COMMANDS = (
    ("plan", "shop.yaml"),
    ("drift", "shop.yaml"),
    ("show", "--stack", "shop.yaml"),
    ("state", "list", "--stack", "shop.yaml"),
    ("doctor", "--stack", "shop.yaml"),
)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Desk]:
    """A run that was killed at its first attach, which never arrived."""
    with desk(tmp_path, TEXT) as place:
        victim = threading.Event()

        def strike(cloud: StruckCloud, request: Request, number: int) -> Answer | None:
            if request.method != "GET" and "attach" in request.path:
                victim.wait(30)
                kill(process)
                return CUT
            return None

        place.cloud.strike = strike
        process = place.start("apply", "shop.yaml", "--yes")
        victim.set()
        process.communicate(timeout=60)
        place.cloud.strike = None
        assert process.returncode < 0
        yield place


def test_every_command_first_lists_unprotected_servers(killed: Desk) -> None:
    for words in COMMANDS:
        found = killed.run(*words)
        first = "\n".join(found.out.splitlines()[:12])
        assert all(f"instances.{key}" in first for key in "abc"), found.text
        assert "exposed" in first or words[0] == "doctor", found.text
        assert (
            "warning[exposed]" in found.out and "hint: reconciler apply shop.yaml\n" in found.out
        ), found.text
    found = killed.run("plan", "shop.yaml", "--format", "markdown")
    assert (
        "warning[exposed]"
        in found.out.partition("#### Needs your attention")[2].partition("####")[0]
    )
    assert killed.run("plan", "shop.yaml", "--format", "json").out.count('"exposed"') == 3
    assert "exposed" in killed.run("show", "--stack", "shop.yaml", "--format", "json").out
    command = re.findall(
        r"hint: (reconciler apply shop.yaml)\n", killed.run("drift", "shop.yaml").out
    )[0]
    killed.advance(PAST_THE_FENCE_SECONDS)
    assert killed.run(*shlex.split(command)[1:], "--yes").code == 0
    for words in COMMANDS:
        found = killed.run(*words)
        assert found.code == 0 and "exposed" not in found.text, found.text


def test_a_server_detached_from_its_firewall_is_reported_as_unprotected(
    tmp_path: Path,
) -> None:
    with desk(tmp_path, TEXT) as place:
        assert place.apply().code == 0
        server = place.state.entries["instances.b"].id
        place.cloud.change(
            lambda world: [
                world.memberships.pop(pair) for pair in list(world.memberships) if server in pair
            ]
        )
        for words in (COMMANDS[0], COMMANDS[1], COMMANDS[4]):
            found = place.run(*words)
            assert found.out.count("warning[exposed]") == 1 and server in found.out, found.text
