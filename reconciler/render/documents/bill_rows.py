"""Bills as JSON and as tables: of the month so far, of earlier months, of one stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.planner.estimate.resource_list import DEPOSED, LIVE, ListedObject, monthly
from reconciler.render import escape, format
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.documents.tables import TableColumn, table_lines
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Style, Tone

SUMS = ("price", "vat", "total")


@dataclass(frozen=True, slots=True)
class BillQuery:
    """Which bills: dates of the bill and prices without VAT, inclusive; None without a limit."""

    start: str | None = None
    end: str | None = None
    min_price: int | None = None
    max_price: int | None = None


@dataclass(frozen=True, slots=True)
class StackPrices:
    """What the objects of a stack cost a month at the prices of the catalog."""

    stack: str
    environment: str | None
    rows: Sequence[ListedObject]

    @property
    def billed(self) -> list[ListedObject]:
        """The objects in the account that may cost something."""
        rows = (row for row in self.rows if row.condition in (LIVE, DEPOSED))
        return [row for row in rows if row.monthly != 0]


def amount(number: int, currency: Any) -> str:
    """An amount with its currency."""
    return format.won(number) if currency == "KRW" else f"{number:,} {escape.outside(currency)}"


def bill_document(live: Mapping[str, Any], stack: StackPrices | None) -> Document:
    """The month so far, with the prices of a stack if one is named."""
    members = dict(live)
    if stack is not None:
        total, unpriced = monthly(stack.rows)
        members["stack"] = {
            "stack": stack.stack,
            "environment": stack.environment,
            "monthly": total,
            "unpriced": unpriced,
            "currency": "KRW",
            "vat": "excluded",
            "objects": [
                {
                    "kind": row.kind,
                    "address": row.address,
                    "id": row.id,
                    "name": row.values.get("name"),
                    "monthly": row.monthly,
                }
                for row in stack.billed
            ],
        }
    return document(DocumentType.BILL, members)


def live_line(live: Mapping[str, Any], *, simulated: bool) -> Line:
    """The month so far in one line."""
    text = msg(
        "{cost} so far, without VAT    {start} to {end}{simulated}",
        cost=amount(int(live["price"]), live["currency"]),
        start=live["start"],
        end=live["end"],
        simulated=msg("    simulated") if simulated else "",
    )
    return Line(escape.outside(text))


def stack_lines(stack: StackPrices, style: Style) -> Iterable[Line]:
    """What the objects of a stack cost a month, with the sum last."""
    rows, (total, unpriced) = stack.billed, monthly(stack.rows)
    if rows:
        prices = ["?" if row.monthly is None else f"{row.monthly:,}" for row in rows]
        columns = (
            TableColumn("address", phrase("address"), [_shown(row.address) for row in rows]),
            TableColumn("name", phrase("name"), [_shown(row.values.get("name")) for row in rows]),
            TableColumn("kind", phrase("kind"), [_shown(row.kind) for row in rows]),
            TableColumn("price", phrase("KRW a month"), prices, right=True),
        )
        yield from table_lines(columns, style, ("kind", "name"))
        yield Line()
    text = phrase(
        "{price} a month without VAT, at the prices of the catalog[, {unpriced} without a known "
        "price]",
        price=format.won(total),
        unpriced=unpriced or None,
    )
    yield Line(f" {text}")


def history_document(query: BillQuery, bills: Sequence[Mapping[str, Any]]) -> Document:
    """The bills, by date, and the sums of each month and currency."""
    return document(
        DocumentType.BILLS,
        {
            "from": query.start,
            "to": query.end,
            "vat": "separate",
            "bills": [dict(bill) for bill in bills],
            "months": sums_by_month(bills),
            "totals": [
                {"currency": currency, **sums} for currency, sums in _sums(bills, _currency).items()
            ],
        },
    )


def history_lines(bills: Sequence[Mapping[str, Any]], style: Style) -> Iterable[Line]:
    """The bills as a table, then the sums of each month, then those of all."""
    yield from table_lines(_columns(bills), style, ("paid", "status", "type", "usage", "name"))
    months = sums_by_month(bills)
    yield Line()
    columns = [
        TableColumn("month", phrase("month"), [_shown(each["month"]) for each in months]),
        TableColumn("bills", phrase("bills"), [str(each["bills"]) for each in months], right=True),
        *_amounts(months),
    ]
    yield from table_lines(columns, style)
    yield Line()
    for currency, sums in _sums(bills, _currency).items():
        text = phrase(
            "{bills}: {price} without VAT, {vat} VAT, {total} with VAT",
            bills=format.count(sums["bills"], "bill"),
            price=amount(sums["price"], currency),
            vat=amount(sums["vat"], currency),
            total=amount(sums["total"], currency),
        )
        yield Line(f" {text}", Tone.TITLE)


def sums_by_month(bills: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sums of each month of the bills' dates and each currency, the first month first."""
    found = _sums(bills, lambda bill: (str(bill["date"] or "")[:7], bill["currency"]))
    return [
        {"month": month, "currency": currency, **sums}
        for (month, currency), sums in sorted(found.items())
    ]


def _currency(bill: Mapping[str, Any]) -> str:
    return str(bill["currency"])


def _sums(bills: Sequence[Mapping[str, Any]], key: Any) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("bills", *SUMS), 0))
    for bill in bills:
        sums = found[key(bill)]
        sums["bills"] += 1
        for name in SUMS:
            sums[name] += bill[name] or 0
    return dict(found)


def _columns(bills: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    def column(name: str, title: str) -> TableColumn:
        return TableColumn(name, title, [_shown(bill[name]) for bill in bills])

    usage = [
        " - ".join(_shown(bill[name]) for name in ("usage_start", "usage_end") if bill[name])
        for bill in bills
    ]
    return [
        column("date", phrase("date")),
        TableColumn("usage", phrase("usage"), usage),
        column("type", phrase("type")),
        column("status", phrase("status")),
        column("name", phrase("name")),
        *_amounts(bills),
        column("paid", phrase("paid")),
    ]


def _amounts(rows: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    titles = {"price": phrase("KRW"), "vat": phrase("VAT"), "total": phrase("with VAT")}
    if {row["currency"] for row in rows} - {"KRW"}:
        titles["price"] = phrase("price")
    return [
        TableColumn(name, title, [_number(row[name], row["currency"]) for row in rows], right=True)
        for name, title in titles.items()
    ]


def _number(number: int | None, currency: Any) -> str:
    if number is None:
        return "?"
    return f"{number:,}" if currency == "KRW" else amount(number, currency)


def _shown(value: Any) -> str:
    return "" if value is None else escape.outside(value)
