"""A stack, or an environment, gets another name in the file: nothing is created twice, and the ways
out work as printed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

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


RISKS = ("--accept", "delete", "--accept", "data-loss")


def descriptions() -> list[str]:
    """The descriptions of all objects of the stack in the local cloud, with their markers."""
    world = next(Path().rglob("world.json")).read_text(encoding="utf-8")
    found = re.findall(r'"(?:description|content)": "([^"]* rc-[a-z2-7]{12})"', world)
    return [str(text) for text in found]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code, out, err = call(capsys, *words)
    return code, out + err


def pasted(said: str, begins: str) -> str:
    """The line of a hint that begins so, as somebody would paste it."""
    return next(line.strip() for line in said.splitlines() if line.strip().startswith(begins))


def state_at(words: tuple[str, ...], stack: str) -> dict[str, Any]:
    """What the state of a stack contains; `words` name its environment."""
    name = ".".join((stack, *words[1:]))
    text = Path(f"state/.simulator/{name}/state.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


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
    before_it = state_at(was, "shop")
    rename = shlex.split(pasted(said, "reconciler state rename-"))[1:]
    assert run(capsys, *rename, "--yes")[0] == 0
    assert run(capsys, *rename, "--yes")[0] == 0, "it is done already, and may be pasted again"
    after_it = state_at(now, "store" if "store" in after else "shop")
    assert after_it["lineage"] == before_it["lineage"]
    assert (after_it["serial"], after_it["entries"]) == (
        before_it["serial"] + 1,
        before_it["entries"],
    )
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
    rename = shlex.split(pasted(said, "reconciler state rename-"))[1:]
    assert run(capsys, *rename, "--yes")[0] == 0
    assert run(capsys, "apply", "web.yaml", "--yes", *now, *SCALE)[0] == 0
    assert run(capsys, "plan", "web.yaml", *now, "--detailed-exitcode")[0] == 0
    assert servers() == 2


def test_another_stack_with_the_same_addresses_is_reported_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(HEAD + BODY)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + BODY)
    code, said = run(capsys, "apply", "web.yaml", "--yes", *SCALE)
    assert code == 4
    confirmed = shlex.split(pasted(said, "reconciler apply"))[1:]
    assert run(capsys, *confirmed, "--yes", *SCALE)[0] == 0
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
    code, said = run(capsys, "ls", "web.yaml", "--env", "dev")
    assert code == 0 and "instances.a" in said and "error" not in said
    code, said = run(capsys, "ls", "web.yaml")
    assert code == 64 and "no longer in the file, but with a state: dev" in said
    code, said = run(capsys, "validate", "web.yaml")
    assert code == 0 and "the environment dev is no longer in the file" in said
    assert "reconciler destroy web.yaml --env dev" in said
    code, said = run(capsys, "plan", "web.yaml", "--env", "dev")
    assert code == 64 and "reconciler destroy web.yaml --env dev" in said
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
    assert code == 4
    shutil.copytree("state/.simulator/shop", "state/.simulator/store")
    for command in (("plan",), ("apply", "--yes", *SCALE)):
        code, said = run(capsys, command[0], "web.yaml", *command[1:])
        assert code == 1 and "this folder contains the state of shop" in said


def test_a_folder_moved_by_hand_has_the_new_name_after_an_apply_without_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    body = BODY.replace("a: {}", "a: {description: user text}")  # no name of the stack in it
    write(HEAD + body)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + body)
    shutil.move("state/.simulator/shop", "state/.simulator/store")
    assert run(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    assert state_at((), "store")["stack"] == "store"
    assert run(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0
    assert servers() == 2


@parameters
def test_the_state_may_be_renamed_before_the_file_is_edited(
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    was: tuple[str, ...],
    now: tuple[str, ...],
) -> None:
    write(before)
    assert run(capsys, "apply", "web.yaml", "--yes", *was, *SCALE)[0] == 0
    rename = (
        ("rename-stack", "shop", "store")
        if "store" in after
        else ("rename-env", *(was[1:] or "-"), *(now[1:] or "-"))
    )
    code, said = run(capsys, "state", *rename, "web.yaml", "--yes")
    assert (code == 0 and "in the file" in said) or "from the file" in said
    for command in (("plan",), ("apply", "--yes", *SCALE)):
        code, said = run(capsys, command[0], "web.yaml", *command[1:], *was)
        assert code == 4 and "error[former-name]" in said
    back = shlex.split(pasted(said, "reconciler state rename-"))[1:]
    write(after)
    assert run(capsys, "apply", "web.yaml", "--yes", *now, *SCALE)[0] == 0
    assert run(capsys, "plan", "web.yaml", *now, "--detailed-exitcode")[0] == 0
    assert servers() == 2
    write(before)
    assert run(capsys, *back, "--yes")[0] == 0
    assert run(capsys, "apply", "web.yaml", "--yes", *was, *SCALE)[0] == 0
    assert run(capsys, "plan", "web.yaml", *was, "--detailed-exitcode")[0] == 0
    assert servers() == 2


def test_descriptions_follow_the_name_if_the_api_can_change_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = BODY.replace("{}, b:", "{firewall: w, description: null}, b:") + (
        "firewalls: {w: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}\n"
        "block_storages: {d: {instance: a, size: 10, type: ssd}}\n"
    )
    write(HEAD + more)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + more)
    rename = ("state", "rename-stack", "shop", "store", "web.yaml", "--yes")
    assert run(capsys, *rename)[0] == 0
    code, said = run(capsys, "plan", "web.yaml")
    assert code == 0 and "error" not in said and "warning" not in said
    assert "description shop.-.a -> store.-.a" in said and "2 to change" in said
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    code, said = run(capsys, "plan", "web.yaml", "--detailed-exitcode")
    assert code == 0 and "notice" not in said.replace("notice[no-out-rule]", "")
    texts = [text[: -len(" rc-abcdefghij23")] for text in descriptions()]
    assert sorted(texts) == ["shop.-.d", "store.-.a", "store.-.w", "user text"]
    assert run(capsys, "drift", "web.yaml", "--detailed-exitcode")[0] == 0
    assert run(capsys, "destroy", "web.yaml", "--yes", *RISKS, *SCALE)[0] == 0
    assert servers() == 0


def test_a_state_that_is_lost_after_the_rename_is_rebuilt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = BODY.replace("{description: user text}", "{}") + (
        "block_storages: {d: {instance: a, size: 10, type: ssd}}\n"
    )
    write(HEAD + more)
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + more)
    assert run(capsys, "state", "rename-stack", "shop", "store", "web.yaml", "--yes")[0] == 0
    assert run(capsys, "apply", "web.yaml", "--yes", *SCALE)[0] == 0
    shutil.rmtree("state/.simulator/store")
    code, said = run(capsys, "plan", "web.yaml")
    assert code == 4 and said.count("error[state-missing]") == 3
    assert "was created by this stack under a former name ('shop-d')" in said
    code, said = run(capsys, "recover", "web.yaml", "--rebuild", "--yes")
    assert code == 0 and "3 objects bound." in said
    assert run(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0


def test_all_environments_follow_the_name_of_their_stack(
    capsys: pytest.CaptureFixture[str],
) -> None:
    two = "environments: {dev: {}, prod: {}}\n"
    write(HEAD + two + BODY)
    for environment in ("dev", "prod"):
        assert run(capsys, "apply", "web.yaml", "--env", environment, "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + two + BODY)
    code, said = run(capsys, "state", "rename-stack", "shop", "store", "web.yaml", "--yes")
    assert code == 0 and "shop/dev -> store/dev" in said and "shop/prod -> store/prod" in said
    for environment in ("dev", "prod"):
        at = ("web.yaml", "--env", environment)
        assert run(capsys, "apply", *at, "--yes", *SCALE)[0] == 0
        assert run(capsys, "plan", *at, "--detailed-exitcode")[0] == 0
    assert servers() == 4


def test_a_name_that_is_in_use_is_refused_and_nothing_is_renamed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(HEAD + "environments: {dev: {}, prod: {}}\n" + BODY)
    for environment in ("dev", "prod"):
        assert run(capsys, "apply", "web.yaml", "--env", environment, "--yes", *SCALE)[0] == 0
    write(HEAD.replace("shop", "store") + BODY, "other.yaml")
    assert run(capsys, "apply", "other.yaml", "--yes", *SCALE)[0] == 0
    folders = sorted(path.name for path in Path("state/.simulator").iterdir())
    refused = (
        (("rename-env", "dev", "prod"), 4, "the file defines dev and prod"),
        (("rename-env", "dev", "Prod"), 64, "not a valid name"),
        (("rename-env", "nowhere", "there"), 1, "has no state in"),
        (("rename-stack", "shop", "store"), 4, "other.yaml is a stack of that name"),
        (("rename-stack", "store", "shop"), 4, "other.yaml is a stack of that name"),
        (("rename-stack", "a", "b"), 64, "the file is of the stack shop"),
        (("rename-stack", "shop", "../x"), 64, "not a valid stack name"),
    )
    for words, exit_code, text in refused:
        code, said = run(capsys, "state", *words, "web.yaml", "--yes")
        assert (code, text in said) == (exit_code, True), (words, said)
    write(HEAD + PROD + BODY)
    code, said = run(capsys, "state", "rename-env", "dev", "prod", "web.yaml", "--yes")
    assert code == 4 and "error[name-taken]" in said and "instances.a" in said
    assert sorted(path.name for path in Path("state/.simulator").iterdir()) == folders
