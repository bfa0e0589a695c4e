"""The styles and scripts of a report, and the policy that lets only them run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
STYLES = ("report.css", "graph.css")
SCRIPTS = ("cytoscape.min.js", "dagre.min.js", "cytoscape-dagre.js", "graph.js")
"""In the order in which they run. One that is not in the folder is left out."""


@cache
def style() -> str:
    """The style sheet of a report."""
    return _joined(STYLES)


@cache
def script() -> str:
    """The script of a report; empty if there is none."""
    return _joined(SCRIPTS)


def _joined(names: tuple[str, ...]) -> str:
    files = [FOLDER / name for name in names]
    return "".join(file.read_text("utf-8").rstrip("\n") + "\n" for file in files if file.is_file())


def policy(styles: str, scripts: str) -> str:
    """The Content-Security-Policy of a page with these texts in its `style` and `script`."""
    sources = f"script-src {_source(scripts)}" if scripts else "script-src 'none'"
    return (
        f"default-src 'none'; style-src {_source(styles)}; {sources}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"
