"""What a report marks as opened and closed: ports and addresses, not how they are put on lines."""

from __future__ import annotations

import pytest

from reconciler.render.report import reach_lists
from tests.report.pages import tree

CASES = [
    (["tcp/443 from 0.0.0.0/0"], ["tcp/443 from 0.0.0.0/0"], [], []),
    (["tcp/80, tcp/443 from 0.0.0.0/0"], ["tcp/22, tcp/80, tcp/443 from 0.0.0.0/0"], [], ["tcp/22"]),
    (["tcp/22 from 10.0.0.0/8"], ["tcp/22 from 10.0.0.0/8, 192.0.2.0/24"], [], ["tcp/22 from 10.0.0.0/8, 192.0.2.0/24"]),
    (["tcp/22 from 10.0.0.0/8"], ["tcp/22 from 192.0.2.0/24"], ["tcp/22 from 10.0.0.0/8"], ["tcp/22 from 192.0.2.0/24"]),
    (["tcp/22 from 10.0.0.0/8"], ["tcp/22 to 10.0.0.0/8"], ["tcp/22 from 10.0.0.0/8"], ["tcp/22 to 10.0.0.0/8"]),
    (["ping"], ["tcp/22 from 10.0.0.0/8", "ping"], [], ["tcp/22 from 10.0.0.0/8"]),
    ([], ["ping"], [], ["ping"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "closed", "opened"), CASES)
def test_only_what_opens_or_closes_is_marked(
    before: list[str], after: list[str], closed: list[str], opened: list[str]
) -> None:
    row = {"server": "instances.web", "before": before, "after": after}
    found = reach_lists.of_plan({"type": "plan", "reach": [row]})
    page = tree("".join(map(str, found)).encode())
    assert [each.text for each in page.all("del")] == closed
    assert [each.text for each in page.all("ins")] == opened
    assert page.codes()[1:] == [*before, *after] or before == after
