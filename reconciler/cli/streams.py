"""Writing to stdout and stderr: UTF-8 but for terminals that speak something else, and quiet when the reader has gone."""

from __future__ import annotations

import io
import os

TYPE_CHECKING = False  # as `typing` has it, which is not loaded for it: that would be a tenth of what `--version` takes
if TYPE_CHECKING:
    from typing import TextIO


class Stream:
    """A text stream that loses what nobody reads: a closed pipe ends the output, never the run.

    A terminal is written to in its own encoding, with an escape for each letter that it lacks; everything else gets UTF-8.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = io.StringIO() if stream is None else stream  # None: the process was started without it (`>&-`)
        self._closed = False
        self.failure: str | None = None
        """Why something was lost, where it is not that the reader went away."""
        self.ascii = False
        """Whether signs beyond ASCII are better left out: a terminal of another encoding than UTF-8."""
        if stream is None:
            self._closed, self.failure = True, "it is closed"
        else:
            self._prepare(stream)

    def _prepare(self, stream: TextIO) -> None:
        self.ascii = stream.isatty() and not (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf8")
        reconfigure = getattr(stream, "reconfigure", None)
        try:
            if reconfigure is not None and self.ascii:
                reconfigure(errors="backslashreplace")
            elif reconfigure is not None:
                reconfigure(encoding="utf-8", errors="backslashreplace")
        except BrokenPipeError:  # it flushes first what is still waiting, and the reader may have gone since
            self._lose()

    @property
    def raw(self) -> TextIO:
        """The stream itself, for a live view."""
        return self._stream

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return not self._closed and self._stream.isatty()

    def write(self, text: str) -> None:
        """Writes and flushes. Where the reader has gone nothing happens; where the device is full, `failure` tells."""
        if self._closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._lose()
        except (OSError, ValueError) as failure:  # ValueError: a stream that was closed from outside
            self.failure = (failure.strerror if isinstance(failure, OSError) else None) or str(failure)
            self._lose()

    def finish(self) -> None:
        """Makes the interpreter's own flush at the end quiet too."""
        if not self._closed:
            self.write("")

    def _lose(self) -> None:
        self._closed = True
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):  # not a real file: then there is nothing to flush either
            return
