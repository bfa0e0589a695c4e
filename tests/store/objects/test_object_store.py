"""What every place must do with objects: one contract for memory, databases and buckets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.store.objects import probe
from tests.store.objects.conftest import EVERY, Kept

HARD_NAMES = (
    "p/shop-x/log/1",
    "p/shop.prod/log/1",
    "p/shop/log/000000000001",
    "p/shop/log/000000000002",
    "p/shop/snap/1",
    "p/shop0",
    "p/shop~",
    "p/가게 %41+?#&/log/1",
    "p/\ufb00",
    "p/\U0001f600",
)
"""Names in the order of their bytes, which is neither that of UTF-16 nor that of a language."""


def test_an_object_is_created_once_and_keeps_its_bytes(kept: Kept) -> None:
    # Goal: `create` never replaces, whatever the bytes and their number; a missing key is absent.
    store, other = kept.connect(), kept.connect()
    objects = {
        "p/empty": b"",
        "p/binary": bytes(range(256)) * 3,
        "p/가게": "가격\r\n".encode(),
        "p/large": b"x" * 6_000_000,
    }
    for key, data in objects.items():
        assert store.create(key, data)
        assert not other.create(key, b"another")
        assert not store.create(key, data)
    assert other.read(*objects, "p/none", "p/empt", "p/empty/x") == objects
    assert other.read() == {}


def test_what_replaces_is_read_and_what_is_removed_is_gone(kept: Kept) -> None:
    # Goal: `replace` puts with or without an object there; `remove` passes over missing keys.
    store, other = kept.connect(), kept.connect()
    for data in (b"1", b"22", b""):
        store.replace("p/beat", data)
        assert other.read("p/beat") == {"p/beat": data}
    store.replace("p/other", b"")
    store.remove("p/beat", "p/none", "p/beat")
    store.remove()
    assert other.read("p/beat") == {}
    assert list(other.names("p/")) == ["p/other"]
    assert store.create("p/beat", b"again")


def test_names_are_in_the_order_of_their_bytes(kept: Kept) -> None:
    # Goal: prefix, start and limit hold for every name; a prefix need not end at a part.
    store = kept.connect()
    assert list(store.names("")) == []
    for name in reversed(HARD_NAMES):
        assert store.create(name, name.encode())
    assert store.create("q", b"")
    assert store.read(*HARD_NAMES) == {name: name.encode() for name in HARD_NAMES}
    for prefix, after, limit in (
        ("", "", 1000), ("p/", "", 1000), ("p/", "", 3), ("p/shop/", "", 1000), ("p/shop", "", 1000),
        ("p/s", "p/shop.prod/log/1", 2), ("p/", "p/shop/\U0010ffff", 1), ("p/shop/log/", "", 1),
        ("p/shop/log/", "p/shop/log/000000000001", 9), ("p/shop/log/", "p/shop/log/9", 9),
        ("p/가", "", 9), ("p/가게 %41+?#&/", "", 9), ("p/\U0001f600", "", 9), ("none/", "", 9),
        ("p/shop/log", "p/a", 9), ("p/shop/", "q", 9), ("p", "", 1000), ("", "q", 9),
        ("p/shop/log/000000000001", "", 9),
    ):  # fmt: skip
        every = [*HARD_NAMES, "q"]
        wanted = [
            name for name in every if name.startswith(prefix) and name.encode() > after.encode()
        ][:limit]
        assert list(store.names(prefix, after=after, limit=limit)) == wanted, (prefix, after)


@pytest.mark.parametrize(
    "kept", [param for param in EVERY if "moto" not in getattr(param, "values", ())], indirect=True
)
def test_more_names_than_a_page_are_listed(kept: Kept) -> None:
    # Goal: a list of S3 has at most 1,000 names in an answer; more are fetched. moto takes a minute
    # to fill: `test_s3_answers` has its two pages.
    store = kept.connect()
    names = [f"p/shop/log/{number:012}" for number in range(1, 1_101)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: store.replace(name, b""), names))
    assert list(store.names("p/shop/log/", limit=5_000)) == names
    assert list(store.names("p/shop/log/")) == names[:1000]
    assert list(store.names("p/shop/log/", after=names[1_098], limit=5)) == names[1_099:]


def test_after_is_checked_where_it_can_be(kept: Kept) -> None:
    # Goal: a database that lost its tail is not written past. A bucket cannot check that.
    store = kept.connect()
    assert store.create("p/log/1", b"")
    assert store.create("p/log/2", b"", after="p/log/1")
    assert not store.create("p/log/2", b"other", after="p/log/1")
    assert store.create("p/log/4", b"", after="p/log/3") is not kept.checks_after


def test_of_many_that_create_one_object_one_succeeds(kept: Kept) -> None:
    # Goal: one winner in every race, whose bytes are the object; through one connection as well.
    shared = kept.connect()
    stores = [shared, shared, *(kept.connect() for _ in range(6))]
    start = threading.Barrier(len(stores))

    def race(number: int) -> list[bool]:
        won = []
        for turn in range(10):
            start.wait()
            won.append(stores[number].create(f"p/{turn}", b"%d" % number))
        return won

    with ThreadPoolExecutor(len(stores)) as threads:
        results = list(threads.map(race, range(len(stores))))
    for turn in range(10):
        winners = [number for number, won in enumerate(results) if won[turn]]
        assert len(winners) == 1
        assert shared.read(f"p/{turn}") == {f"p/{turn}": b"%d" % winners[0]}


def test_a_closed_store_can_be_used_again(kept: Kept) -> None:
    # Goal: closing twice, or before the first use, is harmless; the next use connects again.
    store = kept.connect()
    store.close()
    store.close()
    assert store.create("p/1", b"")
    store.close()
    assert store.read("p/1") == {"p/1": b""}
    assert store.location and "@" not in store.location.partition("://")[2].partition("@")[2]


def test_a_good_place_passes_the_check(kept: Kept) -> None:
    # Goal: the check leaves only its result behind, and is not needed a second time.
    store = kept.connect()
    assert not probe.is_checked(store)
    probe.check(probe.Probing(kept.connect, token="abc", now=1.0))
    assert probe.is_checked(store)
    assert list(store.names("")) == [probe.PROBE_KEY]
    probe.check(probe.Probing(kept.connect, token="abc", now=2.0))
    store.replace(probe.PROBE_KEY, b"no probe")
    assert not probe.is_checked(store)


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the surroundings is no part of these tests."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
