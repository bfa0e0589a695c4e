"""The quota's rules for any interleaving: never more than the limit in any window as the server
counts, nobody starves, and a higher priority gets the larger part.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.iwinv.quota.quota_record import Priority, QuotaRecord, decode, encode

WINDOW = 60.0
LIMIT = 20


@dataclass
class Crowd:
    """Owners that send as fast as they may, in virtual time; `pauses` are the seconds that each
    rests between two attempts, `latency` the longest answer.
    """

    priorities: dict[str, Priority]
    seed: int
    pauses: dict[str, float] = field(default_factory=dict)
    latency: float = 2.0
    in_flight: int = 4
    dying: bool = False
    arrivals: list[tuple[float, str]] = field(default_factory=list)

    def run(self, seconds: float) -> Crowd:
        chance, numbers = random.Random(self.seed), itertools.count()
        record, open_ = QuotaRecord(), Counter[str]()
        due = [(chance.random(), next(numbers), "ask", owner) for owner in self.priorities]
        heapq.heapify(due)

        def later(at: float, what: str, owner: str) -> None:
            heapq.heappush(due, (at, next(numbers), what, owner))

        while due[0][0] < seconds:
            now, _, what, owner = heapq.heappop(due)
            if what == "answer":
                open_[owner] -= 1
                record.answered(owner, now)
                continue
            wait = 0.05
            if open_[owner] < self.in_flight:
                wait = record.reserve(
                    owner, now, limit=LIMIT, window=WINDOW, priority=self.priorities[owner]
                )
                if wait == 0.0:
                    self._sent(record, owner, now, chance, later, open_)
                    wait = self.pauses.get(owner, 0.0)
            later(now + wait + chance.random() * 0.01, "ask", owner)
        return self

    def _sent(self, record, owner, now, chance, later, open_) -> None:  # type: ignore[no-untyped-def]
        if chance.random() < 0.05:
            record.release(owner)
            return
        takes = chance.random() * self.latency
        self.arrivals.append((now + chance.random() * takes, owner))
        if not (self.dying and chance.random() < 0.1):
            open_[owner] += 1
            later(now + takes, "answer", owner)

    @property
    def most(self) -> int:
        times = sorted(at for at, _ in self.arrivals)
        return max(
            (sum(1 for at in times if start <= at <= start + WINDOW) for start in times), default=0
        )

    def counts(self, since: float = 0.0) -> Counter[str]:
        return Counter(owner for at, owner in self.arrivals if at >= since)


CROWDS = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(Priority), min_size=1, max_size=6
)


@settings(max_examples=15, deadline=None)
@given(CROWDS, st.integers(0, 10**6), st.sampled_from([0.1, 5.0, 70.0]), st.booleans())
def test_no_interleaving_lets_more_than_the_limit_into_a_window(
    priorities: dict[str, Priority], seed: int, latency: float, dying: bool
) -> None:
    crowd = Crowd(priorities, seed, latency=latency, dying=dying).run(300.0)
    assert crowd.most <= LIMIT


@settings(max_examples=12, deadline=None)
@given(CROWDS, st.integers(0, 10**6))
def test_nobody_starves_and_a_higher_priority_gets_no_less(
    priorities: dict[str, Priority], seed: int
) -> None:
    crowd = Crowd(priorities, seed, latency=0.5).run(9 * WINDOW)
    counts = crowd.counts(since=3 * WINDOW)  # 6 windows: 2 are for the start
    assert all(counts[owner] > 0 for owner in priorities), counts
    classes = {
        priority: sum(counts[owner] for owner in priorities if priorities[owner] is priority)
        for priority in sorted(set(priorities.values()))
    }
    least = LIMIT // 10
    assert all(count >= 6 * least * 0.7 for count in classes.values()), classes
    assert classes.get(Priority.WATCH, 0) <= 6 * (LIMIT // 3) * 1.2
    lower, higher = min(classes), max(classes)
    if lower is not higher:
        assert classes[higher] >= 0.6 * sum(classes.values()), classes


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10**6), st.sampled_from([0.0, 0.5]))
def test_owners_of_one_priority_get_about_the_same_however_fast_they_are(
    owners: int, seed: int, pause: float
) -> None:
    names = "abcde"[:owners]
    crowd = Crowd(dict.fromkeys(names, Priority.CI), seed, pauses={"a": pause}, latency=0.5)
    counts = crowd.run(9 * WINDOW).counts(since=3 * WINDOW)
    mean = sum(counts.values()) / owners
    assert max(abs(counts[name] - mean) for name in names) <= 0.3 * mean, counts
    assert sum(counts.values()) >= 0.9 * 6 * LIMIT


def test_a_person_gets_most_of_a_quota_that_was_all_taken_by_ci() -> None:
    record = QuotaRecord()
    for number in range(LIMIT):
        assert not record.reserve(
            "ci", number * 0.1, limit=LIMIT, window=WINDOW, priority=Priority.CI
        )
        record.answered("ci", number * 0.1)
    taken = Counter[str]()
    now = 30.0
    while now < 200.0:
        for owner, priority in (("ci", Priority.CI), ("person", Priority.PERSON)):
            if not record.reserve(owner, now, limit=LIMIT, window=WINDOW, priority=priority):
                record.answered(owner, now)
                taken[owner] += now > 60.0
        now += 0.5
    assert taken["person"] >= 4 * taken["ci"] > 0


def test_watch_alone_takes_a_third_at_most() -> None:
    record, taken = QuotaRecord(), 0
    while not record.reserve("w", 1.0, limit=60, window=WINDOW, priority=Priority.WATCH):
        record.answered("w", 1.0)
        taken += 1
    assert taken == 20
    assert record.reserve("p", 1.0, limit=60, window=WINDOW) == 0.0


@given(CROWDS, st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_a_record_comes_back_from_its_text(priorities: dict[str, Priority], seed: int) -> None:
    record = QuotaRecord()
    chance = random.Random(seed)
    for number in range(40):
        owner = chance.choice(sorted(priorities))
        record.reserve(owner, number * 3.0, limit=LIMIT, window=WINDOW, priority=priorities[owner])
        if chance.random() < 0.7:
            record.answered(owner, number * 3.0 + 1.0)
    assert decode(encode(record)) == record
