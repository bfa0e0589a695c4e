"""Plain data as JSON text: strict when it is read, and canonical when it is compared."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from reconciler.common.text import msg


def parse(text: str | bytes) -> Any:
    """The plain data that a JSON text spells. Raises ValueError, also for numbers that are none."""
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode(),
            parse_float=_finite,
            parse_constant=_finite,
        )
    except RecursionError:
        raise ValueError(msg("it is nested too deeply")) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(msg("{text} is not a JSON number", text=text))
    return number


_CANONICAL = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":"))


def canonical(document: Any) -> str:
    """Plain data as the one text that equal data have: ASCII, members sorted, no spaces."""
    return _CANONICAL.encode(document)


def checksum(document: Any) -> str:
    """The hex SHA-256 of plain data: equal for equal data."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()
