"""Tries out whether a place keeps what a shared state needs: a store that ignores the condition of
`create` answers as if all were well, and two runs would write over each other.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.store.objects.port import ObjectStore, ObjectStoreError, Unreachable, Unsure

PROBE_KEY = "probe"
"""The object that says that a place was checked."""

FORMAT = 1
RACERS = 8
ROUNDS = 3

_FOLDER = "probing"
_ORDER = ("a", "a-b", "a.b", "a/b", "a0", "ab", "한", "\U0001f600")
"""Names in the order of their bytes; other orders put some of them elsewhere."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How a place is checked: `connect` opens a connection of its own, `token` is a new random text
    for the names of the objects, `now` the time in Unix seconds.
    """

    connect: Callable[[], ObjectStore]
    token: str
    now: float
    racers: int = RACERS
    rounds: int = ROUNDS


class PlaceRefused(ObjectStoreError):
    """The place does not keep what a shared state needs."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            hint=msg("use PostgreSQL, AWS S3 or Ceph, or store the state in a folder"),
        )


def is_checked(store: ObjectStore) -> bool:
    """Whether a check of this place was passed before. Raises as `read` does."""
    found = store.read(PROBE_KEY).get(PROBE_KEY)
    if found is None:
        return False
    try:
        document = json.loads(found)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


def check(probing: Probing) -> None:
    """Checks a place, and keeps there that it passed. Raises `PlaceRefused`, and the errors of an
    object store if the check could not be completed. What it creates is removed in any case.
    """
    store = probing.connect()
    try:
        with _removed(store, f"{_FOLDER}/{probing.token}/"):
            _check(store, probing)
        document = {"at": int(probing.now), "format": FORMAT}
        store.replace(PROBE_KEY, json.dumps(document, sort_keys=True).encode() + b"\n")
    finally:
        store.close()


def _check(store: ObjectStore, probing: Probing) -> None:
    folder = f"{_FOLDER}/{probing.token}/"
    _check_create(store, folder + "create")
    _check_replace(store, folder + "replace")
    _check_names(store, folder + "names/")
    _check_races(store, folder + "race/", probing)
    _check_remove(store, folder + "create")


def _check_create(store: ObjectStore, key: str) -> None:
    first, second = b"\x00first\xff\r\n", b"second"
    if not store.create(key, first):
        raise PlaceRefused(
            msg("{place} refused to create an object that it does not have", place=store.location)
        )
    again = store.create(key, second)
    if again or _read(store, key) == second:
        raise PlaceRefused(_ignores(store))
    if _read(store, key) != first:
        raise PlaceRefused(_changes(store))


def _check_replace(store: ObjectStore, key: str) -> None:
    for data in (b"1", b"", b"3" * 100_000):
        store.replace(key, data)
        if _read(store, key) != data:
            raise PlaceRefused(_changes(store))


def _check_names(store: ObjectStore, folder: str) -> None:
    wanted = [folder + name for name in _ORDER]
    for name in reversed(wanted):
        store.create(name, b"")
    for found, right in (
        (store.names(folder), wanted),
        (store.names(folder, limit=3), wanted[:3]),
        (store.names(folder, after=wanted[3]), wanted[4:]),
        (store.names(folder, after=folder + "a/\U0010ffff", limit=1), wanted[4:5]),
        (store.names(folder + "a"), wanted[:6]),
    ):
        _compare_names(store, found, right)


def _compare_names(store: ObjectStore, found: Sequence[str], right: Sequence[str]) -> None:
    if list(found) == list(right):
        return
    if sorted(found) == sorted(right):
        raise PlaceRefused(
            msg("{place} does not list objects in the order of their names", place=store.location)
        )
    raise PlaceRefused(msg("{place} does not list the objects that it has", place=store.location))


def _check_races(store: ObjectStore, folder: str, probing: Probing) -> None:
    """Several connections create one object at the same instant: exactly one may succeed."""
    stores = [probing.connect() for _ in range(probing.racers)]
    decided = 0
    try:
        for number in range(probing.rounds):
            decided += _race(store, stores, f"{folder}{number}")
    finally:
        for each in stores:
            each.close()
    if not decided:
        raise Unreachable(msg("{place} did not answer while it was checked", place=store.location))


def _race(store: ObjectStore, stores: Sequence[ObjectStore], key: str) -> bool:
    """One race; False if so many answers are missing that it shows nothing."""
    start = threading.Barrier(len(stores))

    def create(number: int) -> bool | None:
        start.wait()
        try:
            return stores[number].create(key, b"%d" % number)
        except (Unreachable, Unsure):
            return None

    with ThreadPoolExecutor(len(stores), "race") as threads:
        results = list(threads.map(create, range(len(stores))))
    winners = [number for number, result in enumerate(results) if result]
    if len(winners) > 1:
        raise PlaceRefused(
            msg(
                "{place} let {count} writers create the same object at once: it does not check the "
                "condition If-None-Match, so two runs could write over each other",
                place=store.location,
                count=len(winners),
            )
        )
    if not winners:
        return False
    if _read(store, key) != b"%d" % winners[0]:
        raise PlaceRefused(_ignores(store))
    return True


def _check_remove(store: ObjectStore, key: str) -> None:
    store.remove(key, key + "-none")
    if key in store.read(key) or key in store.names(key):
        raise PlaceRefused(
            msg("{place} still shows an object that was removed", place=store.location)
        )


@contextmanager
def _removed(store: ObjectStore, folder: str) -> Iterator[None]:
    """Removes what the block created, also if it fails."""
    try:
        yield
    finally:
        with suppress(ObjectStoreError):
            store.remove(*store.names(folder))


def _read(store: ObjectStore, key: str) -> bytes | None:
    return store.read(key).get(key)


def _ignores(store: ObjectStore) -> Text:
    return msg(
        "{place} replaced an object that was to be created only if there is none: it ignores the "
        "condition If-None-Match, so two runs could write over each other",
        place=store.location,
    )


def _changes(store: ObjectStore) -> Text:
    return msg("{place} does not return the bytes that were stored", place=store.location)
