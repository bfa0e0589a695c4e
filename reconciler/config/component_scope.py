"""The resources of a component under the name of its include, which becomes a prefix of every key
and of every reference.

`instances.web` of a component that is included as `shop` is `instances.shop_web` of the stack, an
address like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.config import expression
from reconciler.config.cel_syntax import ExpressionError
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.resources import all_kinds

_REFERENCE = re.compile(
    r"(?:(?P<existing>existing\.)?(?P<kind>[a-z_]+)\.)?(?P<name>[a-z][a-z0-9_]*)"
)

Keys = Mapping[str, frozenset[str]]
"""The keys that a component defines, by kind. Existing objects have the kind `existing.<kind>`."""


def keys_of(root: Table) -> dict[str, frozenset[str]]:
    """The keys that a component defines."""
    found = {kind: _keys(root.get(kind)) for kind in all_kinds().sections}
    existing = root.get("existing")
    found.update(
        {
            f"existing.{kind}": _keys(existing.get(kind) if isinstance(existing, Table) else None)
            for kind in all_kinds().sections
        }
    )
    return found


def _keys(section: Node | None) -> frozenset[str]:
    return frozenset(section.entries) if isinstance(section, Table) else frozenset()


def renamed(root: Table, prefix: str) -> Table:
    """The sections of a component, with the prefix in all keys and references. Places do not
    change.
    """
    keys = keys_of(root)
    entries: dict[str, Node] = {}
    for name, node in root.entries.items():
        if name == "existing" and isinstance(node, Table):
            kinds = {
                kind: _prefixed(section, prefix) if isinstance(section, Table) else section
                for kind, section in node.entries.items()
            }
            entries[name] = node._replace(entries=kinds)
        elif name in all_kinds().sections and isinstance(node, Table):
            entries[name] = _prefixed(_inside(node, keys, prefix, None), prefix)
        else:
            entries[name] = _inside(node, keys, prefix, None)
    return root._replace(entries=entries)


def _prefixed(section: Node, prefix: str) -> Node:
    if not isinstance(section, Table):
        return section
    return section._replace(
        entries={f"{prefix}_{key}": node for key, node in section.entries.items()}
    )


def _inside(node: Node, keys: Keys, prefix: str, kind: str | None) -> Node:
    """A node with its references renamed. `kind` is the kind that a text refers to, None if it is
    not a reference.
    """
    if isinstance(node, Scalar):
        return _scalar(node, keys, prefix, kind) if isinstance(node.value, str) else node
    if isinstance(node, Sequence):
        return node._replace(items=tuple(_inside(item, keys, prefix, kind) for item in node.items))
    return node._replace(
        entries={
            key: _inside(value, keys, prefix, _kind(key)) for key, value in node.entries.items()
        }
    )


def _kind(key: str) -> str | None:
    return "" if key == "depends_on" else all_kinds().links.get(key)


def _scalar(node: Scalar, keys: Keys, prefix: str, kind: str | None) -> Scalar:
    places = list(_in_expressions(node.text, keys)) if "${" in node.text else []
    if kind is not None and (at := _reference(node.text, keys, kind)) is not None:
        places.append(at)
    if not places:
        return node
    text = node.text
    for at in sorted(places, reverse=True):
        text = f"{text[:at]}{prefix}_{text[at:]}"
    return node._replace(value=text, text=text)


def _reference(text: str, keys: Keys, kind: str) -> int | None:
    """The offset of the name in a key or address of the component's own. None if it is not one."""
    found = _REFERENCE.match(text)
    if found is None:
        return None
    section = f"{found['existing'] or ''}{found['kind'] or kind}"
    return found.start("name") if found["name"] in keys.get(section, frozenset()) else None


def _in_expressions(text: str, keys: Keys) -> Iterator[int]:
    """The offsets of the names of the component's own resources in the expressions of a text."""
    try:
        template = expression.parse(text)
    except ExpressionError:
        return  # reported when the text is read
    for one in template.expressions:
        for read in one.reads:
            steps = read.steps[1:] if read.root == "existing" else read.steps
            section = (
                f"existing.{read.names[0]}" if read.root == "existing" and read.steps else read.root
            )
            if steps and steps[0].value in keys.get(section, frozenset()):
                yield one.offset + steps[0].at
