"""Help pages in the user's language: the page of the program, and the texts of commands and
options. Commands, options, examples and their order stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from reconciler.common import language


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text, each as one line; a block after `\\b` stays as it is."""
    import inspect

    for block in inspect.cleandoc(text).split("\n\n"):
        if block.strip():
            yield block if block.startswith("\b") else " ".join(block.split())


def translate(command: click.Command) -> None:
    """Puts the texts of a command, its options and its subcommands into the current language."""
    if getattr(command, "_translated", "en") == language.current():
        return
    setattr(command, "_translated", language.current())  # noqa: B010
    for attribute in ("help", "short_help", "epilog", "options_metavar"):
        text = getattr(command, attribute, None)
        if isinstance(text, str):
            setattr(command, attribute, _text(text))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            parameter.help = _sentence(parameter.help)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            translate(inner)


def _text(text: str) -> str:
    return "\n\n".join(
        block.replace("Examples:", language.template("Examples:"))
        if block.startswith("\b")
        else language.template(block)
        for block in paragraphs(text)
    )


def _sentence(text: str) -> str:
    return language.template(" ".join(text.split()))


def page(text: str) -> str:
    """The page of the program. Each line with two columns keeps the first one; other lines are
    translated as paragraphs.
    """
    if language.current() == "en":
        return text
    return "".join(f"{line}\n" for line in _page_lines(text))


def page_texts(text: str) -> Iterator[str]:
    """The texts of a page that are translated."""
    for part in page_parts(text):
        if part[1]:
            yield part[1]


def page_parts(text: str) -> Iterator[tuple[str, str]]:
    """The lines of a page as (what stays, what is translated). A paragraph without indent is one
    line.
    """
    prose: list[str] = []
    for line in [*text.rstrip("\n").split("\n"), ""]:
        row = re.fullmatch(r"( +\S.*?\s{2,})(\S.*)", line)
        if line and not line.startswith(" ") and not line.startswith("Usage:"):
            prose.append(line)
            continue
        if prose:
            yield "", " ".join(prose)
            prose = []
        if line.startswith("Usage:"):
            yield line, ""
        elif row is not None:
            yield row[1], row[2]
        else:
            yield line, ""


def _page_lines(text: str) -> list[str]:
    from reconciler.render import escape

    lines: list[str] = []
    for kept, words in page_parts(text):
        found = language.template(words) if words else ""
        lines += [kept + found] if kept or not words else escape.wrap(found, 80)
    while lines and not lines[-1]:
        lines.pop()
    return lines
