"""Evaluation of CEL: the only module that uses the library, and loaded only when an expression is more than a plain path."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import cel

from reconciler.core import cel_source
from reconciler.core.cel_source import ExpressionError, Source
from reconciler.core.cel_work import TOO_LONG, Work, bodies
from reconciler.core.functions import FUNCTIONS, CallError, matches, text_of

DEPTH_MAX = 3
"""How deeply macros may stand in each other."""

BRACKETS_MAX = 32
"""How deeply brackets may stand in each other."""

# The library reports what a function raises to its log as well, which a user would see twice.
logging.getLogger("cel").addHandler(logging.NullHandler())
logging.getLogger("cel").propagate = False

_PLACE = re.compile(r"ERROR: <input>:([0-9]+):([0-9]+): (?:Syntax error: )?([^\n|]*)")
_AT = re.compile(r"(?:input|at:) '(.*?)'(?: |$)")
_MISSING = re.compile(r"Undefined variable or function: '([^']*)'")

_OWN_NAMES = {"size": "length", "string": "text_of", "matches": "matches_of"}
"""Functions of the library that ours stand in for: it counts bytes where CEL counts characters, its string() knows no booleans, and its
matches() reads the pattern anew for every text.
"""

_ORDERED = "ordered"
"""Stands before every macro, with the number of its body: the library goes over maps in an order that differs from run to run, ours is by
key, and what the macro will cost is counted there.
"""


def run(source: str, words: Source, data: Mapping[str, Any]) -> Any:
    """The value of an expression. Raises `ExpressionError`, with an offset in the source where the library tells one."""
    program = _program(source)
    roots = {read.root for read in words.reads}
    values = {root: _loose(data[root]) for root in roots if root in data}
    if words.depth > DEPTH_MAX:
        raise ExpressionError(f"macros stand more than {DEPTH_MAX} deep in each other")
    work = Work(source, values)
    failed: list[str] = []
    functions: dict[str, Callable[..., Any]] = {name: partial(_call, name, function, failed, work) for name, function in _FUNCTIONS.items()}
    functions[_ORDERED] = partial(_enter, failed, work)
    value: Any = None
    try:
        work.begin()
        value = program.execute(cel.Context(variables=values, functions=functions))
    except CallError:
        pass  # `work` knows
    except (ValueError, RuntimeError, TypeError, KeyError, IndexError, ArithmeticError) as failure:
        if not work.over:
            raise ExpressionError(failed[0] if failed else _told(failure)) from None
    if work.over:
        # Asked for at the end: `||` may have covered the failure.
        raise ExpressionError(TOO_LONG, hint="use fewer macros inside macros, or shorter lists")
    return value


def check(source: str) -> None:
    """Raises `ExpressionError` for a source that cannot be read."""
    _program(source)


def _enter(failed: list[str], work: Work, items: Any, number: int) -> Any:
    try:
        work.enter(number, items)
    except CallError as failure:
        failed.append(str(failure))
        raise
    return sorted(items) if isinstance(items, Mapping) else items


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {**FUNCTIONS, "text_of": text_of, "matches_of": matches}


def _call(name: str, function: Callable[..., Any], failed: list[str], work: Work, *values: Any) -> Any:
    try:
        work.called(name, values)
        made = function(*values)
        work.called("", (made,))
        return made
    except CallError as failure:
        failed.append(str(failure))
        raise
    except TypeError:
        failed.append("a function is called with too few or too many values")
        raise


@lru_cache(maxsize=4096)
def _program(source: str) -> cel.Program:
    """The compiled source; equal sources are compiled once. Raises `ExpressionError`."""
    _check_brackets(source)
    try:
        # First as written, so that a mistake is told at its own place.
        program = cel.compile(source)
        written = _rewritten(source)
        return program if written == source else cel.compile(written)
    except ValueError as failure:
        raise _unreadable(source, str(failure)) from None


def _rewritten(source: str) -> str:
    """The source with our functions in place of the library's where that does not do what CEL says."""
    tokens = cel_source.tokens(source)
    pieces, index = [], 0
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.kind != "name" or after is None or after.text != "(":
            continue
        if token.text in cel_source.MACROS and before is not None and before.text == ".":
            number = next((number for number, body in enumerate(bodies(source)) if body.at == token.at), 0)
            pieces += [source[index : token.at], f"{_ORDERED}({number})."]
            index = token.at
        elif token.text in _OWN_NAMES:
            pieces += [source[index : token.at], _OWN_NAMES[token.text]]
            index = token.at + len(token.text)
    return "".join((*pieces, source[index:]))


def _unreadable(source: str, told: str) -> ExpressionError:
    found = _PLACE.search(told)
    if found is None:
        return ExpressionError("the expression cannot be read")
    line, column, message = int(found[1]), int(found[2]), found[3].strip()
    before = sum(len(text) + 1 for text in source.split("\n")[: line - 1])
    return ExpressionError(f"the expression cannot be read: {_plainly(message)}", offset=min(before + column - 1, len(source)))


def _plainly(message: str) -> str:
    """The grammar's complaint in plain words: it lists what could stand there in words of its own, which help nobody."""
    if "<EOF>" in message:
        return "it ends too early"
    found = _AT.search(message)
    return message.partition(" expecting ")[0] if found is None else f"`{found[1]}` cannot stand here"


def _check_brackets(source: str) -> None:
    depth = 0
    for index, character in enumerate(source):
        depth += (character in "([{") - (character in ")]}")
        if depth > BRACKETS_MAX:
            raise ExpressionError(f"brackets stand more than {BRACKETS_MAX} deep in each other", offset=index)


def _loose(value: Any) -> Any:
    """A value as the library takes it: dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _loose(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_loose(member) for member in value]
    return value


def _told(failure: Exception) -> str:
    """What went wrong, in our words where we have some."""
    text = str(failure)
    missing = _MISSING.search(text)
    if missing is not None:
        return f"`{missing[1]}` is not known here"
    if isinstance(failure, KeyError):
        return f"there is no `{failure.args[0]}` in it"
    if isinstance(failure, ZeroDivisionError):
        return "a division by zero"
    if isinstance(failure, OverflowError):
        return "a number is too large"
    first = text.partition(". ")[0].partition(". CEL")[0].partition("\n")[0]
    return first[:200]
