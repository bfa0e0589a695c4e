"""The audit log of every place: entries at gapless positions, each once, in one chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from reconciler.model.review.audit_entry import ActorKind, AuditActor
from tests.store.audits import entry, require_whole
from tests.store.builders import add_server
from tests.store.contract.places import Place, open_at


def test_entries_are_read_as_they_were_appended(place: Place) -> None:
    assert place.audit().entries().records == () and place.audit().entries().last is None
    korean = replace(entry(1), actor=AuditActor(ActorKind.USER, "말 많은 사람", "build-7"))
    first = place.audit().append(korean)
    second = place.audit().append(entry(2))
    assert (first.position, first.previous) == (1, None)
    assert (second.position, second.previous) == (2, first.hash)
    trail = place.audit().entries()
    assert trail.records == (first, second) and trail.fault is None
    assert [record.entry for record in trail.records] == [korean, entry(2)]
    assert trail.last == second


def test_the_log_is_no_state_and_no_stack(place: Place) -> None:
    place.audit().append(entry(1))
    store = place.store()
    assert store.read() is None and store.others() == () and store.neighbors() == ()
    writer = open_at(place)
    add_server(writer, 1)
    writer.commit()
    writer.close()
    assert [other.stack for other in place.store("other").others()] == ["shop"]
    place.audit().append(entry(2))
    require_whole(place.audit(), ["kim-1", "kim-2"])


def test_two_writers_at_once_never_get_one_position(place: Place) -> None:
    logs = {name: place.audit() for name in ("a", "b", "c")}

    def write(name: str) -> list[int]:
        return [logs[name].append(entry(number, name=name)).position for number in range(4)]

    with ThreadPoolExecutor(len(logs)) as pool:
        written = list(pool.map(write, logs))
    assert sorted(position for found in written for position in found) == list(range(1, 13))
    assert all(found == sorted(found) for found in written)
    require_whole(place.audit(), [f"{name}-{number}" for name in logs for number in range(4)])


def test_equal_entries_of_two_writers_are_two(place: Place) -> None:
    one, other = place.audit(), place.audit()
    assert [one.append(entry(1)).position, other.append(entry(1)).position] == [1, 2]
    require_whole(place.audit(), ["kim-1", "kim-1"])
