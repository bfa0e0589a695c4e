"""The port to the saved plans that are kept beside a state (planning#saved-plans)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconciler.common.dataclass import dataclass

KEPT_DAYS = 30
PLAN_SECONDS = KEPT_DAYS * 24 * 3600
"""How long a saved plan is kept beside a state (planning#saved-plans)."""


def short_id(id: str) -> str:
    """The letters of a plan's id that are shown. They are enough to name the plan."""
    return id[:12]


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A saved plan in a store: its id, and `at`, the unix second at which it was made."""

    id: str
    at: int

    def is_expired(self, now: float) -> bool:
        """Whether it is older than plans are kept, in unix seconds."""
        return now - self.at > PLAN_SECONDS


class KeptPlans(Protocol):
    """The port to the saved plans of one stack and environment, by id, so that any machine applies
    what another one made. No method takes a lock.
    """

    def keep(self, plan: KeptPlan, data: bytes) -> None:
        """Keeps a plan durably, also if it is there already, and removes those that are older than
        `PLAN_SECONDS` at that time. Raises `RecordFailed`.
        """
        ...

    def kept(self, start: str = "") -> tuple[KeptPlan, ...]:
        """The plans whose ids begin with a text, the newest first. Raises `StoreError`."""
        ...

    def read(self, *plans: KeptPlan) -> Mapping[str, bytes]:
        """What was kept, by id; plans that are no longer there are left out. Raises
        `StoreError`.
        """
        ...

    def remove(self, *plans: KeptPlan) -> None:
        """Removes plans; those that are not there are passed over. Raises `RecordFailed`."""
        ...


class KeepsPlans(Protocol):
    """A store that keeps saved plans."""

    @property
    def plans(self) -> KeptPlans:
        """The saved plans beside the state."""
        ...
