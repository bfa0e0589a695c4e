"""Plans as Markdown: what a reviewer must see is in the open, nothing from outside is obeyed, and a
cut is told.
"""

from __future__ import annotations

import re

import pytest

from reconciler.model import diagnostics
from reconciler.model.address import parse
from reconciler.model.plan import Action, Cause, Change, FieldChange, Plan, RiskClass
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.render.plan.plan_markdown import CHARACTERS_MAX, plan_markdown, problems_markdown
from reconciler.render.plan.plan_text import PlanHeader
from tests.render import plans, snapshots
from tests.render.situations import SITUATIONS

HEADER = PlanHeader(key_suffix="9f41", state="state/shop", at=1_795_237_260, id="7f3a")
FENCE = re.compile(r"^```[a-z]*$", re.MULTILINE)


def comment(plan: Plan, *accept: Acceptance) -> str:
    decision = approval.decide(
        plan,
        GivenConsent(accept=accept, terminal=True),
        tracked=tuple(f"instances.t{n}" for n in range(2000)),
    )
    return plan_markdown(plan, HEADER, decision)


def outside_fences(text: str) -> str:
    """What a renderer would read as markup."""
    return "".join(FENCE.split(text)[::2])


@pytest.mark.parametrize("name", ["thirty", "drift", "missing", "destroy", "errors", "no_changes"])
def test_a_comment_is_as_reviewed(name: str) -> None:
    situation = SITUATIONS[name]

    snapshots.check(f"markdown_{name}.md", comment(situation.plan(), *situation.accept))


@pytest.mark.parametrize("name", SITUATIONS)
def test_danger_totals_and_consent_are_outside_the_fold_and_all_else_is_in_it(name: str) -> None:
    plan = SITUATIONS[name].plan()

    text = comment(plan)
    open_part = text.split("<details>")[0]

    for needed in plan.consents:
        assert needed.address in open_part
    dangerous = [
        c for c in plan.changes if c.impact.consents or c.action in (Action.DECIDE, Action.BLOCKED)
    ]
    assert all(str(change.address) in open_part for change in dangerous)
    assert "#### Changes" not in open_part and len(FENCE.findall(text)) % 2 == 0
    assert text.count("<details>") == text.count("</details>") <= 1


HOSTILE = [
    "```", "````\n```", "</details>", "<script>alert(1)</script>", "@everyone", "#1", "[a](javascript:x)", "![x](http://e/x.png)",
    "| a | b |", "**bold**", "http://evil.example", "::error::x", "\u202etxt", "&lt;", "~~~", "<!--", "\\`", "$x$", ":tada:",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_never_read_as_markup(text: str) -> None:
    # Goal: hostile text reaches the comment in fenced blocks only, in every place where text from
    # outside may stand.
    key = "".join(character for character in text if character not in '"\\\n')[:16] or "x"
    address = parse(f'instances.web["{key}"]') or plans.address("instances.web")
    field = FieldChange("name", text, f"{text} {text}", Cause.BOTH)
    change = Change(address, Action.UPDATE, text, (field,))
    gone = Change(
        plans.address("instances.old"), Action.DELETE, text, (), plans.replaced().changes[-1].impact
    )
    plan = plans.plan(
        change,
        gone,
        drift=(change,),
        problems=(diagnostics.warning("drift", text, hint=f"{text}\n{text}"),),
        steps=plans.mixed().steps,
    )

    found = comment(plan, Acceptance(RiskClass.DELETE))

    probe = text.replace("\n", "\\n")
    assert probe in found or text in ("````\n```", "```", "::error::x", "\u202etxt")
    lines = outside_fences(found)
    assert probe not in lines or probe == "</details>"
    assert lines.count("</details>") == 1 and "\u202e" not in found and "::error::" not in found


def test_a_plan_that_is_too_long_is_cut_with_a_note_and_keeps_its_dangerous_changes() -> None:
    many = [
        Change(
            plans.address(f"instances.quiet{n}"),
            Action.UPDATE,
            "",
            (plans.field("name", f"n{n}", "새 이름" * 10),),
        )
        for n in range(900)
    ]
    danger = [
        Change(plans.address(f"instances.old{n}"), Action.DELETE, "left out", (), plans.mixed().changes[-1].impact.__class__(
            consents=plans.needs((RiskClass.DELETE, f"instances.old{n}")))) for n in range(100)
    ]  # fmt: skip

    text = comment(plans.plan(*many, *danger))

    assert len(text) < CHARACTERS_MAX
    assert (
        "**This comment is cut, not the plan**: " in text.split("```")[0]
        and "lines of changes not shown" in text.split("```")[0]
    )
    assert all(f"instances.old{n} " in text for n in range(100))
    assert re.search(r"^\.\.\. \d+ more lines, not shown here$", text, re.MULTILINE)


def test_a_lockout_that_blocks_the_whole_plan_is_shown_unfolded() -> None:
    # Goal: nobody takes the harmless part for done.
    plan = SITUATIONS["lockout"].plan()
    opened = plan_markdown(
        plan, HEADER, approval.decide(plan, GivenConsent(terminal=True), tracked=())
    ).split("<details>")[0]
    assert "**Nothing is sent until lockout is accepted by name or the file avoids it.**" in opened


def test_even_danger_alone_is_cut_honestly() -> None:
    impact = plans.mixed().changes[-1].impact
    danger = [
        Change(
            plans.address(f"instances.old{n}"),
            Action.REPLACE,
            "x" * 60,
            (plans.field("zone", "a" * 40, "b" * 40),),
            impact,
        )
        for n in range(1500)
    ]

    text = comment(plans.plan(*danger))

    assert (
        len(text) < CHARACTERS_MAX and "of 1500 dangerous changes not shown" in text.split("```")[0]
    )


def test_danger_in_several_blocks_is_together_not_too_long() -> None:
    impact = plans.mixed().changes[-1].impact
    danger = [
        Change(plans.address(f"instances.old{n}"), Action.DELETE, "x" * 60, (), impact)
        for n in range(900)
    ]
    problems = [
        diagnostics.warning("exposed", f"{number} {'y' * 80}", address=f"instances.web{number}")
        for number in range(900)
    ]

    text = comment(plans.plan(*danger, problems=problems))

    assert 40_000 < len(text) < CHARACTERS_MAX
    assert "of 900 dangerous changes not shown" in text.split("```")[0]


def test_an_error_before_the_plan_is_a_comment_too() -> None:
    text = problems_markdown(
        [diagnostics.error("credentials", "no key </details> ```", hint="set it")]
    )

    assert (
        text.startswith("### No plan: 1 error\n")
        and outside_fences(text) == "### No plan: 1 error\n\n\n\n"
    )
