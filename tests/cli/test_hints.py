"""Situations in which a hint with a command or an option is printed: `call` pastes it there and
runs it (`tests/hints.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import hints
from tests.cli.sessions import WEB, begin, call, write

SERVER = (
    'zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]'
)
HEAD = "version: 1\nstack: shop\n"


def stack(*instances: str, more: str = "") -> str:
    """A stack of servers, each `KEY: MORE FIELDS`."""
    rows = [
        f"  {key}: {{{SERVER}{', ' + fields if fields else ''}}}"
        for key, _, fields in (each.partition(": ") for each in instances)
    ]
    return "\n".join([f"{HEAD}instances:", *rows, more, ""])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")


def applied(capsys: pytest.CaptureFixture[str], text: str) -> None:
    write(text)
    assert call(capsys, "apply", "web.yaml", "--yes")[0] == 0


def hinted(capsys: pytest.CaptureFixture[str], hint: str, *arguments: str) -> None:
    """The command prints that hint."""
    _, out, err = call(capsys, *arguments)
    assert any(hint in found for found in hints.hints_in(out + err)), out + err


def test_the_only_server_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web"))
    call(capsys, "simulator", "do", "delete", "instance", "shop-web", "--stack", "web.yaml")
    hinted(
        capsys,
        "check the console; if it is gone: --accept gone=instances.web",
        "plan",
        "web.yaml",
    )


def test_one_server_of_six_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web: count: 6"))
    call(capsys, "simulator", "do", "delete", "instance", "shop-web-3", "--stack", "web.yaml")
    hinted(
        capsys,
        "if it is gone: --accept 'gone=instances.web[3]', or reconciler state forget --stack web.yaml",
        "plan",
        "web.yaml",
    )


def test_an_object_that_is_moved_to_an_occupied_address(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("a", "b"))
    write(stack("b", more="moved: [{from: instances.a, to: instances.b}]"))
    hinted(
        capsys,
        "forget one of them: reconciler state forget --stack web.yaml --simulate 'instances.b'",
        "plan",
        "web.yaml",
    )


def test_a_variable_without_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    write(WEB.replace("note: {type: string, default: first}", "note: {type: string}"))
    hinted(
        capsys,
        "set it with --var note=VALUE, RECONCILER_VAR_note, or a default",
        "plan",
        "web.yaml",
    )


def test_an_environment_of_a_stack_without_any(capsys: pytest.CaptureFixture[str]) -> None:
    hinted(
        capsys, "leave out --env, or define `environments:`", "plan", "web.yaml", "--env", "prod"
    )


def test_a_protected_server_that_would_be_destroyed(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web: lifecycle: {protect: true}"))
    hinted(
        capsys, "--unprotect instances.web", "destroy", "web.yaml", "--yes", "--accept", "delete"
    )


def test_a_lost_state_that_nobody_is_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web"))
    shutil.rmtree("state/.simulator/shop")
    hinted(capsys, "read what would be bound, then add --yes", "recover", "web.yaml", "--rebuild")


def test_a_saved_plan_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.plan").write_text("{}", encoding="utf-8")
    hinted(
        capsys,
        "create a new one with `plan --out FILE`",
        "apply",
        "--plan",
        "x.plan",
        "web.yaml",
        "--yes",
    )


def test_a_flavor_with_a_smaller_disk(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web").replace("std_1.2-g1", "std_4.8-g1"))
    write(stack("web"))
    hinted(capsys, "--replace instances.web creates a new instance instead", "plan", "web.yaml")


def test_a_firewall_that_cannot_be_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, WEB)
    hinted(
        capsys,
        "remove --replace firewalls.web",
        "plan",
        "web.yaml",
        "--replace",
        "firewalls.web",
    )


def test_a_plan_that_nobody_is_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    hinted(capsys, "Read the plan, then add --yes.", "apply", "web.yaml")


def test_a_server_to_reboot_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web"))
    call(capsys, "simulator", "do", "delete", "instance", "shop-web", "--stack", "web.yaml")
    hinted(
        capsys,
        "run `reconciler plan web.yaml --simulate` to see what can be done",
        "server",
        "reboot",
        "instances.web",
        "--stack",
        "web.yaml",
        "--yes",
    )


def test_a_condition_that_an_object_does_not_meet(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web"))
    write(stack("web: assert: [{check: \"${self.public_ip == 'x'}\", message: no}]"))
    hinted(
        capsys,
        "correct the condition or what it reads; to replace the object, add --replace instances.web",
        "plan",
        "web.yaml",
    )


def test_an_import_of_what_another_stack_owns(capsys: pytest.CaptureFixture[str]) -> None:
    applied(capsys, stack("web"))
    state = Path("state/.simulator/shop/state.json").read_text(encoding="utf-8")
    id = next(part for part in state.split('"') if part.startswith("INSTANCE-"))
    Path("other.yaml").write_text(
        stack(f"web: import: {id}").replace("stack: shop", "stack: other"), encoding="utf-8"
    )
    hinted(
        capsys, "if both stacks should own it: --accept shared=instances.web", "plan", "other.yaml"
    )


def test_what_another_stack_took_over(capsys: pytest.CaptureFixture[str]) -> None:
    # Goal: the stack that lost an object says who has it, and does not create it again.
    applied(capsys, stack("web"))
    Path("other.yaml").write_text(
        stack("web").replace("stack: shop", "stack: other"), encoding="utf-8"
    )
    taken = ("import", "instances.web", "shop-web", "other.yaml", "--yes")
    assert call(capsys, *taken)[0] == 4
    assert call(capsys, *taken, "--accept", "shared=instances.web")[0] == 0
    hinted(capsys, "if other took it over, replace it here by `removed:", "plan", "web.yaml")


def test_an_object_of_another_stack_that_a_recovery_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    applied(capsys, stack("web"))
    state = Path("state/.simulator/shop/state.json").read_text(encoding="utf-8")
    id = next(part for part in state.split('"') if part.startswith("INSTANCE-"))
    Path("other.yaml").write_text(
        stack("b").replace("stack: shop", "stack: other"), encoding="utf-8"
    )
    hinted(
        capsys,
        f"reconciler import --stack other.yaml --simulate instances.b {id} --accept shared=",
        *("recover", "other.yaml", "--adopt", f"instances.b={id}"),
    )


def test_the_command_for_a_server_without_its_firewall_is_not_narrowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the firewall alone is looked at; only a run over the whole stack attaches it.
    wall = (
        "firewalls: {w: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, "
        "cidr: 203.0.113.0/24}}}}"
    )
    applied(capsys, stack("web: firewall: none", more=wall))
    write(stack("web: firewall: w", more=wall))
    _, out, err = call(capsys, "apply", "web.yaml", "--only", "firewalls.w", "--yes")
    assert "has no firewall" in out + err, out + err
    assert "reconciler apply web.yaml --only" not in out + err
    assert "reconciler apply web.yaml" in out + err
