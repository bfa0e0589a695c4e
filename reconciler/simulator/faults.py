"""Faults: what may go wrong with a request, at which instant, and to which request.

A `Fault` is a value that names an instant and a target; a `FaultPlan` counts requests and says
which faults strike the one at hand. Chance comes from a seed, so a run repeats. What a fault does
is in `cloud` (instants) and `distort` (answers).
"""

from __future__ import annotations

import dataclasses
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.http import Request
from reconciler.simulator.errors import CODES

# The instants of a request at which it may fail; at most one strikes a request.
INSTANTS: Mapping[str, str] = {
    "refused_before": "answered with `status` or `code` before anything is executed; 429 bursts "
    "are this with `times`",
    "lost_before": "never arrives: the connection is cut and nothing is executed",
    "answer_lost": "executed, then the connection is cut before the answer",
    "executed_then_5xx": "executed, then answered with a 5xx (`status`, 502 with HTML by default)",
    "executed_late": "executed `seconds` later; the answer is lost, or `status` comes at once",
    "executed_twice": "executed twice; the first answer comes back",
    "answer_cut": "executed; the connection is cut in the middle of the answer",
    "answer_garbled": "executed; the answer is not JSON (`body`, or a page of HTML under the "
    "right status)",
    "answer_slow": "executed; the answer comes `seconds` later",
}

# Answers that are whole but strange (contract#switches, end); any number may strike a request.
DISTORTIONS: Mapping[str, str] = {
    "stale_read": "a read is answered from the world as it was before the last change, or "
    "`seconds` ago",
    "duplicate_rows": "a page after the first begins with the last row of the page before",
    "changed_total": "`total` is off by `count` on pages after the first",
    "unknown_status": "rows carry a status text outside the known set (`message`)",
    "unknown_code": "refused with a code outside the published table, nothing executed",
    "extra_members": "the envelope and every row carry unknown members",
    "null_lists": "lists inside rows, and an empty `result`, are null",
    "numbers_as_text": "every number comes as text",
    "masked_password": "the first password in a create receipt is masked",
}

KINDS = {**INSTANTS, **DISTORTIONS}


class FaultError(ValueError):
    """A fault script that cannot be followed; the text says which line and why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the requests it strikes.

    `route` is an operation name (`createInstance`), a template (`/v1/instances/{instance_id}`) or a
    path with `*` for a segment; empty means any. `nth` is the n-th request among those that match,
    `number` the n-th of all; with neither, every match is struck, or each with `probability`.
    `times` limits how often it strikes at all (1 where `nth` or `number` is given).
    """

    instant: str
    method: str = ""
    route: str = ""
    nth: int | None = None
    number: int | None = None
    probability: float | None = None
    times: int | None = None
    status: int | None = None
    code: str = ""
    message: str = ""
    body: str | None = None
    seconds: float = 0.0
    count: int = 1

    def __post_init__(self) -> None:
        if self.instant not in KINDS:
            raise FaultError(f"{self.instant}: no such instant; there are " + ", ".join(KINDS))
        for name, (types, low, high, meaning) in _MEMBERS.items():
            value = getattr(self, name)
            if not isinstance(value, types) or isinstance(value, bool):
                raise FaultError(f"{self.instant}: {name} may not be {value!r}")
            if isinstance(value, int | float) and not low <= value <= high:
                raise FaultError(f"{self.instant}: {meaning}")

    @property
    def code_number(self) -> int:
        """The number of `code`: the published one, or one outside the table."""
        return CODES[self.code].number if self.code in CODES else 0x99

    def aims_at(self, request: Request, template: str, operation: str) -> bool:
        """Whether method and route match a request, whatever its number."""
        return (not self.method or self.method.upper() == request.method) and (
            not self.route
            or self.route in {operation, template}
            or bool(_pattern(self.route).fullmatch(request.path))
        )

    def to_data(self) -> dict[str, object]:
        """The fault as an entry of a script."""
        plain = {each.name: each.default for each in dataclasses.fields(self)}
        return {name: value for name in plain if (value := getattr(self, name)) != plain[name]}


