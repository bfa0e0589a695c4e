"""The question at a pseudo-terminal where something dangerous is open: only the stack's name says
yes; and where nobody can be asked.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.console import Console
from tests.cli.sessions import SCALE, SCHEMAS, WEB, Terminal, apply, begin, call, write


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


@pytest.fixture
def resize(surroundings: None, capsys: pytest.CaptureFixture[str]) -> str:
    """A stack whose server is to be resized: class downtime. Gives its id."""
    apply(capsys)
    write(Path("web.yaml").read_text(encoding="utf-8").replace("std_2.4-g1", "mio_4.16-g1"))
    found = json.loads(call(capsys, "show", "--stack", "web.yaml", "--format", "json")[1])
    return next(str(row["id"]) for row in found["entries"] if row["address"] == "instances.web")


def flavor(capsys: pytest.CaptureFixture[str]) -> str:
    world = call(capsys, "simulator", "world", "--stack", "web.yaml")[1]
    return next(line.split(":")[1].strip() for line in world.splitlines() if "flavor_id:" in line)


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("shop\n", 0, "Apply complete: 0 created, 1 changed"),
        ("no\n", 4, "Nothing was changed"),
        ("\n", 4, "Nothing was changed"),
        ("\x04", 4, "Nothing was changed"),
    ],
)
def test_with_an_open_risk_class_only_the_stack_name_consents(
    typed: str, code: int, said: str, resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE)
    terminal.until("Type shop to apply, or no to cancel:")
    assert "--accept downtime=instances.web" in terminal.text
    terminal.type(typed)

    assert terminal.end() == code and said in terminal.text
    assert flavor(capsys) == ("mio_4.16-g1" if code == 0 else "std_2.4-g1")


@pytest.mark.parametrize(
    ("unclear", "why"), [("Shop", "Shop is not shop"), ("yes", "`yes` is not enough")]
)
@pytest.mark.parametrize("last", ["shop", "no", "still not"])
def test_an_unclear_answer_is_asked_again_without_reading_the_account_again(
    unclear: str, why: str, last: str, resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE)
    for text in (unclear, unclear, last):
        terminal.until("Type shop to apply, or no to cancel:")
        terminal.type(f"{text}\n")

    assert terminal.end() == (0 if last == "shop" else 4)
    assert why in terminal.text
    # The finished run shows the change once more: the plan is shown once.
    assert terminal.text.count("Plan for stack shop") == 1
    assert ("Cancelled. Nothing was changed." in terminal.text) == (last != "shop")
    assert "error" not in terminal.text
    assert flavor(capsys) == ("mio_4.16-g1" if last == "shop" else "std_2.4-g1")


@pytest.mark.parametrize("ahead", ["shop\n", "shop", "yes\nshop\n"])
def test_text_typed_before_the_question_is_not_an_answer(
    ahead: str, resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE, ahead=ahead)
    terminal.until("Type shop to apply, or no to cancel:")
    terminal.type("\n")

    assert terminal.end() == 4 and "Nothing was changed" in terminal.text
    assert flavor(capsys) == "std_2.4-g1"


@pytest.mark.parametrize(
    "command",
    [("destroy", "web.yaml"), ("state", "forget", "instances.web", "--stack", "web.yaml")],
)
def test_text_typed_before_any_other_question_is_not_an_answer(
    command: tuple[str, ...], resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(*command, *(SCALE if command[0] == "destroy" else ()), ahead="shop\n")
    terminal.until("or no to cancel:")
    terminal.type("\n")

    assert terminal.end() == 4
    assert "instances.web" in call(capsys, "state", "list", "--stack", "web.yaml")[1]


def test_ctrl_c_at_the_question_sends_nothing(
    resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal("apply", "web.yaml", *SCALE)
    terminal.until("or no to cancel:")
    terminal.until_it_waits()
    terminal.interrupt()

    assert terminal.end() == 130 and flavor(capsys) == "std_2.4-g1"


def test_what_was_accepted_beforehand_is_not_asked_again(resize: str) -> None:
    terminal = Terminal("apply", "web.yaml", "--accept", "downtime=instances.web", "--yes", *SCALE)

    assert (
        terminal.end() == 0
        and "or no to cancel" not in terminal.text
        and "already given: --accept downtime=instances.web" in terminal.text
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 4, "no terminal to ask"),
        (("--yes",), 4, "--accept downtime=instances.web"),
        (("--accept", "downtime"), 4, "--yes was not given"),
        (("--yes", "--accept", "downtime=instances.other"), 4, "--accept downtime=instances.web"),
        (("--yes", "--accept", "downtime"), 0, ""),
    ],
)
def test_without_a_terminal_every_consent_must_be_an_option(
    words: tuple[str, ...], code: int, says: str, resize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = call(capsys, "apply", "web.yaml", *words, *SCALE)

    assert found == code and says in err
    assert flavor(capsys) == ("mio_4.16-g1" if code == 0 else "std_2.4-g1")


SMALL = ({"TERM": "dumb"}, {"NO_COLOR": "1", "LC_ALL": "C"}, {"NO_COLOR": "1", "LANG": "C"})


@pytest.mark.parametrize("setting", SMALL, ids=str)
def test_a_screen_without_colour_or_beyond_ascii_gets_neither(
    setting: dict[str, str], resize: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path("web.yaml").read_text(encoding="utf-8").replace("zone: kr1-z01", "zone: kr1-z02"))
    others = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LANG", "LC_ALL", "LC_CTYPE")
    }
    environ = {**others, **setting}
    command = [sys.executable, "-m", "reconciler", "plan", "web.yaml"]
    monkeypatch.setenv("PYTHONPATH", str(SCHEMAS.parent))
    import pty

    master, child = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=child,
        stdout=child,
        stderr=child,
        env={**environ, "PYTHONPATH": str(SCHEMAS.parent)},
    )
    os.close(child)
    text = ""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        text += data.decode("utf-8")
    os.close(master)
    process.wait(timeout=30)

    assert "\x1b" not in text and "\u00b1" not in text and "  -+ instances.web" in text


def test_half_a_letter_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.BytesIO("가".encode()[:2] + b"\nshop\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(typed, encoding="utf-8"))
    assert Console().confirm("Apply?", "shop")
