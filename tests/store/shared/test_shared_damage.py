"""A place that was damaged: nothing is read past it, and each has a message with a way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.model.ports import PlaceUnusable, StateDamaged, StateNewer, StoreError
from reconciler.store.shared.clean_up import KEPT_SECONDS, SNAPSHOTS_KEPT
from tests.doubles.memory_objects import StoreFault
from tests.store.builders import add_server, note
from tests.store.shared.harness import ROOT, World, opened

LOG = ROOT + "log/"
Objects = dict[str, bytes]


def at_work() -> World:
    """A run that was killed after two runs: two snapshots, and a log after the last one."""
    world = World()
    for index in range(3):
        writer = opened(world.store())
        add_server(writer, index)
        if index < 2:
            writer.commit()
            writer.close()
    return world


def key(objects: Objects, prefix: str, number: int) -> str:
    """One of the keys with a prefix, in their order."""
    return sorted(each for each in objects if each.startswith(ROOT + prefix))[number]


def _remove(prefix: str, number: int) -> Callable[[Objects], None]:
    def change(objects: Objects) -> None:
        del objects[key(objects, prefix, number)]

    return change


def _put(prefix: str, number: int, old: bytes, new: bytes) -> Callable[[Objects], None]:
    def change(objects: Objects) -> None:
        name = key(objects, prefix, number)
        assert old in objects[name]
        objects[name] = objects[name].replace(old, new)

    return change


def _foreign(objects: Objects) -> None:
    objects[LOG + "readme.txt"] = b"hello"


def _no_snapshots(objects: Objects) -> None:
    for name in [each for each in objects if "/snap/" in each]:
        del objects[name]
    del objects[key(objects, "log/", 0)]


def _other_lineage(objects: Objects) -> None:
    last = key(objects, "log/", -1)
    objects[last] = objects[last].replace(b'"lineage":"', b'"lineage":"x')


DAMAGES: dict[str, tuple[Callable[[Objects], None], type[StoreError], str]] = {
    "an object of the log is gone": (_remove("log/", -2), StateDamaged, "is missing"),
    "an object is empty": (_put("log/", -1, b"{", b""), StateDamaged, "cannot be read"),
    "an object was changed": (
        _put("log/", -2, b'"at":', b'"at":1'),
        StateDamaged,
        "it follows something else",
    ),
    "an object of another state": (_other_lineage, StateDamaged, "another state"),
    "a newer format": (_put("log/", -1, b'"format":1', b'"format":2'), StateNewer, "format 2"),
    "an unknown kind": (
        _put("log/", -1, b'"kind":"records"', b'"kind":"rows"'),
        StateNewer,
        "kind",
    ),
    "another epoch": (_put("log/", -1, b'"epoch":3', b'"epoch":2'), StateDamaged, "another run"),
    "a damaged snapshot": (_put("snap/", 0, b"web", b"wob"), StateDamaged, "checksum"),
    "no snapshot and no beginning": (_no_snapshots, StateDamaged, "is missing"),
    "a foreign object": (_foreign, StateDamaged, "is not an object of a state"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_reported_and_nothing_is_written(damage: str) -> None:
    change, kind, text = DAMAGES[damage]
    world = at_work()
    change(world.place.objects)
    before = dict(world.place.objects)
    for use in (world.store().read, lambda: opened(world.store())):
        with pytest.raises(kind, match=text) as caught:
            use()
        assert caught.value.hint
    assert world.place.objects == before


def test_a_state_without_snapshots_is_read_from_its_log() -> None:
    world = at_work()
    wanted = world.store().read()
    for name in [each for each in world.place.objects if "/snap/" in each]:
        del world.place.objects[name]
    assert world.store().read() == wanted


def test_a_log_that_lost_its_end_is_not_continued_in_silence() -> None:
    # Goal: somebody emptied the log, but not the snapshots.
    world = World()
    writer = opened(world.store())
    add_server(writer, 0)
    writer.commit()
    writer.close()
    for name in [each for each in world.place.objects if "/log/" in each]:
        del world.place.objects[name]
    with pytest.raises(StateDamaged, match="is missing"):
        opened(world.store())


def test_a_place_that_refuses_says_so_at_once() -> None:
    world = at_work()
    machine = world.machine(fault=lambda number, operation, key: StoreFault.REFUSED)
    began = world.time.monotonic()
    with pytest.raises(PlaceUnusable, match="refuses") as caught:
        world.store(machine).read()
    assert caught.value.hint == "renew the credentials"
    assert world.time.monotonic() == began


def test_old_objects_are_cleaned_away_but_fences_and_the_newest_states_stay() -> None:
    world = World()
    states = []
    for number in range(SNAPSHOTS_KEPT + 8):
        writer = opened(world.store())
        writer.append(note(writer.state.sequence + 1, name=f"n{number}"))
        writer.commit()
        states.append(writer.state)
        writer.close()
        world.time.advance(KEPT_SECONDS / 4)
    names = world.names("log/")
    snapshots = world.names("snap/")
    assert len(snapshots) == SNAPSHOTS_KEPT
    fences = [f"log/{1 + 4 * number:012d}" for number in range(len(states))]
    assert set(fences) <= set(names)
    assert len(names) == 4 * SNAPSHOTS_KEPT + 8
    store = world.store()
    assert store.read() == states[-1]
    assert store.history() == tuple(state.serial for state in reversed(states[8:]))
    assert store.past(states[8].serial) == states[8]


def test_nothing_younger_than_thirty_days_is_removed() -> None:
    world = World()
    for _ in range(SNAPSHOTS_KEPT + 8):
        writer = opened(world.store())
        writer.append(note(writer.state.sequence + 1))
        writer.commit()
        writer.close()
    assert len(world.names("snap/")) == SNAPSHOTS_KEPT + 8
    assert len(world.names("log/")) == 4 * (SNAPSHOTS_KEPT + 8)


def test_a_clean_up_that_is_interrupted_is_continued_by_the_next() -> None:
    def aged() -> World:
        world = World()
        for _ in range(SNAPSHOTS_KEPT + 1):
            for number in range(2):
                writer = opened(world.store())
                if number == 0:  # the other run finds nothing to do
                    writer.append(note(writer.state.sequence + 1))
                    writer.commit()
                writer.close()
        world.time.advance(2 * KEPT_SECONDS)
        return world

    calm = aged()
    machine = calm.machine()
    opened(calm.store(machine)).close()
    for at in range(1, machine.operations + 1):
        world = aged()
        failing = world.machine(
            fault=lambda number, operation, key, at=at: (
                StoreFault.UNREACHABLE if number >= at and operation == "remove" else None
            )
        )
        opened(world.store(failing)).close()
        for _ in range(2):
            opened(world.store()).close()
        assert len(world.names("snap/")) == SNAPSHOTS_KEPT
        assert world.store().read() == calm.store().read()


def test_a_damaged_snapshot_may_be_moved_away() -> None:
    world = at_work()
    wanted = world.store().read()
    name = key(world.place.objects, "snap/", 0)
    world.place.objects[name] = world.place.objects[name][:100]
    with pytest.raises(StateDamaged, match="cannot be read") as caught:
        world.store().read()
    assert str(caught.value.hint).startswith(f"move {name} elsewhere")
    del world.place.objects[name]
    assert world.store().read() == wanted
