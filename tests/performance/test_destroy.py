"""The calls of a destroy against the fewest that its rules allow (`bench.bounds`). Nothing here is
timed.
"""

from __future__ import annotations

import pytest

from bench import bounds, virtual


@pytest.mark.parametrize("latency", [0.1, 0.5])
@pytest.mark.parametrize("servers", [5, 10])
def test_a_destroy_sends_hardly_more_than_its_writes_and_the_fewest_waits(
    servers: int, latency: float
) -> None:
    found = virtual.destroy(servers, latency)
    assert found.writes == bounds.destroying_writes(servers)
    assert found.calls_ratio <= 1.15
    assert 0.85 <= found.eta / found.seconds <= 1.15


def test_the_destroy_of_an_example_reads_few_objects_by_their_ids() -> None:
    found = virtual.destroy_example("web-tier", 0.2)
    assert found.writes == 7 and found.waits <= 24
    assert abs(found.forecast_waits - found.waits) <= 2
