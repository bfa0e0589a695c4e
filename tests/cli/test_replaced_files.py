"""A file of the user is replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.commands.saved_plans.plan_file import put_file, replace_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file, beside links under the names that a draft may have."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in (".a.yaml.new", "a.yaml.new", ".a.yaml", ".a.yaml.tmp"):
        (tmp_path / name).symlink_to(victim)
    found = tmp_path / "a.yaml"
    found.write_text("old")
    found.chmod(0o640)
    return found


def test_the_file_is_replaced_and_no_link_is_followed(file: Path) -> None:
    before = sorted(file.parent.iterdir())
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert not file.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert (file.parent / "victim").read_text() == "precious"
    assert sorted(file.parent.iterdir()) == before


@pytest.mark.parametrize("failure", [OSError("full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise failure

    before = sorted(file.parent.iterdir())
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(failure)):
        replace_file(file, b"new")
    assert file.read_text() == "old"
    assert sorted(file.parent.iterdir()) == before


def test_a_read_only_file_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everything
    with pytest.raises(PermissionError):
        replace_file(file, b"new")
    assert file.read_text() == "old"


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    put_file(link, b"new")
    assert link.is_symlink() and file.read_bytes() == b"new"


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    pipe, folder, link = tmp_path / "pipe", tmp_path / "folder", tmp_path / "link"
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(pipe)  # as /dev/stdout is one
    before = sorted(tmp_path.iterdir())
    for path in (pipe, link, folder):
        with pytest.raises(OSError, match=r"not a regular file|a folder"):
            put_file(path, b"new")
    assert sorted(tmp_path.iterdir()) == before and pipe.is_fifo() and link.is_symlink()
