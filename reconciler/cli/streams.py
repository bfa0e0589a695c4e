"""Writing to stdout and stderr: in UTF-8 except on terminals with another encoding, and silently
after the reader has closed the pipe.
"""

from __future__ import annotations

import io
import os
import sys

# `typing.TYPE_CHECKING` without the import, which would be a tenth of the time of `--version`
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from reconciler.render.run.live_area import LiveArea

_GONE = "its reader has gone"


def unwritten(out: Stream) -> int:
    """Reports a lost result of a command without a `Console`. Returns the exit code."""
    from reconciler.model import exit_codes

    if out.failed:
        Stream(sys.stderr).write(f"error: the result could not be written: {out.lost}\n")
    return exit_codes.ERROR if out.failed else exit_codes.DONE


class Stream:
    """A text stream that drops its output after the pipe is closed, and remembers it: a closed pipe
    never ends a run that has begun.

    A terminal receives its own encoding, with an escape for each character that it lacks.
    Everything else receives UTF-8.
    """

    def __init__(self, stream: TextIO | None) -> None:
        # None: the process was started without it (`>&-`)
        self._stream = io.StringIO() if stream is None else stream
        self._closed: str | None = "it is closed" if stream is None else None
        self.lost: str | None = None
        """Why output was lost; None if nothing was."""
        self.failed = False
        """Whether the loss is a failure, not just a reader that closed the pipe."""
        self.ascii = False
        """Whether only ASCII signs should be written: a terminal whose encoding is not UTF-8."""
        self.area: LiveArea | None = None
        """The lines that are redrawn at the bottom of the terminal; other output is written above
        them.
        """
        if stream is not None:
            self._prepare(stream)

    def _prepare(self, stream: TextIO) -> None:
        self.ascii = stream.isatty() and not (
            getattr(stream, "encoding", None) or ""
        ).lower().replace("-", "").startswith("utf8")
        reconfigure = getattr(stream, "reconfigure", None)
        try:
            if reconfigure is not None and self.ascii:
                reconfigure(errors="backslashreplace")
            elif reconfigure is not None:
                reconfigure(encoding="utf-8", errors="backslashreplace")
        # reconfigure() flushes first, and the reader may have closed the pipe
        except BrokenPipeError:
            self._close(_GONE)

    @property
    def is_terminal(self) -> bool:
        """Whether the stream is an open terminal."""
        return self._closed is None and self._stream.isatty()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal now; 80 and 24 if it does not tell."""
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns = rows = 0
        return columns or 80, rows or 24

    def write(self, text: str) -> None:
        """Writes and flushes, above the lines of the area. If that fails, `lost` gives the
        reason.
        """
        if self.area is None:
            self.write_plain(text)
            return
        with self.area.hidden(whole=text.endswith("\n")):
            self.write_plain(text)

    def write_plain(self, text: str) -> None:
        """Writes at the cursor, without a look at the area."""
        if self._closed is None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:
                self._close(_GONE)
            # ValueError: a stream that was closed from outside
            except (OSError, ValueError) as failure:
                self._close(
                    (failure.strerror if isinstance(failure, OSError) else None) or str(failure)
                )
        if text and self._closed is not None:
            self.lost, self.failed = self._closed, self._closed != _GONE

    def finish(self) -> None:
        """Prevents an error message from the interpreter's own flush at exit."""
        self.write("")

    def _close(self, why: str) -> None:
        self._closed = why
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):  # not a real file: there is nothing to flush
            return
