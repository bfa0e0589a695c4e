"""Writes the manual pages from click: `man/reconciler.1` and one for each command.

    .venv/bin/python docs/make_man.py

The wheel installs them as `share/man/man1`. The same code gives the same bytes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from click_pages import CommandPage, command_pages

from reconciler.cli.help import HELP
from reconciler.version import VERSION

MAN = ROOT / "man"
PROGRAM = "reconciler"
_SECTIONS = {"Environment": "ENVIRONMENT", "Exit codes": "EXIT STATUS"}
"""Parts of the first help page that have a section of their own in a manual."""

_AS_TYPED = str.maketrans(
    {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga", "'": "\\(aq"}
)
"""Characters that roff would print as others, which cannot be pasted."""


def manual() -> Mapping[str, str]:
    """Each page by the name of its file."""
    pages = command_pages()
    names = [page.name for page in pages]
    found = {file_name(page.name): "\n".join(_page(page, names)) + "\n" for page in pages}
    return {file_name(PROGRAM): "\n".join(_first_page(names)) + "\n", **found}


def file_name(command: str) -> str:
    """The file of a command's page: `reconciler-state-mv.1`."""
    return f"{command.replace(' ', '-')}.1"


def _head(command: str, summary: str) -> Iterator[str]:
    title = command.replace(" ", "-")
    yield f'.TH "{title.upper()}" 1 "" "{PROGRAM} {VERSION}" "{PROGRAM} manual"'
    yield from (".SH NAME", f"{_escaped(title)} \\- {_escaped(_lowered(summary))}")


def _page(page: CommandPage, names: Sequence[str]) -> Iterator[str]:
    yield from _head(page.name, page.summary)
    yield from (".SH SYNOPSIS", f"\\fB{_escaped(page.name)}\\fR {_escaped(page.usage)}")
    yield ".SH DESCRIPTION"
    for block in page.blocks:
        if not block.is_verbatim:
            yield from (".PP", _text(block.text))
    if page.commands:
        yield ".SH COMMANDS"
        for name, summary in page.commands:
            yield from _item(name, f"{summary}. See {file_name(f'{page.name} {name}')[:-2]}(1).")
    yield ".SH OPTIONS"
    for name, text in page.options:
        yield from _item(name, text)
    for block in page.blocks:
        if block.is_verbatim:
            is_section = block.title == "Examples"
            yield from (".SH EXAMPLES",) if is_section else (".PP", _text(f"{block.title}:"))
            yield from _verbatim(block.text.splitlines())
    yield ".SH SEE ALSO"
    group = page.name.rpartition(" ")[0]
    related = [n for n in (PROGRAM, *names) if n == group or n.rpartition(" ")[0] == page.name]
    yield _references(dict.fromkeys((PROGRAM, *related)))


def _first_page(names: Sequence[str]) -> Iterator[str]:
    """The page of the program, from its first help page."""
    first, *parts = re.split(r"\n\n", HELP.rstrip("\n"))
    usage = next(part for part in parts if part.startswith("Usage:"))
    yield from _head(PROGRAM, first.split(",")[0].removeprefix(f"{PROGRAM} ").replace("\n", " "))
    yield from (".SH SYNOPSIS", _escaped(usage.removeprefix("Usage:").strip()))
    yield from (".SH DESCRIPTION", _text(" ".join(first.split())))
    for part in parts:
        title, *lines = part.splitlines()
        if part == usage:
            continue
        if not any(line.startswith("  ") for line in lines):
            yield from (".PP", _text(" ".join(part.split())))
        elif title.endswith(":"):
            yield from (".PP", _text(title))
            yield from _verbatim([line.strip() for line in lines])
        else:
            yield f'.SH "{_SECTIONS[title]}"' if title in _SECTIONS else f'.SS "{title}"'
            for line in lines:
                name, _, text = line.strip().partition("  ")
                yield from _item(name, text.strip())
    yield from (".SH SEE ALSO", _references(names))


def _item(name: str, text: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{_escaped(name)}\\fR", _text(text))


def _verbatim(lines: Sequence[str]) -> Iterator[str]:
    yield from (".PP", ".nf", ".RS 4", *map(_text, lines), ".RE", ".fi")


def _references(names: Sequence[str] | Mapping[str, None]) -> str:
    return ",\n".join(f"\\fB{_escaped(file_name(name)[:-2])}\\fR(1)" for name in names)


def _lowered(text: str) -> str:
    """A sentence as a part of another one."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _text(text: str) -> str:
    """A line of text, of which roff takes nothing as a request."""
    shown = _escaped(text)
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


def _escaped(text: str) -> str:
    return text.translate(_AS_TYPED)


def main() -> None:
    """Writes all pages, and removes those of commands that no longer exist."""
    pages = manual()
    MAN.mkdir(exist_ok=True)
    for path in MAN.glob("*.1"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (MAN / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
