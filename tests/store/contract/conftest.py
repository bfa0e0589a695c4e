"""The places of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.contract.places import MAKERS, RENAMING, Place


@pytest.fixture(params=MAKERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return MAKERS[request.param](tmp_path / "state")


@pytest.fixture(params=RENAMING)
def renaming_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that gives a state another name."""
    return MAKERS[request.param](tmp_path / "state")
