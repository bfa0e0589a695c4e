"""Exit codes: which one a problem has, and which one wins if there are several
(exit-codes#exit-codes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.model.diagnostics import Problem, Severity

DONE = 0
ERROR = 1
CHANGES = 2
DECIDE = 3
REFUSED = 4
ACCOUNT = 5
LOCKED = 6
NOT_RECORDED = 7
USAGE = 64
INTERRUPTED = 130

WEIGHT: tuple[int, ...] = (
    USAGE,
    NOT_RECORDED,
    INTERRUPTED,
    ACCOUNT,
    LOCKED,
    DECIDE,
    REFUSED,
    ERROR,
    CHANGES,
    DONE,
)
"""If several apply, the first of these is the exit code. A usage error comes alone, before anything
is done.
"""

_OF_CODE: Mapping[str, int] = {
    "environment": USAGE,
    "usage": USAGE,
    "open-intent": DECIDE,
    "doubled": DECIDE,
    "untracked": DECIDE,
    "incomplete": DECIDE,
    "missing-object": DECIDE,
    "step-failed": DECIDE,
    "exposed": DECIDE,
    "foreign-volume": REFUSED,
    "foreign-member": REFUSED,
    "protected": REFUSED,
    "lockout": REFUSED,
    "shared": REFUSED,
    "rename": REFUSED,
    "mass-absence": REFUSED,
    "state-missing": REFUSED,
    "state-moved": REFUSED,
    "push": REFUSED,
    "former-name": REFUSED,
    "name-taken": REFUSED,
    "hand-over": REFUSED,
    "consent": REFUSED,
    "empty": REFUSED,
    "policy": REFUSED,
    "plan-stale": REFUSED,
    "frozen": REFUSED,
    "window": REFUSED,
    "credentials": ACCOUNT,
    "clock": ACCOUNT,
    "endpoint": ACCOUNT,
    "account": ACCOUNT,
    "state-place": ACCOUNT,
    "quota": ACCOUNT,
    "locked": LOCKED,
    "state-write": NOT_RECORDED,
    "interrupted": INTERRUPTED,
}

HELD_BACK: frozenset[str] = frozenset(
    {
        "protected",
        "lockout",
        "shared",
        "foreign-volume",
        "foreign-member",
        "missing-object",
        "open-intent",
        "doubled",
        "untracked",
        "incomplete",
        "object-error",
    }
)
"""Codes of problems that hold back their object and its dependants only; the rest of the plan may
be applied (stack-files#lifecycle).
"""


OF_GATES: frozenset[str] = frozenset({"frozen", "window", "policy"})
"""Codes of what holds back an apply of a plan that is whole in itself: a plan is shown and may be
saved with them.
"""


SHOWN_FIRST: frozenset[str] = frozenset({"exposed", "untracked"})
"""Codes of conditions of the account that do harm while they last. Every command that finds one
reports it before anything else.
"""


OF_DESIRED_CHANGES: frozenset[str] = frozenset(
    {"protected", "lockout", "foreign-volume", "foreign-member"}
)
"""Those of `HELD_BACK` that concern what an apply would do, not what somebody else did."""


def of_problem(problem: Problem) -> int:
    """The exit code of a problem: 0 for warnings and notices."""
    return _OF_CODE.get(problem.code, ERROR) if problem.severity is Severity.ERROR else DONE


def worst(codes: Iterable[int]) -> int:
    """The one exit code of several; 0 if there is none."""
    return min(codes, key=WEIGHT.index, default=DONE)


def of_problems(problems: Iterable[Problem]) -> int:
    """The exit code of the problems together."""
    return worst(of_problem(problem) for problem in problems)


def held_back(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The errors that hold back a part of a plan, while the rest is done."""
    return tuple(
        problem
        for problem in problems
        if problem.severity is Severity.ERROR and problem.code in HELD_BACK
    )


def stops(problems: Iterable[Problem]) -> bool:
    """Whether one of the problems stops the whole plan, not only its own object."""
    return any(
        problem.severity is Severity.ERROR and problem.code not in HELD_BACK | OF_GATES
        for problem in problems
    )
