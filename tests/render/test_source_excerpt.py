"""The line of the file below a problem, with a mark under the column."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.common.paths import SourceLines
from reconciler.common.text import msg
from reconciler.model import diagnostics
from reconciler.model.diagnostics import Place
from reconciler.render import escape
from reconciler.render import problem_text as view
from reconciler.render.problems.source_excerpt import SHOWN_MAX, excerpt
from reconciler.render.run import screen
from reconciler.render.run.screen import Style, Tone


def shown(line: str, column: int, width: int | None = None) -> list[str]:
    """The lines of an excerpt."""
    place = Place("stack.yaml", 7, column)
    return [one.text for one in excerpt(place, line, Style(width=width), Tone.DANGER, indent="")]


@pytest.mark.parametrize(
    ("line", "column", "text", "mark"),
    [
        ("    flavor: ${vars.sice}", 15, "    flavor: ${vars.sice}", " " * 14 + "^" * 9),
        ("    flavor: nope  # why", 13, "    flavor: nope  # why", " " * 12 + "^" * 4),
        ('  a: "two words", b: 1', 6, '  a: "two words", b: 1', " " * 5 + "^" * 11),
        ("  이름: 웹서버", 7, "  이름: 웹서버", " " * 8 + "^" * 6),
        ("\ta: b", 2, "    a: b", "    ^"),
        ("  a: x\x1b[31my", 6, "  a: x\\x1b[31my", " " * 5 + "^" * 5),
        ("  a:", 9, "  a:", " " * 4 + "^"),
        ("a: {b: 1}", 4, "a: {b: 1}", "   ^"),
    ],
)
def test_the_mark_is_under_the_value(line: str, column: int, text: str, mark: str) -> None:
    assert shown(line, column)[0] == f"    7 | {text}"
    assert shown(line, column)[1].startswith("      | ")
    assert shown(line, column)[1].removeprefix("      | ").rstrip() == mark.rstrip()


@pytest.mark.parametrize("column", [1, 40, 150, 199, 200])
@pytest.mark.parametrize("letter", ["x", "가"])
def test_a_long_line_is_cut_around_the_column(column: int, letter: str) -> None:
    line = letter * (column - 1) + "!" + letter * (200 - column)
    text, mark = shown(line, column, width=60)
    assert max(escape.width(text), escape.width(mark)) <= 60
    before = escape.width(mark[: mark.index("^")])
    reached = 0
    for character in text:
        if reached == before:
            assert character == "!"
            break
        reached += escape.width(character)
    else:
        raise AssertionError((text, mark))


def test_a_list_of_problems_shows_the_lines_of_the_first_ones(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text("".join(f"key{n}: wrong\n" for n in range(40)))
    found = [
        diagnostics.error("wrong-type", msg("no {n}", n=n), place=Place(str(file), n + 1, 1))
        for n in range(40)
    ]
    lines = [one.text for one in view.problems_lines(found, Style(), SourceLines())]
    assert sum("^^^^" in line for line in lines) == SHOWN_MAX
    assert len(lines) == 40 + 2 * SHOWN_MAX + 1
    assert lines[-1] == "40 errors; lines of the file are shown for the first 10"


def test_lines_of_values_and_of_other_files_are_not_shown(tmp_path: Path) -> None:
    outside = tmp_path / "values.yaml"
    outside.write_text("size: hunter2\n")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    link = repository / "link.yaml"
    link.symlink_to(outside)
    other = repository / "notes.txt"
    other.write_text("text\n")
    lines = SourceLines(hidden=[str(outside)])
    assert lines(str(outside), 1) is None
    assert SourceLines()(str(outside), 1) == "size: hunter2"
    same = SourceLines(hidden=[f"{tmp_path}/./repository/../values.yaml"])
    assert same(str(outside), 1) is None
    assert lines(str(link), 1) is None
    assert lines(str(other), 1) is None
    assert lines(str(tmp_path / "missing.yaml"), 1) is None


SECRET = """\
version: 1
instances:
  web:
    description: plain
    user_script: |
      echo root:hunter2 | chpasswd

       hunter2
    zone: kr1-z01
  flow: {user_script: "a
  hunter2
  b", zone: a,
    size: b}
  other:
    user_script: 'it''s
      hunter2'
    flavor: x
locals:
  db_password: hunter2
  text: >-   # why
    hunter2 a
  list:
    - |2
      hunter2
    - plain
  Api-Token: [a,
    hunter2]
  end: plain
"""


def test_lines_that_may_contain_a_secret_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(SECRET)
    lines = SourceLines()
    count = len(SECRET.splitlines())
    shown = [text for n in range(count) if (text := lines(str(file), n + 1)) is not None]
    assert "hunter2" in SECRET
    assert "hunter2" not in "".join(shown)
    assert [text.strip() for text in shown] == [
        "version: 1",
        "instances:",
        "web:",
        "description: plain",
        "zone: kr1-z01",
        "other:",
        "flavor: x",
        "locals:",
        "text: >-   # why",
        "list:",
        "- |2",
        "- plain",
        "end: plain",
    ]


@pytest.mark.parametrize(
    "line", ["   hunter2: x", "hunter2", "  echo hunter2", " - hunter2", "", "# hunter2"]
)
def test_a_line_that_may_belong_to_a_script_is_not_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(f"a:\n  b:\n    c: |\n      text\n{line}\n  d: 1\n")
    lines = SourceLines()
    assert lines(str(file), 5) is None
    assert lines(str(file), 6) == "  d: 1"


def test_lines_are_counted_as_the_parser_counts_them(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_bytes("a: 1\r\nb: 2\u2028c: 3\x85d: 4\n".encode())
    lines = SourceLines()
    assert [lines(str(file), n) for n in (1, 2, 3, 4)] == ["a: 1", "b: 2", "c: 3", "d: 4"]
    assert lines(str(file), 9) is None


def test_an_error_of_all_objects_of_a_count_is_one_message() -> None:
    place = Place("stack.yaml", 9, 4)
    found = diagnostics.in_order(
        diagnostics.error(
            "bad-length",
            msg("the name has {n} characters", n=34 + len(str(index))),
            place=place,
            address=f"instances.web[{index}]",
        )
        for index in range(60)
    )
    assert [(problem.address, str(problem.message)) for problem in found] == [
        ("instances.web", "the name has 35 characters (and 59 more in this place)")
    ]


def test_a_few_different_errors_of_one_place_are_all_shown() -> None:
    place = Place("stack.yaml", 9, 4)
    found = diagnostics.in_order(
        diagnostics.error("bad-format", msg("the key {n} is bad", n=n), place=place)
        for n in range(3)
    )
    assert len(found) == 3
    assert screen.text(view.problems_lines(found, Style()), Style()).endswith("3 errors\n")
