"""The command line reference is made of the program's commands, and kept in step with them; renewed
by RENEW_GOLDEN=1.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.program import program

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
HEAD = """\
# Command line

Every command with its arguments, options and examples, made from the program's help. `reconciler COMMAND --help` shows the same.
[What commands have in common](commands.md) explains their arguments and the environment.
"""
RANGE = re.compile(r"  \[[^]]*x[^]]*\]$")
COMMON = ("--help", "--verbose", "--color", "--no-color")
"""Options that every command has; they are described once."""


def page() -> str:
    """The whole page."""
    return "".join(f"{line}\n" for line in _lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    yield from HEAD.splitlines()
    yield ""
    yield "Every command also has these options:"
    yield ""
    plan = program.get_command(click.Context(program), "plan")
    assert plan is not None
    yield from _options(plan, ("reconciler", "plan"), common=True)
    yield from _group(program, ("reconciler",))


def _group(group: click.Group, names: tuple[str, ...]) -> Iterator[str]:
    ctx = click.Context(group, info_name=names[-1], **program.context_settings)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _group(command, (*names, name))
        elif not command.hidden:
            yield from _command(command, (*names, name))


def _command(command: click.Command, names: tuple[str, ...]) -> Iterator[str]:
    ctx = click.Context(command, info_name=names[-1], **program.context_settings)
    text, _, examples = _parts(f"{command.help or ''}\n\n{command.epilog or ''}")
    yield ""
    yield f"## {' '.join(names[1:])}"
    yield ""
    yield "```text"
    yield " ".join([*names, *command.collect_usage_pieces(ctx)])
    yield "```"
    for paragraph in text.strip().split("\n\n"):
        yield ""
        yield _escaped(" ".join(paragraph.split()))
    if any(_written(option) for option in command.params):
        yield ""
        yield from _options(command, names)
    if examples:
        yield ""
        yield "```sh"
        yield from (line.strip() for line in examples.strip().splitlines())
        yield "```"


def _parts(text: str) -> tuple[str, str, str]:
    """What a help text says, and its examples."""
    return re.sub("\b\n?", "", text).strip().partition("Examples:")


def _options(
    command: click.Command, names: tuple[str, ...], *, common: bool = False
) -> Iterator[str]:
    yield "| option | meaning |"
    yield "|---|---|"
    ctx = click.Context(command, info_name=names[-1], **program.context_settings)
    for option in command.get_params(ctx):
        record = option.get_help_record(ctx)
        if record is None or _written(option, common=common) is None:
            continue
        yield f"| {_code(record[0])} | {_escaped(_cell(RANGE.sub('', record[1])))} |"


def _written(option: click.Parameter, *, common: bool = False) -> click.Parameter | None:
    """The option, if the table has it."""
    of_all = any(name in COMMON for name in option.opts)
    hidden = isinstance(option, click.Option) and option.hidden
    return option if isinstance(option, click.Option) and not hidden and of_all == common else None


def _code(text: str) -> str:
    """Code in a table. Generators disagree about a bar in backticks."""
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _escaped(text: str) -> str:
    """Text for people, in which brackets and stars mean themselves."""
    code = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([<>*\[\]_])", r"\\\1", part) for part in code
    )


def test_the_command_line_page_matches_the_program() -> None:
    if os.environ.get("RENEW_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "renew it with RENEW_GOLDEN=1"
