"""The plans of several stacks on a screen, as a comment and as JSON: danger first, one line for each
stack, nothing from outside obeyed.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from reconciler.config import schema
from reconciler.model.diagnostics import Place, Problem, error, notice, warning
from reconciler.model.plan import RiskClass
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.render import escape
from reconciler.render.plan.plan_markdown import CHARACTERS_MAX
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.project import project_consent, shown_project
from reconciler.render.project.project_json import project_document
from reconciler.render.project.project_markdown import project_markdown
from reconciler.render.project.project_text import project_lines
from reconciler.render.project.shown_project import (
    ShownPlan,
    ShownProject,
    ShownStack,
    ShownStatus,
    status_of,
)
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from tests.render import snapshots
from tests.render.situations import SITUATIONS

HEADER = PlanHeader(key_suffix="9f41", state="state/shop", at=1_795_237_260)
FAILURE = error(
    "missing-key",
    "`flavor` is missing",
    place=Place("billing/stack.yaml", 12, 3),
    hint="write `flavor:`",
)


def planned(title: str, situation: str, *more: Problem, after: tuple[str, ...] = ()) -> ShownStack:
    """A stack with the plan of a situation."""
    stack, _, environment = title.partition("/")
    plan = SITUATIONS[situation].plan()
    plan = replace(
        plan,
        stack=stack,
        environment=environment or None,
        problems=(*plan.problems, *more),
    )
    tracked = tuple(f"instances.t{number}" for number in range(2000))
    decision = approval.decide(plan, GivenConsent(terminal=True), tracked=tracked)
    shown = ShownPlan(plan, HEADER, decision)
    return ShownStack(
        title,
        stack,
        environment or None,
        stack,
        status_of(shown),
        shown,
        needs=after,
        after=after,
    )


def failed(title: str, *problems: Problem) -> ShownStack:
    stack, _, environment = title.partition("/")
    return ShownStack(
        title,
        stack,
        environment or None,
        stack,
        ShownStatus.FAILED,
        problems=problems or (FAILURE,),
        exit_code=1,
    )


def waiting(title: str, *after: str) -> ShownStack:
    stack, _, environment = title.partition("/")
    return ShownStack(
        title, stack, environment, stack, ShownStatus.WAITING, needs=after, after=after
    )


def project(*stacks: ShownStack, name: str | None = "shop-infra") -> ShownProject:
    first = tuple(each.title for each in stacks if not each.needs)
    second = tuple(each.title for each in stacks if each.needs)
    return ShownProject(
        stacks,
        name,
        order=(first, second) if second else (first,),
        calls=9,
        command="reconciler apply --all",
        exit_code=max(each.exit_code for each in stacks),
    )


def twenty() -> ShownProject:
    """Twenty stacks: one change that needs consent, one plain one, one that failed, one that waits;
    the others do not change.
    """
    return project(
        planned("network/prod", "switch_firewall"),
        failed("billing/prod"),
        planned("database/prod", "delete"),
        planned("monitoring/prod", "one_server", after=("network/prod",)),
        waiting("shop/prod", "network/prod"),
        *(
            planned(f"site{number}/{name}", "no_changes")
            for number in range(7)
            for name in ("staging", "prod")
        ),
        planned("mail", "no_changes"),
    )


SCREEN = Style(width=110)


def text(found: ShownProject, style: Style = SCREEN) -> str:
    return screen.text(project_lines(found, style), style)


def test_twenty_stacks_are_as_reviewed() -> None:
    snapshots.check("project_twenty.txt", text(twenty()))
    snapshots.check("project_twenty.md", project_markdown(twenty()))


def test_twenty_stacks_fit_two_screens_and_end_with_the_result() -> None:
    lines = text(twenty()).splitlines()

    assert len(lines) < 75
    end = lines[-30:]
    assert any("20 stacks: 1 failed, 1 waiting, 3 with changes, 15 unchanged." in x for x in end)
    assert lines.index("Needs your attention") < 4


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    lines = text(twenty(), Style(width=width)).splitlines()

    # a command to paste is broken between its options only
    wide = [line for line in lines if escape.width(line) > width and "reconciler" not in line]
    assert not [line for line in wide if "--accept" not in line]


def test_unchanged_stacks_have_one_line_each() -> None:
    found = text(twenty())

    for number in range(7):
        assert found.count(f"site{number}/prod ") == 1


def test_consent_names_the_stack_of_each_object() -> None:
    found = text(twenty())

    needed = list(shown_project.consents(twenty()))
    assert {title for title, _ in needed} == {"database/prod", "network/prod"} & {
        title for title, _ in needed
    }
    options = project_consent.accept_options(needed)
    assert "--accept delete=database/prod:instances." in options
    assert options.split()[-1] in found


def test_many_consents_of_a_class_become_the_class_unless_it_needs_an_address() -> None:
    found = project(*(planned(f"s{number}/prod", "delete") for number in range(7)))
    options = project_consent.accept_options(list(shown_project.consents(found)))

    assert "--accept delete" in options.replace("=", " =") and "delete=s0" not in options
    risks = {item.risk for _, item in shown_project.consents(found)}
    assert RiskClass.DELETE in risks


def test_an_equal_remark_of_several_stacks_is_shown_once() -> None:
    remark = warning("account", "using a different access key")
    found = text(project(*(planned(f"s{n}", "no_changes", remark) for n in range(5))))

    assert found.count("using a different access key") == 1 and "all 5:" in found


def test_notices_are_counted_and_shown_with_v() -> None:
    found = project(planned("a", "one_server", notice("drift", "a remark")))
    assert "a remark" not in text(found) and "Not shown: 1 notice" in text(found)
    assert "a remark" in text(found, Style(width=110, verbose=True))


def test_a_comment_of_a_large_project_is_cut_with_a_note_and_names_every_stack() -> None:
    stacks = [planned(f"s{number}/prod", "thirty") for number in range(60)]
    found = project_markdown(project(*stacks))

    assert len(found) < CHARACTERS_MAX and "**This comment is cut, not the plan**" in found
    assert all(f"s{number}/prod" in found for number in range(60))
    assert found.count("```") % 2 == 0
    assert found.count("<details>") == found.count("</details>")


HOSTILE = ("</summary>", "```", "<script>alert(1)</script>", "@everyone", "\u202etxt", "a\nb")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_from_outside_are_never_markup(hostile: str) -> None:
    problem = error("missing-key", hostile, hint=hostile)
    many = [error("missing-key", f"{hostile} {number}") for number in range(3000)]
    bad = failed(hostile, problem, *many)
    for found in (project_markdown(project(bad, planned("a", "delete"))), text(project(bad))):
        outside = "".join(found.split("```")[::2]) if "```" in found else ""
        outside = re.sub("`[^`\n]*`", "", outside)
        assert "<script>" not in outside and "\u202e" not in found
        assert outside.count("</summary>") == outside.count("<summary>")
        assert "@everyone" not in outside or "```" not in found


def test_the_document_fits_its_schema_and_has_the_plan_of_each_stack() -> None:
    document = json.loads(json.dumps(project_document(twenty())))
    Draft202012Validator(schema.load("project_plan")).validate(document)

    assert document["summary"]["stacks"] == {
        "changed": 3,
        "unchanged": 15,
        "waiting": 1,
        "failed": 1,
    }
    by_title = {each["title"]: each for each in document["stacks"]}
    plan = by_title["database/prod"]["plan"]
    Draft202012Validator(schema.load("plan")).validate(plan)
    assert by_title["shop/prod"]["plan"] is None
    assert by_title["shop/prod"]["after"] == ["network/prod"]
    needed = {(each["stack"], each["class"]) for each in document["consent"]["needed"]}
    assert ("database/prod", "delete") in needed
    write = sum(each["plan"]["calls"]["write"] for each in document["stacks"] if each["plan"])
    assert document["calls"]["write"] == write and document["calls"]["read"] == 9
    assert not document["cost"]["complete"]


def test_the_time_of_all_stacks_is_never_less_than_the_quota_allows() -> None:
    found = project(*(planned(f"s{number}", "thirty") for number in range(20)))
    budget = shown_project.calls(found)

    assert (shown_project.eta_seconds(found) or 0) >= budget.write + budget.wait


def test_drift_of_several_stacks_shows_no_plan() -> None:
    stack = planned("a", "drift")
    found = replace(project(stack, planned("b", "no_changes")), drift=True, command=None)
    shown = text(found)

    assert shown.startswith("Drift of 2 stacks of project shop-infra")
    assert "2 stacks: 1 with drift, 1 without." in shown and "Plan:" not in shown


def test_no_stack_at_all_is_a_sentence() -> None:
    found = replace(project(planned("a", "no_changes")), stacks=(), order=())

    assert "No stack" in text(found) and "No stack" in project_markdown(found)
