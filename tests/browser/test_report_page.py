"""A report in a browser: it asks for nothing, says what the JSON plan says, and everybody can use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator

from reconciler.render import format
from tests.browser import chromium, documents
from tests.browser.chromium import opened
from tests.browser.documents import Document
from tests.browser.hostile_texts import leaves
from tests.report import pages
from tests.report import test_report_facts as facts

pytestmark = chromium.needed

DARK = {"color_scheme": "dark"}
NARROW = {"viewport": {"width": 360, "height": 740}}
LOOKS: dict[str, dict[str, Any]] = {"light": {}, "dark": DARK, "360 px": NARROW}


def test_a_report_opens_from_disk_without_a_request(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        report.page.reload()
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        report.requests.remove(report.file.as_uri())
    assert report.noise == []


def test_the_policy_of_a_report_refuses_what_a_page_could_load(
    browser: Browser, tmp_path: Path
) -> None:
    # The other tests find nothing that is refused; here it is shown that they would.
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        report.page.evaluate(
            """() => {
              document.body.insertAdjacentHTML('beforeend', '<img src="https://attacker.example/x.png">');
              document.body.insertAdjacentHTML('beforeend', '<b onclick="window.x = 1">x</b>');
              document.body.lastElementChild.click();
              const script = document.createElement('script');
              script.textContent = 'window.x = 1';
              document.body.append(script);
            }"""
        )
        report.page.wait_for_function("window.__refused.length >= 3")
        assert report.page.evaluate("window.x") is None
    assert {each.split()[0] for each in report.refused} >= {
        "img-src",
        "script-src-attr",
        "script-src-elem",
    }


# The same facts as the JSON plan
# ------------------------------------------------------------------------------------------------


def test_the_page_that_chromium_reads_says_what_the_plans_say(
    browser: Browser, tmp_path: Path
) -> None:
    # Goal: `tests/report` compares the file with the JSON plan. Here it is what a browser makes of
    # the file, without scripts.
    plans = documents.varied()
    with opened(browser, documents.pages(plans), tmp_path, java_script_enabled=False) as report:
        main = pages.content(report.page.content().encode())
    sections = {each.all("h2")[0].text: each for each in main.all("section", "page")}
    missing = []
    for title, plan in plans.items():
        section = sections[title]
        for row in plan["changes"]:
            facts.check_change(section.part("changes"), row)
        for row in plan["drift"]:
            facts.check_change(section.part("drift"), row)
        facts.check_steps(section.part("steps"), plan)
        facts.check_reach(section.part("reach"), plan)
        facts.check_cost(section.part("cost"), plan)
        text = section.text
        for path, value in leaves(plan, lambda path: path.replace("[]", "") not in IN_WORDS):
            if not any(each in text for each in _spellings(path, value)):
                missing.append((title, path, value))
    assert missing == [], missing


IN_WORDS = {
    *("format_version", "type", "stack", "environment", "summary", "cost.currency", "cost.vat"),
    *("changes.action", "changes.fields.cause", "changes.impact", "steps.operation"),
    *("drift.fields.cause", "drift.impact", "problems.severity"),
    # Only the JSON plan has them.
    *("problems.place.column", "unmanaged.objects", "unmanaged.unpriced"),
}
"""Members that a page has in words, which `tests/report` looks for, or not at all."""


def _spellings(path: str, value: object) -> Iterator[str]:
    """What a value may look like in a page."""
    if value is None or isinstance(value, bool):
        yield ""
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int):
        if path.endswith(("at", "opens")) and value > 1_000_000_000:
            yield format.moment(value)
        elif "seconds" in path:
            yield format.duration(value)
        elif path.startswith("cost"):
            yield format.won(value)
        else:
            yield from (str(value), f"{value:,}")
    else:
        yield json.dumps(value)


def test_no_text_is_hidden_from_a_reader_without_scripts(browser: Browser, tmp_path: Path) -> None:
    plans = {name: documents.varied()[name] for name in ("gated", "drift", "errors", "mixed")}
    with opened(browser, documents.pages(plans), tmp_path, java_script_enabled=False) as report:
        page = report.page
        for title in plans:
            page.locator("#overview a", has_text=re.compile(f"^{title}$")).click()
            section = page.locator("section.page:visible")
            figures = section.locator("figure.graph").all_text_contents()
            written = (section.text_content() or "").replace("".join(figures), "", 1)
            assert "".join(section.inner_text().split()) == "".join(written.split()), title
            page.get_by_role("link", name="Back to the overview").click()
    assert report.noise == []


def test_the_graph_has_the_steps_of_the_plan(browser: Browser, tmp_path: Path) -> None:
    plans = documents.varied()
    content = documents.pages(plans)
    with opened(browser, content, tmp_path) as report:
        labels = report.page.locator(".graph-canvas").evaluate_all(
            "(all) => all.map((each) => [each.closest('figure').dataset.stack, each.ariaLabel])"
        )
    found = {graph["stack"]: graph for graph in pages.graphs(content)}
    assert set(found) == {title for title, plan in plans.items() if plan["steps"]}
    assert [title for title, _ in labels] == list(found)
    for title, label in labels:
        steps, graph = plans[title]["steps"], found[title]
        nodes = graph["nodes"]
        assert [(key, node["address"], node["operation"]) for key, node in nodes.items()] == [
            (step["key"], step["address"], step["operation"]) for step in steps
        ]
        assert sorted(graph["edges"]) == sorted(
            (before, step["key"]) for step in steps for before in step["after"]
        )
        # No step is in a wave before one that it waits for.
        assert all(nodes[b]["wave"] < nodes[key]["wave"] for b, key in graph["edges"])
        assert f"{title}: nodes {len(steps)}, waves" in label


# Everybody can use it
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, look: str) -> None:
    assert _serious(browser, tmp_path, documents.gated(), **LOOKS[look]) == []


@pytest.mark.parametrize("name", ["folded", "errors"])
def test_axe_finds_nothing_serious_in_other_plans(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    plan = documents.thousand(160) if name == "folded" else documents.varied()[name]
    part = "figure.graph" if name == "folded" else "main"
    assert _serious(browser, tmp_path, plan, part=part) == []


def _serious(
    browser: Browser, folder: Path, plan: Document, *, part: str = "html", **options: Any
) -> list[object]:
    """What axe finds in a part of the report of a plan while a step of its graph is chosen."""
    with opened(browser, documents.page(plan), folder, **options) as report:
        if report.page.locator("figure.graph").count():
            chromium.wait_for_graph(report.page.locator("figure.graph"))
            report.page.locator(".graph-canvas").press("ArrowRight")
        found = Axe().run(report.page, context=part).response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def test_axe_sees_what_it_should(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        report.page.evaluate("document.querySelector('.graph-tools button').ariaLabel = ''")
        report.page.evaluate("document.querySelector('.graph-tools button').textContent = ''")
        report.page.evaluate("document.querySelector('.graph-tools button').title = ''")
        found = Axe().run(report.page, context="figure.graph").response["violations"]
    assert "button-name" in [each["id"] for each in found]


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_wider_than_the_window(browser: Browser, tmp_path: Path, look: str) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path, **LOOKS[look]) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        wide = report.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_a_printed_report_has_the_list_of_steps_and_no_graph(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, documents.page(documents.gated()), tmp_path) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        report.page.emulate_media(media="print", color_scheme="dark")
        assert not _is_visible(report.page.locator("figure.graph"))
        assert _is_visible(report.page.locator(".waves"))
        paper = report.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def _is_visible(found: Locator) -> bool:
    return found.first.is_visible()
