"""Names in expressions that must be there, whatever branch they stand in: a name that the file
defines nowhere is misspelt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.cel_reads import COMPUTED, PathStep, Read
from reconciler.config.cel_syntax import FILE_ROOTS, ExpressionError
from reconciler.config.template import Template, moved
from reconciler.model.address import Address
from reconciler.resources import all_kinds

Shape: TypeAlias = "int | tuple[str, ...] | None"

Shapes: TypeAlias = Mapping[tuple[str, str], "int | tuple[str, ...] | None"]
"""Which resources there are, by kind and name: single (None), counted, or keyed. `existing` ones
have the kind `existing.<kind>`.
"""


class Unavailable:
    """Stands for a value that could not be had, and of which the user has been told: what reads it
    fails without a word.
    """


UNAVAILABLE = Unavailable()


def check_names(
    template: Template,
    scope: Mapping[str, Any],
    shapes: Shapes,
    gone: Collection[tuple[str, str]] = (),
    broken: Collection[tuple[str, str]] = (),
) -> None:
    """Raises `ExpressionError` for a name that the file defines nowhere, in whatever branch it
    stands, unless `has` asks for it.

    An index, a key, or an object that its `when` leaves out (`gone`) may be missing in a branch
    that is not taken. Of the resources in `broken` it is not known how many objects they have.
    """
    for expression in template.expressions:
        asked = [read for read in expression.reads if read.asked]
        for read in expression.reads:
            if any(_is_about(other, read) for other in asked):
                continue
            with moved(expression.offset):
                if read.root in FILE_ROOTS:
                    _check_value(read, scope)
                else:
                    _check_resource(read, shapes, gone, broken)


def _is_about(asked: Read, read: Read) -> bool:
    """Whether a `has` asks for the object or value that is read, or for something in it."""
    names = 2 if read.root == "existing" else 1
    return asked.root == read.root and asked.names[:names] == read.names[:names]


def _check_value(read: Read, scope: Mapping[str, Any]) -> None:
    """The first step from a root of the file; all fixed steps where another file defines them."""
    if read.root not in scope:
        raise out_of_scope(read.root, read.at)
    value = scope[read.root]
    for number, step in enumerate(read.steps, start=1):
        if (
            step.value is COMPUTED
            or not isinstance(value, Mapping)
            or (number > 1 and read.root not in ("components", "stacks"))
        ):
            return
        if step.value not in value:
            raise _not_there(read, number, value)
        value = value[step.value]


def _not_there(read: Read, steps: int, value: Mapping[str, Any]) -> ExpressionError:
    spelled = ".".join([read.root, *map(str, read.names[:steps])])
    none = (
        msg("the stack has no outputs; apply it again")
        if read.root == "stacks" and steps > 1
        else msg("the stack defines no `{section}`", section=read.root)
    )
    hint = hint_for(str(read.steps[steps - 1].value), [str(key) for key in value]) or none
    return ExpressionError(
        msg("`{name}` does not exist", name=spelled),
        offset=read.at,
        code="missing-reference",
        hint=hint,
    )


def out_of_scope(root: str, at: int | None = None) -> ExpressionError:
    """The error for a root that cannot be read where it stands."""
    reason = {
        "count": msg("`count.index` is known only in a resource with `count`"),
        "each": msg("`each.key` and `each.value` are known only in a resource with `for_each`"),
        "locals": msg("`locals` cannot be read here"),
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
    return ExpressionError(reason, offset=at, code="bad-reference")


def _check_resource(
    read: Read,
    shapes: Shapes,
    gone: Collection[tuple[str, str]],
    broken: Collection[tuple[str, str]],
) -> None:
    """The kind and the name of a resource, and the attributes read of it."""
    steps = list(read.steps)
    kind: Any = read.root
    if read.root == "existing":
        kind = steps.pop(0).value if steps else None
        if kind not in all_kinds().sections:
            hint = msg("name the kind and the object: existing.firewalls.office")
            raise ExpressionError(
                msg("the object of `existing` is not named"),
                offset=read.at,
                code="bad-reference",
                hint=hint,
            )
    section = f"existing.{kind}" if read.root == "existing" else kind
    name = steps.pop(0).value if steps else None
    if not isinstance(name, str):
        hint = msg("a resource must be named literally, not computed")
        raise ExpressionError(
            msg("name the resource: {section}.NAME", section=section),
            offset=read.at,
            code="bad-reference",
            hint=hint,
        )
    if (section, name) not in shapes:
        if (section, name) in gone and read.protected:
            return
        near: str = hint_for(name, [other for known, other in shapes if known == section]) or msg(
            "the stack defines no `{section}`", section=section
        )
        raise ExpressionError(
            msg("`{section}.{name}` does not exist", section=section, name=name),
            offset=read.at,
            code="missing-reference",
            hint=near,
        )
    if (section, name) not in broken:
        _check_attributes(
            read,
            Address(kind, name, existing=read.root == "existing"),
            steps,
            shapes[section, name],
        )


def _check_attributes(read: Read, address: Address, steps: list[PathStep], shape: Shape) -> None:
    if shape is not None and steps:
        first = steps.pop(0)
        if first.value is not COMPUTED and not read.protected and not _has(shape, first.value):
            error = no_such_index(address, shape, first.value)
            error.offset = read.at
            raise error
    asked = steps[:1] if steps or isinstance(shape, tuple) else list(read.fields)
    known = all_kinds()[address.kind].attributes
    for step in asked:
        if step.value is not COMPUTED and step.value not in known:
            message = msg(
                "{kind} have no attribute `{attribute}`", kind=address.kind, attribute=step.value
            )
            raise ExpressionError(
                message,
                offset=read.at,
                code="unknown-attribute",
                hint=hint_for(str(step.value), known),
            )


def _has(shape: int | tuple[str, ...], index: Any) -> bool:
    return index in (range(shape) if isinstance(shape, int) else shape)


def no_such_index(address: Address, shape: int | tuple[str, ...], index: Any) -> ExpressionError:
    """The error for an index or key that a resource does not have."""
    if isinstance(shape, tuple):
        hint = (
            "keys are " + ", ".join(f'"{key}"' for key in shape[:12])
            if shape
            else msg("its for_each is empty")
        )
        message = msg('`{address}["{index}"]` does not exist', address=address, index=index)
    elif isinstance(index, str):
        hint = (
            msg("write [0], or .map(x, x.name) for all of them") if shape else msg("its count is 0")
        )
        message = msg(
            "`{address}` has several objects (`count`): add an index before `{attribute}`",
            address=address,
            attribute=index,
        )
    else:
        hint = (
            msg("write [0], or .map(x, x.name) for all of them") if shape else msg("its count is 0")
        )
        message = msg(
            "`{address}[{index}]` does not exist: the resource has {number} objects",
            address=address,
            index=index,
            number=shape,
        )
    return ExpressionError(message, code="missing-reference", hint=hint)
