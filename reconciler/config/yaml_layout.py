"""The layout of a YAML text: its pieces, gathered while a parser goes through it, each with the
place where it really ends.
"""

from __future__ import annotations

from reconciler.config.text_edits import Piece


class _Opened:
    """A mapping or list whose end has not come. In a mapping keys and values take turns."""

    __slots__ = ("anchor", "ends", "flow", "is_table", "keys", "place", "turn")

    def __init__(
        self, place: tuple[int, int, int], anchor: str, *, flow: bool, is_table: bool
    ) -> None:
        self.place, self.anchor, self.flow, self.is_table = place, anchor, flow, is_table
        self.keys: list[tuple[str, int]] = []
        self.ends: list[int] = []
        self.turn = 0


class Layout:
    """Gathers pieces. A place is line and column, counted from 1, and the offset in the text; an
    anchor is empty where there is none.
    """

    def __init__(self) -> None:
        self._found: list[Piece] = []
        self._open: list[_Opened] = []

    def pieces(self) -> tuple[Piece, ...]:
        """All pieces so far, in the order in which they begin."""
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
        """A scalar or an alias."""
        self._begin(text, place[2])
        self._end(Piece(*place, end, kind, block_text=block_text, anchor=anchor))

    def open(self, place: tuple[int, int, int], anchor: str, *, flow: bool, is_table: bool) -> None:
        """The beginning of a mapping or list."""
        self._begin("", place[2])
        self._open.append(_Opened(place, anchor, flow=flow, is_table=is_table))

    def close(self, end: int) -> None:
        """The end of the mapping or list that was opened last."""
        ended = self._open.pop()
        ends = ended.ends
        # the parser counts blank lines and comments behind a block to it
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
