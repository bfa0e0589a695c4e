"""Random histories of two copies of one state: the next plan of each names every object that
carries the stack's marker and that it does not know, and creates none of them a second time. A
history with one copy names nothing.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import marker
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Stack
from reconciler.recovery.settlement_records import LEFT
from tests.cloud_harness import CloudHarness, said

HEAD = """\
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}
"""
HISTORIES, STEPS = range(44, 54), 4
"""Two of them create objects a second time if markers are not compared with what is created."""

REPORTED = ("untracked", "state-missing")


class Copies:
    """One account, and the copies of the state of one stack."""

    def __init__(self, seed: int, tmp: Path, count: int) -> None:
        self.harness, self.random, self.tmp = CloudHarness(), random.Random(seed), tmp
        self.stack = self.file()
        self.harness.apply(self.stack)
        self.stores = [copy.deepcopy(self.harness.store) for _ in range(count)]
        self.files = [self.stack] * count

    def file(self) -> Stack:
        """A random file of the stack: which addresses it has, and how their objects are called."""
        choose = self.random
        rows = [
            f"{name}: {{{choose.choice(('', f'name: {name}-one', f'name: {name}-two'))}}}"
            for name in "abc"
            if choose.random() < 0.5
        ]
        keys = [key for key in "xy" if choose.random() < 0.15]
        rows += [f"k: {{for_each: [{', '.join(keys)}]}}"] if keys else []
        rows += [f"n: {{count: {choose.randint(1, 2)}}}"] if choose.random() < 0.15 else []
        walls = [name for name in "uv" if choose.random() < 0.15]
        text = HEAD + f"instances: {{{', '.join(rows)}}}\n"
        rule = "{rules: {r: {direction: in, protocol: tcp, ports: 80, cidr: 10.0.0.0/8}}}"
        text += f"firewalls: {{{', '.join(f'{name}: {rule}' for name in walls)}}}\n"
        folder = self.tmp / str(self.random.randrange(1 << 30))
        return self.harness.stack(text, folder)

    def texts(self) -> Mapping[str, str]:
        """The text before the marker of every object, by id."""
        world = self.harness.cloud.snapshot()
        found = {id: row.description for id, row in world.instances.items()}
        found.update({id: row.content for id, row in world.firewalls.items()})
        return {id: marker.split(text)[0] or "" for id, text in found.items()}

    def unknown(self) -> set[str]:
        """The ids of the objects that the current copy does not know."""
        state = self.harness.state
        if state is None:
            return set(self.texts())
        known = {entry.id for entry in state.entries.values()} | set(state.deposed)
        known |= {name.removeprefix(LEFT) for name in state.facts if name.startswith(LEFT)}
        return self.texts().keys() - known

    def plan(self) -> tuple[Problem, ...]:
        """The problems of a plan of the current copy."""
        try:
            return self.harness.plan(self.stack).problems
        except Abort as stop:
            return stop.problems

    def apply(self) -> None:
        """Applies the file, or one that replaces an object as well, with the current copy."""
        unknown, before = self.unknown(), self.texts()
        more: dict[str, Any] = {}
        if self.harness.state is not None and self.random.random() < 0.3:
            known = sorted(
                address
                for address, entry in self.harness.state.entries.items()
                if entry.kind == "instances" and address in map(str, self.stack.resources)
            )
            more = {"replace": frozenset(self.random.sample(known, min(1, len(known))))}
        with suppress(Abort):
            self.harness.apply(self.stack, wait=False, **more)
        after = self.texts()
        made = {text for id, text in after.items() if id not in before}
        assert not made & {before[id] for id in unknown}, "created a second time"

    def use(self, place: int) -> None:
        """Makes a copy and its file the current ones."""
        self.harness.store, self.stack = self.stores[place], self.files[place]

    def step(self) -> None:
        """One copy applies its file, mostly after an edit, or takes the file or the state of
        another one.
        """
        place, what = self.random.randrange(len(self.stores)), self.random.random()
        other = self.random.randrange(len(self.stores))
        if what < 0.1:
            self.stores[place] = copy.deepcopy(self.stores[other])
        elif what < 0.3:
            self.files[place] = self.files[other]
        else:
            self.files[place] = self.file()
        self.use(place)
        if what > 0.1:
            self.apply()


@pytest.mark.parametrize("count", [1, 2])
def test_each_plan_names_what_its_copy_does_not_know_and_nothing_else(
    count: int, tmp_path: Path
) -> None:
    unknown = 0
    for seed in HISTORIES:
        copies = Copies(seed, tmp_path / str(seed), count)
        for _ in range(STEPS):
            copies.step()
            for place in range(count):
                copies.use(place)
                problems = copies.plan()
                named = [one for one in problems if one.code in REPORTED]
                words = {word for one in named for word in one.message.split()}
                missing = copies.unknown()
                assert missing <= words, (seed, missing, said(problems))
                assert len(named) == len(missing), (seed, said(problems))
                unknown += len(missing)
    assert (unknown > 20) is (count == 2)
