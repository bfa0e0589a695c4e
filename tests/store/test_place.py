"""Where the state of a stack lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli import composition
from reconciler.store.place import simulator_folder, state_folder

PLACES = [
    ("beside the file", "web.yaml", None, False, {}, "state/shop"),
    ("with an environment", "web.yaml", "prod", False, {}, "state/shop.prod"),
    ("in the stack's folder", "", None, False, {}, "state/shop"),
    ("simulated", "web.yaml", "prod", True, {}, "state/.simulator/shop.prod"),
    ("chosen", "web.yaml", "prod", False, {"RECONCILER_STATE_DIR": "/kept"}, "/kept/shop.prod"),
    (
        "chosen and simulated",
        "web.yaml",
        None,
        True,
        {"RECONCILER_STATE_DIR": "/kept"},
        "/kept/.simulator/shop",
    ),
    ("chosen as nothing", "web.yaml", None, False, {"RECONCILER_STATE_DIR": ""}, "state/shop"),
]


@pytest.mark.parametrize(
    ("file", "environment", "simulated", "environ", "wanted"),
    [row[1:] for row in PLACES],
    ids=[row[0] for row in PLACES],
)
def test_the_place_follows_from_file_stack_and_environment(
    tmp_path: Path,
    file: str,
    environment: str | None,
    simulated: bool,
    environ: dict[str, str],
    wanted: str,
) -> None:
    found = state_folder(tmp_path / file, "shop", environment, simulated=simulated, environ=environ)
    assert found == tmp_path / wanted


def test_the_simulator_has_a_place_of_its_own(tmp_path: Path) -> None:
    assert simulator_folder(tmp_path, environ={}) == tmp_path / "state" / ".simulator"


def test_a_name_that_leads_elsewhere_names_no_folder(tmp_path: Path) -> None:
    for stack, environment in (
        ("../shop", None),
        ("shop", "../../x"),
        ("", None),
        (".simulator", None),
    ):
        with pytest.raises(AssertionError):
            state_folder(tmp_path, stack, environment, simulated=False, environ={})


def test_a_user_without_a_name_and_a_home_has_a_place_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: a bare container runs on, at a part of the quota and without a cache, and is told so.
    def nobody(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nobody)
    assert composition.quota_folder(Path("stack.yaml"), {}, simulated=False) == Path(
        "/.local/state/reconciler/quota"
    )
