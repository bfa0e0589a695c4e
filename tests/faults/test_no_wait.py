"""Runs with `--no-wait` alone, as CI has them: what one of them cannot prove the next one does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model.diagnostics import Severity
from reconciler.model.exit_codes import DECIDE, DONE
from reconciler.model.resource import Stack
from tests import extent
from tests.cloud_harness import said
from tests.faults import checks, faults, harness, space
from tests.faults.bench import Bench
from tests.faults.faults import Break

STORIES = (
    "a volume",
    "three servers",
    "a firewall",
    "a resize that stops first",
    "one server less",
    "a replacement with a volume",
    "a replacement that deletes first",
    "destroy",
    "moved before the next run",
    "counted before the next run",
    "left out before the next run",
)

FAULTS = (
    *faults.KILLS,
    "never arrives",
    "answer lost",
    "never arrives, killed",
    "executed 100 s late",
    faults.INTERRUPT,
)


def breaks_of(name: str) -> list[Break]:
    """Every write of a story with every fault."""
    writes = [boundary for boundary in space.calm_of(name).boundaries if boundary.is_write]
    return [Break(boundary, fault) for boundary in writes for fault in FAULTS]


@cache
def suite() -> Mapping[str, tuple[Break, ...]]:
    """Those that are tried without `FULL=1`."""
    return space.of_each_pair({name: breaks_of(name) for name in STORIES})


@pytest.mark.parametrize("name", STORIES)
def test_runs_that_do_not_wait_end_like_the_undisturbed_run(name: str) -> None:
    calm = space.calm_of(name)
    every = breaks_of(name) if extent.FULL else suite()[name]
    trials = [harness.chain(calm, one) for one in every]
    failed = [f"{trial}: {violation}" for trial in trials for violation in trial.violations]
    assert not failed, f"{len(failed)} of {len(trials)}:\n" + "\n".join(failed[:8])
    assert all(trial.struck for trial in trials)


def deleted(name: str, *, seconds: float) -> tuple[Bench, Stack]:
    """A story whose run was killed when the answer to its first delete of a server came, and that
    many seconds later.
    """
    calm = space.calm_of(name)
    boundary = next(one for one in calm.boundaries if one.what == "DELETE /v1/instances/*")
    bench = harness.start(calm.story, calm.saved, calm.nonces)
    bench.run(calm.stack, armed=Break(boundary, faults.KILLS[2]), destroy=calm.story.destroy)
    bench.clock.advance(seconds)
    return bench, calm.stack


@pytest.mark.parametrize("name", ["one server less", "a replacement with a volume"])
def test_the_read_of_the_next_run_is_the_second_proof(name: str) -> None:
    bench, stack = deleted(name, seconds=60)
    ended = bench.run(stack, wait=False)
    errors = {problem for problem in ended.problems if problem.severity is Severity.ERROR}
    assert (ended.exit_code, len(errors)) == (DECIDE, 1), said(tuple(errors))
    assert bench.run(stack, wait=False).exit_code == DECIDE, "less than 10 s later"
    bench.clock.advance(ABSENCE_SECONDS)
    assert bench.run(stack, wait=False).exit_code == DONE
    state = bench.state
    assert state is not None and not state.open and not state.deposed and not state.missing_since


def test_an_operator_may_confirm_absence_after_the_first_read() -> None:
    bench, stack = deleted("a replacement that deletes first", seconds=60)
    assert bench.run(stack, wait=False).exit_code == DECIDE
    ended = bench.run(stack, wait=False, gone=("instances.db",))
    assert ended.exit_code == DONE, said(ended.problems)
    assert len([id for id in checks.ours(bench) if id in bench.cloud.world.instances]) == 1
