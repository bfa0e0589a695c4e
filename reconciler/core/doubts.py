"""Doubts: addresses at which an earlier run sent a request whose outcome is not known, or whose object is not proved gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.core.address import Address, parse
from reconciler.core.names import pasted
from reconciler.core.problems import Problem, error
from reconciler.core.rhythm import ABSENCE_SECONDS
from reconciler.core.state import Phase, State

if TYPE_CHECKING:
    from reconciler.core.survey import Item, PlanOptions


NOT_KNOWN = "the outcome is not known"
"""Begins the reason of an address where a request is open."""


def problem_of(item: Item) -> Problem:
    """What is told of an address in doubt, with the way out."""
    text = str(item.address)
    if item.reason.startswith(NOT_KNOWN):
        return error("open-intent", f"{text}: {item.reason}", address=text, hint="reconciler recover")
    if item.live is None and item.entry is not None and item.entry.phase is Phase.DELETING:
        return not_proved_gone(text, item.entry.id)
    if item.live is not None:
        return error("incomplete", f"{text}: {item.reason}", address=text, hint="run `reconciler apply` again")
    hint = f"if it is really gone: --accept {pasted(f'gone={text}')}, or state forget {pasted(text)}"
    return error("missing-object", f"{text}: {item.reason}", address=text, hint=hint)


def not_proved_gone(address: str, what: str) -> Problem:
    """Says that one of the two looks that prove an object gone is missing: that of the next run is enough."""
    said = f"{what} was deleted and is no longer shown; a second look, {ABSENCE_SECONDS:g} s after the first, has to confirm it"
    hint = f"run `reconciler apply` again, or confirm it yourself: --accept {pasted(f'gone={address}')}"
    return error("incomplete", said, address=address, hint=hint)


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
            found[intent.address] = f"{NOT_KNOWN} of {intent.operation}, sent by an earlier run" + (f": {said}" if said else "")
    return found
