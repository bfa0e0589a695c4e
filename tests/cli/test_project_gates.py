"""The windows and policies of a `reconciler.yaml`, in plans and applies at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.commands.project import gates
from reconciler.model.abort import Abort
from tests.cli.sessions import SCALE, WEB, apply, begin, call, validator

PROJECT = """\
version: 1
project: shop-infra
policies: [policies/*.yaml]
rules:
  - for: shop
    windows: [{days: mon, from: "01:00", to: "02:00", zone: UTC}]
"""
DENIES = "- {name: no-creates, deny: plan.summary.create > 0, say: nothing new this week}\n"
ASKS = "- {name: careful, ask: plan.summary.create > 0, class: downtime, say: think twice}\n"
MONDAY = 1_764_547_200.0  # 2025-12-01 00:00 UTC


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {"web.yaml": WEB, "reconciler.yaml": PROJECT, "policies/all.yaml": DENIES}
    begin(monkeypatch, tmp_path, files)
    (tmp_path / ".git").mkdir()


def test_what_a_policy_denies_is_not_applied(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", "web.yaml")
    assert code == 4 and "error[policy]" in out and "nothing new this week" in out
    assert "Plan: 2 to create" in out and "reconciler apply" not in out
    code, out, err = apply(capsys)
    assert code == 4 and "nothing is sent to shop: a policy denies the plan" in err
    assert not Path("state/.simulator/shop/state.json").exists()

    Path("policies/all.yaml").write_text("[]\n", "utf-8")
    assert apply(capsys)[0] == 0, "the local cloud has no windows"


def test_what_a_policy_asks_for_is_shown_and_given_by_its_class(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("policies/all.yaml").write_text(ASKS, "utf-8")
    code, out, _ = call(capsys, "plan", "web.yaml")
    assert code == 0 and "--accept downtime=careful" in out and "think twice" in out
    document = json.loads(call(capsys, "plan", "web.yaml", "--format", "json")[1])
    validator("plan").validate(document)
    assert document["consent"]["needed"] == [{"class": "downtime", "address": "careful"}]
    code, _, err = apply(capsys)
    assert code == 4 and "--accept downtime=careful" in err
    assert call(capsys, "plan", "web.yaml", "--out", "shop.plan")[0] == 0
    arguments = ("apply", "--plan", "shop.plan", "web.yaml", "--yes")
    assert call(capsys, *arguments)[0] == 4
    assert call(capsys, *arguments, "--accept", "downtime")[0] == 0


def test_a_mistake_in_a_policy_stops_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    Path("policies/all.yaml").write_text("- {name: x, deny: plan.nothing > 0}\n", "utf-8")
    code, _, err = call(capsys, "plan", "web.yaml")
    assert code == 1 and "policies/all.yaml:1" in err


def test_the_rules_of_a_title_are_read_again_at_each_look() -> None:
    now = MONDAY + 7200
    found = gates.of_project(Path("web.yaml"), lambda: now)
    assert len(found.rules("shop").windows) == 1 and not found.rules("shop/prod").windows
    assert not found.begun().rules("shop").windows
    assert (
        not gates.of_project(Path("web.yaml"), lambda: now, with_windows=False)
        .rules("shop")
        .windows
    )
    Path("reconciler.yaml").write_text("version: 1\nnothing: here\n", "utf-8")
    with pytest.raises(Abort):
        found.rules("shop")


def test_the_policies_judge_each_of_several_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(WEB.replace("stack: shop", "stack: net"), "utf-8")
    Path("policies/all.yaml").write_text(DENIES.replace("deny:", "for: net, deny:"), "utf-8")
    code, out, _ = call(capsys, "plan", "web.yaml", "net.yaml", "--format", "json")
    assert code == 4
    parts = {each["title"]: each for each in json.loads(out)["stacks"]}
    codes = {
        title: [problem["code"] for problem in part["plan"]["problems"]]
        for title, part in parts.items()
    }
    assert "policy" in codes["net"] and "policy" not in codes["shop"]
    code, _, err = call(capsys, "apply", "web.yaml", "net.yaml", "--yes", *SCALE)
    assert code == 4 and "nothing is sent to net: a policy denies the plan" in err
    assert not Path("state/.simulator/net/state.json").exists()
    assert Path("state/.simulator/shop/state.json").exists()
