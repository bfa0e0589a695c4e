"""Saved plans in the store of a state: keeping one, and finding it again by its id
(planning#saved-plans).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from reconciler.commands import session
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports.plan_ports import KEPT_DAYS, KeptPlan, short_id
from reconciler.model.resource import title_of
from reconciler.model.state import State
from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import ListedPlan, SavedPlan, Unreadable

SCHEME = "plan://"
LETTERS_MIN = 8
LISTED_MAX = 100

_HINT = msg("make a new one: `reconciler plan --save`")
_ID = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class PlanPlace:
    """A store that may keep a plan, and the stack and environment whose it is."""

    stack: str
    environment: str | None
    store: ports.Store


def is_reference(text: str) -> bool:
    """Whether a text names a plan in the store, and not a file."""
    return text.startswith(SCHEME)


def reference(id: str) -> str:
    """How a plan in the store is named on a command line."""
    return f"{SCHEME}{short_id(id)}"


def keep(store: ports.Store, plan: SavedPlan) -> None:
    """Keeps a plan in the store of its stack. Stops if that is not possible."""
    data = saved_plan.write(plan).encode("ascii")
    try:
        store.plans.keep(KeptPlan(plan.id, plan.made.at), data)
    except ports.StoreError as failure:
        session.stop_for_store(failure)


def find(named: str, places: Sequence[PlanPlace], now: float) -> SavedPlan:
    """The plan of a reference such as `plan://8fa3c1d20b77`, in the first of the places that has
    it; `now` is in unix seconds. Stops if none has it, or it cannot be used.
    """
    start = start_of(named)
    place, kept = _only(start, places)
    if kept.is_expired(now):
        message = msg(
            "the saved plan {id} has expired: plans are kept for {days} days",
            id=short_id(kept.id),
            days=KEPT_DAYS,
        )
        raise Abort(error("plan-stale", message, hint=_HINT))
    try:
        data = place.store.plans.read(kept).get(kept.id)
    except ports.StoreError as failure:
        session.stop_for_store(failure)
    if data is None:
        _unknown(start, places)
    try:
        found = decoded(kept, data)
    except Unreadable as damage:
        message = msg(
            "the saved plan {id} cannot be used: {reason}",
            id=short_id(kept.id),
            reason=damage,
        )
        raise Abort(error("plan-unreadable", message, hint=_HINT)) from damage
    if (found.plan.stack, found.plan.environment) != (place.stack, place.environment):
        message = msg(
            "the saved plan {id} is a plan of {planned}, not of {title}",
            id=short_id(kept.id),
            planned=found.plan.title,
            title=title_of(place.stack, place.environment),
        )
        raise Abort(error("plan-stale", message, hint=_HINT))
    return found


def start_of(named: str) -> str:
    """The letters of an id that a reference gives. Stops if they are not the beginning of one."""
    start = named.removeprefix(SCHEME)
    if _ID.fullmatch(start) is None:
        message = msg(
            "{reference} does not name a saved plan: write {scheme} and at least {letters} letters "
            "of its id (0-9, a-f)",
            reference=named,
            scheme=SCHEME,
            letters=LETTERS_MIN,
        )
        hint = msg("`reconciler state plans` lists the saved plans")
        raise Abort(error("usage", message, hint=hint))
    return start


def decoded(kept: KeptPlan, data: bytes) -> SavedPlan:
    """The plan in what was kept under an id. Raises `Unreadable`, also if it is another plan."""
    try:
        found = saved_plan.read(data.decode("ascii"))
    except UnicodeDecodeError as failure:
        raise Unreadable(msg("it is not a saved plan of reconciler")) from failure
    if found.id != kept.id:
        raise Unreadable(msg("its content does not match its id: it was changed or damaged"))
    return found


def listed(
    store: ports.Store, state: State | None, now: float
) -> tuple[tuple[ListedPlan, ...], int]:
    """The newest plans that a store keeps, the newest first, and how many more there are. Stops if
    they cannot be read.
    """
    try:
        kept = store.plans.kept()
        shown = kept[:LISTED_MAX]
        data = store.plans.read(*shown)
    except ports.StoreError as failure:
        session.stop_for_store(failure)
    rows = tuple(_row(plan, data[plan.id], state, now) for plan in shown if plan.id in data)
    return rows, len(kept) - len(shown)


def remove(place: PlanPlace, references: Iterable[str]) -> tuple[KeptPlan, ...]:
    """Removes plans from the store and returns them. Stops before the first if one is unknown."""
    found = [_only(start_of(named), (place,))[1] for named in references]
    try:
        place.store.plans.remove(*found)
    except ports.StoreError as failure:
        session.stop_for_store(failure)
    return tuple(found)


def _row(kept: KeptPlan, data: bytes, state: State | None, now: float) -> ListedPlan:
    try:
        saved = decoded(kept, data)
    except Unreadable as damage:
        return ListedPlan(kept, None, damage=str(damage))
    lineage, serial = ("", 0) if state is None else (state.lineage, state.serial)
    if kept.is_expired(now):
        return ListedPlan(kept, saved, stale=msg("expired"))
    if saved.plan.serial != serial or (saved.plan.lineage and saved.plan.lineage != lineage):
        return ListedPlan(kept, saved, stale=msg("the state has changed"))
    return ListedPlan(kept, saved)


def _only(start: str, places: Sequence[PlanPlace]) -> tuple[PlanPlace, KeptPlan]:
    """The one plan whose id begins with these letters."""
    found = dict[str, tuple[PlanPlace, KeptPlan]]()
    for place in places:
        try:
            for kept in place.store.plans.kept(start):
                found.setdefault(kept.id, (place, kept))
        except ports.StoreError as failure:
            session.stop_for_store(failure)
    if not found:
        _unknown(start, places)
    if len(found) > 1:
        ids = suggestions.listed(sorted(found))
        message = msg("{count} saved plans begin with {start}", count=len(found), start=start)
        raise Abort(error("usage", message, hint=msg("write more letters: {ids}", ids=ids)))
    return next(iter(found.values()))


def _unknown(start: str, places: Sequence[PlanPlace]) -> NoReturn:
    known = list[str]()
    for place in places:
        try:
            known += [reference(kept.id) for kept in place.store.plans.kept()]
        except ports.StoreError as failure:
            session.stop_for_store(failure)
    titles = suggestions.listed(title_of(place.stack, place.environment) for place in places)
    message = msg(
        "no saved plan {id} is kept for {stacks}: plans are kept for {days} days",
        id=short_id(start),
        stacks=titles,
        days=KEPT_DAYS,
    )
    hint = suggestions.hint_for(reference(start), known) or _HINT
    raise Abort(error("plan-unknown", message, hint=hint))
