"""Several stacks in one run, at the command line: --all, several STACKs, --changed-since, --env."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import state_places
from reconciler.cli.completion import answer
from reconciler.cli.many import chosen_stacks
from reconciler.cli.program import program
from reconciler.cli.subcommands.project import watch_command
from tests.cli.sessions import SCALE, begin, call, validator

PROJECT = """\
version: 1
project: shop-infra
stacks:
  network: {path: network, environments: [staging, prod]}
  shop: {path: shop, environments: [staging, prod], promote: {prod: staging}}
  mail: {path: mail}
"""
NETWORK = """\
version: 1
stack: network
environments: {staging: , prod: }
firewalls: {gate: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}}}}
outputs: {range: {value: 10.1.0.0/16}, gate: {value: "${firewalls.gate.id}"}}
"""
SHOP = """\
version: 1
stack: shop
environments: {staging: , prod: }
stacks: {network: {path: ../network, env: "${env.name}"}}
firewalls: {app: {rules: {in: {direction: in, protocol: tcp, ports: 80, cidr: "${stacks.network.outputs.range}"}}}}
outputs: {gate: {value: "${stacks.network.outputs.gate}"}}
"""
MAIL = """\
version: 1
stack: mail
firewalls: {post: {rules: {smtp: {direction: in, protocol: tcp, ports: 25, cidr: 203.0.113.0/24}}}}
"""
FILES = {
    "reconciler.yaml": PROJECT,
    "network/stack.yaml": NETWORK,
    "shop/stack.yaml": SHOP,
    "mail/stack.yaml": MAIL,
}
ALL = ["network/staging", "network/prod", "mail", "shop/staging", "shop/prod"]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, FILES)


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON document of a command, checked against its schema."""
    found: dict[str, Any] = json.loads(call(capsys, *arguments, "--format", "json")[1])
    validator(found["type"]).validate(found)
    return found


def titles(found: dict[str, Any]) -> list[str]:
    return [each["title"] for each in found["stacks"]]


def git(*arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def test_all_stacks_are_planned_in_order_with_one_reading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = document(capsys, "plan", "--all")

    assert titles(found) == ALL and found["project"] == "shop-infra"
    assert found["order"] == [
        ["network/staging", "network/prod", "mail"],
        ["shop/staging"],
        ["shop/prod"],
    ]
    shop = found["stacks"][-1]
    assert shop["needs"] == ["network/prod", "network/staging", "shop/staging"]
    assert shop["after"] == ["network/prod"] and shop["plan"]["id"] is None
    assert found["summary"]["stacks"]["changed"] == 5 and found["exit_code"] == 0
    assert found["stacks"][0]["plan"]["id"] is not None


def test_text_and_comment_name_every_stack_once_in_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "plan", "--all", "--detailed-exitcode")
    assert code == 2 and "Plan for 5 stacks of project shop-infra, on the local cloud" in out
    assert "Provisional until network/prod is applied; planned again then." in out
    assert "5 stacks: 5 with changes, 0 unchanged." in out
    assert "To apply these plans:\n  reconciler apply --all --simulate" in out
    code, out, _ = call(capsys, "plan", "--all", "--format", "markdown")
    assert code == 0 and out.startswith("### Plan for project `shop-infra`: 5 of 5 stacks")


def test_env_takes_only_that_environment_of_each_stack(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "plan", "--all", "--env", "prod")

    assert titles(found) == ["network/prod", "shop/prod"] and found["environment"] == "prod"


def test_several_named_stacks_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "plan", "shop", "network", "--env", "prod")
    assert titles(found) == ["network/prod", "shop/prod"]
    assert titles(document(capsys, "drift", "shop/stack.yaml", "mail")) == [
        *("mail", "shop/staging", "shop/prod")
    ]


def test_a_stack_of_the_project_can_be_named_by_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("net").mkdir()
    Path("network/stack.yaml").rename("net/stack.yaml")
    Path("shop/stack.yaml").write_text(SHOP.replace("../network", "../net"))
    Path("reconciler.yaml").write_text(PROJECT.replace("path: network", "path: net"))
    Path("network").rmdir()

    assert document(capsys, "plan", "network", "--env", "prod")["stack"] == "network"
    assert titles(document(capsys, "plan", "network", "shop", "--env", "prod")) == [
        *("network/prod", "shop/prod")
    ]
    assert call(capsys, "freeze", "network", "--env", "prod", "--reason", "audit")[0] == 0
    code, _, err = call(capsys, "plan", "nothing")
    assert code == 1 and "nothing does not exist" in err


