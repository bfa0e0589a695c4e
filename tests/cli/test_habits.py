"""Habits from other tools: where the stack is named, several stacks, words of Terraform and Pulumi,
colors and widths.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from reconciler.cli import option_types
from reconciler.cli.console import is_colored
from reconciler.cli.program import program, run
from tests.cli.sessions import SCALE, SCHEMAS, WEB, apply, begin, call

PART = "block_storages: {data: {type: ssd, size: 10, instance: web}}\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {"web.yaml": WEB, "shop/main.yaml": WEB, "shop/disks.yaml": PART}
    begin(monkeypatch, tmp_path, {**files, "bad.yaml": WEB.replace("flavor:", "flavour:")})


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """All commands of the program, by their words."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        here = (*path, name)
        found += commands(command, *here) if isinstance(command, click.Group) else [here]
    return found


def command_of(words: tuple[str, ...]) -> click.Command:
    found: click.Command = program
    for word in words:
        assert isinstance(found, click.Group)
        step = found.get_command(click.Context(found), word)
        assert step is not None
        found = step
    return found


WITHOUT_STACK = {"init", "explain", "completion", "simulator serve", "schema", "fmt"}
WITHOUT_STACK |= {"ci plan", "ci apply", "ci approve"}  # they are about a pull request
MANY_ARGUMENTS = {"adopt", "absorb", "simulator do", "state move"}


@pytest.mark.parametrize("words", commands(program), ids=" ".join)
def test_stack_is_the_last_argument_and_an_option_of_every_command(words: tuple[str, ...]) -> None:
    command = command_of(words)
    arguments = [item for item in command.params if isinstance(item, click.Argument)]
    spellings = [name for item in command.params for name in item.opts]
    if " ".join(words) in WITHOUT_STACK:
        return

    assert "--stack" in spellings
    if " ".join(words) not in MANY_ARGUMENTS:
        assert arguments[-1].name in ("stack", "stacks")


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("show", "instances.web"),
        ("output",),
        ("output", "ip"),
        ("state", "list"),
        ("state", "unlock"),
        ("recover",),
        ("doctor",),
        ("bill",),
        ("graph",),
        ("drift",),
        ("plan",),
        ("validate",),
        ("catalog", "zones"),
        ("simulator", "world"),
    ],
    ids=" ".join,
)
def test_the_stack_is_named_in_the_same_two_ways(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    apply(capsys)

    by_argument = call(capsys, *command, "web.yaml")
    by_option = call(capsys, *command, "--stack", "web.yaml")

    assert by_argument[0] == by_option[0] == 0
    assert _without_times(by_argument[1]) == _without_times(by_option[1])


def _without_times(text: str) -> str:
    return re.sub(r"\d+", "0", text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("shop/", True),
        ("./shop", True),
        ("..", True),
        ("web.yaml", True),
        ("a/b", True),
        ("web", False),
        ("instances.web", False),
        ('instances.web["a/b"]', False),
        ("plans/prod.plan", False),
    ],
)
def test_a_path_is_known_by_its_spelling(text: str, path: bool) -> None:
    assert option_types.is_path(text) is path


