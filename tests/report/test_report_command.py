"""`report` and `plan --report`: which file is written from what, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.sessions import WEB, apply, begin, call
from tests.report.pages import content


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def saved(capsys: pytest.CaptureFixture[str]) -> str:
    """Saves a plan in `web.plan` and its JSON in `web.json`; returns the id."""
    code, out, _ = call(capsys, "plan", "web.yaml", "--out", "web.plan", "--save")
    assert code == 0
    code, out, _ = call(capsys, "show", "web.plan", "--format", "json")
    Path("web.json").write_text(out, encoding="utf-8")
    return out.partition('"id": "')[2][:64]


def test_a_report_is_made_from_each_form_of_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    id = saved(capsys)
    pages = []
    for named in ("web.plan", f"plan://{id[:12]}", "web.json"):
        code, out, err = call(capsys, "report", named, "web.yaml", "--out", "web.html")
        assert (code, out) == (0, "") and "web.html" in err
        assert Path("web.html").stat().st_mode & 0o777 == 0o644
        pages.append(Path("web.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    for page in pages:
        head = page.partition("</header>")[0]
        assert (
            "2 to create, 0 to change" in head and "KRW a month without VAT" in head
        )  # before anything is read
        assert id in page and "instances.web" in page and "웹 서버 first" in page


def test_a_plan_writes_a_report_beside_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", "web.yaml", "--report", "web.html", "--format", "json")
    plan = json.loads(out)
    page = content(Path("web.html").read_bytes())
    assert code == 0 and plan["id"] in page.part("about").codes()
    assert "a local cloud" in page.part("about").text
    for change in plan["changes"]:
        assert change["address"] in page.part("changes").text
    # what the command reports besides the plan is in the report too
    text = WEB.replace("    ssh_keys: [deploy]\n", "")
    Path("web.yaml").write_text(text, encoding="utf-8")
    code, out, _ = call(capsys, "plan", "web.yaml", "--report", "web.html", "--format", "json")
    page = content(Path("web.html").read_bytes())
    found = [problem["message"] for problem in json.loads(out)["problems"]]
    assert found and all(message in page.text for message in found)


def test_a_plan_with_errors_has_a_report_without_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web.yaml").write_text(WEB.replace("std_2.4-g1", "none-such"), encoding="utf-8")
    code, _, _ = call(capsys, "plan", "web.yaml", "--report", "web.html")
    page = content(Path("web.html").read_bytes())
    assert code == 1 and "none-such" in page.part("attention").text
    assert "the plan cannot be saved" in page.part("about").text


def test_several_stacks_have_one_report(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(WEB.replace("stack: shop", "stack: other"), encoding="utf-8")
    stacks = ("web.yaml", "other.yaml")
    code, out, _ = call(capsys, "plan", *stacks, "--report", "all.html", "--format", "json")
    Path("all.json").write_text(out, encoding="utf-8")
    page = content(Path("all.html").read_bytes())
    assert code == 0
    assert [each.all("h2")[0].text for each in page.all("section", "page")[1:]] == ["shop", "other"]
    call(capsys, "report", "all.json", "--out", "again.html")
    again = content(Path("again.html").read_bytes())
    assert [each.text for each in again.all("article")] == [e.text for e in page.all("article")]


def test_a_drift_has_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    edit = ("simulator", "do", "set", "firewall", "shop-web", "icmp=N", "--stack", "web.yaml")
    assert call(capsys, *edit)[0] == 0
    _, out, _ = call(capsys, "drift", "web.yaml", "--format", "json")
    Path("drift.json").write_text(out, encoding="utf-8")
    call(capsys, "report", "drift.json", "--out", "drift.html")
    page = content(Path("drift.html").read_bytes())
    drift = json.loads(out)["drift"]
    assert [row["address"] for row in drift] == ["firewalls.web"]
    assert page.part("drift").codes()[:4] == ["firewalls.web", "icmp", "true", "false"]
    assert page.part("reach").codes() and not page.part("changes").codes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no plan", "is not JSON"),
        ("[1]", "is neither a saved plan nor a JSON plan"),
        ('{"type": "error", "problems": []}', "is neither a saved plan nor a JSON plan"),
        ('{"type": "plan", "stack": "shop"}', "is not a JSON plan"),
        ('{"kind": "reconciler-plan", "format": 99}', "format 99"),
    ],
)
def test_what_is_no_plan_is_refused(
    capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    Path("given.json").write_text(text, encoding="utf-8")
    code, _, err = call(capsys, "report", "given.json", "--out", "web.html")
    assert code == 1 and message in err
    assert not Path("web.html").exists()


def test_a_folder_is_no_plan_and_needs_state(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop").mkdir()
    code, _, err = call(capsys, "report", "shop", "--out", "web.html")
    assert code == 64 and "shop is a folder, not a plan: add --state" in err


def test_a_file_that_cannot_be_written_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    saved(capsys)
    Path("folder").mkdir()
    for file, reason in (("folder", "it is a folder"), ("none/web.html", "No such file")):
        code, _, err = call(capsys, "report", "web.plan", "--out", file)
        assert code == 64 and f"cannot be written to {file}: {reason}" in err
    assert not list(Path("folder").iterdir())