def test_the_stacks_of_a_project_share_one_local_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    for environment in ("staging", "prod"):
        arguments = ("apply", "network", "--env", environment, "--yes", *SCALE)
        assert call(capsys, *arguments)[0] == 0
    assert Path("state/.simulator/world.json").is_file() and not Path("network/state").exists()

    found = document(capsys, "plan", "--all")
    by_title = {each["title"]: each for each in found["stacks"]}
    assert by_title["network/prod"]["status"] == "unchanged"
    assert by_title["shop/prod"]["after"] == []
    outputs = document(capsys, "output", "--all")
    assert set(outputs["stacks"][1]["outputs"]) == {"range", "gate"}
    code, out, _ = call(capsys, "output", "range", "--all")
    assert code == 0 and out.startswith("network/staging\n  range = 10.1.0.0/16\n\nnetwork/prod\n")
    names = call(capsys, "ls", "network", "mail", "-o", "name")[1]
    assert "network/prod:firewalls.gate\n" in names and "mail:firewalls.post\n" in names
    listed = document(capsys, "ls", "network", "mail")
    assert listed["stacks"] == ["network/staging", "network/prod", "mail"]
    assert listed["calls"] <= 2 and listed["stack"] is None


def test_stacks_of_a_project_with_equal_addresses_are_not_taken_for_former_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mail/stack.yaml").write_text(MAIL.replace("post:", "gate:"), encoding="utf-8")
    assert call(capsys, "apply", "mail", "--yes", *SCALE)[0] == 0

    found = document(capsys, "plan", "network", "--env", "prod", *SCALE)
    assert [each["action"] for each in found["changes"] if each["address"] == "firewalls.gate"] == [
        "create"
    ]


def test_stacks_that_were_never_applied_have_no_drift(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "drift", "--all")

    assert code == 0 and "5 stacks: 0 with drift, 5 without." in out


def test_the_stacks_of_a_project_use_one_connection_to_a_database() -> None:
    environ = {"RECONCILER_STATE": "postgresql://127.0.0.1:9/states"}
    with state_places.open_places():
        places = [
            state_places.place_of(Path(name), environ, simulated=False)
            for name in ("network", "shop", "mail", "mail/stack.yaml")
        ]
    assert places[0] is places[1] is places[2] is not places[3]


def test_a_stack_with_errors_fails_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mail/stack.yaml").write_text(MAIL.replace("ports:", "port:"), encoding="utf-8")
    code, out, _ = call(capsys, "plan", "--all")

    assert code == 1 and "mail: no plan, 1 error" in out and "unknown-key" in out
    assert "5 stacks: 1 failed, 4 with changes, 0 unchanged." in out
    found = document(capsys, "drift", "--all")
    statuses = {each["title"]: each["status"] for each in found["stacks"]}
    assert statuses["mail"] == "failed" and statuses["network/prod"] == "unchanged"
    assert found["exit_code"] == 1 and found["command"] == "drift"


def test_only_what_changed_since_a_commit_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    code, out, _ = call(capsys, "plan", "--changed-since", "HEAD")
    assert (code, out) == (0, "No stack: no file of a stack changed.\n")
    assert titles(document(capsys, "plan", "--changed-since", "HEAD")) == []
    assert call(capsys, "validate", "--changed-since", "HEAD")[1].startswith("no stack to check")

    Path("mail/more.yaml").write_text("firewalls: {more: {}}\n", encoding="utf-8")
    assert titles(document(capsys, "plan", "--changed-since", "HEAD")) == ["mail"]
    with Path("network/stack.yaml").open("a", encoding="utf-8") as file:
        file.write("# a remark\n")
    git("commit", "-qam", "second")
    found = document(capsys, "plan", "--changed-since", "HEAD~1", "--env", "prod")
    assert titles(found) == ["network/prod", "shop/prod"]


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD; touch x", ""])
def test_a_commit_that_does_not_exist_is_refused(
    revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    git("init", "-q")
    code, _, err = call(capsys, "plan", f"--changed-since={revision}")

    assert code == 64 and "--changed-since" in err and not Path("x").exists()


def test_without_a_repository_changes_are_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "plan", "--changed-since", "HEAD")

    assert code == 64 and "git" in err and "hint: " in err


