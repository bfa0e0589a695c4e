"""The rules of approval, without a forge: which comments approve a plan, how many approvals it
needs, and which are missing (stack-files#rules-of-a-project).

An approval is a comment whose first line is `/approve ID`. It names one plan, so it is void as soon
as the plan is another one: after a new commit, a change of the account, or a change of the base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from string import ascii_lowercase, ascii_uppercase
from typing import LiteralString, Self

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.config.project.project import Settings
from reconciler.model.plan import Plan
from reconciler.model.ports.forge_ports import ForgeComment, Person
from reconciler.model.resource import EMPTY
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, GivenConsent

ID_LETTERS_MIN = 12
"""How many letters of a plan's id an approval has at least."""

ANY = "any"
"""The key of `approvals` for every plan."""

_TEAM = "team:"
_APPROVAL = re.compile(rf" {{0,3}}/approve[ \t]+([0-9A-Fa-f]{{{ID_LETTERS_MIN},64}})[ \t]*")
_ATTEMPT = re.compile(r" {0,3}/approve\b", re.IGNORECASE)
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_LINE_END = re.compile(r"\r\n|\r|\n")


class NotCounted(Enum):
    """Why a comment that approves does not count."""

    UNCLEAR = "unclear"
    EDITED = "edited"
    BOT = "bot"
    OWN = "own"
    AUTHOR = "author"
    OUTSIDER = "outsider"
    OTHER_PLAN = "other-plan"
    AMBIGUOUS = "ambiguous"


_REASONS: Mapping[NotCounted, LiteralString] = {
    NotCounted.UNCLEAR: "the first line must be `/approve ID` and nothing else",
    NotCounted.EDITED: "the comment was edited; write a new one",
    NotCounted.BOT: "it is the account of a bot",
    NotCounted.OWN: "it is the account whose token this job uses",
    NotCounted.AUTHOR: "the author of a pull request cannot approve it",
    NotCounted.OUTSIDER: "the account is not one of the `approvers`",
    NotCounted.OTHER_PLAN: "it names no current plan of this pull request",
    NotCounted.AMBIGUOUS: "it fits several plans; write more letters of the id",
}


def reason(why: NotCounted) -> Text:
    """Why it does not count, for people."""
    return msg(_REASONS[why])


@dataclass(frozen=True, slots=True)
class ApprovalComment:
    """A comment that approves the plan whose id begins with `id_start`, in lower case. `created` is
    in unix seconds.
    """

    id_start: str
    person: str
    created: float
    comment_id: str


@dataclass(frozen=True, slots=True)
class IgnoredComment:
    """A comment that was meant as an approval and does not count."""

    person: str
    why: NotCounted
    comment_id: str


@dataclass(frozen=True, slots=True)
class ReviewedPlan:
    """What approvals are about: a plan of a pull request. `id` has all 64 letters; `classes` are
    those of the consent that an apply of it needs.
    """

    title: str
    id: str
    classes: frozenset[str] = frozenset()
    is_provisional: bool = False

    @classmethod
    def of(cls, plan: Plan, id: str, *, is_provisional: bool = False) -> Self:
        """What approvals of a plan are about."""
        classes = frozenset(each.risk.value for each in consent(plan))
        return cls(plan.title, id, classes, is_provisional)


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """What the rules of the base branch say about one stack. `counts` is as in `Settings`;
    `approvers` are names of accounts, the members of teams included.
    """

    counts: Mapping[str, int | None] = field(default_factory=lambda: EMPTY)
    approvers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings, team: Callable[[str], Collection[str]]) -> Self:
        """The rules of a stack. `team` gives the members of a team; what it raises is raised."""
        people: set[str] = set()
        for each in settings.approvers:
            if each.startswith(_TEAM):
                people.update(team(each.removeprefix(_TEAM)))
            else:
                people.add(each)
        return cls(settings.approvals, frozenset(map(account, people)))


@dataclass(frozen=True, slots=True)
class ApprovalVerdict:
    """Whether a plan may be applied as far as approvals go.

    `counted` are the accounts whose approval counts, in the order of their comments, and
    `comment_ids` those comments. `never` are the classes of the plan that the rules forbid, or
    `any`. `ignored` are approvals that do not count. `eligible` is how many accounts may approve.
    """

    needed: int
    counted: tuple[str, ...] = ()
    comment_ids: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()
    ignored: tuple[IgnoredComment, ...] = ()
    eligible: int = 0

    @property
    def missing(self) -> int:
        """How many approvals are missing."""
        return max(0, self.needed - len(self.counted))

    @property
    def is_approved(self) -> bool:
        """Whether nothing is missing or forbidden."""
        return not self.missing and not self.never

    @property
    def is_unreachable(self) -> bool:
        """Whether fewer accounts may approve than are needed."""
        return bool(self.missing) and self.eligible < self.needed


