"""Waiting without blocking: which lists are read when, one list for everything in flight (SPEC 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.kind import Call, View
from reconciler.core.model import LiveResource
from reconciler.core.problems import Problem
from reconciler.ports import Answer, Reading, Reads

POLL_SECONDS = 5.0
"""Between reads of a list, at first (contract 10)."""

POLL_LATER_SECONDS = 12.0
"""Between reads once something has been waited for longer than `POLL_PATIENT_SECONDS`."""

POLL_PATIENT_SECONDS = 60.0

READ_FAILURE_SECONDS = 10.0
"""After a list could not be read, until it is tried again."""


@dataclass(slots=True)
class Listed:
    """One list: the reading under way, when the last whole one was begun and ended, and what it showed."""

    what: str
    reading: Reading | None = None
    begun: float = -math.inf
    shown_at: float = -math.inf
    due: float = math.inf


@dataclass(slots=True)
class Waits:
    """Keeps the lists that waiting steps need. Times are monotonic seconds; `time_scale` divides the pauses."""

    reads: Reads
    time_scale: float
    lists: dict[str, Listed] = field(default_factory=dict)
    objects: dict[str, dict[str, LiveResource]] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probes: dict[tuple[str, str], Reading] = field(default_factory=dict)
    _by_token: dict[int, Reading] = field(default_factory=dict)

    def ask(self, whats: Iterable[str], at: float) -> None:
        """Says that these lists are wanted not later than `at`."""
        for what in whats:
            listed = self.lists.setdefault(what, Listed(what))
            listed.due = min(listed.due, at)

    def calm(self, wanted: Iterable[str]) -> None:
        """Forgets the wishes for lists that nobody waits for any more: what nothing in flight needs is not read."""
        keep = set(wanted)
        for what, listed in self.lists.items():
            if what not in keep:
                listed.due = math.inf

    def probe(self, kind: str, id: str) -> Reading:
        """The look at one object by its id, begun once."""
        if (kind, id) not in self.probes:
            self.probes[kind, id] = self.reads.absence(kind, id)
        return self.probes[kind, id]

    def next_call(self, now: float) -> tuple[Reading, Call] | None:
        """A read that may be sent now."""
        for listed in self.lists.values():
            if listed.reading is None and listed.due <= now:
                listed.reading = self.reads.listing(listed.what)
                listed.begun, listed.due = now, math.inf
            if listed.reading is not None and (call := listed.reading.next_call(now)) is not None:
                return listed.reading, call
        for reading in self.probes.values():
            if (call := reading.next_call(now)) is not None:
                return reading, call
        return None

    def wake_in(self, now: float) -> float:
        """Seconds until a read may be due."""
        soon = math.inf
        for listed in self.lists.values():
            soon = min(soon, listed.due - now if listed.reading is None else listed.reading.wake_in(now))
        for reading in self.probes.values():
            soon = min(soon, reading.wake_in(now))
        return max(0.0, soon)

    def sent(self, token: int, reading: Reading) -> None:
        """Notes which reading a token belongs to."""
        self._by_token[token] = reading

    def take(self, token: int, answer: Answer, now: float) -> Problem | None:
        """Takes the answer of a read; returns the problem where a list could not be read at all."""
        reading = self._by_token.pop(token)
        reading.take(answer, now)
        for listed in self.lists.values():
            if listed.reading is reading:
                return self._close(listed, now)
        return None

    def owns(self, token: int) -> bool:
        """Whether a token is one of a read."""
        return token in self._by_token

    def fresh(self, whats: Iterable[str], since: float) -> bool:
        """Whether each of these lists was begun after a time and has been shown whole."""
        return all(what in self.lists and self.lists[what].shown_at >= since for what in whats)

    def interval(self, waited_seconds: float) -> float:
        """Seconds until the next read for something that has been waited for that long."""
        patient = waited_seconds * self.time_scale > POLL_PATIENT_SECONDS
        return (POLL_LATER_SECONDS if patient else POLL_SECONDS) / self.time_scale

    def view(self) -> View:
        """All that the lists showed last."""
        return View(self.objects, self.members)

    def _close(self, listed: Listed, now: float) -> Problem | None:
        reading = listed.reading
        if reading is None or (reading.seen is None and reading.failure is None):
            return None
        listed.reading = None
        if reading.seen is None:
            listed.due = now + READ_FAILURE_SECONDS / self.time_scale
            return reading.failure
        if not reading.seen.complete:
            # The cloud has no such list to give (a group that is gone): that is no proof that something left it.
            listed.due = now + READ_FAILURE_SECONDS / self.time_scale
            return None
        self._show(listed.what, reading.seen.rows)
        for what, rows in reading.seen.inline.items():
            self._show(what, rows)
            self.lists.setdefault(what, Listed(what)).shown_at = listed.begun
        listed.shown_at = listed.begun
        return None

    def _show(self, what: str, rows: tuple[object, ...]) -> None:
        name, _, parent = what.partition(":")
        if name == "members":
            self.members[parent] = tuple(str(row) for row in rows)
            return
        shown = {row.id: row for row in rows if isinstance(row, LiveResource)}
        if name == "rules":
            others = {id: r for id, r in self.objects.get("rules", {}).items() if r.attributes.get("firewall") != parent}
            shown = {**others, **shown}
        self.objects[name] = shown
