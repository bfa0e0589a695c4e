"""Approvals, rule by rule: which comments count, how many are needed, and what is said about the
others.
"""

from __future__ import annotations

import pytest

from reconciler.commands.review import approvals
from reconciler.commands.review.approvals import (
    ApprovalComment,
    ApprovalRules,
    ApprovalVerdict,
    IgnoredComment,
    NotCounted,
    ReviewedPlan,
)
from reconciler.config.project.project import Settings
from reconciler.model.plan import RiskClass
from reconciler.model.ports.forge_ports import ForgeComment, ForgeError, Person
from reconciler.planner.checks.approval import Acceptance
from tests.render.situations import SITUATIONS

ID = "788e4c1d2f90" + "5" * 52
OTHER = "788e4c1d2f90" + "6" * 52
RULES = ApprovalRules({}, frozenset({"kim", "lee", "Choi"}))


def said(
    body: str, by: str = "kim", *, bot: bool = False, edited: bool = False, own: bool = False
) -> ForgeComment:
    return ForgeComment("1", Person(by, bot), body, 10.0, is_edited=edited, is_own=own)


def verdict(*comments: ForgeComment, classes: str = "delete", among: str = "") -> ApprovalVerdict:
    plan = ReviewedPlan("shop/prod", ID, frozenset(classes.split()))
    return approvals.judge(
        plan, approvals.read(comments), RULES, Person("park"), among=among.split()
    )


@pytest.mark.parametrize(
    "body",
    [
        "/approve 788e4c1d2f90",
        "/approve 788E4C1D2F90",
        f"/approve {ID}",
        f"/approve {ID.upper()}",
        "\n \r\n  /approve \t 788e4c1d2f90\t \r\nlooks good",
        "   /approve 788e4c1d2f90",
        "/approve 788e4c1d2f90\n> /approve 111111111111",
    ],
)
def test_the_first_line_with_text_approves(body: str) -> None:
    found = approvals.read([said(body)])
    assert [type(each) for each in found] == [ApprovalComment]
    assert verdict(said(body)).is_approved


@pytest.mark.parametrize(
    "body",
    [
        "/approve 788e4c1d2f9",
        f"/approve {ID}0",
        "/approve",
        "/approve 788e4c1d2f9g",
        "/approve 788e4c1d2f90 please",
        "/approve 788e4c1d2f90, 111111111111",
        "/approve `788e4c1d2f90`",
        "/approve 788e4c1d2f90\u2028",
        "/approve\u00a0788e4c1d2f90",
        "/approve 788e4c1d2f9\u0660",
        "/Approve 788e4c1d2f90",
    ],
)
def test_what_looks_like_an_approval_is_reported_and_does_not_count(body: str) -> None:
    found = approvals.read([said(body)])
    assert [(each.why if isinstance(each, IgnoredComment) else None) for each in found] == [
        NotCounted.UNCLEAR
    ]
    assert verdict(said(body)).missing == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "> /approve 788e4c1d2f90",
        "    /approve 788e4c1d2f90",
        "\t/approve 788e4c1d2f90",
        "```\n/approve 788e4c1d2f90\n```",
        "~~~\n/approve 788e4c1d2f90",
        "<!-- \n/approve 788e4c1d2f90 -->",
        "- /approve 788e4c1d2f90",
        "`/approve 788e4c1d2f90`",
        "\u200b/approve 788e4c1d2f90",
        "looks good\n/approve 788e4c1d2f90",
        "/approved 788e4c1d2f90",
        "@kim /approve 788e4c1d2f90",
    ],
)
def test_code_quotes_and_later_lines_are_no_approvals(body: str) -> None:
    assert approvals.read([said(body)]) == ()


def test_edited_comments_bots_and_our_own_token_do_not_count() -> None:
    line = "/approve 788e4c1d2f90"
    found = verdict(
        said(line, edited=True), said(line, "lee", bot=True), said(line, "Choi", own=True)
    )
    assert found.counted == () and [(each.person, each.why) for each in found.ignored] == [
        ("kim", NotCounted.EDITED),
        ("lee", NotCounted.BOT),
        ("Choi", NotCounted.OWN),
    ]


def test_the_author_and_outsiders_do_not_count_in_any_case() -> None:
    line = "/approve 788e4c1d2f90"
    rules = ApprovalRules({}, frozenset({"PARK", "kim"}))
    plan = ReviewedPlan("shop", ID, frozenset({"delete"}))
    found = approvals.judge(
        plan, approvals.read([said(line, "Park"), said(line, "jung")]), rules, "pArk"
    )
    assert [each.why for each in found.ignored] == [NotCounted.AUTHOR, NotCounted.OUTSIDER]
    assert not found.is_approved and found.eligible == 1 and not found.is_unreachable
    assert approvals.judge(plan, approvals.read([said(line, "KIM")]), rules, "park").is_approved


def test_only_the_letters_of_ascii_have_two_cases() -> None:
    # Goal: an account whose name only looks like an approver's is not the approver.
    assert not verdict(said("/approve 788e4c1d2f90", "\u212aim")).is_approved  # the kelvin sign
    assert verdict(said("/approve 788e4c1d2f90", "CHOI")).is_approved


