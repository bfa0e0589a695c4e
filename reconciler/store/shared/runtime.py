"""What a shared store needs of the program around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.model.ports import StateReader
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.store_clock import MachineClock, StoreClock


def _no_other_place(location: str) -> StateReader:
    raise AssertionError(f"nothing opens {location}")


@dataclass(frozen=True, slots=True)
class StoreRuntime:
    """How a shared store is joined to the program.

    `token` gives a text that was never given before. `spill` is the folder of this user for
    outcomes that the place could not take, None for nowhere. `notify` takes a line for the user
    while a run waits for the place. `check_place` makes sure, before the first state of a stack,
    that the place keeps its promises; it raises `StoreError`. `used` gives the names
    `<stack>[.<env>]` that a file uses. `elsewhere` opens the state at a location in another place.
    For `fresh_seconds`, a store that only reads answers from its last reading.
    """

    clock: StoreClock = field(default_factory=MachineClock)
    token: Callable[[], str] = lambda: os.urandom(12).hex()
    spill: Path | None = None
    notify: Callable[[str], None] = lambda text: None
    check_place: Callable[[ObjectStore], None] = lambda objects: None
    used: Callable[[], frozenset[str]] = frozenset
    elsewhere: Callable[[str], StateReader] = _no_other_place
    fresh_seconds: float = 0.0
