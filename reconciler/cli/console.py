"""Input and output of one command: results go to stdout, progress and problems to stderr."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.cli.streams import Stream
from reconciler.common.dataclass import dataclass
from reconciler.common.paths import SourceLines
from reconciler.common.text import msg
from reconciler.locale import language
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.render import escape
from reconciler.render import problem_text as problem_view
from reconciler.render.documents.json_document import Document
from reconciler.render.format import phrase
from reconciler.render.run import screen
from reconciler.render.run.screen import Line, Style, Tone

if TYPE_CHECKING:
    from reconciler.model.events import Activity
    from reconciler.render.run.live_area import Area

COLUMNS_MIN = 40
_QUESTIONS_MAX = 3


@dataclass(slots=True)
class Console:
    """The terminal of one command and its `--format`. With JSON or Markdown there are no questions.

    `begun`: the command has started to change something. `sources` are the lines of stack files
    that messages show.
    """

    format: str = "text"
    verbose: bool = False
    color: str = "auto"
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: Stream = field(default_factory=lambda: Stream(sys.stdout))
    err: Stream = field(default_factory=lambda: Stream(sys.stderr))
    begun: bool = False
    sources: SourceLines = field(default_factory=SourceLines)

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
        """Whether a person can see the plan and answer."""
        return (
            not (self.json or self.markdown)
            and self.out.is_terminal
            and sys.stdin is not None
            and sys.stdin.isatty()
        )

    def style(self, stream: Stream) -> Style:
        """The style for text on that stream."""
        dumb = self.environ.get("TERM") == "dumb"
        return Style(
            width=_width(stream, self.environ),
            color=is_colored(self.color, self.environ, terminal=stream.is_terminal),
            verbose=self.verbose,
            ascii=stream.is_terminal and (dumb or stream.ascii or _asks_for_ascii(self.environ)),
        )

    def area(self) -> Area | None:
        """The lines at the bottom of the terminal that are redrawn in place, the same in each call;
        None if stderr is not a terminal that can do that.
        """
        if not self.err.is_terminal or self.environ.get("TERM", "dumb") == "dumb":
            return None
        if self.err.area is None:
            from reconciler.render.run.live_area import LiveArea, Terminal, threaded

            terminal = Terminal(
                write=self.err.write_plain,
                size=lambda: self.err.size,
                style=self.style(self.err),
                now=time.monotonic,
                ticker=threaded,
            )
            self.err.area = LiveArea(terminal)
            self.out.area = self.err.area if self.out.is_terminal else None
        return self.err.area

    @contextmanager
    def activity(self) -> Iterator[Callable[[Activity], None]]:
        """What shows on stderr what the command does and waits for, while the block runs."""
        from reconciler.render.run.activity_view import ActivityLine, ActivityLog

        area = self.area()
        view = (
            ActivityLog(self.note, time.monotonic)
            if area is None
            else ActivityLine(area, self.style(self.err), now=time.monotonic)
        )
        try:
            yield view
        finally:
            view.close()

    def result(self, lines: Sequence[Line]) -> None:
        """Writes lines of the command's result."""
        self.out.write(screen.text(lines, self.style(self.out)))

    def result_json(self, data: Document) -> None:
        """Writes the command's result as one JSON document."""
        self.out.write(escape.json_text(data, indent=2) + "\n")

    def note(self, lines: Sequence[Line]) -> None:
        """Writes lines that are not part of the result."""
        self.err.write(screen.text(lines, self.style(self.err)))

    def write_line(self, text: str) -> None:
        """Writes a whole line of the command's result, as it is."""
        self.out.write(text)

    def write_progress(self, text: str) -> None:
        """Writes whole lines about a run, which are styled already."""
        self.err.write(text)

    def remark(self, text: str) -> None:
        """Writes a line about what the command waits for."""
        self.note([Line(f" {escape.outside(text)}", Tone.FAINT)])

    def begin(self) -> None:
        """Call this before each change, after showing what the user must see first.

        Raises `Abort` if that output was lost: what cannot be shown is not done. From here on the
        exit code describes what was done, even if the rest of the result is lost.
        """
        if self.out.lost is not None:
            message = msg(
                "the result could not be written ({reason}), so {begun} was changed",
                reason=self.out.lost,
                begun=msg("nothing more") if self.begun else msg("nothing"),
            )
            hint = msg("run the command again with a standard output that can be written")
            raise Abort(
                error("not-shown", message, hint=hint),
                exit_code=exit_codes.DECIDE if self.begun else None,
            )
        self.begun = True

    def problems(self, found: Sequence[Problem]) -> None:
        """Writes problems."""
        if found:
            self.note(list(problem_view.problems_lines(found, self.style(self.err), self.sources)))

    def cause(self, failure: BaseException) -> None:
        """Writes the chain of causes of a failure, one line each, if `-v` is given."""
        if not self.verbose:
            return
        at: BaseException | None = failure.__cause__ or failure.__context__
        while at is not None:
            self.note(
                [
                    Line(
                        f"    {phrase('cause:')} {type(at).__name__}: {escape.outside(at)}",
                        Tone.FAINT,
                    )
                ]
            )
            at = at.__cause__ or at.__context__

    def confirm(self, question: str, title: str, *, by_name: bool = False) -> bool:
        """Whether the user consents. An unclear answer is asked for again, three times in all.
        `by_name`: only the name of the stack is consent.
        """
        from reconciler.planner.checks import approval
        from reconciler.planner.checks.approval import TypedAnswer

        for _ in range(_QUESTIONS_MAX):
            typed = self.ask(question)
            reply = approval.reply(typed, title, by_name=by_name)
            if reply is not TypedAnswer.UNCLEAR:
                return reply is TypedAnswer.CONSENT
            why = escape.outside(approval.unclear(typed or "", title))
            self.note([Line(f" {why}", Tone.CARE)])
        return False

    def ask(self, question: str) -> str | None:
        """The answer to a question, or None at the end of input. Text typed before the question is
        dropped.
        """
        stream = self.err if self.err.is_terminal else self.out
        _drop_typed_ahead()
        with nullcontext() if stream.area is None else stream.area.paused():
            stream.write(f"\n {language.translated(question)} ")
            _accept_any_bytes()
            text = sys.stdin.readline()
        return text.strip() if text else None


def is_colored(choice: str, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether output is colored. `choice` is `--color`: `always` and `never` decide; with `auto`,
    NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE do, in this order, else a terminal that is not dumb.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and environ.get("TERM") != "dumb"


def _width(stream: Stream, environ: Mapping[str, str]) -> int | None:
    """The width of a terminal in cells. Elsewhere the value of COLUMNS, or None: unlimited."""
    if stream.is_terminal:
        return max(shutil.get_terminal_size().columns, COLUMNS_MIN)
    columns = environ.get("COLUMNS", "")
    return max(int(columns), COLUMNS_MIN) if columns.isdecimal() and int(columns) else None


def _drop_typed_ahead() -> None:
    """Empties the input of a terminal: text typed before the question is not its answer."""
    import termios

    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _accept_any_bytes() -> None:
    """Makes half a letter on the input a wrong answer: a terminal may delete Hangul by bytes."""
    with suppress(AttributeError, ValueError):  # ValueError: it was read from before
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]


def _asks_for_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the locale is plain ASCII. Python uses UTF-8 even then, and sets `LC_CTYPE` if it is
    not set.
    """
    plain = ("C", "POSIX")
    whole = environ.get("LC_ALL")
    return (
        whole in plain
        if whole
        else environ.get("LANG") in plain and environ.get("LC_CTYPE", "") in ("", "C.UTF-8", *plain)
    )
