"""One line an object: symbol, address, what happens, where the file asks for it, and who caused it;
and such lines as a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Action, Change
from reconciler.render import escape, format
from reconciler.render.plan import change_text
from reconciler.render.plan.change_text import NO_CONTEXT, RowContext
from reconciler.render.run.screen import Line, Style, Tone

_ADDRESS_CELLS_MAX = 40
_WHAT_CELLS_MIN = 30
"""Where less is left for what happens, it goes below the address."""
_WHAT_CELLS_WIDE = 90
_PART = "   "
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
    """The cells of one line, all safe text. `stands_for` are the addresses that it is about, as
    they are spelled in steps.
    """

    symbol: str
    address: str
    what: tuple[str, ...]
    place: str = ""
    cause: str = ""
    tone: Tone = Tone.PLAIN
    stands_for: tuple[str, ...] = ()
    dangerous: bool = False


def is_dangerous(change: Change) -> bool:
    """Whether a change stands on top of the screen: it needs consent or a decision, or takes an
    object away.

    A rule that goes takes access away and no object: what it closes is told in its line, and a
    lockout needs consent.
    """
    if change.address.rule is not None and change.action is Action.DELETE:
        return bool(change.impact.consents)
    return bool(change.impact.consents) or change.action in _DANGEROUS


def row(change: Change, beside: RowContext = NO_CONTEXT) -> PlanRow:
    """The line of a change."""
    return PlanRow(
        symbol=format.SYMBOLS[change.action],
        address=escape.outside(change.address),
        what=change_text.what(change, beside),
        place=format.place(change),
        cause=format.cause(change),
        tone=_tone(change),
        stands_for=(str(change.address),),
        dangerous=is_dangerous(change),
    )


def drift_row(change: Change) -> PlanRow:
    """The line of a difference that somebody else made."""
    differences = ", ".join(change_text.edit(field) for field in change.fields) or escape.outside(
        change.reason
    )
    return PlanRow(
        "~",
        escape.outside(change.address),
        (differences,),
        format.place(change),
        "outside",
        Tone.CARE,
        (str(change.address),),
    )


def table(rows: Sequence[PlanRow], look: Style) -> Iterable[Line]:
    """The rows as aligned lines; what does not fit goes on in the next line, and nothing is cut."""
    if not rows:
        return
    address = min(max(escape.width(item.address) for item in rows), _ADDRESS_CELLS_MAX)
    place = max(escape.width(item.place) for item in rows)
    cause = max(escape.width(item.cause) for item in rows)
    right = 2 + place + 2 + cause
    room = None if look.width is None else look.width - (5 + address + 2) - right
    if look.width is not None and room is not None and room < min(_WHAT_CELLS_MIN, _longest(rows)):
        for item in rows:
            yield from _stacked(item, place=place, cause=cause, width=look.width)
        return
    what = min(_longest(rows), _WHAT_CELLS_WIDE if room is None else room)
    for item in rows:
        yield from _lines(item, address=address, what=max(what, 1), place=place, width=look.width)


def _longest(rows: Sequence[PlanRow]) -> int:
    return max(escape.width(_PART.join(item.what)) for item in rows)


def _lines(
    item: PlanRow, *, address: int, what: int, place: int, width: int | None
) -> Iterable[Line]:
    """Side by side; what goes on below has the room up to the right edge."""
    left = 5 + address + 2
    texts = flow(item.what, what, below=max(what, (width or 0) - left))
    head = f"  {item.symbol}  "
    first = escape.pad(item.address, address)
    if escape.width(item.address) > address:
        yield Line(f"{head}{item.address}", item.tone)
        head, first = "     ", " " * address
    for number, text in enumerate(texts):
        begin = f"{head}{first}" if number == 0 else " " * (5 + address)
        right = f"  {escape.pad(item.place, place)}  {item.cause}" if number == 0 else ""
        yield Line(f"{begin}  {escape.pad(text, what)}{right}".rstrip(), item.tone)


def _stacked(item: PlanRow, *, place: int, cause: int, width: int) -> Iterable[Line]:
    """On a narrow screen: the address with place and cause at the right edge, what happens below."""
    right = f"{escape.pad(item.place, place)}  {escape.pad(item.cause, cause)}".rstrip()
    address = f"  {item.symbol}  {item.address}"
    gap = width - escape.width(address) - (place + 2 + cause)
    if gap < 2:
        yield Line(address, item.tone)
        yield Line(f"       {right.strip()}" if right.strip() else "", item.tone)
    else:
        yield Line(f"{address}{' ' * gap}{right}".rstrip(), item.tone)
    for text in flow(item.what, width - 7):
        yield Line(f"       {text}".rstrip(), item.tone)


def flow(
    parts: Sequence[str], cells: int, *, gap: str = _PART, below: int | None = None
) -> list[str]:
    """The parts side by side as long as they fit: broken between parts first, then at double
    spaces, at single ones only if need be.

    `below` is the room of all lines but the first, where it is another.
    """
    lines: list[str] = []
    for part in parts:
        room = cells if len(lines) <= 1 else below or cells
        joined = f"{lines[-1]}{gap}{part}" if lines else part
        if escape.width(joined) <= room:
            lines[-1:] = [joined]
            continue
        room = cells if not lines else below or cells
        lines += flow(part.split("  "), room, gap="  ") if "  " in part else escape.wrap(part, room)
    return lines or [""]


def _tone(change: Change) -> Tone:
    if is_dangerous(change):
        return (
            Tone.DANGER if change.action is Action.DELETE or change.impact.data_loss else Tone.CARE
        )
    return Tone.GOOD if change.action is Action.CREATE else Tone.PLAIN
