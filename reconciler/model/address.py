"""Addresses: the names of objects in a stack, its state and its plan.

`instances.web`, `instances.web[0]`, `instances.web["seoul"]`, `firewalls.web.rules.https`,
`firewalls.web.rules.ssh["10.0.0.0/8"]`, `existing.firewalls.office`.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import TypeAlias

from reconciler.common.dataclass import dataclass

_ADDRESS = re.compile(
    r"""(?P<existing>existing\.)?(?P<kind>[a-z_]+)\.(?P<name>[a-z][a-z0-9_]*)
        (?:\[(?:(?P<index>0|[1-9][0-9]{0,5})|"(?P<key>[^"\\\x00-\x1f]{1,16})")\])?
        (?:\.rules\.(?P<inner>[a-z0-9][a-z0-9._-]*
            (?:\[(?:0|[1-9][0-9]{0,5}|"[^"\\\x00-\x1f]{1,18}")\]){0,3}))?""",
    re.VERBOSE,
)

_BARE_KEY = re.compile(r"""\[(?!(?:0|[1-9][0-9]{0,5})\])([^]["]+)\]""")
_NUMBER = re.compile("([0-9]+)")
_PART = re.compile(r"""\[(?:([0-9]+)|"([^"]*)")\]""")


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """One object of a stack.

    `kind` is the plural used in stack files (`instances`); `index` is an integer under `count`,
    text under `for_each`, None otherwise; `rule` is the key of a rule of a firewall, with a part
    in brackets for each list or loop that it comes from (`ssh["10.0.0.0/8"]`); `existing` marks an
    object that the stack uses but does not own. Addresses are the keys of most mappings, so the
    text of each, which no other has, is made once and stands for it when they are compared.
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
    def sort_key(self) -> tuple[bool, str, str, int, int, str, RuleOrder]:
        """Orders by kind, name, then index numerically (planning#order-of-changes: changes are
        sorted by address, indices numerically).
        """
        number = self.index if isinstance(self.index, int) else -1
        key = self.index if isinstance(self.index, str) else ""
        form = 1 if isinstance(self.index, int) else 2
        rank = 0 if self.index is None else form
        return (
            self.existing,
            self.kind,
            self.name,
            rank,
            number,
            key,
            _rule_order(self.rule or ""),
        )

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

    @property
    def rule_key(self) -> str | None:
        """The key that the file has for a rule, without the parts in brackets."""
        return None if self.rule is None else self.rule.partition("[")[0]

    def covers(self, other: Address) -> bool:
        """Whether this is the other address, or that of the written rule that the other one comes
        from: `firewalls.web.rules.ssh` covers `firewalls.web.rules.ssh["10.0.0.0/8"]`.
        """
        return other == self or (
            self.rule is not None
            and str(other).startswith(f"{self}[")
            and other.rule_key == self.rule
        )


RuleOrder: TypeAlias = "tuple[str, tuple[tuple[int, tuple[int | str, ...]], ...]]"


@lru_cache(maxsize=65536)
def _rule_order(rule: str) -> RuleOrder:
    """The key of a rule, then the parts in brackets, with numbers as numbers: every second text of
    a split is one.
    """
    if "[" not in rule:
        return rule, ()
    parts = tuple(
        (
            int(number or -1),
            tuple(int(s) if place % 2 else s for place, s in enumerate(_NUMBER.split(text))),
        )
        for number, text in _PART.findall(rule)
    )
    return rule.partition("[")[0], parts


def part(value: int | str) -> str:
    """A number or a text as one part in brackets."""
    return f"[{value}]" if isinstance(value, int) else f'["{value}"]'


def _text(address: Address) -> str:
    head = "existing." if address.existing else ""
    place = "" if address.index is None else part(address.index)
    rule = f".rules.{address.rule}" if address.rule is not None else ""
    return f"{head}{address.kind}.{address.name}{place}{rule}"


_TITLED = re.compile(r"([a-z][a-z0-9-]*(?:/[^.:/]+)?):(.+)", re.DOTALL)
"""`TITLE:ADDRESS`. A title has no dot, and each address has one before its first colon."""


def titled(address: str) -> tuple[str | None, str]:
    """The title of the stack and the address of a text `[TITLE:]ADDRESS`."""
    found = _TITLED.fullmatch(address)
    return (None, address) if found is None else (found[1], found[2])


def typed(text: str) -> Address | None:
    """The address that a person typed: as `parse`, but quotes around a key are optional, because a
    shell removes them.
    """
    return parse(text) or parse(_BARE_KEY.sub(r'["\1"]', text))


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
