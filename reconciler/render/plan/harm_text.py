"""The harm that a plan does, in one sentence for each way: what is lost, down, without a firewall,
and what gets other addresses or cannot be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import LiteralString

from reconciler import resources
from reconciler.model.address import Address
from reconciler.model.plan import Action, Change, Plan
from reconciler.model.resource_type import Edit, Field
from reconciler.render import format
from reconciler.render.format import phrase
from reconciler.render.plan import change_text
from reconciler.render.plan.address_ranges import full_spans, grouped

_LISTED_MAX = 6


def harm(plan: Plan) -> list[str]:
    """The sentences, worst first."""
    done = [
        change for change in plan.changes if change.action not in (Action.DECIDE, Action.BLOCKED)
    ]
    return [
        *_lost(done),
        *_listed("Down: {names}.", _down, done),
        *_listed("Without firewall: {names}.", _exposed, done),
        *_listed("New addresses: {names}.", _renumbered, done),
        *_listed("Cannot be undone: {names}.", _irreversible, done),
    ]


def _lost(done: Sequence[Change]) -> list[str]:
    losses = [loss for change in done for loss in change.impact.data_loss]
    names = [change_text.disk_of(loss, loss.owner) for loss in losses]
    total = sum(loss.gb or 0 for loss in losses)
    if not names:
        return []
    return [
        phrase(
            "Lost: {names}[; {total} GB in all]."
            if all(loss.gb is not None for loss in losses)
            else "Lost: {names}[; at least {total} GB in all].",
            names=format.first_of(names, ", ", most=_LISTED_MAX),
            total=f"{total:,}" if total and len(losses) > 1 else "",
        )
    ]


def _listed(
    template: LiteralString,
    about: Callable[[Change, str], str],
    done: Sequence[Change],
) -> list[str]:
    """One sentence about the changes of which `about` says something; equal ones are named
    together.
    """
    found = [change for change in done if about(change, "-")]
    names = [
        about(group[0], ", ".join(full_spans(_addresses(group))))
        for group in grouped(found, lambda change: about(change, "-"))
    ]
    return [phrase(template, names=format.first_of(names, "; ", most=_LISTED_MAX))] if names else []


def _addresses(changes: Iterable[Change]) -> Iterable[Address]:
    return (change.address for change in changes)


def _down(change: Change, names: str) -> str:
    if change.impact.downtime_seconds is None:
        return ""
    low, high = change.impact.downtime_seconds
    if high is None:
        return phrase("{names} until it is started", names=names)
    return phrase("{names} for {duration}", names=names, duration=format.span(low, high))


def _exposed(change: Change, names: str) -> str:
    """How long a change leaves an instance without its firewall; nothing if it does not."""
    seconds = change.impact.exposure_seconds
    fields = resources.all_kinds().of(change.address).fields
    if any(
        field.after is None and field.before is not None and _is_membership(fields, field.path)
        for field in change.fields
    ):
        return phrase("{names} permanently", names=names)
    if seconds is None or change.action is Action.CREATE:
        return ""
    return phrase("{names} for {duration}", names=names, duration=format.duration(seconds))


def _is_membership(fields: Mapping[str, Field], path: str) -> bool:
    return path in fields and fields[path].edit is Edit.MEMBER


def _renumbered(change: Change, names: str) -> str:
    return names if change.impact.address_change else ""


def _irreversible(change: Change, names: str) -> str:
    """What cannot be undone for another reason than those above; a delete says so itself."""
    impact = change.impact
    if impact.reversible or impact.data_loss or impact.address_change:
        return ""
    return "" if change.action is Action.DELETE else names
