"""Tables that fit the screen: columns that do not fit are left out in a given order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.render import escape
from reconciler.render.run.screen import Line, Style, Tone

_GAP = "  "
_LAST_CELLS_MIN = 20


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name, its title and one cell for each row, all safe for a screen. `right`: its
    numbers are aligned. `wraps`, of the last column only: its texts continue on further lines.
    """

    name: str
    title: str
    cells: Sequence[str]
    right: bool = False
    wraps: bool = False

    @property
    def width(self) -> int:
        """The cells of the screen that it takes."""
        return max(map(escape.width, (self.title, *self.cells)))

    def aligned(self, text: str) -> str:
        """A cell as wide as the column."""
        if self.right:
            return " " * (self.width - escape.width(text)) + text
        return escape.pad(text, self.width)


def table_lines(
    columns: Sequence[TableColumn], style: Style, left_out: Sequence[str] = ()
) -> Iterable[Line]:
    """A line of titles and one for each row. In pipes every column is shown and nothing wraps."""
    shown, room = list(columns), style.width
    for name in left_out:
        if room is None or _width(shown) < room:
            break
        shown = [column for column in shown if column.name != name]
    *first, last = shown
    indent = _width(first) + len(_GAP) if first else 1
    for number in range(len(last.cells) + 1):
        tone = Tone.TITLE if number == 0 else Tone.PLAIN
        texts = [column.title if number == 0 else column.cells[number - 1] for column in shown]
        parts = [column.aligned(text) for column, text in zip(first, texts, strict=False)]
        ends = [last.aligned(texts[-1])]
        if last.wraps and room is not None:
            ends = escape.wrap(texts[-1], max(room - indent - 1, _LAST_CELLS_MIN)) or [""]
        yield Line(f" {_GAP.join([*parts, ends[0]])}".rstrip(), tone)
        for end in ends[1:]:
            yield Line(f"{' ' * indent}{end}", tone)


def _width(columns: Sequence[TableColumn]) -> int:
    cells = (_LAST_CELLS_MIN if column.wraps else column.width for column in columns)
    return 1 + sum(cells) + len(_GAP) * (len(columns) - 1)
