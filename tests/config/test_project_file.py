"""`reconciler.yaml`: where it is found, what it says, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import loader
from reconciler.config.project import project_file
from reconciler.config.project.project import Project
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem

GOOD = "version: 1\nproject: shop-infra\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, in which the command is run."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "stacks" / "web").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def problems(text: str | bytes) -> list[Problem]:
    """The mistakes of a file with that text in the current folder."""
    file = Path("reconciler.yaml")
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    return list(stop.value.problems)


def test_the_file_is_found_upwards_as_far_as_the_repository(root: Path) -> None:
    stack = Path("stacks/web")
    (root.parent / "reconciler.yaml").write_text(GOOD)
    assert project_file.load(stack) == Project()

    (root / "reconciler.yaml").write_text(GOOD)
    (root / "stacks" / "web" / "stack.yaml").touch()
    for path in (stack, stack / "stack.yaml", Path(), Path("stacks/none.yaml")):
        assert project_file.load(path) == Project("shop-infra", Path("reconciler.yaml"))

    (root / "stacks" / "reconciler.yaml").write_text(GOOD + "state: ../states\n")
    found = project_file.load(stack)
    assert found.file == Path("stacks/reconciler.yaml")
    assert found.state is not None and found.state.place is not None
    assert found.state.text == "../states"
    assert (found.state.place.line, found.state.place.column) == (3, 8)


MISTAKES = [
    ("nothing", "", ["missing-key"], "`version` and `project`", "project: NAME"),
    ("a list", "- a\n", ["wrong-type"], "must be a mapping", "project: NAME"),
    ("a typing error", GOOD + "stat: x\n", ["unknown-key"], "`stat`", "did you mean `state`?"),
    ("a key of later", GOOD + "limits: x\n", ["unknown-key"], "`limits`", "this version"),
    ("another version", GOOD.replace("1", "2"), ["not-allowed"], "`version` must be 1", "write 1"),
    ("a name", GOOD.replace("shop-infra", "Shop"), ["bad-format"], "starting with a letter", ""),
    ("an empty place", GOOD + 'state: ""\n', ["bad-format"], "`state` is empty", ""),
    ("no place", GOOD + "state:\n", ["wrong-type"], "`state`", ""),
    (
        "an expression",
        GOOD + "state: ${vars.x}\n",
        ["bad-format"],
        "no expressions",
        "RECONCILER_STATE",
    ),
    ("twice", GOOD + "project: b\n", ["yaml-duplicate-key"], "project", ""),
    ("not YAML", "version: [1\n", ["yaml-syntax"], "", ""),
    ("not UTF-8", b"version: 1\xff\n", ["file-encoding"], "0xff", "UTF-8"),
    ("too large", GOOD + "#" * 300_000, ["file-too-large"], "256 KiB", ""),
    ("a stack", "version: 1\nstack: web\n", ["unknown-key"], "`stack`", "rename the file"),
]


@pytest.mark.parametrize(
    ("text", "codes", "message", "hint"),
    [row[1:] for row in MISTAKES],
    ids=[r[0] for r in MISTAKES],
)
def test_every_mistake_is_reported_with_its_place_and_the_way_out(
    root: Path, text: str | bytes, codes: list[str], message: str, hint: str
) -> None:
    found = problems(text)
    assert [each.code for each in found] == codes
    assert message in found[0].message
    assert hint in (found[0].hint or "")
    assert found[0].place is not None
    assert found[0].place.file == "reconciler.yaml"


def test_a_file_that_cannot_be_trusted_or_read_stops_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: without the file, another place would be used in silence.
    file = root / "reconciler.yaml"
    file.symlink_to(root / "other.yaml")
    found: list[str] = []
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    found.append(stop.value.problems[0].message)
    file.unlink()
    file.mkdir()
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    found.append(stop.value.problems[0].message)
    file.rmdir()
    file.write_text(GOOD)
    (root / ".git").rmdir()
    monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    if file.stat().st_uid != 0:
        with pytest.raises(Abort) as stop:
            project_file.load(Path())
        found.append(stop.value.problems[0].message)
    else:
        found.append("belongs to another user")
    assert "symbolic link" in found[0]
    assert "not a regular file" in found[1]
    assert "belongs to another user" in found[2]


def test_the_file_is_part_of_no_stack(root: Path) -> None:
    (root / "reconciler.yaml").write_text(GOOD)
    (root / "stack.yaml").write_text("version: 1\nstack: web\n")
    assert loader.load_stack(Path(), environment=None).stack.name == "web"
    assert loader.stacks_of([Path("reconciler.yaml"), Path("stack.yaml")]) == (Path("stack.yaml"),)


def test_the_line_of_a_place_with_a_password_is_never_shown(root: Path) -> None:
    from reconciler.common.paths import SourceLines

    Path("reconciler.yaml").write_text(GOOD + "state: postgresql://me:hunter2@db/x\n")
    lines = SourceLines()
    assert lines("reconciler.yaml", 2) == "project: shop-infra"
    assert lines("reconciler.yaml", 3) is None