@pytest.mark.parametrize("words", [("output",), ("show",), ("absorb", "firewalls.web")])
def test_a_folder_beside_no_stack_file_is_the_stack(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(capsys, "apply", "shop", "--yes", *SCALE)[0] == 0
    for path in Path().glob("*.yaml"):
        path.unlink()
    code, out, err = call(capsys, *words, "shop")

    assert code == 0 and "error" not in out + err


def test_a_saved_plan_is_shown_with_its_warnings_and_the_command_that_applies_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = WEB.replace("ssh_keys: [deploy]", "ssh_keys: []")
    Path("shop/main.yaml").write_text(text, encoding="utf-8")
    assert call(capsys, "plan", "shop/", "--out", "shop.plan")[0] == 0
    out = call(capsys, "show", "shop.plan")[1]

    assert "reconciler apply --plan shop.plan shop --simulate" in out
    assert "warning[no-login]" in out
    assert call(capsys, "apply", "--plan", "shop.plan", "shop", "--yes", *SCALE)[0] == 0


def test_several_stacks_are_planned_together(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", "web.yaml", "bad.yaml", "shop/", "--detailed-exitcode")

    assert code == 1 and "flavour" in out
    assert "web.yaml:11" in out and "main.yaml:11" in out and "disks.yaml:1" in out


def test_validate_reports_the_mistakes_of_all_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "validate", "web.yaml", "bad.yaml", "shop")

    assert code == 1 and "bad.yaml:13" in out and "web.yaml" not in out


@pytest.mark.parametrize(
    "named", [("shop/main.yaml", "shop/disks.yaml"), ("shop/disks.yaml",), ("shop/main.yaml",)]
)
def test_a_file_that_is_part_of_a_stack_is_checked_with_its_folder(
    named: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "validate", *named)

    assert (code, out.strip()) == (0, "shop: no errors")


def test_a_component_alone_is_no_stack_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    Path("part.yaml").write_text("component: web\n", encoding="utf-8")

    code, out, _ = call(capsys, "validate", "part.yaml")

    assert code == 0 and out.startswith("no stack to check")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("apply -auto-approve", "`-auto-approve` is --yes here"),
        ("apply --auto-approve", "`--auto-approve` is --yes here"),
        ("plan -target=instances.web", "`-target` is --only ADDRESS here"),
        ("plan -refresh-only", "`-refresh-only` is the command `reconciler drift` here"),
        ("plan -var x=y", "write --var, with two dashes"),
        ("plan -out=prod.plan", "write --out, with two dashes"),
        ("plan -help", "write --help, with two dashes"),
        ("plan -lock=false", "leave it out: apply always takes the lock, and plan never does"),
        ("fmt -recursive", "leave it out: all files of the stack are formatted"),
        ("state rm instances.web", "`state rm` is `reconciler state forget ADDRESS` here"),
        ("taint instances.web", "`taint` is `reconciler apply --replace ADDRESS` here"),
        ("preview", "`preview` is `reconciler plan` here"),
        ("up", "`up` is `reconciler apply` here"),
        ("plam", "reconciler --help"),
    ],
)
def test_words_of_other_tools_are_pointed_to_the_word_here(
    line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # not `call`: the hints have words in capitals, so they cannot be pasted
    assert run(line.split()) == 64
    assert f"    hint: {hint}\n" in capsys.readouterr().err


def test_an_unknown_option_is_named_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "-compact-warnings"]) == 64
    assert "there is no option -compact-warnings\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "apply", "validate", "ls"])
def test_a_saved_plan_in_place_of_the_stack_is_recognized(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "prod.plan"]) == 64
    assert "write `reconciler apply --plan prod.plan`" in capsys.readouterr().err


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["state"]) == 64

    shown = capsys.readouterr()
    assert "\nCommands:\n  check " in shown.err and not shown.out


def test_a_folder_is_the_stack_of_output_if_the_current_one_has_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in tmp_path.glob("*.yaml"):
        file.unlink()

    assert call(capsys, "output", "shop")[0] == 0


def test_a_value_is_never_part_of_the_pointer(capsys: pytest.CaptureFixture[str]) -> None:
    run(["plan", "-var=password=hunter2"])

    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "colored"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "0"}, False, False),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_color_follows_the_option_then_the_environment_then_the_terminal(
    choice: str, environ: Mapping[str, str], terminal: bool, colored: bool
) -> None:
    assert is_colored(choice, environ, terminal=terminal) is colored


@pytest.mark.parametrize(
    ("arguments", "environ", "colored"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        (("--no-color",), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_a_pipe_gets_color_and_a_width_only_if_asked(
    arguments: tuple[str, ...], environ: Mapping[str, str], colored: bool, tmp_path: Path
) -> None:
    own = {"PYTHONPATH": str(SCHEMAS.parent), "RECONCILER_SIMULATE": "1", "HOME": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan", "web.yaml", *arguments, *SCALE],
        env={**own, **environ, "COLUMNS": "72"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert ("\x1b[" in shown) is colored
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 72
