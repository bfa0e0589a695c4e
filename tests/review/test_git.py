"""Git on a repository that anybody may have written: nothing of it is executed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from reconciler.cli.many import git_changes
from reconciler.cli.repository import git as git_module
from reconciler.cli.repository.git import Git, GitFailed
from reconciler.cli.watching import branch
from tests.review.repositories import SHOP, Repository

HOOKS = ("post-index-change", "reference-transaction", "pre-commit", "post-merge", "post-checkout")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that exists only if a program of the repository was started."""
    return tmp_path / "canary"


@pytest.fixture
def trapped(tmp_path: Path, canary: Path) -> Repository:
    """A repository with a program at every place where Git could start one."""
    repository = Repository(tmp_path / "repository")
    attributes = "* filter=trap diff=trap merge=trap\n"
    repository.base = repository.commit({".gitattributes": attributes})
    script = tmp_path / "trap"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    script.chmod(0o755)
    hooks = repository.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).symlink_to(script)
    (repository.folder / ".git" / "info" / "attributes").write_text(attributes)
    for name in (
        *("filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "core.fsmonitor"),
        *("diff.external", "diff.trap.command", "diff.trap.textconv", "core.pager", "core.editor"),
        *("core.sshCommand", "merge.trap.driver", "credential.helper", "core.askPass"),
        "core.alternateRefsCommand",
    ):
        repository.git("config", name, str(script))
    repository.git("config", "filter.trap.required", "true")
    return repository


def test_changed_files_are_listed_without_starting_a_program(
    trapped: Repository, canary: Path
) -> None:
    (trapped.folder / "shop/stack.yaml").write_text(SHOP + "outputs: {}\n")
    found = git_changes.changed_since("main", trapped.folder, os.environ)
    assert found == {trapped.folder / "shop/stack.yaml"}
    assert not canary.exists()


def test_a_branch_is_written_without_starting_a_program(trapped: Repository, canary: Path) -> None:
    file = str(trapped.folder / "shop/stack.yaml")
    made = branch.write({file: (SHOP, SHOP + "outputs: {}\n")}, "shop", "Take over drift")
    assert made.is_new
    assert not canary.exists()


def test_the_traps_are_set(trapped: Repository, canary: Path) -> None:
    (trapped.folder / "shop/stack.yaml").write_text(SHOP + "outputs: {}\n")
    with suppress(CalledProcessError):
        trapped.git("-c", "filter.trap.process=", "diff", "--ext-diff", "main")
    assert canary.exists()


def test_variables_of_a_hook_do_not_name_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Repository(tmp_path / "one"), Repository(tmp_path / "other")
    other.base = other.commit({"extra.yaml": "x"})
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.folder / ".git" / "objects"))
    found = Git(one.folder).run("rev-parse", "HEAD")
    assert os.fsdecode(found).strip() == one.base


def test_settings_of_the_user_count(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Lee",
    }
    git = Git(repository.folder, environ)
    assert git.run("config", "user.name") == b"Lee\n"
    assert git.without_filters().run("config", "user.name") == b"Lee\n"


def test_git_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "SECONDS_MAX", 0.2)
    repository = Repository(tmp_path / "repository")
    reader, writer = os.pipe()  # nothing is written, and nobody closes it
    with (
        os.fdopen(reader, "rb") as never,
        pytest.raises(GitFailed, match="took longer"),
        Git(repository.folder).stream("cat-file", "--batch", given=never) as out,
    ):
        out.read()
    os.close(writer)


def test_output_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "OUTPUT_BYTES_MAX", 10)
    repository = Repository(tmp_path / "repository")
    with pytest.raises(GitFailed, match="more than"):
        Git(repository.folder).run("rev-parse", "HEAD")


def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    with pytest.raises(GitFailed) as failure:
        Git(tmp_path, {"PATH": str(tmp_path)}).run("version")
    assert failure.value.exit_code is None
