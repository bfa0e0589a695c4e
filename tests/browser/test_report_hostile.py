"""Nothing that a plan carries runs in a report, and all of it is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from reconciler.planner.saved_plan import Made
from reconciler.render import escape
from reconciler.render.project.project_json import project_document
from reconciler.render.report import report_page
from reconciler.render.report.reported import of_document, of_state
from tests.browser import chromium, documents
from tests.browser.chromium import Opened, opened
from tests.browser.hostile_texts import ATTRIBUTES, MARKUP, TEXTS, Filler
from tests.cli.sessions import WEB, apply, begin, call
from tests.report.test_report_page import several

pytestmark = chromium.needed

ELEMENTS = """
  html head meta title style body a header h1 h2 h3 h4 h5 main nav section article div span p ul ol li
  dl dt dd table thead tbody tr th td code strong small ins del figure figcaption footer script button canvas
"""
SHAPE = """() => {
  const all = [...document.querySelectorAll('*')];
  return {
    names: [...new Set(all.map((each) => each.localName))],
    scripts: document.querySelectorAll('script').length,
    handlers: all.flatMap((each) => each.getAttributeNames()).filter((name) => name.startsWith('on')),
    links: all.flatMap((each) => ['href', 'src', 'action', 'srcdoc', 'data', 'formaction']
      .map((name) => each.getAttribute(name))).filter((link) => link && !link.startsWith('#')),
  };
}"""


def is_safe(report: Opened) -> None:
    """Moves through the graph, and looks for anything that a text made."""
    page = report.page
    for number in range(1, 6):
        page.evaluate("(number) => { location.hash = `#stack-${number}` }", number)
        one = page.locator("section.page").count() == 0
        figure = page.locator("figure.graph" if one else f"#stack-{number} figure.graph")
        if figure.count():
            chromium.wait_for_graph(figure)
            for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
                figure.locator(".graph-canvas").press(key)
    shape: dict[str, Any] = page.evaluate(SHAPE)
    assert set(shape["names"]) <= set(ELEMENTS.split())
    assert shape["scripts"] <= 2
    assert (shape["handlers"], shape["links"]) == ([], [])


@pytest.mark.parametrize("bypass_csp", [False, True], ids=["policy", "no-policy"])
def test_no_text_of_a_plan_runs(browser: Browser, tmp_path: Path, bypass_csp: bool) -> None:
    # Goal: escaping alone keeps a report safe, and so does its policy. Each text comes to several
    # places, as every plan begins with another one.
    plans = documents.varied()
    given: dict[str, str] = {}
    hostile = {}
    for number, (title, plan) in enumerate(plans.items()):
        filler = Filler(number * 5)
        hostile[filler.text(title)] = filler.document(plan, "plan")
        given |= {f"{number} {before}": text for before, text in filler.given.items()}
    assert len({text.rsplit(" ", 1)[0] for text in given.values()}) >= len(TEXTS) * 0.9
    with opened(browser, documents.pages(hostile), tmp_path, bypass_csp=bypass_csp) as report:
        is_safe(report)
    assert report.noise == []


def test_no_text_of_a_project_runs(browser: Browser, tmp_path: Path) -> None:
    project = json.loads(escape.json_text(project_document(several())))
    found = Filler(17).document(project, "project_plan")
    made = Made(0, f"{MARKUP[0]}@{MARKUP[1]}")
    content = report_page.page(of_document(found, made, simulated=True))
    with opened(browser, content, tmp_path, bypass_csp=True) as report:
        is_safe(report)
    assert report.noise == []


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[::-1]], ids=["forwards", "backwards"])
def test_a_title_of_a_single_stack_does_not_run(
    browser: Browser, tmp_path: Path, texts: tuple[str, ...]
) -> None:
    # The first text that takes effect may hide what comes after it: hence both directions.
    plan = documents.varied()["replace_server"] | {"stack": " ".join(texts)}
    with opened(browser, documents.page(plan), tmp_path, bypass_csp=True) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        for shown in (report.page.title(), report.page.locator("h1").text_content() or ""):
            assert all(text in shown for text in texts if text.isascii() and text.isprintable())
    assert report.noise == []


def test_hostile_texts_are_shown_and_not_dropped(browser: Browser, tmp_path: Path) -> None:
    filler = Filler()
    plan = filler.document(documents.gated(), "plan")
    with opened(browser, documents.page(plan), tmp_path, java_script_enabled=False) as report:
        text = report.page.locator("body").text_content() or ""
    messages = [row["message"] for row in plan["problems"]] + [
        row["reason"] for row in plan["changes"]
    ]
    assert messages
    for each in messages:
        assert escape.visible(each) in text, each


def test_nothing_in_a_stack_file_runs(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the whole way, from a file of a pull request to the page that a reviewer opens.
    texts = [text for text in (*MARKUP, *ATTRIBUTES) if text.isprintable()]
    keys = ("<svg onload=a()>", "<b onclick=a()>", "</script><script>", "javascript:a()")
    rule = {"direction": "in", "protocol": "tcp", "ports": 443, "cidr": "10.0.0.${each.value}/32"}
    firewall = {
        "description": "</script><script>a()</script>",
        "rules": {
            "api": {
                **rule,
                "for_each": {key: n for n, key in enumerate(keys)},
                "title": "<img src onerror=a()>",
            }
        },
    }
    stack = {
        "version": 1,
        "stack": "shop",
        "firewalls": {"web": firewall},
        "outputs": {f"text_{n}": {"value": text} for n, text in enumerate(texts)},
    }
    name = "'\"><img src=x onerror=a()>.yaml"
    begin(monkeypatch, tmp_path, {name: json.dumps(stack)})
    planned = call(capsys, "plan", name, "--out", "shop.plan")
    assert planned[0] == 0, planned
    assert call(capsys, "report", "shop.plan", name, "--out", "shop.html")[0] == 0
    content = Path("shop.html").read_bytes()
    with opened(browser, content, tmp_path, bypass_csp=True) as report:
        chromium.wait_for_graph(report.page.locator("figure.graph"))
        report.page.locator(".graph-canvas").press("ArrowRight")
        shown = report.page.locator("main").text_content() or ""
    assert report.noise == []
    assert [text for text in (*texts, *keys, *firewall.values()) if str(text) not in shown][
        1:
    ] == []


def test_nothing_in_a_state_runs(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Names and texts of an account may come from people who never saw the stack.
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    apply(capsys)
    call(capsys, "simulator", "do", "set", "firewall", "shop-web", "icmp=N", "--stack", "web.yaml")
    shown = {
        name: json.loads(call(capsys, *words, "web.yaml", "--format", "json")[1])
        for name, words in {"plan": ["drift"], "resources": ["ls"], "graph": ["graph"]}.items()
    }
    for first in range(0, len(TEXTS), 30):
        filler = Filler(first)
        found = {name: filler.document(document, name) for name, document in shown.items()}
        drift = of_document(found["plan"])
        title = drift.stacks[0].title
        report = of_state(drift, {title: (found["resources"], found["graph"])})
        content = report_page.page(report)
        with opened(browser, content, tmp_path, bypass_csp=True) as page:
            is_safe(page)
        assert page.noise == []
