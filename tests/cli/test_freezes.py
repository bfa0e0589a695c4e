"""`freeze` and `unfreeze`: what they hold back, what everybody sees of them, and the way past."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, WEB, apply, begin, call, validator

AT = ("--stack", "web.yaml")
REASON = ("--reason", "감사 until Friday")
PROD = WEB.replace("stack: shop", "stack: net") + "environments: {prod: {}, test: {}}\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def world(capsys: pytest.CaptureFixture[str]) -> str:
    out = call(capsys, "simulator", "world", *AT)[1]
    return "".join(line for line in out.splitlines() if not line.startswith("time:"))


def test_a_frozen_stack_is_shown_as_that_and_not_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    code, out, _ = call(capsys, "freeze", "web.yaml", *REASON)
    assert code == 0 and "shop: frozen: 감사 until Friday" in out
    before = world(capsys)

    Path("web.yaml").write_text(WEB.replace("443", "8443"), "utf-8")
    code, out, _ = call(capsys, "plan", "web.yaml")
    assert code == 0 and "warning[frozen]  shop is frozen since " in out
    assert "reconciler apply" not in out, "an apply would be refused"
    assert "warning[frozen]" in call(capsys, "drift", "web.yaml")[1]
    assert "warning[frozen]" in call(capsys, "ls", "web.yaml")[2]
    assert "warning[frozen]" in call(capsys, "state", "list", "web.yaml")[1]
    refused = [
        apply(capsys),
        call(capsys, "destroy", "web.yaml", "--yes", "--accept", "delete", *SCALE),
        call(capsys, "server", "reboot", "instances.web", *AT, "--yes", "--accept", "downtime"),
        call(capsys, "server", "stop", "instances.web", *AT, "--yes", "--accept", "downtime"),
    ]
    for code, _, err in refused:
        assert code == 4 and "error[frozen]  shop is frozen since " in err
    assert world(capsys) == before

    assert "shop: unfrozen" in call(capsys, "unfreeze", "web.yaml")[1]
    assert "frozen" not in call(capsys, "plan", "web.yaml")[1]
    assert apply(capsys)[0] == 0


def test_a_reason_lets_one_run_pass_and_is_kept_in_the_history(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call(capsys, "freeze", "web.yaml", *REASON)
    code, _, err = apply(capsys, "--accept", "frozen", "--reason", "hotfix 412")
    assert code == 0, err
    assert apply(capsys)[0] == 0, "there is nothing to do"
    stop = ("server", "stop", "instances.web", *AT, "--yes", "--accept", "downtime", *SCALE)
    assert call(capsys, *stop)[0] == 4
    assert call(capsys, *stop, "--accept", "frozen", "--reason", "it is on fire")[0] == 0
    call(capsys, "unfreeze", "web.yaml")

    out = call(capsys, "state", "history", "web.yaml")[1]
    told = ("감사 until Friday", "hotfix 412", "it is on fire", "unfrozen")
    assert sorted(told, key=out.index) == ["unfrozen", "it is on fire", "hotfix 412", told[0]]
    found = json.loads(call(capsys, "state", "history", "web.yaml", "--format", "json")[1])
    validator("history").validate(found)
    assert "frozen" not in found["states"][0]
    assert [each["reason"] for each in found["states"][1]["frozen"]["overrides"]] == [
        "hotfix 412",
        "it is on fire",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("apply", "web.yaml", "--accept", "frozen"), "--accept frozen needs --reason TEXT"),
        (("apply", "web.yaml", "--accept", "frozen", "--reason", " "), "needs --reason TEXT"),
        (("apply", "web.yaml", "--reason", "x"), "--reason is for --accept frozen"),
        (("plan", "web.yaml", "--accept", "frozen"), "not by a plan"),
        (("freeze", "web.yaml"), "Missing option '--reason'"),
        (("freeze", "web.yaml", "--reason", " "), "--reason must have 1 to 500 characters"),
        (("freeze", "web.yaml", "--reason", "x" * 501), "1 to 500 characters"),
    ],
)
def test_a_freeze_without_a_reason_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 64 and message in err
    assert not Path("state").exists()


def test_a_stack_is_frozen_in_all_its_environments_or_in_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("web.yaml").write_text(PROD, "utf-8")
    code, out, _ = call(capsys, "freeze", "web.yaml", "--env", "prod", *REASON)
    assert code == 0 and "net/prod: frozen" in out and "net/test" not in out
    out = call(capsys, "freeze", "web.yaml", "--reason", "all of it")[1]
    assert "net/prod: already frozen since " in out and "net/test: frozen: all of it" in out
    code, out, _ = call(capsys, "unfreeze", "web.yaml", "--format", "json")
    document = json.loads(out)
    validator("freezes").validate(document)
    assert [(each["environment"], each["changed"]) for each in document["stacks"]] == [
        ("prod", True),
        ("test", True),
    ]
    assert call(capsys, "unfreeze", "web.yaml")[1].count("was not frozen") == 2
    code, _, err = call(capsys, "freeze", "web.yaml", "--env", "none", *REASON)
    assert code == 64 and "error[environment]" in err


def test_a_stack_that_cannot_be_frozen_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("broken.yaml").write_text("version: 1\n", "utf-8")
    code, out, err = call(capsys, "freeze", "broken.yaml", "web.yaml", "none.yaml", *REASON)
    assert code == 1 and "shop: frozen" in out
    assert "does not name its stack" in err and "none.yaml" in err


def test_an_undo_returns_to_before_the_last_apply_and_not_to_the_freeze(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    Path("web.yaml").write_text(WEB.replace("443", "8443"), "utf-8")
    apply(capsys)
    call(capsys, "freeze", "web.yaml", *REASON)
    assert "443" in call(capsys, "plan", "web.yaml", "--undo")[1]


def test_a_push_keeps_the_freeze_of_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    copy = call(capsys, "state", "pull", "web.yaml")[1]
    call(capsys, "freeze", "web.yaml", *REASON)
    state = Path("state/.simulator/shop/state.json")
    assert json.loads(state.read_text("utf-8"))["format"] == 3
    assert json.loads(copy)["format"] == 1 and "frozen" not in json.loads(copy)
    Path("copy.json").write_text(call(capsys, "state", "pull", "web.yaml")[1], "utf-8")
    assert call(capsys, "state", "push", "copy.json", *AT, "--yes")[0] == 0
    assert "warning[frozen]" in call(capsys, "plan", "web.yaml")[1]


def test_a_frozen_stack_of_several_is_held_back_and_the_others_are_applied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("net.yaml").write_text(WEB.replace("stack: shop", "stack: net"), "utf-8")
    call(capsys, "freeze", "net.yaml", *REASON)
    arguments = ("apply", "net.yaml", "web.yaml", "--yes", *SCALE)
    code, _, err = call(capsys, *arguments)
    assert code == 4 and "net is frozen since " in err
    assert not json.loads(Path("state/.simulator/net/state.json").read_text("utf-8"))["entries"]
    assert json.loads(Path("state/.simulator/shop/state.json").read_text("utf-8"))["entries"]
    assert call(capsys, *arguments, "--reason", "x")[0] == 64
    code, _, err = call(capsys, *arguments, "--accept", "frozen", "--reason", "hotfix 412")
    assert code == 0, err
    assert "hotfix 412" in call(capsys, "state", "history", "net.yaml")[1]
