"""Every place in which objects can be kept, each fresh and empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import ObjectStore
from tests.doubles.memory_objects import MemoryMachine, MemoryObjects
from tests.servers import places as servers
from tests.servers.places import Places


@dataclass(frozen=True)
class Kept:
    """A place: `connect` opens a connection, `checks_after` is whether it checks `after`."""

    connect: Callable[[], ObjectStore]
    checks_after: bool


EVERY = ("memory", *(servers.param(kind) for kind in servers.PLACES))


@pytest.fixture(params=EVERY)
def kept(
    request: pytest.FixtureRequest, places: Places, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kept]:
    """A fresh place; its connections are closed after the test."""
    opened: list[ObjectStore] = []
    if request.param == "memory":
        machine = MemoryMachine()
        yield Kept(lambda: MemoryObjects(machine), checks_after=True)
        return
    place = places.fresh(request.param)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    address = place_url.parse(place.url)

    def connect() -> ObjectStore:
        opened.append(connection.connect(address, place.environment))
        return opened[-1]

    yield Kept(connect, checks_after=address.kind is place_url.PlaceKind.POSTGRES)
    for store in opened:
        store.close()
