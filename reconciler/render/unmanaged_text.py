"""The objects of the account that are in no entry of this stack's state, listed with their monthly
price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.render import escape, format
from reconciler.render.run.screen import Line, Style, Tone

_TITLE = (
    " UNMANAGED   in the account, and not this stack's: `import ADDRESS ID` or `adopt` take them in"
)


def unmanaged_lines(found: Sequence[Unmanaged], look: Style) -> Iterable[Line]:
    """One line an object: kind, id, name, what it is, whose marker it bears, and what it costs a
    month, VAT excluded.
    """
    yield Line()
    if not found:
        yield Line(
            " UNMANAGED   none: every object that the account shows is this stack's", Tone.TITLE
        )
        return
    yield Line(
        _TITLE
        if look.width is None or len(_TITLE) <= look.width
        else " UNMANAGED   in the account, and not this stack's",
        Tone.TITLE,
    )
    cells = [
        (
            each.kind,
            escape.outside(each.id),
            format.value(each.name),
            escape.outside(each.what),
            _price(each),
        )
        for each in found
    ]
    widths = [max(escape.width(row[column]) for row in cells) for column in range(5)]
    for each, row in zip(found, cells, strict=True):
        said = "  ".join(escape.pad(cell, width) for cell, width in zip(row, widths, strict=True))
        owner = f"  marked {escape.outside(each.marked)}" if each.marked else ""
        yield Line(f"  {said}{owner}".rstrip())


def _price(each: Unmanaged) -> str:
    if each.kind == "firewalls":
        return ""
    return "price unknown" if each.monthly is None else f"{format.won(each.monthly)} a month"
