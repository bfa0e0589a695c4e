"""References by key: `firewall: web`, `instance: web[0]`, `depends_on: [instances.web]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.text import msg
from reconciler.config.build_context import INVALID, BuildContext, Cardinality, Invalid
from reconciler.config.references import has
from reconciler.model import address as addresses
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place
from reconciler.model.resource import Link

NONE = "none"
"""The reserved key that means no object, as in `instance: none`."""


def inside(ctx: BuildContext, kind: str, text: str, scope: Mapping[str, Any]) -> str:
    """The key or address that an expression gives, with the name of the include if it is one of the
    component's own. What a component writes out was renamed when it was read.
    """
    include = scope.get("component")
    found = addresses.typed(text) or addresses.typed(f"{kind}.{text}")
    if include is None or found is None:
        return text
    section = f"existing.{found.kind}" if found.existing else found.kind
    own = f"{include['name']}_{found.name}"
    is_own = (section, own) in {*ctx.cardinalities.known, *ctx.cardinalities.left_out}
    return str(replace(found, name=own)) if is_own else text


def link(ctx: BuildContext, kind: str, text: str, place: Place | None) -> Link | Invalid | None:
    """The one object that a key or address names, None for `none`, `INVALID` after a report."""
    if text == NONE:
        return None
    found = addresses.typed(text) or addresses.typed(f"{kind}.{text}")
    hint: str | None = None
    if found is None or found.rule is not None:
        message = msg("`{name}` is not one of the `{kind}`", name=text[:60], kind=kind)
        hint = msg(
            "write a key of `{kind}` (web, web[0]), existing.{kind}.NAME, or none", kind=kind
        )
    elif found.kind != kind:
        message = msg(
            "`{name}` is one of the `{found_kind}`, but one of the `{kind}` is needed",
            name=text[:60],
            found_kind=found.kind,
            kind=kind,
        )
    elif not exists(ctx, found, place):
        return INVALID
    else:
        shape = None if found.existing else ctx.cardinalities.known[found.kind, found.name]
        if shape is None or found.index is not None:
            return Link(found)
        message = msg("`{name}` has several objects; name one of them", name=found)
        hint = _choices(found.name, shape)
    return ctx.report("bad-reference", message, place, hint=hint)


def depends_on(ctx: BuildContext, text: str, place: Place | None) -> Address | None:
    """The address that an entry of `depends_on` names. None if it has no objects because of its
    `when`, `count` or `for_each`, or after a report.
    """
    found = addresses.parse(text)
    if found is None or found.existing:
        hint = msg(
            "write an address of this stack: instances.web, instances.web[0], "
            "firewalls.web.rules.https"
        )
        message = msg("`{name}` is not an address of this stack", name=text[:60])
        ctx.report("bad-reference", message, place, hint=hint)
        return None
    name = (found.kind, found.name)
    if name in ctx.cardinalities.left_out or ctx.cardinalities.known.get(name, 1) in (0, ()):
        return None
    return found if exists(ctx, found, place) else None


def exists(ctx: BuildContext, wanted: Address, place: Place | None) -> bool:
    """Whether the stack defines an address, which is reported if not. The keys of rules are checked
    elsewhere.
    """
    section = f"existing.{wanted.kind}" if wanted.existing else wanted.kind
    if (section, wanted.name) not in ctx.cardinalities.known:
        failure = ctx.cardinalities.missing(section, wanted.name)
        if failure.code:
            ctx.report(failure.code, failure.message, place, hint=failure.hint)
        return False
    shape = ctx.cardinalities.known[section, wanted.name]
    if (
        (section, wanted.name) in ctx.cardinalities.broken
        or wanted.index is None
        or (shape is not None and has(shape, wanted.index))
    ):
        return True
    message = msg("`{address}` does not exist", address=wanted.owner)
    ctx.report("missing-reference", message, place, hint=_choices(wanted.name, shape))
    return False


def _choices(name: str, shape: Cardinality) -> str:
    if shape is None:
        return msg("`{name}` is a single object: write it without an index", name=name)
    keys = (
        [f"[{n}]" for n in range(min(shape, 12))]
        if isinstance(shape, int)
        else [f'["{key}"]' for key in shape[:12]]
    )
    if not keys:
        return msg("`{name}` has no objects: its count or for_each is empty", name=name)
    return msg("use one of {names}", names=", ".join(name + key for key in keys))
