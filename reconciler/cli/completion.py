"""Shell completion of addresses. It is fast, and returns nothing if there is any error."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.model.abort import Abort
from reconciler.render import escape
from reconciler.resources import all_kinds


def addresses(given: Mapping[str, Any]) -> list[str]:
    """The resources in the stack file and the objects in its state, sorted. `given` are the options
    typed so far.
    """
    path = Path(given.get("stack") or ".")
    return sorted(
        found
        for found in {*_of_file(path), *_of_state(path, given)}
        if escape.outside(found) == found
    )


def _of_file(path: Path) -> list[str]:
    from reconciler.config import stack_folder
    from reconciler.config.document import table

    document, _ = stack_folder.load(path)
    return [
        f"{kind}.{name}"
        for kind in all_kinds().build_order
        for name in table(document.root.get(kind))
    ]


def _of_state(path: Path, given: Mapping[str, Any]) -> list[str]:
    from reconciler.cli import composition
    from reconciler.commands import session
    from reconciler.config import loader

    simulated = bool(given.get("simulate") or os.environ.get("RECONCILER_SIMULATE"))
    try:
        name, environment = loader.identify(path, given.get("environment"))
        state = session.read_state(
            composition.store(
                composition.StateLocation(path, name, environment, simulated), os.environ
            )
        )
    except Abort:
        return []
    return (
        []
        if state is None
        else [*state.entries, *(intent.address for intent, _ in state.open.values())]
    )
