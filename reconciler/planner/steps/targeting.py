"""`--only` and `--except`: a part of a plan, with what must be included and why
(commands#options).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.exit_codes import HELD_BACK
from reconciler.model.plan import Step
from reconciler.planner.steps.plan_builder import PlanBuilder


@dataclass(frozen=True, slots=True)
class Selection:
    """The addresses that stay in the plan; `joined` are those of them that were not asked for, with
    the address that needs each.
    """

    addresses: frozenset[Address]
    joined: Mapping[Address, str]
    problems: tuple[Problem, ...] = ()


def matches(address: Address, pattern: str) -> bool:
    """Whether a pattern matches an address: spelled out, the resource of an index, the firewall of
    a rule, the written rule of one of a collection, or with `*` and `?`.
    """
    pattern = suggestions.spelled(pattern)
    if pattern in tuple(
        map(suggestions.spelled, (str(address), str(address.resource), str(address.owner)))
    ):
        return True
    if address.rule_key != address.rule and pattern == str(_written(address)):
        return True
    return ("*" in pattern or "?" in pattern) and _glob(pattern).fullmatch(
        suggestions.spelled(str(address))
    ) is not None


def _written(address: Address) -> Address:
    """The rule that the file writes for a rule of a collection."""
    return address.owner.with_rule(address.rule_key or "")


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    # Brackets are part of addresses (`instances.web[0]`), so only the star and the question mark
    # are special.
    first, *rest = (
        "".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*")
    )
    if not rest:
        return re.compile(first)
    # Each star takes the nearest place that fits and keeps it, so that many stars take no longer
    # than one.
    return re.compile(first + "".join(f"(?>.*?{part})" for part in rest[:-1]) + ".*" + rest[-1])


def select(
    steps: Sequence[Step],
    addresses: Iterable[Address],
    *,
    only: Sequence[str],
    without: Sequence[str],
) -> Selection | None:
    """The selection that the patterns ask for, None if there are none.

    With `only`, what a chosen step waits for is joined, so a delete brings what must go or let go
    before it. With `without`, what waits for something left out is left out as well.
    """
    if not only and not without:
        return None
    known = set(addresses)
    unknown = [p for p in (*only, *without) if not any(matches(a, p) for a in known)]
    problems = tuple(_unknown(pattern, known) for pattern in unknown)
    if only:
        chosen = {a for a in known if any(matches(a, p) for p in only)}
        joined = _joined(steps, chosen)
        return Selection(frozenset(chosen | set(joined)), joined, problems)
    out = {a for a in known if any(matches(a, p) for p in without)}
    return Selection(frozenset(known - out - set(_left_out(steps, out))), {}, problems)


def _unknown(pattern: str, known: Iterable[Address]) -> Problem:
    hint = suggestions.hint_for(pattern, (str(address) for address in known))
    return error(
        "missing-reference",
        msg("nothing in the plan or the state matches {pattern!r}", pattern=pattern),
        address=pattern,
        hint=hint,
    )


def _joined(steps: Sequence[Step], chosen: set[Address]) -> dict[Address, str]:
    by_key = {step.key: step for step in steps}
    joined: dict[Address, str] = {}
    waiting = [step for step in steps if step.address in chosen]
    while waiting:
        step = waiting.pop()
        for key in step.after:
            needed = by_key[key].address
            if needed not in chosen and needed not in joined:
                joined[needed] = str(step.address)
                waiting += [other for other in steps if other.address == needed]
    return joined


def _left_out(steps: Sequence[Step], out: set[Address]) -> dict[Address, str]:
    by_key = {step.key: step for step in steps}
    left: dict[Address, str] = {}
    for _ in steps:
        before = len(left)
        for step in steps:
            if step.address in out or step.address in left:
                continue
            for key in step.after:
                needed = by_key[key].address
                if (needed in out or needed in left) and key not in step.regardless_of:
                    left[step.address] = str(needed)
        if len(left) == before:
            break
    return left


def narrow(
    builder: PlanBuilder, steps: tuple[Step, ...], part: Selection, held: frozenset[Address]
) -> tuple[tuple[Step, ...], frozenset[Address]]:
    """The steps of the selected addresses, and the addresses of which nothing is recorded. Takes
    the changes of all others out of the builder.
    """
    # A deposed object may have an address that neither file nor state has: then it has a change,
    # and no item.
    others = frozenset(
        address
        for address in (*builder.assessment.items, *builder.changes)
        if address not in part.addresses
    )
    for address in others:
        builder.changes.pop(address, None)
    kept = {step.key for step in steps if step.address in part.addresses}
    remaining = tuple(
        replace(step, after=tuple(key for key in step.after if key in kept))
        for step in steps
        if step.key in kept
    )
    return remaining, held | others


def problems_of_part(builder: PlanBuilder, problems: Iterable[Problem]) -> list[Problem]:
    """The problems without those that hold back only what was left out, unless something that stays
    waits for it.
    """
    waited_for = {change.impact.blocked_by for change in builder.changes.values()}

    def concerns(problem: Problem) -> bool:
        address = None if problem.address is None else parse(problem.address)
        left_out = (
            address in builder.assessment.items
            and address not in builder.changes
            and problem.address not in waited_for
        )
        return not left_out or problem.code not in (*HELD_BACK, "assert")

    return [problem for problem in problems if concerns(problem)]


def joined(part: Selection) -> list[Problem]:
    """A notice for each object that was not asked for and is included, or of which only rules are.
    The rules of an object that is included are part of it.
    """
    rules: dict[Address, list[Address]] = {}
    for address in sorted(part.joined):
        rules.setdefault(address.owner, []).append(address)
    return [
        _joined_notice(owner, found, part.joined[owner if owner in found else found[0]])
        for owner, found in rules.items()
    ]


def _joined_notice(owner: Address, found: Sequence[Address], by: str) -> Problem:
    one = owner if owner in found else found[0]
    if owner in found or len(found) == 1:
        message = msg("{by} needs {address}, so it is included", by=by, address=one)
        return notice("joined", message, address=str(one))
    message = msg(
        "{by} needs {count} rules of {address}, so they are included",
        by=by,
        count=len(found),
        address=owner,
    )
    return notice("joined", message, address=str(owner))
