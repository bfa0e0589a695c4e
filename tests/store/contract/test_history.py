"""What was: the kept states by serial, and the state before the last run."""

from __future__ import annotations

import pytest

from reconciler.model.ports import StateDamaged
from reconciler.model.state import State
from tests.store.builders import add_server, intent
from tests.store.contract.places import Place, open_at


def runs(place: Place, number: int, *, begin: int = 0) -> list[State]:
    """The states after so many runs that each made a server."""
    found = []
    for index in range(begin, begin + number):
        writer = open_at(place)
        add_server(writer, index)
        found.append(writer.commit())
        writer.close()
    return found


def test_the_end_of_each_run_is_kept_newest_first(place: Place) -> None:
    ends = runs(place, 4)
    serials = place.store().history()
    assert list(serials) == sorted(set(serials), reverse=True)
    assert serials[0] == ends[-1].serial == 8
    for end in ends:
        assert end.serial in serials and place.store().past(end.serial) == end
    with pytest.raises(StateDamaged) as caught:
        place.store().past(77)
    assert caught.value.hint == f"kept are: {', '.join(map(str, serials))}"


def test_at_least_the_last_ten_runs_are_kept(near_place: Place) -> None:
    place = near_place
    ends = runs(place, 12)
    for end in ends[-10:]:
        assert place.store().past(end.serial) == end


def test_the_state_before_the_last_run_is_that_before_its_first_record(place: Place) -> None:
    ends = runs(place, 3)
    for _ in range(2):
        before = place.store().before_last_run()
        assert before is not None and before.entries == ends[1].entries
        open_at(place).close()  # a run that recorded nothing is none


def test_the_state_before_a_run_that_was_killed(place: Place) -> None:
    ends = runs(place, 2)
    writer = open_at(place)
    writer.append(intent(5, index=7))
    place.kill()
    before = place.store().before_last_run()
    assert before is not None and before.entries == ends[1].entries and not before.open
    open_at(place).close()
    assert place.store().before_last_run() == before


def test_before_the_first_run_there_was_nothing(place: Place) -> None:
    runs(place, 1)
    before = place.store().before_last_run()
    assert before is None or before.is_empty


def test_a_run_without_a_change_keeps_no_further_state(place: Place) -> None:
    ends = runs(place, 2)
    serials = place.store().history()
    for _ in range(3):
        writer = open_at(place)
        assert writer.commit() == ends[-1]
        writer.close()
    assert place.store().history() == serials and place.store().read() == ends[-1]
