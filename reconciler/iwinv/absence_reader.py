"""Absence: how the detail of one object shows that it is not there (contract#absence). One part of
the proof that safety#absence, asks for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconciler.common import decoding
from reconciler.iwinv.retry import Retry
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused, Seen
from reconciler.model.resource_type import Call, ResourceType


def absence_call(kind: ResourceType, id: str) -> Call:
    """The detail read of one object. Raises ValueError for a kind without one (a rule: the list of
    its firewall tells).
    """
    if kind.detail is None:
        raise ValueError(f"the API has no detail of one {kind.singular}")
    return Call("GET", kind.detail.replace("{id}", id), query=kind.lists[kind.name].query)


def shows_absent(kind: ResourceType, id: str, answer: Answer) -> bool:
    """Whether the answer is the documented not-found for that id.

    A success without rows is, and a row of that id which says that the object is over; of errors
    only those that the contract names for the kind, by exact body. A 404 without it, a refusal for
    another reason and no answer at all prove nothing.
    """
    if isinstance(answer, Refused):
        return answer.error_code in kind.absent_errors and answer.status not in (401, 403, 429)
    if not isinstance(answer, Accepted) or not isinstance(answer.result, list):
        return False
    if not answer.result:
        return bool(answer.meta.get("count", 0) == 0)
    return len(answer.result) == 1 and _is_over(kind, id, answer.result[0])


def _is_over(kind: ResourceType, id: str, row: object) -> bool:
    listing = kind.lists[kind.name]
    if not isinstance(row, Mapping):
        return False
    try:
        return (
            decoding.optional_id(listing.identify(row)) == id and listing.decode(row, None) is None
        )
    except ValueError:
        return False


class DetailReading:
    """One object being read, to see whether it is there. It is over with the first answer that says
    something either way.

    Raises ValueError, when made, for a kind without a detail.
    """

    def __init__(self, kind: ResourceType, id: str, *, time_scale: float = 1.0) -> None:
        self._kind = kind
        self._id = id
        self._call = absence_call(kind, id)
        self._patience = Retry(f"reading {kind.singular.replace('_', ' ')} {id}", time_scale)
        self._asked = False
        self._due = -math.inf
        self._shown: Seen | None = None
        self._failure: Problem | None = None

    @property
    def seen(self) -> Seen | None:
        """Whether the object was shown absent, and the object where it was shown."""
        return self._shown

    @property
    def failure(self) -> Problem | None:
        """Why nothing could be read."""
        return self._failure

    def next_call(self, now: float) -> Call | None:
        """The call, where it is due."""
        if self._shown is not None or self._failure is not None or self._asked or now < self._due:
            return None
        self._asked = True
        return self._call

    def wake_in(self, now: float) -> float:
        """Seconds until the call is due; infinite while it is under way or over."""
        over = self._shown is not None or self._failure is not None
        return math.inf if over or self._asked else max(self._due - now, 0.0)

    def take(self, answer: Answer, now: float) -> None:
        """The answer to the last call."""
        self._asked = False
        if shows_absent(self._kind, self._id, answer):
            self._shown = Seen(complete=True, absent=True)
            return
        match answer:
            case Accepted():
                try:
                    self._take_row(answer)
                except ValueError as failure:
                    self._wait_or_fail(self._patience.after_garbage(str(failure), now))
            case Refused() if answer.status not in (401, 403, 429):
                # An error that proves nothing, "busy" among them: the object is not shown absent.
                self._shown = Seen(complete=False, absent=False)
            case Refused():
                self._wait_or_fail(self._patience.after_refusal(answer, now))
            case NoAnswer():
                self._wait_or_fail(self._patience.after_silence(answer, now))

    def _take_row(self, answer: Accepted) -> None:
        live = self._kind.decode(decoding.only_row(answer.result, self._kind.singular))
        if live.id != self._id:
            raise ValueError("the answer is about another object")
        self._shown = Seen((live,), complete=True, absent=False)

    def _wait_or_fail(self, verdict: float | Problem) -> None:
        if isinstance(verdict, Problem):
            self._failure = verdict
        else:
            self._due = verdict
