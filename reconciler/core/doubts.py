"""Doubts: addresses at which an earlier run sent a request whose outcome is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.core.address import Address, parse
from reconciler.core.problems import Problem, error
from reconciler.core.state import State

if TYPE_CHECKING:
    from reconciler.core.survey import Item, PlanOptions


def unplaced(doubtful: Mapping[str, str], items: Mapping[Address, Item]) -> Iterator[Problem]:
    """Requests of unknown outcome at addresses that neither file nor state has: what they may have made is not forgotten."""
    for text, reason in doubtful.items():
        address = parse(text)
        if address is None or address.owner not in items:
            yield error("open-intent", f"{text}: {reason}", address=text, hint="reconciler recover")


def doubtful(state: State, options: PlanOptions) -> dict[str, str]:
    """Address text to why it is doubtful: an earlier write whose outcome is not known. What a run at work now has sent is none."""
    found = {}
    for sequence in sorted(state.open):
        intent, result = state.open[sequence]
        said = options.doubts.get(intent.address)
        ours = options.running is not None and intent.run == options.running
        if not ours and (result != "accepted" or said is not None):
            found[intent.address] = f"the outcome is not known of {intent.operation}, sent by an earlier run" + (
                f": {said}" if said else ""
            )
    return found
