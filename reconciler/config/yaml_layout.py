"""The layout of a YAML text: its nodes with their exact places, collected from the events of a
parser.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.config.text_edits import Piece


class _Opened:
    """A mapping or list that has not ended. In a mapping, keys and values alternate."""

    __slots__ = ("anchor", "ends", "flow", "is_table", "keys", "place", "turn")

    def __init__(
        self, place: tuple[int, int, int], anchor: str, *, flow: bool, is_table: bool
    ) -> None:
        self.place, self.anchor, self.flow, self.is_table = place, anchor, flow, is_table
        self.keys: list[tuple[str, int]] = []
        self.ends: list[int] = []
        self.turn = 0


class Layout:
    """Collects the nodes. A place is line and column, from 1, and the offset in the text. An anchor
    is empty if there is none.
    """

    def __init__(self) -> None:
        self._found: list[Piece] = []
        self._open: list[_Opened] = []

    def pieces(self) -> tuple[Piece, ...]:
        """All nodes so far, in the order in which they begin."""
        return tuple(sorted(self._found, key=lambda piece: (piece.start, -piece.end)))

    def leaf(
        self,
        place: tuple[int, int, int],
        end: int,
        kind: str,
        text: str,
        anchor: str,
        *,
        block_text: bool = False,
    ) -> None:
        """Adds a scalar or an alias."""
        self._begin(text, place[2])
        self._end(Piece(*place, end, kind, block_text=block_text, anchor=anchor))

    def open(self, place: tuple[int, int, int], anchor: str, *, flow: bool, is_table: bool) -> None:
        """Starts a mapping or list."""
        self._begin("", place[2])
        self._open.append(_Opened(place, anchor, flow=flow, is_table=is_table))

    def close(self, end: int) -> None:
        """Ends the mapping or list that was started last."""
        ended = self._open.pop()
        ends = ended.ends
        # The parser includes blank lines and comments after a block in it.
        last = end if ended.flow or not ends else ends[-1]
        kind, values = ("table", tuple(ends[1::2])) if ended.is_table else ("list", ())
        self._end(
            Piece(
                *ended.place,
                last,
                kind,
                flow=ended.flow,
                keys=tuple(ended.keys),
                ends=values,
                anchor=ended.anchor,
            )
        )

    def _begin(self, text: str, start: int) -> None:
        if self._open:
            parent = self._open[-1]
            if parent.is_table and parent.turn % 2 == 0:
                parent.keys.append((text, start))
            parent.turn += 1

    def _end(self, piece: Piece) -> None:
        self._found.append(piece)
        if self._open:
            self._open[-1].ends.append(piece.end)


class Token(NamedTuple):
    """One token of a YAML text: its kind (`Key`, `BlockEntry`, `Scalar` ...), the lines and columns
    of its beginning and its end (both from 0), and the style of a scalar (`|`, `>`, a quote).
    """

    kind: str
    line: int
    column: int
    end_line: int
    end_column: int
    style: str
