"""Outputs as changes, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.model import Ref, Unknown
from reconciler.core.output_changes import output_changes

LATER = Unknown((Ref(Address("instances", "web"), "public_ip"),))


@pytest.mark.parametrize(
    ("name", "planned", "kept", "steps", "changed"),
    [
        ("new", {"a": 1}, {}, False, True),
        ("the same", {"a": (1, 2)}, {"a": ([1, 2], None)}, False, False),
        ("another value", {"a": 2}, {"a": (1, None)}, False, True),
        ("computed at last", {"a": 1}, {"a": (None, "no address")}, False, True),
        ("null is a value", {"a": None}, {"a": (None, None)}, False, False),
        ("known after apply", {"a": LATER}, {"a": (1, None)}, True, True),
        ("known after an apply that sends nothing", {"a": LATER}, {"a": (1, None)}, False, False),
        ("never known", {"a": LATER}, {"a": (None, "no address")}, True, False),
        ("left out of the file", {}, {"a": (1, None)}, True, True),
    ],
)
def test_an_output_changes_where_its_value_will_be_another(
    name: str, planned: dict[str, Any], kept: dict[str, tuple[Any, str | None]], steps: bool, changed: bool
) -> None:
    assert bool(output_changes(planned, kept, steps=steps)) is changed, name
