"""Reading whole lists, as state machines without I/O: what to ask next, what an answer means, when
the list is complete (quota#lists).

A reading is resumed from outside: `next_call` gives a call when one is due, `take` gets its answer.
The reader runs several side by side, and apply lets the same readings answer for what it waits for.
There is no snapshot of a list, so rows that repeat across pages, a total that moves, or pages of
another size make the walk start again (contract#pagination).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import PAGE_SIZE
from reconciler.iwinv import catalog, refusals
from reconciler.iwinv.retry import Retry
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused, Seen
from reconciler.model.resource_type import Call, Listing, Paging, ResourceType

PAGES_MAX = 2_000
UNTRACKED_PAGES_MAX = 200
"""The most pages in a row that show nothing tracked, where the cloud does not say how many rows
there are: such a list may never end.
"""

READING_SECONDS_MAX = 600.0
"""The longest time for one list, however many pages it has: at 60 calls a minute that is 600 of
them.
"""

RESTARTS_MAX = 4


def reading(
    what: str,
    kinds: Mapping[str, ResourceType],
    *,
    tracked: frozenset[str] = frozenset(),
    whole: bool = False,
    time_scale: float = 1.0,
) -> ListReading:
    """A reading of one list: a kind, `rules:<firewall id>`, `members:<firewall id>`, or a list of
    the catalogue.

    `tracked` are ids that the list should show; where one is missing the walk goes on to an empty
    page. `whole` is whether something is to be concluded of what the list does not show, so that a
    short first page is not believed to be all. `time_scale` divides the waits. Raises ValueError
    where there is no such list.
    """
    name, _, parent = what.partition(":")
    for kind in kinds.values():
        if name in kind.lists:
            listing = kind.lists[name]
            inner = kinds["rules"].lists["rules"] if listing.inline is not None else None
            return ListReading(
                what,
                listing,
                parent or None,
                tracked=tracked,
                whole=whole,
                time_scale=time_scale,
                inner=inner,
            )
    if name in catalog.LISTS:
        return ListReading(what, catalog.LISTS[name], None, tracked=tracked, time_scale=time_scale)
    raise ValueError(f"there is no list {what!r}")


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    value: Any
    inline: tuple[str, tuple[Any, ...]] | None


class ListReading:
    """One list on its way; see `reading`.

    What it shows is rows as the listing decodes them, in the cloud's order, without those of
    deleted objects. It is not complete where the cloud has no such list to give (a script list
    answered with 404, the rules of a deleted group). `inner` decodes the rows of the other list
    that comes with each row (`rules:<firewall id>` in the older firewall form).
    """

    def __init__(
        self,
        what: str,
        listing: Listing,
        parent: str | None,
        *,
        tracked: frozenset[str] = frozenset(),
        whole: bool = False,
        time_scale: float = 1.0,
        inner: Listing | None = None,
    ) -> None:
        self.what = what
        self.pages = 0
        self._listing = listing
        self._parent = parent
        self._tracked = tracked
        self._whole = whole
        self._inner = inner
        self._patience = Retry(f"reading the list of {_words(what)}", time_scale)
        self._failure: Problem | None = None
        self._shown: Seen | None = None
        self._asked = False
        self._due = -math.inf
        self._restarts = 0
        self._size = PAGE_SIZE
        self._paged = listing.paging is Paging.PAGES
        self._probing = self._probed = False
        self._page = 1
        self._untracked = 0
        self._began: float | None = None
        self._total: int | None = None
        self._ids: set[str] = set()
        self._rows: list[Any] = []
        self._inline: dict[str, tuple[Any, ...]] = {}

    @property
    def seen(self) -> Seen | None:
        """What the list showed, once it is read."""
        return self._shown

    @property
    def failure(self) -> Problem | None:
        """Why it could not be read."""
        return self._failure

    @property
    def done(self) -> bool:
        """Whether it is over, one way or the other."""
        return self._shown is not None or self._failure is not None

    def next_call(self, now: float) -> Call | None:
        """The call that is due, or None where one is under way, a wait is on, or the reading is
        over. `now` is monotonic.
        """
        if self.done or self._asked or now < self._due:
            return None
        self._asked = True
        self._began = now if self._began is None else self._began
        query = self._listing.query
        if self._paged:
            query += (("page_no", str(self._page)), ("page_size", str(self._size)))
        return Call("GET", self._listing.path.replace("{parent}", self._parent or ""), query=query)

    def wake_in(self, now: float) -> float:
        """Seconds until a call is due; infinite while one is under way or the reading is over."""
        return math.inf if self.done or self._asked else max(self._due - now, 0.0)

    def take(self, answer: Answer, now: float) -> None:
        """The answer to the last call."""
        self._asked = False
        match answer:
            case Accepted():
                try:
                    self._take_page(answer)
                    self._bound(now)
                except ValueError as failure:
                    self._wait_or_fail(self._patience.after_garbage(str(failure), now))
            case Refused() if refusals.is_no_list(self.what, answer):
                self._shown = Seen(complete=False)
            case Refused() if self._probing and answer.status not in (401, 403, 429):
                self._finish()  # no page of that size can be asked for
            case Refused():
                self._wait_or_fail(self._patience.after_refusal(answer, now))
            case NoAnswer():
                self._wait_or_fail(self._patience.after_silence(answer, now))

    def _bound(self, now: float) -> None:
        """Gives up a list that does not come to an end."""
        if self.done or self._began is None:
            return
        endless = f"the list of {_words(self.what)} does not end"
        hint = msg("try again later; if it persists, contact iwinv support")
        if self._untracked > UNTRACKED_PAGES_MAX and self._total is None:
            said = f"{endless}: {UNTRACKED_PAGES_MAX} pages in a row show nothing of this stack"
            self._failure = error("cloud", said, hint=hint)
        elif now - self._began > READING_SECONDS_MAX:
            self._failure = error(
                "cloud",
                msg(
                    "{endless} within {seconds:.0f} s ({pages} pages)",
                    endless=endless,
                    seconds=READING_SECONDS_MAX,
                    pages=self.pages,
                ),
                hint=hint,
            )

    def _wait_or_fail(self, verdict: float | Problem) -> None:
        if isinstance(verdict, Problem):
            self._failure = verdict
        else:
            self._due = verdict

    def _take_page(self, answer: Accepted) -> None:
        """Raises ValueError where the page is not as the contract promises; nothing of it is kept
        then.
        """
        found = answer.result
        if self._listing.unpack is not None and (found := self._listing.unpack(found)) is None:
            self._shown = Seen(complete=False)
            return
        if not isinstance(found, list):
            raise ValueError("the result is not a list")
        decoded = [self._decode(row) for row in found]
        self.pages += 1
        self._patience.went_well()
        if self._paged and self._is_other_size(answer.meta):
            return
        ids = {row.id for row in decoded}
        if self._probing and self._ids >= ids:
            # the second page is the first again: the list ignores pages and had come whole
            self._finish()
            return
        if len(ids) < len(decoded) or not self._ids.isdisjoint(ids) or self._has_moved(answer.meta):
            self._restart("rows were repeated or the total changed")
            return
        self._untracked = 0 if ids & self._tracked else self._untracked + 1
        self._ids |= ids
        self._rows += [row.value for row in decoded if row.value is not None]
        self._inline.update(row.inline for row in decoded if row.inline is not None)
        self._go_on(len(found), answer.meta)

    def _decode(self, row: Any) -> _Row:
        listing = self._listing
        inline = None
        if listing.inline is not None and self._inner is not None:
            name, others = listing.inline(row)
            if isinstance(others, list):
                inline = (
                    name,
                    tuple(self._inner.decode(other, name.partition(":")[2]) for other in others),
                )
        return _Row(listing.identify(row), listing.decode(row, self._parent), inline)

    def _go_on(self, count: int, meta: Mapping[str, Any]) -> None:
        """Decides whether the list is at its end."""
        missing = not self._tracked <= self._ids
        if not self._paged:
            doubtful = (
                missing
                or self._whole
                or count >= meta.get("page_size", math.inf)
                or meta.get("count", 0) > count
            )
            if self._listing.paging is Paging.UNSTATED and count and doubtful:
                # Not documented as paged, but it may be: one look at a second page tells.
                self._paged = True
                self._look_for_more(meta.get("page_size", count))
            else:
                self._finish()
            return
        self._probing = False
        if (
            self._whole
            and self._page == 1
            and 0 < count < self._size
            and self._total is None
            and not self._probed
        ):
            # The largest page is not known (contract#limits): a cloud that gives fewer rows than
            # asked, and does not say so, would look whole.
            self._look_for_more(count)
            return
        # Without a size in the answer, a short page may as well be a smaller page.
        short = (
            count < self._size
            and "page_size" in meta
            and not missing
            and meta.get("count", 0) <= count
        )
        if count == 0 or (short if self._total is None else len(self._ids) >= self._total):
            self._finish()
        elif self._page >= PAGES_MAX:
            self._failure = error(
                "cloud",
                msg(
                    "the list of {kind} does not end after {pages} pages",
                    kind=_words(self.what),
                    pages=PAGES_MAX,
                ),
            )
        else:
            self._page += 1

    def _look_for_more(self, size: int) -> None:
        """Asks for the page that follows the first, so many rows as that had."""
        self._probing = self._probed = True
        self._size, self._page = size, 2

    def _is_other_size(self, meta: Mapping[str, Any]) -> bool:
        """A page of another size than asked would leave rows out: the walk starts again at that
        size (quota#lists).
        """
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
            message = msg(
                "the list of {kind} changes while it is read ({reason})",
                kind=_words(self.what),
                reason=reason,
            )
            self._failure = error(
                "cloud", message, hint=msg("try again when nothing else works on the account")
            )
            return
        self._probing, self._page, self._total, self._untracked = False, 1, None, 0
        self._ids, self._rows, self._inline = set(), [], {}

    def _finish(self) -> None:
        self._shown = Seen(tuple(self._rows), complete=True, inline=self._inline)


def _words(what: str) -> str:
    name, _, parent = what.partition(":")
    return f"{name.replace('_', ' ')} of {parent}" if parent else name.replace("_", " ")
