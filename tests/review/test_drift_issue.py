"""The issue about drift: what it says, how it is found again, and that nothing in it takes effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.plan import Action, Cause, Change, FieldChange
from reconciler.model.ports.forge_ports import COMMENT_CHARACTERS_MAX
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.project.shown_project import ShownPlan
from reconciler.render.review import drift_issue, markers
from tests.render import plans, snapshots
from tests.render.situations import SITUATIONS
from tests.render.test_plan_markdown import HOSTILE
from tests.review.test_pull_comment import visible

HEADER = PlanHeader(key_suffix="9f41", state="state/shop", at=1_795_237_260)


HEAD = drift_issue.DriftHead("infra", "shop/prod", "0" * 16)
GONE = replace(HEAD, drift=None)


def closed(previous: str) -> str:
    why = drift_issue.is_gone()
    return drift_issue.closed_body(GONE, why, previous, HEADER.at, "https://ci.example/2")


def body(**changes: Any) -> str:
    plan = replace(SITUATIONS["drift"].plan(), **changes)
    shown = ShownPlan(plan, HEADER)
    return drift_issue.issue_body(shown, HEAD, "stacks/shop", "https://ci.example/1")


def test_an_issue_is_as_reviewed() -> None:
    snapshots.check("drift_issue.md", body(environment="prod"))
    snapshots.check("drift_issue_closed.md", closed(body(environment="prod")))


def test_an_issue_is_found_again_and_written_again_only_if_the_drift_differs() -> None:
    text = body(environment="prod")
    assert drift_issue.issue_title("shop/prod") == "Drift of shop/prod"
    assert drift_issue.head_of(text) == HEAD
    assert drift_issue.head_of(text.replace("\n", "\r\n")) == HEAD
    assert drift_issue.head_of(closed(text)) == GONE == drift_issue.head_of(closed(closed(text)))
    assert drift_issue.head_of(f"x\n{text}") is None
    assert markers.title_of_comment(text) is None
    later = ShownPlan(
        replace(SITUATIONS["drift"].plan(), environment="prod"), replace(HEADER, at=HEADER.at + 9)
    )
    assert markers.is_same(text, drift_issue.issue_body(later, HEAD, "stacks/shop"))
    assert not markers.is_same(text, body())


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_takes_no_effect(text: str) -> None:
    field = FieldChange("name", text, f"{text} {text}", Cause.OUTSIDE)
    change = Change(plans.address("instances.web"), Action.UPDATE, text, (field,))
    plan = plans.plan(change, drift=(change,))
    found = visible(drift_issue.issue_body(ShownPlan(plan, HEADER), HEAD, f"stacks/{text}", text))
    assert text.rsplit("\n", maxsplit=1)[-1] not in found or text == "<!--"
    assert found.count("<!--") == 3 and "\u202e" not in found


def test_a_long_issue_is_cut_and_says_so() -> None:
    drift = tuple(
        Change(
            plans.address(f"instances.web{number}"),
            Action.UPDATE,
            "",
            (plans.field("name", "a" * 50, "b" * 50),),
        )
        for number in range(2_000)
    )
    shown = ShownPlan(plans.plan(drift=drift), HEADER)
    found = drift_issue.issue_body(shown, HEAD, "stacks/shop")
    assert len(found) <= COMMENT_CHARACTERS_MAX
    assert "**This issue is cut, not the drift**: " in found.split("```")[0]
    assert "reconciler absorb --all --stack stacks/shop --env prod\n" in found
    assert len(closed(found)) <= COMMENT_CHARACTERS_MAX


def test_the_digest_is_of_the_drift_alone() -> None:
    plan = SITUATIONS["drift"].plan()
    same = replace(plan, serial=plan.serial + 1)
    assert drift_issue.digest_of(plan) == drift_issue.digest_of(same)
    assert drift_issue.digest_of(plan) != drift_issue.digest_of(replace(plan, drift=plan.drift[:1]))
