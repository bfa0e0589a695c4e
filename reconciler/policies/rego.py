"""Policies in Rego: modules of the package `reconciler` with the sets `deny` and `warn` over
`input`, the JSON plan (the extra `rego`).

They run in a process of their own, without environment, and with limits of time and memory:
nothing in a module can read a key or hold up a run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Place, Problem, error, warning

Module: TypeAlias = "tuple[str, str]"
"""The file of a module and its text."""

NAME = "rego"

_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)", re.MULTILINE)
_CHILD = Path(__file__).with_name("rego_child.py")
_ANSWER_SECONDS = 20.0
"""The longest time to wait; the process itself stops after a part of a second of work."""

_MESSAGES_MAX = 50


@dataclass(frozen=True, slots=True)
class RegoAnswer:
    """The messages of the sets, or why they could not be evaluated."""

    deny: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    failure: str | None = None


def check_library() -> None:
    """Stops if the library is not installed."""
    if find_spec("regopy") is None:
        message = msg("policies in Rego need the Python package {library}", library="regopy")
        hint = msg(
            "run: uv tool install 'iwinv-reconciler[{extra}]' (or, in a virtual environment: "
            "pip install 'iwinv-reconciler[{extra}]')",
            extra="rego",
        )
        raise Abort(error("policy", message, hint=hint))


def mistakes(file: str, text: str) -> Iterator[Problem]:
    """What is wrong with a module beyond its syntax: nothing would look at another package."""
    found = _PACKAGE.search(text)
    if found is None or (found[1] + ".").partition(".")[0] != "reconciler":
        message = msg(
            "{file} is not of the package `reconciler`, so it would deny nothing", file=file
        )
        hint = msg("begin it with `package reconciler`")
        yield error("policy", message, place=Place(file, 1, 1), hint=hint)


def answer(modules: Sequence[Module], plan: Mapping[str, Any]) -> RegoAnswer:
    """What the modules find in a plan."""
    given = json.dumps({"modules": list(modules), "input": plan})
    try:
        ended = subprocess.run(
            [sys.executable, "-I", str(_CHILD)],
            input=given.encode("utf-8", "surrogatepass"),
            capture_output=True,
            env={},
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return RegoAnswer(failure=msg("its process did not answer"))
    try:
        found = json.loads(ended.stdout)
    except ValueError:
        return RegoAnswer(failure=msg("it used too much time or memory"))
    if found["failure"] is not None:
        return RegoAnswer(failure=str(found["failure"]))
    return RegoAnswer(tuple(map(str, found["deny"])), tuple(map(str, found["warn"])))


def problems(modules: Sequence[Module], found: RegoAnswer) -> list[Problem]:
    """The problems of an answer."""
    files = ", ".join(name for name, _ in modules)
    if found.failure is not None:
        message = msg(
            "the policies in {files} cannot be evaluated, so they deny this plan: {reason}",
            files=files,
            reason=found.failure,
        )
        return [error("policy", message)]
    hint = msg("change the stack so that the policy allows the plan; no option overrides it")
    denied = [
        error("policy", msg("{files} denies this plan: {text}", files=files, text=text), hint=hint)
        for text in found.deny[:_MESSAGES_MAX]
    ]
    return denied + [
        warning("policy", msg("{files} warns of this plan: {text}", files=files, text=text))
        for text in found.warn[:_MESSAGES_MAX]
    ]
