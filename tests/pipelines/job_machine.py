"""The machine that a job of a pipeline runs on: fresh folders, Bash, and the programs of the PATH.

Two things differ from a machine of a forge. `apt-get`, `pipx`, `pip` and `uv` install nothing: `uv tool install`
puts the program of this checkout where it would put the released one. And two variables lead to the
local cloud: `IWINV_ENDPOINT` and `RECONCILER_TIME_SCALE`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 60
_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
VERSION = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]
_LOG = 'printf "%s\\n" "$(basename "$0")" "$@" >>"{log}"\n'
_PROGRAM = """#!/bin/sh
{log}env >>"{environments}"
exec "{python}" -P -m reconciler "$@"
"""
_UV = """#!/bin/sh
{log}case "$1 $2" in "tool install") ;; *) exit 64 ;; esac
while [ "${{3#-}}" != "$3" ]; do shift; done
[ "${{3##*==}}" = "{version}" ] || exit 65
mkdir -p "$HOME/.local/bin" && cp "{program}" "$HOME/.local/bin/reconciler"
"""


@dataclass(frozen=True)
class RanStep:
    """A step that ended: of which job, its name or command, its own variables, its exit code and
    what it printed.
    """

    job: str
    name: str
    variables: Mapping[str, str]
    code: int
    printed: str


class JobMachine:
    """Runs steps. `folder` is new. `arguments` has the words of all programs that were started,
    `environments` the variables of all runs of reconciler.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.log, self._environments = folder / "arguments", folder / "environments"
        self._tools = folder / "tools"
        self._tools.mkdir(parents=True)
        self._variables = dict(variables)
        self.steps: list[RanStep] = []
        self.artifacts = folder / "artifacts"
        log = _LOG.format(log=self.log)
        program = folder / "program"
        given = {"log": log, "environments": self._environments, "python": sys.executable}
        self._write(program, _PROGRAM.format_map(given))
        self._write(self._tools / "uv", _UV.format(log=log, program=program, version=VERSION))
        for name in ("pip", "apt-get"):
            self._write(self._tools / name, f"#!/bin/sh\n{log}")
        self._write(self._tools / "pipx", f'#!/bin/sh\n{log}[ "$1" = run ] && shift && exec "$@"\n')
        git = shutil.which("git")
        self._write(self._tools / "git", f'#!/bin/sh\n{log}exec "{git}" "$@"\n')
        self._count = 0

    @property
    def arguments(self) -> str:
        """The words of all programs that were started, one on each line."""
        return self.log.read_text(encoding="utf-8")

    @property
    def environments(self) -> str:
        """The variables of all runs of reconciler."""
        return self._environments.read_text(encoding="utf-8") if self._environments.exists() else ""

    def begin(self) -> tuple[Path, dict[str, str]]:
        """A fresh folder for a job, with an empty home in it, and the variables of the machine."""
        self._count += 1
        folder = self.folder / f"job-{self._count}"
        (folder / "home").mkdir(parents=True)
        (folder / "temp").mkdir()
        path = f"{self._tools}:{os.environ['PATH']}"
        return folder, {
            "PATH": path,
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
            "GIT_TERMINAL_PROMPT": "0",
            **self._variables,
        }

    def run(
        self,
        job: str,
        name: str,
        script: str,
        folder: Path,
        variables: Mapping[str, str],
        own: Mapping[str, str],
    ) -> RanStep:
        """Runs a script as a forge does: by Bash, which stops at the first failure. `own` are the
        variables that only this step has.
        """
        file = folder.parent / "script.sh"
        file.write_text(script, encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=folder,
            env={**variables, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        ran = RanStep(job, name, own, done.returncode, done.stdout)
        self.steps.append(ran)
        return ran

    def git(self, *arguments: str, cwd: Path, header: str = "") -> None:
        """A command of Git that the machine itself runs. A header of HTTP is in no argument."""
        secret = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraheader"}
        secret["GIT_CONFIG_VALUE_0"] = header
        subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(cwd), **(secret if header else {})},
            check=True,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
        )

    def keep(self, job: str, folder: Path, path: str) -> None:
        """Keeps a folder of a job as its artifact, if it is there."""
        if (folder / path).exists():
            target = self.artifacts / job / path
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder / path, target)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
