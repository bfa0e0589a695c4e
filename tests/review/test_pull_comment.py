"""The comment about a stack of a pull request: what it says in each stage, that nothing from
outside takes effect in it, and that it is never too long.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from reconciler.commands.review import approvals, publishing
from reconciler.commands.review.publishing import Posting, Postings, PublishingEnd
from reconciler.config.project.project import ApplyMode
from reconciler.locale import choice
from reconciler.model import diagnostics, exit_codes
from reconciler.model.address import parse
from reconciler.model.diagnostics import Place
from reconciler.model.plan import Action, Cause, Change, FieldChange, Plan, RiskClass
from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    STATUS_CHARACTERS_MAX,
    ForgeComment,
    Person,
)
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.project.shown_project import ShownPlan
from reconciler.render.review import markers, pull_comment
from reconciler.render.review.shown_review import (
    ReviewEnd,
    ReviewNotes,
    ReviewStage,
    ShownApproval,
    ShownReview,
)
from tests.doubles.memory_forge import MemoryForge
from tests.render import plans, snapshots
from tests.render.situations import SITUATIONS
from tests.render.test_plan_markdown import HOSTILE, outside_fences

ID = "788e4c1d2f90" + "5" * 52
HEADER = PlanHeader(key_suffix="9f41", state="state/shop", at=1_795_237_260, id=ID)
NOTES = ReviewNotes(
    "4f1c2d3e5a6b7c8d9e0f",
    run_url="https://ci.example/runs/7",
    report_url="https://ci.example/reports/7.html",
)
WAITS = ShownApproval(
    2, ("kim",), 1, ignored=(("park", approvals.reason(approvals.NotCounted.AUTHOR)),)
)
EARLIER = f"{markers.marker('shop')}\n{markers.plans_line('a' * 64, ['b' * 64, ID])}\ntext"


def planned(plan: Plan, approval: ShownApproval | None = WAITS) -> ShownReview:
    shown = ShownPlan(plan, HEADER)
    return ShownReview(plan.title, ReviewStage.PLANNED, NOTES, shown, ID, approval)


def with_plan(name: str, approval: ShownApproval | None = WAITS) -> ShownReview:
    return planned(SITUATIONS[name].plan(), approval)


def ended(stage: ReviewStage, end: ReviewEnd, **more: Any) -> ShownReview:
    return replace(with_plan("resize"), stage=stage, end=end, **more)


def without_plan(stage: ReviewStage, *problems: diagnostics.Problem) -> ShownReview:
    return ShownReview("shop/prod", stage, NOTES, problems=problems)


ERROR = diagnostics.error(
    "unknown-key",
    "`flavour` is unknown",
    place=Place("stack.yaml", 7, 5),
    hint="did you mean `flavor`?",
)
DONE = ShownApproval(1, ("kim",))
CASES: dict[str, ShownReview] = {
    "waits": with_plan("thirty"),
    "approved": with_plan("delete", DONE),
    "no_changes": with_plan("no_changes"),
    "never": with_plan("lockout", replace(WAITS, never=frozenset({"lockout"}))),
    "nobody": with_plan(
        "resize",
        ShownApproval(
            1, missing=1, way_out=approvals.way_out(approvals.ApprovalVerdict(1, eligible=0))
        ),
    ),
    "errors": replace(with_plan("errors"), stage=ReviewStage.NO_PLAN),
    "no_plan": without_plan(ReviewStage.NO_PLAN, ERROR),
    "provisional": replace(
        with_plan("resize"),
        notes=replace(NOTES, waits_for=("network/prod", "db"), rules_changed=True),
    ),
    "held": ended(
        ReviewStage.HELD,
        ReviewEnd("outside the windows of shop/prod", opens=1_795_240_800.0),
        approval=DONE,
    ),
    "changed": ended(ReviewStage.CHANGED, ReviewEnd(), approval=ShownApproval(1, missing=1)),
    "applied": ended(ReviewStage.APPLIED, ReviewEnd(seconds=54.2, calls=15), approval=DONE),
    "failed": ended(
        ReviewStage.FAILED,
        ReviewEnd(next="reconciler ci apply --pull 7"),
        approval=DONE,
        problems=(diagnostics.error("step-failed", "resize failed: 500", address="instances.db"),),
    ),
    "conflict": without_plan(ReviewStage.CONFLICT),
    "fork": without_plan(ReviewStage.FORK),
}


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RECONCILER_LANG", "ko")
    choice.use("ko")
    yield
    choice.use("en")


@pytest.mark.parametrize("name", CASES)
def test_a_comment_is_as_reviewed(name: str) -> None:
    snapshots.check(f"pull_{name}.md", pull_comment.comment(CASES[name], EARLIER))


@pytest.mark.parametrize("name", ["waits", "held", "failed"])
def test_a_korean_comment_is_as_reviewed(name: str, korean: None) -> None:
    snapshots.check(f"korean_pull_{name}.md", pull_comment.comment(CASES[name], EARLIER))


def test_the_figures_name_the_plan_of_the_headline() -> None:
    shown = ShownPlan(SITUATIONS["thirty"].plan(), replace(HEADER, id=None))
    text = pull_comment.comment(replace(CASES["waits"], shown=shown))
    assert f"Plan {ID[:12]}, read" in text


def test_a_stack_that_is_no_longer_changed_is_folded() -> None:
    text = pull_comment.left("shop/prod", pull_comment.comment(CASES["waits"], EARLIER))
    snapshots.check("pull_left.md", text)
    assert pull_comment.left("shop/prod", text) == text


@pytest.mark.parametrize("name", CASES)
def test_the_first_lines_find_the_comment_again(name: str) -> None:
    review = CASES[name]
    text = pull_comment.comment(review, EARLIER)
    assert markers.title_of_comment(text) == review.title
    own = () if review.id is None else (ID[:32],)
    assert set(markers.plans_of_comment(text)) == {*own, "a" * 32, "b" * 32, ID[:32]}
    assert text == pull_comment.comment(review, text)
    assert text.count("<!--") == 3 and text.count("<details>") == text.count("</details>")


def test_only_links_and_times_do_not_make_a_comment_be_written_again() -> None:
    review = CASES["waits"]
    later = replace(
        review,
        notes=replace(NOTES, run_url="https://ci.example/runs/8"),
        shown=ShownPlan(SITUATIONS["thirty"].plan(), replace(HEADER, at=HEADER.at + 999)),
    )
    one, other = pull_comment.comment(review), pull_comment.comment(later)
    assert one != other and markers.is_same(one, other)
    forged = [
        replace(CASES["held"], end=ReviewEnd(f"x {'y' * 108} {markers._VOLATILE} {each}"))
        for each in "ab"
    ]
    assert not markers.is_same(*map(pull_comment.comment, forged))
    moved = replace(review, notes=replace(NOTES, commit="5" * 40))
    assert not markers.is_same(one, pull_comment.comment(moved))


def test_the_line_to_write_is_one_that_counts() -> None:
    line = pull_comment.approval_line(ID)
    (found,) = approvals.read([ForgeComment("1", Person("kim"), line, 0.0)])
    assert isinstance(found, approvals.ApprovalComment) and ID.startswith(found.id_start)
    text = pull_comment.comment(CASES["waits"])
    assert f"```\n{line}\n```" in text.split("<details>")[0]
    own = ForgeComment("1", Person("bot"), text, 0.0)
    assert approvals.read([own]) == ()


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_danger_and_every_consent_is_in_the_open(name: str) -> None:
    plan = SITUATIONS[name].plan()
    if exit_codes.stops(plan.problems):
        return
    shown = pull_comment.comment(planned(plan)).split("<details>")[0]
    for each in approvals.consent(plan):
        assert each.address is not None and each.address in shown and each.risk.value in shown


TRAPS = (
    "@", "#1", "<script", "javascript", "![", "e/x.png", "evil", "::error", "/approve", "&lt;", "$x$", ":tada:", "~~~", "| a", "heading", "txt",
)  # fmt: skip
OWN_LINES = ("- : the account is not one of the `approvers`", "- : the account is not one of the ")


def visible(text: str) -> str:
    """What a renderer would read as markup: without fenced blocks, code spans and the addresses of
    links.
    """
    return re.sub(r"`[^`\n]*`|(?<=\]\()<[^<>\s]*>(?=\))", "", outside_fences(text))


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        "x\n/approve 788e4c1d2f90",
        "--> <!-- reconciler: db -->",
        "`</details>`",
        "``@kim``",
        "\r\n\r\n# heading",
        "*/prod",
    ],
)
def test_text_from_outside_takes_no_effect(text: str) -> None:
    key = "".join(letter for letter in text if letter not in '"\\\n\r')[:16] or "x"
    address = parse(f'instances.web["{key}"]') or plans.address("instances.web")
    field = FieldChange("name", text, f"{text} {text}", Cause.BOTH)
    impact = replace(
        plans.replaced().changes[-1].impact,
        consents=plans.needs((RiskClass.DELETE, str(address)), (RiskClass.POLICY, text)),
    )
    change = Change(address, Action.UPDATE, text, (field,), impact)
    problem = diagnostics.warning("drift", text, hint=f"{text}\n{text}")
    plan = plans.plan(change, drift=(change,), problems=(problem,))
    approval = ShownApproval(
        3,
        (text, "kim"),
        1,
        frozenset({"delete"}),
        ((text, approvals.reason(approvals.NotCounted.OUTSIDER)),),
        approvals.way_out(approvals.ApprovalVerdict(3, eligible=1)),
    )
    notes = ReviewNotes(text, waits_for=(text, "db"), run_url=text, report_url=f"https://x/{text}")
    end = ReviewEnd(text, 1.0, 1, 1.0, text)
    for stage, never, way_out in itertools.product(
        ReviewStage, (frozenset[str](), frozenset({"delete"})), (None, approval.way_out)
    ):
        judged = replace(approval, never=never, way_out=way_out)
        review = ShownReview(
            "shop", stage, notes, ShownPlan(plan, HEADER), ID, judged, (problem,), end
        )
        found = pull_comment.comment(review, text)
        rest = visible(found)
        assert rest.count("</details>") == rest.count("<details>")
        assert found.count("<!-- reconciler: shop -->") == 1 and rest.count("<!--") == 3
        assert markers.plans_of_comment(found) == (ID[:32],)
        assert [trap for trap in TRAPS if trap in rest] == [], stage
        assert all(line in OWN_LINES or not line.startswith("- ") for line in rest.splitlines())
        assert not re.search(
            r"^(#{1,6}) (?!: |Approval$|Needs your attention$|Errors: nothing can be done$)",
            rest,
            re.MULTILINE,
        )
        assert "\u202e" not in found
        status = pull_comment.status(review)
        assert len(status.text) <= STATUS_CHARACTERS_MAX and "\n" not in status.text


def test_links_that_are_no_addresses_of_pages_are_left_out() -> None:
    for url in ("javascript:x", "https://x/> [a](b", "https://x/\n# a", "http://x y", "https://"):
        review = replace(CASES["fork"], notes=replace(NOTES, run_url=url, report_url=""))
        assert "[Run]" not in pull_comment.comment(review), url


def test_a_comment_is_never_too_long_and_says_what_is_cut() -> None:
    impact = plans.mixed().changes[-1].impact
    many = [
        Change(
            plans.address(f"instances.{'x' * 30}{number}"),
            Action.REPLACE,
            "새 이름" * 20,
            (plans.field("zone", "a" * 40, "b" * 40),),
            replace(
                impact,
                consents=plans.needs((RiskClass.DELETE, f"instances.{'x' * 30}{number}")),
            ),
        )
        for number in range(1_500)
    ]
    people = tuple((f"{'p' * 90}{number}", "x" * 200) for number in range(500))
    review = ShownReview(
        "shop",
        ReviewStage.CHANGED,
        replace(
            NOTES,
            waits_for=tuple(f"stack{number}/prod" for number in range(900)),
            rules_changed=True,
        ),
        ShownPlan(
            plans.plan(
                *many,
                problems=(
                    ERROR,
                    *[diagnostics.warning("drift", "x" * 900 + str(n)) for n in range(99)],
                ),
            ),
            HEADER,
        ),
        ID,
        ShownApproval(
            900, tuple(each for each, _ in people), 400, ignored=people, way_out="x" * 500
        ),
        tuple(diagnostics.error("cloud", f"{'y' * 400}{number}") for number in range(300)),
        ReviewEnd("z" * 50_000, 1.0, 1, 1.0, "reconciler apply " + "--accept delete=x " * 9_000),
    )
    for stage in ReviewStage:
        text = pull_comment.comment(replace(review, stage=stage), EARLIER)
        assert len(text) <= COMMENT_CHARACTERS_MAX, f"{stage}: {len(text)}"
        assert "**This comment is cut, not the plan**: " in text.split("```")[0]
        assert text.count("```") % 2 == 0 and text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize(
    ("mode", "is_merged", "text"),
    [
        (ApplyMode.MERGED, False, "Nothing is missing. It is applied after the merge."),
        (ApplyMode.MERGED, True, "The next `reconciler ci apply` applies it."),
        (ApplyMode.APPROVED, False, "The next `reconciler ci apply` applies it."),
        (ApplyMode.BY_HAND, False, "The rules say `apply: by-hand`, so a person applies it."),
        (ApplyMode.BY_HAND, True, "The rules say `apply: by-hand`, so a person applies it."),
    ],
)
def test_what_follows_when_nothing_is_missing(mode: ApplyMode, is_merged: bool, text: str) -> None:
    notes = replace(NOTES, mode=mode, is_merged=is_merged)
    assert text in pull_comment.comment(replace(CASES["approved"], notes=notes))
    assert text not in pull_comment.comment(replace(CASES["waits"], notes=notes))


def test_no_line_is_offered_if_it_would_not_help() -> None:
    for name in ("never", "nobody", "approved", "no_changes", "errors", "applied", "failed"):
        assert "/approve" not in pull_comment.comment(CASES[name]), name


@pytest.mark.parametrize(
    ("name", "state", "text"),
    [
        ("waits", "pending", "12 to create, 9 to change, 0 to replace, 1 to delete; waits for approval: 1 of 2"),
        ("approved", "pending", "3 to delete; is applied after the merge"),
        ("no_changes", "success", "no changes"),
        ("never", "failure", "the rules never allow lockout"),
        ("errors", "failure", "no plan: 1 error, 1 warning"),
        ("no_plan", "failure", "no plan: 1 error"),
        ("held", "pending", "held back"),
        ("changed", "pending", "waits for approval: 0 of 1"),
        ("applied", "success", "applied"),
        ("failed", "failure", "the apply failed"),
        ("conflict", "failure", "conflict with the base branch"),
        ("fork", "pending", "not planned, because it is from another repository"),
    ],
)  # fmt: skip
def test_the_status_is_a_success_only_if_nothing_is_left_to_apply(
    name: str, state: str, text: str
) -> None:
    found = pull_comment.status(CASES[name])
    assert (found.state.value, found.url) == (state, NOTES.run_url)
    assert found.text.endswith(text)
    assert found.name == markers.status_name(CASES[name].title)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        ("", "success"),
        ("no_changes", "success"),
        ("approved no_changes held applied", "success"),
        ("approved waits", "pending"),
        ("approved fork", "pending"),
        ("changed", "pending"),
        ("waits never", "failure"),
        ("approved errors", "failure"),
        ("no_plan", "failure"),
        ("conflict", "failure"),
        ("failed", "failure"),
    ],
)
def test_the_status_of_approvals_is_a_success_if_nothing_is_missing(names: str, state: str) -> None:
    found = pull_comment.approved_status([CASES[each] for each in names.split()], "https://x/")
    assert (found.name, found.state.value) == (markers.APPROVED_STATUS, state)
    wrong = replace(CASES["fork"], problems=(ERROR,))
    assert pull_comment.approved_status([wrong]).state.value == "failure"


def test_a_plan_without_danger_is_cut_in_its_fold() -> None:
    many = [
        Change(
            plans.address(f"instances.quiet{number}"),
            Action.UPDATE,
            "",
            (plans.field("name", f"n{number}", "새 이름" * 10),),
        )
        for number in range(900)
    ]
    people = tuple((f"{'p' * 50}{number}", "x" * 100) for number in range(10))
    found = pull_comment.comment(
        planned(plans.plan(*many), ShownApproval(9, missing=9, ignored=people)), EARLIER
    )
    assert COMMENT_CHARACTERS_MAX - 4_000 < len(found) <= COMMENT_CHARACTERS_MAX
    assert "lines of changes not shown" in found.split("```")[0]


def test_a_status_is_never_too_long() -> None:
    reviews = [replace(CASES["waits"], title=f"stack{number}/prod") for number in range(99)]
    text = pull_comment.approved_status(reviews).text
    assert len(text) == STATUS_CHARACTERS_MAX and text.endswith("...")


def test_a_pull_request_from_the_first_plan_to_its_apply() -> None:
    forge = MemoryForge()
    number, pauses = forge.world.open_pull("park").number, list[float]()

    def publish(*names: str, id: str = ID) -> int:
        reviews = [replace(CASES[each], id=CASES[each].id and id) for each in names]
        stacks = [
            Posting(each.title, partial(pull_comment.comment, each), pull_comment.status(each))
            for each in reviews
        ]
        postings = Postings(tuple(stacks), (pull_comment.approved_status(reviews),))
        head = forge.world.pull(number).head
        done = publishing.publish(forge, number, head, publishing.always(postings), pauses.append)
        assert done.end is PublishingEnd.DONE
        return done.writes

    assert publish("waits", "no_plan") == 5  # two comments, three statuses
    assert publish("waits", "no_plan") == 0
    assert publish("waits") == 3  # shop/prod is folded, and its status and `approved` change
    assert publish("approved", id="9" * 64) == 3
    assert publish("applied", id="9" * 64) == 2
    own = forge.comments(number)
    assert [markers.title_of_comment(each.body) for each in own] == ["shop", "shop/prod"]
    assert markers.plans_of_comment(own[0].body) == ("9" * 32, ID[:32])
    assert own[1].body == pull_comment.left("shop/prod")
    found = forge.statuses(forge.world.pull(number).head)
    assert not pauses
    assert {name: each.state.value for name, each in found.items()} == {
        "reconciler/shop": "success",
        "reconciler/shop.prod": "success",
        "reconciler/approved": "success",
    }
