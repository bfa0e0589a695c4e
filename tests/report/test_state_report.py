"""`report --state`: what is there, who can reach it, what it costs, and what waits for what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.model import exit_codes
from tests.cli.sessions import WEB, apply, begin, call
from tests.report.pages import Element, content, graphs, tree


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def written(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> bytes:
    """The file of `report --state` with these arguments."""
    found, out, _ = call(capsys, "report", "--state", *arguments, "--out", "state.html")
    assert (found, out) == (code, "")
    return Path("state.html").read_bytes()


def test_the_objects_of_ls_are_in_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    page = written(capsys, "web.yaml")
    listed = json.loads(call(capsys, "ls", "web.yaml", "-o", "json")[1])
    part = content(page).part("objects")
    rows = {row.all("th")[0].text: row.text for row in part.all("tr")[1:]}
    assert set(rows) == {each["address"] for each in listed["objects"]}
    for each in listed["objects"]:
        for name in ("name", "id", "status", "flavor", "zone", "public_ip", "private_ip"):
            assert each[name] is None or each[name] in rows[each["address"]], (each, name)
        assert not each["monthly"] or f"{each['monthly']:,} KRW" in rows[each["address"]]
    assert f"{listed['cost']['monthly']:,} KRW" in part.text
    assert tree(page).all("h1")[0].text == "State of shop"


def test_a_state_has_its_traffic_and_its_graph(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    page = written(capsys, "web.yaml")
    reach = content(page).part("reach")
    assert reach.all("h4")[0].codes() == ["instances.web"]
    assert [each.text for each in reach.all("h5")] == ["Now"]
    assert reach.codes()[1:] == ["tcp/443 from 0.0.0.0/0", "ping"]
    graph = json.loads(call(capsys, "graph", "web.yaml", "--format", "json")[1])
    assert list(graphs(page)[0]["nodes"]) == [node["id"] for node in graph["nodes"]]
    assert {node["address"] for node in graph["nodes"]} <= set(content(page).part("graph").codes())
    assert not content(page).part("changes").text and not content(page).part("steps").text


def test_drift_and_missing_objects_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    call(capsys, "simulator", "do", "set", "firewall", "shop-web", "icmp=N", "--stack", "web.yaml")
    page = content(written(capsys, "web.yaml"))
    assert page.part("drift").codes()[:2] == ["firewalls.web", "icmp"]
    call(capsys, "simulator", "do", "delete", "instance", "shop-web", "--stack", "web.yaml")
    found, _, _ = call(capsys, "report", "--state", "web.yaml", "--out", "state.html")
    page = content(Path("state.html").read_bytes())
    assert found == exit_codes.REFUSED
    assert "missing" in page.part("objects").text and "instances.web" in page.part("attention").text


def test_a_stack_that_was_never_applied(capsys: pytest.CaptureFixture[str]) -> None:
    page = content(written(capsys, "web.yaml"))
    assert "planned" in page.part("objects").text
    assert not page.part("reach").codes() and "0 KRW" in page.part("cost").text


def test_several_stacks_have_a_page_each(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    other = WEB.replace("stack: shop", "stack: other").replace("first", "둘째")
    Path("other.yaml").write_text(other, encoding="utf-8")
    Path("broken.yaml").write_text("version: 1\nstack: broken\ninstance: {}\n", encoding="utf-8")
    page = content(written(capsys, "web.yaml", "other.yaml", "broken.yaml", code=1))
    overview, *stacks = page.all("section", "page")
    assert [each.all("h2")[0].text for each in stacks] == ["shop", "other", "broken"]
    assert "failed" in overview.text
    assert addresses(stacks[0]) == addresses(stacks[1]) == ["firewalls.web", "instances.web"]
    assert "planned" in stacks[1].part("objects").text
    assert "unknown-key" in stacks[2].part("attention").text


def addresses(page: Element) -> list[str]:
    return [row.all("th")[0].text for row in page.part("objects").all("tr")[1:]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a PLAN, or add --state"),
        (("web.plan", "--all"), "--all can be given only with --state"),
        (("web.plan", "--var", "note=x"), "--var can be given only with --state"),
        (("web.plan", "a.yaml", "b.yaml"), "several STACKs can be given only with --state"),
        (("--state", "--all", "web.yaml"), "no STACK can be named"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = call(capsys, "report", *arguments, "--out", "state.html")
    assert code == 64 and message in err and not Path("state.html").exists()
