"""Field by field: which managed fields of an object differ, who changed them, and which edits will
not be done and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted, spelled
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.plan import Cause, FieldChange
from reconciler.model.resource import EMPTY, Unknown, Value
from reconciler.model.resource_type import Edit, Field
from reconciler.planner.compare.assessment import (
    Assessment,
    Disposition,
    ManagedObject,
    link_text,
    owner_text,
)
from reconciler.planner.compare.diff import ABSENT, cause

_GRAVE = frozenset({Edit.RESIZE, Edit.REBUILD, Edit.REPLACE, Edit.ATTACH})


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing one object gave. `changes` are sorted by path; `drift` are those that somebody
    outside made.
    """

    changes: tuple[FieldChange, ...] = ()
    drift: tuple[FieldChange, ...] = ()
    notices: tuple[Problem, ...] = ()

    def edits(self, item: ManagedObject) -> frozenset[Edit]:
        """The kinds of edit that the changes ask for."""
        return frozenset(item.kind.fields[change.path].edit for change in self.changes)


def live_value(assessment: Assessment, item: ManagedObject, name: str) -> Any:
    """What a field is now, in the form in which it is compared: links by address, `ABSENT` where it
    cannot be read.
    """
    live = item.live
    if live is None:
        return ABSENT
    if name == item.kind.membership:
        return assessment.name_of(assessment.firewall_to_leave(live.id))
    if item.kind.fields[name].link is not None:
        if name not in live.attributes:
            return ABSENT
        return assessment.name_of(_text(live.attributes.get(name)))
    if (
        name == "description"
        and live.marked is not None
        and live.marked == owner_text(assessment, item)
    ):
        return None
    return live.attributes.get(name, ABSENT)


def compare(assessment: Assessment, item: ManagedObject, wanted: Mapping[str, Value]) -> Compared:
    """Compares an object that stays, or is replaced, with what is wanted."""
    applied = item.entry.applied if item.entry is not None else EMPTY
    desired = {name: _normal(value) for name, value in wanted.items() if name not in _ignored(item)}
    live = {name: _as_it_is(assessment, item, name, applied) for name in desired}
    names = [name for name in sorted(desired) if live[name] != desired[name]]
    changes, notices = [], []
    replaced = item.disposition is Disposition.REPLACE
    for name in names:
        found = _notice(item, item.kind.fields[name], desired[name], live[name])
        if found is not None and not replaced:
            notices += found
            continue
        change = _change(item, name, desired[name], live[name], _normal(applied.get(name, ABSENT)))
        if change is not None:
            changes.append(change)
    if not replaced:  # a new object gets all that the file writes
        notices += _create_only(item, desired, applied)
        notices += _no_longer_managed(item, applied)
    drift = _drift(assessment, item, desired, live, applied)
    return Compared(tuple(sorted(changes, key=lambda c: c.path)), drift, tuple(notices))


def _as_it_is(
    assessment: Assessment, item: ManagedObject, name: str, applied: Mapping[str, Any]
) -> Any:
    """What a field is now. What the cloud does not return is taken as it was left, so that nothing
    is done on a guess.
    """
    live = _normal(live_value(assessment, item, name))
    return _normal(applied.get(name, ABSENT)) if live is ABSENT else live


def _ignored(item: ManagedObject) -> tuple[str, ...]:
    return item.resource.lifecycle.ignore if item.resource is not None else ()


def _change(
    item: ManagedObject, name: str, desired: Any, live: Any, applied: Any
) -> FieldChange | None:
    place = item.resource.places.get(name) if item.resource is not None else None
    before = None if live is ABSENT else live
    if isinstance(desired, Unknown):
        return FieldChange(name, before, desired, Cause.YOU, known_after_apply=True, place=place)
    who = cause(desired=desired, applied=applied, live=live)
    return None if who is None else FieldChange(name, before, desired, who, place=place)


def _notice(item: ManagedObject, field: Field, desired: Any, live: Any) -> list[Problem] | None:
    """Why an edit of this field is not done, or None if it is. An empty list: there is nothing to
    do and nothing to report.
    """
    if field.edit is Edit.CREATE_ONLY:
        return []
    if field.edit is Edit.POWER and live is None:
        return []  # the cloud works on it: it is neither on nor off
    if live is ABSENT and field.edit in _GRAVE:
        return []  # its value is unknown: nothing is destroyed on a guess
    if not field.clearable and desired in (None, "") and live not in (None, "", ABSENT):
        message = msg(
            "{field} cannot be cleared: the API keeps the old text {live!r} (contract 21)",
            field=field.name,
            live=live,
        )
        return [
            notice(
                "cannot-clear", message, address=str(item.address), place=_place(item, field.name)
            )
        ]
    return None


def _create_only(
    item: ManagedObject, desired: Mapping[str, Any], applied: Mapping[str, Any]
) -> list[Problem]:
    found = []
    for name in sorted(desired):
        if (
            item.kind.fields[name].edit is not Edit.CREATE_ONLY
            or name not in applied
            or isinstance(desired[name], Unknown)
        ):
            continue
        if desired[name] == _normal(applied[name]):
            continue
        address = str(item.address)
        message = msg("{name} can only be set at creation; this edit has no effect", name=name)
        hint = msg(
            "lifecycle.ignore: [{name}], or --replace {address}", name=name, address=pasted(address)
        )
        found.append(
            notice("cannot-change", message, address=address, place=_place(item, name), hint=hint)
        )
    return found


def _no_longer_managed(item: ManagedObject, applied: Mapping[str, Any]) -> list[Problem]:
    if item.resource is None:
        return []
    found = []
    for name in sorted(set(applied) - set(item.resource.attributes)):
        message = msg(
            "{name} is no longer in the file: its value is kept and no longer checked for drift",
            name=name,
        )
        found.append(
            notice(
                "no-longer-managed", message, address=str(item.address), place=item.resource.place
            )
        )
    return found


def _drift(
    assessment: Assessment,
    item: ManagedObject,
    desired: Mapping[str, Any],
    shown: Mapping[str, Any],
    applied: Mapping[str, Any],
) -> tuple[FieldChange, ...]:
    """Managed fields that are not as they were left, whatever the file wants now. `shown` is what
    they are taken to be.
    """
    found = []
    for name in sorted(desired):
        if name not in applied or item.kind.fields[name].edit is Edit.CREATE_ONLY:
            continue
        left = _normal(applied[name])
        if shown[name] == left:
            continue
        live = _normal(live_value(assessment, item, name))
        if live is ABSENT or live == left or (name == item.kind.power and live is None):
            continue
        stated = bool(desired[name] == live)
        who = Cause.OUTSIDE if desired[name] == left or stated else Cause.BOTH
        found.append(FieldChange(name, left, live, who, place=_place(item, name), stated=stated))
    return tuple(found)


def _place(item: ManagedObject, name: str) -> Any:
    if item.resource is None:
        return None
    return item.resource.places.get(name, item.resource.place)


def _normal(value: Any) -> Any:
    """Empty text and none are one (contract#values); letters are composed; lists of keys have no
    order; links are their addresses.
    """
    value = link_text(value)
    if value == "" and isinstance(value, str):
        return None
    if isinstance(value, list | tuple):
        return tuple(sorted(str(part) for part in value))
    return spelled(value) if isinstance(value, str) else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
