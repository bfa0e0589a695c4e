"""Changes and drift: a card for each, with its fields, its causes and what it does to what runs."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.text import msg
from reconciler.model.plan import Action
from reconciler.render import format
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row


def card(change: Row, id: str | None = None) -> Markup:
    """One change; a row of drift has no action of its own."""
    action = change.get("action")
    head = [words.code(change["address"])]
    if action is not None:
        sign = el("span", words.sign(action), class_="sign", aria_hidden="true")
        head = [sign, *head, el("span", words.ACTIONS[action], class_="tag")]
    effects = [el("li", effect) for effect in effects_of(change["impact"])]
    return el(
        "article",
        el("h4", head, words.place(change["place"])),
        el("p", change["reason"]) if change["reason"] else None,
        el("ul", effects, class_="effects") if effects else None,
        _fields(change) if change["fields"] else None,
        id=id,
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


def _fields(change: Row) -> Markup:
    is_new = change.get("action") == Action.CREATE.value
    with_before = not is_new or any(field["before"] is not None for field in change["fields"])
    titles = [msg("field"), *([msg("before")] if with_before else []), msg("after"), msg("cause")]
    rows = []
    for field in change["fields"]:
        before = [el("td", words.value(field["before"]))] if with_before else []
        cause = [words.CAUSES[field["cause"]], words.place(field["place"])]
        rows.append(
            el(
                "tr",
                el("th", words.code(field["path"]), scope="row"),
                before,
                el("td", _after(field)),
                el("td", cause, class_="cause"),
            )
        )
    return el(
        "table",
        el("thead", el("tr", (el("th", title, scope="col") for title in titles))),
        el("tbody", rows),
        class_=("fields", None if with_before else "new"),
    )


def _after(field: Row) -> Child:
    if not field["known_after_apply"]:
        return words.value(field["after"])
    if not field["waits_for"]:
        return msg("known after apply")
    return [msg("known after apply"), ": ", words.codes(field["waits_for"])]
