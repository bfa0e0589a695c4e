"""Keys of adopted objects, and how the new stack refers to an object."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.importing.romanization import romanized
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import Edit, ResourceType

_KEY_LENGTH_MAX = 24


@dataclass(slots=True)
class Names:
    """The keys given so far. `existing` are the objects that the stack refers to without owning
    them: kind to key to id.
    """

    account: Account
    existing: dict[str, dict[str, str]] = field(default_factory=dict)
    _used: dict[str, set[str]] = field(default_factory=dict)
    _references: dict[tuple[str, str], str] = field(default_factory=dict)

    def new_key(self, kind: str, wanted: str) -> str:
        """A key that no other object of the kind has, as close to `wanted` as possible."""
        used = self._used.setdefault(kind, {"none"})
        key, number = wanted[:_KEY_LENGTH_MAX], 1
        while key in used:
            number += 1
            key = f"{wanted[: _KEY_LENGTH_MAX - 1 - len(str(number))]}_{number}"
        used.add(key)
        return key

    def set(self, kind: str, id: str, reference: str) -> None:
        """Notes how the stack refers to an adopted object."""
        self._references[kind, id] = reference

    def reference(self, kind: str, id: str) -> str | None:
        """How the stack refers to an object: by its key, or as an existing one if it is not
        adopted. None if the account does not list the object.
        """
        if (kind, id) in self._references:
            return self._references[kind, id]
        live = self.account.find(kind, id)
        if live is None:
            return None
        wanted = slug(live.attributes.get("name"), resources.all_kinds()[kind])
        key = self.new_key(f"existing.{kind}", wanted)
        self.existing.setdefault(kind, {})[key] = id
        self._references[kind, id] = f"existing.{kind}.{key}"
        return self._references[kind, id]

    def of_users(self, kind: ResourceType, live: LiveResource) -> str:
        """What the names of an object's members begin with, or those of the objects that it is
        attached to; empty if they have nothing in common.
        """
        slugs = []
        for user, id in self._users(kind, live):
            found = self.account.find(user.name, id)
            if found is not None:
                slugs.append(slug(found.attributes.get("name"), user))
        return _common_beginning(slugs).strip("_")

    def _users(self, kind: ResourceType, live: LiveResource) -> Iterable[tuple[ResourceType, str]]:
        kinds = resources.all_kinds()
        for other in kinds.values():
            for each in other.fields.values():
                if each.edit is Edit.MEMBER and each.link == kind.name:
                    yield from ((other, id) for id in self.account.members.get(live.id, ()))
        for each in kind.fields.values():
            if each.edit is Edit.ATTACH and each.link is not None:
                yield kinds[each.link], str(live.attributes.get(each.name))


def slug(name: Any, kind: ResourceType) -> str:
    """A key made of a name: Hangul in Latin letters, then the characters that a key may have, or
    the word for the kind if there are none.
    """
    text = re.sub(r"[^a-z0-9]+", "_", romanized(str(name or "")).lower()).strip("_")
    if not text:
        return kind.singular
    return text if text[0].isalpha() else f"{kind.singular}_{text}"


def _common_beginning(names: list[str]) -> str:
    shortest = min(names, key=len, default="")
    same = (
        length
        for length in range(len(shortest), 0, -1)
        if all(name.startswith(shortest[:length]) for name in names)
    )
    return shortest[: next(same, 0)]
