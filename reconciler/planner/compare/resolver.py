"""Values that depend on other objects: known now if those stay as they are, otherwise known after
apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.config import expression
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Deferred, Link, Ref, Unknown, Value
from reconciler.model.resource_type import Edit
from reconciler.planner.compare.assessment import (
    DESCRIPTION,
    Assessment,
    Disposition,
    ManagedObject,
    renewed_text,
)

_KNOWN = frozenset({str, int, bool, Link, type(None)})
"""Types of values in which nothing can be deferred: most values are of one of them."""


class Resolver:
    """What an attribute will be after the plan, for every address of an assessment; gathers the
    expressions that fail.
    """

    def __init__(self, assessment: Assessment) -> None:
        self._assessment = assessment
        self._wanted: dict[Address, dict[str, Value]] = {}
        self._known: dict[tuple[Address, str], Value] = {}
        self._busy: set[tuple[Address, str]] = set()
        self.problems: list[Problem] = []

    def wanted(self, item: ManagedObject) -> dict[str, Value]:
        """The attributes that an item will have, every deferred value resolved or `Unknown`."""
        if item.address not in self._wanted:
            found = {name: self.value(item.address, value) for name, value in item.wanted.items()}
            text = renewed_text(self._assessment, item)
            if text is not None:
                found[DESCRIPTION] = text
            self._wanted[item.address] = found
        return self._wanted[item.address]

    def value(self, address: Address, value: Value) -> Value:
        """A value with its deferred parts resolved, or `Unknown`."""
        try:
            return self.attempt(value)
        except expression.ExpressionError as failure:
            place = value.place if isinstance(value, Deferred) else None
            self.problems.append(
                error(
                    failure.code, str(failure), place=place, address=str(address), hint=failure.hint
                )
            )
            return None

    def attempt(self, value: Value) -> Value:
        """The same. Raises `ExpressionError` if it cannot be computed."""
        if type(value) in _KNOWN or not isinstance(value, Deferred | tuple | Mapping):
            return value
        found = expression.resolve_value(value, self._assessment.stack, self.attributes)
        return (
            Unknown(found.source, value)
            if isinstance(found, Unknown) and isinstance(value, Deferred)
            else found
        )

    def attribute(self, address: Address, name: str) -> Value:
        """What `address.name` will be: its new value where the plan sets it, its live value where
        it stays, else `Unknown`.
        """
        key = (address, name)
        if key not in self._known:
            if key in self._busy:
                return Unknown((Ref(address, name),))
            self._busy.add(key)
            self._known[key] = self._find(address, name)
            self._busy.discard(key)
        return self._known[key]

    def attributes(self, address: Address) -> Mapping[str, Value] | None:
        """The attributes that an object will have, each found when it is asked for. None if there
        is no such object.
        """
        if address.existing:
            live = self._assessment.existing.get(address)
            return None if live is None else dict(live.attributes)
        item = self._assessment.items.get(address)
        return None if item is None else _Lazy(self, item)

    def _find(self, address: Address, name: str) -> Value:
        item = self._assessment.items[address]
        unknown = Unknown((Ref(address, name),))
        stays = item.disposition in (Disposition.KEEP, Disposition.BIND) and item.live is not None
        field = item.kind.fields.get(name)
        # what the file says of it changes nothing any more
        fixed = stays and field is not None and field.edit is Edit.CREATE_ONLY
        if name in item.wanted and not (
            fixed and item.live is not None and name in item.live.attributes
        ):
            desired_value = self.value(address, item.wanted[name])
            if isinstance(desired_value, Link):
                return self._assessment.id_of(desired_value.address) or Unknown(
                    (Ref(desired_value.address, "id"),)
                )
            if desired_value is not None or not stays:
                return desired_value
        if stays and item.live is not None:
            if name == item.kind.membership:
                return self._assessment.firewall_of(item.live.id)
            return (
                unknown
                if name == "status" and "power" in item.wanted and not _power_stays(item)
                else item.live.attributes.get(name)
            )
        if item.resource is not None and name in item.resource.at_create:
            return self.value(address, item.resource.at_create[name])
        return None if field is not None and field.link is not None else unknown


class _Lazy(Mapping[str, Value]):
    """The attributes of one object, each found when it is asked for."""

    def __init__(self, resolver: Resolver, item: ManagedObject) -> None:
        self._resolver, self._item = resolver, item

    def __getitem__(self, name: str) -> Value:
        if name not in self._item.kind.attributes:
            raise KeyError(name)
        return self._resolver.attribute(self._item.address, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._item.kind.attributes)

    def __len__(self) -> int:
        return len(self._item.kind.attributes)


def _power_stays(item: ManagedObject) -> bool:
    return item.live is not None and item.live.attributes.get("power") == item.wanted.get("power")


def unknowns(value: Any) -> tuple[Ref, ...]:
    """What a value waits for: the sources of the unknown parts in it, sorted."""
    if isinstance(value, Unknown):
        return value.source
    if isinstance(value, tuple | list):
        return tuple(sorted({ref for part in value for ref in unknowns(part)}, key=str))
    if isinstance(value, Mapping):
        return tuple(sorted({ref for part in value.values() for ref in unknowns(part)}, key=str))
    return ()
