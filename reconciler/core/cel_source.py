"""The source of a CEL expression, looked at without evaluating it: its words, its end in a text, and what it reads.

Nothing is computed here; that is the library's work. What a source reads is found from its words alone, inside macros too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from reconciler.core.names import hint_for

FILE_ROOTS = ("vars", "locals", "env", "stack", "stacks", "component", "components", "count", "each")
"""Names whose values the file and its inputs decide."""

KINDS = ("instances", "block_storages", "firewalls")
"""Names under which resources are read."""

ROOTS = (*FILE_ROOTS, *KINDS, "existing")

MACROS = ("all", "exists", "exists_one", "filter", "map")
_COUNTING = frozenset({"size", "length", "keys"})
_CONSTANTS = frozenset({"true", "false", "null", "in"})
_TYPES = frozenset({"int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type", "type"})

_SPELLINGS = {
    "var": "vars",
    "variable": "vars",
    "variables": "vars",
    "local": "locals",
    "environment": "env.name",
    "instance": "instances",
    "server": "instances",
    "servers": "instances",
    "firewall": "firewalls",
    "block_storage": "block_storages",
    "volume": "block_storages",
    "volumes": "block_storages",
}

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<string>[rR]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)


class ExpressionError(Exception):
    """An expression cannot be read or evaluated. `offset` is where in the text, from 0, or None where that is not known."""

    def __init__(self, message: str, *, offset: int | None = None, code: str = "expression", hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.code, self.hint = message, offset, code, hint


class Token(NamedTuple):
    """A word of a source; `at` is its offset in it."""

    kind: str
    text: str
    at: int


class Path(NamedTuple):
    """A root and fixed steps from it: `vars.x`, `instances.web[0].name`."""

    root: str
    steps: tuple[str | int, ...]


class Computed(NamedTuple):
    """An index that an expression gives; `path` where that is a plain path."""

    path: Path | None


Step: TypeAlias = "str | int | Computed"


class Read(NamedTuple):
    """A root that a source reads, with the steps that follow it.

    `method` is called on it, if any; `fields` are then the only ones read of each element, where a macro's variable makes that certain,
    and None where it may be all. `inside` tells whether it stands in a macro's body, `at` where in the source.
    """

    root: str
    steps: tuple[Step, ...]
    method: str | None
    fields: tuple[str, ...] | None
    inside: bool
    at: int


class Source(NamedTuple):
    """What the words of a source tell: what it reads, its path if it is only one, how deep macros nest, how often it adds."""

    reads: tuple[Read, ...]
    path: Path | None
    depth: int
    additions: int
    calls: tuple[Token, ...]


def end_of(text: str, start: int) -> int:
    """The index of the brace that closes an expression which begins at `start`. Raises `ExpressionError`."""
    depth = 0
    for token in _tokens(text, start):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0:
                return token.at
            depth -= 1
    raise ExpressionError("`${` is not closed with `}`", offset=start - 2, hint="for a literal `${` write `$${`")


def look(source: str) -> Source:
    """What the words of a source tell. Raises `ExpressionError` with an offset in the source."""
    tokens = list(_tokens(source, 0))
    if not tokens:
        raise ExpressionError("the expression is empty", offset=0, hint="for a literal `${` write `$${`")
    bodies = _bodies(tokens)
    bound = {tokens[body.variable].text for body in bodies}
    reads: list[Read] = []
    calls: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind != "name" or token.text in _CONSTANTS:
            continue
        follows_dot = index > 0 and tokens[index - 1].text == "."
        if _text(tokens, index + 1) == "(":
            calls.append(token)
        elif not follows_dot and token.text in ROOTS:
            reads.append(_read(tokens, index, bodies))
        elif not follows_dot and token.text not in bound and token.text not in _TYPES:
            raise _unknown_name(token)
    path = _path(tokens)
    return Source(tuple(reads), path, _depth(bodies), sum(1 for token in tokens if token.text == "+"), tuple(calls))


def path_of(source: str) -> Path | None:
    """The path that a source is, and nothing else; None where it is more."""
    return _path(list(_tokens(source, 0)))


def macro_bodies(tokens: list[Token]) -> list[tuple[int, int, int]]:
    """Of each macro, the indices of its name, and of the brackets around its variable and body."""
    return [(body.open - 1, body.open, body.close) for body in _bodies(tokens)]


def tokens(source: str) -> list[Token]:
    """The words of a source. Raises `ExpressionError`."""
    return list(_tokens(source, 0))


def _tokens(text: str, start: int) -> Iterator[Token]:
    index = start
    while index < len(text):
        found = _TOKEN.match(text, index)
        if found is None:
            what = "a quote that is never closed" if text[index] in "\"'" else f"`{text[index]}`, which is not part of an expression"
            raise ExpressionError(f"the expression holds {what}", offset=index)
        if found.lastgroup != "space":
            assert found.lastgroup is not None
            yield Token(found.lastgroup, found.group(), index)
        index = found.end()


def _text(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


class _Body(NamedTuple):
    """The part of a source in which a macro's variable is bound: indices of the parentheses and of the variable's first mention."""

    variable: int
    open: int
    close: int


def _bodies(tokens: list[Token]) -> list[_Body]:
    bodies: list[_Body] = []
    for index, token in enumerate(tokens):
        if token.text not in MACROS or _text(tokens, index - 1) != "." or _text(tokens, index + 1) != "(":
            continue
        if index + 3 < len(tokens) and tokens[index + 2].kind == "name" and tokens[index + 3].text == ",":
            name = tokens[index + 2]
            if name.text in ROOTS:
                raise ExpressionError(f"`{name.text}` has a meaning of its own; give the element another name", offset=name.at)
            bodies.append(_Body(index + 2, index + 1, _closing(tokens, index + 1)))
    return bodies


def _closing(tokens: list[Token], open_index: int) -> int:
    """The index of the bracket that closes the one at `open_index`; the end where none does (the library then tells)."""
    depth = 0
    for index in range(open_index, len(tokens)):
        if tokens[index].kind != "symbol":
            continue
        if tokens[index].text in "([{":
            depth += 1
        elif tokens[index].text in ")]}":
            depth -= 1
            if depth == 0:
                return index
    return len(tokens)


def _depth(bodies: list[_Body]) -> int:
    return max((sum(1 for outer in bodies if outer.open <= body.open and body.close <= outer.close) for body in bodies), default=0)


def _read(tokens: list[Token], index: int, bodies: list[_Body]) -> Read:
    root, at, first = tokens[index].text, tokens[index].at, index
    inside = any(body.open < index < body.close for body in bodies)
    steps: list[Step] = []
    index += 1
    while True:
        if _text(tokens, index) == "." and index + 1 < len(tokens) and tokens[index + 1].kind == "name":
            if _text(tokens, index + 2) == "(":
                return Read(root, tuple(steps), tokens[index + 1].text, _fields(tokens, index + 1, bodies), inside, at)
            steps.append(tokens[index + 1].text)
            index += 2
        elif _text(tokens, index) == "[":
            close = _closing(tokens, index)
            steps.append(_index(tokens[index + 1 : close], tokens[index].at))
            index = close + 1
        else:
            return Read(root, tuple(steps), None, () if _only_counts(tokens, first, index) else None, inside, at)


def _only_counts(tokens: list[Token], first: int, end: int) -> bool:
    """Whether a read without a method asks only how many objects there are, or under which keys: `'k' in X`, `size(X)`."""
    if _text(tokens, first - 1) == "in":
        return _text(tokens, end) not in ("+", "-", "*", "/", "%")
    called = _text(tokens, first - 1) == "(" and _text(tokens, end) == ")" and _text(tokens, first - 3) != "."
    return called and _text(tokens, first - 2) in _COUNTING


def _index(tokens: list[Token], at: int) -> Step:
    if len(tokens) == 1:
        fixed = _fixed(tokens[0])
        if fixed is not None:
            return fixed
        if tokens[0].text == "*":
            hint = "write instances.web.map(w, w.public_ip)"
            raise ExpressionError("`[*]` is not part of the language", offset=at, code="bad-reference", hint=hint)
    return Computed(_path(tokens))


def _fixed(token: Token) -> str | int | None:
    """The value of a token that is a plain index: a whole number, or a text without escapes."""
    if token.kind == "number" and token.text.isascii() and token.text.isdigit():
        return int(token.text) if len(token.text) < 10 else None
    if token.kind == "string" and token.text[0] in "\"'" and "\\" not in token.text and token.text[:3] not in ('"""', "'''"):
        return token.text[1:-1]
    return None


