"""The kinds of resources, one module each, found by listing the folder: what is special about a
kind, and nothing else.

It may import `model` and `common`. Each module has `kind(firewall_api)`, which makes its
`ResourceType`; modules whose name begins with an underscore are shared parts. Begin with
`instance`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from reconciler.model.resource import Plain
from reconciler.model.resource_type import ResourceType, build_order, sections

FIREWALL_APIS: tuple[str, ...] = ("security-groups", "firewall")
"""The two forms in which the cloud speaks of firewalls (contract#security-groups,
contract#older-firewall); chosen by the user, never guessed.
"""


@lru_cache(maxsize=4)
def all_kinds(firewall_api: str = "security-groups") -> Mapping[str, ResourceType]:
    """Every kind by its name, sorted. Raises ValueError where the form of the firewall API is not
    one of `FIREWALL_APIS`.
    """
    if firewall_api not in FIREWALL_APIS:
        raise ValueError(
            f"the firewall API is one of {', '.join(FIREWALL_APIS)}, not {firewall_api!r}"
        )
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    made = [importlib.import_module(f"{__name__}.{name}").kind(firewall_api) for name in names]
    return MappingProxyType({kind.name: kind for kind in made})


SECTIONS = sections(all_kinds())
"""The kinds that have a section of their own in stack files, in the order for people."""

BUILD_ORDER = build_order(all_kinds())
"""The same kinds, each after those to which its fields link."""

SPELLINGS = {word: kind.name for kind in all_kinds().values() for word in kind.spellings}
"""What people call a kind besides its name, and that name."""

LINKS = {
    field.name: field.link
    for kind in all_kinds().values()
    for field in kind.fields.values()
    if field.link is not None
}
"""Fields that link to another object, and its kind."""


def problem_with(kind: str, field: str, value: Plain, *, marked: bool = True) -> str | None:
    """What is wrong with a value of a field, in words for people, or None. `marked` tells whether
    the object's description carries a marker, which takes 16 of its 50 characters.
    """
    found = all_kinds()[kind].fields.get(field)
    return None if found is None else found.problem_with(value, marked=marked)


def is_limited(kind: str, field: str) -> bool:
    """Whether the field is a text with a limit, which binds only if it is sent."""
    found = all_kinds()[kind].fields.get(field)
    return found is not None and found.limited


def owned_by(kind: str) -> ResourceType | None:
    """The kind whose objects are written inside those of `kind`, as rules in their firewall."""
    return next((each for each in all_kinds().values() if each.owner == kind), None)
