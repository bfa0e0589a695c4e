"""Consent: what a plan needs consent to, what was accepted before, and whether it may be applied
(consent#classes).

Pure: the terminal, the typed text and the options come as arguments. `decide` tells whether to go,
to ask or to refuse; `reply` judges what was typed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import Enum

from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.model.address import titled
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Action, Change, Consent, Plan, RiskClass
from reconciler.model.resource_type import deletes

BY_ADDRESS_ONLY: frozenset[RiskClass] = frozenset(
    {RiskClass.LOCKOUT, RiskClass.GONE, RiskClass.DUPLICATE, RiskClass.SHARED}
)
"""Classes that neither a typed name nor `--accept CLASS` covers: each address has to be named."""

_NOT_DONE = frozenset({Action.DECIDE, Action.BLOCKED, Action.NONE})
_DELETIONS_MIN = 3
_NO = frozenset({"", "no", "n", "q", "quit", "cancel", "아니오", "아니요", "취소"})
_YES = frozenset({"yes", "예", "네"})
_ADDRESSES_LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One `--accept CLASS` (address None: every address) or `--accept CLASS=ADDRESS`. With several
    stacks the address is `TITLE:ADDRESS`.
    """

    risk: RiskClass
    address: str | None = None

    def __str__(self) -> str:
        return self.risk.value if self.address is None else f"{self.risk.value}={self.address}"


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """The consent that the user gave before the plan was shown.

    `accept` comes from the command line or a saved plan, `from_stack` from the environment's
    `accept:` in the stack file. `terminal` says whether the user can be asked. `allow_empty` and
    `destroy` both allow a plan that empties the stack.
    """

    accept: tuple[Acceptance, ...] = ()
    from_stack: tuple[Acceptance, ...] = ()
    yes: bool = False
    allow_empty: bool = False
    terminal: bool = False
    destroy: bool = False


class Approval(Enum):
    """What to do with the plan now."""

    GO = "go"
    ASK = "ask"
    REFUSED = "refused"


