"""Where things stand in a text, and what a parser's complaint about YAML means for the person who
wrote it.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.common.text import msg
from reconciler.model.diagnostics import Place, Problem, error

ALL_OF_THE_FOLDER = "every *.yaml file of the folder is part of the stack: move other files elsewhere, or let their names end in .yml"
"""The way out where a file of another meaning lies beside a stack."""


class _Words(NamedTuple):
    """`found` is part of the parser's complaint, `at` the text at that point that it is about
    (empty: any).
    """

    found: str
    at: str
    message: str
    hint: str


_WORDS: tuple[_Words, ...] = (
    _Words(
        "cannot start any token", "\t", "a tab stands where YAML wants spaces", "indent with spaces"
    ),
    _Words(
        "cannot start any token",
        "",
        "a text cannot begin with this character",
        "put the text in quotes",
    ),
    _Words(
        "mapping values are not allowed",
        "",
        "a `:` stands where no key can be",
        "check the indentation, or put a text that holds `: ` in quotes",
    ),
    _Words(
        "expected ',' or ']'",
        "",
        "a list in brackets is not closed, or a comma is missing",
        "write [a, b]",
    ),
    _Words(
        "expected ',' or '}'",
        "",
        "a mapping in braces is not closed, or a comma is missing",
        "write {a: 1, b: 2}",
    ),
    _Words(
        "could not find expected ':'",
        "",
        "a key has no `:`",
        "write `key: value`, and check the indentation",
    ),
    _Words(
        "expected key",
        "",
        "the indentation fits no mapping above",
        "begin all keys of one mapping in one column",
    ),
    _Words(
        "expected <block end>",
        "",
        "the indentation fits no mapping above",
        "begin all keys of one mapping in one column",
    ),
    _Words(
        "expected '-' indicator",
        "",
        "the indentation fits no list above",
        "begin all `-` of one list in one column",
    ),
    _Words(
        "unexpected end of stream",
        "",
        "a quote is never closed",
        "close it with the quote it began with",
    ),
    _Words(
        "unexpected document indicator",
        "",
        "a quote is never closed",
        "close it with the quote it began with",
    ),
    _Words(
        "escape",
        "",
        "double quotes hold an escape that YAML does not know",
        "write \\\\ for a backslash, or use single quotes",
    ),
    _Words(
        "undefined tag handle",
        "",
        "tags are not part of the language",
        "put a text that begins with ! in quotes",
    ),
    _Words(
        "expected alphabetic or numeric character",
        "",
        "an alias has no name",
        "put a text that begins with & or * in quotes",
    ),
    _Words(
        "block sequence entries are not allowed",
        "",
        "a list cannot begin here",
        "begin it on a line of its own",
    ),
    _Words(
        "expected the node content",
        "",
        "a value is missing",
        "write one, or put a text with this character in quotes",
    ),
    _Words(
        "expected node content",
        ":",
        "a text cannot begin with `:` here",
        'put it in quotes: "::/0"',
    ),
    _Words(
        "expected node content",
        "",
        "a value is missing",
        "write one, or put a text with this character in quotes",
    ),
    _Words(
        "expected <document start>",
        "",
        "the text goes on after its end",
        "check the indentation of this line",
    ),
)

_AT_BEGINNING = (
    "unexpected end of stream",
    "unexpected document indicator",
    "expected ',' or ']'",
    "expected ',' or '}'",
)
"""Complaints that are better shown where the quote or bracket was opened."""


def place_at(text: str, index: int, file: str) -> Place:
    """The place of a character of a text; of the end where the index is past it."""
    before = text[:index]
    line = before.count("\n") + 1
    return Place(file, line, len(before) - before.rfind("\n"))


def spots(
    text: str, start: int, end: int, line: int, column: int, count: int
) -> tuple[tuple[int, int], ...]:
    """The line and column of each `${` between two indices of a text; empty where there are not
    `count` of them as written.

    `line` and `column` are those of `start`. Escapes (`"\\u0024{"`) can hide one; then a message
    points to the whole value instead.
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
    """What the parser's complaint means. `index` is where it stopped, `begin` where what it was
    reading began.
    """
    opened = _unquoted(text, index)
    if opened is not None and ("flow" in context or "expected ',' or" in problem):
        message = msg("`${{...}}` inside {{...}} or [...] must be quoted")
        return error(
            "yaml-quote", message, place=place_at(text, opened, file), hint=msg('write "${{...}}"')
        )
    if "expected ',' or" in problem and _breaks_at_index(text, index):
        message = msg("a text with [...] after a name must be quoted inside {{...}} or [...]")
        return error(
            "yaml-quote", message, place=place_at(text, index, file), hint=msg('write "web[0]"')
        )
    for words in _WORDS:
        if words.found in problem and (not words.at or text[index : index + 1] == words.at):
            at = begin if begin is not None and words.found in _AT_BEGINNING else index
            return error(
                "yaml-syntax",
                words.message,
                place=place_at(text, at, file),
                hint=_hint(words, text, index),
            )
    told = f"{context}: {problem}" if context else problem
    return error(
        "yaml-syntax",
        msg("the text is not YAML ({told})", told=told),
        place=place_at(text, index, file),
    )


def _unquoted(text: str, index: int) -> int | None:
    """The index of the `${` that ends just here, where a plain text in brackets broke off at its
    brace.
    """
    return index - 1 if text[index - 1 : index + 1] == "${" else None


def _breaks_at_index(text: str, index: int) -> bool:
    """Whether a plain text in brackets broke off at the index of an address (`web[0]`)."""
    return text[index : index + 1] == "[" and text[index - 1 : index].isalnum()


def _hint(words: _Words, text: str, index: int) -> str:
    line = text[text.rfind("\n", 0, index) + 1 :].partition("\n")[0]
    if "mapping values" in words.found and "${" in line:
        return 'put a text with `${...}` that holds `: ` in quotes: "${...}"'
    return words.hint
