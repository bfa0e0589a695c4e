"""Places in a text, and messages for the errors of the YAML parser."""

from __future__ import annotations

import re
from typing import NamedTuple

from reconciler.common.text import msg
from reconciler.model.diagnostics import Place, Problem, error

ALL_OF_THE_FOLDER = msg(
    "every *.yaml file of the folder is part of the stack: move other files elsewhere, or rename "
    "them, a file of variables to *.auto.vars.yaml, others to *.yml"
)
"""The hint for a file of another kind in the folder of a stack."""


class _KnownError(NamedTuple):
    """What to report for an error of the parser. `found` is part of the parser's text, `at` the
    text at its place (empty: any).
    """

    found: str
    at: str
    message: str
    hint: str


_KNOWN_ERRORS: tuple[_KnownError, ...] = (
    _KnownError(
        "cannot start any token",
        "\t",
        msg("a tab is used instead of spaces"),
        msg("indent with spaces"),
    ),
    _KnownError(
        "cannot start any token",
        "",
        msg("a string without quotes cannot start with this character"),
        msg("put the string in quotes"),
    ),
    _KnownError(
        "mapping values are not allowed",
        "",
        msg("`:` is used where no key can be"),
        msg("check the indentation, or put a string that contains `: ` in quotes"),
    ),
    _KnownError(
        "expected ',' or ']'",
        "",
        msg("a list in brackets is not closed, or a comma is missing"),
        msg("write [a, b]"),
    ),
    _KnownError(
        "expected ',' or '}'",
        "",
        msg("a mapping in braces is not closed, or a comma is missing"),
        msg("write {{a: 1, b: 2}}"),
    ),
    _KnownError(
        "could not find expected ':'",
        "",
        msg("a key has no `:`"),
        msg("write `key: value`, and check the indentation"),
    ),
    _KnownError(
        "expected key",
        "",
        msg("the indentation matches no mapping above"),
        msg("start all keys of one mapping in the same column"),
    ),
    _KnownError(
        "expected <block end>",
        "",
        msg("the indentation matches no mapping above"),
        msg("start all keys of one mapping in the same column"),
    ),
    _KnownError(
        "expected '-' indicator",
        "",
        msg("the indentation matches no list above"),
        msg("start all `-` of one list in the same column"),
    ),
    _KnownError(
        "unexpected end of stream",
        "",
        msg("a quote is never closed"),
        msg("close it with the same quote"),
    ),
    _KnownError(
        "unexpected document indicator",
        "",
        msg("a quote is never closed"),
        msg("close it with the same quote"),
    ),
    _KnownError(
        "escape",
        "",
        msg("double quotes contain an escape that YAML does not know"),
        msg("write \\\\ for a backslash, or use single quotes"),
    ),
    _KnownError(
        "undefined tag handle",
        "",
        msg("tags are not part of the language"),
        msg("put a string that starts with ! in quotes"),
    ),
    _KnownError(
        "expected alphabetic or numeric character",
        "",
        msg("an alias has no name"),
        msg("put a string that starts with & or * in quotes"),
    ),
    _KnownError(
        "block sequence entries are not allowed",
        "",
        msg("a list cannot start here"),
        msg("start it on its own line"),
    ),
    _KnownError(
        "expected the node content",
        "",
        msg("a value is missing"),
        msg("write one, or put a string with this character in quotes"),
    ),
    _KnownError(
        "expected node content",
        ":",
        msg("a string cannot start with `:` here"),
        msg('put it in quotes: "::/0"'),
    ),
    _KnownError(
        "expected node content",
        "",
        msg("a value is missing"),
        msg("write one, or put a string with this character in quotes"),
    ),
    _KnownError(
        "expected <document start>",
        "",
        msg("there is text after the end of the value"),
        msg("check the indentation of this line"),
    ),
)

_AT_BEGINNING = (
    "unexpected end of stream",
    "unexpected document indicator",
    "expected ',' or ']'",
    "expected ',' or '}'",
)
"""Errors that are reported at the opening quote or bracket."""

