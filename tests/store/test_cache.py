"""What is kept of an account between runs: taken while it is young, passed over where it is
anything else, never in the way.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.common.timing import Expected
from reconciler.store.cache import CATALOGUE_SECONDS, SAMPLES_MAX, FileAccountCache

ZONES = ({"id": "kr1-z01", "name": "Korea", "available": True},)
FLAVORS = (
    {
        "id": "std_2.4-g1",
        "name": "표준",
        "available": True,
        "zones": ("kr1-z01",),
        "vcpu": 2,
        "memory_mb": 4096,
        "disk_gb": 50,
        "price_month": None,
    },
)
TYPES = ({"id": "ssd", "min_gb": 10, "max_gb": 2000, "zones": None},)


class _Clock:
    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


def cache(
    folder: Path, clock: _Clock | None = None, *, digest: str = "ab" * 32, origin: str = "https://a"
) -> FileAccountCache:
    return FileAccountCache(folder, digest, origin=origin, clock=clock or _Clock())


def test_a_list_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    cache(tmp_path).keep_catalogue({"zones": ZONES, "flavors": FLAVORS, "storage_types": TYPES})
    assert cache(tmp_path).catalogue(["flavors", "storage_types", "images"]) == {
        "flavors": FLAVORS,
        "storage_types": TYPES,
    }


def test_lists_kept_at_different_times_grow_old_by_themselves(tmp_path: Path) -> None:
    clock = _Clock()
    kept = cache(tmp_path, clock)
    kept.keep_catalogue({"zones": ZONES})
    clock.now += CATALOGUE_SECONDS / 2
    kept.keep_catalogue({"flavors": FLAVORS})
    clock.now += CATALOGUE_SECONDS / 2
    assert kept.catalogue(["zones", "flavors"]) == {"flavors": FLAVORS}


def test_a_list_from_the_future_is_not_taken(tmp_path: Path) -> None:
    clock = _Clock()
    cache(tmp_path, clock).keep_catalogue({"zones": ZONES})
    clock.now -= 1.0
    assert cache(tmp_path, clock).catalogue(["zones"]) == {}


@pytest.mark.parametrize(("digest", "origin"), [("cd" * 32, "https://a"), ("ab" * 32, "https://b")])
def test_another_key_or_endpoint_sees_nothing_of_it(
    tmp_path: Path, digest: str, origin: str
) -> None:
    cache(tmp_path).keep_catalogue({"zones": ZONES})
    assert cache(tmp_path, digest=digest, origin=origin).catalogue(["zones"]) == {}


def test_the_files_are_one_folder_a_key(tmp_path: Path) -> None:
    cache(tmp_path).keep_catalogue({"zones": ZONES})
    cache(tmp_path).learn({"instance.create": [(0.0, 31.0)]})
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == [
        f"{'ab' * 16}/catalogue.json",
        f"{'ab' * 16}/durations.json",
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_passed_over(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = cache(Path(folder))
        kept.keep_catalogue({"zones": ZONES})
        kept.learn({"instance.create": [(0.0, 1.0)]})
        for path in Path(folder).rglob("*.json"):
            path.write_bytes(data)
        assert kept.catalogue(["zones"]) == {} and kept.seconds() == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        b'{"origin": "https://a", "lists": {"zones": {"at": "nan", "rows": []}}}',
        b'{"origin": "https://a", "lists": {"zones": {"at": 1767225600, "rows": [{"id": 7, "name": null, "available": true}]}}}',
        b'{"origin": "https://a", "lists": {"zones": {"at": 1767225600, "rows": [{"id": "kr1-z01"}]}}}',
        b'{"origin": "https://a", "lists": {"zones": {"at": 1767225600, "rows": "many"}}}',
        b'{"origin": "https://a", "lists": {"somethings": {"at": 1767225600, "rows": []}}}',
        b'{"origin": "https://a", "lists": ["zones"]}',
    ],
)
def test_a_file_that_is_not_as_written_here_holds_nothing(tmp_path: Path, content: bytes) -> None:
    kept = cache(tmp_path)
    kept.keep_catalogue({"zones": ZONES})
    (tmp_path / ("ab" * 16) / "catalogue.json").write_bytes(content)
    assert kept.catalogue(["zones", "somethings"]) == {}
    kept.keep_catalogue({"zones": ZONES})
    assert kept.catalogue(["zones"]) == {"zones": ZONES}


def test_a_cache_folder_that_cannot_be_created_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    kept = cache(tmp_path / "file")
    kept.keep_catalogue({"zones": ZONES})
    kept.learn({"instance.create": [(0.0, 1.0)]})
    assert kept.catalogue(["zones"]) == {} and kept.seconds() == {}


def test_only_the_last_durations_count(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.learn({"instance.create": [(0.0, 500.0)], "instance.stop": [(7.0, 9.0)]})
    for _ in range(SAMPLES_MAX):
        kept.learn({"instance.create": [(29.0, 30.0), (0.0, 12.0), (55.0, 60.0)]})
    assert kept.seconds() == {
        "instance.create": Expected(30.0, 30.0),
        "instance.stop": Expected(9.0, 9.0),
    }


def test_times_that_cannot_be_are_passed_over(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    for times in ((19.0, 20.0), (-1.0, 5.0), (9.0, 8.0), (0.0, float("inf")), (0.0, 1e9)):
        kept.learn({"instance.create": [times]})
    assert kept.seconds() == {"instance.create": Expected(20.0, 20.0)}
