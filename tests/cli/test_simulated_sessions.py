"""Whole sessions of the command line on the local cloud, over real HTTP on loopback: what a
newcomer does in the first minutes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, WEB, Terminal, apply, begin, call, validator, write


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def test_a_stack_comes_up_is_empty_to_plan_shows_drift_and_goes_down(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = apply(capsys)
    assert code == 0 and "simulated" in out.splitlines()[0] and "웹 서버 first" in out
    assert re.search(r"^  ip = [0-9.]+$", out, re.MULTILINE) and re.search(
        r"^Apply complete: 2 created, ", err, re.MULTILINE
    )

    assert call(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0
    _, out, _ = call(capsys, "plan", "web.yaml")
    assert out.splitlines()[1:] == ["No changes. 2 resources match the configuration."]

    assert call(capsys, "output", "ip", "--stack", "web.yaml")[1].strip().count(".") == 3
    rows = json.loads(call(capsys, "show", "--stack", "web.yaml", "--format", "json")[1])
    assert [row["address"] for row in rows["entries"]] == [
        "firewalls.web",
        "firewalls.web.rules.https",
        "instances.web",
    ]
    assert "flavor" in call(capsys, "show", "instances.web", "--stack", "web.yaml")[1]

    assert (
        call(
            capsys,
            "simulator",
            "do",
            "set",
            "firewall",
            "shop-web",
            "icmp=N",
            "--stack",
            "web.yaml",
        )[0]
        == 0
    )
    code, out, _ = call(capsys, "drift", "web.yaml", "--detailed-exitcode")
    assert code == 2 and "icmp true -> false" in out and "changed outside" in out
    document = json.loads(call(capsys, "drift", "web.yaml", "--format", "json")[1])
    validator("plan").validate(document)
    assert document["changes"] == [] and [row["address"] for row in document["drift"]] == [
        "firewalls.web"
    ]

    code, out, err = call(capsys, "destroy", "web.yaml", "--yes", *SCALE)
    assert code == 4 and "--accept delete=firewalls.web" in err
    assert call(capsys, "destroy", "web.yaml", "--yes", "--accept", "delete", *SCALE)[0] == 0
    shown = json.loads(call(capsys, "show", "--stack", "web.yaml", "--format", "json")[1])
    assert shown["entries"] == []
    assert "instances: []" in call(capsys, "simulator", "world", "--stack", "web.yaml")[1]
    assert {each.name for each in (tmp_path / "state").iterdir()} == {".simulator"}


def test_json_of_plan_and_apply_matches_the_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(call(capsys, "plan", "web.yaml", "--format", "json")[1])
    validator("plan").validate(document)
    assert document["summary"]["create"] == 3 and document["outputs"]["ip"] == {
        "value": None,
        "known": False,
    }

    code, out, err = apply(capsys, "--format", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    for line in lines:
        validator("event").validate(line)
    assert (code, err) == (0, "")
    assert (lines[0]["type"], lines[1]["type"], lines[-1]["type"]) == ("version", "plan", "summary")
    assert (
        lines[-1]["done"] == len(lines[1]["plan"]["steps"])
        and len({line["run"] for line in lines}) == 1
    )


def test_with_json_nothing_prompts_and_without_consent_nothing_is_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "apply", "web.yaml", "--format", "json")
    lines = [json.loads(line) for line in out.splitlines()]

    assert code == 4 and [line["type"] for line in lines] == [
        "version",
        "plan",
        "problem",
        "summary",
    ]
    assert "instances: []" in call(capsys, "simulator", "world", "--stack", "web.yaml")[1]


def test_a_saved_plan_is_done_exactly_once_and_refused_when_the_file_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = call(capsys, "plan", "web.yaml", "--var", "note=saved", "--out", "x.plan")
    assert (
        code == 0 and "Saved in x.plan, as plan " in err and "apply --plan x.plan web.yaml" in out
    )
    shown = call(capsys, "show", "x.plan")[1]
    assert shown.startswith("Saved plan x.plan for stack shop, ") and "웹 서버 saved" in shown

    write(WEB.replace("443", "8443"))
    code, _, err = call(capsys, "apply", "--plan", "x.plan", "web.yaml", "--yes", *SCALE)
    assert (
        code == 4
        and "plan-stale" in err
        and "the stack files have changed" in err
        and "(inputs" in err
    )
    assert "instances: []" in call(capsys, "simulator", "world", "--stack", "web.yaml")[1]

    write(WEB)
    assert call(capsys, "apply", "--plan", "x.plan", "web.yaml", "--yes", *SCALE)[0] == 0
    assert "웹 서버 saved" in call(capsys, "simulator", "world", "--stack", "web.yaml")[1]
    assert call(capsys, "apply", "--plan", "x.plan", "web.yaml", "--yes", *SCALE)[0] == 4


def test_a_file_that_no_longer_asks_for_anything_is_refused_without_allow_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    write("version: 1\nstack: shop\n")

    code, _, err = apply(capsys, "--accept", "delete")
    assert code == 4 and "error[empty]" in err
    assert "will refuse" in call(capsys, "plan", "web.yaml")[2]
    assert apply(capsys, "--accept", "delete", "--allow-empty")[0] == 0


def test_outputs_alone_are_changes(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    write(WEB + '  greeting: {value: "안녕 ${stack.name}"}\n')

    code, out, _ = call(capsys, "plan", "web.yaml", "--detailed-exitcode")
    assert code == 2 and "+  greeting" in out
    assert apply(capsys)[0] == 0
    assert call(capsys, "output", "greeting", "--stack", "web.yaml")[:2] == (0, "안녕 shop\n")
    assert call(capsys, "plan", "web.yaml", "--detailed-exitcode")[0] == 0


def test_another_run_of_the_stack_is_reported_and_exits_6(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from reconciler.cli import composition, state_places

    place = state_places.place_of(Path("web.yaml"), os.environ, simulated=True)
    writer = place.store("shop", None).open(
        composition.holder("reconciler apply"), timeout_seconds=0, stack="shop", environment=None
    )
    try:
        code, _, err = apply(capsys, "--lock-timeout", "0")
        plan = call(capsys, "plan", "web.yaml", "--out", "x.plan")
    finally:
        writer.close()

    assert code == 6 and "error[locked]" in err and "reconciler apply" in err
    assert plan[0] == 6 and "Provisional" in plan[1] and not (tmp_path / "x.plan").exists()


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("shop\n", 0, "Apply complete: "),
        ("yes\n", 0, "Apply complete: "),
        ("no\n", 4, "Nothing was changed"),
        ("\x04", 4, "Nothing was changed"),
    ],
)
def test_at_a_terminal_the_typed_name_decides(typed: str, code: int, said: str) -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE)
    terminal.until("Type shop or yes to apply, or no to cancel:")
    terminal.type(typed)

    assert terminal.end() == code and said in terminal.text


def test_ctrl_c_at_the_question_changes_nothing() -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE)
    terminal.until("to cancel:")
    terminal.interrupt()

    assert terminal.end() == 130 and "nothing was changed" in terminal.text


def test_ctrl_c_during_the_run_records_requests_under_way_and_the_next_run_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal("apply", "web.yaml", "--yes", "--time-scale", "1")
    terminal.until("waiting")
    terminal.interrupt()
    code = terminal.end()

    assert (
        code == 130
        and "Interrupted: starting no new steps" in terminal.text
        and "To continue:" in terminal.text
    )
    assert "incomplete" in call(capsys, "show", "--stack", "web.yaml")[1]
    assert apply(capsys, *SCALE)[0] in (0, 3)


def test_ctrl_c_twice_ends_at_once_with_a_clean_terminal() -> None:
    terminal = Terminal("apply", "web.yaml", "--yes", "--time-scale", "1")
    terminal.until("waiting")
    terminal.interrupt()
    terminal.until("to stop immediately")
    terminal.interrupt()

    assert terminal.end() == 130
    drawn = terminal.text.rpartition("to stop immediately.")[2]
    assert "\x1b[?25l" not in terminal.text, terminal.text
    assert "left" not in drawn or drawn.endswith(("\x1b[J", " \r")), terminal.text


def test_a_saved_plan_brings_its_environment_and_its_cloud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: `apply --plan` needs neither --env nor --simulate, and its hints name both.
    write(WEB + "environments:\n  prod: {}\n")
    chosen = ("web.yaml", "--env", "prod")
    assert call(capsys, "plan", *chosen, "--out", "x.plan")[0] == 0
    monkeypatch.delenv("RECONCILER_SIMULATE")
    code, _, err = call(capsys, "apply", "--plan", "x.plan", "web.yaml", "--yes", *SCALE)
    assert code == 0 and re.search(r"^Apply complete: 2 created, ", err, re.MULTILINE), err

    write("version: 1\nstack: shop\nenvironments:\n  prod: {}\n")
    assert call(capsys, "plan", *chosen, "--simulate", "--out", "y.plan")[0] == 0
    code, _, err = call(capsys, "apply", "--plan", "y.plan", "web.yaml", "--yes", *SCALE)
    assert code == 4 and "reconciler destroy web.yaml --env prod --simulate" in err, err