_UNPRINTABLE = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)


def control_character(text: str, file: str) -> Problem | None:
    """The problem with the first character that a YAML text may not contain."""
    odd = _UNPRINTABLE.search(text)
    if odd is None:
        return None
    return error(
        "yaml-syntax",
        msg("the file contains a control character (U+{code:04X})", code=ord(odd.group())),
        place=place_at(text, odd.start(), file),
        hint=msg('remove it, or write it inside double quotes as "\\x.."'),
    )


def place_at(text: str, index: int, file: str) -> Place:
    """The place of a character of a text, or of its end if the index is larger."""
    before = text[:index]
    line = before.count("\n") + 1
    return Place(file, line, len(before) - before.rfind("\n"))


def decode(data: bytes, file: str, problems: list[Problem]) -> str | None:
    """The text without a byte order mark. None, with a problem, if a byte is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        before = data[: failure.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        name = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else msg("not UTF-8")
        message = msg(
            "the file is {encoding}: byte 0x{byte:02x} cannot be read",
            encoding=name,
            byte=data[failure.start],
        )
        problems.append(
            error(
                "file-encoding",
                message,
                place=Place(file, line, column),
                hint=msg("save the file as UTF-8"),
            )
        )
        return None


def expressions_at(
    text: str, start: int, end: int, line: int, column: int, count: int
) -> tuple[tuple[int, int], ...]:
    r"""The line and column of each `${` between two indices of a text. Empty if there are not
    `count` of them.

    `line` and `column` are those of `start`. An escape (`"\u0024{"`) can hide one; a message then
    points to the whole value.
    """
    found: list[tuple[int, int]] = []
    index = start
    while (at := text.find("${", index, end)) >= 0:
        begin = text.rfind("\n", start, at)
        if begin < 0:
            found.append((line, column + at - start))
        else:
            found.append((line + text.count("\n", start, at), at - begin))
        index = at + 2
    return tuple(found) if len(found) == count else ()


def problem_of(
    text: str, file: str, *, problem: str, context: str, index: int, begin: int | None
) -> Problem:
    """The problem behind an error of the parser. `index` is where it stopped, `begin` the start of
    what it was reading.
    """
    opened = _unquoted(text, index)
    if opened is not None and ("flow" in context or "expected ',' or" in problem):
        message = msg("`${{...}}` inside {{...}} or [...] must be quoted")
        return error(
            "yaml-quote", message, place=place_at(text, opened, file), hint=msg('write "${{...}}"')
        )
    if "expected ',' or" in problem and _breaks_at_index(text, index):
        message = msg("a string with [...] after a name must be quoted inside {{...}} or [...]")
        return error(
            "yaml-quote", message, place=place_at(text, index, file), hint=msg('write "web[0]"')
        )
    for known in _KNOWN_ERRORS:
        if known.found in problem and (not known.at or text[index : index + 1] == known.at):
            at = begin if begin is not None and known.found in _AT_BEGINNING else index
            return error(
                "yaml-syntax",
                known.message,
                place=place_at(text, at, file),
                hint=_hint(known, text, index),
            )
    details = f"{context}: {problem}" if context else problem
    return error(
        "yaml-syntax",
        msg("the file is not valid YAML ({details})", details=details),
        place=place_at(text, index, file),
    )


def _unquoted(text: str, index: int) -> int | None:
    """The index of the `${` that ends here, if an unquoted text in brackets ended at its brace."""
    return index - 1 if text[index - 1 : index + 1] == "${" else None


def _breaks_at_index(text: str, index: int) -> bool:
    """Whether an unquoted text in brackets ended at the index of an address (`web[0]`)."""
    return text[index : index + 1] == "[" and text[index - 1 : index].isalnum()


def _hint(known: _KnownError, text: str, index: int) -> str:
    line = text[text.rfind("\n", 0, index) + 1 :].partition("\n")[0]
    if "mapping values" in known.found and "${" in line:
        return msg('put a string with `${{...}}` that contains `: ` in quotes: "${{...}}"')
    return known.hint
