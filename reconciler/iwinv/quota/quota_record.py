"""The rules of the quota as a value: never more than 60 sends in any 60 seconds (quota#quota).

A send takes a slot. The slot is free 60 seconds after the answer came, not after the send: the
server counts a request somewhere between the two, so it never counts a 61st. A slot whose answer
never came (its process died) is free after the longest time that a request may take and 60 seconds
more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import IntEnum
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import QUOTA_CALLS

ANSWER_SECONDS_MAX = 100.0
"""No request is in flight for longer: the network gives up earlier
(`network.REQUEST_SECONDS_MAX`).
"""

LEAST_PARTS = 10
"""All owners of a lower priority together get at least this fraction of the quota."""

WATCH_PARTS = 3
"""All owners that watch together get at most this fraction of the quota."""

_OWNER_LETTERS_MAX = 64

_BUSY = 1 / 3
"""The part of the window within which an owner that sent counts as busy."""

_CLAIM_GRACE = 1 / 30
"""The part of the window for which a waiting owner may be late before its slot goes to others."""


class Priority(IntEnum):
    """Who sends. A higher one gets the larger part if the quota is not enough for all."""

    WATCH = 1
    CI = 2
    PERSON = 3


@dataclass(slots=True)
class Slot:
    """One send: who sent it, when, and when its answer came (None: not yet)."""

    owner: str
    sent: float
    answered: float | None = None


@dataclass(slots=True)
class QuotaRecord:
    """The sends of the last minute, and who waits for a slot. A value with rules, without a
    file.
    """

    slots: list[Slot] = field(default_factory=list)
    slow_until: float = 0.0
    claims: dict[str, float] = field(default_factory=dict)
    """Owner to the time at which it was asked to try again."""
    priorities: dict[str, Priority] = field(default_factory=dict)
    """Of the owners with a slot or a claim; a person if it is missing."""

    def reserve(
        self,
        owner: str,
        now: float,
        *,
        limit: int,
        window: float,
        priority: Priority = Priority.PERSON,
    ) -> float:
        """Takes a slot and returns 0.0, or returns the seconds until one may be free.

        An owner that has its share or more leaves free what other busy owners may soon want of
        theirs. Runs of one priority that share a key then get about the same, however fast each of
        them is, and a lower priority leaves room for a higher one (`_shares`).
        """
        self._tidy(now, window)
        if now < self.slow_until:
            limit = max(1, limit // 2)
        self.priorities[owner] = priority
        free = limit - len(self.slots)
        if free > self._kept(owner, now, limit, window):
            self.claims.pop(owner, None)
            self.slots.append(Slot(owner, now))
            return 0.0
        wait = self._wait(now, limit, window) if free <= 0 else window / QUOTA_CALLS
        if now < self.slow_until:
            wait = min(wait, self.slow_until - now)
        self.claims[owner] = now + wait
        return wait

    def answered(self, owner: str, now: float) -> None:
        """The oldest open send of that owner has its answer. Which of several it was makes no
        difference to the count.
        """
        for slot in self.slots:
            if slot.owner == owner and slot.answered is None:
                slot.answered = now
                return

    def release(self, owner: str) -> None:
        """Gives back the newest open slot of that owner, with which nothing was sent."""
        for place in range(len(self.slots) - 1, -1, -1):
            if self.slots[place].owner == owner and self.slots[place].answered is None:
                del self.slots[place]
                return

    def open_of(self, owner: str) -> int:
        """How many sends of that owner have no answer yet."""
        return sum(1 for slot in self.slots if slot.owner == owner and slot.answered is None)

    def taken(self, now: float, window: float) -> tuple[float, ...]:
        """Seconds until each slot that is taken is free, the soonest first."""
        self._tidy(now, window)
        return tuple(sorted(_free_at(slot, window) - now for slot in self.slots))

    def slow_down(self, now: float, seconds: float) -> None:
        """The rate halves for so many seconds, at most two windows: a 429 came, or sends of others
        may be missing here.
        """
        self.slow_until = max(self.slow_until, now + seconds)

    def _tidy(self, now: float, window: float) -> None:
        """Drops what has expired. Times ahead of the clock, which was set back, count as now."""
        for slot in self.slots:
            slot.sent = min(slot.sent, now)
            if slot.answered is not None:
                slot.answered = min(slot.answered, now)
        self.slots = [slot for slot in self.slots if _free_at(slot, window) > now]
        self.slow_until = min(self.slow_until, now + 2 * window)
        self.claims = {
            owner: due
            for owner, due in self.claims.items()
            if now - _CLAIM_GRACE * window <= due <= now + 2 * window
        }
        known = self.claims.keys() | {slot.owner for slot in self.slots}
        self.priorities = {
            owner: priority for owner, priority in self.priorities.items() if owner in known
        }

    def _kept(self, owner: str, now: float, limit: int, window: float) -> int:
        """How many free slots an owner leaves to others: none if it has less than its share, all
        if it watches and the third of those that watch is taken or left to others of them.
        """
        busy = self._busy(now, window) | {owner}
        held = Counter(slot.owner for slot in self.slots)
        classes = self._classes(busy)
        shares = _shares(limit, {each: len(owners) for each, owners in classes.items()})
        used = self._used()
        kept = 0
        for priority, owners in classes.items():
            total, each = shares[priority]
            if owner in owners and held[owner] < each and used[priority] < total:
                return 0
            wanted = sum(_headroom(held[other], each) for other in owners if other != owner)
            left = _watch_share(limit) - used[priority] - wanted
            if owner in owners and priority is Priority.WATCH and left <= 0:
                return limit
            wanted *= 2 if priority > self._priority(owner) else 1
            kept += min(wanted, max(total - used[priority], 0))
        return kept

    def _classes(self, owners: Iterable[str]) -> Mapping[Priority, list[str]]:
        """The owners by priority, the highest first."""
        found: dict[Priority, list[str]] = {each: [] for each in sorted(Priority, reverse=True)}
        for owner in owners:
            found[self._priority(owner)].append(owner)
        return {priority: names for priority, names in found.items() if names}

    def _used(self) -> Counter[Priority]:
        """How many slots each priority has."""
        return Counter(self._priority(slot.owner) for slot in self.slots)

    def _priority(self, owner: str) -> Priority:
        return self.priorities.get(owner, Priority.PERSON)

    def _busy(self, now: float, window: float) -> set[str]:
        """The owners that sent recently, or wait for a slot."""
        return {
            slot.owner for slot in self.slots if slot.sent > now - _BUSY * window
        } | self.claims.keys()

    def _wait(self, now: float, limit: int, window: float) -> float:
        """Seconds until fewer than `limit` slots are taken, as far as known now."""
        ends = sorted(_free_at(slot, window) for slot in self.slots)
        return max(ends[len(ends) - limit] - now, 0.001)


def encode(record: QuotaRecord) -> dict[str, Any]:
    """The record as a value of JSON."""
    return {
        "slots": [[slot.owner, slot.sent, slot.answered] for slot in record.slots],
        "slow_until": record.slow_until,
        "claims": record.claims,
        "priorities": {owner: int(each) for owner, each in record.priorities.items()},
    }


def decode(found: Any, moved: float = 0.0) -> QuotaRecord:
    """The record that `encode` made, its times moved by so many seconds. Raises `ValueError`,
    `TypeError`, `LookupError`, `AttributeError` or `OverflowError` for another content.
    """
    slots = [
        Slot(
            str(owner)[:_OWNER_LETTERS_MAX],
            float(sent) + moved,
            None if answered is None else float(answered) + moved,
        )
        for owner, sent, answered in found["slots"][-QUOTA_CALLS:]
    ]
    claims = {
        str(owner)[:_OWNER_LETTERS_MAX]: float(due) + moved
        for owner, due in list(found["claims"].items())[:QUOTA_CALLS]
    }
    priorities = {
        str(owner)[:_OWNER_LETTERS_MAX]: Priority(each)
        for owner, each in list(found.get("priorities", {}).items())[: 2 * QUOTA_CALLS]
    }
    return QuotaRecord(slots, float(found["slow_until"]) + moved, claims, priorities)


def _shares(limit: int, sizes: Mapping[Priority, int]) -> Mapping[Priority, tuple[int, int]]:
    """For each priority that has busy owners: the slots of all its owners, and those of each.
    `sizes` has the number of owners, the highest priority first.

    The highest gets all but a tenth for each lower one; those that watch never get more than a
    third.
    """
    least = max(1, limit // LEAST_PARTS)
    totals = dict.fromkeys(sizes, least)
    highest = next(iter(sizes))
    totals[highest] = max(1, limit - least * (len(sizes) - 1))
    if highest is Priority.WATCH:
        totals[highest] = _watch_share(limit)
    return {
        priority: (total, max(1, total // sizes[priority])) for priority, total in totals.items()
    }


def _watch_share(limit: int) -> int:
    return max(1, limit // WATCH_PARTS)


def _headroom(held: int, share: int) -> int:
    """What an owner that holds so many may soon want more, within its share."""
    return min(max(share - held, 0), held // 2 + 4)


def _free_at(slot: Slot, window: float) -> float:
    return (
        slot.sent + ANSWER_SECONDS_MAX + window if slot.answered is None else slot.answered + window
    )
