"""The readings of one account, as apply makes them while it waits: the port `Reads` over the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.common.dataclass import dataclass
from reconciler.iwinv.absence_reader import DetailReading
from reconciler.iwinv.list_reader import ListReading, reading
from reconciler.model.resource_type import ResourceType


def _nothing(what: str) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class CloudReads:
    """Makes readings of one account; `time_scale` divides their waits.

    `tracked` gives the ids that a list should show, by what is read: where one is missing the walk
    goes on to an empty page (quota#lists).
    """

    kinds: Mapping[str, ResourceType]
    time_scale: float = 1.0
    tracked: Callable[[str], frozenset[str]] = _nothing

    def listing(self, what: str) -> ListReading:
        """The reading of a list. Raises ValueError where there is no such list."""
        return reading(what, self.kinds, tracked=self.tracked(what), time_scale=self.time_scale)

    def absence(self, kind: str, id: str) -> DetailReading:
        """The reading of one object by id. Raises ValueError for a kind without a detail."""
        return DetailReading(self.kinds[kind], id, time_scale=self.time_scale)
