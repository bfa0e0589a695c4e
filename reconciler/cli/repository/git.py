"""Runs Git on a repository whose files may be written by anybody: no hook, filter, driver or other
program is started, no network is used, and no question is asked.

Of the variables `GIT_*` only those that belong to the user count. A hook of Git sets others, which
name the repository that the hook runs in.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reconciler.common.text import msg

SECONDS_MAX = 60.0
"""How long one command of Git may take."""

OUTPUT_BYTES_MAX = 64 * 1024 * 1024
"""What one command of Git may print."""

_USERS = re.compile(
    "GIT_(?:CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_[0-9]+|VALUE_[0-9]+)|EXEC_PATH"
    "|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|TEMPLATE_DIR"
    "|(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE))"
)
"""The variables of Git that say where its settings are and who the user is."""

_ENVIRONMENT = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SETTINGS = (
    "core.attributesFile=/dev/null",
    "core.bigFileThreshold=1m",
    "core.deltaBaseCacheLimit=32m",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "merge.default=text",
    "merge.renameLimit=1000",
    "protocol.allow=never",
)
"""A repository may name programs: they are not started, and no object is fetched. Large files are
not compared, and not kept in memory.
"""


_FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"


class GitFailed(Exception):
    """Git cannot be run, or a command of it failed. The text is the reason, on one line.
    `exit_code` is None if Git was not started or did not end in time.
    """

    def __init__(self, reason: str, exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class Git:
    """Git in a folder of a repository. `environ` are the variables of the process."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        given = os.environ if environ is None else environ
        kept = {
            name: text
            for name, text in given.items()
            if not name.startswith("GIT_") or _USERS.fullmatch(name) is not None
        }
        self._environ = {**kept, **_ENVIRONMENT}

    def without_filters(self) -> Git:
        """The same without the filters that are configured, for commands that read files of the
        working tree. Raises `GitFailed`.
        """
        found = self.run(
            *("config", "--null", "--name-only", "--get-regexp", _FILTERS),
            accepted=frozenset({0, 1}),
        )
        given = self._environ.get("GIT_CONFIG_COUNT", "")
        count = int(given) if given.isdecimal() else 0
        other = Git(self.folder, self._environ)
        for name in filter(None, os.fsdecode(found).split("\0")):
            value = "false" if name.endswith("required") else ""
            other._environ |= {f"GIT_CONFIG_KEY_{count}": name, f"GIT_CONFIG_VALUE_{count}": value}
            count += 1
        other._environ["GIT_CONFIG_COUNT"] = str(count)
        return other

    def run(
        self,
        *arguments: str,
        data: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        accepted: frozenset[int] = frozenset({0}),
    ) -> bytes:
        """What a command prints. `environ` are further variables. Raises `GitFailed` if it ends
        with an exit code that is not `accepted`, takes too long or prints too much.
        """
        with tempfile.TemporaryFile() as given:
            given.write(data or b"")
            given.seek(0)
            with self.stream(*arguments, given=given, environ=environ, accepted=accepted) as out:
                found = out.read(OUTPUT_BYTES_MAX + 1)
                if len(found) > OUTPUT_BYTES_MAX:
                    raise GitFailed(msg("it printed more than 64 MiB"))
                return found

    @contextmanager
    def stream(
        self,
        *arguments: str,
        given: IO[bytes] | None = None,
        environ: Mapping[str, str] | None = None,
        accepted: frozenset[int] = frozenset({0}),
    ) -> Iterator[IO[bytes]]:
        """A stream of what a command prints; `given` is a file that it reads. The command ends with
        the block. Raises `GitFailed` if it fails and the block does not raise.
        """
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        with tempfile.TemporaryFile() as errors:
            try:
                child = subprocess.Popen(
                    ["git", *settings, *arguments],
                    cwd=self.folder,
                    env={**self._environ, **(environ or {})},
                    stdin=subprocess.DEVNULL if given is None else given,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                )
            except (OSError, ValueError) as failure:
                raise GitFailed(str(failure)) from failure
            late = threading.Event()
            timer = threading.Timer(SECONDS_MAX, _end, (child, late))
            timer.daemon = True
            timer.start()
            try:
                assert child.stdout is not None
                yield child.stdout
                child.stdout.read(1)  # a command whose output nobody wants to the end is ended
                child.stdout.close()
                code = child.wait()
            finally:
                timer.cancel()
                _end(child)
            if late.is_set():
                raise GitFailed(msg("it took longer than {seconds} s", seconds=int(SECONDS_MAX)))
            if code not in accepted:
                raise GitFailed(_reason(errors, code), code)


def _end(child: subprocess.Popen[bytes], late: threading.Event | None = None) -> None:
    """Ends a command that still runs, with all that it started."""
    if child.poll() is None:
        if late is not None:
            late.set()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    if late is None:
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _reason(errors: IO[bytes], code: int) -> str:
    errors.seek(0)
    lines = errors.read(65536).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else msg("exit code {code}", code=code)
