"""`report` and `plan --report`: which file is written from what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sessions import WEB, begin, call


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
        assert id in page and "instances.web" in page and "웹 서버 first" in page


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


def test_a_file_that_cannot_be_written_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    saved(capsys)
    Path("folder").mkdir()
    for file, reason in (("folder", "it is a folder"), ("none/web.html", "No such file")):
        code, _, err = call(capsys, "report", "web.plan", "--out", file)
        assert code == 64 and f"cannot be written to {file}: {reason}" in err
    assert not list(Path("folder").iterdir())
