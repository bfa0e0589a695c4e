"""A check: the reads that it needs, and a pure judgement of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from reconciler.common.dataclass import dataclass
from reconciler.contract.report_values import Fact, MemberTypes, Printable
from reconciler.contract.shape import WireAnswer, error_form
from reconciler.model.resource_type import Call

SECRET_BITS = 128 | 16_384
"""The bits of the first password and of the console link, which no check asks for
(contract#fields).
"""

SAFE_MASK = 131_071 & ~SECRET_BITS
"""All documented members of an instance without these two."""


class Verdict(StrEnum):
    """What a check found."""

    AS_DOCUMENTED = "as-documented"
    DIFFERS = "differs"
    SETTLES = "settles"
    NOTHING = "nothing"
    UNANSWERED = "unanswered"


class UnsafeRead(ValueError):
    """A read that a check must not send."""


@dataclass(frozen=True, slots=True)
class CheckRead:
    """One read, with the name under which judgements find its answer.

    `seconds_ago` signs it in the past, `forged` with a wrong signature. `calls` is how often it is
    sent without regard to the quota. Raises `UnsafeRead` for a write, a console link, or a mask
    of instances with a secret.
    """

    name: str
    call: Call
    seconds_ago: int = 0
    forged: bool = False
    calls: int = 1

    def __post_init__(self) -> None:
        asked = [value for name, value in self.call.query if name == "fields"]
        of_instances = self.call.path.startswith("/v1/instances")
        secret = of_instances and any(
            not mask.isdigit() or int(mask) & SECRET_BITS for mask in asked
        )
        if self.call.method != "GET" or "console" in self.call.path or secret:
            raise UnsafeRead("a check only reads, and nothing that is a credential")


def get(name: str, path: str, **query: object) -> CheckRead:
    """A read of a path with a query."""
    return CheckRead(
        name, Call("GET", path, tuple((key, str(value)) for key, value in query.items()))
    )


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a write probe with its answer; `stamp` is the unix second of its signature."""

    method: str
    path: str
    stamp: int
    answer: WireAnswer


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """The answers so far, by the names of their reads, and the requests of a write probe.
    `clock_ahead` is by how many seconds this machine's clock was ahead of the cloud's.
    """

    by_name: Mapping[str, WireAnswer] = field(default_factory=dict)
    clock_ahead: float | None = None
    exchanges: tuple[Exchange, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> WireAnswer:
        """The answer, or one without a status if it was not asked for."""
        return self.by_name.get(name, WireAnswer(None, failure="no_answer"))

    def having(self, prefix: str) -> list[WireAnswer]:
        """The answers whose names begin with a text, in the order of the reads."""
        return [answer for name, answer in self.by_name.items() if name.startswith(prefix)]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the facts that it rests on."""

    verdict: Verdict
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractCheck:
    """One line of a report.

    `name` identifies it in reports, `title` and `section` (`contract#...`) say what of the contract
    it is about, and `stated` what the contract says. `reads` gives the reads that are possible
    after the answers so far; those already answered are passed over. `needs` are the names of the
    answers that must be usable for a verdict.
    """

    name: str
    title: str
    section: str
    stated: str
    judge: Callable[[AnswerSet], Judgement]
    reads: Callable[[AnswerSet], Sequence[CheckRead]] = lambda answers: ()
    needs: tuple[str, ...] = ()
    calls: int = 0

    def verdict(self, answers: AnswerSet) -> Judgement:
        """The judgement, or `no usable answer` if something on the way failed."""
        failed = [answers[name] for name in self.needs if not answers[name].is_usable]
        if failed:
            status = failed[0].status
            facts = {"form": failed[0].failure or "other_form", "status": status or "no_answer"}
            return judged(Verdict.UNANSWERED, **facts)
        return self.judge(answers)


def judged(verdict: Verdict, /, **facts: Printable | None) -> Judgement:
    """A judgement with these facts; None, empty texts, lists and objects are left out."""
    empty = (None, (), "", MemberTypes(()))
    shown = {name: value for name, value in facts.items() if value not in empty}
    return Judgement(verdict, tuple(Fact(name, value) for name, value in shown.items()))


def as_documented(right: bool, /, **facts: Printable | None) -> Judgement:
    """A judgement of something that the contract states."""
    return judged(Verdict.AS_DOCUMENTED if right else Verdict.DIFFERS, **facts)


def refused_as(answer: WireAnswer, status: int, error: str) -> Judgement:
    """Whether a refusal has the documented status and error."""
    right = answer.status == status and answer.error == error
    found = None if answer.is_success else error_form(answer)
    return as_documented(right, status=answer.status, error=answer.error or "SUCCESS", result=found)


def nothing_if(
    empty: Callable[[AnswerSet], bool], judge: Callable[[AnswerSet], Judgement]
) -> Callable[[AnswerSet], Judgement]:
    """The judge, or `nothing to see` if the account has no such object."""
    return lambda answers: judged(Verdict.NOTHING) if empty(answers) else judge(answers)