def test_a_person_counts_once() -> None:
    line = "/approve 788e4c1d2f90"
    plan = ReviewedPlan("shop", ID, frozenset({"delete"}))
    rules = ApprovalRules({"delete": 2}, RULES.approvers)
    same = approvals.read([said(line), said(line, "KIM"), said(f"/approve {ID}")])
    found = approvals.judge(plan, same, rules, "park")
    assert (found.counted, found.missing, found.ignored) == (("kim",), 1, ())
    both = approvals.read([said(line), said(line, "lee")])
    assert approvals.judge(plan, both, rules, "park").is_approved


@pytest.mark.parametrize(
    ("counts", "classes", "needed", "never"),
    [
        ({}, "", 0, ""),
        ({}, "downtime", 1, ""),
        ({"any": 0}, "downtime", 1, ""),
        ({"any": 1}, "", 1, ""),
        ({"any": 3, "delete": 2}, "delete", 3, ""),
        ({"any": 1, "delete": 2}, "delete downtime", 2, ""),
        ({"delete": 5}, "downtime", 1, ""),
        ({"delete": 0}, "delete", 1, ""),
        ({"lockout": None}, "lockout delete", 1, "lockout"),
        ({"lockout": None, "delete": None}, "lockout delete", 1, "delete lockout"),
        ({"lockout": None}, "delete", 1, ""),
        ({"any": None}, "", 0, "any"),
    ],
)
def test_how_many_approvals_a_plan_needs(
    counts: dict[str, int | None], classes: str, needed: int, never: str
) -> None:
    plan = ReviewedPlan("shop", ID, frozenset(classes.split()))
    found = approvals.judge(plan, (), ApprovalRules(counts, RULES.approvers), "park")
    assert (found.needed, sorted(found.never)) == (needed, never.split())
    people = [said("/approve 788e4c1d2f90", each) for each in RULES.approvers]
    full = approvals.judge(
        plan, approvals.read(people), ApprovalRules(counts, RULES.approvers), "park"
    )
    assert full.is_approved == (not never)


def test_letters_that_fit_two_plans_approve_neither() -> None:
    short, long = said("/approve 788e4c1d2f90"), said(f"/approve {ID[:13]}", "lee")
    found = verdict(short, among=OTHER)
    assert [each.why for each in found.ignored] == [NotCounted.AMBIGUOUS]
    assert verdict(short, long, among=f"{ID} {OTHER}").counted == ("lee",)


def test_an_approval_of_another_plan_is_reported_only_if_no_plan_has_that_id() -> None:
    old, others = said("/approve 000000000000"), said(f"/approve {OTHER}", "lee")
    found = verdict(old, others, among=f"{ID} {OTHER}")
    assert [(each.person, each.why) for each in found.ignored] == [("kim", NotCounted.OTHER_PLAN)]


def test_every_reason_is_a_text() -> None:
    assert len({str(approvals.reason(each)) for each in NotCounted}) == len(NotCounted)


def test_teams_are_the_people_in_them() -> None:
    teams = {"infra": {"Kim", "lee"}, "acme/db": {"choi"}}
    settings = Settings(approvals={"any": 1}, approvers=("team:infra", "team:acme/db", "Jung"))
    rules = ApprovalRules.of(settings, lambda name: frozenset(teams[name]))
    assert rules == ApprovalRules({"any": 1}, frozenset({"kim", "lee", "choi", "jung"}))

    def unreachable(name: str) -> frozenset[str]:
        raise ForgeError(f"no team {name}")

    with pytest.raises(ForgeError, match="no team infra"):
        ApprovalRules.of(settings, unreachable)


def test_rules_that_nobody_can_meet_are_said_with_the_way_out() -> None:
    plan = ReviewedPlan("shop", ID, frozenset({"delete"}))
    nobody = approvals.judge(plan, (), ApprovalRules({}, frozenset({"Park"})), "park")
    assert nobody.is_unreachable
    assert "`approvers: [NAME, team:NAME]`" in str(approvals.way_out(nobody))
    few = approvals.judge(plan, (), ApprovalRules({"delete": 4}, RULES.approvers), "park")
    assert "4 approvals are needed, and only 3 of" in str(approvals.way_out(few))
    free = approvals.judge(ReviewedPlan("shop", ID), (), ApprovalRules(), "park")
    assert approvals.way_out(free) is None and free.is_approved
    assert approvals.way_out(verdict()) is None


def test_consent_is_what_the_plan_needs_and_nothing_else() -> None:
    plan = SITUATIONS["thirty"].plan()
    found = approvals.consent(plan)
    assert set(found) <= {Acceptance(each.risk, each.address) for each in plan.consents}
    assert found and all(each.address for each in found)
    reviewed = ReviewedPlan.of(plan, ID, is_provisional=True)
    assert reviewed == ReviewedPlan(
        plan.title, ID, frozenset(each.risk.value for each in found), is_provisional=True
    )
    lockout = approvals.consent(SITUATIONS["lockout"].plan())
    assert lockout == tuple(
        Acceptance(RiskClass.LOCKOUT, f"instances.web[{number}]") for number in (0, 1)
    )
    assert approvals.consent(SITUATIONS["no_changes"].plan()) == ()