def _path(tokens: list[Token]) -> Path | None:
    """The path that the tokens spell and nothing else, or None."""
    if not tokens or tokens[0].kind != "name" or tokens[0].text not in ROOTS:
        return None
    steps: list[str | int] = []
    index = 1
    while index < len(tokens):
        if tokens[index].text == "." and index + 1 < len(tokens):
            name = tokens[index + 1]
            if name.kind != "name" or name.text in _CONSTANTS:
                return None
            steps.append(name.text)
            index += 2
        elif tokens[index].text == "[" and _text(tokens, index + 2) == "]":
            fixed = _fixed(tokens[index + 1])
            if fixed is None:
                return None
            steps.append(fixed)
            index += 3
        else:
            return None
    return Path(tokens[0].text, tuple(steps))


def _fields(tokens: list[Token], method: int, bodies: list[_Body]) -> tuple[str, ...] | None:
    """The fields of each element that a method can read, where the words make that certain; else None.

    Only of macros whose result is not made of the elements themselves, and whose variable is only ever followed by a field.
    """
    name = tokens[method].text
    if name in _COUNTING:
        return ()
    mine = [body for body in bodies if body.open == method + 1]
    if name not in ("map", "all", "exists", "exists_one") or not mine:
        return None
    variable = tokens[mine[0].variable].text
    if sum(1 for body in bodies if tokens[body.variable].text == variable) > 1:
        return None
    fields: set[str] = set()
    for index in range(mine[0].variable + 1, mine[0].close):
        if tokens[index].text != variable or tokens[index].kind != "name" or tokens[index - 1].text == ".":
            continue
        if _text(tokens, index + 1) != "." or tokens[index + 2].kind != "name" or _text(tokens, index + 3) == "(":
            return None
        fields.add(tokens[index + 2].text)
    return tuple(sorted(fields))


def _unknown_name(token: Token) -> ExpressionError:
    right = _SPELLINGS.get(token.text)
    if right is not None:
        return ExpressionError(f"`{token.text}` is spelled `{right}`", offset=token.at, code="bad-reference", hint=f"write `{right}`")
    hint = hint_for(token.text, ROOTS) or "for a literal `${` write `$${`"
    return ExpressionError(f"`{token.text}` is not known in expressions", offset=token.at, code="bad-reference", hint=hint)
