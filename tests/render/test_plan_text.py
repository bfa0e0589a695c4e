"""The screen of a plan, as a reviewer reads it."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from reconciler.model.plan import Action, CallBudget, Cause, Change, Plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.render import escape
from reconciler.render.plan import plan_text
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from tests.render import plans, snapshots

HEADER = PlanHeader(key_suffix="9f41", state="state/shop.prod", at=1_795_237_260)


def shown(
    plan: Plan,
    *,
    width: int | None = None,
    header: PlanHeader = HEADER,
    color: bool = False,
    verbose: bool = False,
) -> str:
    look = Style(width=width, color=color, verbose=verbose)
    decision = approval.decide(
        plan, GivenConsent(terminal=True), tracked=("instances.a", "instances.b", "instances.old")
    )
    return screen.text(plan_text.plan_lines(plan, header, look, decision), look)


@pytest.mark.parametrize(
    ("name", "plan", "width"),
    [
        ("mixed", plans.mixed(), None),
        ("mixed_80", plans.mixed(), 80),
        ("first", plans.first(), 120),
        ("replaced", plans.replaced(), 120),
    ],
)
def test_a_plan_is_shown_danger_first_and_totals_last(
    name: str, plan: Plan, width: int | None
) -> None:
    text = shown(plan, width=width).replace(f"plan {plan_text.plan_id(plan)}", "plan 7f3a")

    snapshots.check(f"plan_{name}.txt", text)
    assert max(map(escape.width, text.splitlines())) <= (width or 200)


def test_drift_that_an_apply_leaves_is_not_reported_as_reverted() -> None:
    # Goal: where the file says the same by now, as after an absorb, or the plan is narrowed, no way
    # out is named that is none.
    mixed = plans.mixed()

    whole, narrowed = shown(mixed), shown(replace(mixed, partial=True))

    assert "and left: it matches the file already, or is ignored" in whole
    assert "and left by this narrowed plan" in narrowed
    assert "apply to revert" not in whole + narrowed


IDLE = Change(plans.address("instances.idle"), Action.NONE, "")


def test_an_empty_plan_says_so_below_the_first_line() -> None:
    empty = plans.plan(IDLE, unchanged=1, calls=CallBudget(read=5))

    assert shown(empty) == (
        "Plan for stack shop, environment prod, account of key ..9f41, state in state/shop.prod\n"
        "No changes. 1 resource matches the configuration.\n"
    )


def test_an_empty_plan_with_drift_shows_the_drift_and_no_changes() -> None:
    text = shown(plans.plan(IDLE, drift=plans.mixed().drift, unchanged=1))

    assert "\nDrift: " in text
    assert text.endswith("\nNo changes. 1 resource matches the configuration.\n")


def test_a_plan_for_a_part_of_the_stack_says_so_first_and_last() -> None:
    text = shown(replace(plans.mixed(), partial=True))

    assert text.startswith("Plan for a part of stack shop, environment prod (--only or --except), ")
    assert "\nPlan: 1 to create, 2 to change, 0 to replace, 1 to delete; the rest of the " in text


def test_serial_calls_and_digest_are_shown_with_verbose() -> None:
    details = "Plan 7f3a, read 21 Nov 14:01 KST with 7 API calls, state serial 12.\n"
    header = replace(HEADER, id="7f3a")

    assert shown(plans.mixed(), header=header, verbose=True).endswith(f"\n\n{details}")
    assert "serial" not in shown(plans.mixed(), header=header)


def test_the_command_is_complete_and_pastes_at_every_width() -> None:
    header = replace(HEADER, command="reconciler apply 'my stack' --env prod --only instances.db")
    whole = (
        "reconciler apply 'my stack' --env prod --only instances.db "
        "--accept delete=instances.old --accept downtime=instances.db"
    )

    for width in (None, 40, 60, 80, 100, 200):
        text = shown(plans.mixed(), header=header, width=width)
        command = text.partition("To apply this plan:\n")[2].replace("\\\n", "")
        assert shlex.split(command) == shlex.split(whole)


def test_a_plan_that_empties_the_stack_names_the_option_that_allows_it() -> None:
    delete = Change(plans.address("instances.db"), Action.DELETE, "left out of the file")
    plan, header = plans.plan(delete), replace(HEADER, command="reconciler apply")
    decision = approval.decide(plan, GivenConsent(terminal=True), tracked=("instances.db",))

    lines = plan_text.plan_lines(plan, header, Style(), decision)

    assert screen.text(lines, Style()).endswith("\n  reconciler apply --allow-empty\n")


@pytest.mark.parametrize("action", [Action.DECIDE, Action.BLOCKED])
def test_no_command_is_shown_if_it_would_do_nothing(action: Action) -> None:
    header = replace(HEADER, command="reconciler apply")
    held = Change(plans.address("instances.db"), action, "missing")
    done = Change(plans.address("instances.web"), Action.CREATE, "new")

    assert "To apply" not in shown(plans.plan(held), header=header)
    assert "To apply this plan:" in shown(plans.plan(held, done), header=header)


def test_every_screen_of_the_local_cloud_is_marked_as_simulated() -> None:
    header = replace(HEADER, simulated=True)

    assert all(
        "simulated" in shown(plan, header=header).splitlines()[0]
        for plan in (plans.mixed(), plans.plan())
    )


def test_untouched_objects_are_listed_only_with_verbose() -> None:
    quiet = plans.plan(
        Change(plans.address("instances.idle"), Action.NONE, ""), *plans.mixed().changes
    )

    assert "instances.idle" not in shown(quiet) and "instances.idle" in shown(quiet, verbose=True)


def test_colour_changes_no_letter() -> None:
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", shown(plans.mixed(), color=True)) == shown(plans.mixed())


def test_nothing_from_outside_reaches_the_screen_raw() -> None:
    text = shown(plans.replaced())

    assert (
        "\x1b" not in text
        and "\u202e" not in text
        and "::error::" not in text
        and "웹 서버" in text
    )


def test_the_plan_id_is_the_same_for_the_same_steps_and_another_for_others() -> None:
    plan = plans.mixed()

    assert plan_text.plan_id(plan) == plan_text.plan_id(
        replace(plan, eta_seconds=5, unmanaged=(9, None))
    )
    assert plan_text.plan_id(plan) != plan_text.plan_id(replace(plan, steps=plan.steps[:-1]))


def test_a_row_that_takes_back_drift_recommends_no_command_that_may_refuse() -> None:
    # `absorb` refuses values from expressions and lines that several objects share.
    change = Change(
        plans.address("instances.db"),
        Action.ATTACH,
        "",
        (plans.field("firewall", None, "firewalls.web", Cause.OUTSIDE),),
    )
    text = shown(plans.plan(change))
    assert "reverts what was changed outside" in text and "absorb" not in text
