"""Writing to stdout and stderr: UTF-8 but for terminals that speak something else, and quiet when
the reader has gone.
"""

from __future__ import annotations

import io
import os
import sys

# as `typing` has it, which is not loaded for it: that would be a tenth of what `--version` takes
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_GONE = "its reader has gone"


def unwritten(out: Stream) -> int:
    """Says that a result was lost, for what writes it without a `Console`; gives the exit code."""
    from reconciler.model import exit_codes

    if out.failed:
        Stream(sys.stderr).write(f"error: the result could not be written: {out.lost}\n")
    return exit_codes.ERROR if out.failed else exit_codes.DONE


class Stream:
    """A text stream that loses what nobody reads, and keeps that it did: a closed pipe ends the
    output, never a run that has begun.

    A terminal is written to in its own encoding, with an escape for each letter that it lacks;
    everything else gets UTF-8.
    """

    def __init__(self, stream: TextIO | None) -> None:
        # None: the process was started without it (`>&-`)
        self._stream = io.StringIO() if stream is None else stream
        self._closed: str | None = "it is closed" if stream is None else None
        self.lost: str | None = None
        """Why something that was written is lost; None as long as nothing is."""
        self.failed = False
        """Whether that is a failure, and not a reader who had seen enough and went away."""
        self.ascii = False
        """Whether signs beyond ASCII are better left out: a terminal of another encoding than
        UTF-8.
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
        # it flushes first what is still waiting, and the reader may have gone since
        except BrokenPipeError:
            self._close(_GONE)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return self._closed is None and self._stream.isatty()

    def write(self, text: str) -> None:
        """Writes and flushes; where that cannot be done, `lost` tells why."""
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

    def flush(self) -> None:
        """Does nothing: each write is flushed. A live view asks for it."""

    def finish(self) -> None:
        """Makes the interpreter's own flush at the end quiet too."""
        self.write("")

    def _close(self, why: str) -> None:
        self._closed = why
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):  # not a real file: then there is nothing to flush either
            return
