"""Lists of objects as JSON, YAML, names and tables (commands#ls)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import serialize
from reconciler.model.diagnostics import Problem
from reconciler.planner.estimate.resource_list import (
    DEPOSED,
    LIVE,
    MISSING,
    PLANNED,
    ListedObject,
    monthly,
)
from reconciler.render import escape, format
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Style, Tone

_GAP = "  "

_TONES = {MISSING: Tone.DANGER, PLANNED: Tone.FAINT, DEPOSED: Tone.CARE}


@dataclass(frozen=True, slots=True)
class ResourceListing:
    """What a list command found. `stack` is None for the whole account without a stack, and for
    several stacks, whose titles `stacks` has. `at` is in unix seconds.
    """

    rows: Sequence[ListedObject]
    stack: str | None
    environment: str | None
    at: float
    calls: int
    simulated: bool = False
    account: bool = False
    problems: Sequence[Problem] = ()
    stacks: tuple[str, ...] = ()

    @property
    def has_owners(self) -> bool:
        """Whether the objects may belong to different stacks."""
        return self.account or bool(self.stacks)


def resources_document(found: ResourceListing) -> Document:
    """The list as data."""
    total, unpriced = monthly(found.rows)
    members = {
        "stack": found.stack,
        "environment": found.environment,
        "stacks": list(found.stacks),
        "account": found.account,
        "simulated": found.simulated,
        "objects": [_row(each, found.at) for each in found.rows],
        "cost": {"monthly": total, "unpriced": unpriced, "currency": "KRW", "vat": "excluded"},
        "calls": found.calls,
        "problems": [serialize.problem(problem) for problem in found.problems],
    }
    return document(DocumentType.RESOURCES, members)


def yaml_text(data: Mapping[str, Any]) -> str:
    """The same data as YAML. Texts are quoted, with the escapes of JSON."""
    return "".join(f"{line}\n" for line in _yaml(data, ""))


def table_lines(found: ResourceListing, style: Style, *, wide: bool = False) -> Iterable[Line]:
    """The list as a table that fits the screen: columns that do not fit are left out, in the order
    of `LEFT_OUT`. With `wide`, and in pipes, every column is shown.
    """
    columns = [column for column in _COLUMNS if wide or not column.wide]
    columns = [column for column in columns if column.title != "owner" or found.has_owners or wide]
    cells = {
        column.title: [phrase(column.title), *(column.cell(row, found.at) for row in found.rows)]
        for column in columns
    }
    shown = list(cells)
    room = None if wide else style.width
    for title in LEFT_OUT:
        if room is None or _cells_wide(cells, shown) < room:
            break
        shown = [name for name in shown if name != title]
    right = {column.title for column in columns if column.right}
    widths = {title: max(map(escape.width, cells[title])) for title in shown}
    for number in range(len(found.rows) + 1):
        parts = [_aligned(cells[name][number], widths[name], name in right) for name in shown]
        tone = Tone.TITLE if number == 0 else _tone(found.rows[number - 1])
        yield Line(f" {_GAP.join(parts)}".rstrip(), tone)


def name_text(row: ListedObject, *, with_stack: bool = False) -> str:
    """What `-o name` prints: the address, or the id of an object without one. `with_stack`: after
    the title of its stack, as `shop/prod:instances.web`.
    """
    owner = f"{row.owner}:" if with_stack and row.owner else ""
    return escape.outside(f"{owner}{row.address or row.id or ''}")


def total_line(found: ResourceListing) -> Line:
    """The number of objects, what they cost, and the calls that were made."""
    total, unpriced = monthly(found.rows)
    return Line(
        " "
        + phrase(
            "{objects}    {price} a month without VAT[, {unpriced} without a known price]    "
            "{calls}",
            objects=format.count(len(found.rows), "object"),
            price=format.won(total),
            unpriced=unpriced or None,
            calls=format.count(found.calls, "api-call"),
        ),
        Tone.FAINT,
    )


LEFT_OUT = (
    *("private", "zone", "age", "flavor", "name", "KRW a month", "power", "owner", "public"),
    *("status",),
)
"""The order in which columns are left out if the terminal is too narrow. The address stays."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: Any
    cell: Callable[[ListedObject, float], str]
    right: bool = False
    wide: bool = False


def _text(name: str) -> Callable[[ListedObject, float], str]:
    def cell(row: ListedObject, at: float) -> str:
        found = row.values.get(name)
        return "" if found is None else escape.outside(serialize.shown(found))

    return cell


def _flavor(row: ListedObject, at: float) -> str:
    size = row.values.get("size")
    if size is None:
        return _text("flavor")(row, at)
    return phrase("{size} GB[ {type}]", size=serialize.shown(size), type=row.values.get("type"))


def _status(row: ListedObject, at: float) -> str:
    states = {
        PLANNED: phrase("planned"),
        MISSING: phrase("missing"),
        DEPOSED: phrase("deposed"),
    }
    return states.get(row.condition) or _text("status")(row, at)


def _price(row: ListedObject, at: float) -> str:
    if row.monthly is None:
        return "" if row.condition == MISSING else "?"
    return f"{row.monthly:,}" if row.monthly else ""


_COLUMNS = (
    _Column(msg("address"), lambda row, at: escape.outside(row.address or "-")),
    _Column(msg("name"), _text("name")),
    _Column(msg("owner"), lambda row, at: escape.outside(row.owner or "-")),
    _Column(msg("status"), _status),
    _Column(msg("power"), _text("power")),
    _Column(msg("flavor"), _flavor),
    _Column(msg("zone"), _text("zone")),
    _Column(msg("public"), _text("public_ip")),
    _Column(msg("private"), _text("private_ip")),
    _Column(msg("age"), lambda row, at: format.age(_age(row, at)), right=True),
    _Column(msg("KRW a month"), _price, right=True),
    _Column(msg("kind"), lambda row, at: escape.outside(row.kind), wide=True),
    _Column(msg("id"), lambda row, at: escape.outside(row.id or "-"), wide=True),
)


def _cells_wide(cells: Mapping[str, Sequence[str]], shown: Sequence[str]) -> int:
    return sum(max(map(escape.width, cells[title])) + len(_GAP) for title in shown) - len(_GAP) + 1


def _aligned(text: str, cells: int, right: bool) -> str:
    return " " * (cells - escape.width(text)) + text if right else escape.pad(text, cells)


def _tone(row: ListedObject) -> Tone:
    off = row.condition == LIVE and row.values.get("power") == "off"
    return Tone.CARE if off else _TONES.get(row.condition, Tone.PLAIN)


def _age(row: ListedObject, at: float) -> int | None:
    made = _made(row)
    return None if made is None else max(int(at) - made, 0)


def _made(row: ListedObject) -> int | None:
    """When the object was created, in unix seconds: by the cloud, else by the state."""
    shown = format.cloud_time(row.values.get("made"))
    return row.made if shown is None else shown


def _row(row: ListedObject, at: float) -> dict[str, Any]:
    names = ("name", "status", "power", "flavor", "size", "type", "zone", "public_ip", "private_ip")
    return {
        "kind": row.kind,
        "address": row.address,
        "id": row.id,
        "condition": row.condition,
        "owner": row.owner,
        **{name: serialize.shown(row.values.get(name)) for name in names},
        "made": _made(row),
        "age_seconds": _age(row, at),
        "monthly": row.monthly,
    }


def _yaml(data: Any, indent: str) -> Iterable[str]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _yaml(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"{indent}{name}:"
            for item in value:
                first, *rest = _yaml(item, f"{indent}    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{name}: {escape.json_text([value])[1:-1]}"