def consent(plan: Plan) -> tuple[Acceptance, ...]:
    """The consent that an approval of the plan gives: each class at its address, nothing else."""
    wanted = approval.decide(plan, GivenConsent(), tracked=()).open
    return tuple(Acceptance(each.risk, each.address) for each in wanted)


def read(comments: Iterable[ForgeComment]) -> tuple[ApprovalComment | IgnoredComment, ...]:
    """The comments that approve something, or were meant to, in their order."""
    found: list[ApprovalComment | IgnoredComment] = []
    for each in comments:
        first = next((line for line in _LINE_END.split(each.body) if line.strip()), "")
        if _ATTEMPT.match(first) is None:
            continue
        match = _APPROVAL.fullmatch(first)
        if (why := _why_not(each, is_clear=match is not None)) is not None:
            found.append(IgnoredComment(each.author.name, why, each.id))
        elif match is not None:
            start = match[1].lower()
            found.append(ApprovalComment(start, each.author.name, each.created, each.id))
    return tuple(found)


def judge(
    plan: ReviewedPlan,
    found: Sequence[ApprovalComment | IgnoredComment],
    rules: ApprovalRules,
    author: Person | str,
    *,
    among: Iterable[str] = (),
) -> ApprovalVerdict:
    """What the comments mean for a plan. `author` is that of the pull request; `among` are the ids
    of all plans of the pull request.
    """
    own = account(author.name if isinstance(author, Person) else author)
    approvers = frozenset(map(account, rules.approvers)) - {own}
    ids = {each.lower() for each in among} | {plan.id.lower()}
    counted: dict[str, ApprovalComment] = {}
    ignored: list[IgnoredComment] = []
    for each in found:
        if isinstance(each, IgnoredComment):
            ignored.append(each)
            continue
        fits = [id for id in ids if id.startswith(each.id_start)]
        person = account(each.person)
        why: NotCounted | None = None
        if not fits:
            why = NotCounted.OTHER_PLAN
        elif plan.id.lower() not in fits:
            continue
        elif len(fits) > 1:
            why = NotCounted.AMBIGUOUS
        elif person == own:
            why = NotCounted.AUTHOR
        elif person not in approvers:
            why = NotCounted.OUTSIDER
        if why is None:
            counted.setdefault(person, each)
        else:
            ignored.append(IgnoredComment(each.person, why, each.comment_id))
    return ApprovalVerdict(
        needed=_needed(plan, rules),
        counted=tuple(each.person for each in counted.values()),
        comment_ids=tuple(each.comment_id for each in counted.values()),
        never=frozenset(name for name in (*plan.classes, ANY) if rules.counts.get(name, 0) is None),
        ignored=tuple(ignored),
        eligible=len(approvers),
    )


def way_out(verdict: ApprovalVerdict) -> Text | None:
    """What to do if nobody, or not enough people, can give the approvals; None if they can."""
    if not verdict.is_unreachable:
        return None
    if not verdict.eligible:
        return msg(
            "Nobody can approve this plan: the rules list no `approvers` besides its author. Add "
            "`approvers: [NAME, team:NAME]` to a rule of reconciler.yaml in the base branch."
        )
    return msg(
        "{needed} approvals are needed, and only {eligible} of the `approvers` may give one. Add "
        "approvers to a rule of reconciler.yaml in the base branch, or lower `approvals`.",
        needed=verdict.needed,
        eligible=verdict.eligible,
    )


def _needed(plan: ReviewedPlan, rules: ApprovalRules) -> int:
    """A class always needs consent, so it counts as 1 if the rules say nothing about it."""
    every = rules.counts.get(ANY, 0) or 0
    return max([every, *(max(1, rules.counts.get(each, 1) or 1) for each in plan.classes)])


def _why_not(comment: ForgeComment, *, is_clear: bool) -> NotCounted | None:
    if comment.is_own:
        return NotCounted.OWN
    if comment.author.is_bot:
        return NotCounted.BOT
    if comment.is_edited:
        return NotCounted.EDITED
    return None if is_clear else NotCounted.UNCLEAR


def account(name: str) -> str:
    """The name of an account for comparisons. Only the letters of ASCII have two cases: to a forge,
    no other letter equals one of them.
    """
    return name.translate(_LOWER)
