"""Reading whole lists, without I/O: what to ask next, what an answer shows, and when the list is
complete (quota#lists).

The API gives no snapshot of a list. If rows repeat across pages, the total changes, or pages come
in another size, the reading starts again at the first page (contract#pagination).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.common.timing import PAGE_SIZE
from reconciler.iwinv import catalog, errors
from reconciler.iwinv.reading import BaseReading
from reconciler.model.diagnostics import error
from reconciler.model.ports import Accepted, Refused, Seen
from reconciler.model.resource import EMPTY
from reconciler.model.resource_type import Call, Listing, Paging, ResourceType

PAGES_MAX = 2_000
UNTRACKED_PAGES_MAX = 200
"""The most pages in a row that show nothing tracked if the cloud does not say how many rows there
are: such a list may never end.
"""

READING_SECONDS_MAX = 600.0
"""The longest time for one list, however many pages it has: at 60 calls a minute that is 600 of
them.
"""

RESTARTS_MAX = 4


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of a list, by the meanings of `ListQuery`. `optional`: a plan can do without
    the list.
    """

    tracked: frozenset[str] = frozenset()
    whole: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which list is read, and how far.

    `what` is its name: a kind, `rules:<firewall id>`, `members:<firewall id>`, or a list of the
    catalogue. `tracked` are ids that the list should show: if one is missing, the list is read to
    an empty page. `whole`: something is concluded from what the list does not show, so a short
    first page is not believed to be everything. `lists` are all lists by name: rows of one of them
    may come with each row (`rules:<firewall id>` in the older firewall form).
    """

    what: str
    listing: Listing
    parent: str | None = None
    tracked: frozenset[str] = frozenset()
    whole: bool = False
    lists: Mapping[str, Listing] = EMPTY

    @property
    def title(self) -> str:
        """The list in words for people."""
        name = self.what.partition(":")[0].replace("_", " ")
        return f"{name} of {self.parent}" if self.parent else name


def reading(
    what: str,
    kinds: Mapping[str, ResourceType],
    *,
    tracked: frozenset[str] = frozenset(),
    whole: bool = False,
    time_scale: float = 1.0,
) -> ListReading:
    """A reading of one list, by the names and meanings of `ListQuery`. `time_scale` divides the
    waits. Raises ValueError if there is no such list.
    """
    lists = {
        **catalog.LISTS,
        **{name: listing for kind in kinds.values() for name, listing in kind.lists.items()},
    }
    name, _, parent = what.partition(":")
    if name not in lists:
        raise ValueError(f"there is no list {what!r}")
    query = ListQuery(what, lists[name], parent or None, tracked, whole, lists)
    return ListReading(query, time_scale=time_scale)


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    value: Any
    inline: tuple[str, tuple[Any, ...]] | None


@dataclass(slots=True)
class _Pages:
    """What the pages showed since the reading started, or started again."""

    number: int = 1
    total: int | None = None
    probing: bool = False
    untracked: int = 0
    ids: set[str] = field(default_factory=set)
    rows: list[Any] = field(default_factory=list)
    inline: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Effort:
    """What one list has cost so far: pages, starts from the first page, and when it began."""

    pages: int = 0
    restarts: int = 0
    began: float | None = None


class ListReading(BaseReading):
    """Reads one list to its end.

    It shows the rows as the listing decodes them, in the cloud's order, without those of deleted
    objects. It is not complete if the cloud has no such list (a script list answered with 404, the
    rules of a deleted firewall).
    """

    def __init__(self, query: ListQuery, *, time_scale: float = 1.0) -> None:
        doing = msg("reading the list of {list}", list=query.title)
        super().__init__(query.what, doing, time_scale)
        self._query = query
        self._size = PAGE_SIZE
        self._paged = query.listing.paging is Paging.PAGES
        self._probed = False
        self._effort = _Effort()
        self._found = _Pages()

    @property
    def pages(self) -> int:
        """How many pages were read."""
        return self._effort.pages

    @property
    def calls_left(self) -> int:
        """How many more pages are expected: one until the number of rows is known."""
        if self.done:
            return 0
        found = self._found
        rows = 0 if found.total is None else found.total - len(found.ids)
        return max(1, -(-rows // self._size))

    def _call(self, now: float) -> Call:
        self._effort.began = now if self._effort.began is None else self._effort.began
        listing = self._query.listing
        query = listing.query
        if self._paged:
            query += (("page_no", str(self._found.number)), ("page_size", str(self._size)))
        return Call("GET", listing.path.replace("{parent}", self._query.parent or ""), query=query)

    def _accept(self, answer: Accepted, now: float) -> None:
        """Takes a page. Nothing of it is kept if it is not as the contract promises."""
        listing, result = self._query.listing, answer.result
        if listing.unpack is not None and (result := listing.unpack(result)) is None:
            self.seen = Seen(complete=False)
            return
        if not isinstance(result, list):
            raise ValueError("the result is not a list")
        rows = [self._decode(row) for row in result]
        self._effort.pages += 1
        self._retry.succeeded()
        self._take_rows(rows, answer.meta)
        self._stop_if_endless(now)

    def _refuse(self, answer: Refused) -> bool:
        listing = self._query.listing
        if answer.status == listing.missing_status or answer.error_code in listing.missing_errors:
            self.seen = Seen(complete=False)
        elif self._found.probing and errors.is_about_the_call(answer):
            self._finish()  # the cloud gives no page of that size
        else:
            return False
        return True

    def _decode(self, row: Any) -> _Row:
        listing, inline = self._query.listing, None
        if listing.inline is not None:
            name, others = listing.inline(row)
            if isinstance(others, list):
                inner, _, parent = name.partition(":")
                decode = self._query.lists[inner].decode
                inline = (name, tuple(decode(other, parent) for other in others))
        return _Row(listing.identify(row), listing.decode(row, self._query.parent), inline)

    def _take_rows(self, rows: list[_Row], meta: Mapping[str, Any]) -> None:
        found, ids = self._found, {row.id for row in rows}
        if self._paged and self._has_other_size(meta):
            return
        if found.probing and found.ids >= ids:
            # The second page is the first again: the list ignores pages and came whole.
            self._finish()
            return
        repeated = len(ids) < len(rows) or not found.ids.isdisjoint(ids)
        if repeated or self._total_changed(meta):
            self._restart(msg("rows were repeated or the total changed"))
            return
        found.untracked = 0 if ids & self._query.tracked else found.untracked + 1
        found.ids |= ids
        found.rows += [row.value for row in rows if row.value is not None]
        found.inline.update(row.inline for row in rows if row.inline is not None)
        if self._paged:
            self._after_page(len(rows), meta)
        else:
            self._after_unpaged(len(rows), meta)

    def _after_unpaged(self, count: int, meta: Mapping[str, Any]) -> None:
        """Ends a list that came without pages. A list that is not documented as paged may be paged
        anyway: if rows may be missing, a second page is asked for.
        """
        may_be_more = (
            self._query.whole
            or self._misses_tracked()
            or count >= meta.get("page_size", math.inf)
            or meta.get("count", 0) > count
        )
        if self._query.listing.paging is Paging.UNSTATED and count and may_be_more:
            self._paged = True
            self._probe(meta.get("page_size", count))
        else:
            self._finish()

    def _after_page(self, count: int, meta: Mapping[str, Any]) -> None:
        """Asks for the next page, or ends the list."""
        found = self._found
        found.probing = False
        short_first = found.number == 1 and 0 < count < self._size and found.total is None
        if self._query.whole and short_first and not self._probed:
            # The largest page is not known (contract#limits): a cloud that gives fewer rows than
            # asked for, and does not say so, would look whole.
            self._probe(count)
            return
        # If the answer does not state the size, a short page may also be a smaller page.
        short = (
            count < self._size
            and "page_size" in meta
            and not self._misses_tracked()
            and meta.get("count", 0) <= count
        )
        at_end = short if found.total is None else len(found.ids) >= found.total
        if count == 0 or at_end:
            self._finish()
        elif found.number >= PAGES_MAX:
            message = msg(
                "the list of {list} does not end after {pages} pages",
                list=self._query.title,
                pages=PAGES_MAX,
            )
            self.failure = error("cloud", message)
        else:
            found.number += 1

    def _misses_tracked(self) -> bool:
        return not self._query.tracked <= self._found.ids

    def _probe(self, size: int) -> None:
        """Asks for the page after the first, with as many rows as the first had."""
        self._found.probing = self._probed = True
        self._size, self._found.number = size, 2

    def _has_other_size(self, meta: Mapping[str, Any]) -> bool:
        """Whether the page has another size than asked for, which would leave rows out: the list is
        then read again at that size (quota#lists).
        """
        size = meta.get("page_size")
        if size is None or size == self._size or not 1 <= size <= 100_000:
            return False
        self._size = size
        self._restart(msg("pages came with {size} rows", size=size))
        return True

    def _total_changed(self, meta: Mapping[str, Any]) -> bool:
        total, before = meta.get("total"), self._found.total
        if total is None:
            return False
        self._found.total = total
        return before not in (None, total)

    def _restart(self, reason: str) -> None:
        self._effort.restarts += 1
        self._found = _Pages()
        if self._effort.restarts > RESTARTS_MAX:
            message = msg(
                "the list of {list} changes while it is read ({reason})",
                list=self._query.title,
                reason=reason,
            )
            hint = msg("try again when nothing else works on the account")
            self.failure = error("cloud", message, hint=hint)

    def _stop_if_endless(self, now: float) -> None:
        """Gives up a list that does not end."""
        if self.done or self._effort.began is None:
            return
        if self._found.untracked > UNTRACKED_PAGES_MAX and self._found.total is None:
            message = msg(
                "the list of {list} does not end: {pages} pages in a row show nothing of this "
                "stack",
                list=self._query.title,
                pages=UNTRACKED_PAGES_MAX,
            )
        elif now - self._effort.began > READING_SECONDS_MAX:
            message = msg(
                "the list of {list} does not end within {seconds:.0f} s ({pages} pages)",
                list=self._query.title,
                seconds=READING_SECONDS_MAX,
                pages=self.pages,
            )
        else:
            return
        hint = msg("try again later; if it persists, contact iwinv support")
        self.failure = error("cloud", message, hint=hint)

    def _finish(self) -> None:
        found = self._found
        page_rows = self._size if found.number > 1 else None
        self.seen = Seen(tuple(found.rows), complete=True, inline=found.inline, page_rows=page_rows)
