"""What all parts of a build share: the names that the stack defines, the problems found so far, and
the values of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any, Final, TypeAlias, TypeVar

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import expression
from reconciler.config.document import Node, Scalar, Sequence
from reconciler.config.expression import ExpressionError
from reconciler.config.references import Cardinalities, Cardinality
from reconciler.config.template import Template
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY, Deferred, Existing, Plain, Ref, Unknown, Value

__all__ = [
    "ABSENT",
    "INVALID",
    "Absent",
    "BuildContext",
    "Cardinality",
    "Invalid",
    "place_in",
    "waited_for",
]


class Invalid:
    """A value that could not be computed; the reason is reported."""


INVALID: Final = Invalid()

T = TypeVar("T")
_Reader: TypeAlias = Callable[[Template, Mapping[str, Any], "Cardinalities | None"], T]


class Absent:
    """What is written as null: it counts as not written."""


ABSENT: Final = Absent()


@dataclass(slots=True)
class BuildContext:
    """One build in progress. `scope` are the names of the file that texts can read; `shaped` says
    whether `cardinalities` is complete. `unfolded` counts the rules that come from collections.
    """

    stack: str
    environment: str | None
    scope: Mapping[str, Any] = EMPTY
    cardinalities: Cardinalities = field(default_factory=Cardinalities)
    shaped: bool = False
    existing: dict[Address, Existing] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unfolded: int = 0

    def report(
        self,
        code: str,
        message: str,
        place: Place | None,
        *,
        hint: str | None = None,
        address: Address | None = None,
    ) -> Invalid:
        """Records an error and returns `INVALID` for the value that could not be computed."""
        self.problems.append(
            error(
                code,
                message,
                place=place,
                hint=hint,
                address=None if address is None else str(address),
            )
        )
        return INVALID

    @contextmanager
    def inside(self, scope: Mapping[str, Any]) -> Iterator[None]:
        """Uses another scope until the block ends."""
        before, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = before

    def value(self, node: Node, scope: Mapping[str, Any]) -> Value | Invalid:
        """The value of a node: plain if the file determines it, `Deferred` if it reads resources.
        Lists and maps contain such values.
        """
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and "${" in node.value:
                return self._text(node, scope)
            return node.value
        if isinstance(node, Sequence):
            items = [self.value(item, scope) for item in node.items]
            return INVALID if any(item is INVALID for item in items) else tuple(items)
        members = {key: self.value(item, scope) for key, item in node.entries.items()}
        return INVALID if any(item is INVALID for item in members.values()) else members

    def _text(self, node: Scalar, scope: Mapping[str, Any]) -> Value | Invalid:
        found = self._computed(node, scope, expression.read)
        return (
            Deferred(node.text, found.source, scope, node.place)
            if isinstance(found, Unknown)
            else found
        )

    def elements(
        self, node: Scalar, scope: Mapping[str, Any]
    ) -> tuple[Plain | Unknown, ...] | Unknown | Invalid | None:
        """The elements of a text that is one expression for a list, each plain or `Unknown`. None
        if it is not a list, as far as the file determines it; `Unknown` if the number of elements
        is not known.
        """
        return self._computed(node, scope, expression.elements)

    def _computed(self, node: Scalar, scope: Mapping[str, Any], read: _Reader[T]) -> T | Invalid:
        try:
            template = expression.parse(node.text)
            if self.shaped:
                wrong: dict[str, ExpressionError] = {}
                for failure in expression.wrong_names(template, scope, self.cardinalities):
                    wrong.setdefault(failure.message, failure)
                for failure in wrong.values():
                    self.refuse(failure, node)
                if wrong:
                    return INVALID
            return read(template, scope, self._readable)
        except ExpressionError as failure:
            return self.refuse(failure, node)

    @property
    def _readable(self) -> Cardinalities | None:
        """The resources that expressions can read: those that are not pending."""
        return self.cardinalities if self.shaped or self.cardinalities.pending else None

    def members(self, node: Node, scope: Mapping[str, Any]) -> Any:
        """The value of a `for_each`: as `value`, but a map is known by its keys alone. Its values
        may be objects of the stack, or wait for attributes.
        """
        if not (isinstance(node, Scalar) and isinstance(node.value, str) and "${" in node.value):
            return self.value(node, scope)
        try:
            template = expression.parse(node.text)
            found = expression.read_members(template, scope, self._readable)
        except ExpressionError as failure:
            return self.refuse(failure, node)
        if isinstance(found, Unknown):
            return Deferred(node.text, found.source, scope, node.place)
        if not isinstance(found, Mapping):
            return found
        return {
            key: Deferred(expression.member_text(node.text, key), item.source, scope, node.place)
            if isinstance(item, Unknown)
            else item
            for key, item in found.items()
        }

    def refuse(self, failure: ExpressionError, node: Scalar) -> Invalid:
        """Reports an expression that cannot be parsed or evaluated, at its place in the string."""
        if not failure.code:
            return INVALID
        place = place_in(node, failure.offset)
        return self.report(failure.code, failure.message, place, hint=failure.hint)

    def known(self, node: Node, scope: Mapping[str, Any], what: str) -> Plain | Invalid:
        """The value of a node that must be known before the plan. Reports an error that names the
        attributes that the value waits for.
        """
        value = self.value(node, scope)
        waits = waited_for(value)
        if waits:
            return self.not_known(what, waits, node.place)
        return value  # type: ignore[return-value]  # nothing in it is deferred

    def not_known(self, what: str, waits: tuple[Ref, ...], place: Place | None) -> Invalid:
        """Reports that a value waits for attributes but must be known before the plan
        (stack-files#unknown-until-apply). What waits for other stacks alone is not a mistake.
        """
        if self.waits_for_stacks(what, waits, place):
            return INVALID
        sources = ", ".join(str(ref) for ref in waits[:3])
        hint = msg("use variables, locals or fixed values here")
        return self.report(
            "not-known",
            msg(
                "{what} must be known before the plan, but it reads {sources}",
                what=what,
                sources=sources,
            ),
            place,
            hint=hint,
        )

    def waits_for_stacks(self, what: str, waits: tuple[Ref, ...], place: Place | None) -> bool:
        """Whether a value waits for outputs of other stacks alone. Reports that the stack can be
        planned only when those are applied, if so.
        """
        stacks = {ref.stack for ref in waits if ref.stack is not None}
        if not stacks or any(ref.stack is None for ref in waits):
            return False
        message = msg(
            "{what} is known only after apply of {stacks}, so the stack is planned then",
            what=what,
            stacks=", ".join(sorted(stacks)),
        )
        self.report("waiting", message, place)
        return True


def waited_for(value: Any) -> tuple[Ref, ...]:
    """The attributes that a value waits for, also inside lists and maps."""
    if isinstance(value, Deferred):
        return value.references
    if isinstance(value, tuple):
        return tuple(ref for item in value for ref in waited_for(item))
    if isinstance(value, Mapping):
        return tuple(ref for item in value.values() for ref in waited_for(item))
    return ()


def place_in(node: Scalar, offset: int | None) -> Place:
    """The place of a character of a text if it can be derived from the `${` before it, else the
    place of the text.
    """
    if offset is None or not node.expressions_at:
        return node.place
    before = (
        node.text[: offset + 2].count("${")
        if node.text[offset : offset + 2] == "${"
        else node.text[:offset].count("${")
    )
    if before == 0 or before > len(node.expressions_at):
        return node.place
    line, column = node.expressions_at[before - 1]
    start, wanted = -1, before
    while wanted:
        start = node.text.find("${", start + 1)
        wanted -= 1
    between = node.text[start:offset]
    if "\n" in between:
        return Place(node.file, line, column)
    return Place(node.file, line, column + offset - start)
