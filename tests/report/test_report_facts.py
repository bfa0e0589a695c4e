"""A report says what the JSON plan says, and a reader without JavaScript finds all of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import Made
from reconciler.render import escape, format
from reconciler.render.plan import plan_json
from reconciler.render.report import page_words, report_page, step_waves
from reconciler.render.report.reported import of_document
from tests.planner.test_plan_id import SAVED
from tests.render import plans
from tests.render.situations import SITUATIONS
from tests.report.pages import Element, content

PLANS = {name: SITUATIONS[name].plan for name in SITUATIONS if not name.startswith("five")} | {
    "mixed": plans.mixed,
    "first": plans.first,
    "replaced": plans.replaced,
}


def document(name: str) -> dict[str, Any]:
    """The JSON plan of a plan, as a program that reads it gets it."""
    accept = SITUATIONS[name].accept if name in SITUATIONS else ()
    found = plan_json.plan_document(PLANS[name](), given=accept)
    read: dict[str, Any] = json.loads(plan_json.text(plan_json.with_id(found, "ab" * 32)))
    return read


def shown(value: Any) -> str:
    """A value as a page shows it."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return escape.visible(text)


def after(field: dict[str, Any]) -> str:
    if not field["known_after_apply"]:
        return shown(field["after"])
    names = ", ".join(map(escape.visible, field["waits_for"]))
    return f"known after apply: {names}" if names else "known after apply"


def cells(row: Element) -> list[str]:
    return [each.text for each in row.children if isinstance(each, Element)]


def objects_of(card: Element) -> list[str]:
    """The addresses that a card is about: in its title, or in its table of equal changes."""
    rows = [row for table in card.all("table", "objects") for row in table.all("tr")]
    return [*card.all("h4")[0].codes(), *(cells(row)[0] for row in rows)]


def check_change(part: Element, change: dict[str, Any]) -> None:
    """The card of a change has its fields with their causes, and all of its effects."""
    address, single = escape.visible(change["address"]), True
    card = next(each for each in part.all("article") if address in objects_of(each))
    own = {escape.visible(change["address"]): ""}
    for table in card.all("table", "objects"):
        single = False
        titles = cells(table.all("tr")[0])
        row = next(each for each in table.all("tr") if cells(each)[0] == address)
        own = dict(zip(titles, cells(row), strict=True))
    common = {
        cells(row)[0]: cells(row)[1:]
        for table in card.all("table", "fields")
        for row in table.all("tr")
    }
    text = card.text
    for field in change["fields"]:
        path, cause = escape.visible(field["path"]), str(page_words.CAUSES[field["cause"]])
        if path in common:
            *values, last = common[path]
            wanted = [shown(field["before"]), after(field)]
            assert values in (wanted, wanted[1:] if field["before"] is None else wanted), change
            assert last.startswith(cause)
            if field["place"]:
                assert f"{field['place']['file']}:{field['place']['line']}" in last
        else:
            before = "" if field["before"] is None else f"{shown(field['before'])} → "
            assert not single and own[f"{path} ({cause})"] == before + after(field)
    assert escape.visible(change["reason"]) in text
    impact = change["impact"]
    for traffic in (*impact["opens"], *impact["closes"]):
        assert escape.visible(traffic) in card.codes() or traffic in own.get("effect", "")
    assert set(impact["classes"]) <= set(card.codes())
    for loss in impact["data_loss"]:
        assert f"disk {loss['address']}" in text or f"storage {loss['address']}" in text
        assert loss["gb"] is None or f"{loss['gb']} GB" in text
    if impact["downtime_seconds"] and impact["downtime_seconds"][1]:
        assert format.span(*impact["downtime_seconds"]) in text
    for member, words in (
        ("exposure_seconds", "without its firewall for"),
        ("address_change", "its addresses change"),
        ("blocked_by", "held back by"),
    ):
        assert (words in text) == bool(impact[member])
    assert ("cannot be undone" in text) != impact["reversible"]


@pytest.mark.parametrize("name", PLANS)
def test_every_fact_of_the_plan_is_on_the_page(name: str) -> None:
    plan = document(name)
    page = content(report_page.page(of_document(plan)))
    for change in plan["changes"]:
        check_change(page.part("changes"), change)
        assert str(page_words.ACTIONS[change["action"]]) in page.part("changes").text
    for row in plan["drift"]:
        check_change(page.part("drift"), row)
    check_steps(page.part("steps"), plan)
    check_reach(page.part("reach"), plan)
    check_cost(page.part("cost"), plan)
    everything = page.text
    for problem in plan["problems"]:
        assert escape.visible(problem["message"]) in everything
        assert problem["hint"] is None or escape.visible(problem["hint"]) in everything
    for each in plan["consent"]["needed"] + plan["consent"]["given"]:
        where = "every address" if each["address"] is None else escape.visible(each["address"])
        assert f"{each['class']} {where}" in page.part("attention").text
    assert plan["id"] in page.part("about").codes()
    assert plan["digest"] in page.part("about").codes()


