"""Changes and drift: a card for each, with its fields, its causes and what it does to what runs.

Equal changes of the objects of one resource have one card. It shows once what they have in common,
and has a table of what differs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from reconciler.common.text import msg
from reconciler.model.address import parse
from reconciler.model.plan import Action
from reconciler.render import format
from reconciler.render.plan.address_ranges import grouped, span
from reconciler.render.plan.plan_sections import GROUP_MIN
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row


def cards(changes: Iterable[Row]) -> list[Markup]:
    """All changes, in their order. What needs consent has a card of its own."""
    found: list[Markup] = []
    for group in grouped(changes, _equality):
        if len(group) < GROUP_MIN:
            found += [_card([each]) for each in group]
        else:
            found.append(_card(group))
    return found


def _equality(change: Row) -> object:
    address = parse(change["address"])
    if address is None or address.index is None or change["impact"]["classes"]:
        return change["address"]
    fields = [(f["path"], f["cause"], f["place"]) for f in change["fields"]]
    rest = [change.get("action"), change["reason"], change["place"], fields]
    own, impact = format.short(change["address"]), json.dumps(change["impact"])
    return str(address.resource), address.rule, json.dumps(rest), impact.replace(own, "@")


def _card(changes: Sequence[Row]) -> Markup:
    """The card of one change, or of several equal ones. A row of drift has no action of its own."""
    change = changes[0]
    action = change.get("action")
    title = change["address"]
    if len(changes) > 1:
        title = span([found for each in changes if (found := parse(each["address"]))])
    head: list[Child] = [words.code(title)]
    if len(changes) > 1:
        head.append(el("span", f"\u00d7 {len(changes)}", class_="tag"))
    if action is not None:
        sign = el("span", words.sign(action), class_="sign", aria_hidden="true")
        head = [sign, *head, el("span", words.ACTIONS[action], class_="tag")]
    is_same = all(each["impact"] == change["impact"] for each in changes)
    effects = [el("li", effect) for effect in effects_of(change["impact"])] if is_same else []
    return el(
        "article",
        el("h4", head, words.place(change["place"])),
        el("p", change["reason"]) if change["reason"] else None,
        el("ul", effects, class_="effects") if effects else None,
        _fields(changes),
        _differences(changes) if len(changes) > 1 else None,
        class_=("change", f"tone-{words.tone(change)}"),
    )


def effects_of(impact: Row) -> Iterator[Child]:
    """What a change does to what runs, a line each."""
    if impact["classes"]:
        yield [msg("needs consent"), ": ", words.codes(impact["classes"])]
    if impact["blocked_by"]:
        yield [msg("held back by"), ": ", words.code(impact["blocked_by"])]
    if impact["downtime_seconds"] is not None:
        low, high = impact["downtime_seconds"]
        yield [
            msg("down until it is started")
            if high is None
            else msg("down for {duration}", duration=format.span(low, high))
        ]
    for loss in impact["data_loss"]:
        size = [] if loss["gb"] is None else [" (", f"{loss['gb']} GB", ")"]
        disk = msg("root disk") if loss["disk"] == "root" else msg("block storage")
        yield [msg("lost permanently"), ": ", disk, " ", words.code(loss["address"]), *size]
    if impact["address_change"]:
        yield [msg("its addresses change")]
    if impact["exposure_seconds"] is not None:
        duration = format.duration(impact["exposure_seconds"])
        yield [msg("without its firewall for {duration}", duration=duration)]
    yield from ([msg("opens"), ": ", words.code(each)] for each in impact["opens"])
    yield from ([msg("closes"), ": ", words.code(each)] for each in impact["closes"])
    if not impact["reversible"]:
        yield [msg("cannot be undone without loss")]


# Fields
# ------------------------------------------------------------------------------------------------


def _fields(changes: Sequence[Row]) -> Markup | None:
    """The fields that all of the changes have in common: of one change, all of them."""
    change = changes[0]
    common = [f for number, f in enumerate(change["fields"]) if _is_common(changes, number)]
    if not common:
        return None
    with_before = not _is_new(change) or any(field["before"] is not None for field in common)
    titles = [msg("Field"), *([msg("Before")] if with_before else []), msg("After"), msg("Cause")]
    rows = []
    for field in common:
        before = el("td", words.value(field["before"]), data_label=msg("Before"))
        cause = [words.CAUSES[field["cause"]], words.place(field["place"])]
        rows.append(
            el(
                "tr",
                el("th", words.code(field["path"]), scope="row"),
                before if with_before else None,
                el("td", _after(field), data_label=msg("After")),
                el("td", cause, class_="cause", data_label=msg("Cause")),
            )
        )
    return el("table", _head(titles), el("tbody", rows), class_="fields")


def _differences(changes: Sequence[Row]) -> Markup:
    """The addresses of equal changes, each with the fields in which they differ."""
    varying = [
        number for number in range(len(changes[0]["fields"])) if not _is_common(changes, number)
    ]
    names = [words.code(changes[0]["fields"][number]["path"]) for number in varying]
    causes = [words.CAUSES[changes[0]["fields"][number]["cause"]] for number in varying]
    titles: list[Child] = [
        [name, " (", cause, ")"] for name, cause in zip(names, causes, strict=True)
    ]
    is_same = all(each["impact"] == changes[0]["impact"] for each in changes)
    rows = [
        el(
            "tr",
            el("th", words.code(each["address"]), scope="row"),
            (el("td", _edit(each["fields"][number])) for number in varying),
            None if is_same else el("td", ([text, " "] for text in effects_of(each["impact"]))),
        )
        for each in changes
    ]
    titles += [] if is_same else [msg("Effect")]
    return el("table", _head([msg("Object"), *titles]), el("tbody", rows), class_="objects")


def _is_common(changes: Sequence[Row], number: int) -> bool:
    first = changes[0]["fields"][number]
    return all(each["fields"][number] == first for each in changes)


def _is_new(change: Row) -> bool:
    return bool(change.get("action") == Action.CREATE.value)


def _head(titles: Iterable[Child]) -> Markup:
    return el("thead", el("tr", (el("th", title, scope="col") for title in titles)))


def _edit(field: Row) -> Child:
    """Before and after in one cell; only after, if there was nothing."""
    if field["before"] is None:
        return _after(field)
    return [words.value(field["before"]), " \u2192 ", _after(field)]


def _after(field: Row) -> Child:
    if not field["known_after_apply"]:
        return words.value(field["after"])
    if not field["waits_for"]:
        return msg("known after apply")
    return [msg("known after apply"), ": ", words.codes(field["waits_for"])]
