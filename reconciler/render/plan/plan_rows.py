"""One line per object: symbol, address, what happens, the place in the file, and the cause; and
such lines as a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Action, Change
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import PART_GAP, flow
from reconciler.render.plan import change_text
from reconciler.render.plan.change_text import NO_CONTEXT, RowContext
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

    symbol: str
    address: str
    parts: tuple[str, ...]
    place: str = ""
    cause: str = ""
    tone: Tone = Tone.PLAIN
    addresses: tuple[str, ...] = ()
    dangerous: bool = False
    alike: int = 1

    @property
    def texts(self) -> tuple[str, ...]:
        """What the line says: first of how many equal objects it says it."""
        if self.alike == 1:
            return self.parts
        return (phrase("{number} alike", number=self.alike), *self.parts)


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
        symbol=format.SYMBOLS[change.action],
        address=escape.outside(change.address),
        parts=change_text.parts(change, context),
        place=format.place(change),
        cause=format.cause(change),
        tone=_tone(change),
        addresses=(str(change.address),),
        dangerous=is_dangerous(change),
    )


def drift_row(change: Change) -> PlanRow:
    """The line of a difference that somebody made outside."""
    edits = ", ".join(map(change_text.edit, change.fields))
    return PlanRow(
        symbol=format.SYMBOLS[Action.UPDATE],
        address=escape.outside(change.address),
        parts=(edits or escape.outside(change.reason),),
        place=format.place(change),
        cause=phrase("outside"),
        tone=Tone.CARE,
        addresses=(str(change.address),),
    )


def table(rows: Sequence[PlanRow], style: Style) -> Iterable[Line]:
    """The rows as aligned lines. What does not fit continues in the next line; nothing is cut."""
    if not rows:
        return
    longest = max(escape.width(PART_GAP.join(item.texts)) for item in rows)
    address = min(max(escape.width(item.address) for item in rows), _ADDRESS_CELLS_MAX)
    place = max(escape.width(item.place) for item in rows)
    cause = max(escape.width(item.cause) for item in rows)
    if style.width is None:
        room = _TEXT_CELLS_WIDE
    else:
        room = style.width - (5 + address + 2) - (2 + place + 2 + cause)
        if room < min(_TEXT_CELLS_MIN, longest):
            for item in rows:
                yield from _stacked(item, place=place, cause=cause, width=style.width)
            return
    cells = max(min(longest, room), 1)
    for item in rows:
        yield from _lines(item, address=address, cells=cells, place=place, width=style.width or 0)


def _lines(item: PlanRow, *, address: int, cells: int, place: int, width: int) -> Iterable[Line]:
    """Side by side. Continued lines have the room up to the right edge."""
    left = 5 + address + 2
    head, own = f"  {item.symbol}  ", escape.pad(item.address, address)
    if escape.width(item.address) > address:
        yield Line(f"{head}{item.address}", item.tone)
        head, own = "     ", " " * address
    right = f"  {escape.pad(item.place, place)}  {item.cause}"
    for text in flow(item.texts, cells, below=max(cells, width - left)):
        yield Line(f"{head}{own}  {escape.pad(text, cells)}{right}".rstrip(), item.tone)
        head, own, right = "     ", " " * address, ""


def _stacked(item: PlanRow, *, place: int, cause: int, width: int) -> Iterable[Line]:
    """On a narrow screen: the address, with place and cause at the right edge, and what happens
    below.
    """
    right = f"{escape.pad(item.place, place)}  {escape.pad(item.cause, cause)}".rstrip()
    address = f"  {item.symbol}  {item.address}"
    gap = width - escape.width(address) - (place + 2 + cause)
    if gap < 2:
        yield Line(address, item.tone)
        yield Line(f"       {right.strip()}".rstrip(), item.tone)
    else:
        yield Line(f"{address}{' ' * gap}{right}".rstrip(), item.tone)
    for text in flow(item.texts, width - 7):
        yield Line(f"       {text}".rstrip(), item.tone)


def _tone(change: Change) -> Tone:
    if not is_dangerous(change):
        return Tone.GOOD if change.action is Action.CREATE else Tone.PLAIN
    loses = change.action is Action.DELETE or change.impact.data_loss
    return Tone.DANGER if loses else Tone.CARE
