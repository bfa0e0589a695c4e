"""Which lists are read when: one list answers for every task that waits for it (quota#waiting).
Nothing here blocks.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TypeAlias

from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.read_queue import ReadQueue
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Answer, Reading, Reads
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import RULES, Call, View
from reconciler.resources.instance import FIREWALL

READ_FAILURE_SECONDS = 10.0
"""After a list could not be read, until it is read again."""

Rows: TypeAlias = Mapping[str, LiveResource]
"""The objects that a list showed, by id."""

Subject: TypeAlias = "str | tuple[str, str]"
"""What a reading is about: a list, or one object by kind and id."""


@dataclass(slots=True)
class Listed:
    """One list: the reading under way, and when the last complete one was begun.

    `due` is when it will be read next. After a reading that failed, no task can have it read
    again before `not_before`.
    """

    what: str
    reading: Reading | None = None
    begun: float = -math.inf
    shown_at: float = -math.inf
    due: float = math.inf
    not_before: float = -math.inf


@dataclass(slots=True)
class Shown:
    """What the lists showed last: objects by kind and id, and the members of each firewall."""

    objects: dict[str, dict[str, LiveResource]] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    read_by_id: dict[str, set[str]] = field(default_factory=dict)
    """The objects that are not from the list of their kind, by kind."""

    page_rows: dict[str, int | None] = field(default_factory=dict)
    """By list how many rows a page had, None if one page was the whole list."""

    _skips: dict[str, tuple[Rows, Rows, bool]] = field(default_factory=dict)

    def take(self, what: str, rows: Iterable[object]) -> None:
        """Takes the rows of one complete list in place of those before."""
        name, _, parent = what.partition(":")
        if name == "members":
            self.members[parent] = tuple(str(row) for row in rows)
            return
        shown = {row.id: row for row in rows if isinstance(row, LiveResource)}
        if name == RULES:
            others = {
                id: rule
                for id, rule in self.objects.get(RULES, {}).items()
                if rule.attributes.get(FIREWALL) != parent
            }
            shown = {**others, **shown}
        self.objects[name] = shown
        self.read_by_id.pop(name, None)

    def add(self, kind: str, row: LiveResource) -> None:
        """Takes an object that was read by its id and is missing from the list of its kind."""
        self.objects[kind] = {**self.objects.get(kind, {}), row.id: row}
        self.read_by_id.setdefault(kind, set()).add(row.id)

    def listed(self, kind: str) -> Rows:
        """The objects that the list of a kind showed, by id."""
        rows, apart = self.objects.get(kind, {}), self.read_by_id.get(kind)
        return {id: row for id, row in rows.items() if id not in apart} if apart else rows

    def may_have_skipped(self, kind: str, first: Rows, second: Rows) -> bool:
        """Whether a list of several pages may have skipped one and the same object twice.

        A row is skipped if it moves to a page that was read already, because others leave the list
        meanwhile. To be skipped again it must move over a whole page: `second` then lacks at least
        as many of the rows of `first`. Half as many are enough here.
        """
        page_rows = self.page_rows.get(kind)
        if page_rows is None or first is second:
            return False
        known = self._skips.get(kind)
        if known is None or known[0] is not first or known[1] is not second:
            left = len(first.keys() - second.keys())
            known = self._skips[kind] = first, second, 2 * left >= page_rows
        return known[2]


@dataclass(slots=True)
class News:
    """What happened since somebody asked last: lists that were shown, lists that could not be read,
    and objects whose own reading is over.
    """

    shown: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    probed: list[tuple[str, str]] = field(default_factory=list)

    def take_shown(self) -> list[str]:
        shown, self.shown = self.shown, []
        return shown

    def take_failed(self) -> list[str]:
        failed, self.failed = self.failed, []
        return failed

    def take_probed(self) -> list[tuple[str, str]]:
        probed, self.probed = self.probed, []
        return probed


class ListPoller:
    """Reads the lists that waiting tasks need. Times are monotonic seconds, and `time_scale`
    divides the pauses.
    """

    def __init__(self, reads: Reads, time_scale: float) -> None:
        self.time_scale = time_scale
        self.lists: dict[str, Listed] = {}
        self.shown, self.news = Shown(), News()
        self._reads, self._queue = reads, ReadQueue[Subject, Reading]()
        self._probes: dict[tuple[str, str], Reading] = {}
        self._dues: list[tuple[float, str]] = []

    # What tasks ask for
    # -----------------------------------------------------------------------------------------

    def ask(self, lists: Iterable[str], at: float) -> None:
        """Has these lists read not later than `at`."""
        for what in lists:
            listed = self.lists.get(what) or self.lists.setdefault(what, Listed(what))
            if max(at, listed.not_before) < listed.due:
                self._due(listed, max(at, listed.not_before))

    def ask_once(self, lists: Iterable[str], since: float, now: float) -> None:
        """Has these lists read now, except those of which a reading that was begun after `since` is
        under way.
        """
        self.ask([what for what in lists if not self._is_reading(what, since)], now)

    def calm(self, unwatched: Iterable[str]) -> None:
        """No task waits for these lists any more: they are not read again."""
        for what in unwatched:
            if what in self.lists:
                self.lists[what].due = math.inf

    def probe(self, kind: str, id: str) -> Reading:
        """The reading of one object by its id, begun once."""
        if (kind, id) not in self._probes:
            self._probes[kind, id] = self._reads.absence(kind, id)
            self._queue.add((kind, id), self._probes[kind, id])
        return self._probes[kind, id]

    def forget_probe(self, kind: str, id: str) -> None:
        """The next `probe` of that object is a new reading."""
        self._probes.pop((kind, id), None)
        self._queue.drop((kind, id))

    # What is known
    # -----------------------------------------------------------------------------------------

    def fresh(self, lists: Iterable[str], since: float) -> bool:
        """Whether each of these lists was read completely, by a reading begun after `since`."""
        for what in lists:
            listed = self.lists.get(what)
            if listed is None or listed.shown_at < since:
                return False
        return True

    def tried(self, lists: Iterable[str], since: float) -> bool:
        """Whether a reading of each of these lists that was begun after `since` is over, whatever
        it showed.
        """
        for what in lists:
            listed = self.lists.get(what)
            if listed is None or listed.reading is not None or listed.begun < since:
                return False
        return True

    def shown_at(self, lists: Iterable[str]) -> float:
        """When the oldest of these lists was begun that were shown last."""
        return min(self.lists[what].shown_at for what in lists)

    def interval(self, waited_seconds: float, expected_seconds: float = 0.0) -> float:
        """Seconds until the next reading for something that was waited for that long, and is
        expected that much later.
        """
        scale = self.time_scale
        return timing.interval(waited_seconds * scale, expected_seconds * scale) / scale

    @property
    def objects(self) -> Mapping[str, Mapping[str, LiveResource]]:
        return self.shown.objects

    @property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        return self.shown.members

    def view(self) -> View:
        """Everything that the lists showed last."""
        return View(self.shown.objects, self.shown.members)

    def account(self) -> Account:
        """The same as an account. What was not read is not in it."""
        objects, members = self.shown.objects, self.shown.members
        ruled = frozenset(
            what.partition(":")[2]
            for what in self.lists
            if what.startswith("rules:") and self.lists[what].shown_at > -math.inf
        )
        return Account(objects, members, complete=frozenset(objects), ruled=ruled)

    # What is sent, and what comes back
    # -----------------------------------------------------------------------------------------

    def next_call(self, now: float) -> tuple[Subject, Call] | None:
        """A read that may be sent now, and what `sent` needs to know of it."""
        if (found := self._queue.next_call(now)) is not None:
            return found
        while self._first_due() <= now:
            listed = self.lists[heapq.heappop(self._dues)[1]]
            listed.reading = self._reads.listing(listed.what)
            self._queue.add(listed.what, listed.reading)
            listed.begun, listed.due = now, math.inf
            if (call := listed.reading.next_call(now)) is not None:
                return listed.what, call
        return None

    def wake_in(self, now: float) -> float:
        """Seconds until a read may be due."""
        return self._queue.wake_in(now, self._first_due() - now)

    def sent(self, token: int, subject: Subject) -> None:
        """Notes what the call was about that was sent with a token."""
        self._queue.sent(token, subject)

    def owns(self, token: int) -> bool:
        """Whether a call that was sent with this token was a read."""
        return self._queue.owns(token)

    def take(self, token: int, answer: Answer, now: float) -> Problem | None:
        """Takes the answer of a read. Returns the problem if a list could not be read at all."""
        over = self._queue.take(token, answer, now)
        if over is None:
            return None
        subject, reading = over
        if isinstance(subject, str):
            return self._close(self.lists[subject], reading, now)
        self.news.probed.append(subject)
        return None

    def _is_reading(self, what: str, since: float) -> bool:
        listed = self.lists.get(what)
        return listed is not None and listed.reading is not None and listed.begun >= since

    def _due(self, listed: Listed, at: float) -> None:
        listed.due = at
        heapq.heappush(self._dues, (at, listed.what))

    def _first_due(self) -> float:
        """When the first list is due that is not being read. What was asked for during a reading
        comes again when the reading is over.
        """
        while self._dues:
            at, what = self._dues[0]
            listed = self.lists[what]
            if listed.due == at and listed.reading is None:
                return at
            heapq.heappop(self._dues)
        return math.inf

    def _close(self, listed: Listed, reading: Reading, now: float) -> Problem | None:
        listed.reading = None
        if reading.seen is None or not reading.seen.complete:
            # The cloud may have no such list, for a firewall that is gone. That does not prove that
            # something left it.
            listed.not_before = now + READ_FAILURE_SECONDS / self.time_scale
            self._due(listed, listed.not_before)
            self.news.failed.append(listed.what)
            return reading.failure
        if listed.due < math.inf:
            self._due(listed, listed.due)
        self.shown.page_rows[listed.what] = reading.seen.page_rows
        self._show(listed.what, reading.seen.rows)
        for what, rows in reading.seen.inline.items():
            self._show(what, rows)
            self.lists.setdefault(what, Listed(what)).shown_at = listed.begun
        listed.shown_at = listed.begun
        return None

    def _show(self, what: str, rows: Iterable[object]) -> None:
        self.news.shown.append(what)
        self.shown.take(what, rows)
