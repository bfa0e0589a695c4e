"""Many addresses of one resource in a short form: `instances.web[0..3, 7]`, `instances.web["a",
"b", ...]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from reconciler.model.address import Address
from reconciler.render import escape

CELLS_MAX = 40
T = TypeVar("T")


def span(addresses: Sequence[Address], *, head: str | None = None) -> str:
    """All of the addresses, which differ only in index or key. `head` replaces the text before the
    bracket.
    """
    first = addresses[0]
    if any(address.rule != first.rule for address in addresses):
        return _span_of_rules(addresses)
    rule = ""
    if first.rule is not None:
        rule = f".rules.{first.rule}" if head is None else f".{first.rule}"
    head = str(first.resource) if head is None else head
    if first.index is None:
        return escape.outside(f"{head}{rule}")
    texts = _runs([address.index for address in addresses if isinstance(address.index, int)])
    texts += [f'"{address.index}"' for address in addresses if isinstance(address.index, str)]
    room = CELLS_MAX - escape.width(head + rule) - 2
    shown, keep = ", ".join(texts), len(texts)
    while keep > 1 and escape.width(escape.outside(shown)) > room:
        keep -= 1
        shown = f"{', '.join(texts[:keep])}, ..."
    return escape.outside(f"{head}[{shown}]{rule}")


def _span_of_rules(addresses: Sequence[Address]) -> str:
    """The rules of one collection: `firewalls.web.rules.ssh["10.0.0.0/8", ...]`."""
    first = addresses[0]
    head = str(first.owner.with_rule(first.rule_key or ""))
    texts = [str(address).removeprefix(head) for address in addresses]
    if all(text.count("][") == 0 for text in texts):
        texts = [text[1:-1] for text in texts]
        left, right = "[", "]"
    else:
        left = right = ""
    shown, keep = ", ".join(texts), len(texts)
    while keep > 1 and escape.width(escape.outside(head + left + shown + right)) > CELLS_MAX:
        keep -= 1
        shown = f"{', '.join(texts[:keep])}, ..."
    return escape.outside(f"{head}{left}{shown}{right}")


def spans(addresses: Iterable[Address]) -> list[str]:
    """Addresses without their kind, those of one resource together: `web[0..3]`, `db`,
    `web.https`.
    """
    ordered = sorted(addresses, key=lambda each: each.sort_key)
    groups = grouped(ordered, lambda each: (each.resource, each.rule))
    return [span(group, head=group[0].name) for group in groups]


def full_spans(addresses: Iterable[Address]) -> list[str]:
    """Addresses with their kind, those of one resource together: `instances.web[0..3]`."""
    ordered = sorted(set(addresses), key=lambda each: each.sort_key)
    return [span(group) for group in grouped(ordered, lambda each: (each.resource, each.rule))]


def grouped(items: Iterable[T], key: Callable[[T], object]) -> list[list[T]]:
    """The items in groups of equal keys, in the order of their first items."""
    groups: dict[object, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _runs(numbers: Sequence[int]) -> list[str]:
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(low) if low == high else f"{low}..{high}" for low, high in found]
