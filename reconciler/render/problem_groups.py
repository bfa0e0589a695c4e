"""Problems of a plan: each error by itself, equal notices and warnings about the objects of one
resource together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, Severity
from reconciler.model.exit_codes import SAID_FIRST
from reconciler.render.plan.address_ranges import span
from reconciler.render.plan.plan_sections import GROUP_MIN


def first(problems: Sequence[Problem]) -> list[Problem]:
    """The warnings and errors that stand above everything else, instances without a firewall
    first.
    """
    found = [
        problem
        for problem in problems
        if problem.code in SAID_FIRST and problem.severity is not Severity.NOTICE
    ]
    return sorted(found, key=lambda problem: problem.code)


def rest(problems: Sequence[Problem]) -> list[Problem]:
    """The others."""
    above = first(problems)
    return [problem for problem in problems if problem not in above]


def together(problems: Sequence[Problem], *, errors: bool = False) -> list[Problem]:
    """The problems in order; equal ones about many objects of a resource become one that names them
    all.

    An error stays single, because each error blocks its own object. With `errors`, errors about one
    line of the file are grouped too.
    """
    groups: dict[object, list[tuple[Problem, Address]]] = {}
    for number, problem in enumerate(problems):
        address = None if problem.address is None else parse(problem.address)
        key: object = number
        alike = problem.severity is not Severity.ERROR or (errors and problem.place is not None)
        if alike and address is not None and address.index is not None:
            own = str(address)
            hint = None if problem.hint is None else problem.hint.replace(own, "ADDRESS")
            key = (
                address.resource,
                address.rule,
                problem.severity,
                problem.code,
                problem.message.replace(own, "@"),
                problem.place,
                hint,
            )
        groups.setdefault(key, []).append((problem, address or Address("", "")))
    found = []
    for members in groups.values():
        first, address = members[0]
        if len(members) < GROUP_MIN:
            found += [problem for problem, _ in members]
        else:
            all_of_them, own = span([address for _, address in members]), str(address)
            hint = None if first.hint is None else first.hint.replace(own, "ADDRESS")
            message = first.message.replace(own, all_of_them)
            found.append(replace(first, address=all_of_them, message=message, hint=hint))
    return found
