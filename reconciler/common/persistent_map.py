"""Mappings that are changed often and copied rarely: a large base with the few changes since.

A journal of thousands of records is folded record by record, each time into a new state. Copying
all entries each time would make a run quadratic in the size of its stack.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

LAYER_MAX = 256
"""The most changes that are kept apart; with more, the whole mapping is copied."""

GONE: Any = object()
"""The value of a key that is removed."""

K = TypeVar("K")
V = TypeVar("V")


class PersistentMap(Mapping[K, V]):
    """An immutable mapping. `changed` returns another one, at a cost that does not grow with the
    size of this one.
    """

    __slots__ = ("_above", "_below", "_whole")

    def __init__(self, below: dict[K, V], above: dict[K, V]) -> None:
        self._below, self._above = below, above
        self._whole: dict[K, V] | None = None if above else below

    def changed(self, changes: Mapping[K, V]) -> PersistentMap[K, V]:
        """This mapping after changes; the value `GONE` removes a key."""
        if not changes:
            return self
        if self._whole is not None:
            return PersistentMap(self._whole, dict(changes))
        above = {**self._above, **changes}
        if len(above) <= LAYER_MAX:
            return PersistentMap(self._below, above)
        return PersistentMap(_merged(self._below, above), {})

    def __getitem__(self, key: K) -> V:
        found = self._above[key] if key in self._above else self._below[key]
        if found is GONE:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[K]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def keys(self) -> KeysView[K]:
        return self._all().keys()

    def values(self) -> ValuesView[V]:
        return self._all().values()

    def items(self) -> ItemsView[K, V]:
        return self._all().items()

    def _all(self) -> dict[K, V]:
        if self._whole is None:
            self._whole = _merged(self._below, self._above)
        return self._whole


def layered(mapping: Mapping[K, V]) -> PersistentMap[K, V]:
    """The mapping as a `PersistentMap`."""
    return mapping if isinstance(mapping, PersistentMap) else PersistentMap(dict(mapping), {})


def _merged(below: Mapping[K, V], above: Mapping[K, V]) -> dict[K, V]:
    return {key: value for key, value in {**below, **above}.items() if value is not GONE}
