"""Which resources there are, and the names in expressions that must be among them: a name that the
file does not define is a mistake in every branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.cel_reads import COMPUTED, PathStep, Read
from reconciler.config.cel_syntax import FILE_ROOTS, ExpressionError
from reconciler.config.template import Template
from reconciler.model.address import Address
from reconciler.resources import all_kinds

Cardinality: TypeAlias = "int | tuple[str, ...] | None"
"""How many objects a resource has: one (None), counted, or keyed."""

Name: TypeAlias = tuple[str, str]
"""The kind and the key of a resource. Existing objects have the kind `existing.<kind>`."""


class Unavailable:
    """A value that could not be computed; the reason is reported already."""


UNAVAILABLE = Unavailable()


@dataclass(slots=True)
class Cardinalities:
    """The resources of a stack. `left_out` are those that their `when` leaves out; of those in
    `broken` the number of objects could not be computed, which is reported. `each` are the values
    of the keys of a `for_each`. `malformed` are the sections whose resources are not known, because
    the section is not a mapping, which is reported. `emptied` are the rules of which a list or loop
    is empty, as `web.rules.ssh`, and whether it is a list. `pending` are the resources whose
    number is still to be computed.
    """

    known: dict[Name, Cardinality] = field(default_factory=dict)
    left_out: set[Name] = field(default_factory=set)
    broken: set[Name] = field(default_factory=set)
    each: dict[Name, Mapping[str, Any]] = field(default_factory=dict)
    malformed: set[str] = field(default_factory=set)
    emptied: dict[Name, bool] = field(default_factory=dict)
    pending: set[Name] = field(default_factory=set)

    def missing(self, section: str, name: Any) -> ExpressionError:
        """The error for a resource that the stack does not have. Without a code if the section is
        malformed: the mistake is reported there.
        """
        if section in self.malformed:
            return ExpressionError("", code="")
        if (section, name) in self.left_out:
            message = msg(
                "`{section}.{name}` is left out by its `when`", section=section, name=name
            )
            hint: str = msg(
                "use it under the same condition, or replace `when` with `count: ${{CONDITION "
                "? 1 : 0}}`, which makes it a list"
            )
        else:
            message = msg("`{section}.{name}` does not exist", section=section, name=name)
            known = [other for kind, other in (*self.known, *self.left_out) if kind == section]
            hint = hint_for(str(name), known) or msg(
                "the stack defines no `{section}`", section=section
            )
        return ExpressionError(message, code="missing-reference", hint=hint)


def check_names(template: Template, scope: Mapping[str, Any], cardinalities: Cardinalities) -> None:
    """Raises `ExpressionError` for the first of the `wrong_names`."""
    for failure in wrong_names(template, scope, cardinalities):
        raise failure


def wrong_names(
    template: Template, scope: Mapping[str, Any], cardinalities: Cardinalities
) -> Iterator[ExpressionError]:
    """The error for each name that the file does not define, in any branch, unless `has` asks about
    it.

    An index, a key, or an object that its `when` leaves out may be missing in a branch that is not
    selected.
    """
    for expression in template.expressions:
        asked = [read for read in expression.reads if read.asked]
        for read in expression.reads:
            if any(_is_about(other, read) for other in asked):
                continue
            try:
                if read.root in FILE_ROOTS:
                    _check_value(read, scope)
                else:
                    _check_resource(read, cardinalities)
            except ExpressionError as failure:
                failure.offset = expression.offset + read.at
                yield failure


def _is_about(asked: Read, read: Read) -> bool:
    """Whether `has` asks about what is read, or about a part of it."""
    names = 2 if read.root == "existing" else 1
    return asked.root == read.root and asked.names[:names] == read.names[:names]


def _check_value(read: Read, scope: Mapping[str, Any]) -> None:
    """Checks the first step from a root of the file, and all fixed steps in other files."""
    if read.root not in scope:
        raise out_of_scope(read.root)
    value = scope[read.root]
    for number, step in enumerate(read.steps, start=1):
        if (
            step.value is COMPUTED
            or not isinstance(value, Mapping)
            or (number > 1 and read.root not in ("components", "stacks"))
        ):
            return
        if step.value not in value:
            raise _not_defined(read, number, value)
        value = value[step.value]


def _not_defined(read: Read, steps: int, value: Mapping[str, Any]) -> ExpressionError:
    of_output = read.root == "stacks" and steps > 1
    none = (
        msg("the stack has no outputs; apply it again")
        if of_output
        else msg("the stack defines no `{section}`", section=read.root)
    )
    return ExpressionError(
        msg("`{name}` does not exist", name=".".join([read.root, *map(str, read.names[:steps])])),
        code="output" if of_output and not value else "missing-reference",
        hint=hint_for(str(read.steps[steps - 1].value), [str(key) for key in value]) or none,
    )


def out_of_scope(root: str) -> ExpressionError:
    """The error for a root that cannot be read at this place."""
    reason = {
        "count": msg("`count.index` is known only in a resource with `count`"),
        "each": msg("`each.key` and `each.value` are known only in a resource with `for_each`"),
        "locals": msg("`locals` cannot be read here"),
        "self": msg("`self` is known only in the `assert` of a resource"),
        "component": msg("`component.name` is known only in the file of a component"),
        "components": msg(
            "outputs of components can be read in resources, outputs and `with`, but not "
            "in locals or in another component"
        ),
        "stacks": msg(
            "outputs of other stacks can be read only in the stack's own files; pass them "
            "to a component with `with`"
        ),
    }.get(root, msg("`{root}` cannot be read here", root=root))
    return ExpressionError(reason, code="bad-reference")


def _check_resource(read: Read, cardinalities: Cardinalities) -> None:
    """Checks the kind and the name of a resource, and the attributes that are read of it."""
    steps = list(read.steps)
    is_existing = read.root == "existing"
    kind: Any = read.root
    if is_existing:
        kind = steps.pop(0).value if steps else None
        if kind not in all_kinds().sections:
            raise ExpressionError(
                msg("the object of `existing` is not named"),
                code="bad-reference",
                hint=msg("name the kind and the object: existing.firewalls.office"),
            )
    section = f"existing.{kind}" if is_existing else kind
    name = steps.pop(0).value if steps else None
    if not isinstance(name, str):
        raise ExpressionError(
            msg("name the resource: {section}.NAME", section=section),
            code="bad-reference",
            hint=msg("a resource must be named literally, not computed"),
        )
    if (section, name) in cardinalities.known:
        if (section, name) not in cardinalities.broken:
            address = Address(kind, name, existing=is_existing)
            _check_attributes(read, address, steps, cardinalities.known[section, name])
    elif not (read.protected and (section, name) in cardinalities.left_out):
        raise cardinalities.missing(section, name)


def _check_attributes(
    read: Read, address: Address, steps: list[PathStep], shape: Cardinality
) -> None:
    if shape is not None and steps:
        index = steps.pop(0).value
        if index is not COMPUTED and not read.protected and not has(shape, index):
            raise no_such_index(address, shape, index)
    asked = steps[:1] if steps or isinstance(shape, tuple) else list(read.fields)
    for step in asked:
        if step.value is not COMPUTED and step.value not in all_kinds()[address.kind].attributes:
            raise no_such_attribute(address, step.value)


def no_such_attribute(address: Address, name: Any) -> ExpressionError:
    """The error for an attribute that resources of a kind do not have."""
    return ExpressionError(
        msg("{kind} have no attribute `{attribute}`", kind=address.kind, attribute=name),
        code="unknown-attribute",
        hint=hint_for(str(name), all_kinds()[address.kind].attributes),
    )


def has(shape: int | tuple[str, ...], index: Any) -> bool:
    """Whether a resource with several objects has one with that index or key."""
    if isinstance(shape, int):
        return isinstance(index, int) and 0 <= index < shape
    return index in shape


def no_such_index(address: Address, shape: int | tuple[str, ...], index: Any) -> ExpressionError:
    """The error for an index or key that a resource does not have."""
    if isinstance(shape, tuple):
        hint = (
            msg("use one of {keys}", keys=", ".join(f'"{key}"' for key in shape[:12]))
            if shape
            else msg("its for_each is empty")
        )
        message = msg('`{address}["{index}"]` does not exist', address=address, index=index)
        return ExpressionError(message, code="missing-reference", hint=hint)
    hint = msg("write [0], or .map(x, x.name) for all of them") if shape else msg("its count is 0")
    if isinstance(index, str):
        message = msg(
            "`{address}` has several objects (`count`): add an index before `{attribute}`",
            address=address,
            attribute=index,
        )
    else:
        message = msg(
            "`{address}[{index}]` does not exist: the resource has {number} objects",
            address=address,
            index=index,
            number=shape,
        )
    return ExpressionError(message, code="missing-reference", hint=hint)
