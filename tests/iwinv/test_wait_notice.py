"""A reading reports how far it is and what it waits for."""

from __future__ import annotations

from contextlib import suppress

from reconciler.iwinv.driver import ReadFailed
from reconciler.iwinv.refresh import read_account
from reconciler.model.events import Activity, QuotaWait, ReadProgress, RetryWait
from reconciler.model.ports import RefreshScope
from reconciler.simulator.edits import edit
from reconciler.simulator.faults import Fault
from tests.cloud_harness import CloudHarness

LISTS = RefreshScope(kinds=frozenset({"instances", "block_storages"}))


def reported_by(harness: CloudHarness, scope: RefreshScope = LISTS) -> list[Activity]:
    found: list[Activity] = []
    with suppress(ReadFailed):
        read_account(harness.exchange(), scope, harness.kinds, notify=found.append)
    return found


def test_a_reading_that_waits_for_the_quota_reports_how_long() -> None:
    # Goal: a minute of silence looks like a program that hangs.
    harness = CloudHarness()
    found = [activity for _ in range(32) for activity in reported_by(harness)]
    waits = [activity for activity in found if isinstance(activity, QuotaWait)]

    assert len(waits) == 1 and 1.5 < waits[0].seconds <= 60.0


def test_a_reading_without_an_answer_reports_that_it_retries() -> None:
    harness = CloudHarness(faults=(Fault("lost_before", method="GET"),))
    waits = [each for each in reported_by(harness) if isinstance(each, RetryWait)]

    assert [round(wait.seconds) for wait in waits] == [2, 4, 8]


def test_calls_done_and_expected_are_reported_after_each_answer() -> None:
    harness = CloudHarness()
    found = reported_by(harness)

    assert found == [ReadProgress(0, 2), ReadProgress(1, 2), ReadProgress(2, 2)]


def test_pages_are_expected_once_the_number_of_rows_is_known() -> None:
    harness = CloudHarness(switches={"page_size_cap": 2})
    for number in range(9):
        edit(harness.cloud.world, "create", "instance", f"server-{number}")
    found = [each for each in reported_by(harness) if isinstance(each, ReadProgress)]

    assert [each.done for each in found] == list(range(len(found)))
    assert all(each.done <= each.expected for each in found)
    assert found[0].expected == 2 and found[-1].done == found[-1].expected
    assert len({each.expected for each in found}) > 1


def test_members_are_expected_after_the_lists_that_name_the_firewalls() -> None:
    harness = CloudHarness()
    for number in range(3):
        edit(harness.cloud.world, "create", "firewall", f"wall-{number}")
    id = edit(harness.cloud.world, "create", "instance", "server")
    found = reported_by(
        harness, RefreshScope(kinds=frozenset({"instances"}), members_for=frozenset({id}))
    )

    assert all(each.done <= each.expected for each in found if isinstance(each, ReadProgress))
    assert found[0] == ReadProgress(0, 3) and found[-1] == ReadProgress(5, 5)
