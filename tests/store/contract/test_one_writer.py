"""One writer at a time: who has the lock is told, a killed one is followed, and a lost lock stops
the one who lost it before its next record.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.ports import Locked, LostLock
from tests.store.builders import HOLDER, add_server, created, intent
from tests.store.contract.places import Place, open_at

SECONDS_TO_STEP = 15.0
"""After this the step of a holder is told, also by a place that only hears of it with a beat."""

SECONDS_TO_NOTICE = 75.0
"""After this a holder that checks has noticed that it lost its lock."""


def test_a_second_writer_is_told_who_holds_the_lock(place: Place) -> None:
    writer = open_at(place)
    writer.append(intent(1, index=4))
    place.pass_time(SECONDS_TO_STEP)
    with pytest.raises(Locked) as caught:
        open_at(place)
    assert caught.value.holder == replace(HOLDER, step="instance.create instances.web[4]")
    for part in (
        "kim",
        "build-7",
        "4121",
        "reconciler apply shop.yaml",
        "instances.web[4]",
        "2025-11-23 13:00 KST",
    ):
        assert part in str(caught.value)
    assert "state unlock" in (caught.value.hint or "")
    writer.append(created(2, of=1, index=4))
    assert writer.commit() == place.store().read()


def test_a_plan_sees_who_works_and_disturbs_nobody(place: Place) -> None:
    writer = open_at(place)
    writer.append(intent(1))
    place.pass_time(SECONDS_TO_STEP)
    held = place.store().holder()
    assert held is not None and held.alive and held.holder is not None
    assert held.holder.step == "instance.create instances.web[0]"
    writer.append(created(2, of=1))
    writer.close()
    assert place.store().holder() is None


def test_a_lock_that_was_let_go_is_free(place: Place) -> None:
    open_at(place).close()
    open_at(place).close()


def test_a_killed_writer_is_followed_and_its_records_are_there(place: Place) -> None:
    writer = open_at(place)
    add_server(writer, 0)
    writer.append(intent(3, index=1))
    wanted = writer.state
    place.kill()
    held = place.store().holder()
    assert held is not None and held.holder is not None and held.holder.user == "kim"
    assert place.store().read() == wanted
    next_writer = open_at(place, holder=replace(HOLDER, user="lee"))
    assert next_writer.state == wanted
    next_writer.append(created(4, of=3, index=1))
    assert next_writer.commit() == place.store().read()
    next_writer.close()
    assert place.store().holder() is None


def test_unlock_stops_the_holder_before_its_next_record_and_lets_another_in(place: Place) -> None:
    stale = open_at(place)
    stale.append(intent(1))
    lost = place.store().unlock()
    assert lost is not None and lost.alive and lost.holder is not None and lost.holder.user == "kim"
    fresh = open_at(place, holder=replace(HOLDER, user="lee"))
    for deed in (lambda: stale.append(created(2, of=1)), stale.check, stale.commit):
        with pytest.raises(LostLock):
            deed()
    fresh.append(created(2, of=1, index=9))
    stale.close()
    held = place.store().holder()
    assert held is not None and held.holder is not None and held.holder.user == "lee"
    with pytest.raises(Locked):
        open_at(place)
    assert fresh.commit() == place.store().read()


def test_a_holder_that_was_unlocked_finds_it_out_without_a_record(place: Place) -> None:
    stale = open_at(place)
    stale.append(intent(1))
    place.store().unlock()
    place.pass_time(SECONDS_TO_NOTICE)
    with pytest.raises(LostLock):
        stale.check()


def test_unlock_without_a_holder_changes_nothing(place: Place) -> None:
    writer = open_at(place)
    add_server(writer, 0)
    wanted = writer.commit()
    writer.close()
    assert place.store().unlock() is None
    assert place.store().read() == wanted
    open_at(place).close()


def test_a_holder_that_does_nothing_for_an_hour_keeps_its_lock(near_place: Place) -> None:
    place = near_place
    writer = open_at(place)
    writer.append(intent(1))
    place.pass_time(3600.0)
    with pytest.raises(Locked):
        open_at(place)
    writer.append(created(2, of=1))
    assert writer.commit() == place.store().read()
