"""The places of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import places as servers
from tests.store.contract.places import MAKERS, RENAMING, Place, on_server

SERVERS = ("postgres", "pgbouncer", "moto", "ceph")


@pytest.fixture(params=[*MAKERS, *map(servers.param, SERVERS)])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Every place."""
    if request.param in MAKERS:
        yield MAKERS[request.param](tmp_path / "state")
        return
    fresh: servers.Place = request.getfixturevalue("places").fresh(request.param)
    for name, value in fresh.environment.items():
        monkeypatch.setenv(name, value)
    made = on_server(fresh.url, fresh.environment)
    yield made
    made.kill()


@pytest.fixture(params=MAKERS)
def near_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that answers at once, for what takes thousands of operations."""
    return MAKERS[request.param](tmp_path / "state")


@pytest.fixture(params=RENAMING)
def renaming_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that gives a state another name."""
    return MAKERS[request.param](tmp_path / "state")
