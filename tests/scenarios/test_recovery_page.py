"""The damages of `docs/how-to/recover.md`, done to a real state: each is told as the page says, and
its repair leads to an empty plan.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.diagnostics import CODES
from tests.cli.sessions import begin, call

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "recover.md").read_text(encoding="utf-8")
EXAMPLE = Path(__file__).parents[2] / "examples" / "stacks" / "single"
Run = Callable[..., tuple[int, str]]
FOLDER = Path("state/.simulator/hello")


@pytest.fixture
def applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The example, applied on the local cloud; gives the way to run commands."""
    begin(monkeypatch, tmp_path)
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(EXAMPLE / "stack.yaml", "stack.yaml")

    def run(*arguments: str) -> tuple[int, str]:
        code, out, err = call(capsys, *arguments)
        return code, out + err

    for resize in ("std_1.2-g1", "std_2.4-g1"):
        text = Path("stack.yaml").read_text(encoding="utf-8")
        Path("stack.yaml").write_text(text.replace("std_1.2-g1", resize), encoding="utf-8")
        assert run("apply", "--yes", "--accept", "downtime")[0] == 0
    return run


def newest() -> str:
    """The newest state that was kept."""
    return max((FOLDER / "history").iterdir(), key=lambda path: int(path.stem)).name


def cut_state() -> None:
    data = (FOLDER / "state.json").read_bytes()
    (FOLDER / "state.json").write_bytes(data[:300])


def put_back_newest() -> None:
    shutil.copy(FOLDER / "history" / newest(), FOLDER / "state.json")


def put_back_oldest() -> None:
    shutil.copy(FOLDER / "history" / "1.json", FOLDER / "state.json")


def scratch_journal() -> None:
    data = bytearray((FOLDER / "journal").read_bytes())
    data[3] = ord("x")
    (FOLDER / "journal").write_bytes(data)


def move_journal() -> None:
    (FOLDER / "journal").rename("journal.away")


def raise_format() -> None:
    data = (FOLDER / "state.json").read_text(encoding="utf-8")
    (FOLDER / "state.json").write_text(data.replace('"format": 1', '"format": 9'), encoding="utf-8")


DAMAGES: list[tuple[str, Callable[[], None], int, str, Callable[[], None]]] = [
    (
        "a cut state",
        cut_state,
        1,
        "state/.simulator/hello/state.json cannot be read: Unterminated string",
        put_back_newest,
    ),
    (
        "an older copy",
        put_back_oldest,
        1,
        "has serial 1, its journal follows serial 4: an older copy was put back",
        put_back_newest,
    ),
    (
        "a scratched journal",
        scratch_journal,
        1,
        "error[state-damaged]  state/.simulator/hello/journal is damaged in line 1",
        move_journal,
    ),
    (
        "a newer version",
        raise_format,
        1,
        "state.json is of format 9, which this version does not know",
        put_back_newest,
    ),
]


@pytest.mark.parametrize(
    ("name", "damage", "code", "told", "repair"), DAMAGES, ids=[row[0] for row in DAMAGES]
)
def test_a_failure_is_reported_as_documented_and_its_fix_works(
    name: str,
    damage: Callable[[], None],
    code: int,
    told: str,
    repair: Callable[[], None],
    applied: Run,
) -> None:
    damage()
    before = {
        path: path.read_bytes()
        for path in FOLDER.iterdir()
        if path.is_file() and path.name not in ("lock", "epoch", "holder")
    }
    for command in (("plan",), ("apply", "--yes")):
        found = applied(*command)
        assert found[0] == code and told in found[1], name
    assert {path: path.read_bytes() for path in before} == before, "what is damaged is not touched"
    assert told in PAGE, "the page says what the program says"
    hint = found[1].partition("hint: ")[2].strip().replace(" --simulate", "")
    assert hint in PAGE
    repair()
    assert applied("plan", "--detailed-exitcode")[0] == 0, name


def test_the_state_of_another_stack_is_refused_as_the_page_says(applied: Run) -> None:
    text = Path("stack.yaml").read_text(encoding="utf-8")
    Path("stack.yaml").write_text(text.replace("stack: hello", "stack: other"), encoding="utf-8")
    shutil.copytree(FOLDER, FOLDER.parent / "other")
    code, said = applied("apply", "--yes")
    assert code == 1 and "error[state-damaged]  this folder contains the state of hello" in said
    assert "error[state-damaged]  this folder contains the state of hello" in PAGE


def test_a_lost_state_is_brought_back_as_the_page_says(applied: Run) -> None:
    shutil.rmtree(FOLDER)
    code, said = applied("plan")
    assert code == 4 and said.count("error[state-missing]") == 2
    code, said = applied("recover", "--rebuild", "--yes")
    assert code == 0 and "2 objects bound." in said and said.count(" =  ") == 2
    assert applied("apply", "--yes")[0] == 0
    assert applied("plan", "--detailed-exitcode")[0] == 0


def test_an_older_copy_is_completed_as_the_page_says(applied: Run) -> None:
    older = Path("stack.yaml").read_text(encoding="utf-8")
    shutil.copytree(FOLDER, "copy")
    server = older.partition("instances:\n  web:")[2].partition("\n\n")[0]
    newer = older.replace("instances:\n  web:", f"instances:\n  api:{server}\n  web:")
    Path("stack.yaml").write_text(newer, encoding="utf-8")
    assert applied("apply", "--yes")[0] == 0
    shutil.rmtree(FOLDER)
    shutil.copytree("copy", FOLDER)
    Path("stack.yaml").write_text(older, encoding="utf-8")
    code, said = applied("plan")
    found = re.search(r"recover --simulate --adopt (instances.api=\S+)", said)
    assert code == 3 and "error[untracked]" in said and found is not None, said
    assert "was created by this stack for instances.api and is not in its state" in PAGE
    assert applied("recover", "--adopt", found[1])[0] == 0
    assert applied("plan", "--detailed-exitcode")[0] == 2
    Path("stack.yaml").write_text(newer, encoding="utf-8")
    assert applied("plan", "--detailed-exitcode")[0] == 0


def test_the_page_sends_every_message_to_a_section_that_it_has() -> None:
    table = PAGE.partition("| symptom | section |")[2].partition("\n\n")[0]
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("## ")
    }
    targets = re.findall(r"\(#([a-z0-9-]+)\)", table)
    assert targets and set(targets) <= headings
    codes = {
        code
        for code in re.findall(r"`([a-z-]+)`", table)
        if "-" in code or code in ("doubled", "locked", "account", "credentials", "clock")
    }
    assert codes <= set(CODES)
