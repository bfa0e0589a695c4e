"""A process that reads pull requests and is watched while it does: what it opens, starts and sends,
and what it costs. It is started once; each pull request gets a fork of it.

Run as a module, it takes one job in JSON per line and answers each with a line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

SECONDS_MAX, MEBIBYTES_MAX = 2.0, 300
"""What one pull request may cost: seconds of processor time with those of Git, and memory."""

_WALL_SECONDS_MAX = 60
_KEYS = {"IWINV_ACCESS_KEY": "CANARY-KEY", "IWINV_SECRET_KEY": "CANARY-SECRET"}
_ANY = 'version: 1\nstack: any\nlocals: {x: "${vars.x + 1}"}\nfirewalls: {web: {icmp: 3}}\n'
_NOTHING = frozenset({"", "-", "/dev/null"})


@dataclass
class Seen:
    """What a process did: its exit codes and output, what it opened outside of its folders, which
    programs it started, where it connected to, and what it cost.
    """

    codes: list[int] = field(default_factory=list)
    out: str = ""
    files: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rules_changed: bool = False
    opened: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    seconds: float = 0.0
    mebibytes: float = 0.0


class Sandbox:
    """The process, from the side of the tests."""

    def __init__(self, temporary: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.review.sandbox"],
            env={**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary), **_KEYS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    def read(
        self,
        repository: Path,
        base: str,
        head: str,
        commands: Sequence[Sequence[str]] = (("validate", "--all"),),
    ) -> Seen:
        """Merges a pull request, writes it out, and runs the commands of the program on it."""
        job = {
            "repository": str(repository),
            "base": base,
            "head": head,
            "commands": [list(each) for each in commands],
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        return Seen(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class _Watch:
    """An audit hook: it refuses files outside of some folders, and programs other than Git."""

    def __init__(self, folders: Sequence[str], seen: Seen) -> None:
        self._folders = tuple(folders)
        self._seen = seen
        self.is_on = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = str(Path(os.fsdecode(arguments[0])).resolve())
            if path not in _NOTHING and not path.startswith(self._folders):
                self._seen.opened.append(path)
                raise PermissionError(13, "refused by the sandbox", path)
        elif event == "subprocess.Popen":
            program = Path(os.fsdecode(arguments[0])).name
            if program != "git":
                self._refuse(event, program)
        elif event in ("os.system", "os.exec", "os.posix_spawn", "ctypes.dlopen", "compile_"):
            self._refuse(event, str(arguments[:1]))
        elif event == "socket.connect":
            self._refuse(event, str(arguments[1:]))

    def _refuse(self, event: str, what: str) -> None:
        self._seen.started.append(f"{event} {what}")
        raise PermissionError(13, "refused by the sandbox", what)


def _work(job: Mapping[str, Any], seen: Seen, watch: _Watch) -> None:
    """What a command of `ci` does with the files of a pull request."""
    from reconciler.cli import program
    from reconciler.cli.review import pull_tree
    from reconciler.model.abort import Abort

    out = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder, _printed_to(out):
        root = Path(folder).resolve()
        try:
            tree = pull_tree.merged(Path(job["repository"]), job["base"], job["head"])
            written = pull_tree.write_out(tree, job["base"], root)
        except Abort as stop:
            seen.out = "\n".join(f"{each.message}\n{each.hint}" for each in stop.problems)
            seen.codes = [stop.exit_code]
            return
        seen.rules_changed = written.rules_changed
        seen.left_out = sorted(str(each.relative_to(root)) for each in written.left_out)
        seen.files = sorted(
            str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()
        )
        os.chdir(root)
        try:
            for arguments in job["commands"]:
                seen.codes.append(program.run(arguments))
        finally:
            watch.is_on = False  # the folder is removed by names relative to open folders
            os.chdir("/")
            seen.out = out.getvalue().replace(str(root), "ROOT")


@contextlib.contextmanager
def _printed_to(out: IO[str]) -> Iterator[None]:
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield


def _limited(job: Mapping[str, Any]) -> Seen:
    """Does the work under limits, in a process of its own."""
    seen = Seen()
    resource.setrlimit(resource.RLIMIT_CPU, (_WALL_SECONDS_MAX, _WALL_SECONDS_MAX))
    temporary = os.path.realpath(tempfile.gettempdir())
    package = str(Path(__file__).parents[2] / "reconciler")
    libraries = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path)}
    watch = _Watch([*map(os.path.realpath, libraries), package, temporary], seen)
    before = _seconds()
    sys.addaudithook(watch)
    try:
        _work(job, seen, watch)
    except BaseException:
        seen.out += traceback.format_exc()
        seen.codes.append(-1)
    watch.is_on = False
    seen.seconds = _seconds() - before
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    seen.mebibytes = max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024
    return seen


def _seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Answers jobs until the input ends."""
    from reconciler.cli import program
    from reconciler.cli.review import pull_tree  # noqa: F401

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, _printed_to(io.StringIO()):
        (Path(folder) / "stack.yaml").write_text(_ANY, encoding="utf-8")
        os.chdir(folder)
        program.run(["validate"])  # imports what is imported when it is first needed
        os.chdir(here)
    for line in sys.stdin.buffer:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as answer:
                answer.write(json.dumps(vars(_limited(json.loads(line)))))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            found = answer.read()
        os.waitpid(child, 0)
        missing = Seen(codes=[-2], out="the process died")
        print(found or json.dumps(vars(missing)), flush=True)


if __name__ == "__main__":
    main()
