"""A file of the user is replaced as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.saved_plans.plan_file import replace_file


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
