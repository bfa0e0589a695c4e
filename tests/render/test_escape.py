"""The one sink for text from outside: what a screen would obey is shown instead, every letter
stays.
"""

from __future__ import annotations

import json

import pytest

from reconciler.render import escape


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain text, 123", "plain text, 123"),
        ("한국어 서버 이름", "한국어 서버 이름"),
        ("colour \x1b[31m", "colour \\x1b[31m"),
        ("line\nbreak\tand\rreturn", "line\\nbreak\\tand\\rreturn"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("bidi \u202e\u2066", "bidi \\u202e\\u2066"),
        ("zero\u200bwidth \ufeff", "zero\\u200bwidth \\ufeff"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("half \ud800", "half \\ud800"),
        ("filler \u3164", "filler \\u3164"),
        ("para\u2029graph", "para\\u2029graph"),
        ("::error::bad", "\\x3a:error::bad"),
        ("  ::set-output name=a::b", "  \\x3a:set-output name=a::b"),
        ("a ::add-mask::b", "a \\x3a:add-mask::b"),
        ("fe80::1 and ::1", "fe80::1 and ::1"),
        ("##[error]bad", "\\x23#[error]bad"),
        ("x##vso[task.x]", "x\\x23#vso[task.x]"),
        ("##teamcity[x]", "\\x23#teamcity[x]"),
        ("## a heading", "## a heading"),
    ],
)
def test_text_from_outside_is_shown_and_never_obeyed(text: str, wanted: str) -> None:
    assert escape.outside(text) == wanted


def test_json_keeps_letters_escapes_commands_and_reads_back_the_same() -> None:
    data = {"name": "웹 \x1b[2J \u202e \U000e0041 ##[error] ::error::x", "number": 3}

    text = escape.json_text(data)

    assert json.loads(text) == data
    assert "웹" in text and not set("\x1b\u202e\U000e0041") & set(text) and "##[" not in text


def test_hangul_counts_two_cells() -> None:
    assert (
        escape.width("서버"),
        escape.width("web"),
        escape.pad("서버", 6),
        escape.cut("서버이름들", 8),
    ) == (4, 3, "서버  ", "서버...")


@pytest.mark.parametrize(
    ("text", "cells", "wanted"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("a abcdefgh b", 5, ["a", "ab...", "b"]),
        ("[one,two,three]", 8, ["[one,", "two,", "three]"]),
        ("서버이름이길다 b", 8, ["서버...", "b"]),
        ("서버 이름", 5, ["서버", "이름"]),
        ("", 5, [""]),
    ],
)
def test_lines_break_at_spaces_and_commas_and_never_inside_a_word(
    text: str, cells: int, wanted: list[str]
) -> None:
    assert escape.wrap(text, cells) == wanted


def test_a_word_that_must_stay_whole_has_a_line_of_its_own() -> None:
    assert escape.wrap("see /a/long/path now", 8, whole=True) == ["see", "/a/long/path", "now"]
