"""Invariant 12 in short: a fixed number of inputs for each of the six decoders; `python -m
tests.fuzz` looks longer.
"""

from __future__ import annotations

import pytest

from tests.fuzz.guided import fuzz
from tests.fuzz.seeds import all_targets
from tests.fuzz.targets import Target

INPUTS = {"stack": 60, "state": 500, "journal": 500, "plan": 300, "answer": 400, "arguments": 60}


FOUND = [
    ("plan", b'{"kind":"reconciler-plan","format":4,"made":NaN}', "a number that is none"),
    ("plan", b'{"kind":"reconciler-plan","format":4,"made":1e999}', "a number without end"),
    (
        "stack",
        b"stack: app\nstacks: {network: {path:: ../n}}\ninstances: {app: {}}\n"
        b'outputs:\n  x: {value: "{stacks.network.outputs.y} ${instances.app.private_ip}"}\n',
        "another stack that cannot be read, in the scope of an output",
    ),
]
"""Inputs that a decoder once did not end well on."""


@pytest.mark.parametrize(("name", "data", "why"), FOUND, ids=[row[2] for row in FOUND])
def test_what_was_found_once_ends_well(name: str, data: bytes, why: str) -> None:
    (target,) = [each for each in all_targets() if each.name == name]
    target.run(data)


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_any_bytes_end_well_or_with_a_documented_refusal(target: Target) -> None:
    report = fuzz(target, seed=1, until=lambda so_far: so_far.tried >= INPUTS[target.name])
    assert not report.finds, report.finds[0]
    assert len(report.lines) > 30, "the inputs reach the decoder"
