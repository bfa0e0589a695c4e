"""The line of the file that a problem is about, with a mark under the column:

```text
   25 |     flavor: ${vars.sice}
      |               ^^^^^^^^^
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from reconciler.model.diagnostics import Place
from reconciler.render import escape
from reconciler.render.run.screen import Line, Style, Tone

SourceLines: TypeAlias = Callable[[str, int], "str | None"]
"""Returns a line of a file, counted from 1. None if it cannot be shown."""

SHOWN_MAX = 10
"""How many problems of one list are shown with their line: more would hide the messages."""

_COLUMNS_IN_PIPES = 120
_TAB = "    "
_CUT = "~"
_NEAR = 4
"""How many screens of characters on both sides of the column are looked at."""
_TOKEN = re.compile(r"""\$\{[^}]*\}?|"[^"]*"?|'[^']*'?|[^\s,\[\]{}:"'#]+|.""")


def excerpt(place: Place, line: str, style: Style, tone: Tone, *, indent: str) -> Iterator[Line]:
    """The line, cut to the screen around the column, and below it the mark."""
    gutter, blank = f"{indent}{place.line:>5} | ", f"{indent}      | "
    line, at = line.rstrip(), place.column - 1
    room = max((style.width or _COLUMNS_IN_PIPES) - len(gutter), 20)
    skipped = max(at - room * _NEAR, 0)  # a line may have a million characters
    line, at = line[skipped : at + room * _NEAR], at - skipped
    found = _TOKEN.match(line, at)
    token = found[0] if found is not None else ""
    start, text = 0, _safe(line)
    if skipped or escape.width(text) > room:
        while start < at and escape.width(_safe(line[start:at])) > room // 2:
            start += 1
        text = escape.cut((_CUT if start or skipped else "") + _safe(line[start:]), room)
    before = escape.width(_safe(line[start:at])) + (1 if start or skipped else 0)
    length = min(max(escape.width(_safe(token)), 1), max(room - before, 1))
    yield Line(f"{gutter}{text}", Tone.FAINT)
    yield Line(f"{blank}{' ' * before}{'^' * length}", tone)


def _safe(text: str) -> str:
    return escape.outside(text.replace("\t", _TAB))
