"""What the shell offers where an address is wanted. It is quick, and silent where anything is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.stop import Stop
from reconciler.ui import safe

KINDS = ("firewalls", "instances", "block_storages")


def addresses(given: Mapping[str, Any]) -> list[str]:
    """The resources that the stack's file names, and the objects that its state holds, sorted. `given` are the options typed so far."""
    path = Path(given.get("stack") or ".")
    return sorted(found for found in {*_of_file(path), *_of_state(path, given)} if safe.outside(found) == found)


def _of_file(path: Path) -> list[str]:
    from reconciler import stackfile
    from reconciler.core.document import table

    document, _ = stackfile.load(path)
    return [f"{kind}.{name}" for kind in KINDS for name in table(document.root.get(kind))]


def _of_state(path: Path, given: Mapping[str, Any]) -> list[str]:
    from reconciler import loading, opening, wiring

    simulated = bool(given.get("simulate") or os.environ.get("RECONCILER_SIMULATE"))
    try:
        name, environment = loading.identify(path, given.get("environment"))
        state = opening.read_state(wiring.store(wiring.Place(path, name, environment, simulated), os.environ))
    except Stop:
        return []
    return [] if state is None else [*state.entries, *(intent.address for intent, _ in state.open.values())]
