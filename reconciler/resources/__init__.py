"""The kinds of resources, one module each, found by listing the folder. A module contains what is
special about its kind, and nothing else.

It may import `model` and `common`. Each module has `kind(firewall_api)`, which returns its
`ResourceType`. Modules whose name begins with an underscore are shared parts. Begin with
`instance`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.common.text import msg
from reconciler.model.kinds import Kinds
from reconciler.model.resource import Plain
from reconciler.model.resource_type import ResourceType

FIREWALL_APIS: tuple[str, ...] = ("security-groups", "firewall")
"""The two forms of the firewall API (contract#security-groups, contract#older-firewall). The user
chooses one; it is never guessed.
"""


class _Registry:
    """The kinds of this package and those that were added, made once for each form of the firewall
    API.
    """

    def __init__(self, added: tuple[ResourceType, ...] = ()) -> None:
        self.added = added
        self.made: dict[str, Kinds] = {}


_registries = [_Registry()]
"""The last one counts."""


def all_kinds(firewall_api: str = FIREWALL_APIS[0]) -> Kinds:
    """Every kind. Names, fields and attributes are the same in both forms of the firewall API.
    Raises ValueError if the form is not one of `FIREWALL_APIS`.
    """
    registry = _registries[-1]
    if firewall_api not in registry.made:
        registry.made[firewall_api] = _make(firewall_api, registry.added)
    return registry.made[firewall_api]


def _make(firewall_api: str, added: tuple[ResourceType, ...]) -> Kinds:
    if firewall_api not in FIREWALL_APIS:
        known = ", ".join(FIREWALL_APIS)
        raise ValueError(
            msg(
                "the firewall API is one of {known}, not {found!r}", known=known, found=firewall_api
            )
        )
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    own = (importlib.import_module(f"{__name__}.{name}").kind(firewall_api) for name in names)
    return Kinds(own).including(*added)


@contextmanager
def extended(*kinds: ResourceType) -> Iterator[None]:
    """Adds kinds, or puts them in the place of kinds of the same name, until the block ends.

    Everything that is derived from the kinds follows. Tests use it to show that a table is enough.
    """
    _registries.append(_Registry((*_registries[-1].added, *kinds)))
    try:
        yield
    finally:
        _registries.pop()


def problem_with(kind: str, field: str, value: Plain, *, marked: bool = True) -> str | None:
    """What is wrong with a value of a field, or None. `marked` says whether the object's
    description contains a marker, which takes 16 of its 50 characters.
    """
    found = all_kinds()[kind].fields.get(field)
    return None if found is None else found.problem_with(value, marked=marked)


def is_limited(kind: str, field: str) -> bool:
    """Whether the field is a text whose limit matters only if it is sent."""
    found = all_kinds()[kind].fields.get(field)
    return found is not None and found.limited
