"""The objects of the account that this stack's state does not contain, with their monthly price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler import resources
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.render import escape, format
from reconciler.render.format import phrase
from reconciler.render.layout import columns
from reconciler.render.run.screen import Line, Style, Tone


def unmanaged_lines(found: Sequence[Unmanaged], style: Style) -> Iterable[Line]:
    """One line per object: kind, id, name, what it is, what it costs a month without VAT, and the
    owner that its marker names.
    """
    yield Line()
    title = phrase(" UNMANAGED   in the account, and not in this stack")
    more = phrase("{title}: `import ADDRESS ID` or `adopt` take them in", title=title)
    if not found:
        title = phrase(" UNMANAGED   none: every object in the account belongs to this stack")
    elif style.width is None or escape.width(more) <= style.width:
        title = more
    yield Line(title, Tone.TITLE)
    rows = [
        (
            each.kind,
            escape.outside(each.id),
            format.value(each.name),
            escape.outside(each.what),
            _price(each),
            phrase("[marked {owner}]", owner=each.marked),
        )
        for each in found
    ]
    yield from (Line(f"  {row}") for row in columns(rows))


def _price(each: Unmanaged) -> str:
    if not resources.all_kinds()[each.kind].billed:
        return ""
    if each.monthly is None:
        return phrase("price unknown")
    return phrase("{amount} a month", amount=format.won(each.monthly))
