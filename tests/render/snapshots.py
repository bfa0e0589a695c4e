"""Golden text: compared byte by byte, renewed by `RENEW_GOLDEN=1 pytest tests/render`, read in
review like code.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Holds the text against the golden file of that name."""
    path = FOLDER / name
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
