"""The lines of `moved`, followed: where an object at an address has its place now
(stack-files#moved-and-removed).

An object follows the lines until it reaches an address that the file defines. Lines from addresses
that the file defines exchange objects: they count once (`reused`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from reconciler.model.address import Address, parse
from reconciler.model.resource import Move


class MoveLines:
    """Lines of objects, or lines of rules, with whether the file defines an address."""

    def __init__(self, moves: Iterable[Move], defined: Callable[[Address], bool]) -> None:
        self._lines: dict[Address, Move] = {move.source: move for move in moves}
        self._defined = defined
        self._ends: dict[Address, Address | None] = {}

    def __iter__(self) -> Iterator[Move]:
        return iter(self._lines.values())

    def without(self, moves: Iterable[Move]) -> MoveLines:
        """The other lines."""
        left = {**self._lines}
        for move in moves:
            left.pop(move.source, None)
        return MoveLines(left.values(), self._defined)

    def end(self, address: Address) -> Address:
        """The address that an object has now. The same one if no line is about it, and if its lines
        lead back to it or nowhere.
        """
        after, arrived = self._step(address)
        found = after if arrived else self._onward(after)
        return address if found is None else found

    def _onward(self, at: Address) -> Address | None:
        """Where the lines lead from an address that the file does not define, None for nowhere.
        Noted for each link of the chain.
        """
        chain: dict[Address, None] = {}
        found: Address | None = None
        while at not in chain:
            if at in self._ends:
                found = self._ends[at]
                break
            chain[at] = None
            after, arrived = self._step(at)
            if arrived:
                found = after
                break
            at = after
        self._ends.update(dict.fromkeys(chain, found))
        return found

    def _step(self, address: Address) -> tuple[Address, bool]:
        """The next address, and whether the object stays there: the file defines it, or no line is
        about it.
        """
        for source in (address, address.resource):
            line = self._lines.get(source)
            found = None if line is None else by_line(address, line.source, line.target)
            if line is not None and found is not None:
                return found, self._defined(line.target) or self._defined(found)
        return address, True

    def reused(self) -> tuple[Move, ...]:
        """The lines from an address that the file defines for another object."""
        return tuple(
            move
            for move in self
            if self._defined(move.source) and self.end(move.source) != move.source
        )

    def filled(self) -> frozenset[Address]:
        """The addresses that objects move to."""
        ends = ((move.source, self.end(move.source)) for move in self)
        return frozenset(end for source, end in ends if end != source)

    def groups(self) -> Iterator[tuple[Move, ...]]:
        """The lines that share addresses with a reused one, and through others."""
        reused = {move.source for move in self.reused()}
        if not reused:
            return
        near: dict[Address, list[Move]] = {}
        for move in self:
            near.setdefault(move.source, []).append(move)
            near.setdefault(move.target, []).append(move)
        seen: set[Address] = set()
        for start in sorted(reused, key=lambda address: address.sort_key):
            if start in seen:
                continue
            group: dict[Address, Move] = {}
            waiting = [start]
            while waiting:
                at = waiting.pop()
                if at in seen:
                    continue
                seen.add(at)
                for move in near.get(at, ()):
                    group[move.source] = move
                    waiting += (move.source, move.target)
            yield tuple(group[source] for source in sorted(group, key=lambda each: each.sort_key))

    def cycle(self, start: Address) -> tuple[Address, ...]:
        """The addresses of the file that exchange their objects with this one. Empty if the lines
        from it do not lead back.
        """
        found: dict[Address, None] = {}
        at = start
        while at not in found:
            found[at] = None
            after = self.end(at)
            if after == at:
                return ()
            at = after
        return tuple(found) if at == start else ()

    def first(self, address: Address) -> Address:
        """The address that becomes free if all lines behind an address are followed."""
        seen = {address}
        by_target: Mapping[Address, Address] = {move.target: move.source for move in self}
        while (before := by_target.get(address)) is not None and before not in seen:
            seen.add(before)
            address = before
        return address


def by_line(address: Address, source: Address, target: Address) -> Address | None:
    """Where one line moves an address, None if the line is not about it. A firewall takes its rules
    along.
    """
    if address.kind != source.kind:
        return None
    if source.rule is not None or target.rule is not None:
        return target if address == source else None
    if address.owner == source:
        found = target
    elif (
        source.index is None
        and target.index is None
        and (address.kind, address.name) == (source.kind, source.name)
    ):
        found = Address(target.kind, target.name, address.index)
    else:
        return None
    return found if address.rule is None else found.with_rule(address.rule)


def is_about(text: str, source: Address) -> bool:
    """Whether a line from `source` is about the address of a text."""
    address = parse(text)
    return address is not None and by_line(address, source, source) is not None
