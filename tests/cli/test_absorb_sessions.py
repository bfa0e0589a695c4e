"""`absorb` at the command line: what it offers without addresses, and what `--all` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.asking import chosen
from reconciler.cli.console import Console
from tests.cli.sessions import WEB, apply, begin, call

AT = ("--stack", "web.yaml")
MORE = WEB.replace(
    "outputs:",
    "  app: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: '22.04'}, description: app}\noutputs:",
)


@pytest.fixture(autouse=True)
def drifted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": MORE})
    assert apply(capsys)[0] == 0
    for name, text in (("shop-app", "by hand"), ("shop-web", "over the expression")):
        call(capsys, "simulator", "do", "set", "instance", name, f"description={text}", *AT)
    call(capsys, "simulator", "do", "set", "firewall", "shop-web", "icmp=N", *AT)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    left = list(answers)
    monkeypatch.setattr(Console, "can_ask", True)
    monkeypatch.setattr(Console, "ask", lambda *_: left.pop(0))


def test_without_a_terminal_the_commands_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "absorb", "web.yaml")
    assert code == 0 and Path("web.yaml").read_text("utf-8") == MORE
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["1", "firewalls.web"],
        ["2", "instances.app"],
        ["3", "instances.web"],
    ]
    lines = [line.strip() for line in err.splitlines() if line.strip().startswith("reconciler ")]
    assert lines[0] == "reconciler absorb --all --stack web.yaml --simulate"
    assert call(capsys, *lines[1].split()[1:])[0] == 0
    assert "icmp: false" in Path("web.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("answers", "taken"),
    [(("2",), ["instances.app"]), (("x", "1-2"), ["firewalls.web", "instances.app"])],
    ids=["a number", "an unclear answer first"],
)
def test_at_a_terminal_numbers_choose(
    answers: tuple[str, ...],
    taken: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering(monkeypatch, *answers)
    code, _, err = call(capsys, "absorb", "web.yaml")
    assert code == 0 and f" Absorbed: {', '.join(taken)}" in err


def test_no_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, "no")
    code, _, err = call(capsys, "absorb", *AT)
    assert code == 4 and "Nothing was changed" in err
    assert Path("web.yaml").read_text("utf-8") == MORE


def test_all_writes_what_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "absorb", "--all", "web.yaml", "--dry-run")
    assert code == 1 and " Would be absorbed: firewalls.web, instances.app" in err
    code, _, err = call(capsys, "absorb", "web.yaml", "--all")
    assert code == 1 and "computed by an expression" in err
    assert " Absorbed: firewalls.web, instances.app" in err
    text = Path("web.yaml").read_text("utf-8")
    assert "icmp: false" in text and "description: by hand" in text
    assert "웹 서버 ${vars.note}" in text


def test_a_pattern_chooses_and_all_takes_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Absorbed: firewalls.web" in call(capsys, "absorb", "firewalls.*", *AT)[2]
    assert call(capsys, "absorb", "--all", "instances.app", *AT)[0] == 64
    code, _, err = call(capsys, "absorb", "block_storages.*", *AT)
    assert code == 1 and "block_storages.* is not in the stack file" in err


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("all", [1, 2, 3, 4]),
        ("ALL", [1, 2, 3, 4]),
        ("2, 4", [2, 4]),
        ("3-4 1", [1, 3, 4]),
        ("0", None),
        ("5", None),
        ("3-2", None),
        ("", None),
        ("99999999999", None),
        ("\u0661", None),
    ],
)
def test_an_answer_names_numbers(answer: str, numbers: list[int] | None) -> None:
    found = chosen(answer, 4)
    assert (None if found is None else list(found)) == numbers
