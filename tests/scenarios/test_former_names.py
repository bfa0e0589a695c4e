"""A stack, or an environment, gets another name in the file: nothing is created twice, and the ways
out work as printed.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, begin, call

HEAD = "version: 1\nstack: shop\n"
BODY = """\
defaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}}
instances: {a: {}, b: {description: user text}}
"""
DEV = "environments: {dev: {}}\n"
PROD = "environments: {prod: {}}\n"


@pytest.fixture(autouse=True)
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(monkeypatch, tmp_path)


def write(text: str, file: str = "web.yaml") -> None:
    Path(file).write_text(text, encoding="utf-8")


def servers() -> int:
    """How many servers the local cloud has."""
    world = json.loads(next(Path().rglob("world.json")).read_text(encoding="utf-8"))
    return len(world["instances"])


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code, out, err = call(capsys, *words)
    return code, out + err


def pasted(said: str, begins: str) -> str:
    """The line of a hint that begins so, as somebody would paste it."""
    return next(line.strip() for line in said.splitlines() if line.strip().startswith(begins))


EDITS = [
    ("another stack name", HEAD + BODY, HEAD.replace("shop", "store") + BODY, (), ()),
    ("environments added", HEAD + BODY, HEAD + DEV + BODY, (), ("--env", "dev")),
    ("environments removed", HEAD + DEV + BODY, HEAD + BODY, ("--env", "dev"), ()),
    (
        "environment renamed",
        HEAD + DEV + BODY,
        HEAD + PROD + BODY,
        ("--env", "dev"),
        ("--env", "prod"),
    ),
]
parameters = pytest.mark.parametrize(
    ("before", "after", "was", "now"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS]
)


@parameters
def test_another_name_stops_everything_until_the_state_is_moved(
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    was: tuple[str, ...],
    now: tuple[str, ...],
) -> None:
    write(before)
    assert run(capsys, "apply", "web.yaml", "--yes", *was, *SCALE)[0] == 0
    write(after)
    applies: tuple[tuple[str, ...], ...] = (
        ("apply", "--yes", *SCALE),
        ("destroy", "--yes", "--accept", "delete", *SCALE),
    )
    for command in (("plan",), ("drift",), ("recover",), *applies):
        code, said = run(capsys, command[0], "web.yaml", *command[1:], *now)
        assert code == 4 and "error[former-name]" in said and "instances.a" in said, command
        assert servers() == 2
    for words in (("show",), ("state", "list")):
        code, said = run(capsys, *words, "--stack", "web.yaml", *now)
        assert code == 0 and "error[former-name]" in said
    code, said = run(capsys, "doctor", "--stack", "web.yaml", *now)
    assert code == 4 and "error[former-name]" in said
    subprocess.run(pasted(said, "mv "), shell=True, check=True)
    code, said = run(capsys, "plan", "web.yaml", *now, "--detailed-exitcode")
    assert code == 0 and "notice[former-name]" in said
    assert run(capsys, "apply", "web.yaml", "--yes", *now, *SCALE)[0] == 0
    code, said = run(capsys, "plan", "web.yaml", *now, "--detailed-exitcode")
    assert code == 0 and "former" not in said
    assert servers() == 2
    assert run(capsys, "destroy", "web.yaml", "--yes", "--accept", "delete", *now, *SCALE)[0] == 0
    assert servers() == 0


@parameters
def test_a_folder_that_is_there_already_is_put_aside(
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    was: tuple[str, ...],
    now: tuple[str, ...],
) -> None:
    write(after)
    assert run(capsys, "apply", "web.yaml", "--yes", *now, *SCALE)[0] == 0
    assert run(capsys, "destroy", "web.yaml", "--yes", "--accept", "delete", *now, *SCALE)[0] == 0
    write(before)
    assert run(capsys, "apply", "web.yaml", "--yes", *was, *SCALE)[0] == 0
    write(after)
    code, said = run(capsys, "plan", "web.yaml", *now)
    assert code == 4
    subprocess.run(pasted(said, "mv "), shell=True, check=True)
    assert run(capsys, "plan", "web.yaml", *now, "--detailed-exitcode")[0] == 0


def test_another_stack_with_the_same_addresses_is_reported_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(HEAD + BODY)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + BODY)
    code, said = run(capsys, "apply", "web.yaml", "--yes", *SCALE)
    assert code == 4
    accepts = pasted(said, "--accept ").split()
    assert run(capsys, "apply", "web.yaml", "--yes", *accepts, *SCALE)[0] == 0
    assert servers() == 4
    assert run(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0


def test_stacks_and_environments_that_files_name_live_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    two = "environments: {dev: {}, prod: {}}\n"
    write(HEAD + two + BODY)
    write(HEAD.replace("shop", "store") + BODY, "other.yaml")
    for words in (("web.yaml", "--env", "dev"), ("web.yaml", "--env", "prod"), ("other.yaml",)):
        assert run(capsys, "apply", *words, "--yes", *SCALE)[0] == 0
    assert servers() == 6


def test_an_environment_that_left_the_file_is_listed_shown_and_destroyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(HEAD + "environments: {dev: {}, prod: {}}\n" + BODY)
    assert run(capsys, "apply", "web.yaml", "--env", "dev", "--yes", *SCALE)[0] == 0
    write(HEAD + PROD + BODY)
    at = ("--stack", "web.yaml", "--env", "dev")
    for command in (("show",), ("show", "instances.a"), ("state", "list")):
        code, said = run(capsys, *command, *at)
        assert code == 0 and "instances.a" in said
    assert "shop/dev" in run(capsys, "doctor", "--stack", "web.yaml")[1]
    assert run(capsys, "plan", "web.yaml", "--env", "dev")[0] == 64
    assert (
        run(capsys, "destroy", "web.yaml", "--env", "dev", "--yes", "--accept", "delete", *SCALE)[0]
        == 0
    )
    assert servers() == 0
    assert run(capsys, "show", "--stack", "web.yaml", "--env", "nowhere")[0] == 64


def test_marked_objects_of_a_former_environment_stop_a_run_without_any_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(HEAD + BODY)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    for file in next(Path().rglob("state.json")).parent.iterdir():
        if file.is_file():
            file.unlink()
    write(HEAD + DEV + BODY)
    code, said = run(capsys, "apply", "web.yaml", "--env", "dev", "--yes", *SCALE)
    assert code == 4 and "error[former-name]" in said and "without an environment" in said
    assert servers() == 2


def test_a_copied_folder_is_refused_still(capsys: pytest.CaptureFixture[str]) -> None:
    write(HEAD + BODY)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + BODY)
    code, said = run(capsys, "plan", "web.yaml")
    subprocess.run(pasted(said, "mv ").replace("mv ", "cp -r "), shell=True, check=True)
    for command in (("plan",), ("apply", "--yes", *SCALE)):
        code, said = run(capsys, command[0], "web.yaml", *command[1:])
        assert code == 1 and "this folder contains the state of shop" in said
