"""The saved plans in a place of objects. An object is there as a whole or not at all, and `create`
puts one only where there is none: a lost answer is settled by reading the object back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.model.ports.plan_ports import KeptPlan
from reconciler.store.objects.port import ObjectStore, ObjectStoreError, Unreachable, Unsure
from reconciler.store.plans.plan_names import PLANS, name_of, newest, outdated
from reconciler.store.shared.log.retry_reads import HINT_AWAY, unusable

_TRIES = 3
_LISTED_AT_ONCE = 1000

Result = TypeVar("Result")


class ObjectPlans:
    """The saved plans of a stack in a place. `opened` gives a connection to it, which is closed
    after each call; `prefix` is where the stack's keys begin, with a `/` at its end.
    """

    def __init__(self, opened: Callable[[], ObjectStore], prefix: str) -> None:
        self._opened, self._prefix = opened, f"{prefix}{PLANS}/"

    def keep(self, plan: KeptPlan, data: bytes) -> None:
        """Keeps a plan durably, also if it is there already, and removes expired ones. Raises
        `RecordFailed`.
        """
        key = self._key(plan)
        with self._place(RecordFailed) as place:
            if not _tried(lambda: _created(place, key, data)):
                # the same plan, saved in the same second
                _tried(lambda: place.replace(key, data))
            with suppress(ObjectStoreError):  # one too many does no harm
                old = outdated(self._names(place, ""), plan)
                if old:
                    place.remove(*(f"{self._prefix}{name}" for name in old))

    def kept(self, start: str = "") -> tuple[KeptPlan, ...]:
        """The plans whose ids begin with a text, the newest first. Raises `StateDamaged`."""
        with self._place(StateDamaged) as place:
            return newest(self._names(place, start), start)

    def read(self, *plans: KeptPlan) -> Mapping[str, bytes]:
        """What was kept, by id; plans that are no longer there are left out. Raises
        `StateDamaged`.
        """
        keys = {self._key(plan): plan.id for plan in plans}
        if not keys:
            return {}
        with self._place(StateDamaged) as place:
            found = _tried(lambda: place.read(*keys))
        return {keys[key]: data for key, data in found.items()}

    def remove(self, *plans: KeptPlan) -> None:
        """Removes plans; those that are not there are passed over. Raises `RecordFailed`."""
        with self._place(RecordFailed) as place:
            for plan in plans:
                keys = [f"{self._prefix}{name}" for name in self._names(place, plan.id)]
                if keys:
                    _tried(lambda keys=keys: place.remove(*keys))  # type: ignore[misc]

    def _key(self, plan: KeptPlan) -> str:
        return f"{self._prefix}{name_of(plan)}"

    def _names(self, place: ObjectStore, start: str) -> list[str]:
        found, after = list[str](), ""
        while True:
            more = _tried(
                lambda after=after: place.names(  # type: ignore[misc]
                    f"{self._prefix}{start}", after=after, limit=_LISTED_AT_ONCE
                )
            )
            found += [key.removeprefix(self._prefix) for key in more]
            if len(more) < _LISTED_AT_ONCE:
                return found
            after = more[-1]

    @contextmanager
    def _place(self, failed: type[RecordFailed | StateDamaged]) -> Iterator[ObjectStore]:
        """A connection, while the block runs. Failures of the place are raised as `failed`."""
        place = None
        try:
            place = self._opened()
            yield place
        except ObjectStoreError as error:
            if failed is StateDamaged:
                raise unusable(error) from error
            message = msg("the saved plans in the store cannot be used: {reason}", reason=error)
            raise failed(message, hint=error.hint or HINT_AWAY) from error
        finally:
            if place is not None:
                place.close()


def _created(place: ObjectStore, key: str, data: bytes) -> bool:
    """Whether the key has these bytes now."""
    try:
        if place.create(key, data):
            return True
    except Unsure:
        if key not in place.read(key):
            raise
    return place.read(key).get(key) == data


def _tried(work: Callable[[], Result]) -> Result:
    """The result of an operation that is tried again if its outcome is not known: all of them may
    be done twice.
    """
    for _ in range(_TRIES - 1):
        try:
            return work()
        except (Unreachable, Unsure):
            continue
    return work()