_TEXT = ((str,), 0, 0, "")
_COUNT = ((int, type(None)), 1, sys.maxsize, "nth, number and times count from 1")
_MEMBERS: Mapping[str, tuple[tuple[type, ...], float, float, str]] = {
    "method": _TEXT,
    "route": _TEXT,
    "nth": _COUNT,
    "number": _COUNT,
    "probability": ((int, float, type(None)), 0, 1, "probability lies between 0 and 1"),
    "times": _COUNT,
    "status": ((int, type(None)), 200, 599, "status is an HTTP status"),
    "code": _TEXT,
    "message": _TEXT,
    "body": ((str, type(None)), 0, 0, ""),
    "seconds": ((int, float), 0, sys.float_info.max, "seconds are from 0"),
    "count": ((int,), -sys.maxsize, sys.maxsize, "count is a whole number"),
}
_NAMES = sorted(each.name for each in dataclasses.fields(Fault))


def _pattern(route: str) -> re.Pattern[str]:
    """A path in which `*` or `{name}` stands for one segment and `**` for any rest."""
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", route)
    fixed = {"**": ".*", "*": "[^/]+"}
    return re.compile(
        "".join(
            fixed.get(part) or ("[^/]+" if part.startswith("{") else re.escape(part))
            for part in parts
        )
    )


def parse_fault(data: object) -> Fault:
    """A fault from one entry of a script."""
    if not isinstance(data, Mapping):
        raise FaultError(f"a fault is a mapping, not {data!r}")
    unknown = sorted(str(name) for name in data if name not in _NAMES)
    if unknown:
        raise FaultError(f"unknown: {', '.join(unknown)}; a fault has {', '.join(_NAMES)}")
    if "instant" not in data:
        raise FaultError("a fault needs an instant")
    return Fault(**{str(name): value for name, value in data.items()})


def parse_faults(data: object) -> list[Fault]:
    """Faults from a script: a list, or a mapping with `faults`."""
    entries = data.get("faults") if isinstance(data, Mapping) else data
    if not isinstance(entries, list | None):
        raise FaultError("a fault script is a list of faults, or a mapping with `faults`")
    faults = []
    for position, entry in enumerate(entries or [], start=1):
        try:
            faults.append(parse_fault(entry))
        except FaultError as problem:
            raise FaultError(f"fault {position}: {problem}") from None
    return faults


def parse_script(data: object) -> tuple[list[Fault], int | None]:
    """The faults of a script, and the seed of their probabilities if it has one."""
    seed = data.get("seed") if isinstance(data, Mapping) else None
    return parse_faults(data), seed if isinstance(seed, int) else None


class FaultPlan:
    """The faults in force, with the counting that decides which request they strike."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.faults = list(faults)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable chance is the point
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._requests = 0

    @property
    def struck(self) -> list[int]:
        """How often each fault has struck, in the order of `faults`."""
        return [self._struck[index] for index in range(len(self.faults))]

    def draw(self, request: Request, template: str, operation: str) -> list[Fault]:
        """The faults that strike this request, at most one of them at an instant."""
        self._requests += 1
        drawn: list[Fault] = []
        for index, fault in enumerate(self.faults):
            if not fault.aims_at(request, template, operation):
                continue
            self._matched[index] += 1
            taken = fault.instant in INSTANTS and any(each.instant in INSTANTS for each in drawn)
            if self._strikes(index, fault) and not taken:
                self._struck[index] += 1
                drawn.append(fault)
        return drawn

    def _strikes(self, index: int, fault: Fault) -> bool:
        once = fault.nth is not None or fault.number is not None
        times = 1 if fault.times is None and once else fault.times
        due = (
            (times is None or self._struck[index] < times)
            and self._matched[index] >= (fault.nth or 0)
            and self._requests >= (fault.number or 0)
        )
        return due and (fault.probability is None or self._chance.random() < fault.probability)
