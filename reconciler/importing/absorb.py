"""Absorption: a change made outside becomes the value in the file, by an edit at the place where
the file has the value.

Nothing else of the text changes, so comments and order stay. The value of an expression is never
overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.text_edits import Addition, Piece, TextChange, TextEdit, TextRemoval
from reconciler.importing import adopt_rules
from reconciler.importing.yaml_writer import Raw, flow, key
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.plan import Change, FieldChange
from reconciler.model.resource import Account, Resource, Stack
from reconciler.model.resource_type import Field, ResourceType


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

    def edits(self, change: Change) -> Iterator[tuple[str, TextChange]]:
        """The edits that take one row of drift into the stack, each with its file. Raises
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
        _check_written(resource, change)
        file = resource.place.file
        owned = resources.all_kinds().owned_by(change.address.kind)
        section = "" if owned is None else f"{owned.name}."
        added = [
            field.path.removeprefix(section)
            for field in change.fields
            if owned is not None and field.path.startswith(section)
        ]
        if owned is not None and added:
            for request in self._with_rules(resource, owned, added):
                yield file, request
        for field in change.fields:
            if owned is not None and field.path == owned.singular:
                yield file, self._without_rule(resource)
            elif owned is None or not field.path.startswith(section):
                yield file, self._value(resource, field)

    # Values
    # ----------------------------------------------------------------------------------------------

    def _value(self, resource: Resource, field: FieldChange) -> TextChange:
        text = self._written(resource, field)
        own, source = self._own(resource)
        place = resource.places.get(field.path)
        piece = source.entry(own, field.path) if own.kind == "table" else None
        if piece is None:
            # It comes from `defaults`, as that of other objects: this one gets a line of its own.
            return Addition(own, field.path, text)
        value = source.value_at(place) if piece.kind == "alias" and place is not None else piece
        if value is not None and "${" in source.text[value.start : value.end]:
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
        return _replaced(source.text, piece, text)

    def _written(self, resource: Resource, field: FieldChange) -> str:
        """The value as the file writes it."""
        after: Any = field.after
        each = _field(resource, field.path)
        if each is not None and each.link is not None:
            return self._reference(resource, each, each.link, after)
        if after is None:
            hint = msg(
                "remove the line by hand, or run apply to restore the value; to leave it "
                "unmanaged, write `lifecycle: {{ignore: [{field}]}}`",
                field=field.path,
            )
            raise _cannot(
                resource,
                msg("`{field}` is now empty, which a file cannot express", field=field.path),
                hint,
            )
        if each is None:
            return flow(after)
        return flow(Raw(after) if each.keyword else each.written(after))

    def _reference(self, resource: Resource, each: Field, kind: str, after: Any) -> str:
        if after is None:
            return "none"
        address = parse(str(after))
        if address is None:
            hint = msg(
                "name it with existing: {{{section}: {{NAME: {{id: {id}}}}}}}, then run absorb "
                "again",
                section=kind,
                id=after,
            )
            raise _cannot(
                resource,
                msg("`{field}` is now {id}, which is not in the stack", field=each.name, id=after),
                hint,
            )
        return flow(Raw(str(address) if address.existing else str(address).partition(".")[2]))

    def _own(self, resource: Resource) -> tuple[Piece, Source]:
        """The text of a resource in its file, and the file."""
        assert resource.place is not None
        source = self.source(resource.place.file)
        key = source.scalar_at(resource.place)
        own = None if key is None else source.value_of(key)
        if own is None:
            raise _unknown_place(resource)
        return self._unshared(resource, own), source

    @staticmethod
    def _unshared(resource: Resource, table: Piece) -> Piece:
        if table.kind == "alias":
            hint = msg(
                "replace the alias `*{anchor}` with its value, then run absorb again",
                anchor=table.anchor,
            )
            raise _cannot(
                resource,
                msg("its lines are an alias that other objects share"),
                hint,
            )
        return table

    # Rules
    # ----------------------------------------------------------------------------------------------

    def _with_rules(
        self, resource: Resource, owned: ResourceType, ids: list[str]
    ) -> list[TextChange]:
        """Adds rules that somebody created outside, as the last of their firewall."""
        keys = {
            address.rule_key
            for address in self.stack.resources
            if address.rule is not None and address.owner == resource.address
        }
        rows = [row for id in ids if (row := self.account.find(owned.name, id)) is not None]
        found = adopt_rules.rules_of(rows, taken=keys)
        if found.left or not found.written:
            rule, reason = (
                found.left[0] if found.left else (msg("a rule"), msg("it no longer exists"))
            )
            hint = msg(
                "remove it in the console, or write `lifecycle: {{ignore: [{section}]}}`",
                section=owned.name,
            )
            raise _cannot(
                resource,
                msg("{rule} cannot be written: {reason}", rule=rule, reason=reason),
                hint,
            )
        own, source = self._own(resource)
        rules = source.entry(own, owned.name) if own.kind == "table" else None
        if rules is None and keys:
            hint = msg(
                "write `{section}:` in {address} with `<<:` and the new rule by hand, or run "
                "apply to remove the rule",
                section=owned.name,
                address=resource.address,
            )
            raise _cannot(resource, msg("its rules come from a merge key (`<<`)"), hint)
        if rules is None:
            return [Addition(own, owned.name, flow(found.written))]
        table = self._unshared(resource, rules)
        return [
            Addition(table, key(name), flow(members)) for name, members in found.written.items()
        ]

    def _without_rule(self, resource: Resource) -> TextChange:
        """Removes a rule that somebody deleted outside."""
        assert resource.place is not None
        source = self.source(resource.place.file)
        key = source.scalar_at(resource.place)
        table = None if key is None else source.around(key)
        if table is None:
            raise _unknown_place(resource)
        return TextRemoval(table, resource.address.rule or "")


def _check_written(resource: Resource, change: Change) -> None:
    """Raises `CannotAbsorb` for a rule of a collection: its text is that of other rules too."""
    address = resource.address
    if address.rule == address.rule_key or not change.fields:
        return
    hint = msg(
        "edit `{key}` in the file by hand, or run apply to restore the rule",
        key=address.rule_key or "",
    )
    raise _cannot(
        resource,
        msg("the rule comes from a list, `count` or `for_each` that other rules share"),
        hint,
    )


def _unknown_place(resource: Resource) -> CannotAbsorb:
    return _cannot(resource, msg("its place in the file is unknown"), msg("edit the file by hand"))


def _cannot(resource: Resource, message: str, hint: str) -> CannotAbsorb:
    return CannotAbsorb(message, resource.address, resource.place, hint)


def _field(resource: Resource, path: str) -> Field | None:
    address = resource.address
    owned = resources.all_kinds().owned_by(address.kind) if address.rule is not None else None
    kind = owned or resources.all_kinds()[address.kind]
    return kind.fields.get(path)


def _replaced(text: str, piece: Piece, value: str) -> TextEdit:
    """Puts another value in the place of one. A text written as a block keeps the end of its last
    line.
    """
    end = piece.start + len(text[piece.start : piece.end].rstrip())
    space = " " if piece.start == end and text[piece.start - 1 : piece.start] == ":" else ""
    return TextEdit(piece.start, end, space + value)
