"""Outputs as changes, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.resource import NoValue, Ref, Unknown
from reconciler.model.state import STALE
from reconciler.planner.steps.outputs import output_changes

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
        (
            "still not to be computed, for the same reason",
            {"a": NoValue("no tenth part")},
            {"a": (None, "no tenth part")},
            True,
            False,
        ),
        (
            "not to be computed any more",
            {"a": NoValue("no tenth part")},
            {"a": (1, None)},
            False,
            True,
        ),
        (
            "not to be computed for another reason",
            {"a": NoValue("no tenth part")},
            {"a": (None, "no address")},
            True,
            True,
        ),
        (
            "the same as before a run that was interrupted",
            {"a": 1},
            {"a": (1, STALE)},
            False,
            False,
        ),
        (
            "another than before a run that was interrupted",
            {"a": 2},
            {"a": (1, STALE)},
            False,
            True,
        ),
        ("stale, and known after apply", {"a": LATER}, {"a": (1, STALE)}, True, True),
        ("left out of the file", {}, {"a": (1, None)}, True, True),
    ],
)
def test_an_output_changes_if_its_value_will_differ(
    name: str,
    planned: dict[str, Any],
    kept: dict[str, tuple[Any, str | None]],
    steps: bool,
    changed: bool,
) -> None:
    assert bool(output_changes(planned, kept, steps=steps)) is changed, name
