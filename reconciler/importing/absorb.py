"""Absorption: what somebody changed outside becomes what the file says, by edits at the places
where the file says it.

Nothing else of the text is touched, so comments and order stay. What an expression computes is
never written over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.text_edits import Addition, AdoptRequest, Piece, TextEdit, TextRemoval
from reconciler.importing import adopt_rules
from reconciler.importing.yaml_writer import Raw, flow, key
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.plan import Change, FieldChange
from reconciler.model.resource import Account, Resource, Stack

_LINKS = ("firewall", "instance")
_LOOKUPS = ("flavor", "image", "zone")


class CannotAbsorb(Exception):
    """A difference cannot be written into the file; `problem` says why and what to do."""

    def __init__(self, message: str, address: Address, place: Place | None, hint: str) -> None:
        super().__init__(message)
        self.problem: Problem = error(
            "absorb", message, place=place, address=str(address), hint=hint
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the stack: its text and the pieces of it."""

    text: str
    pieces: tuple[Piece, ...]

    def scalar_at(self, place: Place) -> Piece | None:
        """The text that begins at a place."""
        return next(
            (
                p
                for p in self.pieces
                if (p.line, p.column, p.kind) == (place.line, place.column, "scalar")
            ),
            None,
        )

    def value_at(self, place: Place) -> Piece | None:
        """The value that begins at a place: the mapping or list itself, not its first key."""
        found = [p for p in self.pieces if (p.line, p.column) == (place.line, place.column)]
        return max(found, key=lambda piece: piece.end, default=None)

    def value_of(self, name: Piece) -> Piece | None:
        """The value of a key: what comes next in the text."""
        return next((p for p in self.pieces if p.start >= name.end), None)

    def around(self, name: Piece) -> Piece | None:
        """The mapping that a key belongs to."""
        return next(
            (
                p
                for p in self.pieces
                if p.kind == "table" and any(at == name.start for _, at in p.keys)
            ),
            None,
        )

    def entry(self, table: Piece, name: str) -> Piece | None:
        """The value of one key of a mapping."""
        at = dict(table.keys).get(name)
        found = next((p for p in self.pieces if p.start == at and p.kind == "scalar"), None)
        return None if found is None else self.value_of(found)


