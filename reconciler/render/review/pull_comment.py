"""The comment about one stack of a pull request, as Markdown.

Text from outside is in fenced blocks and code spans only, where no markup, mention or link takes
effect. A comment that is too long is cut, and says so.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from reconciler.config.project.project import ApplyMode
from reconciler.model import exit_codes
from reconciler.model.plan import Consent, Plan
from reconciler.model.ports.forge_ports import COMMENT_CHARACTERS_MAX
from reconciler.model.ports.plan_ports import short_id
from reconciler.planner.checks import approval as consents
from reconciler.planner.checks.approval import GivenConsent
from reconciler.render import escape, format, problem_text
from reconciler.render.format import phrase
from reconciler.render.plan import consent_text, plan_blocks, plan_markdown, plan_text
from reconciler.render.plan.plan_markdown import STYLE, Page, fenced, texts
from reconciler.render.project.shown_project import ShownPlan
from reconciler.render.review import markers
from reconciler.render.review.review_status import approved_status, status
from reconciler.render.review.shown_review import (
    APPROVABLE,
    ReviewStage,
    ShownApproval,
    ShownReview,
)

__all__ = ["approval_line", "approved_status", "code", "comment", "left", "status"]

_PROBLEMS_CHARACTERS_MAX = 8_000
_REASON_CHARACTERS_MAX = 3_000
_DANGERS_CHARACTERS_MAX = 20_000
_CONSENTS_CHARACTERS_MAX = 6_000
_HEAD_CHARACTERS_MAX = 3_000
_PEOPLE_MAX, _NAME_CELLS_MAX, _TITLES_MAX = 10, 60, 8
_REASON_CELLS_MAX, _WAY_OUT_CELLS_MAX = 120, 600
_EARLIER_LISTED_MAX = 10
_COMMIT_LETTERS = 12


def approval_line(id: str) -> str:
    """What a person writes to approve a plan."""
    return f"/approve {short_id(id)}"


def comment(review: ShownReview, previous: str | None = None) -> str:
    """The text of the comment. `previous` is the one that it replaces: it has the ids of earlier
    plans.
    """
    earlier = _earlier(review.id, previous)
    top = [*_hidden(review.title, review.id, earlier), f"### {_headline(review)}\n\n"]
    page = Page()
    page.parts += [f"{each}\n\n" for each in _stand(review)]
    _ends(page, review)
    _people(page, review)
    last = [*_notes(review), *_earlier_plans(earlier), _trailer(review)]
    if review.shown is not None:
        room = COMMENT_CHARACTERS_MAX - _HEAD_CHARACTERS_MAX - sum(map(len, [*top, *last]))
        _plan(page, review, review.shown, room=room)
    cut = [f"{_cut_notice(page.left_out)}\n\n"] if page.left_out else []
    return "".join([*top, *cut, *page.parts, *last])


def left(title: str, previous: str | None = None) -> str:
    """The text of the comment about a stack that the pull request no longer changes."""
    earlier = _earlier(None, previous)
    name = html.escape(escape.outside(title))
    headline = phrase("{stack}: no longer part of this pull request", stack=name)
    text = phrase("This pull request no longer changes the stack, so nothing of it is applied.")
    return "".join(
        [
            *_hidden(title, None, earlier),
            f"<details>\n<summary>{headline}</summary>\n\n{text}\n\n</details>\n",
            *_earlier_plans(earlier),
        ]
    )


def code(text: object, cells: int = _NAME_CELLS_MAX) -> str:
    """A text from outside in a code span."""
    return f"`{escape.cut(escape.outside(text), cells).replace('`', chr(39)).strip() or '-'}`"


def _hidden(title: str, id: str | None, earlier: Sequence[str]) -> Iterator[str]:
    yield f"{markers.marker(title)}\n"
    line = markers.plans_line(id, earlier)
    if line is not None:
        yield f"{line}\n"


def _headline(review: ShownReview) -> str:
    return phrase(
        "{stack}: {gist}[ (plan {id})]",
        stack=code(review.title),
        gist=_gist(review),
        id=None if review.id is None else code(short_id(review.id)),
    )


def _gist(review: ShownReview) -> str:
    """The stage in a few words."""
    plan = None if review.shown is None else review.shown.plan
    match review.stage:
        case ReviewStage.APPLIED:
            return phrase("applied")
        case ReviewStage.FAILED:
            return phrase("the apply failed")
        case ReviewStage.CONFLICT:
            return phrase("conflict with the base branch")
        case ReviewStage.FORK:
            return phrase("not planned, because it is from another repository")
        case ReviewStage.NO_PLAN if plan is None:
            return phrase("no plan: {tally}", tally=problem_text.tally(review.problems))
        case ReviewStage.NO_PLAN | ReviewStage.PLANNED | ReviewStage.HELD | ReviewStage.CHANGED:
            if plan is None:
                return phrase("no plan")
            if review.has_only_outputs and not review.has_errors:
                return phrase("only outputs change")
            blocks = plan_blocks.blocks(plan, () if review.shown is None else review.shown.outputs)
            return plan_markdown.gist(plan, sum(each.dangerous for each in blocks))
        case _:  # pragma: no cover
            assert_never(review.stage)


# What comes next
# ------------------------------------------------------------------------------------------------


def _stand(review: ShownReview) -> Iterator[str]:
    """In which stage it is, and what follows."""
    match review.stage:
        case ReviewStage.CONFLICT:
            yield _bold(phrase("This pull request conflicts with its base branch."))
            yield phrase("Nothing is planned until the conflict is solved in its branch.")
        case ReviewStage.FORK:
            yield phrase(
                "The files are checked without keys, and nothing is sent to the account. To plan "
                "them, push the commits to a branch of this repository."
            )
        case ReviewStage.APPLIED:
            yield _bold(
                phrase(
                    "Applied[ in {duration}][ with {calls}].",
                    duration=format.duration(review.end.seconds) if review.end.seconds else None,
                    calls=format.count(review.end.calls, "api-call") if review.end.calls else None,
                )
            )
        case ReviewStage.FAILED:
            yield _bold(phrase("The apply ended with errors. What it did is recorded."))
        case ReviewStage.CHANGED:
            yield _bold(phrase("Nothing was applied: the plan is not the approved one any more."))
            yield phrase("This is the new plan. It waits for its own approval.")
        case ReviewStage.HELD:
            yield _bold(phrase("The apply is held back."))
    if review.has_errors:
        yield _bold(phrase("Nothing can be applied until the errors are fixed."))
    elif review.stage is ReviewStage.PLANNED and review.shown is not None:
        yield from _planned(review)
    if review.notes.waits_for and review.stage in APPROVABLE:
        titles = format.first_of(
            [code(each) for each in review.notes.waits_for], ", ", most=_TITLES_MAX
        )
        yield phrase(
            "**Provisional**: the plan depends on {titles}. It is made again when they are "
            "applied. If it would then do anything else, nothing is sent and it waits for a new "
            "approval.",
            titles=titles,
        )


def _planned(review: ShownReview) -> Iterator[str]:
    approval, notes = review.approval, review.notes
    if review.is_empty:
        yield phrase("There is nothing to apply.")
        return
    if approval is not None and approval.never:
        classes = ", ".join(code(each) for each in sorted(approval.never))
        yield _bold(phrase("The rules never allow {classes}.", classes=classes))
        yield phrase(
            "This plan cannot be applied from a pull request. Change the files so that the plan "
            "avoids it, or change `approvals` in the base branch."
        )
    elif approval is not None and approval.missing:
        yield _bold(
            phrase(
                "Waits for approval: {given} of {needed}.",
                given=approval.needed - approval.missing,
                needed=approval.needed,
            )
        )
    elif notes.mode is ApplyMode.BY_HAND:
        yield phrase("Nothing is missing. The rules say `apply: by-hand`, so a person applies it.")
    elif notes.is_merged or notes.mode is ApplyMode.APPROVED:
        yield phrase("Nothing is missing. The next `reconciler ci apply` applies it.")
    else:
        yield phrase("Nothing is missing. It is applied after the merge.")


def _ends(page: Page, review: ShownReview) -> None:
    """Why an apply was held back or failed, and what continues it."""
    end = review.end
    if end.reason is not None:
        lines = escape.wrap(escape.outside(end.reason), STYLE.width or 0)
        page.add("", lines, _REASON_CHARACTERS_MAX, phrase("the reason"), language="")
    if end.opens is not None:
        at = format.moment(end.opens)
        page.parts.append(phrase("An apply may begin from {moment} on.", moment=at) + "\n\n")
    if review.problems:
        lines = texts(
            line
            for item in review.problems
            for line in problem_text.problem_lines(item, STYLE, indent=plan_blocks.MARGIN)
        )
        page.add("", lines, _PROBLEMS_CHARACTERS_MAX, phrase("the problems"))
    if end.next is not None:
        title = phrase("To continue:")
        lines = [line.text.strip() for line in consent_text.pasted(escape.outside(end.next), STYLE)]
        page.add(title, lines, _REASON_CHARACTERS_MAX, phrase("the command"), language="sh")


def _people(page: Page, review: ShownReview) -> None:
    """Who approved it."""
    approval = review.approval
    if approval is not None and approval.people and not review.is_empty:
        names = [code(each) for each in approval.people]
        people = format.first_of(names, ", ", most=_PEOPLE_MAX)
        page.parts.append(phrase("Approved by {people}.", people=people) + "\n\n")


def _approval(page: Page, review: ShownReview, approval: ShownApproval, plan: Plan) -> None:
    """What an approval means, and the line that gives one."""
    if not approval.needed or approval.never or review.has_errors:
        return
    page.parts.append(f"#### {phrase('Approval')}\n\n")
    needed = consents.decide(plan, GivenConsent(), tracked=()).open
    if needed:
        title, name = phrase("An approval gives consent to exactly this:"), phrase("the consent")
        page.add(title, _by_class(needed), _CONSENTS_CHARACTERS_MAX, name, language="")
    if approval.way_out is not None:
        text = escape.cut(escape.outside(approval.way_out), _WAY_OUT_CELLS_MAX)
        page.parts.append(f"{_bold(text)}\n\n")
    elif approval.missing and review.id is not None:
        title = phrase(
            "To approve this plan, one of the `approvers` writes this line as a comment:"
        )
        page.parts += [f"{title}\n\n", fenced([approval_line(review.id)]), "\n"]
    if approval.ignored:
        page.parts.append(phrase("These comments do not count:") + "\n\n")
        for person, why in approval.ignored[-_PEOPLE_MAX:]:
            text = escape.cut(escape.outside(why), _REASON_CELLS_MAX)
            page.parts.append(f"- {code(person)}: {text}\n")
        page.parts.append("\n")


def _by_class(needed: Iterable[Consent]) -> list[str]:
    """One line for each class, with the addresses."""
    found: dict[str, list[str]] = {}
    for each in needed:
        found.setdefault(each.risk.value, []).append(escape.outside(each.address))
    wide = max(map(len, found))
    return [
        f"{risk.ljust(wide)}  {line}" if number == 0 else f"{' ' * wide}  {line}"
        for risk, addresses in found.items()
        for number, line in enumerate(
            escape.wrap(", ".join(addresses), (STYLE.width or 0) - wide - 2, whole=True)
        )
    ]


# Below
# ------------------------------------------------------------------------------------------------


def _plan(page: Page, review: ShownReview, shown: ShownPlan, *, room: int) -> None:
    """The plan: danger, the approval that it needs, and figures are visible, the rest is folded.
    After an apply all of it is.
    """
    plan, approval = shown.plan, review.approval
    blocks = list(plan_blocks.blocks(plan, shown.outputs))
    is_over = review.stage in (ReviewStage.APPLIED, ReviewStage.FAILED)
    if is_over:
        summary = phrase("The plan that was applied")
        page.parts.append(f"<details>\n<summary>{summary}</summary>\n\n")
    plan_markdown.add_dangers(page, blocks, room=_DANGERS_CHARACTERS_MAX)
    if not (plan.is_empty or exit_codes.stops(plan.problems)):
        if review.stage in APPROVABLE and approval is not None:
            _approval(page, review, approval, plan)
        plan_markdown.add_totals(page, plan, shown.header)
    folded = Page(left_out=page.left_out)
    plan_markdown.add_fold(folded, plan, blocks, room=room - page.length)
    page.parts += [*folded.parts, *(["\n</details>\n"] if is_over else [])]


def _notes(review: ShownReview) -> Iterator[str]:
    if review.notes.rules_changed:
        text = phrase(
            "This pull request changes the rules or policies of the project. They take effect "
            "after the merge; until then those of the base branch count."
        )
        yield f"\n{text}\n"


def _earlier_plans(earlier: Sequence[str]) -> Iterator[str]:
    if earlier:
        title = phrase("Earlier plans, whose approvals do not count any more")
        listed = "".join(f"- {code(short_id(each))}\n" for each in earlier[:_EARLIER_LISTED_MAX])
        yield f"\n<details>\n<summary>{title}</summary>\n\n{listed}\n</details>\n"


def _trailer(review: ShownReview) -> str:
    """The commit, and the links and figures that alone do not make a comment be written again."""
    notes = review.notes
    commit = phrase("Commit {commit}.", commit=code(notes.commit[:_COMMIT_LETTERS]))
    links = [
        markers.link(phrase("Run"), notes.run_url),
        markers.link(phrase("Report"), notes.report_url),
    ]
    details = []
    if review.shown is not None:
        header = review.shown.header
        if review.id is not None:
            header = replace(header, id=review.id)
        details = [escape.outside(plan_text.details(review.shown.plan, header))]
    line = " ".join(filter(None, [*links, *details]))
    return f"\n{commit}\n{markers.volatile(line)}"


def _cut_notice(left_out: Sequence[str]) -> str:
    return plan_markdown.cut_notice(left_out[:_TITLES_MAX])


def _earlier(id: str | None, previous: str | None) -> list[str]:
    own = None if id is None else id[: markers.LETTERS]
    found = [each for each in markers.plans_of_comment(previous) if each != own]
    return found[: markers.EARLIER_MAX]


def _bold(text: str) -> str:
    return f"**{text}**"
