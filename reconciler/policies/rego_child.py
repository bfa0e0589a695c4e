"""The process in which modules of Rego are evaluated: a script that knows nothing of the program.

It reads `{"modules": [[name, text], ...], "input": plan}` and writes
`{"deny": [...], "warn": [...], "failure": text or null}`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

PROCESSOR_SECONDS = 0.8
"""The work on the modules after which the process is ended by a signal. It also bounds the memory
that they can fill. To read the plan takes about a second for 1,000 changes.
"""

TEXT_CHARACTERS_MAX = 500


def main() -> None:
    """Answers one question and ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the library prints what it finds wrong
    given = json.load(sys.stdin)
    import regopy

    json.dump(_answer(regopy, given), out)
    out.close()


def _answer(library: Any, given: Any) -> dict[str, Any]:
    try:
        rego = library.Interpreter()
        rego.set_input(given["input"])
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
        for name, text in given["modules"]:
            rego.add_module(name, text)
        deny, warn = _messages(rego, "deny"), _messages(rego, "warn")
        if deny is None and warn is None:
            raise ValueError("no module of the package reconciler has a set deny or warn")
    except MemoryError:
        return {"deny": [], "warn": [], "failure": "it used too much memory"}
    except Exception as failure:
        return {"deny": [], "warn": [], "failure": _short(str(failure) or type(failure).__name__)}
    return {"deny": deny or [], "warn": warn or [], "failure": None}


def _messages(rego: Any, name: str) -> list[str] | None:
    """The messages of a set, sorted; None if no module has it. Raises if it has no value."""
    found = rego.query(f"data.reconciler.{name}")
    if not found.results:  # such as two values for one name
        raise ValueError(f"{name} cannot be evaluated: {found}")
    if not any(result.expressions for result in found.results):
        return None
    entries = [each for result in found.results for each in result.expressions]
    texts: set[str] = set()
    for entry in entries:
        listed = entry if isinstance(entry, list | tuple | set) else [entry]
        texts.update(_text(each) for each in listed if each is not False)
    return sorted(texts)


def _text(entry: Any) -> str:
    """A message: a text, or an object with `msg` as other tools take it."""
    if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
        entry = entry["msg"]
    return _short(entry if isinstance(entry, str) else json.dumps(entry, default=str))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= TEXT_CHARACTERS_MAX else flat[:TEXT_CHARACTERS_MAX] + "..."


if __name__ == "__main__":
    main()
