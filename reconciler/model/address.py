"""Addresses: the names of objects in a stack, its state and its plan.

`instances.web`, `instances.web[0]`, `instances.web["seoul"]`, `firewalls.web.rules.https`,
`existing.firewalls.office`.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache

from reconciler.common.dataclass import dataclass

_ADDRESS = re.compile(
    r"""(?P<existing>existing\.)?(?P<kind>[a-z_]+)\.(?P<name>[a-z][a-z0-9_]*)
        (?:\[(?:(?P<index>0|[1-9][0-9]{0,5})|"(?P<key>[^"\\\x00-\x1f]{1,16})")\])?
        (?:\.rules\.(?P<inner>[a-z0-9][a-z0-9._-]*))?""",
    re.VERBOSE,
)

_BARE_KEY = re.compile(r"""\[([^]["]+)\]""")


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """One object of a stack.

    `kind` is the plural used in stack files (`instances`); `index` is an integer under `count`,
    text under `for_each`, None otherwise; `rule` is the key of a rule of a firewall; `existing`
    marks an object that the stack uses but does not own. Addresses are the keys of most mappings,
    so the text of each, which no other has, is made once and stands for it when they are compared.
    """

    kind: str
    name: str
    index: int | str | None = None
    rule: str | None = None
    existing: bool = False
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_text", _text(self))

    def __str__(self) -> str:
        return self._text

    def at(self, index: int | str) -> Address:
        """One object of a resource with `count` or `for_each`."""
        return Address(self.kind, self.name, index, None, self.existing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: Address) -> bool:
        return self.sort_key < other.sort_key

    @property
    def sort_key(self) -> tuple[bool, str, str, int, int, str, str]:
        """Orders by kind, name, then index numerically (planning#order-of-changes: changes are
        sorted by address, indices numerically).
        """
        number = self.index if isinstance(self.index, int) else -1
        key = self.index if isinstance(self.index, str) else ""
        form = 1 if isinstance(self.index, int) else 2
        rank = 0 if self.index is None else form
        return (self.existing, self.kind, self.name, rank, number, key, self.rule or "")

    @property
    def resource(self) -> Address:
        """The address without its index and rule: what `depends_on: [instances.web]` means."""
        return Address(kind=self.kind, name=self.name, existing=self.existing)

    @property
    def owner(self) -> Address:
        """The address of the firewall that a rule belongs to; any other address is its own
        owner.
        """
        return (
            self
            if self.rule is None
            else Address(self.kind, self.name, self.index, None, self.existing)
        )

    def with_rule(self, rule: str) -> Address:
        """The address of a rule of this firewall."""
        return Address(self.kind, self.name, self.index, rule, self.existing)


def _text(address: Address) -> str:
    head = "existing." if address.existing else ""
    if isinstance(address.index, int):
        place = f"[{address.index}]"
    elif address.index is None:
        place = ""
    else:
        place = f'["{address.index}"]'
    rule = f".rules.{address.rule}" if address.rule is not None else ""
    return f"{head}{address.kind}.{address.name}{place}{rule}"


def typed(text: str) -> Address | None:
    """The address that a person typed: as `parse`, but quotes around a key are optional, because a
    shell removes them.
    """
    return parse(text) or parse(_BARE_KEY.sub(r'["\1"]', text, count=1))


@lru_cache(maxsize=65536)
def parse(text: str) -> Address | None:
    """The address that a text spells exactly, or None."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    index: int | str | None = None
    if found["index"] is not None:
        index = int(found["index"])
    elif found["key"] is not None:
        index = found["key"]
    return Address(
        found["kind"], found["name"], index, found["inner"], found["existing"] is not None
    )
