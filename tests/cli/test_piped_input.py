"""A stack and values of variables from pipes: `-`, `/dev/stdin`, `/dev/fd/N`, named pipes; and the
files of variables that are read by themselves.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import sessions

Capture = pytest.CaptureFixture[str]
STACK = """\
version: 1
stack: shop
variables:
  note: {type: string, default: first}
  n: {type: integer, default: 1}
environments:
  prod: {variables: {n: 2}}
firewalls:
  web:
    description: "${vars.note}"
    rules: {ping: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}
outputs:
  n: {value: "${vars.n}"}
  note: {value: "${vars.note}"}
"""
ENV = ("--env", "prod")


class _Piped(io.TextIOWrapper):
    """A standard input with a text, which can be at a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sessions.begin(monkeypatch, tmp_path)
    return tmp_path


def feed(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool = False) -> None:
    """The text is on the standard input."""
    made = _Piped(io.BytesIO(text.encode()), encoding="utf-8")
    made.terminal = terminal
    monkeypatch.setattr(sys, "stdin", made)


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """One command: its exit code, stdout and stderr. Its hints name pipes that are read already, so
    they are not pasted.
    """
    return sessions._run(capsys, arguments)


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    made: list[int] = []
    yield made
    for descriptor in made:
        os.close(descriptor)


