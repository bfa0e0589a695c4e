"""Korean screens: plans read as a reviewer would read them, a question at a terminal, and no English
sentence in what commands print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.locale import choice
from reconciler.planner.checks import approval
from reconciler.render import escape, format
from tests.cli.sessions import SCALE, WEB, Terminal, begin, call, write
from tests.render import snapshots
from tests.render.situations import SITUATIONS
from tests.render.test_situations import shown

READ = ("first_stack", "everything_80", "drift")
"""Plans whose Korean screens are kept."""

SENTENCE = re.compile(r"(?<![\w.`'\"/=-])[a-z]+ [a-z]+ [a-z]+(?![\w.`'\"/=-])")
"""Three English words in a row."""
QUOTED = re.compile(r"`[^`]*`|reconciler [^\n]*|\"[^\"\n]*\"")
"""Commands and values, which no language changes."""


@pytest.fixture
def korean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RECONCILER_LANG", "ko")
    choice.use("ko")
    yield
    choice.use("en")


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_korean_plan_fits_the_screen(name: str, korean: None) -> None:
    text = shown(SITUATIONS[name])
    assert max(map(escape.width, text.splitlines())) <= (SITUATIONS[name].look.width or 200)
    if name in READ:
        snapshots.check(f"korean_{name}.txt", text)


def test_amounts_have_korean_separators(korean: None) -> None:
    assert format.won(1_234_567) == "1,234,567원"
    assert format.won(-1_200, signed=True) == "-1,200원"
    assert format.won(0, signed=True) == "+0원"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("예", "consent"), ("아니요", "cancel"), ("취소", "cancel"), ("글쎄", "unclear")],
)
def test_a_korean_answer_is_understood(typed: str, expected: str) -> None:
    assert approval.reply(typed, "shop", by_name=False).value == expected
    assert approval.reply("예", "shop", by_name=True).value == "unclear"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [("아니요\n", 4, "아무것도 바꾸지 않았습니다"), ("예\n", 0, "적용을 마쳤습니다: 생성 2")],
)
def test_the_question_at_a_terminal_is_korean(
    typed: str,
    code: int,
    said: str,
    korean: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    terminal = Terminal("apply", "web.yaml", *SCALE)
    terminal.until("적용하려면 shop 또는 yes 입력, 취소하려면 no 입력:")
    terminal.type(typed)
    assert terminal.end() == code and said in terminal.text


def test_no_command_prints_an_english_sentence(
    korean: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    wrong: list[str] = []

    def run(*arguments: str) -> None:
        code, out, err = call(capsys, *arguments)
        wrong.extend(
            f"{' '.join(arguments)} ({code}): {line}"
            for line in (out + err).splitlines()
            if SENTENCE.search(QUOTED.sub("", line))
        )

    stack = ("--stack", "web.yaml")
    run("plan", "web.yaml", "--out", "first.plan", "-v")
    run("apply", "web.yaml", "--yes", *SCALE)
    run("apply", "--plan", "first.plan", "--yes", *stack)
    for command in ("ls", "drift", "doctor", "recover", "show", "output", "graph", "bill"):
        run(command, *stack)
    run("output", "--inventory", "ansible", *stack)
    run("show", "instances.web", "--why", *stack)
    run("show", "nothing", *stack)
    run("state", "list", *stack)
    run("state", "unlock", *stack)
    run("state", "mv", "instances.web", "instances.w", *stack)
    run("state", "forget", "instances.web", *stack)
    run("server", "reboot", "instances.web", *stack)
    run("simulator", "do", "set", "instance", "shop-web", "name=tmp", *stack)
    run("absorb", "instances.web", "--dry-run", *stack)
    run("import", "instances.web", "INSTANCE-x", *stack)
    run("recover", "--adopt", "instances.web=INSTANCE-x", *stack)
    run("adopt", "--all", *stack)
    run("destroy", "web.yaml")
    run("simulator", "do", "delete", "instance", "tmp", *stack)
    run("plan", "web.yaml", "--unmanaged")
    write(WEB.replace("flavor: std", "flavour: std").replace("443", "0"))
    run("plan", "web.yaml")
    run("validate", "web.yaml", "--format", "github")
    run("init", "--list")
    run("init", "new")
    run("catalog", "flavors", *stack)
    run("explain", "instances")
    run("schema")
    run("plan", "nowhere")
    run("plan", "-target", "x")
    run("taint")
    assert not wrong, "\n".join(wrong)
