"""A reading that has to wait says so."""

from __future__ import annotations

from pathlib import Path

from reconciler.iwinv.driver import ReadFailed
from reconciler.iwinv.refresh import read_account
from reconciler.model.resource import RefreshScope
from reconciler.simulator.faults import Fault
from tests.cloud_harness import CloudHarness

LISTS = RefreshScope(kinds=frozenset({"instances", "block_storages"}))


def told_by(harness: CloudHarness, reads: int) -> list[str]:
    told: list[str] = []
    for _ in range(reads):
        try:
            read_account(harness.exchange(), LISTS, harness.kinds, notify=told.append)
        except ReadFailed as failure:
            told.append(str(failure))
    return told


def test_a_reading_that_waits_for_the_quota_reports_how_long(tmp_path: Path) -> None:
    # Goal: a minute without a word looks like a program that hangs.
    assert told_by(CloudHarness(), 30) == []
    harness = CloudHarness()
    assert told_by(harness, 32)[0].startswith(
        "the request quota is used up: sending the next request in "
    )


def test_a_reading_without_an_answer_reports_that_it_retries(tmp_path: Path) -> None:
    # Goal: once, however often it asks.
    harness = CloudHarness(faults=(Fault("lost_before", method="GET"),))
    said = told_by(harness, 1)
    assert (
        said[0] == "no usable answer yet: asking again in 2 s"
        and "failed" in said[-1]
        and len(said) == 2
    )
