"""A freeze is part of the state: there for everybody at once, kept in the history, and refused by a
version that knows no freeze.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from reconciler.model.ports import StateNewer, StateWriter
from reconciler.model.state import FORMAT, Override, State
from reconciler.store import state_format
from tests.store.builders import FREEZE, add_server, frozen, unfrozen
from tests.store.contract.places import Place, open_at

OVERRIDE = Override("hotfix", "lee@laptop", 1_763_880_000)


@contextmanager
def as_older_version(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reads as a version that knows no freeze."""
    with patch.context() as older:
        older.setattr(state_format, "FROZEN_FORMAT", FORMAT)
        yield


def in_run(place: Place, *notes: object) -> State:
    """The state after a run that only wrote these notes."""
    writer = open_at(place)
    for make in notes:
        writer.append(make(writer.state.sequence + 1))  # type: ignore[operator]
    found = writer.commit()
    writer.close()
    return found


def with_server(place: Place) -> State:
    writer = open_at(place)
    add_server(writer, 0)
    found = writer.commit()
    writer.close()
    return found


def seen(place: Place) -> State:
    found = place.store().read()
    assert found is not None
    return found


def test_a_freeze_is_there_for_others_as_soon_as_append_returns(place: Place) -> None:
    with_server(place)
    writer = open_at(place)
    writer.append(frozen(writer.state.sequence + 1))
    assert seen(place).frozen == writer.state.frozen == FREEZE
    place.kill()
    place.pass_time(60)
    assert seen(place).frozen == FREEZE
    again: StateWriter = open_at(place)
    assert again.state.frozen == FREEZE
    again.close()


def test_a_stack_without_a_state_can_be_frozen(place: Place) -> None:
    in_run(place, frozen)
    assert seen(place).frozen == FREEZE and seen(place).is_empty


def test_an_end_of_a_freeze_leaves_nothing_of_it_but_history(place: Place) -> None:
    before = with_server(place)
    freezing = in_run(place, frozen)
    after = in_run(place, unfrozen)
    assert seen(place) == after and after.frozen is None
    assert replace(after, serial=before.serial, sequence=before.sequence) == before
    assert place.store().past(freezing.serial).frozen == FREEZE
    assert place.store().past(after.serial).frozen is None


def test_an_override_is_kept_with_the_freeze(place: Place) -> None:
    in_run(place, frozen)
    in_run(place, lambda sequence: frozen(sequence, FREEZE.overridden(OVERRIDE)))
    assert seen(place).frozen == replace(FREEZE, overrides=(OVERRIDE,))


def test_an_undo_returns_to_before_the_last_apply_and_not_to_the_freeze(place: Place) -> None:
    with_server(place)
    for make in (frozen, unfrozen):
        in_run(place, make)
        before = place.store().before_last_run()
        assert before is not None and not before.entries and before.frozen is None


def test_a_version_that_knows_no_freeze_refuses_a_frozen_state(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_server(place)
    in_run(place, frozen)
    with as_older_version(monkeypatch), pytest.raises(StateNewer):
        place.store().read()
    in_run(place, unfrozen)
    with as_older_version(monkeypatch):
        assert seen(place).frozen is None


def test_such_a_version_refuses_a_freeze_that_was_killed_halfway(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_server(place)
    writer = open_at(place)
    add_server(writer, 1)
    writer.append(frozen(writer.state.sequence + 1))
    place.kill()
    with as_older_version(monkeypatch), pytest.raises(StateNewer):
        place.store().read()
