"""Where the state of a stack lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.cli import composition
from reconciler.store.place import FolderPlace
from reconciler.store.place_choice import choose

DATABASE = "postgresql://db.example.com/reconciler"

PLACES = [
    ("beside the file", "web.yaml", None, {}, "state", "state"),
    ("in the stack's folder", "", None, {}, "state", "state"),
    ("by the old variable", "web.yaml", None, {"RECONCILER_STATE_DIR": "/kept"}, "/kept", "/kept"),
    ("by nothing", "", "", {"RECONCILER_STATE_DIR": "", "RECONCILER_STATE": ""}, "state", "state"),
    ("by the project", "web.yaml", "states", {}, "../states", "../states"),
    (
        "by the project before the old variable",
        "web.yaml",
        "states",
        {"RECONCILER_STATE_DIR": "/kept"},
        "../states",
        "../states",
    ),
    ("by a URL of the project", "web.yaml", DATABASE, {}, DATABASE, "state"),
    (
        "by a URL of the project, the local cloud by the old variable",
        "web.yaml",
        DATABASE,
        {"RECONCILER_STATE_DIR": "/kept"},
        DATABASE,
        "/kept",
    ),
    (
        "by the variable before all others",
        "web.yaml",
        "states",
        {"RECONCILER_STATE": DATABASE, "RECONCILER_STATE_DIR": "/kept"},
        DATABASE,
        "../states",
    ),
    ("by a folder", "web.yaml", DATABASE, {"RECONCILER_STATE": "/own"}, "/own", "/own"),
    ("by what looks like a URL", "", "postgres:/db/x", {}, "postgres://...", "state"),
]


@pytest.mark.parametrize(
    ("file", "state", "environ", "wanted", "simulator"),
    [row[1:] for row in PLACES],
    ids=[row[0] for row in PLACES],
)
def test_the_place_follows_from_variables_project_and_stack(
    tmp_path: Path,
    file: str,
    state: str | None,
    environ: dict[str, str],
    wanted: str,
    simulator: str,
) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    found = choose(stack / file, environ, tmp_path / "reconciler.yaml", state)
    is_url = found.named.url is not None
    assert normal(stack, found.named.shown) == (wanted if is_url else normal(stack, wanted))
    assert normal(stack, str(found.simulator)) == normal(stack, f"{simulator}/.simulator")


def normal(stack: Path, place: str) -> str:
    """The path that a text names from the stack's folder. A URL is returned unchanged."""
    return place if place.startswith("postgres") else os.path.normpath(stack / place)


def test_every_other_place_that_is_named_is_known(tmp_path: Path) -> None:
    # Goal: an old variable or another file does not look as if it were in force.
    environ = {"RECONCILER_STATE": DATABASE, "RECONCILER_STATE_DIR": "/kept"}
    found = choose(tmp_path, environ, tmp_path / "reconciler.yaml", "s3://bucket/p?region=kr")
    assert [(each.origin.value, each.shown) for each in found.unused] == [
        ("reconciler.yaml", "s3://bucket/p?region=kr"),
        ("RECONCILER_STATE_DIR", "/kept"),
    ]
    same = {"RECONCILER_STATE_DIR": str(tmp_path / "x" / ".." / "states")}
    assert choose(tmp_path, same, tmp_path / "reconciler.yaml", "states").unused == ()


def test_a_password_in_a_place_is_never_shown(tmp_path: Path) -> None:
    for url in (
        "postgresql://me:hunter2@db/x",
        "postgresql://db/x?password=hunter2",
        "postgresql://me:pa/hunter2@db/x",
        "postgresql://me:hunter2?x@db/x",
        "s3://key:a/hunter2@bucket/prefix",
    ):
        found = choose(tmp_path, {"RECONCILER_STATE": url}, tmp_path / "reconciler.yaml", url + "x")
        assert "hunter2" not in "".join(each.shown for each in (found.named, *found.unused))


def test_the_states_of_a_place_are_in_folders_of_their_own(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    assert place.store("shop", None).location == str(tmp_path / "shop")
    assert place.store("shop", "prod").location == str(tmp_path / "shop.prod")
    assert place.environments("shop") == ()
    for name in ("shop", "shop.prod", "shop.a", "shop.none", "other.x"):
        (tmp_path / name).mkdir()
        if name != "shop.none":
            (tmp_path / name / "state.json").touch()
    assert place.environments("shop") == ("a", "prod")


def test_a_name_that_leads_elsewhere_names_no_folder(tmp_path: Path) -> None:
    for stack, environment in (
        ("../shop", None),
        ("shop", "../../x"),
        ("", None),
        (".simulator", None),
    ):
        with pytest.raises(AssertionError):
            FolderPlace(tmp_path).store(stack, environment)


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
