"""A cloud that is faster or slower than the contract says: runs learn it, look when it is time, and
say so beforehand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import context
from reconciler.store.cache import FileAccountCache
from tests.cloud_harness import CloudHarness

STACK = """
version: 1
stack: shop
instances:
  web: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1, ssh_keys: [deploy]}
"""


class _LearningLab(CloudHarness):
    """A cloud harness whose commands keep what they learned between runs."""

    def __init__(self, folder: Path, seconds: int) -> None:
        super().__init__(switches={"ticks.create": seconds})
        self._cache = FileAccountCache(folder, "lab", origin="lab", clock=self.clock.time)

    def connection(self) -> context.Connection:
        made = super().connection()
        return replace(
            made, cache=self._cache, kinds=made.kinds.with_seconds(self._cache.seconds())
        )

    def create_and_remove(self, tmp: Path) -> tuple[float, float]:
        """How long creating took, and how long the plan had said it would."""
        stack = self.stack(STACK, tmp)
        result = self.apply(stack)
        said = self.plans[-1].plan.eta_seconds
        assert result.exit_code == 0 and said is not None
        assert self.apply(stack, destroy=True).exit_code == 0
        return result.seconds, said


@pytest.mark.parametrize(("seconds", "at_most"), [(20, 21), (25, 27), (40, 41), (70, 75)])
def test_after_some_runs_a_server_is_looked_for_when_it_is_ready(
    tmp_path: Path, seconds: int, at_most: float
) -> None:
    harness = _LearningLab(tmp_path / "cache", seconds)
    took, said = [harness.create_and_remove(tmp_path / "files") for _ in range(5)][-1]
    assert took <= at_most
    assert abs(said - took) <= 0.15 * took
