"""`assert` of stacks, components and resources: conditions that the author checks, with a message
(stack-files#checks).

A check whose value the file determines is decided here. One that reads attributes of resources is
kept for the plan and for the end of the steps (`Stack.checks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.config import expand, expression
from reconciler.config.build_context import BuildContext, Invalid, waited_for
from reconciler.config.document import Node, Sequence, Table
from reconciler.config.document import table as entries_of
from reconciler.config.expression import Attributes, ExpressionError
from reconciler.config.functions import described
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Assertion, Deferred, Stack, Unknown
from reconciler.resources import all_kinds

SELF = "self"
"""The name of the object in the checks of a resource."""

CODE = "assert"


def of_file(ctx: BuildContext, root: Table) -> Iterator[Assertion]:
    """The checks of a file and of its resources that are left to decide."""
    yield from of(ctx, root.get("assert"), ctx.scope)
    for kind in all_kinds().build_order:
        for name, node in entries_of(root.get(kind)).items():
            written = entries_of(node).get("assert")
            if written is not None and (kind, name) in ctx.cardinalities.each:
                for address, scope in expand.objects(ctx, Address(kind, name)):
                    yield from of(ctx, written, scope, address)


def of(
    ctx: BuildContext, node: Node | None, scope: Mapping[str, Any], address: Address | None = None
) -> Iterator[Assertion]:
    """The checks of a section that are left to decide, for one object if there is an address.
    Reports those that fail.
    """
    names = scope if address is None else {**scope, SELF: address}
    for item in node.items if isinstance(node, Sequence) else ():
        members = entries_of(item)
        if "check" not in members or "message" not in members:
            continue  # reported by the schema
        value = ctx.value(members["check"], names)
        message = ctx.value(members["message"], names)
        if isinstance(value, Invalid) or isinstance(message, Invalid):
            continue
        check = Assertion(value, message, address, members["check"].place)
        if waited_for(value):
            yield check
        elif not isinstance(value, bool):
            ctx.report(CODE, _not_boolean(value), check.place, address=address)
        elif not value:
            ctx.problems.append(_failed(check, None if waited_for(message) else message))


def violation(check: Assertion, stack: Stack, attributes: Attributes) -> Problem | None:
    """The problem if a check does not hold, or cannot be computed. None if it holds, or if what it
    reads is not known yet.
    """
    try:
        value = expression.resolve_value(check.value, stack, attributes)
    except ExpressionError as failure:
        return error(
            failure.code or CODE,
            msg("the check cannot be computed: {reason}", reason=failure),
            place=check.place,
            address=None if check.address is None else str(check.address),
            hint=failure.hint,
        )
    if isinstance(value, Unknown) or value is True:
        return None
    if value is not False:
        return _failed(check, _not_boolean(value))
    try:
        message: Any = expression.resolve_value(check.message, stack, attributes)
    except ExpressionError:
        message = None
    return _failed(check, None if isinstance(message, Unknown) else message)


def _failed(check: Assertion, message: Any) -> Problem:
    if not message:
        message = msg("the condition is false")
        if isinstance(check.value, Deferred):
            message = msg("{check} is false", check=check.value.text)
    text = msg("check failed: {message}", message=message)
    if check.address is not None:
        text = msg("{address}: check failed: {message}", address=check.address, message=message)
    address = None if check.address is None else str(check.address)
    return error(CODE, text, place=check.place, address=address, hint=_way_out(check))


def _way_out(check: Assertion) -> str | None:
    """What to do if the condition is right and the object is not."""
    if check.address is None or not isinstance(check.value, Deferred):
        return None
    return msg(
        "correct the condition or what it reads; to replace the object, add --replace {address}",
        address=suggestions.pasted(str(check.address)),
    )


def _not_boolean(value: Any) -> str:
    return msg("`check` must be true or false, not {found}", found=described(value))
