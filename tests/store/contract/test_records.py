"""What is recorded is there for everybody, as it was folded, with the next serial."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.ports import RecordFailed
from reconciler.model.state import Record, fold
from tests.store.builders import add_server, created, intent, note, records
from tests.store.contract.places import Place, open_at

NUMBERS = itertools.count()
"""A stack for each example: they share one place."""


def test_a_place_without_records_has_no_state(place: Place) -> None:
    store = place.store()
    assert (store.read(), store.history(), store.holder()) == (None, (), None)
    assert store.before_last_run() is None and store.location
    assert (store.neighbors(), store.others()) == ((), ())


def test_opening_and_closing_leaves_no_state_behind(place: Place) -> None:
    writer = open_at(place)
    assert (writer.state.serial, writer.state.stack, writer.state.is_empty) == (0, "shop", True)
    assert place.store().read() is None
    writer.close()
    assert place.store().read() is None and place.store().history() == ()
    again = open_at(place)
    assert again.state.serial == 0
    again.append(intent(1))
    assert place.store().read() == again.state


def test_a_record_is_there_for_others_as_soon_as_append_returns(place: Place) -> None:
    writer = open_at(place)
    writer.append(intent(1))
    seen = place.store().read()
    assert seen == writer.state
    assert seen is not None and seen.open[1][0] == intent(1)


def test_a_run_raises_the_serial_at_its_first_record_and_at_its_end(place: Place) -> None:
    writer = open_at(place)
    serials = [writer.state.serial]
    add_server(writer, 0)
    serials.append(writer.state.serial)
    serials.append(writer.commit(account="9f41", endpoint="https://api.example").serial)
    writer.close()
    assert serials == [0, 1, 2]
    found = place.store().read()
    assert found is not None and list(found.entries) == ["instances.web[0]"]
    assert (found.serial, found.account, found.endpoint, found.sequence) == (
        2,
        "9f41",
        "https://api.example",
        2,
    )


def test_a_commit_without_a_change_leaves_the_serial(place: Place) -> None:
    writer = open_at(place)
    add_server(writer, 0)
    writer.commit(account="9f41")
    assert writer.commit(account="9f41").serial == writer.commit().serial == 2
    writer.close()
    again = open_at(place)
    assert again.commit().serial == 2
    assert again.commit(account="other").serial == 3
    again.close()
    found = place.store().read()
    assert found is not None and (found.serial, found.account) == (3, "other")


def test_an_empty_stack_gets_a_state_by_commit(place: Place) -> None:
    writer = open_at(place)
    assert writer.commit().serial == 1
    writer.close()
    found = place.store().read()
    assert found is not None and found.is_empty and found.lineage


def test_account_and_endpoint_come_with_the_first_record(place: Place) -> None:
    writer = open_at(place)
    writer.belong(account="9f41", endpoint="https://api.example")
    assert place.store().read() is None
    writer.append(intent(1))
    found = place.store().read()
    assert found == writer.state and found is not None
    assert (found.account, found.endpoint) == ("9f41", "https://api.example")


def test_records_that_were_not_committed_are_there_after_the_run(place: Place) -> None:
    # A run that dies is the normal case: the next one continues the sequence.
    writer = open_at(place)
    add_server(writer, 0)
    writer.append(intent(3, index=1))
    writer.close()
    again = open_at(place)
    assert sorted(again.state.open) == [3]
    again.append(created(4, of=3, index=1))
    assert again.state.serial == 2
    again.close()
    found = place.store().read()
    assert found is not None and not found.open
    assert sorted(found.entries) == ["instances.web[0]", "instances.web[1]"]


def test_lineage_stays_for_life(place: Place) -> None:
    lineages = set()
    for index in range(3):
        writer = open_at(place)
        add_server(writer, index)
        lineages.add(writer.commit().lineage)
        writer.close()
    assert len(lineages) == 1


def test_records_that_cannot_be_right_are_internal_errors(place: Place) -> None:
    writer = open_at(place)
    wrong = replace(created(1, of=0), result="perhaps")  # type: ignore[arg-type]
    for record in (intent(2), wrong):
        with pytest.raises(AssertionError):
            writer.append(record)
    writer.append(intent(1))
    assert place.store().read() == writer.state


def test_nothing_is_recorded_by_a_closed_writer(place: Place) -> None:
    writer = open_at(place)
    writer.close()
    writer.close()
    with pytest.raises(AssertionError):
        writer.append(intent(1))


@pytest.mark.parametrize("size", [100_000, 4_000_000], ids=["100 kB", "4 MB"])
def test_large_records_and_other_scripts_come_back(place: Place, size: int) -> None:
    # 4 MB as text are 8 MiB and more once it is escaped or counted twice anywhere.
    writer = open_at(place)
    text = "자료 🗃️\u2028\x00" + "가" * (size // 3)
    writer.append(note(1, name="한글", value={"길이": text}))
    assert place.store().read() == writer.state
    wanted = writer.commit()
    writer.close()
    assert place.store().read() == wanted
    assert wanted.outputs["한글"][0] == {"길이": text}


def test_a_record_of_8_mib_is_recorded_whole_or_refused_whole(near_place: Place) -> None:
    place = near_place
    writer = open_at(place)
    writer.append(intent(1))
    wanted = 2
    try:
        writer.append(note(2, value="x" * (8 * 1024 * 1024)))
    except RecordFailed as failure:
        wanted = 1
        assert str(failure) and failure.hint
    found = place.store().read()
    assert found is not None and found.sequence == wanted
    writer.append(note(wanted + 1))
    assert writer.commit() == place.store().read()


def test_more_than_a_thousand_records_in_one_run(near_place: Place) -> None:
    place = near_place
    writer = open_at(place)
    for number in range(1, 1102):
        writer.append(note(number, name=f"o{number % 7}", value=number))
    assert place.store().read() == writer.state
    place.kill()
    found = place.store().read()
    assert found == writer.state and found is not None and found.sequence == 1101


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(records, max_size=6), commits=st.sets(st.integers(0, 6)))
def test_any_records_come_back_as_they_were_folded(
    near_place: Place, found: list[Record], commits: set[int]
) -> None:
    place = near_place
    stack = f"s{next(NUMBERS)}"
    writer = open_at(place, stack)
    numbered = [replace(record, sequence=at) for at, record in enumerate(found, start=1)]
    empty = writer.state
    for at, record in enumerate(numbered):
        if at in commits:
            writer.commit()
        writer.append(record)
    wanted = fold(empty, numbered)
    assert replace(writer.state, serial=0) == wanted
    writer.close()
    read = place.store(stack).read()
    assert read is None if not numbered else read is not None and replace(read, serial=0) == wanted
