"""Waiting without blocking: which lists are read when, one list for everything in flight
(quota#waiting).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import field
from typing import TypeAlias

from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Answer, Reading, Reads
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import Call, View

READ_FAILURE_SECONDS = 10.0
"""After a list could not be read, until it is tried again."""


@dataclass(slots=True)
class Listed:
    """One list: the reading under way, when the last whole one was begun and ended, and what it
    showed.

    After one that could not be read, `not_before` says until when nobody's wish begins another.
    """

    what: str
    reading: Reading | None = None
    begun: float = -math.inf
    shown_at: float = -math.inf
    due: float = math.inf
    not_before: float = -math.inf


_Subject: TypeAlias = "str | tuple[str, str]"
"""What a reading is about: a list, or one object by kind and id."""


@dataclass(slots=True)
class ListPoller:
    """Keeps the lists that waiting steps need. Times are monotonic seconds; `time_scale` divides
    the pauses.
    """

    reads: Reads
    time_scale: float
    lists: dict[str, Listed] = field(default_factory=dict)
    objects: dict[str, dict[str, LiveResource]] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probes: dict[tuple[str, str], Reading] = field(default_factory=dict)
    _idle: dict[_Subject, Reading] = field(default_factory=dict)
    _by_token: dict[int, tuple[_Subject, Reading]] = field(default_factory=dict)
    _dues: list[tuple[float, str]] = field(default_factory=list)
    _shown: list[str] = field(default_factory=list)
    _failed: list[str] = field(default_factory=list)
    _probed: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, whats: Iterable[str], at: float) -> None:
        """Says that these lists are wanted not later than `at`."""
        for what in whats:
            listed = self.lists.setdefault(what, Listed(what))
            if max(at, listed.not_before) < listed.due:
                self._due(listed, max(at, listed.not_before))

    def calm(self, unwanted: Iterable[str]) -> None:
        """Forgets the wishes for these lists: what nothing in flight needs is not read."""
        for what in unwanted:
            if what in self.lists:
                self.lists[what].due = math.inf

    def probe(self, kind: str, id: str) -> Reading:
        """The look at one object by its id, begun once."""
        if (kind, id) not in self.probes:
            self.probes[kind, id] = self._idle[kind, id] = self.reads.absence(kind, id)
        return self.probes[kind, id]

    def forget_probe(self, kind: str, id: str) -> None:
        """The next look at that object is a new one."""
        self.probes.pop((kind, id), None)
        self._idle.pop((kind, id), None)

    def next_call(self, now: float) -> tuple[_Subject, Call] | None:
        """A read that may be sent now, with what `sent` wants to know."""
        for subject, reading in self._idle.items():
            if (call := reading.next_call(now)) is not None:
                return subject, call
        while self._first_due() <= now:
            listed = self.lists[heapq.heappop(self._dues)[1]]
            listed.reading = self._idle[listed.what] = self.reads.listing(listed.what)
            listed.begun, listed.due = now, math.inf
            if (call := listed.reading.next_call(now)) is not None:
                return listed.what, call
        return None

    def wake_in(self, now: float) -> float:
        """Seconds until a read may be due."""
        soon = self._first_due() - now
        for reading in self._idle.values():
            if soon <= 0.0:
                break
            soon = min(soon, reading.wake_in(now))
        return max(0.0, soon)

    def sent(self, token: int, subject: _Subject) -> None:
        """Notes what the call was about that was sent with a token."""
        self._by_token[token] = subject, self._idle.pop(subject)

    def take(self, token: int, answer: Answer, now: float) -> Problem | None:
        """Takes the answer of a read; returns the problem where a list could not be read at all."""
        subject, reading = self._by_token.pop(token)
        reading.take(answer, now)
        if reading.seen is None and reading.failure is None:
            self._idle[subject] = reading
        elif isinstance(subject, str):
            return self._close(self.lists[subject], reading, now)
        else:
            self._probed.append(subject)
        return None

    def take_shown(self) -> list[str]:
        """The lists that were shown since this was asked last."""
        shown, self._shown = self._shown, []
        return shown

    def take_failed(self) -> list[str]:
        """The lists that could not be read since this was asked last."""
        failed, self._failed = self._failed, []
        return failed

    def take_probed(self) -> list[tuple[str, str]]:
        """The objects, by kind and id, whose look came to its end since this was asked last."""
        probed, self._probed = self._probed, []
        return probed

    def owns(self, token: int) -> bool:
        """Whether a token is one of a read."""
        return token in self._by_token

    def fresh(self, whats: Iterable[str], since: float) -> bool:
        """Whether each of these lists was begun after a time and has been shown whole."""
        return all(what in self.lists and self.lists[what].shown_at >= since for what in whats)

    def ask_once(self, whats: Iterable[str], since: float, now: float) -> None:
        """Says that these lists are wanted now, but those of which a reading that was begun after
        `since` is still under way.
        """
        self.ask(
            [
                what
                for what in whats
                if what not in self.lists
                or self.lists[what].reading is None
                or self.lists[what].begun < since
            ],
            now,
        )

    def tried(self, whats: Iterable[str], since: float) -> bool:
        """Whether a reading of each of these lists that was begun after a time is over, whatever it
        showed.
        """
        return all(
            self.lists[what].reading is None and self.lists[what].begun >= since
            for what in whats
            if what in self.lists
        )

    def interval(self, waited_seconds: float, expected_seconds: float = 0.0) -> float:
        """Seconds until the next read for something that has been waited for that long, and is
        expected that much later.
        """
        return (
            timing.interval(waited_seconds * self.time_scale, expected_seconds * self.time_scale)
            / self.time_scale
        )

    def view(self) -> View:
        """All that the lists showed last."""
        return View(self.objects, self.members)

    def account(self) -> Account:
        """The same as an account; what was not read is not in it."""
        ruled = frozenset(
            what.partition(":")[2]
            for what in self.lists
            if what.startswith("rules:") and self.lists[what].shown_at > -math.inf
        )
        return Account(self.objects, self.members, complete=frozenset(self.objects), ruled=ruled)

    def _due(self, listed: Listed, at: float) -> None:
        listed.due = at
        heapq.heappush(self._dues, (at, listed.what))

    def _first_due(self) -> float:
        """When the first list is wanted that is not being read; what was asked for meanwhile comes
        again when that is over.
        """
        while self._dues:
            at, what = self._dues[0]
            if self.lists[what].due == at and self.lists[what].reading is None:
                return at
            heapq.heappop(self._dues)
        return math.inf

    def _close(self, listed: Listed, reading: Reading, now: float) -> Problem | None:
        listed.reading = None
        if reading.seen is None or not reading.seen.complete:
            # The cloud has no such list to give (a group that is gone): that is no proof that
            # something left it.
            listed.not_before = now + READ_FAILURE_SECONDS / self.time_scale
            self._due(listed, listed.not_before)
            self._failed.append(listed.what)
            return reading.failure
        if listed.due < math.inf:
            self._due(listed, listed.due)
        self._show(listed.what, reading.seen.rows)
        for what, rows in reading.seen.inline.items():
            self._show(what, rows)
            self.lists.setdefault(what, Listed(what)).shown_at = listed.begun
        listed.shown_at = listed.begun
        return None

    def _show(self, what: str, rows: tuple[object, ...]) -> None:
        self._shown.append(what)
        name, _, parent = what.partition(":")
        if name == "members":
            self.members[parent] = tuple(str(row) for row in rows)
            return
        shown = {row.id: row for row in rows if isinstance(row, LiveResource)}
        if name == "rules":
            others = {
                id: r
                for id, r in self.objects.get("rules", {}).items()
                if r.attributes.get("firewall") != parent
            }
            shown = {**others, **shown}
        self.objects[name] = shown