class TypedAnswer(Enum):
    """What a typed answer means. An unclear one is asked for again."""

    CONSENT = "consent"
    CANCEL = "cancel"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict. `open` are the consents still needed, `given` those already given; `problem`
    says why the plan is refused.
    """

    verdict: Approval
    open: tuple[Consent, ...] = ()
    given: tuple[Consent, ...] = ()
    problem: Problem | None = None


def parse(text: str) -> Acceptance | None:
    """The acceptance that a text `CLASS` or `CLASS=ADDRESS` spells, or None."""
    name, equals, address = text.partition("=")
    if name not in {risk.value for risk in RiskClass} or bool(equals) != bool(address):
        return None
    return Acceptance(RiskClass(name), address or None)


def own(accept: Iterable[Acceptance], title: str) -> tuple[Acceptance, ...]:
    """What was accepted for the stack with that title: all that names no other stack."""
    parts = [(each.risk, *titled(each.address or "")) for each in accept]
    return tuple(
        Acceptance(risk, address or None) for risk, of, address in parts if of in (None, title)
    )


def decide(
    plan: Plan, given: GivenConsent, *, tracked: Collection[str], empty_file: bool = False
) -> Decision:
    """Whether the plan may be applied with the consent given so far.

    `tracked` are the addresses in the state; `empty_file`: the stack defines nothing.
    """
    given = replace(given, accept=own(given.accept, plan.title))
    wanted = _wanted(plan)
    covered = tuple(item for item in wanted if _covers(item, given))
    still = tuple(item for item in wanted if item not in covered)
    refusal = _emptying(plan, given, tracked, empty_file) or _unnamed(still)
    if refusal is None and not given.terminal:
        refusal = _nobody_to_ask(still, given)
    if refusal is not None:
        return Decision(Approval.REFUSED, still, covered, refusal)
    if given.yes and not still:
        return Decision(Approval.GO, still, covered)
    return Decision(Approval.ASK, still, covered)


def reply(typed: str | None, title: str, *, by_name: bool) -> TypedAnswer:
    """What the user means by a typed text (None: the input ended). `by_name`: only `title`, the
    name of the stack, is consent; else `yes` is too.
    """
    text = (typed or "").strip()
    if text == title or (text in _YES and not by_name):
        return TypedAnswer.CONSENT
    return TypedAnswer.CANCEL if text.lower() in _NO else TypedAnswer.UNCLEAR


def unclear(typed: str, title: str) -> Text:
    """Why the typed text is neither consent nor a cancellation."""
    if typed.strip() in _YES:
        return msg(
            "`yes` is not enough, because this cannot be undone: type the stack's name, {title}",
            title=title,
        )
    return msg("{text} is not {title}", text=typed.strip(), title=title)


def is_emptying(plan: Plan, *, tracked: Collection[str], empty_file: bool = False) -> str | None:
    """Why the plan counts as emptying its stack, or None: more than half of its objects (at least
    3), all, or from an empty file.

    Rules are parts of a firewall and are not counted; an old object that a replacement left behind
    is not an object of the stack.
    """
    objects = {address for address in tracked if ".rules." not in address}
    gone = {str(change.address) for change in plan.changes if _is_deletion(plan, change)} & objects
    if not gone:
        return None
    if empty_file:
        return msg(
            "the stack file defines nothing, and {resources} would be deleted",
            resources=_resources(len(gone)),
        )
    if len(gone) == len(objects):
        return msg("all of the stack's resources would be deleted ({count})", count=len(gone))
    if len(gone) >= _DELETIONS_MIN and 2 * len(gone) > len(objects):
        return msg(
            "{count} of the stack's {all} resources would be deleted",
            count=len(gone),
            all=len(objects),
        )
    return None


def _wanted(plan: Plan) -> tuple[Consent, ...]:
    """Consents of what would be done, and of blocks that consent alone lifts; what is held back
    asks for nothing.
    """
    found = {
        (item.risk.value, item.address): item
        for change in plan.changes
        for item in change.impact.consents
        if change.action not in _NOT_DONE
        or (
            change.action is Action.BLOCKED
            and item.risk in (RiskClass.LOCKOUT, RiskClass.DUPLICATE)
        )
    }
    found |= {(item.risk.value, item.address): item for item in plan.asked}
    return tuple(found[key] for key in sorted(found))


def _covers(item: Consent, given: GivenConsent) -> bool:
    if item.risk in BY_ADDRESS_ONLY:
        return Acceptance(item.risk, item.address) in given.accept
    return any(
        given_one.risk is item.risk and given_one.address in (None, item.address)
        for given_one in given.accept + given.from_stack
    )


def _emptying(
    plan: Plan, given: GivenConsent, tracked: Collection[str], empty_file: bool
) -> Problem | None:
    if given.allow_empty or given.destroy:
        return None
    why = is_emptying(plan, tracked=tracked, empty_file=empty_file)
    if why is None:
        return None
    return error(
        "empty",
        why,
        hint=msg(
            "If this is intended, add --allow-empty; to remove the whole stack, use `reconciler "
            "destroy`."
        ),
    )


def _unnamed(still: Iterable[Consent]) -> Problem | None:
    open_ones = [item for item in still if item.risk in BY_ADDRESS_ONLY]
    if not open_ones:
        return None
    options = accept_options(open_ones)
    return error(
        "consent",
        msg("this plan needs consent for each object by name"),
        hint=msg("If this is intended, add {options}", options=options),
    )


def _nobody_to_ask(still: tuple[Consent, ...], given: GivenConsent) -> Problem | None:
    if not still and given.yes:
        return None
    if not still:
        return error(
            "consent",
            msg("there is no terminal to ask for approval, and --yes was not given"),
            hint=msg("Read the plan, then add --yes."),
        )
    options = accept_options(still) + ("" if given.yes else " --yes")
    return error(
        "consent",
        msg("this plan needs consent, and there is no terminal to ask for it"),
        hint=msg("If this is intended, add {options}", options=options),
    )


def accept_options(consents: Iterable[Consent]) -> str:
    """The options that would give these consents, ready to paste into a shell; many of one class as
    the class alone, if that counts.
    """
    found = list(consents)
    counted = Counter(item.risk for item in found)
    whole = [
        risk
        for risk, number in counted.items()
        if number > _ADDRESSES_LISTED_MAX and risk not in BY_ADDRESS_ONLY
    ]
    texts = [risk.value for risk in whole] + [
        f"{item.risk.value}={item.address}" for item in found if item.risk not in whole
    ]
    return " ".join(f"--accept {suggestions.pasted(text)}" for text in texts)


def _is_deletion(plan: Plan, change: Change) -> bool:
    if change.action is not Action.DELETE:
        return False
    found = [
        step for step in plan.steps if step.address == change.address and deletes(step.operation)
    ]
    return not found or any(not step.deposed for step in found)


def _resources(count: int) -> str:
    return msg("1 resource") if count == 1 else msg("{count} resources", count=count)
