"""What the file says is to be kept stays in the account, whichever command comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cloud_harness import CloudHarness
from tests.scenarios.test_second_look import id_of
from tests.scenarios.test_when_things_go_wrong import HEAD


def test_a_destroy_forgets_what_the_file_keeps_although_no_apply_has_done_so_yet(
    tmp_path: Path,
) -> None:
    # Goal: "forget, do not destroy" is said of the server, not of one command
    # (stack-files#moved-and-removed).
    harness = CloudHarness()
    assert (
        harness.apply(harness.stack(HEAD + "instances:\n  a: {}\n  b: {}\n", tmp_path)).exit_code
        == 0
    )
    a = id_of(harness, "instances.a")
    stack = harness.stack(
        HEAD + "instances:\n  b: {}\nremoved: [{from: instances.a, keep: true}]\n", tmp_path
    )
    assert harness.apply(stack, destroy=True).exit_code == 0
    assert (
        harness.state is not None
        and harness.state.entries == {}
        and list(harness.cloud.snapshot().instances) == [a]
    )


KEEP = "removed: [{from: instances.w, keep: true}]\n"


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        (KEEP, {}),
        ("  w: {flavor: std_4.8-g1, lifecycle: {resize: stop_first, protect: [resize]}}\n", {}),
        (
            "  w: {flavor: std_4.8-g1, lifecycle: {resize: stop_first}}\n",
            {"only": ("instances.k",)},
        ),
    ],
    ids=["forgotten", "protected by now", "left out of the plan"],
)
def test_a_server_that_was_stopped_and_is_not_started_is_named(
    lines: str, options: dict[str, Any], tmp_path: Path
) -> None:
    # Goal: an interrupt between stop and start said that the next apply starts it; one that does
    # not says so.
    harness, text = (
        CloudHarness(),
        HEAD + "instances:\n  k: {}\n  w: {lifecycle: {resize: stop_first}}\n",
    )
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    since = len(harness.sends)
    harness.interrupted = lambda: any(
        request.path.endswith("/shutdown") for _, request in harness.sends[since:]
    )
    resized = harness.stack(text.replace("w: {", "w: {flavor: std_4.8-g1, "), tmp_path)
    result = harness.apply(resized)
    assert result.exit_code == 130 and "instances.w is powered off" in result.problems[0].message
    harness.interrupted = lambda: False
    harness.clock.advance(60)
    plan = harness.plan(harness.stack(HEAD + "instances:\n  k: {}\n" + lines, tmp_path), **options)
    assert [problem.address for problem in plan.problems if problem.code == "stays-off"] == [
        "instances.w"
    ]
    assert "stays-off" not in [problem.code for problem in harness.plan(resized).problems]
