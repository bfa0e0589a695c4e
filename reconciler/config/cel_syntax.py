"""The syntax of CEL: a source becomes a tree, or an error with its place.

A simple path (`vars.x`, `instances.web[0].name`) is parsed with one regular expression. Only other
expressions need the parser, which takes time to load.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.resources import all_kinds

FILE_ROOTS = (
    "vars",
    "locals",
    "env",
    "stack",
    "stacks",
    "component",
    "components",
    "count",
    "each",
    "self",
)
"""Names whose values come from the file and its inputs."""

MACROS = ("all", "exists", "exists_one", "filter", "map")

TYPES = frozenset(
    {"int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type", "type"}
)

BRACKETS_MAX = 32
"""The maximum depth of nested brackets."""

DEPTH_MAX = 200
"""The maximum depth of nested operators, calls and steps of a path."""

_SPELLINGS = {
    "var": "vars",
    "variable": "vars",
    "variables": "vars",
    "local": "locals",
    "environment": "env.name",
}

_STRING = (
    r"[rR]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
)
_END = re.compile(rf"(?s:(?P<string>{_STRING})|(?P<quote>[\"'])|(?P<open>\{{)|(?P<close>\}})|.)")
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_PATH = re.compile(
    rf"\s*({_NAME})("
    rf"(?:\s*\.\s*{_NAME}|\s*\[\s*(?:[0-9]{{1,9}}|\"[^\"\\\n]*\"|'[^'\\\n]*')\s*\])*"
    r")\s*"
)
_STEP = re.compile(
    rf"\s*(?:\.\s*(?P<name>{_NAME})|\[\s*(?:(?P<number>[0-9]+)|(?P<text>\"[^\"]*\"|'[^']*'))\s*\])"
)
_KEYWORDS = frozenset({"true", "false", "null", "in"})

_GRAMMAR = (
    r"""
?choice: either | either "?" choice ":" choice
?either: both | either "||" both
?both: relation | both "&&" relation
?relation: sum | relation (RELATION | IN) sum -> binary
?sum: product | sum (PLUS | MINUS) product -> binary
?product: unary | product PRODUCT unary -> binary
?unary: member | BANG unary -> negated | MINUS unary -> negative
?member: primary | member "." NAME -> select | member "." NAME "(" _items? ")" -> method
    | member "[" choice "]" -> index
?primary: NAME -> name | NAME "(" _items? ")" -> call | "(" choice ")"
    | "[" (_items ","?)? "]" -> list
    | "{" (_pairs ","?)? "}" -> map | STRING -> string | NUMBER -> number
_items: choice ("," choice)*
_pairs: choice ":" choice ("," choice ":" choice)*
RELATION: "==" | "!=" | "<=" | ">=" | "<" | ">"
IN.2: /in\b/
PLUS: "+"
MINUS: "-"
PRODUCT: "*" | "/" | "%"
BANG: "!"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
NUMBER: /0[xX][0-9a-fA-F]+[uU]?|[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?[uU]?/
%ignore /\s+|\/\/[^\n]*/
"""
    + f"STRING: /{_STRING}/s\n"
)

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def roots() -> tuple[str, ...]:
    """The names with which a path in an expression can begin."""
    return (*FILE_ROOTS, *all_kinds().sections, "existing")


class ExpressionError(Exception):
    """An expression cannot be parsed or evaluated. `offset` is the place in the text, from 0, or
    None if it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        code: str = "expression",
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.offset, self.code, self.hint = message, offset, code, hint


class CelNode(NamedTuple):
    """A part of an expression; `at` is the offset at which it begins.

    | kind | parts | value |
    | --- | --- | --- |
    | `literal` | none | the value |
    | `name` | none | the name |
    | `select` | what is read of | (field, offset of its name) |
    | `index` | what is read of, index | none |
    | `call` | arguments | the function's name |
    | `method` | target, arguments | (name, its offset) |
    | `macro` | target, bodies | (name, variable) |
    | `has` | the path in question | none |
    | `choice` | condition, value if true, value if false | none |
    | `both`, `either` | left, right | none |
    | `binary` | left, right | the operator |
    | `negated`, `negative` | operand | none |
    | `list`, `map` | items; keys and values in turn | none |
    """

    kind: str
    at: int
    parts: tuple[CelNode, ...] = ()
    value: Any = None


def end_of(text: str, start: int) -> int:
    """The index of the brace that closes an expression which begins at `start`. Raises
    `ExpressionError`.
    """
    depth = 0
    for found in _END.finditer(text, start):
        if found.lastgroup == "quote":
            raise ExpressionError(
                msg("the expression has a quote that is never closed"), offset=found.start()
            )
        if found.lastgroup == "open":
            depth += 1
        elif found.lastgroup == "close":
            if depth == 0:
                return found.start()
            depth -= 1
    raise ExpressionError(
        msg("`${{` is not closed with `}}`"),
        offset=start - 2,
        hint=msg("for a literal `${{` write `$${{`"),
    )


def parse(source: str) -> CelNode:
    """The tree of a source. Raises `ExpressionError` with an offset in the source."""
    if not source.strip():
        raise ExpressionError(
            msg("the expression is empty"), offset=0, hint=msg("for a literal `${{` write `$${{`")
        )
    path = _PATH.fullmatch(source)
    if path is not None and path[1] not in _KEYWORDS:
        return _plain_path(source, path)
    _check_brackets(source)
    return _parsed(source)


def unknown_name(name: str, at: int) -> ExpressionError:
    """The error for a name that expressions do not know."""
    right = _SPELLINGS.get(name) or all_kinds().spellings.get(name)
    if right is not None:
        return ExpressionError(
            msg("`{name}` must be spelled `{right}`", name=name, right=right),
            offset=at,
            code="bad-reference",
            hint=msg("write `{right}`", right=right),
        )
    hint = hint_for(name, roots()) or msg("for a literal `${{` write `$${{`")
    return ExpressionError(
        msg("`{name}` is not known in expressions", name=name),
        offset=at,
        code="bad-reference",
        hint=hint,
    )


def _plain_path(source: str, path: re.Match[str]) -> CelNode:
    start = path.start(1)
    node, at = CelNode("name", start, value=path[1]), path.end(1)
    for step in _STEP.finditer(source, at):
        if step.lastgroup == "name":
            node = CelNode("select", start, (node,), (step["name"], step.start("name")))
        else:
            index = int(step["number"]) if step.lastgroup == "number" else step["text"][1:-1]
            node = CelNode(
                "index",
                start,
                (node, CelNode("literal", step.start(step.lastgroup or 0), value=index)),
            )
    return node


def _check_brackets(source: str) -> None:
    depth = 0
    for index, character in enumerate(source):
        depth += (character in "([{") - (character in ")]}")
        if depth > BRACKETS_MAX:
            raise ExpressionError(
                msg("brackets are nested more than {limit} deep", limit=BRACKETS_MAX), offset=index
            )


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any]:
    """The parser and its errors. Few stacks need it, and it takes time to load."""
    import lark

    return lark.Lark(
        _GRAMMAR, start="choice", parser="lalr", propagate_positions=True
    ), lark.exceptions


