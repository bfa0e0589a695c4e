"""Drift on a branch: one commit on top of the current one, and nothing else of the repository
changes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.cli.watching import branch
from reconciler.model.abort import Abort

OLD, NEW = "version: 1\nstack: shop   # 웹\n", "version: 1\nstack: shop   # 웹, by hand\n"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "repository"
    (root / "stacks").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    (root / "stacks" / "shop.yaml").write_text(OLD, encoding="utf-8")
    (root / "other").write_text("1\n")
    git(root, "add", "-A")
    git(root, "-c", "user.name=Kim", "-c", "user.email=kim@example.com", "commit", "-qm", "One")
    return root


def texts(root: Path, new: str = NEW) -> dict[str, tuple[str, str]]:
    return {str(root / "stacks" / "shop.yaml"): (OLD, new)}


def test_the_branch_has_the_drift_on_top_of_the_current_commit(repository: Path) -> None:
    (repository / "other").write_text("changed, and not committed\n")
    before = git(repository, "status", "--porcelain", "--branch")
    made = branch.write(texts(repository), "shop/prod", "Absorb drift of shop/prod")

    assert (made.name, made.is_new) == ("reconciler/drift/shop.prod", True)
    assert git(repository, "show", f"{made.name}:stacks/shop.yaml") == NEW.strip()
    assert git(repository, "diff", "--name-only", "main", made.name) == "stacks/shop.yaml"
    assert git(repository, "rev-parse", f"{made.name}^") == git(repository, "rev-parse", "main")
    assert git(repository, "status", "--porcelain", "--branch") == before
    assert (repository / "stacks" / "shop.yaml").read_text(encoding="utf-8") == OLD


def test_the_same_drift_makes_no_second_commit_and_other_drift_replaces_it(
    repository: Path,
) -> None:
    first = branch.write(texts(repository), "shop", "Absorb")
    again = branch.write(texts(repository), "shop", "Absorb")
    assert (again.commit, again.is_new) == (first.commit, False)
    other = branch.write(texts(repository, NEW + "# more\n"), "shop", "Absorb")
    assert other.is_new and git(repository, "rev-list", "--count", other.name) == "2"


def test_a_branch_of_somebody_else_is_left_alone(repository: Path) -> None:
    git(repository, "branch", "reconciler/drift/shop")
    with pytest.raises(Abort) as stop:
        branch.write(texts(repository), "shop", "Absorb")
    assert "somebody else" in stop.value.problems[0].message


@pytest.mark.parametrize("what", ["changed", "not committed", "no repository"])
def test_files_that_are_not_those_of_the_commit_are_refused(
    what: str, repository: Path, tmp_path: Path
) -> None:
    found = {
        "changed": {str(repository / "stacks" / "shop.yaml"): ("other text\n", NEW)},
        "not committed": {str(repository / "stacks" / "new.yaml"): (OLD, NEW)},
        "no repository": {str(tmp_path / "shop.yaml"): (OLD, NEW)},
    }[what]
    with pytest.raises(Abort) as stop:
        branch.write(found, "shop", "Absorb")
    assert stop.value.problems[0].code == "absorb"
    assert git(repository, "branch", "--list", "reconciler/*") == ""


def test_a_branch_that_is_checked_out_does_not_move(repository: Path) -> None:
    made = branch.write(texts(repository), "shop", "Absorb")
    git(repository, "checkout", "-q", made.name)
    with pytest.raises(Abort) as stop:
        branch.write(
            {str(repository / "stacks" / "shop.yaml"): (NEW, NEW + "# more\n")}, "shop", "Absorb"
        )
    assert "checked out" in stop.value.problems[0].message
    assert git(repository, "rev-parse", made.name) == made.commit
    assert git(repository, "status", "--porcelain") == ""
