"""Reading whole lists, as state machines without I/O: what to ask next, what an answer means, when the list is complete (SPEC 6).

A reading is resumed from outside: `next_call` gives a call when one is due, `take` gets its answer. The reader runs several side by
side, and apply lets the same readings answer for what it waits for. There is no snapshot of a list, so rows that repeat across pages,
a total that moves, or pages of another size make the walk start again (contract 7).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.cloud import catalogue, refusals
from reconciler.core.kind import Call, Kind, Listing, Paging
from reconciler.core.problems import Problem, error
from reconciler.ports import Accepted, Answer, NoAnswer, Refused

PAGE_SIZE = 100
"""Rows asked for at a time: the largest size that was seen to be accepted (contract 4)."""

PAGES_MAX = 2_000
RESTARTS_MAX = 4
ATTEMPTS_MAX = 5
UNSENT_ATTEMPTS_MAX = 3
RATE_ATTEMPTS_MAX = 12
"""A 429 says nothing against the list: it is asked again for about five minutes."""

_BACKOFF_SECONDS = 1.0
_BACKOFF_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True)
class ListRead:
    """What a reading found: rows as the listing decodes them, in the cloud's order, without those of deleted objects.

    `complete` is False where the cloud has no such list to give (a script list answered with 404, the rules of a deleted group).
    `inline` holds other lists that came with the rows, by name (`rules:<firewall id>` in the older firewall form).
    """

    rows: tuple[Any, ...] = ()
    complete: bool = True
    inline: Mapping[str, tuple[Any, ...]] | None = None


def reading(what: str, kinds: Mapping[str, Kind], *, tracked: frozenset[str] = frozenset(), time_scale: float = 1.0) -> Reading:
    """A reading of one list: a kind, `rules:<firewall id>`, `members:<firewall id>`, or a list of the catalogue.

    `tracked` are ids that the list should show; where one is missing the walk goes on to an empty page. `time_scale` divides the waits.
    Raises ValueError where there is no such list.
    """
    name, _, parent = what.partition(":")
    for kind in kinds.values():
        if name in kind.lists:
            listing, inner = kind.lists[name], _inline_decoder(kinds, kind.lists[name])
            return Reading(what, listing, parent or None, tracked=tracked, time_scale=time_scale, inner=inner)
    if name in catalogue.LISTS:
        return Reading(what, catalogue.LISTS[name], None, tracked=tracked, time_scale=time_scale)
    raise ValueError(f"there is no list {what!r}")


def _inline_decoder(kinds: Mapping[str, Kind], listing: Listing) -> Listing | None:
    return kinds["rules"].lists["rules"] if listing.inline is not None else None


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    value: Any
    inline: tuple[str, tuple[Any, ...]] | None


class Reading:
    """One list on its way; see `reading`."""

    def __init__(
        self,
        what: str,
        listing: Listing,
        parent: str | None,
        *,
        tracked: frozenset[str] = frozenset(),
        time_scale: float = 1.0,
        inner: Listing | None = None,
    ) -> None:
        self.what = what
        self.failure: Problem | None = None
        self.result: ListRead | None = None
        self.pages = 0
        self._listing = listing
        self._parent = parent
        self._tracked = tracked
        self._time_scale = time_scale
        self._inner = inner
        self._size = PAGE_SIZE
        self._restarts = 0
        self._asked = False
        self._due = -math.inf
        self._refusals = 0
        self._attempts = 0
        self._rate_attempts = 0
        self._paged = listing.paging is Paging.PAGES
        self._probing = False
        self._page = 1
        self._total: int | None = None
        self._seen: set[str] = set()
        self._rows: list[Any] = []
        self._inline: dict[str, tuple[Any, ...]] = {}

    @property
    def done(self) -> bool:
        """Whether there is a result or a failure."""
        return self.result is not None or self.failure is not None

    def next_call(self, now: float) -> Call | None:
        """The call that is due, or None where one is under way, a wait is on, or the reading is done. `now` is monotonic."""
        if self.done or self._asked or now < self._due:
            return None
        self._asked = True
        query = self._listing.query
        if self._paged:
            query += (("page_no", str(self._page)), ("page_size", str(self._size)))
        return Call("GET", self._listing.path.replace("{parent}", self._parent or ""), query=query)

    def wake_in(self, now: float) -> float:
        """Seconds until a call is due; infinite while one is under way or the reading is done."""
        return math.inf if self.done or self._asked else max(self._due - now, 0.0)

    def take(self, answer: Answer, now: float) -> None:
        """The answer to the last call."""
        self._asked = False
        match answer:
            case Accepted():
                try:
                    self._take_page(answer)
                except ValueError as failure:
                    self._try_again(now, f"the list of {self._words()} is not as documented: {failure}", ATTEMPTS_MAX)
            case Refused():
                self._take_refusal(answer, now)
            case NoAnswer():
                limit = ATTEMPTS_MAX if answer.sent else UNSENT_ATTEMPTS_MAX
                self._try_again(now, f"the list of {self._words()} could not be read: {answer.reason}", limit)

    # What a page means -------------------------------------------------------------------------------------------------------

    def _take_page(self, answer: Accepted) -> None:
        """Raises ValueError where the page is not as the contract promises; nothing of it is kept then."""
        found = self._listing.unpack(answer.result) if self._listing.unpack is not None else answer.result
        if not isinstance(found, list):
            raise ValueError("the result is no list")
        decoded = [self._decode(row) for row in found]
        self.pages += 1
        self._attempts = 0
        if self._paged and self._is_other_size(answer.meta):
            return
        ids = {row.id for row in decoded}
        if self._probing and self._seen >= ids:
            self._finish()  # the second page is the first again: the list ignores pages and had come whole
            return
        if len(ids) < len(decoded) or not self._seen.isdisjoint(ids) or self._has_moved(answer.meta):
            self._restart("rows came twice or the total moved")
            return
        self._seen |= ids
        self._rows += [row.value for row in decoded if row.value is not None]
        self._inline.update(row.inline for row in decoded if row.inline is not None)
        self._go_on(len(found), answer.meta)

    def _decode(self, row: Any) -> _Row:
        listing = self._listing
        inline = None
        if listing.inline is not None and self._inner is not None:
            name, others = listing.inline(row)
            if isinstance(others, list):
                inline = name, tuple(self._inner.decode(other, name.partition(":")[2]) for other in others)
        return _Row(listing.identify(row), listing.decode(row, self._parent), inline)

    def _go_on(self, count: int, meta: Mapping[str, Any]) -> None:
        """Decides whether the list is at its end."""
        missing = not self._tracked <= self._seen
        if not self._paged:
            if self._listing.paging is Paging.UNSTATED and count and (missing or count >= meta.get("page_size", math.inf)):
                # Not documented as paged, but it may be: one look at a second page tells.
                self._paged = self._probing = True
                self._size, self._page = meta.get("page_size", PAGE_SIZE), 2
            else:
                self._finish()
            return
        self._probing = False
        short = count < self._size and "page_size" in meta and not missing
        if count == 0 or (short if self._total is None else len(self._seen) >= self._total):
            self._finish()
        elif self._page >= PAGES_MAX:
            self._fail(error("cloud", f"the list of {self._words()} does not end after {PAGES_MAX} pages"))
        else:
            self._page += 1

    def _is_other_size(self, meta: Mapping[str, Any]) -> bool:
        """A page of another size than asked would leave rows out: the walk starts again at that size (SPEC 6)."""
        size = meta.get("page_size")
        if size is None or size == self._size or not 1 <= size <= 100_000:
            return False
        self._size = size
        self._restart(f"pages came with {size} rows")
        return True

    def _has_moved(self, meta: Mapping[str, Any]) -> bool:
        total = meta.get("total")
        if total is None:
            return False
        moved = self._total is not None and total != self._total
        self._total = total
        return moved

    def _restart(self, reason: str) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            self._fail(
                error(
                    "cloud",
                    f"the list of {self._words()} changes while it is read ({reason})",
                    hint="try again when nothing else works on the account",
                )
            )
            return
        self._probing, self._page, self._total = False, 1, None
        self._seen, self._rows, self._inline = set(), [], {}

    def _finish(self) -> None:
        self.result = ListRead(tuple(self._rows), complete=True, inline=self._inline)

    # What a refusal means ----------------------------------------------------------------------------------------------------

    def _take_refusal(self, answer: Refused, now: float) -> None:
        if answer.status == 429:
            self._rate_attempts += 1
            if self._rate_attempts <= RATE_ATTEMPTS_MAX:
                self._due = now  # the exchange keeps the wait that was asked for
                return
        elif refusals.is_no_list(self.what, answer):
            self.result = ListRead(complete=False)
            return
        elif self._refusals < 1 and answer.status in (401, 403):
            # Signed anew, a clock that stepped is right again; 403 has causes that pass (contract 6, retry policy). Once only.
            self._refusals += 1
            self._due = now + (0.0 if answer.status == 401 else refusals.DELAY_SECONDS / self._time_scale)
            return
        self._fail(refusals.explain(answer, f"reading the list of {self._words()}"))

    def _try_again(self, now: float, message: str, attempts_max: int) -> None:
        """Reads are resent, with longer and longer waits, a bounded number of times in a row."""
        self._attempts += 1
        if self._attempts >= attempts_max:
            self._fail(error("cloud", message, hint=f"it was asked {self._attempts} times; try again later"))
            return
        wait = min(_BACKOFF_SECONDS * 2 ** (self._attempts - 1), _BACKOFF_SECONDS_MAX)
        self._due = now + wait / self._time_scale

    def _fail(self, problem: Problem) -> None:
        self.failure = problem

    def _words(self) -> str:
        name, _, parent = self.what.partition(":")
        return f"{name.replace('_', ' ')} of {parent}" if parent else name.replace("_", " ")