def _parsed(source: str) -> CelNode:
    parser, errors = _library()
    try:
        return _node(parser.parse(source), 0)
    except errors.UnexpectedCharacters as failure:
        at = failure.pos_in_stream or 0
        raise ExpressionError(
            msg("`{character}` is not part of an expression", character=source[at]), offset=at
        ) from None
    except errors.UnexpectedToken as failure:
        found, at = str(failure.token), failure.pos_in_stream or 0
        if failure.token.type == "$END":
            raise ExpressionError(
                msg("the expression cannot be read: it ends too early"), offset=len(source)
            ) from None
        if found == "*" and source[:at].rstrip().endswith("["):
            at = source.rindex("[", 0, at)
            hint = msg("write instances.web.map(w, w.public_ip)")
            raise ExpressionError(
                msg("`[*]` is not part of the language"), offset=at, code="bad-reference", hint=hint
            ) from None
        raise ExpressionError(
            msg("the expression cannot be read: `{found}` is not expected here", found=found),
            offset=at,
        ) from None


def _node(found: Any, depth: int) -> CelNode:
    """The tree of the library as a tree of `CelNode`."""
    at, kind = found.meta.start_pos, found.data
    if depth > DEPTH_MAX:
        raise ExpressionError(msg("the expression is nested too deeply"), offset=at)
    parts = tuple(_node(child, depth + 1) for child in found.children if hasattr(child, "data"))
    tokens = [child for child in found.children if not hasattr(child, "data")]
    if kind == "name":
        text = str(tokens[0])
        return (
            CelNode("literal", at, value=_CONSTANTS[text])
            if text in _CONSTANTS
            else CelNode("name", at, value=text)
        )
    if kind == "string":
        return CelNode("literal", at, value=_text(str(tokens[0]), at))
    if kind == "number":
        return CelNode("literal", at, value=_number(str(tokens[0]), at))
    if kind == "select":
        return CelNode("select", at, parts, (str(tokens[0]), tokens[0].start_pos))
    if kind == "call" and str(tokens[0]) == "has" and len(parts) == 1:
        return CelNode("has", at, parts)
    if kind == "call":
        return CelNode("call", at, parts, str(tokens[0]))
    if kind == "method":
        return _method(at, parts, str(tokens[0]), tokens[0].start_pos)
    if kind == "binary":
        return CelNode("binary", at, parts, str(tokens[0]))
    return CelNode(str(kind), at, parts)


_CONSTANTS = {"true": True, "false": False, "null": None}


def _method(at: int, parts: tuple[CelNode, ...], name: str, name_at: int) -> CelNode:
    if (
        name not in MACROS
        or not 3 <= len(parts) <= (4 if name == "map" else 3)
        or parts[1].kind != "name"
    ):
        return CelNode("method", at, parts, (name, name_at))
    variable = parts[1]
    if variable.value in roots():
        raise ExpressionError(
            msg("`{name}` is reserved; give the element another name", name=variable.value),
            offset=variable.at,
        )
    return CelNode("macro", at, (parts[0], *parts[2:]), (name, variable.value))


def _number(text: str, at: int) -> int | float:
    digits = text.rstrip("uU")
    hexadecimal = digits[:2] in ("0x", "0X")
    base = 16 if hexadecimal else 10
    value = int(digits, base) if hexadecimal or digits.isdigit() else float(digits)
    if isinstance(value, int) and value >= 2**63:
        raise ExpressionError(msg("the number is too large"), offset=at)
    return value


def _text(text: str, at: int) -> str:
    """The value of a quoted string."""
    raw = text[0] in "rR"
    quoted = text[1:] if raw else text
    inside = quoted[3:-3] if quoted[:3] in ('"""', "'''") else quoted[1:-1]
    if raw or "\\" not in inside:
        return inside

    def put(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code or found[4]:
            number = int(code, 16) if code else int(found[4], 8)
            if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                raise ExpressionError(
                    msg("`{escape}` is not a character", escape=found[0]), offset=at
                )
            return chr(number)
        if found[5] in _ESCAPED:
            return _ESCAPED[found[5]]
        if found[5] in "\\'\"`?":
            return found[5]
        raise ExpressionError(
            msg("`{escape}` is not a valid escape in a quoted string", escape=found[0]),
            offset=at,
            hint=msg("for a backslash write `\\\\`"),
        )

    return _ESCAPE.sub(put, inside)
