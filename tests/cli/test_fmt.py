"""`fmt` at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.program import program

BEFORE = "version: 1\nstack: shop\noutputs:\n    ip: {value: 1}   # 주소\n"
AFTER = "version: 1\nstack: shop\n\noutputs:\n  ip: {value: 1}   # 주소\n"


def run(*arguments: str, text: str | bytes | None = None) -> tuple[int, str]:
    """The exit code and the output of `fmt`."""
    found = CliRunner().invoke(program, ["fmt", *arguments], input=text, standalone_mode=False)
    if found.exception is not None:
        raise found.exception
    return int(found.return_value), found.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that is not in canonical layout, and a component outside of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "stack.yaml").write_text(BEFORE)
    return tmp_path / "shop"


def test_a_file_is_rewritten_once(folder: Path) -> None:
    (folder / "stack.yaml").chmod(0o640)
    assert run("shop") == (0, "changed shop/stack.yaml\n")
    assert (folder / "stack.yaml").read_text() == AFTER
    assert (folder / "stack.yaml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in folder.iterdir()] == ["stack.yaml"]
    assert run("shop") == (0, "nothing to change\n")


def test_check_writes_nothing_and_exits_2(folder: Path) -> None:
    assert run("--check", "shop") == (2, "would change shop/stack.yaml\n")
    assert (folder / "stack.yaml").read_text() == BEFORE
    assert run("--check", "shop/stack.yaml")[0] == 2


def test_diff_shows_the_changes(folder: Path) -> None:
    code, output = run("--diff", "shop")
    assert code == 2
    assert "+  ip: {value: 1}   # 주소\n" in output
    assert (folder / "stack.yaml").read_text() == BEFORE


def test_standard_input_goes_to_standard_output(folder: Path) -> None:
    assert run("-", text=BEFORE) == (0, AFTER)
    assert run("-", text=AFTER) == (0, AFTER)
    assert run("-", "--check", text=BEFORE)[0] == 2


def test_standard_input_is_utf_8_and_keeps_its_line_ends(folder: Path) -> None:
    assert run("-", text=BEFORE.replace("\n", "\r\n"))[1].replace("\r\n", "\n") == AFTER
    code, output = run("-", text="a: 한\n".encode("euc-kr"))
    assert code == 1
    assert "-:1:4  error[file-encoding]" in output


def test_the_components_of_a_stack_are_formatted_with_it(folder: Path) -> None:
    part = folder.parent / "part.yaml"
    part.write_text("component: part\nparameters:\n    size: {type: string}\n")
    (folder / "stack.yaml").write_text(
        "version: 1\nstack: shop\n\ncomponents:\n  one: {use: ../part.yaml}\n"
    )
    assert run("shop") == (0, "changed shop/../part.yaml\n")
    assert part.read_text() == "component: part\n\nparameters:\n  size: {type: string}\n"


def test_a_mistake_is_shown_with_the_line_that_was_read(folder: Path) -> None:
    (folder / "stack.yaml").write_text(BEFORE + "components:\n    one: {use: missing.yaml}\n")
    code, output = run("shop")
    assert code == 1
    assert "shop/stack.yaml:6:16  error[file-missing]" in output
    assert "    6 |     one: {use: missing.yaml}\n" in output
    assert output.endswith("changed shop/stack.yaml\n")


def test_a_link_stays_a_link_and_a_mark_stays(folder: Path) -> None:
    target = folder / "real.yml"
    target.write_text("\ufeff" + BEFORE)
    link = folder / "link.yaml"
    link.symlink_to(target)
    assert run("shop/link.yaml")[0] == 0
    assert link.is_symlink()
    assert target.read_text() == "\ufeff" + AFTER


def test_a_file_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    (folder / "bad.yml").write_text("a: [1\n")
    code, output = run("shop/bad.yml", "shop/missing.yaml", "shop/stack.yaml")
    assert code == 1
    assert "yaml-syntax" in output
    assert "shop/missing.yaml does not exist" in output
    assert (folder / "stack.yaml").read_text() == AFTER
    assert (folder / "bad.yml").read_text() == "a: [1\n"


def test_what_init_writes_is_in_canonical_layout(tmp_path: Path) -> None:
    for arguments in (["init", "first"], ["init", "web", "--example", "web-tier"]):
        folder = tmp_path / arguments[1]
        arguments[1] = str(folder)
        CliRunner().invoke(program, [*arguments, "--simulate"], standalone_mode=False)
        assert run("--check", str(folder)) == (0, "nothing to change\n")
