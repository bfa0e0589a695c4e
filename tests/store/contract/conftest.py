"""The places of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.contract.places import MAKERS, Place


@pytest.fixture(params=MAKERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return MAKERS[request.param](tmp_path / "state")
