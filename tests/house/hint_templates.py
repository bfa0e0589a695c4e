"""The hints in the source: what stands as `hint=` in a call, or is put together under that name,
with `{}` for what comes in later.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "reconciler"
_PASTED = re.compile(
    r"`?reconciler (?:\w+)|`(?:absorb|adopt|apply|catalog|destroy|doctor|drift|explain|graph|plan|recover|show|state)\b"
    r"|(?<![\w-])--(?!ours|theirs)[a-z][a-z-]+|\bstate (?:mv|forget|unlock)"
)
_COMMAND = re.compile(
    r"reconciler\\ (apply|destroy|plan|recover|doctor|state\\ (?:forget|unlock|plans)|catalog\\ (?:flavors|scripts))"
)
"""Commands that are printed with the stack that they are about."""

MOST = 32


def templates() -> dict[str, str]:
    """Every hint with a command or an option in it, and the file that it stands in."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in _hints(ast.parse(path.read_text(encoding="utf-8"))):
            if _PASTED.search(text):
                found.setdefault(text, path.relative_to(PACKAGE.parent).as_posix())
    return found


def pattern(template: str) -> re.Pattern[str]:
    """What a hint of that template looks like when it is printed."""
    parts = [
        _COMMAND.sub(r"\g<0>[^`\\n]*?", re.escape(part)) for part in re.split(r"\{\}", template)
    ]
    return re.compile(r"[\s\S]*?".join(parts).replace("\\\n", r"\s*"))


def _hints(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.keyword(arg="hint"):
                yield from _texts(node.value)
            case ast.Assign(targets=[ast.Name(id=name)]) if "hint" in name.lower():
                yield from _texts(node.value)
            case ast.FunctionDef(name=name) if re.search(r"hint|way_out", name):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _texts(inner.value)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to."""
    if isinstance(node, ast.Constant):
        yield from [node.value] if isinstance(node.value, str) else []
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "msg":
        for text in _texts(node.args[0]):
            yield re.sub(r"(?<!\{)\{[^{}]+\}", "{}", text).replace("{{", "{").replace("}}", "}")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = (list(_texts(node.left)) or ["{}"], list(_texts(node.right)) or ["{}"])
        yield from ("".join(pair) for pair in itertools.islice(itertools.product(*sides), MOST))
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
