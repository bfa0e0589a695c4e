"""References by name: `firewall: web`, `instance: web[0]`, `depends_on: [instances.web]`."""

from __future__ import annotations

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.build_context import INVALID, BuildContext, Invalid, Shape
from reconciler.model import address as addresses
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place
from reconciler.model.resource import Link

NONE = "none"
"""The reserved name for no object: detach."""


def link(ctx: BuildContext, kind: str, text: str, place: Place | None) -> Link | Invalid | None:
    """The one object that a key or address names, None for `none`. Tells of one that does not
    exist.
    """
    if text == NONE:
        return None
    found = addresses.parse(text) or addresses.parse(f"{kind}.{text}")
    if found is None or found.rule is not None:
        hint = msg(
            "write a key of `{kind}` (web, web[0]), existing.{kind}.NAME, or none", kind=kind
        )
        return ctx.report(
            "bad-reference",
            msg("`{name}` is not one of the `{kind}`", name=text[:60], kind=kind),
            place,
            hint=hint,
        )
    if found.kind != kind:
        return ctx.report(
            "bad-reference",
            msg(
                "`{name}` is one of the `{found_kind}`, but one of the `{kind}` is needed",
                name=text[:60],
                found_kind=found.kind,
                kind=kind,
            ),
            place,
        )
    if not exists(ctx, found, place):
        return INVALID
    shape = None if found.existing else ctx.shapes[found.kind, found.name]
    if shape is not None and found.index is None:
        return ctx.report(
            "bad-reference",
            msg("`{name}` has several objects; name one of them", name=found),
            place,
            hint=_choices(found.name, shape),
        )
    return Link(found)


def depends_on(ctx: BuildContext, text: str, place: Place | None) -> Address | None:
    """The address that an entry of `depends_on` names, or None with a problem."""
    found = addresses.parse(text)
    if found is None or found.existing:
        hint = msg(
            "write an address of this stack: instances.web, instances.web[0], "
            "firewalls.web.rules.https"
        )
        ctx.report(
            "bad-reference",
            msg("`{name}` is not an address of this stack", name=text[:60]),
            place,
            hint=hint,
        )
        return None
    return found if exists(ctx, found, place) else None


def exists(ctx: BuildContext, wanted: Address, place: Place | None) -> bool:
    """Whether the stack defines an address; tells where it does not. (The keys of rules are not
    looked at here.)
    """
    section = f"existing.{wanted.kind}" if wanted.existing else wanted.kind
    if (wanted.kind, wanted.name) in ctx.gone and not wanted.existing:
        ctx.report(
            "missing-reference",
            msg("`{section}.{name}` is left out by its `when`", section=section, name=wanted.name),
            place,
        )
        return False
    if (section, wanted.name) not in ctx.shapes:
        known = [name for kind, name in (*ctx.shapes, *ctx.gone) if kind == section]
        hint = hint_for(wanted.name, known) or msg(
            "the stack defines no `{section}`", section=section
        )
        ctx.report(
            "missing-reference",
            msg("`{section}.{name}` does not exist", section=section, name=wanted.name),
            place,
            hint=hint,
        )
        return False
    shape = ctx.shapes[section, wanted.name]
    if (section, wanted.name) in ctx.broken:
        return True
    if wanted.index is None or (shape is not None and _has(shape, wanted.index)):
        return True
    ctx.report(
        "missing-reference",
        msg("`{address}` does not exist", address=wanted.owner),
        place,
        hint=_choices(wanted.name, shape),
    )
    return False


def _has(shape: int | tuple[str, ...], index: int | str) -> bool:
    if isinstance(shape, int):
        return isinstance(index, int) and index < shape
    return index in shape


def _choices(name: str, shape: Shape) -> str:
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
