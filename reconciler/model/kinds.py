"""A set of kinds, and what follows from their tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from reconciler.common.timing import Expected
from reconciler.model.address import Address
from reconciler.model.resource import Plain
from reconciler.model.resource_type import Operation, ResourceType


class Kinds(Mapping[str, ResourceType]):
    """Kinds by name. Two sets are equal only if they are the same object, so that a cache may use a
    set as its key.
    """

    def __init__(self, kinds: Iterable[ResourceType]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __getitem__(self, name: str) -> ResourceType:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The kinds that have their own section in stack files, in the order in which people see
        them.
        """
        own = (kind for kind in self.values() if kind.owner is None)
        return tuple(kind.name for kind in sorted(own, key=lambda kind: kind.order))

    @cached_property
    def build_order(self) -> tuple[str, ...]:
        """The same kinds, each after those to which its fields link."""
        found: dict[str, None] = {}

        def add(name: str) -> None:
            for field in self[name].fields.values():
                if field.link is not None and field.link not in (name, *found):
                    add(field.link)
            found[name] = None

        for name in self.sections:
            add(name)
        return tuple(found)

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Other names that people use for a kind, each with the name of the kind."""
        return {word: kind.name for kind in self.values() for word in kind.spellings}

    @cached_property
    def links(self) -> Mapping[str, str]:
        """Fields that link to another object, each with the kind of that object."""
        fields = (field for kind in self.values() for field in kind.fields.values())
        return {field.name: field.link for field in fields if field.link is not None}

    @cached_property
    def at_create(self) -> Mapping[str, Mapping[str, Plain]]:
        """For each kind the values that a create sends for fields without a value."""
        return {
            kind.name: {
                field.name: field.at_create
                for field in kind.fields.values()
                if field.at_create is not None
            }
            for kind in self.values()
        }

    @cached_property
    def protected(self) -> tuple[str, ...]:
        """What `protect` can forbid, sorted: operations that have a name for it, and a
        replacement.
        """
        operations = (one for kind in self.values() for one in kind.operations.values())
        names = {one.protected_as for one in operations if one.protected_as is not None}
        return tuple(sorted({*names, "replace"}))

    @cached_property
    def facets(self) -> Mapping[str, Mapping[str, str]]:
        """For each kind the attributes that belong to a facet, each with the name of the facet."""
        return {
            kind.name: {
                name: field.facet
                for field in kind.fields.values()
                if field.facet is not None
                for name in (field.name, *field.decides)
            }
            for kind in self.values()
        }

    @cached_property
    def _owned(self) -> Mapping[str, ResourceType]:
        return {kind.owner: kind for kind in self.values() if kind.owner is not None}

    def owned_by(self, name: str) -> ResourceType | None:
        """The kind whose objects are written inside those of a kind, as rules in firewalls."""
        return self._owned.get(name)

    def of(self, address: Address) -> ResourceType:
        """The kind of the object at an address. Raises KeyError if no kind has such addresses."""
        return self[address.kind] if address.rule is None else self._owned[address.kind]

    def has(self, address: Address) -> bool:
        """Whether an address has the form of one of these kinds."""
        if address.rule is not None:
            return address.kind in self._owned
        return address.kind in self.sections

    def including(self, *kinds: ResourceType) -> Kinds:
        """The set with these kinds added, or put in the place of those of the same name."""
        return Kinds((*self.values(), *kinds))

    def with_seconds(self, learned: Mapping[str, Expected]) -> Kinds:
        """The kinds with what was learned of the usual duration of their operations, which are
        named as in steps (`instance.create`).
        """

        def changed(kind: ResourceType, operation: Operation) -> Operation:
            found = learned.get(f"{kind.singular}.{operation.name}")
            if found is None or not operation.seconds[1]:
                return operation
            low, _, high = operation.seconds
            return replace(
                operation,
                seconds=(low, max(1, math.ceil(found.done)), high),
                first_look=max(1, math.ceil(found.look)),
            )

        return Kinds(
            replace(
                kind,
                operations={verb: changed(kind, one) for verb, one in kind.operations.items()},
            )
            for kind in self.values()
        )