def descriptor(made: list[int], text: str) -> str:
    """The name of a pipe with a text, as a shell gives it for `<(...)`."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    made.append(reading)
    return f"/dev/fd/{reading}"


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_stack_from_the_standard_input_has_its_state_in_the_current_folder(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    feed(monkeypatch, STACK)
    code, out, _ = run(capsys, "apply", name, *ENV, "--yes", *sessions.SCALE)
    assert code == 0 and "-:9" in out
    assert (folder / "state" / ".simulator" / "shop.prod" / "state.json").is_file()
    feed(monkeypatch, STACK)
    assert "No changes" in run(capsys, "plan", name, *ENV, *sessions.SCALE)[1]
    (folder / "stack.yaml").write_text(STACK)
    assert "No changes" in run(capsys, "plan", *ENV, *sessions.SCALE)[1]


def test_each_input_can_be_a_pipe_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, descriptors: list[int]
) -> None:
    feed(monkeypatch, STACK)
    values = descriptor(descriptors, '{"note": "caf\\u00e9", "n": 3}')
    more = descriptor(descriptors, "n: 4\n")
    arguments = ("plan", "-", *ENV, "--var-file", values, "--var-file", more, *sessions.SCALE)
    code, out, err = run(capsys, *arguments)
    assert code == 0, out + err
    assert "note  café" in out and "n     4" in out
    monkeypatch.setattr(sys, "stdin", None)
    stack = descriptor(descriptors, STACK)
    assert "1 to create" in run(capsys, "plan", stack, *ENV, *sessions.SCALE)[1]


def test_values_from_a_pipe_serve_every_stack_of_a_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in ("a", "b"):
        text = STACK.replace("stack: shop", f"stack: {name}").replace("n: 2", "")
        (folder / f"{name}.yaml").write_text(text)
    feed(monkeypatch, "n: 9\n")
    found = run(capsys, "plan", "a.yaml", "b.yaml", *ENV, "--var-file", "-", *sessions.SCALE)
    assert found[0] == 0 and found[1].count("n     9") == 2


def test_values_from_a_program_that_gave_none_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    # Goal: a program that failed must not turn every value into its default.
    (folder / "shop.yaml").write_text(STACK)
    feed(monkeypatch, "\n")
    code, out, err = run(capsys, "plan", "shop.yaml", *ENV, "--var-file", "-", *sessions.SCALE)
    assert code == 1 and "gave no text" in out + err and "to create" not in out
    feed(monkeypatch, "{}")
    assert run(capsys, "plan", "shop.yaml", *ENV, "--var-file", "-", *sessions.SCALE)[0] == 0


def test_a_named_pipe_is_read_if_it_is_named_and_never_in_a_folder(
    folder: Path, capsys: Capture
) -> None:
    os.mkfifo(folder / "shop.yaml")
    os.mkfifo(folder / "x.auto.vars.yaml")
    code, out, err = run(capsys, "validate")
    assert code == 1
    assert "shop.yaml is not a regular file" in out + err
    (folder / "x.auto.vars.yaml").unlink()
    writer = threading.Thread(target=(folder / "shop.yaml").write_text, args=(STACK,))
    writer.start()
    assert run(capsys, "validate", "shop.yaml")[0] == 0
    writer.join()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("plan", "-", "--var-file", "-"), 64, "- is given twice"),
        (("plan", "-", "--var-file", "/dev/stdin"), 64, "/dev/stdin is given twice"),
        (("validate", "--var-file", "-", "--var-file", "-"), 64, "- is given twice"),
        (("plan", "/dev/fd/987"), 1, "fd-987 cannot be read: Bad file descriptor"),
        (("apply", "-", *ENV), 4, "--yes was not given"),
    ],
)
def test_what_cannot_be_read_from_a_pipe_is_refused(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    feed(monkeypatch, STACK)
    found, out, err = run(capsys, *arguments)
    assert message in out + err
    assert found == code


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    feed(monkeypatch, STACK, terminal=True)
    code, out, err = run(capsys, "validate", "-")
    assert code == 1
    assert "it is a terminal; pipe the text into the command" in out + err


def test_input_is_bounded(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    feed(monkeypatch, "#" * (4 * 1024 * 1024 + 1))
    code, out, err = run(capsys, "validate", "-")
    assert code == 1
    assert "- is too large to be read" in out + err


def test_the_saved_plan_of_a_pipe_wants_the_same_stack_again(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    feed(monkeypatch, STACK)
    assert run(capsys, "plan", "-", *ENV, "--out", "x.plan", *sessions.SCALE)[0] == 0
    code, out, err = run(capsys, "apply", "--plan", "x.plan", "--yes")
    assert code == 64
    assert "apply --simulate --plan x.plan -" in out + err
    for text in (STACK.replace("443", "444"), STACK.replace("note:", "nota:"), ""):
        feed(monkeypatch, text)
        code, out, err = run(capsys, "apply", "--plan", "x.plan", "-", "--yes")
        assert code in (1, 4, 64), out + err
    feed(monkeypatch, STACK)
    assert run(capsys, "apply", "--plan", "x.plan", "-", "--yes", *sessions.SCALE)[0] == 0


def test_files_of_variables_beside_the_stack_are_read_by_name(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: default < environment < auto vars in order of name < --var-file < process < --var.
    (folder / "stack.yaml").write_text(STACK)
    (folder / "other.yaml").write_text("n: 7\n")

    def n(*arguments: str, stack: str = "stack.yaml") -> str:
        code, out, err = run(capsys, "plan", stack, *ENV, *arguments, *sessions.SCALE)
        assert code == 0, out + err
        return next(line.split()[-1] for line in out.splitlines() if line.startswith("  +  n  "))

    assert n() == "2"
    (folder / "b.auto.vars.yaml").write_text("n: 4\n")
    assert n() == "4"
    (folder / "a.auto.vars.json").write_text('{"n": 3}')
    (folder / ".c.auto.vars.yaml").write_text("n: 99\n")
    assert n() == "4"
    (folder / "c.auto.vars.json").write_text('{"n": 5}')
    assert n() == "5"
    assert n("--var-file", "other.yaml") == "7"
    monkeypatch.setenv("RECONCILER_VAR_n", "8")
    assert n("--var-file", "other.yaml") == "8"
    assert n("--var-file", "other.yaml", "--var", "n=9") == "9"
    (folder / "other.yaml").unlink()
    monkeypatch.delenv("RECONCILER_VAR_n")
    assert n(stack=".") == "5"


def test_mistakes_in_them_are_reported_without_their_lines(folder: Path, capsys: Capture) -> None:
    (folder / "stack.yaml").write_text(STACK)
    (folder / "a.auto.vars.yaml").write_text("x: canary\n")
    (folder / "b.auto.vars.yml").write_text("n: 1\n")
    (folder / "c.auto.vars.json").write_text('{"n": canary}')
    for stack in (".", "stack.yaml"):
        code, out, err = run(capsys, "validate", stack)
        assert code == 1
        assert "a.auto.vars.yaml:1:1  error[variable-unknown]" in out + err
        assert "rename b.auto.vars.yml to b.auto.vars.yaml" in out + err
        assert "c.auto.vars.json:1:7  error[yaml-syntax]" in out + err
        assert "canary" not in out + err
    for name in ("a.auto.vars.yaml", "b.auto.vars.yml", "c.auto.vars.json"):
        (folder / name).unlink()
    (folder / "a.auto.vars.yaml").write_text("n: 1\n")
    assert run(capsys, "validate", "stack.yaml", "a.auto.vars.yaml")[0] == 0
    assert run(capsys, "validate", "a.auto.vars.yaml")[0] == 0
