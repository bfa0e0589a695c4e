"""What the objects of a stack cost a month, before and after a plan."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.common.text import msg
from reconciler.render import format
from reconciler.render.plan.address_ranges import grouped
from reconciler.render.plan.plan_sections import GROUP_MIN
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row


def of_plan(plan: Row | None) -> list[Markup]:
    """The sums, the objects with a price, and what has none; nothing if nothing is known."""
    if plan is None:
        return []
    cost, others = plan["cost"], plan["unmanaged"]
    found = []
    if cost["before"] is not None or cost["after"] is not None or cost["unknown"]:
        found.append(el("p", change(cost, complete=not cost["unknown"])))
    if cost["unknown"]:
        found.append(el("p", msg("Without a known price"), ": ", words.codes(cost["unknown"])))
    if cost.get("parts"):
        found.append(_table(cost["parts"]))
    if others["count"]:
        found += _unmanaged(others)
    return found


def change(cost: Row, *, complete: bool) -> Child:
    """What a month costs before and after, and the difference. Not `complete`: each may be more."""
    before, after = cost["before"], cost["after"]
    found: list[Child] = [el("strong", words.won(after))]
    if before != after:
        found = [el("strong", words.won(before)), " \u2192 ", *found]
    if before not in (None, after) and after is not None:
        found.append([" (", format.won(after - before, signed=True), ")"])
    return [
        *found,
        [" ", msg("a month without VAT")],
        None if complete else [", ", msg("at least")],
    ]


def _table(parts: Iterable[Row]) -> Markup:
    """Each object; those that cost the same are named in one row, if they are many."""
    parts = list(parts)
    is_same = all(part["before"] == part["after"] for part in parts)
    rows = []
    for group in grouped(parts, lambda part: (part["before"], part["after"])):
        several = len(group) >= GROUP_MIN
        for members in [group] if several else [[part] for part in group]:
            number = [f" \u00d7 {len(members)}, ", msg("each")] if several else None
            rows.append(
                el(
                    "tr",
                    el("th", words.codes(part["address"] for part in members), scope="row"),
                    None if is_same else el("td", words.won(members[0]["before"]), number),
                    el("td", words.won(members[0]["after"]), number),
                )
            )
    sides = (msg("A month"),) if is_same else (msg("Before"), msg("After"))
    titles = (msg("Object"), *sides)
    head = el("thead", el("tr", (el("th", title, scope="col") for title in titles)))
    return el("table", head, el("tbody", rows), class_="cost")


def _unmanaged(others: Row) -> list[Markup]:
    """The objects of the account that the stack does not manage."""
    text = msg("Other objects of the account, which the stack does not manage")
    unpriced = others.get("unpriced")
    found = [
        el(
            "p",
            [text, f": {others['count']}, ", words.won(others["monthly"])],
            [", ", msg("without a known price"), f": {unpriced}"] if unpriced else None,
        )
    ]
    if others.get("objects"):
        rows = [
            el(
                "li",
                words.code(each["id"]),
                [" ", each["name"]] if each["name"] else None,
                f" ({each['kind']}) ",
                words.won(each["monthly"]),
            )
            for each in others["objects"]
        ]
        found.append(el("ul", rows))
    return found
