"""Lists of several pages, from which rows leave while they are read (decisions/proof-of-deletion)."""

from __future__ import annotations

import pytest

from reconciler.model.resource import LiveResource
from reconciler.schedule.list_poller import Shown


def rows(low: int, high: int) -> dict[str, LiveResource]:
    """Instances by id, numbered from `low` to below `high`."""
    return {str(n): LiveResource("instances", str(n), {}) for n in range(low, high)}


@pytest.mark.parametrize(
    ("page_rows", "left", "wanted"),
    [(100, 49, False), (100, 50, True), (10, 5, True), (None, 150, False)],
)
def test_rows_are_skipped_twice_only_if_many_left_a_list_of_several_pages(
    page_rows: int | None, left: int, wanted: bool
) -> None:
    shown = Shown(page_rows={"instances": page_rows})
    assert shown.may_have_skipped("instances", rows(0, 200), rows(left, 220)) is wanted
