"""A single object becomes one of a `for_each` or `count` by a line of `moved`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_harness import CloudHarness, shown
from tests.scenarios.test_proof_of_deletion import HEAD


@pytest.mark.parametrize(("many", "index"), [("for_each: [a, b]", '["a"]'), ("count: 2", "[1]")])
def test_a_single_object_moves_to_an_index(tmp_path: Path, many: str, index: str) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(HEAD + "  web: {}\n", tmp_path)).exit_code == 0
    line = f"moved:\n  - {{from: instances.web, to: 'instances.web{index}'}}\n"
    plan = harness.plan(harness.stack(f"{HEAD}  web: {{{many}}}\n{line}", tmp_path))
    assert f"move instances.web{index}" in shown(plan) and len(shown(plan)) == 2
