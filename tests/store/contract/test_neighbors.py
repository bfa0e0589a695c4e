"""Several states in one place: how they find each other, and another name for one of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.ports import Locked, NameTaken, StateDamaged
from reconciler.model.state import State
from tests.store.builders import HOLDER, created, intent, note
from tests.store.contract.places import Place, open_at


def state_of(place: Place, stack: str, environment: str | None = None) -> State:
    """A state with an object, whose last record is not committed."""
    writer = open_at(place, stack, environment)
    for record in (intent(1), created(2, of=1)):
        writer.append(record)
    writer.commit()
    writer.append(note(3))
    found = writer.state
    writer.close()
    return found


def rename(
    place: Place, source: str = "shop", stack: str = "store", environment: str | None = "prod"
) -> State | None:
    store = place.store(*source.split("."))
    return store.rename(HOLDER, timeout_seconds=0.0, stack=stack, environment=environment)


def test_states_of_one_place_find_each_other(place: Place) -> None:
    shop, prod, store = (
        state_of(place, "shop"),
        state_of(place, "shop", "prod"),
        state_of(place, "store"),
    )
    open_at(place, "empty").close()
    others = [each.state for each in place.store().others()]
    assert sorted(others, key=str) == sorted((prod, store), key=str)
    place.used = frozenset({"shop.prod"})
    found = place.store().neighbors()
    assert [(each.state, each.stack, each.environment) for each in found] == [
        (store, "store", None)
    ]
    assert found[0].where == place.store("store").location
    for one, other, wanted in (("shop", "store", store), ("store", "shop", shop)):
        name = place.store(one).place_of(place.store(other))
        assert place.store(one).at(name).read() == wanted
    assert place.store().at(place.store().place_of(place.store("nothing"))).read() is None


def test_the_state_of_another_stack_is_not_taken_for_ours(place: Place) -> None:
    state_of(place, "shop")
    with pytest.raises(StateDamaged, match="shop"):
        place.store().open(HOLDER, timeout_seconds=0, stack="shop", environment="prod")
    open_at(place).close()


def test_a_renamed_state_keeps_all_but_its_name(renaming_place: Place) -> None:
    place = renaming_place
    before = state_of(place, "shop")
    history = place.store().history()
    after = rename(place)
    assert after == replace(before, stack="store", environment="prod", serial=before.serial + 1)
    store = place.store("store", "prod")
    assert store.read() == after and place.store().read() is None
    assert store.history()[0] == before.serial + 1 and set(history) <= set(store.history())
    assert store.holder() is None
    assert rename(place) is None
    back = rename(place, "store.prod", "shop", None)
    assert back == replace(before, serial=before.serial + 2) and place.store().read() == back
    writer = open_at(place)
    writer.append(note(writer.state.sequence + 1))
    assert writer.commit() == place.store().read()


def test_a_state_with_objects_is_never_replaced(renaming_place: Place) -> None:
    place = renaming_place
    shop = state_of(place, "shop")
    writer = open_at(place, "store", "prod")
    with pytest.raises(Locked):
        rename(place)
    writer.append(intent(1))
    writer.close()
    kept = place.store("store", "prod").read()
    with pytest.raises(NameTaken):
        rename(place)
    assert place.store("store", "prod").read() == kept and place.store().read() == shop


def test_a_state_without_objects_gives_way(renaming_place: Place) -> None:
    place = renaming_place
    shop = state_of(place, "shop")
    writer = open_at(place, "store", "prod")
    writer.append(note(1))
    writer.commit()
    writer.close()
    after = rename(place)
    assert after is not None and after.entries == shop.entries
    assert place.store("store", "prod").read() == after
    assert [each.state for each in place.store().others()] == [after]
