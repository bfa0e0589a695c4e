"""`server rebuild`, `start` and `stop`: what they do to the world, what they ask, and what the next
plan says.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, WEB, apply, begin, call, validator

AT = ("--stack", "web.yaml")
NOTICE = "instances.web is powered off since `server stop` on "


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def act(
    capsys: pytest.CaptureFixture[str], verb: str, *options: str, address: str = "instances.web"
) -> tuple[int, str, str]:
    return call(capsys, "server", verb, address, *AT, "--yes", *options, *SCALE)


def world(capsys: pytest.CaptureFixture[str]) -> str:
    return call(capsys, "simulator", "world", *AT)[1]


def edit(old: str, new: str) -> None:
    path = Path("web.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), "utf-8")


def test_a_stop_lasts_until_a_start_and_the_next_plan_reports_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)

    code, out, _ = act(capsys, "stop", "--accept", "downtime=instances.web")
    assert code == 0 and "the power is cut" in out and "status: 'off'" in world(capsys)

    out = call(capsys, "plan", "web.yaml")[1]
    assert NOTICE in out and "No changes." in out
    assert NOTICE in call(capsys, "ls", *AT)[2]

    code, out, err = act(capsys, "stop")
    assert (code, out) == (0, "") and "is already powered off. Nothing was sent." in err
    assert act(capsys, "start")[0] == 0 and "status: active" in world(capsys)
    assert "powered-off" not in call(capsys, "plan", "web.yaml")[1]
    assert "is already running" in act(capsys, "start")[2]


def test_power_on_in_the_file_is_drift_after_a_stop_and_an_apply_starts_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    edit("firewall: web\n    desc", "firewall: web\n    power: on\n    desc")
    apply(capsys)

    out = act(capsys, "stop", "--accept", "downtime")[1]
    assert "is started again by the next apply" in out

    out = call(capsys, "plan", "web.yaml")[1]
    assert "power off -> on; reverts what was changed outside" in out and "this plan starts" in out
    apply(capsys)
    assert "status: active" in world(capsys)
    # switched off outside after that: the stop of before is not named as its reason
    assert call(capsys, "simulator", "do", "set", "instance", "shop-web", "status=off", *AT)[0] == 0
    assert "server stop" not in call(capsys, "plan", "web.yaml")[1]


def test_a_rebuild_empties_the_disk_and_changes_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    before = world(capsys)

    code, out, err = act(capsys, "rebuild", "--accept", "downtime")
    assert code == 4 and "--accept data-loss=instances.web" in err
    assert "its 50 GB disk is lost permanently" in out and "warning[no-login]" in out
    code, out, _ = act(capsys, "rebuild", "--accept", "downtime", "--accept", "data-loss")
    assert code == 0 and "down for 30 s to 5 min" in out
    assert world(capsys).split("instances:")[1] == before.split("instances:")[1]
    assert call(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0


def test_an_instance_that_is_off_is_rebuilt_without_consent_to_downtime(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    assert act(capsys, "stop", "--accept", "downtime")[0] == 0

    code, out, _ = act(capsys, "rebuild", "--accept", "data-loss")

    assert code == 0 and "Down:" not in out and "status: 'off'" in world(capsys)


def test_what_is_not_as_an_act_needs_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    for status, hint in (("off", "start it with `reconciler server start"), ("work", "wait until")):
        set_status = ("simulator", "do", "set", "instance", "shop-web", f"status={status}", *AT)
        assert call(capsys, *set_status)[0] == 0
        code, _, err = act(capsys, "reboot", "--accept", "downtime")
        assert code == 1 and hint in err


@pytest.mark.parametrize(
    ("protect", "verb", "code"),
    [
        ("stop", "stop", 4),
        ("stop", "rebuild", 0),
        ("rebuild", "rebuild", 4),
        ("rebuild", "stop", 0),
    ],
)
def test_protect_is_honoured(
    protect: str, verb: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("firewall: web\n    d", f"firewall: web\n    lifecycle: {{protect: [{protect}]}}\n    d")
    apply(capsys)
    consent = ("--accept", "downtime", "--accept", "data-loss")

    found, _, err = act(capsys, verb, *consent)
    assert found == code and ("protected from" in err) == (code == 4)
    assert act(capsys, verb, *consent, "--unprotect")[0] == 0


def test_every_line_of_an_act_is_json_and_valid(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    for verb, events in (("stop", "plan"), ("stop", "notice"), ("start", "plan")):
        code, out, _ = act(capsys, verb, "--accept", "downtime", "--format", "json")
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            validator("event").validate(line)
        types = [line["type"] for line in lines]
        assert code == 0 and events in types and types[-1] == "summary", types