@dataclass(frozen=True, slots=True)
class Absorber:
    """Makes the edits of a stack's files; `source` gives a file by its name."""

    stack: Stack
    account: Account
    source: Callable[[str], Source]

    def edits(self, change: Change) -> Iterator[tuple[str, AdoptRequest]]:
        """The wishes that take one row of drift into the file, each with its file. Raises
        `CannotAbsorb`.
        """
        resource = self.stack.resources.get(change.address)
        if resource is None or resource.place is None:
            raise CannotAbsorb(
                msg("it is not in the file"),
                change.address,
                None,
                msg("import it, or adopt it into a file of its own"),
            )
        added = [
            field.path.removeprefix("rules.")
            for field in change.fields
            if field.path.startswith("rules.")
        ]
        if added:
            yield from (
                (resource.place.file, desired) for desired in self._with_rules(resource, added)
            )
        for field in change.fields:
            if field.path == "rule":
                yield resource.place.file, self._without_rule(resource)
            elif not field.path.startswith("rules."):
                yield self._value(resource, field)

    # Values
    # -----------------------------------------------------------------------------------------------------------------------

    def _value(self, resource: Resource, field: FieldChange) -> tuple[str, AdoptRequest]:
        text = self._written(resource, field)
        own, source = self._own(resource)
        place = resource.places.get(field.path)
        assert resource.place is not None
        piece = source.entry(own, field.path) if own.kind == "table" else None
        if piece is None:
            # It comes from `defaults`: others have it too, so the object gets a line of its own.
            return resource.place.file, Addition(own, field.path, text)
        said = source.value_at(place) if piece.kind == "alias" and place is not None else piece
        if said is not None and "${" in source.text[said.start : said.end]:
            hint = msg(
                "write {text} there by hand, or run apply to restore the old value", text=text
            )
            raise CannotAbsorb(
                msg(
                    "`{field}` is computed by an expression, which absorb does not overwrite",
                    field=field.path,
                ),
                resource.address,
                place,
                hint,
            )
        return resource.place.file, _put(source.text, piece, text)

    def _written(self, resource: Resource, field: FieldChange) -> str:
        """The value as the file writes it."""
        after: Any = field.after
        if field.path in _LINKS:
            return self._link(resource, field.path, after)
        if after is None:
            hint = msg(
                "remove the line by hand, or run apply to restore the value; to leave it "
                "unmanaged, write `lifecycle: {{ignore: [{field}]}}`",
                field=field.path,
            )
            raise CannotAbsorb(
                msg("`{field}` is now empty, which a file cannot express", field=field.path),
                resource.address,
                resource.place,
                hint,
            )
        if field.path in _LOOKUPS:
            return flow({"id": str(after)}) if field.path == "image" else flow(str(after))
        if field.path == "power":
            return flow(Raw(after))
        return flow(int(after) if field.path == "ports" and str(after).isdigit() else after)

    def _link(self, resource: Resource, path: str, after: Any) -> str:
        if after is None:
            return "none"
        address = parse(str(after))
        if address is None:
            section = "firewalls" if path == "firewall" else "instances"
            hint = msg(
                "name it with existing: {{{section}: {{NAME: {{id: {id}}}}}}}, then run absorb "
                "again",
                section=section,
                id=after,
            )
            raise CannotAbsorb(
                msg("`{field}` is now {id}, which is not in the stack", field=path, id=after),
                resource.address,
                resource.place,
                hint,
            )
        return flow(Raw(str(address) if address.existing else str(address).partition(".")[2]))

    def _own(self, resource: Resource) -> tuple[Piece, Source]:
        """What the file writes of a resource, and the file."""
        assert resource.place is not None
        source = self.source(resource.place.file)
        name = source.scalar_at(resource.place)
        own = None if name is None else source.value_of(name)
        if own is None:
            raise CannotAbsorb(
                msg("its place in the file is unknown"),
                resource.address,
                resource.place,
                msg("write it by hand"),
            )
        return self._unshared(resource, own), source

    @staticmethod
    def _unshared(resource: Resource, table: Piece) -> Piece:
        if table.kind == "alias":
            hint = msg(
                "replace the alias `*{anchor}` with its value, then run absorb again",
                anchor=table.anchor,
            )
            raise CannotAbsorb(
                msg("its lines are an alias that other objects share"),
                resource.address,
                resource.place,
                hint,
            )
        return table

    # Rules
    # ------------------------------------------------------------------------------------------------------------------------

    def _with_rules(self, resource: Resource, ids: list[str]) -> list[AdoptRequest]:
        """Rules that somebody added, as the last of their firewall."""
        keys = {
            address.rule
            for address in self.stack.resources
            if address.rule is not None and address.owner == resource.address
        }
        found = adopt_rules.rules_of(
            [row for id in ids if (row := self.account.find("rules", id)) is not None], taken=keys
        )
        if found.left or not found.written:
            said, reason = (
                found.left[0] if found.left else (msg("a rule"), msg("it no longer exists"))
            )
            hint = msg("remove it in the console, or write `lifecycle: {{ignore: [rules]}}`")
            raise CannotAbsorb(
                msg("{rule} cannot be written: {reason}", rule=said, reason=reason),
                resource.address,
                resource.place,
                hint,
            )
        own, source = self._own(resource)
        rules = source.entry(own, "rules") if own.kind == "table" else None
        if rules is None:
            return [Addition(own, "rules", flow(found.written))]
        table = self._unshared(resource, rules)
        return [
            Addition(table, key(name), flow(members)) for name, members in found.written.items()
        ]

    def _without_rule(self, resource: Resource) -> AdoptRequest:
        """A rule that somebody removed."""
        assert resource.place is not None
        source = self.source(resource.place.file)
        name = source.scalar_at(resource.place)
        table = None if name is None else source.around(name)
        if table is None:
            raise CannotAbsorb(
                msg("its place in the file is unknown"),
                resource.address,
                resource.place,
                msg("remove it by hand"),
            )
        return TextRemoval(table, resource.address.rule or "")


def _put(text: str, piece: Piece, value: str) -> TextEdit:
    """Another value in the place of one; a text written as a block keeps the end of its last line."""
    end = piece.start + len(text[piece.start : piece.end].rstrip())
    space = " " if piece.start == end and text[piece.start - 1 : piece.start] == ":" else ""
    return TextEdit(piece.start, end, space + value)
