"""Two machines apply copies of one empty state at once: two full sets stand, and every command says
which objects no state tracks.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from tests.processes.bridge import TIMEOUT_SECONDS, Desk, Ended, StruckCloud, desk, ended

HEAD = """\
version: 1
stack: shop
defaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}}
"""
TEXT = (
    HEAD
    + "firewalls: {w: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}\n"
)
TEXT += "instances: {a: {firewall: w}, b: {description: of the user}}\n"


class Race:
    """Holds the writes of a machine that has planned already until another one has planned and
    applied.
    """

    def __init__(self, other: Desk) -> None:
        self.ended: Ended | None = None
        self._other, self._claim = other, threading.Lock()
        self._other_reads, self._over = threading.Event(), threading.Event()

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Lets everything through, in its order."""
        if request.method == "GET":
            if self._claim.locked():
                self._other_reads.set()
        # a write of the first machine: the other one writes only after it has read
        elif not self._other_reads.is_set():
            if self._claim.acquire(blocking=False):
                self.ended = ended(self._other.start("apply", "shop.yaml", "--yes"))
                self._over.set()
            assert self._over.wait(TIMEOUT_SECONDS)
        return None


@dataclass(frozen=True)
class Machines:
    """Both machines, and the ids of what the first one made, by name and kind."""

    first: Desk
    second: Desk
    made: dict[str, str]

    def second_says(self, *words: str) -> Ended:
        """A command on the second machine."""
        return self.second.run(words[0], "shop.yaml", *words[1:])


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """The second machine applies between the plan of the first one and its first write: the ids are
    of the first one.
    """
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with desk(tmp_path / "one", TEXT) as first:
        second = replace(first, folder=tmp_path / "two")
        second.write(TEXT)
        race = Race(second)
        first.cloud.strike = race
        assert first.apply().code == 0 and race.ended is not None and race.ended.code == 0
        first.cloud.strike = None
        yield Machines(
            first, second, {entry.address: entry.id for entry in first.state.entries.values()}
        )


def first_lines(said: str) -> str:
    """What stands under the first title."""
    return said.partition("Needs your attention\n")[2].partition("\n\n")[0]


def test_every_command_lists_untracked_objects(machines: Machines) -> None:
    sure, likely = (
        (machines.made["instances.a"], machines.made["firewalls.w"]),
        machines.made["instances.b"],
    )
    for words in (("plan",), ("drift",), ("apply", "--yes"), ("destroy",)):
        found = machines.second_says(*words)
        # a destroy needs consent besides
        assert found.code == (4 if words == ("destroy",) else 3), found.text
        said = first_lines(found.out)
        assert (
            all(f"error[untracked]  {id}" in said for id in sure)
            and f"warning[untracked]  {likely}" in said
        ), found.text
    found = machines.second_says("plan", "--format", "markdown")
    assert found.code == 3 and all(
        id in found.out.partition("#### Needs your attention")[2] for id in (*sure, likely)
    )
    assert all(id in machines.second_says("plan", "--format", "json").out for id in (*sure, likely))
    found = machines.second.run("doctor", "--stack", "shop.yaml")
    assert found.code == 3 and all(f"[untracked]  {id}" in found.out for id in (*sure, likely)), (
        found.text
    )
    assert "this object is not in the state" in found.out.splitlines()[0]


def test_after_a_destroy_the_other_set_is_reported_as_untracked(machines: Machines) -> None:
    assert machines.second_says("destroy", "--yes", "--accept", "delete").code == 3
    found = machines.second_says("destroy", "--yes")
    assert found.code == 3
    assert all(
        id in first_lines(found.out)
        for address, id in machines.made.items()
        if ".rules." not in address
    ), found.text
    for command in sorted(
        set(re.findall(r"(reconciler destroy shop.yaml --accept \S+)", found.out))
    ):
        machines.second.run(*shlex.split(command)[1:])
    found = machines.second_says("destroy", "--yes")
    assert found.code == 0 and "untracked" not in found.text, found.text


def test_objects_left_alone_by_consent_are_no_longer_reported(machines: Machines) -> None:
    commands = sorted(
        set(
            re.findall(
                r"(reconciler apply shop.yaml --accept \S+)", machines.second_says("plan").out
            )
        )
    )
    assert len(commands) == 3
    for command in commands:
        found = machines.second.run(*shlex.split(command)[1:])
        assert "is ignored from now on" in found.text
    found = machines.second_says("plan", "--detailed-exitcode")
    assert found.code == 0 and "untracked" not in found.text, found.text


def test_an_untracked_object_is_adopted_and_deleted_as_the_hint_says(machines: Machines) -> None:
    said = machines.second_says("plan").out
    imports = re.findall(r"`(import: INSTANCE-\S+)`", said)
    assert len(imports) == 2
    machines.second.write(
        TEXT.replace("instances: {a", f"instances: {{c: {{{imports[0]}}}, d: {{{imports[1]}}}, a")
    )
    assert machines.second_says("apply", "--yes").code == 3  # the firewall stands still
    machines.second.write(TEXT)
    deletes = ("--accept", "delete", "--accept", "data-loss")
    assert machines.second_says("apply", "--yes", *deletes).code == 3
    assert set(machines.first.cloud.snapshot().instances) == {
        entry.id for entry in machines.second.state.entries.values() if entry.kind == "instances"
    }


def test_what_a_stack_let_go_of_on_purpose_is_not_untracked(tmp_path: Path) -> None:
    with desk(tmp_path, TEXT) as place:
        assert place.apply().code == 0
        place.write(
            TEXT.replace(
                "instances: {a: {firewall: w}, ",
                "removed: [{from: instances.a, keep: true}]\ninstances: {c: {}, ",
            )
        )
        assert place.apply().code == 0
        place.write(TEXT.replace("a: {firewall: w}, b", "b"))
        assert (
            place.run("state", "forget", "instances.c", "--stack", "shop.yaml", "--yes").code == 0
        )
        found = place.run("plan", "shop.yaml", "--detailed-exitcode")
        assert found.code == 0 and "untracked" not in found.text, found.text
