"""The file of a report: complete in itself, escaped, the same each time, in the user's language."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.locale import language
from reconciler.model.plan import RiskClass
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.saved_plan import Made
from reconciler.render.plan import plan_json
from reconciler.render.project.project_json import project_document
from reconciler.render.project.shown_project import ShownProject
from reconciler.render.report import markup, report_page
from reconciler.render.report.markup import el, verbatim
from reconciler.render.report.reported import of_document
from tests.browser import documents
from tests.builders import firewall, nothing, rule, server, volume
from tests.house.test_catalogue import messages
from tests.render import plans
from tests.render.situations import SITUATIONS
from tests.render.test_project_plan import failed, planned
from tests.report.pages import Element, content, graphs, tree

BYTES_MAX = 800_000
MADE = Made(1_795_237_260, "kim@build-7")


def document() -> dict[str, Any]:
    """A plan with something of everything."""
    plan = SITUATIONS["everything_200"].plan()
    given = [Acceptance(RiskClass.DOWNTIME), Acceptance(RiskClass.GONE, "instances.lost")]
    found: dict[str, Any] = json.loads(plan_json.text(plan_json.plan_document(plan, given=given)))
    return found | {"frozen": {"reason": "sale", "by": "kim", "at": 0, "overrides": []}}


def several() -> ShownProject:
    """Three stacks: one with changes, one that waits for it, one that failed."""
    stacks = (
        planned("network", "everything_200"),
        planned("shop/prod", "resize", after=("network",)),
        failed("billing"),
    )
    order = (("billing", "network"), ("shop/prod",))
    return ShownProject(stacks, "shop-infra", order=order, calls=9, exit_code=1)


def pages() -> dict[str, bytes]:
    return {
        "one": report_page.page(of_document(document(), MADE, simulated=True)),
        "empty": report_page.page(of_document(plan_json.plan_document(plans.plan()))),
        "several": report_page.page(of_document(project_document(several()), MADE)),
    }


PAGES = pages()


# What the browser is allowed
# ------------------------------------------------------------------------------------------------


def digest(text: str) -> str:
    found = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{found.decode('ascii')}'"


@pytest.mark.parametrize("name", PAGES)
def test_only_the_style_and_the_script_of_the_file_may_run(name: str) -> None:
    page = tree(PAGES[name])
    (policy,) = (
        each.attributes["content"]
        for each in page.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    (style,) = page.all("style")
    data, *scripts = page.all("script")
    assert data.attributes == {"type": "application/json", "id": "report-data"}
    assert rules == {
        "default-src": "'none'",
        "style-src": digest(style.text),
        "script-src": digest(scripts[0].text) if scripts else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert [each.attributes for each in (style, *scripts)] == [{}] * (1 + len(scripts))
    assert b"\r" not in PAGES[name]  # a parser would read another text than the one of the digest


@pytest.mark.parametrize("name", PAGES)
def test_nothing_leads_out_of_the_file(name: str) -> None:
    page = tree(PAGES[name])
    ids = [each.attributes["id"] for each in page.every if "id" in each.attributes]
    links = [each.attributes["href"] for each in page.every if "href" in each.attributes]
    names = {name for each in page.every for name in each.attributes}
    assert len(set(ids)) == len(ids)
    assert links and all(link and link[0] == "#" and link[1:] in ids for link in links)
    assert not names & {"src", "style", "action", "srcset"}
    assert not [name for name in names if name.startswith("on")]
    labels = {each.attributes.get("aria-labelledby") for each in page.every} - {None}
    assert labels <= set(ids)
    (style,) = page.all("style")
    assert "url(" not in style.text and "@import" not in style.text


def test_a_link_out_of_the_page_cannot_be_made() -> None:
    for target in ("https://attacker.example/", "javascript:alert(1)", "", " #a"):
        with pytest.raises(ValueError, match=f"^{re.escape(target)}$"):
            el("a", "text", href=target)


@pytest.mark.parametrize("text", ["</script>", "a</STYLE >", "<!-- x", "var a = '</'"])
def test_a_script_cannot_contain_its_own_end(text: str) -> None:
    with pytest.raises(ValueError, match="script"):
        verbatim("script", text)


def test_data_cannot_end_its_element() -> None:
    hostile: dict[str, object] = {"a": ["</script><!--\u2028\u2029&\u202e\x00웹"]}
    text = markup.data_text(hostile)
    assert not re.search("[<>&\u2028\u2029\u202e\x00]", text)
    assert json.loads(text) == hostile and "웹" in text


# Texts from outside
# ------------------------------------------------------------------------------------------------

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- ]]> <![CDATA[ &lt;b&gt; &#x3c;b&#x3e;",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "\x00\x1b[2J\x07\r\n\x85\u2028",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "\ud800 lone",
    "가\u3164나 한글 웹 서버",
)
FIXED = frozenset(
    {
        *("format_version", "type", "id", "action", "cause", "severity", "currency", "vat"),
        *("operation", "status", "command", "disk"),
    }
)
"""Members whose values are a closed set."""


def replaced(found: Any, text: str, name: str = "") -> Any:
    """The document with a text behind each text that is not of a closed set."""
    if isinstance(found, dict):
        return {key: replaced(value, text, key) for key, value in found.items()}
    if isinstance(found, list):
        return [replaced(each, text, name) for each in found]
    if isinstance(found, str) and name not in FIXED:
        return f"{found}{text}"
    return found


def shape(element: Element) -> Iterator[tuple[str, list[str]]]:
    """The elements of a page and the names of their attributes, in order."""
    for each in element.every:
        yield each.tag, list(each.attributes)


@pytest.mark.parametrize(
    ("source", "text"), [*(("one", text) for text in HOSTILE), ("several", "".join(HOSTILE))]
)
def test_a_text_from_outside_adds_no_element_and_no_attribute(source: str, text: str) -> None:
    plan = document() if source == "one" else json.loads(json.dumps(project_document(several())))
    plain, hostile = replaced(plan, "x"), replaced(plan, text)
    page = report_page.page(of_document(hostile, Made(0, f"kim{text}")))
    harmless = report_page.page(of_document(plain, Made(0, "kimx")))
    found, expected = list(shape(tree(page))), list(shape(tree(harmless)))
    assert found == expected
    shown = page.decode("utf-8").replace(tree(page).all("script")[-1].text, "")
    hidden = {
        character
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    }
    assert hidden <= {"\n"}, [hex(ord(character)) for character in hidden]
    assert "alert(1)" not in text or "alert(1)" in content(page).text


# Size, bytes, language
# ------------------------------------------------------------------------------------------------


def test_a_report_of_a_large_plan_is_small_enough() -> None:
    case = nothing(
        firewall("web"),
        rule("web", "https"),
        *(server(f"web[{number}]", firewall="web") for number in range(150)),
        *(volume(f"data[{number}]", f"web[{number}]") for number in range(100)),
    )
    page = report_page.page(of_document(plan_json.plan_document(case.plan()), MADE))
    assert len(page) < BYTES_MAX
    assert len(PAGES["one"]) < BYTES_MAX and len(PAGES["several"]) < BYTES_MAX


def test_a_report_of_a_thousand_steps_is_small_and_complete() -> None:
    plan = documents.thousand(1_000)
    page = documents.page(plan)
    assert len(page) < BYTES_MAX
    (graph,) = graphs(page)
    steps = plan["steps"]
    listed = content(page).part("steps").all("ol", "waves")[0].all("ul")
    names = [row.all("code")[0].text for each in listed for row in each.all("li")]
    assert list(graph["nodes"]) == [step["key"] for step in steps]
    assert len(names) == 1_000 and sorted(names) == sorted(graph["nodes"])
    assert graph["edges"] == [(b, step["key"]) for step in steps for b in step["after"]]


def test_the_same_plan_has_the_same_bytes() -> None:
    assert pages() == PAGES
    stored = json.loads(plan_json.text(plan_json.plan_document(plans.mixed())))
    in_memory = plan_json.plan_document(plans.mixed())
    assert report_page.page(of_document(stored)) == report_page.page(of_document(in_memory))


@pytest.fixture
def korean() -> Iterator[None]:
    found = dict(messages())
    language.use(lambda text: str(found.get(text, text)), "ko")
    try:
        yield
    finally:
        language.use(None)


def test_a_report_is_in_the_language_of_the_command(korean: None) -> None:
    page = report_page.page(of_document(project_document(several()), MADE))
    found = tree(page)
    (html,) = found.all("html")
    assert html.attributes["lang"] == "ko"
    (data, *_) = found.all("script")
    assert json.loads(data.text)["language"] == "ko"
    titles = [each.text for tag in ("h1", "h3", "th", "dt", "h5") for each in found.all(tag)]
    english = [
        text for text in titles if not re.search("[가-힣]", text) and text not in names(found)
    ]
    assert len(titles) > 50 and not english
    first, *_ = graphs(page)[0]["nodes"].values()
    assert first["label"] == "블록 스토리지 삭제"


def names(found: Element) -> list[str]:
    """The texts that are names in every language."""
    return [*found.codes(), *(", ".join(each.codes()) for each in found.all("th"))]


def test_hangul_stays_as_it_is() -> None:
    plan = replace(plans.mixed(), stack="shop")
    row = plan_json.plan_document(plan)
    row["changes"][0]["reason"] = "주 웹 서버를 바꿉니다"
    assert "주 웹 서버를 바꿉니다" in report_page.page(of_document(row)).decode("utf-8")


# Several stacks
# ------------------------------------------------------------------------------------------------


def test_several_stacks_have_an_overview_and_a_page_each() -> None:
    page = content(PAGES["several"])
    overview, *stacks = page.all("section", "page")
    assert overview.attributes["id"] == "overview"
    assert [each.all("h2")[0].text for each in stacks] == ["network", "shop/prod", "billing"]
    links = {each.text: each.attributes["href"] for each in overview.all("a")}
    assert links == {each.all("h2")[0].text: f"#{each.attributes['id']}" for each in stacks}
    project = project_document(several())
    for each in project["consent"]["needed"]:
        assert f"{each['stack']} {each['class']} {each['address']}" in overview.text
    assert f"{project['cost']['after']:,} KRW" in overview.text
    assert "failed" in overview.text and "at least" in overview.text
    assert [each.text for each in overview.all("ol")[0].all("li")] == [
        "billing, network",
        "shop/prod",
    ]
    assert "`flavor` is missing" in stacks[2].text and "billing/stack.yaml:12" in stacks[2].text
    assert "Provisional until these are applied" in stacks[1].text


def test_each_graph_has_a_place_that_is_hidden_without_scripts() -> None:
    page = tree(PAGES["several"])
    found = graphs(PAGES["several"])
    figures = page.all("figure", "graph")
    assert [each["stack"] for each in found] == [f.attributes["data-stack"] for f in figures]
    assert len(found) == 2 and all("hidden" in each.attributes for each in figures)
    for graph in found:
        nodes = graph["nodes"]
        assert all(nodes[b]["wave"] < nodes[key]["wave"] for b, key in graph["edges"])
        tones = {node["tone"] for node in nodes.values()}
        assert tones <= {"danger", "care", "good", "plain"}
