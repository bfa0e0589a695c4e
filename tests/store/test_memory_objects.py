"""The doubles of a shared place: each fault does what its name says, and time is virtual."""

from __future__ import annotations

import pytest

from reconciler.store.objects.port import AccessRefused, ObjectStore, Unreachable, Unsure
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace, StoreFault
from tests.doubles.memory_store import Crash
from tests.doubles.store_clock import VirtualStoreClock

FAULTS: dict[StoreFault, tuple[object, bool]] = {
    StoreFault.UNREACHABLE: (Unreachable, False),
    StoreFault.ANSWER_LOST: (Unsure, True),
    StoreFault.UNSURE: (Unsure, False),
    StoreFault.LATE: (Unsure, False),
    StoreFault.TWICE: (False, True),
    StoreFault.OWN_REFUSED: (False, True),
    StoreFault.REFUSED: (AccessRefused, False),
    StoreFault.CRASH_BEFORE: (Crash, False),
    StoreFault.CRASH_AFTER: (Crash, True),
    StoreFault.STALL: (True, True),
    StoreFault.STALE_LIST: (True, True),
}
"""What a create answers, and whether it is done."""


@pytest.mark.parametrize("fault", StoreFault, ids=lambda fault: fault.value)
def test_each_fault_strikes_one_create(fault: StoreFault) -> None:
    place = MemoryPlace()
    machine = MemoryMachine(place, fault=lambda number, *_: fault if number == 1 else None)
    answer, is_done = FAULTS[fault]
    objects: ObjectStore = machine.connect()
    if isinstance(answer, type):
        with pytest.raises(answer):
            objects.create("a", b"1")
    else:
        assert objects.create("a", b"1") is answer
    assert ("a" in place.objects) is is_done
    machine.restart()
    assert objects.create("b", b"2") and ("a" in place.objects) is (
        is_done or fault is StoreFault.LATE
    )


def test_a_list_is_in_the_order_of_the_bytes_and_may_lack_the_newest_key() -> None:
    stale = {6: StoreFault.STALE_LIST}
    objects = MemoryMachine(fault=lambda number, *_: stale.get(number)).connect()
    for key in ("p/b", "p/\U00010000", "p/a", "q/a"):
        assert objects.create(key, b"")
    assert objects.names("p/") == ("p/a", "p/b", "p/\U00010000")
    assert objects.names("p/") == ("p/b", "p/\U00010000")
    assert objects.names("p/", after="p/a", limit=1) == ("p/b",)


def test_a_condition_on_another_object_is_checked_if_the_place_can() -> None:
    place = MemoryPlace()
    database, bucket = MemoryMachine(place), MemoryMachine(place, is_checked=False)
    assert not database.connect().create("b", b"", after="a")
    assert bucket.connect().create("b", b"", after="a")
    assert database.connect().create("c", b"", after="b")


def test_beats_come_while_time_passes_and_not_while_the_process_stands_still() -> None:
    world = VirtualClock()
    one, other = VirtualStoreClock(world), VirtualStoreClock(world, ahead=300.0)
    beats = list[tuple[str, float]]()
    end = one.every(10, lambda: beats.append(("one", world.monotonic())))
    other.every(10, lambda: beats.append(("other", world.monotonic())))
    one.sleep(25)
    with one.frozen(asleep=True):
        other.sleep(30)
    assert (one.monotonic(), one.boottime(), other.monotonic()) == (25, 55, 55)
    world.advance(20)
    end()
    world.advance(10)
    assert [at for name, at in beats if name == "one"] == [10, 20, 55, 65, 75]
    assert [at for name, at in beats if name == "other"] == [10, 20, 30, 40, 50, 60, 70, 80]
    assert other.time() - one.time() == 300
