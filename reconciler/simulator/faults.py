"""Faults: what may go wrong with a request, at which instant, and to which request.

A `Fault` is a value that names an instant and a target; a `FaultPlan` counts requests and says
which faults strike the one at hand. Chance comes from a seed, so a run repeats. What a fault does
is in `cloud` (instants) and `distort` (answers).
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.http import Request
from reconciler.simulator.errors import CODES

INSTANTS: Mapping[str, str] = {
    "refused_before": "answered with `status` or `code` before anything is executed; 429 bursts are this with `times`",
    "lost_before": "never arrives: the connection is cut and nothing is executed",
    "answer_lost": "executed, then the connection is cut before the answer",
    "executed_then_5xx": "executed, then answered with a 5xx (`status`, 502 with HTML unless told otherwise)",
    "executed_late": "executed `seconds` later; the answer is lost, or `status` comes at once",
    "executed_twice": "executed twice; the first answer comes back",
    "answer_cut": "executed; the connection is cut in the middle of the answer",
    "answer_garbled": "executed; the answer is not JSON (`body`, or a page of HTML under the right status)",
    "answer_slow": "executed; the answer comes `seconds` later",
}
"""The instants of a request at which it may fail; at most one strikes a request."""

DISTORTIONS: Mapping[str, str] = {
    "stale_read": "a read is answered from the world as it was before the last change, or `seconds` ago",
    "duplicate_rows": "a page after the first begins with the last row of the page before",
    "changed_total": "`total` is off by `count` on pages after the first",
    "unknown_status": "rows carry a status text outside the known set (`message`)",
    "unknown_code": "refused with a code outside the published table, nothing executed",
    "extra_members": "the envelope and every row carry members nobody knows",
    "null_lists": "lists inside rows, and an empty `result`, are null",
    "numbers_as_text": "every number comes as text",
    "masked_password": "the first password in a create receipt is masked",
}
"""Answers that are whole but strange (contract#switches, end); any number of them may strike a
request.
"""

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
        for name, wanted in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise FaultError(f"{self.instant}: {name} may not be {value!r}")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise FaultError(f"{self.instant}: probability lies between 0 and 1")
        if any(number is not None and number < 1 for number in (self.nth, self.number, self.times)):
            raise FaultError(f"{self.instant}: nth, number and times count from 1")
        if not 0 <= self.seconds < float("inf"):
            raise FaultError(f"{self.instant}: seconds are from 0")
        if self.status is not None and not 200 <= self.status <= 599:
            raise FaultError(f"{self.instant}: status is an HTTP status")

    @property
    def code_number(self) -> int:
        """The number of `code`: the published one, or one outside the table."""
        return CODES[self.code].number if self.code in CODES else 0x99

    def aims_at(self, request: Request, template: str, operation: str) -> bool:
        """Whether method and route match a request, whatever its number."""
        if self.method and self.method.upper() != request.method:
            return False
        return (
            not self.route
            or self.route in {operation, template}
            or bool(_pattern(self.route).fullmatch(request.path))
        )

    def to_data(self) -> dict[str, object]:
        """What a script would say."""
        plain = {each.name: each.default for each in dataclasses.fields(self)}
        return {name: value for name in plain if (value := getattr(self, name)) != plain[name]}


_TYPES: Mapping[str, tuple[type, ...]] = {
    "method": (str,),
    "route": (str,),
    "nth": (int, type(None)),
    "number": (int, type(None)),
    "probability": (int, float, type(None)),
    "times": (int, type(None)),
    "status": (int, type(None)),
    "code": (str,),
    "message": (str,),
    "body": (str, type(None)),
    "seconds": (int, float),
    "count": (int,),
}


def _pattern(route: str) -> re.Pattern[str]:
    """A path in which `*` or `{name}` stands for one segment and `**` for any rest."""
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", route)
    return re.compile(
        "".join(
            ".*" if part == "**" else "[^/]+" if part[:1] in {"*", "{"} else re.escape(part)
            for part in parts
        )
    )


def parse_fault(data: object) -> Fault:
    """A fault from one entry of a script."""
    if not isinstance(data, Mapping):
        raise FaultError(f"a fault is a mapping, not {data!r}")
    names = {each.name for each in dataclasses.fields(Fault)}
    unknown = sorted(str(name) for name in data if name not in names)
    if unknown or "instant" not in data:
        raise FaultError(
            f"unknown: {', '.join(unknown)}; a fault has {', '.join(sorted(names))}"
            if unknown
            else "a fault needs an instant"
        )
    return Fault(**{str(name): value for name, value in data.items()})


def parse_faults(data: object) -> list[Fault]:
    """Faults from a script: a list, or a mapping with `faults`."""
    entries = data.get("faults", []) if isinstance(data, Mapping) else data
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise FaultError("a fault script is a list of faults, or a mapping with `faults`")
    faults = []
    for position, entry in enumerate(entries, start=1):
        try:
            faults.append(parse_fault(entry))
        except FaultError as problem:
            raise FaultError(f"fault {position}: {problem}") from None
    return faults


class FaultPlan:
    """The faults in force, with the counting that decides which request they strike."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.faults = list(faults)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable chance is the point
        self._matched = [0] * len(self.faults)
        self._struck = [0] * len(self.faults)
        self._requests = 0

    def add(self, *faults: Fault) -> None:
        """Put more faults in force; what was counted so far stays."""
        self.faults.extend(faults)
        self._matched.extend(0 for _ in faults)
        self._struck.extend(0 for _ in faults)

    @property
    def struck(self) -> list[int]:
        """How often each fault has struck, in the order of `faults`."""
        return list(self._struck)

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
        by_number = fault.nth is not None or fault.number is not None
        times = fault.times if fault.times is not None else (1 if by_number else None)
        if times is not None and self._struck[index] >= times:
            return False
        if fault.nth is not None and self._matched[index] < fault.nth:
            return False
        if fault.number is not None and self._requests < fault.number:
            return False
        return fault.probability is None or self._chance.random() < fault.probability
