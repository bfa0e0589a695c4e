"""For all tests: random inputs repeat from run to run, and are never timed (the machine is shared)."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")
