"""The objects of a stack as they are now, as `ls` lists them."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.text import Text, msg
from reconciler.planner.estimate.resource_list import DEPOSED, MISSING, PLANNED
from reconciler.render import format
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row

_CONDITIONS = {
    PLANNED: msg("planned"),
    MISSING: msg("missing"),
    DEPOSED: msg("deposed"),
}


def of_listing(listing: Row | None) -> list[Markup]:
    """The objects, and what they cost a month."""
    if listing is None:
        return []
    if not listing["objects"]:
        return [el("p", msg("The stack has no objects."))]
    cost = listing["cost"]
    total: list[Child] = [
        format.count(len(listing["objects"]), "object"),
        ", ",
        el("strong", words.won(cost["monthly"])),
        [" ", msg("a month without VAT")],
    ]
    if cost["unpriced"]:
        total += [", ", msg("without a known price"), f": {cost['unpriced']}"]
    titles = [msg("Object"), *(title for title, _ in _cells(listing["objects"][0]))]
    rows = [
        el(
            "tr",
            el("th", words.code(each["address"] or each["id"]), scope="row"),
            (el("td", value, data_label=title) for title, value in _cells(each)),
        )
        for each in listing["objects"]
    ]
    head = el("thead", el("tr", (el("th", title, scope="col") for title in titles)))
    return [el("p", total), el("table", head, el("tbody", rows), class_=("fields", "listing"))]


def _cells(row: Row) -> Iterator[tuple[Text, Child]]:
    """The cells of an object behind its address, with their titles."""
    yield msg("Name"), [row["name"], _faint(row["id"])]
    power = (
        None if row["power"] in (None, row["status"]) else [", ", msg("power"), f" {row['power']}"]
    )
    yield msg("Status"), [_CONDITIONS.get(row["condition"], row["status"]), power]
    size = None if row["size"] is None else f"{row['size']} GB"
    yield msg("Flavor"), " ".join(filter(None, (row["flavor"], size, row["type"])))
    yield msg("Zone"), row["zone"]
    addresses = [each for each in (row["public_ip"], row["private_ip"]) if each]
    yield msg("IP addresses"), words.codes(addresses)
    yield msg("A month"), _price(row)


def _faint(id: str | None) -> Child:
    return None if id is None else [" ", el("small", words.code(id))]


def _price(row: Row) -> Child:
    if row["monthly"] is None:
        return None if row["condition"] == MISSING else msg("not known")
    return format.won(row["monthly"]) if row["monthly"] else None