def check_steps(part: Element, plan: dict[str, Any]) -> None:
    """The steps are in waves, in their order, with what they wait for."""
    waves = list((part.all("ol", "waves") or [Element("ol")])[0].children)
    of = {}
    for number, wave in enumerate(waves, 1):
        assert isinstance(wave, Element) and wave.all("h4")[0].text == f"Wave {number}"
        for item in wave.all("ul")[0].all("li"):
            key, *others = item.codes()
            of[key] = (number, others, item.text)
    assert sorted(of) == sorted(escape.visible(step["key"]) for step in plan["steps"])
    for step in plan["steps"]:
        number, others, text = of[escape.visible(step["key"])]
        before = [escape.visible(key) for key in step["after"]]
        assert others[: len(before)] == before
        assert all(of[key][0] < number for key in before if key in of)
        assert set(step["fallback"] or ()) <= set(others)
        assert step["calls"] == 1 or f"{step['calls']} API calls" in text
        assert ("critical" in text) == (step["key"] in plan["critical"])


def check_reach(part: Element, plan: dict[str, Any]) -> None:
    """Each server has what can reach it, before and after."""
    for row in plan["reach"]:
        group = next(
            each for each in part.all("div", "reach") if row["server"] in each.all("h4")[0].codes()
        )
        sides = {each.all("h5")[0].text: each for each in group.all("div", "sides")[0].children if isinstance(each, Element)}  # fmt: skip
        for member, title in (("before", "Before"), ("after", "After")):
            side = sides["Before and after"] if len(sides) == 1 else sides[title]
            assert side.codes() == (row[member] or [])
            assert ("not known" in side.text) == (row[member] is None)
            others = row["after" if member == "before" else "before"]
            there = {one for line in others or () for one in traffic(line)}
            for line, item in zip(row[member] or (), side.all("li"), strict=True):
                is_new = others is not None and bool(traffic(line) - there)
                assert bool(item.all("ins") or item.all("del")) == is_new


def traffic(line: str) -> set[tuple[str, str]]:
    """The ports of a line with each of its addresses."""
    ports, way, addresses = next((line.partition(way) for way in (" from ", " to ") if way in line), (line, "", ""))  # fmt: skip
    return {(port, way + one) for port in ports.split(", ") for one in addresses.split(", ")}


def check_cost(part: Element, plan: dict[str, Any]) -> None:
    """The sums, and what each object costs before and after."""
    cost = plan["cost"]
    for amount in (cost["before"], cost["after"]):
        assert amount is None or f"{amount:,} KRW" in part.text
    assert set(cost["unknown"]) <= set(part.codes())
    rows = [each for table in part.all("table", "cost") for each in table.all("tr")[1:]]
    for each in cost["parts"]:
        row = next(row for row in rows if each["address"] in row.codes())
        sides = cells(row)[1:]
        amounts = (each["before"], each["after"])[2 - len(sides) :]
        assert len(sides) == 2 or each["before"] == each["after"]
        for side, amount in zip(sides, amounts, strict=True):
            assert side.startswith("not known" if amount is None else f"{amount:,} KRW")


def test_equal_changes_have_one_card() -> None:
    page = content(report_page.page(of_document(document("thirty"))))
    cards = page.part("changes").all("article")
    assert len(cards) < len(document("thirty")["changes"])
    assert any("× 6" in card.text for card in cards)


def test_attention_comes_first() -> None:
    plan = document("everything_200") | {
        "frozen": {"reason": "the sale", "by": "lee@desk", "at": 1_767_100_000, "overrides": [{"reason": "hotfix", "by": "kim@desk", "at": 1_767_000_000}]},
        "window": {"opens": 1_767_200_000},
    }  # fmt: skip
    plan["problems"].append(
        {"severity": "error", "code": "policy", "message": "no world-open ssh", "address": None, "place": None, "hint": None}
    )  # fmt: skip
    page = content(report_page.page(of_document(plan)))
    first = page.all("section")[0]
    assert first.attributes["id"] == "stack-1-attention"
    for text in (
        "the sale",
        "lee@desk",
        "hotfix",
        "kim@desk",
        "no world-open ssh",
        format.moment(1_767_200_000),
    ):
        assert text in first.text, text
    dangerous = [c["address"] for c in plan["changes"] if c["impact"]["classes"]]
    assert dangerous and set(dangerous) <= set(first.codes())
    errors = [p["message"] for p in plan["problems"] if p["severity"] == "error"]
    assert all(message in first.text for message in errors)


def test_a_saved_plan_says_when_and_by_whom_it_was_made() -> None:
    saved = saved_plan.read(saved_plan.write(replace(SAVED, account="5f0e8c")))
    found = plan_json.with_id(plan_json.plan_document(saved.plan), saved.id)
    page = content(
        report_page.page(of_document(found, Made(1_795_237_260, "kim@build-7"), simulated=True))
    )
    about = page.part("about")
    assert "kim@build-7" in about.text and format.moment(1_795_237_260) in about.text
    assert "a local cloud" in about.text
    assert "5f0e8c" not in page.text and page.part("reach").codes()


@pytest.mark.parametrize(
    ("after", "waves"),
    [
        ({}, {}),
        ({"a": [], "b": ["a"], "c": ["a", "b"], "d": []}, {"a": 1, "b": 2, "c": 3, "d": 1}),
        ({"b": ["a"], "a": []}, {"a": 1, "b": 2}),
        ({"a": ["gone"]}, {"a": 1}),
        ({str(n): [str(n + 1)] for n in range(3000)}, None),
    ],
)
def test_a_wave_is_one_more_than_the_last_that_it_waits_for(
    after: dict[str, list[str]], waves: dict[str, int] | None
) -> None:
    found = step_waves.waves(after)
    assert dict(found) == waves if waves is not None else found["0"] == 3000
