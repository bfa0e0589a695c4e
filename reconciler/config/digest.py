"""The digest of a stack. Equal meaning gives an equal digest, whatever the order of keys and files,
the comments and the anchors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.config.references import Unavailable
from reconciler.model.resource import (
    Deferred,
    Lifecycle,
    Link,
    Lookup,
    Resource,
    Stack,
    Unknown,
    Value,
)


def signed(stack: Stack) -> Stack:
    """The stack with its digest."""
    return replace(stack, digest=digest(stack))


def digest(stack: Stack) -> str:
    """The hex SHA-256 of the meaning of a stack, without places and spelling."""
    whole = {
        "name": stack.name,
        "environment": stack.environment,
        "resources": [_resource(resource) for resource in stack.resources.values()],
        "existing": [
            [str(found.address), found.by, found.value] for found in stack.existing.values()
        ],
        "outputs": [
            [output.name, _value(output.value), output.description] for output in stack.outputs
        ],
        "variables": _value(stack.variables),
        "accept": list(stack.accept),
        "prices": dict(stack.prices),
    }
    # A stack without a guard keeps the digest from before guards existed.
    if stack.guard is not None:
        whole["guard"] = [
            list(stack.guard.admin),
            list(stack.guard.ports),
            [str(address) for address in stack.guard.instances],
        ]
    if stack.moved:
        whole["moved"] = [[str(move.source), str(move.target)] for move in stack.moved]
    if stack.removed:
        whole["removed"] = [[str(removal.address), removal.keep] for removal in stack.removed]
    return hashlib.sha256(
        json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).hexdigest()


def _resource(resource: Resource) -> list[Any]:
    return [
        str(resource.address),
        _value(resource.attributes),
        _value(resource.at_create),
        _lifecycle(resource.lifecycle) if resource.lifecycle is not _PLAIN else None,
        [str(address) for address in resource.depends_on],
        resource.import_id,
    ]


_PLAIN = Lifecycle()


def _lifecycle(life: Lifecycle) -> list[Any] | None:
    if life == _PLAIN:
        return None
    protect = None if life.protect is None else list(life.protect)
    return [
        protect,
        list(life.ignore),
        life.on_image_change,
        life.resize,
        life.replace,
        life.retain,
        life.marker,
    ]


_PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})


def _value(value: Value) -> Any:
    """JSON in which different values differ: every value that is not plain has a tag."""
    if type(value) in _PLAIN_TYPES or isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Link):
        return {"$link": str(value)}
    if isinstance(value, Lookup):
        return {"$lookup": [value.catalogue, value.key]}
    if isinstance(value, Deferred):
        read = value.scope.get("locals", {}) if "locals" in value.text else {}
        inner = {name: _value(read[name]) for name in sorted(read)}
        found = {
            "$text": value.text,
            "$reads": [str(ref) for ref in value.references],
            "$locals": inner,
        }
        roots = (
            ("components", "stacks")
            if "component" not in value.scope
            else ("component", "vars", "components", "stacks")
        )
        found.update(
            {
                f"${root}": _value(value.scope[root])
                for root in roots
                if root in value.scope and root in value.text
            }
        )
        return found
    if isinstance(value, Unknown):
        return {"$unknown": [str(ref) for ref in value.source]}
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if isinstance(value, Unavailable):
        return {"$unavailable": None}  # the stack has mistakes, which are reported
    assert isinstance(value, Mapping)
    return {str(key): _value(value[key]) for key in sorted(value)}
