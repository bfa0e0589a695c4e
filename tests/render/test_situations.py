"""Some thirty screens, read as a reviewer would read them."""

from __future__ import annotations

import pytest

from reconciler.model.plan import Action
from reconciler.planner import saved_plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.saved_plan import Made, SavedPlan
from reconciler.render import escape
from reconciler.render.plan import plan_text
from reconciler.render.plan.plan_sections import sections
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from tests.render import snapshots
from tests.render.situations import SITUATIONS, Situation

HEADER = PlanHeader(key_suffix="9f41", state="state/shop", at=1_795_237_260, id="7f3a")


def shown(situation: Situation, *, color: bool = False) -> str:
    plan, look = situation.plan(), situation.look
    given = GivenConsent(accept=situation.accept, terminal=True, destroy=plan.destroy)
    tracked = tuple(f"instances.t{number}" for number in range(situation.tracked))
    return screen.text(
        plan_text.plan_lines(plan, HEADER, look, approval.decide(plan, given, tracked=tracked)),
        look,
    )


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_screen_shows_what_will_happen(name: str) -> None:
    # Goal: danger first, one line an object, totals last, nothing wider than the screen.
    situation = SITUATIONS[name]

    text = shown(situation)

    snapshots.check(f"screen_{name}.txt", text)
    assert max(map(escape.width, text.splitlines())) <= (situation.look.width or 200)
    assert all(ord(character) < 128 for character in text) or not situation.look.ascii


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_change_has_one_row_and_a_dangerous_one_has_its_own(name: str) -> None:
    # Goal: nothing dangerous is ever folded away, and nothing at all is lost.
    plan = SITUATIONS[name].plan()
    rows = [row for section in sections(plan) if section.name != "left" for row in section.rows]

    told = [address for row in rows for address in row.addresses]
    wanted = [str(change.address) for change in plan.changes if change.action is not Action.NONE]
    assert sorted(told) == sorted(wanted)
    dangerous = {
        c.address for c in plan.consents if c.risk.value not in ("downtime", "exposure", "lockout")
    }
    for row in rows:
        if row.dangerous:
            assert {address.partition(".rules.")[0] for address in row.addresses} == {
                row.addresses[0].partition(".rules.")[0]
            }
    assert dangerous <= {row.addresses[0] for row in rows if row.dangerous}


def test_five_hundred_changes_fit_a_screen_and_the_danger_is_first() -> None:
    text = shown(SITUATIONS["five_hundred"])

    assert len(text.splitlines()) < 30 and text.splitlines()[2:4] == [
        "Needs your attention",
        text.splitlines()[3],
    ]
    assert "instances.old" in text.splitlines()[3] and "[0..249]" in text


SAVED = [
    name
    for name, situation in SITUATIONS.items()
    if not situation.look.verbose and not situation.plan().is_empty
]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_plan_is_shown_as_it_was(name: str) -> None:
    # Goal: who reads the plan later, from its file, reads the same: nothing dangerous is lost on
    # the way.
    situation = SITUATIONS[name]
    plan, look = situation.plan(), situation.look
    saved = SavedPlan(plan, "a", "e", simulated=False, made=Made(5))
    kept = saved_plan.read(saved_plan.write(saved))
    assert kept == saved and kept.plan.cost.parts == plan.cost.parts
    decision = approval.decide(
        plan, GivenConsent(accept=situation.accept, terminal=True, destroy=plan.destroy), tracked=()
    )

    now, later = (
        screen.text(plan_text.plan_lines(each, HEADER, look, decision), look)
        for each in (plan, kept.plan)
    )
    assert later == now