def test_validate_all_reports_mistakes_between_stacks_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("reconciler.yaml").write_text(
        PROJECT.replace("path: mail", "path: post"), encoding="utf-8"
    )
    Path("network/stack.yaml").write_text(NETWORK + "wrong: 1\n", encoding="utf-8")
    found = document(capsys, "validate", "--all")

    messages = [each["message"] for each in found["problems"] if each["severity"] == "error"]
    assert any("post" in each for each in messages) and any("wrong" in each for each in messages)
    assert found["exit_code"] == 1


def test_all_needs_a_project_that_lists_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reconciler.yaml").write_text("version: 1\nproject: a\n", encoding="utf-8")
    code, _, err = call(capsys, "plan", "--all")
    assert code != 0 and "lists no stacks" in err
    Path("reconciler.yaml").unlink()
    code, _, err = call(capsys, "ls", "--all")
    assert code != 0 and "there is no reconciler.yaml" in err


def test_all_and_a_stack_are_refused_together(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "plan", "--all", "mail")

    assert code == 64 and "--all takes every stack of the project" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--all", "--out", "a.plan"),
        ("plan", "--all", "--undo", "1"),
        ("ls", "--all", "--account"),
        ("output", "--all", "--inventory", "ansible"),
        ("output", "--all", "--format", "env"),
    ],
    ids=" ".join,
)
def test_an_option_for_one_stack_is_refused_with_several(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, *arguments)

    assert code == 64 and "takes one stack" in err and not Path("a.plan").exists()


def test_each_plan_is_saved_unless_it_is_provisional(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "plan", "--all", "--env", "prod", "--save")

    assert code == 0 and err.count("Saved as plan ") == 1
    assert "the plan of shop/prod is not saved: it is provisional until network/prod" in err


def test_a_repository_starts_no_program_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    # Goal: a plan of a stranger's pull request runs nothing that the repository names.
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    script = Path("watch.sh")
    script.write_text("#!/bin/sh\ntouch started\n", encoding="utf-8")
    script.chmod(0o755)
    for setting in ("core.fsmonitor", "diff.external", "core.pager"):
        git("config", setting, str(script.resolve()))
    Path("메일.yaml").write_text("", encoding="utf-8")
    Path("mail/메일\n.yaml").write_text("firewalls: {more: {}}\n", encoding="utf-8")

    found = document(capsys, "plan", "--changed-since", "HEAD")
    assert titles(found) == ["mail"] and not Path("started").exists()


def test_the_shell_is_offered_branches_and_the_environments_of_the_project() -> None:
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "first")
    git("branch", "topic")

    def offered(*words: str) -> list[str]:
        items = answer.offered(program, words[:-1], words[-1], os.environ)
        return [item.value for item in items]

    assert offered("plan", "--changed-since", "") == ["main", "topic"]
    assert offered("plan", "--all", "--env", "") == ["staging", "prod"]
    assert "--all" in offered("validate", "--a") and "--changed-since" in offered("ls", "--c")


@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "drift", "ls", "output", "watch"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_run_without_any_stack_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, form: str
) -> None:
    monkeypatch.setattr(chosen_stacks, "_selected", lambda *given: ((), []))
    every = ("--every", "1m") if command == "watch" else ()
    monkeypatch.setattr(watch_command, "_sleep", _interrupted)
    code, out, _ = call(
        capsys, command, "--changed-since", "HEAD", *SCALE, "--format", form, *every
    )
    assert code == 0 and "destroy" not in out
    is_lines = command in ("apply", "destroy", "watch")
    assert form == "text" or isinstance(json.loads(out.splitlines()[-1] if is_lines else out), dict)


def _interrupted(seconds: float) -> None:
    raise KeyboardInterrupt
