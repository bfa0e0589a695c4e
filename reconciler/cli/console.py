"""What one command says and asks: text or JSON, results on stdout, progress and problems on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from reconciler.cli.streams import Stream
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.render import escape
from reconciler.render import problem_text as problem_view
from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style, Tone

COLUMNS_MIN = 40


@dataclass(slots=True)
class Console:
    """The screen of one command, and the form of its result: `--format`. With JSON or Markdown
    nobody is asked.

    `begun`: the command has begun to change something.
    """

    format: str = "text"
    verbose: bool = False
    color: bool = True
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: Stream = field(default_factory=lambda: Stream(sys.stdout))
    err: Stream = field(default_factory=lambda: Stream(sys.stderr))
    begun: bool = False

    @property
    def json(self) -> bool:
        """Whether stdout gets JSON and nothing else."""
        return self.format == "json"

    @property
    def markdown(self) -> bool:
        """Whether stdout gets Markdown and nothing else."""
        return self.format == "markdown"

    @property
    def can_ask(self) -> bool:
        """Whether somebody sees the plan and can type."""
        return (
            not (self.json or self.markdown)
            and self.out.is_terminal
            and sys.stdin is not None
            and sys.stdin.isatty()
        )

    def look(self, stream: Stream) -> Style:
        """How that stream is to be written to."""
        if not stream.is_terminal:
            return Style(width=None, color=False, verbose=self.verbose)
        width = max(shutil.get_terminal_size().columns, COLUMNS_MIN)
        dumb = self.environ.get("TERM") == "dumb"
        color = self.color and not dumb and not self.environ.get("NO_COLOR")
        return Style(
            width=width,
            color=color,
            verbose=self.verbose,
            ascii=dumb or stream.ascii or _asks_for_ascii(self.environ),
        )

    def result(self, lines: Sequence[Line]) -> None:
        """Lines that are the command's result."""
        self.out.write(screen.text(lines, self.look(self.out)))

    def result_json(self, data: Mapping[str, Any] | list[Any]) -> None:
        """One JSON value that is the command's result."""
        self.out.write(escape.json_text(data, indent=2) + "\n")

    def tell(self, lines: Sequence[Line]) -> None:
        """Lines beside the result."""
        self.err.write(screen.text(lines, self.look(self.err)))

    def begin(self) -> None:
        """Comes before each change that this command makes, and after what had to be shown first.

        Stops where that did not reach its reader: what cannot be shown is not done. From here on
        the exit code says what was done, even if the rest of the result is lost.
        """
        if self.out.lost is not None:
            message = msg(
                "the result could not be written ({reason}), so {begun} was changed",
                reason=self.out.lost,
                begun="nothing more" if self.begun else "nothing",
            )
            hint = msg("run the command again with a standard output that can be written")
            raise Abort(
                error("not-shown", message, hint=hint),
                exit_code=exit_codes.DECIDE if self.begun else None,
            )
        self.begun = True

    def problems(self, found: Sequence[Problem]) -> None:
        """Problems beside the result."""
        if found:
            self.tell(list(problem_view.problems_lines(found, self.look(self.err))))

    def cause(self, failure: BaseException) -> None:
        """With `-v`: the chain of causes of a failure, one line each."""
        if not self.verbose:
            return
        at: BaseException | None = failure.__cause__ or failure.__context__
        while at is not None:
            self.tell([Line(f"    cause: {type(at).__name__}: {escape.outside(at)}", Tone.FAINT)])
            at = at.__cause__ or at.__context__

    def ask(self, question: str) -> str | None:
        """What somebody types after the question; None where the input ends. What was typed before
        it is dropped unread.
        """
        stream = self.err if self.err.is_terminal else self.out
        _drop_typed_ahead()
        stream.write(f"\n {question} ")
        text = sys.stdin.readline()
        return text.strip() if text else None


def _drop_typed_ahead() -> None:
    """Empties the input of a terminal: what was typed before a question was on the screen does not
    answer it.
    """
    import termios

    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _asks_for_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the locale is that of plain ASCII. Python speaks UTF-8 there all the same, and sets
    `LC_CTYPE` where nobody did.
    """
    plain = ("C", "POSIX")
    whole = environ.get("LC_ALL")
    return (
        whole in plain
        if whole
        else environ.get("LANG") in plain and environ.get("LC_CTYPE", "") in ("", "C.UTF-8", *plain)
    )
