"""The styles and scripts of a report, and the policy that lets only them run."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
STYLES = ("report.css", "graph.css")
SCRIPTS = ("cytoscape.min.js", "dagre.min.js", "graph.js")
"""In the order in which they run. `assets/vendored.json` says where those of others come from."""

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
"""Where developer tools look for more of a script: a report has no files beside it."""


@cache
def style() -> str:
    """The style sheet of a report."""
    return "".join(map(_read, STYLES))


@cache
def script() -> str:
    """The script of a report: those of others with their licenses, and ours."""
    return "".join(map(_license, SCRIPTS)) + "".join(map(_read, SCRIPTS))


def _read(name: str) -> str:
    text = (FOLDER / name).read_text("utf-8").rstrip("\n")
    return _SOURCE_MAP.sub("", text) + "\n"


def _license(name: str) -> str:
    file = FOLDER / name.replace(".min.js", ".LICENSE.txt")
    return f"/*! {name}\n{file.read_text('utf-8').strip()}\n*/\n" if file.suffix == ".txt" else ""


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
