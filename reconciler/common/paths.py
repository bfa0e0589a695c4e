"""Which files may be read: only ordinary files, and of those that a stack file names only files in
its repository.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Sequence
from pathlib import Path

from reconciler.common.text import Text, msg

_STACK_FILES = (".yaml", ".yml")
_OF_VALUES = ("auto.vars.yaml", "auto.vars.yml")
"""How files of variables end, which may contain what nobody wants in a log."""


def read_ordinary(path: Path, limit_bytes: int) -> bytes:
    """At most that many bytes of a file. Raises `OSError`, also for a named pipe or a device,
    because reading one might never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, msg("it is not a regular file"), str(path))
        parts = []
        while limit_bytes > 0 and (part := os.read(descriptor, limit_bytes)):
            parts.append(part)
            limit_bytes -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def refused(path: Path, folder: Path) -> str | None:
    """Why a file or folder that a stack file in `folder` names is not read, or None.

    Messages quote what is read, so a stack file must not be able to name any file of the machine,
    nor ask whether it exists: a path that does not exist is refused only if it is outside. Links
    are followed; without a repository (a folder above with `.git`) every YAML file may be named.
    """
    if leaves_repository(path, folder):
        return msg("is outside the repository")
    if path.suffix not in _STACK_FILES and path.exists() and not path.is_dir():
        return msg("is not a *.yaml file")
    return None


def leaves_repository(path: Path, folder: Path) -> bool:
    """Whether a path leads out of the repository of the folder, after following links; False
    without a repository.
    """
    try:
        start = folder.resolve()
        root = next((above for above in (start, *start.parents) if (above / ".git").exists()), None)
        return root is not None and not path.resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle
        return True


def shown_path(path: str) -> str:
    """A path relative to the current folder, if it is inside; a URL without its parameters."""
    if "://" in path:
        return path.partition("?")[0]
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return path


_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for the parser of YAML."""

_SOURCE_BYTES_MAX = 4 * 1024 * 1024

_LINE_MAX = 10_000
"""How many characters a line has that is shown: to look for secrets in more would take long."""

_TEXT_BEGINS = re.compile(r"(?:^|\s)[|>][-+0-9]{0,2}\s*(?:#.*)?$")
"""A line after which a text of several lines begins, such as a script."""

_ENTRY = re.compile(r"""(?:- +)*(?:"[^"]*"|'[^']*'|[\w.-]+)\s*:(?:\s|$)|-(?:\s|$)|[]}]""")
"""How a line begins that cannot belong to the text above it."""

_SECRET = re.compile(
    r"user_script|passw|passphrase|secret|token|credential|private_?key|://\S*[@%]"
    r"|\bnotify\b.*://|\b(?:to|on):.*://|^-\s*[\"']?[a-z][a-z0-9+.-]*://",
    re.I,
)
"""A word of a line whose value may be a secret."""


class SourceLines:
    """Lines of stack files, to be shown with messages. Each file is read once. The files that are
    `hidden` may contain secrets, and so may scripts, other texts of several lines, and lines that
    name a password: these are never shown.
    """

    def __init__(self, hidden: Collection[str | Path] = ()) -> None:
        self._hidden = frozenset(map(_real, hidden))
        self._read: dict[str, list[str | None]] = {}

    def __call__(self, file: str, line: int) -> str | None:
        """A line of a file, counted from 1. None if it cannot be shown, or if the file is a text
        such as "the saved plan".
        """
        if isinstance(file, Text):
            return None
        if file not in self._read:
            is_hidden = bool(self._hidden) and _real(file) in self._hidden
            self._read[file] = [] if is_hidden else _public(_lines(Path(file)))
        lines = self._read[file]
        return lines[line - 1] if 0 < line <= len(lines) else None


def _real(file: str | Path) -> str:
    return os.path.realpath(file)


def _public(lines: Sequence[str]) -> list[str | None]:
    """The lines, with None for each that may contain a secret. This looks at the text alone,
    because the file may not be valid YAML.
    """
    found: list[str | None] = []
    columns = {0}
    above: int | None = None
    quote = ""
    for line in lines:
        if len(line) > _LINE_MAX:
            found.append(None)
            continue
        text = line.lstrip(" \t")
        indent = len(line) - len(text)
        # a line of a script may be indented too little by mistake, which is the mistake to report
        is_entry = indent in columns and _ENTRY.match(text) is not None
        if quote or (above is not None and (indent > above or not is_entry)):
            quote = "" if quote in text else quote
            found.append(None)
            continue
        columns |= {indent, indent + len(text) - len(text.lstrip("- "))}
        is_secret = _SECRET.search(text) is not None
        above = indent if is_secret or _TEXT_BEGINS.search(text) is not None else None
        quote = _open_quote(text) if is_secret else ""
        found.append(None if is_secret else line)
    return found


def _open_quote(text: str) -> str:
    """The quote that is open at the end of a line, or nothing."""
    quote = ""
    for character in text:
        if character in (quote or "\"'"):
            quote = "" if quote else character
    return quote


def _lines(path: Path) -> list[str]:
    if path.suffix not in _STACK_FILES or path.name.endswith(_OF_VALUES):
        return []
    try:
        if path.is_symlink() and leaves_repository(path, path.parent):
            return []
        return _LINE_BREAK.split(read_ordinary(path, _SOURCE_BYTES_MAX).decode("utf-8-sig"))
    except (OSError, ValueError):
        return []
