"""One line per object: symbol, address, what happens, and its place in the file; and such lines as
a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Action, Change
from reconciler.render import escape, format
from reconciler.render.layout import WIDTH_OF_PIPES, flow
from reconciler.render.plan import change_text
from reconciler.render.plan.change_text import GAP, NO_CONTEXT, Head, RowContext
from reconciler.render.run.screen import Line, Style, Tone

_ADDRESS_CELLS_MAX = 40
_TEXT_CELLS_MIN = 30
"""If less room is left for what happens, it goes below the address."""
_TEXT_CELLS_WIDE = 90
_DANGEROUS = frozenset(
    {
        Action.DECIDE,
        Action.BLOCKED,
        Action.REPLACE,
        Action.DELETE,
        Action.REBUILD,
        Action.RESIZE,
        Action.DETACH,
    }
)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """The cells of one line, all safe text. `addresses` are those that it is about, as they are
    spelled in steps; `alike` is the number of equal objects in it.
    """

    address: str
    parts: tuple[str, ...]
    head: Head = Head(Action.UPDATE)
    place: str = ""
    tone: Tone = Tone.PLAIN
    addresses: tuple[str, ...] = ()
    dangerous: bool = False
    alike: int = 1

    @property
    def symbol(self) -> str:
        """The sign at the left edge."""
        return format.SYMBOLS[self.head.action]

    @property
    def texts(self) -> tuple[str, ...]:
        """What the line says: first what is done, and to how many equal objects."""
        first, *rest = self.parts or ("",)
        return (self.head.text(first, self.alike), *rest)


def is_dangerous(change: Change) -> bool:
    """Whether a change belongs at the top of the screen: it needs consent or a decision, or removes
    an object.

    A deleted rule takes access away but no object: its line says what it closes, and a lockout
    needs consent.
    """
    if change.address.rule is not None and change.action is Action.DELETE:
        return bool(change.impact.consents)
    return bool(change.impact.consents) or change.action in _DANGEROUS


def row(change: Change, context: RowContext = NO_CONTEXT) -> PlanRow:
    """The line of a change."""
    return PlanRow(
        address=escape.outside(change.address),
        parts=change_text.parts(change, context),
        head=change_text.head(change),
        place=format.place(change),
        tone=_tone(change),
        addresses=(str(change.address),),
        dangerous=is_dangerous(change),
    )


def drift_row(change: Change) -> PlanRow:
    """The line of a difference that somebody made outside."""
    edits = ", ".join(map(change_text.edit, change.fields))
    return PlanRow(
        address=escape.outside(change.address),
        parts=(edits or escape.outside(change.reason),),
        head=Head(Action.UPDATE, outside=True),
        place=format.place(change),
        tone=Tone.CARE,
        addresses=(str(change.address),),
    )


def table(rows: Sequence[PlanRow], style: Style) -> Iterable[Line]:
    """The rows as aligned lines. What does not fit continues in the next line."""
    if not rows:
        return
    longest = max(escape.width(GAP.join(item.texts)) for item in rows)
    address = min(max(escape.width(item.address) for item in rows), _ADDRESS_CELLS_MAX)
    place = max(escape.width(item.place) for item in rows)
    width = None if style.width is None else min(style.width, WIDTH_OF_PIPES)
    if width is None:
        room = _TEXT_CELLS_WIDE
    else:
        room = width - (5 + address + 2) - (2 + place)
        if room < min(_TEXT_CELLS_MIN, longest):
            for item in rows:
                yield from _stacked(item, width=width)
            return
    cells = max(min(longest, room), 1)
    for item in rows:
        yield from _lines(item, address=address, cells=cells, width=width or 0)


def _lines(item: PlanRow, *, address: int, cells: int, width: int) -> Iterable[Line]:
    """Side by side. Continued lines have the room up to the right edge."""
    left = 5 + address + 2
    head, own = f"  {item.symbol}  ", escape.pad(item.address, address)
    if escape.width(item.address) > address:
        yield Line(f"{head}{item.address}", item.tone)
        head, own = "     ", " " * address
    right = f"  {item.place}"
    for text in flow(item.texts, cells, gap=GAP, below=max(cells, width - left)):
        yield Line(f"{head}{own}  {escape.pad(text, cells)}{right}".rstrip(), item.tone)
        head, own, right = "     ", " " * address, ""


def _stacked(item: PlanRow, *, width: int) -> Iterable[Line]:
    """On a narrow screen: the address, with the place at the right edge, and what happens below."""
    address = f"  {item.symbol}  {item.address}"
    gap = width - escape.width(address) - escape.width(item.place)
    if gap < 2:
        yield Line(address, item.tone)
        if item.place:
            yield Line(f"       {item.place}", item.tone)
    else:
        yield Line(f"{address}{' ' * gap}{item.place}".rstrip(), item.tone)
    for text in flow(item.texts, width - 7, gap=GAP):
        yield Line(f"       {text}".rstrip(), item.tone)


def _tone(change: Change) -> Tone:
    if not is_dangerous(change):
        return Tone.GOOD if change.action is Action.CREATE else Tone.PLAIN
    loses = change.action is Action.DELETE or change.impact.data_loss
    return Tone.DANGER if loses else Tone.CARE
