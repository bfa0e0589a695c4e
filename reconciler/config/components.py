"""Components: files with parameters that a stack includes under a name, any number of times. A
component sees nothing of the stack but its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import component_scope, locals_, variables
from reconciler.config.build_context import BuildContext, Invalid, waited_for
from reconciler.config.document import Document, Node, Table, is_section
from reconciler.config.document import table as entries_of
from reconciler.config.references import UNAVAILABLE
from reconciler.model.diagnostics import Place
from reconciler.model.resource import Deferred
from reconciler.resources import all_kinds

KEY_LENGTH_MAX = 24
"""The maximum length of a resource's key, with the name of the include (stack-files#addresses)."""


@dataclass(slots=True)
class Include:
    """One use of a component. `root` are its sections under the name of the include, `given` the
    values from `with` (None if it is not a mapping, which is reported), `scope` the names that its
    texts can read.
    """

    name: str
    place: Place
    root: Table
    given: Mapping[str, Node] | None
    scope: Mapping[str, Any] = field(default_factory=dict)


def includes(ctx: BuildContext, document: Document) -> tuple[Include, ...]:
    """The includes of a stack, each after those whose outputs it uses. Reports keys that are too
    long or defined twice.
    """
    section = document.root.get("components")
    if not isinstance(section, Table):
        return ()
    found: dict[str, Include] = {}
    taken = {
        (kind, key): place
        for kind in all_kinds().sections
        for key, place in _keys(document.root.get(kind))
    }
    for name, place, node in section.keyed():
        root = document.parts.get(name)
        if root is None:
            continue  # reported when the file was read
        given = entries_of(node).get("with")
        include = Include(
            name,
            place,
            component_scope.renamed(root, name),
            entries_of(given) if is_section(given) else None,
        )
        for kind in all_kinds().sections:
            for key, at in _keys(include.root.get(kind)):
                _check_key(ctx, kind, key, at, taken)
        found[name] = include
    needs = {
        name: {
            other
            for node in (include.given or {}).values()
            for other in _reads(node)
            if other in found
        }
        for name, include in found.items()
    }
    places = {name: include.place for name, include in found.items()}
    ordered = locals_.in_order(ctx, "components", needs, places)
    return tuple(found[name] for name in dict.fromkeys((*ordered, *found)))


def keys(document: Document) -> dict[str, frozenset[tuple[str, str]]]:
    """The kinds and keys of the resources of each include, without the name of the include."""
    kinds = all_kinds().sections
    return {
        name: frozenset((kind, key) for kind in kinds for key in entries_of(part.get(kind)))
        for name, part in document.parts.items()
    }


def _keys(section: Node | None) -> Iterator[tuple[str, Place]]:
    if isinstance(section, Table):
        yield from ((key, place) for key, place, _ in section.keyed())


def _check_key(
    ctx: BuildContext, kind: str, key: str, place: Place, taken: dict[tuple[str, str], Place]
) -> None:
    if len(key) > KEY_LENGTH_MAX:
        message = msg(
            "`{kind}.{key}` has {length} characters with the include's name; the maximum "
            "is {limit}",
            kind=kind,
            key=key,
            length=len(key),
            limit=KEY_LENGTH_MAX,
        )
        ctx.report("bad-length", message, place, hint=msg("give the include a shorter name"))
    first = taken.setdefault((kind, key), place)
    if first != place:
        ctx.report(
            "yaml-duplicate-key",
            msg("`{kind}.{key}` is already defined at {first}", kind=kind, key=key, first=first),
            place,
            hint=msg("give the include another name"),
        )


def _reads(node: Node) -> Iterator[str]:
    for read in locals_.reads(node):
        if read.root == "components" and read.steps and isinstance(read.names[0], str):
            yield read.names[0]


def enter(ctx: BuildContext, include: Include, *, late: bool) -> None:
    """Sets the scope of an include: parameters from `with`, then its own locals.

    This is done twice, as with locals: before the cardinalities are known, values that read
    resources remain unread.
    """
    keep = ctx.problems
    if not late:
        ctx.problems = list(keep)
    params = dict(_parameters(ctx, include, late=late))
    ctx.problems = keep
    own = {
        "vars": params if is_section(include.root.get("parameters")) else UNAVAILABLE,
        "locals": {},
        "env": ctx.scope["env"],
        "stack": ctx.scope["stack"],
        "component": {"name": include.name},
    }
    with ctx.inside(own):
        locals_.evaluate(ctx, include.root, late=late)
        include.scope = ctx.scope


def _parameters(ctx: BuildContext, include: Include, *, late: bool) -> Iterator[tuple[str, Any]]:
    declared = include.root.get("parameters")
    known = entries_of(declared)
    for name in include.given or () if is_section(declared) else ():
        if name not in known and include.given is not None:
            place = include.given[name].place
            ctx.problems.append(
                variables.unknown(name, known, place, what=msg("the component has no parameter"))
            )
    for name, place, declaration in declared.keyed() if isinstance(declared, Table) else ():
        value: Any = UNAVAILABLE
        if include.given is not None:
            value = _given(ctx, include.given.get(name), late=late)
        value, problems = variables.parameter(
            name, declaration, value, place=place, include=include.place
        )
        ctx.problems.extend(problems)
        yield name, value


def _given(ctx: BuildContext, node: Node | None, *, late: bool) -> Any:
    """The value from `with`: a node if it contains no expression, else its value, and None if there
    is none.
    """
    if node is None:
        return None
    if not any(True for _ in locals_.texts(node)):
        return node
    value: Any = ctx.value(node, ctx.scope)
    if isinstance(value, Invalid):
        return UNAVAILABLE
    return (
        value
        if isinstance(value, Deferred) or waited_for(value)
        else variables.Computed(value, node.place)
    )


def outputs(ctx: BuildContext, include: Include) -> Mapping[str, Any]:
    """The value of each output of an include, perhaps deferred."""
    found: dict[str, Any] = {}
    with ctx.inside(include.scope):
        for name, node in entries_of(include.root.get("outputs")).items():
            members = entries_of(node)
            value: Any = (
                ctx.value(members["value"], ctx.scope) if "value" in members else UNAVAILABLE
            )
            found[name] = UNAVAILABLE if isinstance(value, Invalid) else value
    return found
