"""A state in a place that many machines see: what is recorded is there for all of them."""

from __future__ import annotations

import pytest

from reconciler.model.ports import Locked, LostLock
from tests.store.builders import add_server, created, intent, note
from tests.store.shared.harness import World, opened, other


def test_a_record_is_there_for_another_machine_at_once() -> None:
    world = World()
    writer = opened(world.store())
    writer.append(intent(1))
    found = world.store().read()
    assert found is not None and found == writer.state
    assert (found.serial, list(found.open)) == (1, [1])
    writer.append(created(2, of=1))
    assert writer.commit(account="9f41").serial == 2
    writer.close()
    found = world.store().read()
    assert found == writer.state
    assert world.store().holder() is None


def test_a_run_that_records_nothing_leaves_no_state() -> None:
    world = World()
    opened(world.store()).close()
    assert world.store().read() is None
    assert world.store().holder() is None
    assert world.store().history() == ()


def test_a_plan_after_a_clean_end_reads_in_three_operations() -> None:
    world = World()
    writer = opened(world.store())
    add_server(writer, 0)
    writer.commit()
    writer.close()
    opened(world.store()).close()  # a run that finds nothing to do
    machine = world.machine()
    assert world.store(machine).read() is not None
    assert machine.operations == 3


def test_the_next_run_starts_at_once_after_a_clean_end() -> None:
    world = World()
    opened(world.store()).close()
    began = world.time.monotonic()
    writer = opened(world.store())
    assert world.time.monotonic() == began
    add_server(writer, 0)


def test_a_live_holder_is_not_fenced() -> None:
    world = World()
    writer = opened(world.store(), holder=other("lee"))
    add_server(writer, 0)
    began, waits = world.time.monotonic(), list[tuple[float, str]]()
    with pytest.raises(Locked, match=r"lee on build-7 .* works on this stack") as caught:
        opened(
            world.store(),
            waiting=lambda text: waits.append((world.time.monotonic() - began, text)),
        )
    assert caught.value.holder is not None
    assert caught.value.holder.step == "instance.create instances.web[0]"
    assert "at instance.create instances.web[0]; last sign of life " in str(caught.value)
    assert waits == [
        (0.0, "lee on build-7, last sign of life 0 s ago; checking whether that run is alive")
    ]
    add_server(writer, 1)
    writer.close()


def test_a_killed_holder_is_fenced_within_35_seconds_and_then_writes_nothing() -> None:
    world = World()
    dead = world.machine()
    zombie = opened(world.store(dead))
    zombie.append(intent(1))
    dead.clock.stop()
    began = world.time.monotonic()
    writer = opened(world.store())
    assert 30.0 <= world.time.monotonic() - began <= 35.0
    assert list(writer.state.open) == [1]
    with pytest.raises(LostLock):
        zombie.append(note(2))
    writer.append(note(2))
    assert world.store().read() == writer.state


def test_unlock_fences_at_once() -> None:
    world = World()
    zombie = opened(world.store(), holder=other("lee"))
    zombie.append(intent(1))
    held = world.store().unlock()
    assert held is not None and held.alive
    assert held.holder is not None and held.holder.user == "lee"
    began = world.time.monotonic()
    writer = opened(world.store())
    assert world.time.monotonic() == began
    with pytest.raises(LostLock):
        zombie.append(created(2, of=1))
    writer.append(created(2, of=1))
