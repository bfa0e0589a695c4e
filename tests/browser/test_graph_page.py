"""`graph --format html` in a browser."""

from __future__ import annotations

import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from reconciler.render.graph_views import graph_text
from reconciler.render.report import graph_page
from tests.browser import chromium
from tests.browser.chromium import opened
from tests.browser.hostile_texts import TEXTS, Filler
from tests.render.situations import shop

pytestmark = chromium.needed


def test_the_page_draws_the_graph_and_lists_it(browser: Browser, tmp_path: Path) -> None:
    stack = shop().stack()
    graph = json.loads(graph_text(stack, "json"))
    with opened(browser, graph_text(stack, "html").encode(), tmp_path) as report:
        page = report.page
        chromium.wait_for_graph(page.locator("figure.graph"))
        drawn = page.locator("figure.graph").get_attribute("data-drawn")
        items = page.locator("ul.nodes > li").all_text_contents()
        page.locator(".graph-canvas").press("ArrowRight")
        chosen = page.locator(".graph-details h4").inner_text()
        found = Axe().run(page).response["violations"]
    assert drawn == str(len(graph["nodes"])) and len(items) == len(graph["nodes"])
    assert chosen in [node["address"] for node in graph["nodes"]]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert report.noise == []


def test_nothing_in_a_graph_runs(browser: Browser, tmp_path: Path) -> None:
    graph = json.loads(graph_text(shop().stack(), "json"))
    graph["nodes"] = [
        {**node, "id": f"{node['id']} {n}", "address": f"{node['address']} {n}"}
        for n in range(1 + len(TEXTS) // len(graph["nodes"]))
        for node in graph["nodes"]
    ]
    graph["edges"] = [
        {"from": before["id"], "to": after["id"]}
        for before, after in zip(graph["nodes"], graph["nodes"][1:], strict=False)
    ]
    filler = Filler()
    content = graph_page.page(filler.text("shop"), filler.document(graph, "graph"))
    assert {text.removesuffix(f" {before}") for before, text in filler.given.items()} == set(TEXTS)
    with opened(browser, content.encode(), tmp_path, bypass_csp=True) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        for _ in range(12):
            report.page.locator(".graph-canvas").press("ArrowRight")
    assert report.noise == []
