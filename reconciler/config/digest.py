"""The digest of a stack. Equal meaning gives an equal digest, whatever the order of keys and files,
the comments and the anchors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.common import json_text
from reconciler.common.json_codec import Codec, Form
from reconciler.config.references import Unavailable
from reconciler.model.address import Address
from reconciler.model.resource import Deferred, Lifecycle, Link, Lookup, Resource, Stack, Unknown


def signed(stack: Stack) -> Stack:
    """The stack with its digest."""
    return replace(stack, digest=digest(stack))


def digest(stack: Stack) -> str:
    """The hex SHA-256 over what a stack means: places and spelling are left out."""
    return json_text.checksum(_CODEC.encode(stack))


def _deferred(value: Deferred) -> Any:
    """A deferred value with those names of its scope that its text may read."""
    roots = ["locals", "components", "stacks"]
    roots += ["component", "vars"] if "component" in value.scope else []
    read = {root: value.scope[root] for root in roots if root in value.text and root in value.scope}
    return _CODEC.encode([value.text, value.references, read])


_CODEC = Codec(
    values={"link": Link, "lookup": Lookup, "unknown": Unknown, "deferred": Deferred},
    forms={
        Address: Form(str),
        Link: Form(str),
        Deferred: Form(_deferred),
        # its mistake is reported, and nothing is planned
        Unavailable: Form(lambda value: None),
    },
    sparse=(Stack, Resource, Lifecycle),
    without=(
        "place",
        "places",
        "cardinalities",
        "environments",
        "emptied",
        "retired",
        "past",
        "digest",
    ),
)
