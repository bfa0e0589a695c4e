"""Screens of every width: nothing is wider than the screen, and no line breaks inside a word."""

from __future__ import annotations

import re

import pytest

from reconciler.model.plan import Action, Change, Plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.render import escape
from reconciler.render.plan import plan_text
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from tests.render import plans
from tests.render.situations import SITUATIONS

WIDTHS = (*range(60, 90), *range(90, 201, 11))
HEADER = PlanHeader(
    key_suffix="9f41",
    state="state/shop",
    at=1_795_237_260,
    id="7f3a",
    command="reconciler apply examples/stacks/web-tier --env prod",
)
LONG = "주문을받는서버의아주긴이름" * 3


def hangul() -> Plan:
    """Values that no screen has room for, in letters of two cells."""
    edited = tuple(
        plans.field(name, f"{LONG}{name}", f"새{LONG} 이름") for name in ("name", "description")
    )
    return plans.plan(
        Change(plans.address("instances.web[0]"), Action.UPDATE, "", edited, place=plans.at(12)),
        *plans.mixed().changes,
        *plans.replaced().changes[-1:],
    )


def shown(plan: Plan, width: int | None, *, ascii: bool = False) -> str:
    look = Style(width=width, verbose=True, ascii=ascii)
    decision = approval.decide(plan, GivenConsent(terminal=True), tracked=())
    return screen.text(plan_text.plan_lines(plan, HEADER, look, decision), look)


def words(text: str) -> list[str]:
    """The words of a screen, without what stands between parts and lines."""
    return [word for word in re.split(r"[\s;,]+", text) if word not in ("\\", "")]


@pytest.mark.parametrize("name", [*SITUATIONS, "hangul"])
def test_no_line_breaks_inside_a_word_at_any_width(name: str) -> None:
    plan = hangul() if name == "hangul" else SITUATIONS[name].plan()
    wide = set(words(shown(plan, None)))

    for width in WIDTHS if len(plan.changes) < 100 else (60, 80, 140):
        text = shown(plan, width)
        assert max(map(escape.width, text.splitlines())) <= width
        for word in words(text):
            cut = word.endswith("...") and any(one.startswith(word[:-3]) for one in wide)
            assert word in wide or cut, (width, word)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_every_screen_can_be_shown_in_ascii(width: int) -> None:
    for name in ("everything_80", "thirty", "replace_server", "errors", "destroy"):
        text = shown(SITUATIONS[name].plan(), width, ascii=True)
        foreign = {letter for letter in text if ord(letter) > 127}
        assert all("\uac00" <= letter <= "\ud7a3" for letter in foreign), name
