"""Who lives and who is dead, by the waiter's own clock; and what a writer finds that was away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.ports import Locked, LostLock, RecordFailed
from reconciler.model.state import fold
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.beat import Beat, Life, LifeWatch, decode_beat, encode_beat
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.memory_objects import MemoryMachine, StoreFault
from tests.doubles.store_clock import VirtualStoreClock
from tests.store.builders import add_server, intent, note
from tests.store.shared.harness import ROOT, World, opened


def seen(*beats: tuple[float, Beat | None]) -> list[Life]:
    """The judgements of a waiter that looks at these moments."""
    watch = LifeWatch(3, "t", since=0.0)
    return [watch.see(beat, now) for now, beat in beats]


def beat(count: int, *, epoch: int = 3, token: str = "t") -> Beat:
    """A beat of the holder, unless told otherwise."""
    return Beat(epoch, token, count, 0)


U, A, D = Life.UNKNOWN, Life.ALIVE, Life.DEAD
JUDGED: dict[str, tuple[list[tuple[float, Beat | None]], list[Life]]] = {
    "no beat at all": ([(0, None), (29, None), (30, None)], [U, U, D]),
    "a beat that does not move": ([(0, beat(4)), (29, beat(4)), (30, beat(4))], [U, U, D]),
    "a beat that moves": ([(0, beat(4)), (10, beat(5)), (39, beat(5))], [U, A, A]),
    "a first beat": ([(0, None), (10, beat(1))], [U, A]),
    "a beat that stops": ([(0, beat(4)), (10, beat(5)), (40, beat(5))], [U, A, D]),
    "a former holder beats": (
        [(0, beat(4, epoch=2)), (10, beat(5, epoch=2)), (30, beat(6, epoch=2))],
        [U, U, D],
    ),
    "another one of the same epoch": ([(0, beat(1, token="x")), (30, beat(2, token="x"))], [U, D]),
    "a former holder overwrites": (
        [(0, beat(4)), (10, beat(90, epoch=2)), (20, beat(5)), (49, beat(91, epoch=2))],
        [U, U, A, A],
    ),
}


@pytest.mark.parametrize("case", JUDGED)
def test_a_holder_is_judged_by_its_own_beat_only(case: str) -> None:
    beats, wanted = JUDGED[case]
    assert seen(*beats) == wanted


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"epoch": "x"}', b"\xff", b"null"])
def test_a_beat_that_cannot_be_read_is_none(data: bytes) -> None:
    assert decode_beat(data) is None
    assert decode_beat(encode_beat(beat(7))) == beat(7)


def test_a_holder_that_beats_for_an_hour_is_never_taken_over() -> None:
    world = World()
    writer = opened(world.store())
    add_server(writer, 0)
    for _ in range(20):
        with pytest.raises(Locked):
            opened(world.store(), timeout_seconds=180.0)
    assert world.time.monotonic() >= 3600.0
    add_server(writer, 1)


def test_a_waiter_gets_the_lock_when_the_holder_ends() -> None:
    world = World()
    writer = opened(world.store())
    add_server(writer, 0)
    world.time.call_at(world.time.monotonic() + 45.0, writer.close)
    began = world.time.monotonic()
    later = opened(world.store(), timeout_seconds=600.0)
    assert 45.0 <= world.time.monotonic() - began <= 48.0
    assert later.state.sequence == 2


def test_a_holder_whose_beat_cannot_be_written_lives_by_its_records() -> None:
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine))
    machine.fault = lambda number, operation, key: (
        StoreFault.UNREACHABLE if key.endswith("beat") else None
    )

    def record() -> None:
        writer.append(note(writer.state.sequence + 1))
        world.time.call_at(world.time.monotonic() + 20.0, record)

    world.time.call_at(world.time.monotonic() + 20.0, record)
    with pytest.raises(Locked):
        opened(world.store())
    with pytest.raises(Locked):
        opened(world.store(), timeout_seconds=100.0)


@pytest.mark.parametrize("options", [{"asleep": True}, {}, {"beat_first": True}], ids=str)
def test_a_machine_that_slept_and_was_overtaken_writes_nothing(options: dict[str, Any]) -> None:
    # Goal: also if the objects after its own were cleaned away meanwhile.
    for is_cleaned in (False, True):
        world = World()
        machine = world.machine()
        zombie = opened(world.store(machine))
        zombie.append(intent(1))
        with machine.clock.frozen(**options):
            writer = opened(world.store())
            writer.append(note(2))
            writer.commit()
            writer.close()
            world.time.advance(7 * 24 * 3600.0)
            before = dict(world.place.objects)
            if is_cleaned:
                del world.place.objects[ROOT + "log/000000000003"]
        with pytest.raises(LostLock):
            zombie.append(note(2, name="zombie"))
        zombie.close()
        changed = {key for key, data in world.place.objects.items() if before.get(key) != data} - {
            ROOT + "beat"
        }
        assert not changed
        found = world.store().read()
        assert found is not None and "zombie" not in found.outputs


def test_a_writer_that_waits_for_the_cloud_finds_out_by_its_beat() -> None:
    world = World()
    stale = opened(world.store())
    stale.append(intent(1))
    world.store().unlock()
    stale.check()  # not known yet
    world.time.advance(10.0)
    with pytest.raises(LostLock):
        stale.check()


def test_a_writer_that_was_quiet_looks_before_it_writes() -> None:
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine))
    writer.append(intent(1))
    machine.clock.stop()
    world.time.advance(61.0)
    seen: list[str] = []

    def watch(number: int, operation: str, key: str) -> None:
        seen.append(operation)

    machine.fault = watch
    writer.append(note(2))
    writer.append(note(3))
    assert seen == ["names", "create", "create"]


def test_a_fence_in_the_past_is_noticed() -> None:
    # Goal: a waiter read the log, stalled, and the position after it was cleaned meanwhile.
    world = World()
    writer = opened(world.store())
    add_server(writer, 0)
    writer.commit()
    writer.close()
    machine = world.machine()
    stalled: list[str] = []

    def stall(number: int, operation: str, key: str) -> StoreFault | None:
        if operation == "create" and not stalled:
            stalled.append(key)
            later = opened(world.store())
            later.append(note(later.state.sequence + 1))
            later.commit()
            later.close()
            del world.place.objects[key]  # no clean-up removes a fence: suppose that one did
        return None

    machine.fault = stall
    last = opened(world.store(machine))
    assert last.state == world.store().read()
    last.append(note(last.state.sequence + 1, name="last"))
    found = world.store().read()
    assert found is not None and "last" in found.outputs


def test_the_user_sees_why_a_run_waits() -> None:
    world = World()
    machine = world.machine()
    store = world.store(machine)
    texts: list[str] = []
    object.__setattr__(store._runtime, "notify", texts.append)
    writer = opened(store)
    start = machine.operations
    machine.fault = lambda number, operation, key: (
        StoreFault.UNREACHABLE if number <= start + 9 else None
    )
    writer.append(intent(1))
    assert texts and all("waiting for the place of the state" in text for text in texts)
    assert len(texts) <= 1 + world.time.monotonic() / 10.0


def test_a_beat_that_a_restore_left_behind_does_not_stop_a_run() -> None:
    world = World()
    world.place.objects[ROOT + "beat"] = encode_beat(beat(90, epoch=50))
    writer = opened(world.store())
    for number in range(6):
        world.time.advance(20.0)
        add_server(writer, number)
    writer.close()
    assert opened(world.store()).state.sequence == 12


def test_a_beat_may_come_while_the_holder_begins() -> None:
    class Eager(VirtualStoreClock):
        """Beats before it returns what ends the beat, as after a pause of the machine."""

        def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
            call()
            return super().every(seconds, call)

    world = World()
    machine = MemoryMachine(world.place, clock=Eager(world.time))
    writer = opened(world.store(machine))
    found = decode_beat(world.place.objects[ROOT + "beat"])
    assert found is not None and found.count == 1
    writer.close()


def test_a_busy_holder_is_watched_without_reading_its_records() -> None:
    # Goal: a waiter behind a long run asks twice in two seconds, however much is recorded, and
    # takes over 35 s after the last record.
    world = World()
    writer = opened(world.store(world.machine()))
    recorded: list[float] = []

    def record() -> None:
        for _ in range(30):
            add_server(writer, len(recorded))
        recorded.append(world.time.monotonic())

    for second in range(5, 300, 5):
        world.time.call_at(world.time.monotonic() + second, record)
    holder = writer._taken.place.objects.machine  # type: ignore[attr-defined]
    world.time.call_at(world.time.monotonic() + 301.0, holder.stop)
    waiter = world.machine()
    began = world.time.monotonic()
    later = opened(world.store(waiter), timeout_seconds=900.0)
    assert later.state == fold(writer.state, [])
    waited = world.time.monotonic() - began
    assert 325.0 <= waited <= 301.0 + 42.0
    assert waiter.operations <= 2 * waited / 2.0 + 25


def test_a_holder_whose_epoch_somebody_else_has_stops() -> None:
    # Goal: the place lost the end of the log, and another writer began the same epoch there.
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine))
    add_server(writer, 0)
    world.place.objects[ROOT + "beat"] = encode_beat(beat(1, epoch=1, token="another"))
    world.place.objects[ROOT + world.names("log/")[-1]] = b"of another"
    machine.clock.sleep(11.0)
    with pytest.raises(LostLock):
        writer.check()


@pytest.mark.parametrize("is_away", [False, True])
def test_a_request_is_not_sent_after_a_pause_in_which_another_run_began(is_away: bool) -> None:
    world = World()
    machine = world.machine()
    is_paused = False

    def connect() -> ObjectStore:
        place = machine.connect()
        create = place.create

        def slow(key: str, data: bytes, *, after: str | None = None) -> bool:
            made = create(key, data, after=after)
            if is_paused and key.startswith(ROOT + "log/"):
                with machine.clock.frozen():
                    opened(world.store()).close()
                    world.time.advance(60.0)
                if is_away:
                    machine.fault = lambda number, operation, key: StoreFault.UNREACHABLE
            return made

        place.create = slow  # type: ignore[method-assign]
        return place

    runtime = StoreRuntime(clock=machine.clock, token=world.token)
    stale = opened(SharedStore(connect, "default", "shop", runtime=runtime))
    stale.append(note(1))
    is_paused = True
    with pytest.raises(RecordFailed if is_away else LostLock):
        stale.append(intent(2))
