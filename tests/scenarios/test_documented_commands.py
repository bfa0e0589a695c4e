"""Every command that stands in a fence of the README or of a page of `docs/` is run: in order, in
the situation that its page is about.

What a page says comes of each command is checked by that page's own tests; here each is accepted
and does not break.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.worldfile import packaged_world
from tests.cli.sessions import SCALE, begin, call

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page for page in (ROOT / "docs").rglob("*.md") if not {"api", "decisions"} & set(page.parts)
    ),
]
_FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)", re.MULTILINE | re.DOTALL
)
_INDENTED = re.compile(r"^    (python -m .+)$", re.MULTILINE)
SHELL = ("bash", "sh")
SINGLE = (ROOT / "examples" / "stacks" / "single" / "stack.yaml").read_text(encoding="utf-8")

HELLO = re.search(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), re.DOTALL
)[1]  # type: ignore[index]


def documented(page: Path) -> Iterator[str]:
    """The commands of a page in order: lines after `$ `, lines of shell blocks, indented `python
    -m` lines.
    """
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        for line in found["text"].splitlines():
            if line.startswith("$ "):
                yield line[2:].strip()
            elif found["language"] in SHELL and re.match(r"\s*(?:reconciler|python -m) ", line):
                yield line.strip()
    yield from (found[1] for found in _INDENTED.finditer(text))


def ours(command: str) -> list[str] | None:
    """The arguments of a command of the program, without comment, pipe and redirection; None where
    it is another program.
    """
    bare = re.split(r" [|>] | \|\| |\s+#", command)[0]
    found = re.match(r"(?:\.venv/bin/)?reconciler (.*)", bare)
    return None if found is None else shlex.split(found[1])


def test_only_the_listed_commands_are_run_elsewhere() -> None:
    # Goal: a new fence with another program, or a new page, is given its test.
    strange = [
        f"{page.name}: {command}"
        for page in PAGES
        for command in documented(page)
        if ours(command) is None
        and not command.startswith("python -m ")
        and not any(command.startswith(each) for each in ELSEWHERE)
    ]
    pages = {
        page.name for page in PAGES for command in documented(page) if ours(command) is not None
    }
    assert not strange, strange
    assert pages == set(SITUATIONS), pages ^ set(SITUATIONS)
    for where in ELSEWHERE.values():
        path, _, name = where.partition("::")
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), where
        assert (ROOT / path).exists(), where


ELSEWHERE = {
    "./try ": "tests/scenarios/test_examples.py::test_an_example_is_applied_by_the_script_of_the_checkout",
    ".ci/run": ".ci/run",  # it is what runs the tests
    "export ": "tests/cli/test_command_line.py",  # the environment of the commands below it
    "call ": "tests/simulator/test_docs.py::test_every_request_shown_on_the_page_was_answered_as_today",
    "server=$(call": "tests/simulator/test_docs.py::test_every_request_shown_on_the_page_was_answered_as_today",
    "sleep ": "tests/simulator/test_docs.py::test_every_request_shown_on_the_page_was_answered_as_today",
    "for n in": "tests/simulator/test_docs.py::test_every_request_shown_on_the_page_was_answered_as_today",
    "curl -sS $IWINV_ENDPOINT/_simulator/": "tests/simulator/test_server.py",
    "ls ": "tests/scenarios/test_recovery_page.py",
    "df ": "tests/scenarios/test_recovery_page.py",
    "cp ": "tests/scenarios/test_recovery_page.py::test_a_failure_is_reported_as_documented_and_its_fix_works",
    "mv ": "tests/scenarios/test_recovery_page.py::test_a_failure_is_reported_as_documented_and_its_fix_works",
}
"""How other commands of the pages begin, and the test that runs them or what stands for them."""


def _single(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stack.yaml").write_text(SINGLE, encoding="utf-8")
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0


def _shop(capsys: pytest.CaptureFixture[str]) -> None:
    for folder, text in (("shop", SINGLE), ("examples/stacks/web-tier", SINGLE)):
        Path(folder).mkdir(parents=True)
        Path(folder, "stack.yaml").write_text(text, encoding="utf-8")


def _hello(capsys: pytest.CaptureFixture[str]) -> None:
    Path("hello").mkdir()
    Path("hello/stack.yaml").write_text(HELLO, encoding="utf-8")


def _infra(capsys: pytest.CaptureFixture[str]) -> None:
    Path("infra").mkdir()


def _nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands begin with an empty folder and the account of a company."""


SITUATIONS: dict[str, Callable[[pytest.CaptureFixture[str]], None]] = {
    "README.md": _shop,
    "adopt.md": _nothing,
    "ci.md": _infra,
    "plan-format.md": _single,
    "recover.md": _single,
    "local-cloud.md": _single,
    "tutorial.md": _hello,
}
"""What is there when the commands of a page begin."""

SERVES = "simulator serve"
"""It runs until it is interrupted, and is started by `tests/simulator/test_server.py`;
here its options are read.
"""


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_each_command_of_a_page_is_accepted_in_the_situation_of_the_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path)
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    monkeypatch.setenv("HOME", str(tmp_path))
    page = next(page for page in PAGES if page.name == name)
    with SimulatorServer(
        Cloud(packaged_world("company"), switches={"rate_limit": "off"}, time_scale=3000.0)
    ) as server:
        if SITUATIONS[name] is _nothing:
            monkeypatch.delenv("RECONCILER_SIMULATE")
            for variable, value in server.environment.items():
                monkeypatch.setenv(variable, value)
        SITUATIONS[name](capsys)
        for command in documented(page):
            arguments = ours(command)
            if arguments is None:
                continue
            if " ".join(arguments).startswith(SERVES):
                arguments = [*arguments, "--help"]
            if SITUATIONS[name] is _infra:  # a stack with environments where the command names one
                more = "environments: {prod: {}}\n" if "--env" in arguments else ""
                Path("infra/stack.yaml").write_text(SINGLE + more, encoding="utf-8")
            code, out, err = call(capsys, *arguments)
            assert code in (0, 1, 2, 3, 4) and "error[usage]" not in err, (
                f"{name}: {command} ends with {code}: {out}{err}"
            )


def test_the_options_of_each_documented_module_are_those_that_it_has() -> None:
    # Goal: `python -m` lines name modules and options that are there; the suite runs what they do.
    for page in PAGES:
        for command in documented(page):
            if command.startswith("python -m "):
                words = shlex.split(command, comments=True)
                shown = subprocess.run(
                    [sys.executable, "-m", words[2], "--help"],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                assert all(word in shown for word in words[3:] if word.startswith("--")), command


def test_the_pages_hold_commands() -> None:
    assert sum(1 for page in PAGES for _ in documented(page)) > 60
