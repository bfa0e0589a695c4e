"""Two and three writers at one place, in every order of their operations: no acknowledged record is
lost, each position has one owner, serials have no gap, and nobody writes after a fence.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.ports import Locked, LostLock, StoreError
from reconciler.model.state import Note
from reconciler.store.shared import shared_writer, taking
from reconciler.store.shared.log.log_format import FenceBody, RecordsBody, decode_log_object
from tests import extent
from tests.doubles.memory_objects import MemoryMachine
from tests.doubles.store_clock import VirtualStoreClock
from tests.store.builders import note
from tests.store.shared.harness import ROOT, World, opened
from tests.store.shared.turns import Turns


class _NoBeat(VirtualStoreClock):
    """The clock of a process of which nothing beats: it stalls wherever it is interrupted."""

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        return lambda: None


class Race:
    """Writers that each open, record twice, commit and close. `records` are those acknowledged."""

    def __init__(self, writers: int, choose: Callable[[int, int], int], *, unlock: bool) -> None:
        self.world = World()
        self.records: list[Note] = []
        self.serials: list[int] = []
        self.errors: list[StoreError] = []
        self._unlock = unlock
        self.turns = Turns(choose)
        self.turns.run([self._program(own) for own in range(writers)])

    def _program(self, own: int) -> Callable[[], None]:
        clock = _NoBeat(self.world.time)
        machine = MemoryMachine(self.world.place, clock=clock, is_checked=own % 2 == 0)
        self.turns.at_operations_of(machine, own)

        def program() -> None:
            store = self.world.store(machine)
            try:
                if self._unlock and own:
                    store.unlock()
                writer = opened(store, timeout_seconds=200.0)
                for number in range(2):
                    record = note(writer.state.sequence + 1, name=f"{own}-{number}")
                    writer.append(record)
                    self.records.append(record)
                self.serials.append(writer.commit().serial)
                writer.close()
            except (LostLock, Locked) as error:
                self.errors.append(error)

        return program

    def check(self) -> None:
        """What must be true after every race."""
        self.world.time.advance(1000.0)
        writer = opened(self.world.store())
        writer.append(note(writer.state.sequence + 1))
        assert self.world.store().read() == writer.state
        names = self.world.names("log/")
        assert names == [f"log/{position:012d}" for position in range(1, len(names) + 1)]
        bodies = [
            decode_log_object(self.world.place.objects[ROOT + name], name=name).body
            for name in names
        ]
        written = [
            record for body in bodies if isinstance(body, RecordsBody) for record in body.records
        ]
        assert [record.sequence for record in written] == list(range(1, len(written) + 1))
        assert all(record in written for record in self.records)
        serials = [body.serial for body in bodies if isinstance(body, RecordsBody) and body.serial]
        assert serials == list(range(1, len(serials) + 1))
        assert set(self.serials) <= set(serials)
        assert len(set(self.serials)) == len(self.serials)
        assert sum(isinstance(body, FenceBody) for body in bodies) >= 2


@pytest.fixture(autouse=True)
def _few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "WATCH_SECONDS", 15.0)
    monkeypatch.setattr(shared_writer, "OBJECTS_PER_SNAPSHOT", 2)


def switching(steps: tuple[int, ...]) -> Callable[[int, int], int]:
    """Two writers change places at those operations."""
    return lambda step, own: 1 - own if step in steps else own


@pytest.mark.parametrize("unlock", [False, True], ids=["take over", "unlock"])
def test_two_writers_that_are_interrupted_anywhere(unlock: bool) -> None:
    longest = Race(2, switching(()), unlock=unlock).turns.steps
    fenced = tried = 0
    for steps in itertools.chain(
        itertools.combinations(range(1, longest + 1), 1),
        itertools.combinations(range(1, longest + 6), 2),
    ):
        race = Race(2, switching(steps), unlock=unlock)
        try:
            race.check()
        except AssertionError as error:
            raise AssertionError(f"switched at {steps}: {error}") from error
        fenced += any(isinstance(error, LostLock) for error in race.errors)
        tried += 1
    assert tried > 300
    assert fenced > 20  # else nobody was fenced while at work


@settings(
    max_examples=extent.examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    writers=st.sampled_from((2, 3)),
    unlock=st.booleans(),
    switches=st.dictionaries(st.integers(1, 90), st.integers(0, 2), max_size=14),
)
def test_writers_that_are_interrupted_again_and_again(
    writers: int, unlock: bool, switches: dict[int, int]
) -> None:
    Race(
        writers, lambda step, own: min(switches.get(step, own), writers - 1), unlock=unlock
    ).check()
