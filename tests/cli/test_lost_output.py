"""What an exit code tells when the result of a command is lost: what was done."""

from __future__ import annotations

import io

import pytest

from reconciler.cli import run_context
from reconciler.cli.console import Console
from reconciler.cli.streams import Stream
from reconciler.model import exit_codes
from reconciler.model.abort import Abort


class Filling(io.StringIO):
    """A device that is full after so many writes."""

    def __init__(self, writes: int, failure: OSError) -> None:
        super().__init__()
        self._left, self._failure = writes, failure

    def write(self, text: str) -> int:
        if not self._left and text:
            raise self._failure
        self._left -= 1
        return len(text)


FULL, GONE = OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe")


def command(
    monkeypatch: pytest.MonkeyPatch,
    writes: int,
    failure: OSError,
    *,
    code: int = exit_codes.DONE,
    rounds: int = 1,
) -> int:
    """The exit code of a command that shows, changes and tells the end, on a device that takes so
    many writes.
    """

    def work(console: Console) -> int:
        for _ in range(rounds):
            console.out.write("what comes\n")
            console.begin()
        console.out.write("what was done\n")
        return code

    made = lambda **given: Console(out=Stream(Filling(writes, failure)))  # noqa: E731
    monkeypatch.setattr(run_context, "Console", made)
    return run_context.ends(work)()


@pytest.mark.parametrize("failure", [FULL, GONE], ids=["full", "gone"])
def test_a_change_that_cannot_be_shown_is_not_made(
    failure: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, 0, failure) == exit_codes.ERROR
    assert "error[not-shown]" in capsys.readouterr().err


@pytest.mark.parametrize("code", [exit_codes.DONE, exit_codes.DECIDE, exit_codes.REFUSED])
def test_the_exit_code_is_right_even_if_the_end_of_the_result_is_lost(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, 1, FULL, code=code) == code
    assert "the result could not be written: No space left on device" in capsys.readouterr().err
    assert command(monkeypatch, 1, GONE, code=code) == code and capsys.readouterr().err == ""


def test_a_second_round_that_cannot_be_shown_is_left_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, 1, FULL, rounds=2) == exit_codes.DECIDE
    assert "so nothing more was changed" in capsys.readouterr().err


def test_an_abort_is_reported_on_stderr_if_its_document_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reconciler.model.diagnostics import error

    def work(console: Console) -> int:
        raise Abort(error("consent", "nothing was applied"))

    monkeypatch.setattr(
        run_context, "Console", lambda **given: Console(format="json", out=Stream(Filling(0, FULL)))
    )
    assert run_context.ends(work)() == exit_codes.REFUSED
    assert "error[consent]" in capsys.readouterr().err
