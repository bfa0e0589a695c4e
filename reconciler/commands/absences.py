"""Proving that what we delete is gone: the documented not-found for its id beside a complete list
without it, twice (safety#absence).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model import ports

_TOKEN = 1
_WAIT_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Absences:
    """What was seen of objects under a delete of ours. `first` maps an id to the unix second at
    which it was first not there, be it that an earlier run looked.
    """

    exchange: ports.Client
    reads: ports.Reads
    pause_seconds: float = ABSENCE_SECONDS
    first: dict[str, float] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)

    def look(self, missing: Mapping[str, str], at: float) -> frozenset[str]:
        """The ids proved gone by now. `missing` are those that the complete lists, begun at that
        unix second, do not show: id to kind.
        """
        for id in [id for id in self.first if id not in missing]:
            del self.first[id]  # it was shown again: what was seen before says nothing
        self.proved &= missing.keys()
        for id in sorted(missing.keys() - self.proved):
            if not self._is_absent(missing[id], id):
                self.first.pop(id, None)
                continue
            # one that is still to come was written with a clock that was wrong
            self.first[id] = min(self.first.get(id, at), at)
            if at >= self.first[id] + self.pause_seconds:
                self.proved.add(id)
        return frozenset(self.proved)

    def until(self) -> float | None:
        """The unix second at which the next look may prove something; None where nothing is to be
        proved.
        """
        open_ones = [at for id, at in self.first.items() if id not in self.proved]
        return min(open_ones) + self.pause_seconds if open_ones else None

    def _is_absent(self, kind: str, id: str) -> bool:
        reading, exchange = self.reads.absence(kind, id), self.exchange
        while reading.seen is None and reading.failure is None:
            call = reading.next_call(exchange.now())
            if call is None:
                exchange.next(min(reading.wake_in(exchange.now()), _WAIT_SECONDS_MAX))
                continue
            while (wait := exchange.ready_in()) > 0.0:
                exchange.next(min(wait, _WAIT_SECONDS_MAX))
            exchange.send(_TOKEN, call)
            while (arrived := exchange.next(_WAIT_SECONDS_MAX)) is None:
                pass
            reading.take(arrived[1], exchange.now())
        return reading.seen is not None and reading.seen.absent is True
