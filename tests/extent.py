"""How much the tests try. With `FULL=1` in the environment: all there is, which takes hours."""

from __future__ import annotations

import os

FULL = os.environ.get("FULL", "") not in ("", "0")
"""Whether each boundary is broken with each fault, and more random inputs are drawn."""


def examples(number: int) -> int:
    """How many random inputs a property gets: so many, or a quarter of them."""
    return number if FULL else number // 4
