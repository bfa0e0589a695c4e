"""Problems of a plan: each error by itself, equal notices and warnings about the objects of one
resource together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.common.text import replaced
from reconciler.model.address import parse
from reconciler.model.diagnostics import Problem, Severity
from reconciler.model.exit_codes import OF_GATES, SHOWN_FIRST
from reconciler.render.plan.address_ranges import grouped, span
from reconciler.render.plan.plan_sections import GROUP_MIN, SHOWN_IN_ROWS


def first(problems: Sequence[Problem]) -> list[Problem]:
    """The warnings and errors that stand above everything else, instances without a firewall
    first.
    """
    found = [
        problem
        for problem in problems
        if problem.code in SHOWN_FIRST | OF_GATES and problem.severity is not Severity.NOTICE
    ]
    return sorted(found, key=lambda problem: problem.code)


def rest(problems: Sequence[Problem]) -> list[Problem]:
    """The others, without what is part of a row."""
    above = first(problems)
    return [
        problem
        for problem in problems
        if problem not in above and problem.code not in SHOWN_IN_ROWS
    ]


def together(problems: Sequence[Problem], *, errors: bool = False) -> list[Problem]:
    """The problems in order; equal ones about many objects of a resource become one that names them
    all.

    An error stays single, because each error blocks its own object. With `errors`, errors about one
    line of the file are grouped too.
    """
    found = []
    for group in grouped(problems, lambda problem: _equality(problem, errors=errors)):
        if len(group) < GROUP_MIN:
            found += group
            continue
        addresses = [address for each in group if (address := parse(each.address or ""))]
        own, every = str(addresses[0]), span(addresses)
        message = replaced(group[0].message, own, every)
        hint = _without(own, group[0].hint)
        found.append(replace(group[0], address=every, message=message, hint=hint))
    return found


def _equality(problem: Problem, *, errors: bool) -> object:
    """What equal problems have in common; a problem that stays single is equal to itself only."""
    address = parse(problem.address or "")
    alike = problem.severity is not Severity.ERROR or (errors and problem.place is not None)
    if not alike or address is None or address.index is None:
        return id(problem)
    return (
        address.resource,
        address.rule,
        problem.severity,
        problem.code,
        problem.message.replace(str(address), "@"),
        problem.place,
        _without(str(address), problem.hint),
    )


def _without(address: str, hint: str | None) -> str | None:
    return None if hint is None else replaced(hint, address, "ADDRESS")
