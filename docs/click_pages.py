"""What click knows of every command, as data for generated pages: the manual and the reference."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reconciler.cli.program import program


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or lines that stay as they are. `title` is the line above such lines."""

    text: str
    title: str = ""
    is_verbatim: bool = False


@dataclass(frozen=True, slots=True)
class CommandPage:
    """One command: `name` is `reconciler plan`, `usage` what follows it, `options` and `commands`
    are pairs of a name and its help. Arguments without a help are only in `usage`.
    """

    name: str
    summary: str
    usage: str
    blocks: Sequence[Block]
    options: Sequence[tuple[str, str]]
    commands: Sequence[tuple[str, str]]


def command_pages() -> list[CommandPage]:
    """Every command below `reconciler`, a group before its commands."""
    context = click.Context(program, info_name="reconciler", **program.context_settings)
    return [
        page
        for name in program.list_commands(context)
        for page in _pages(_command(program, context, name), context, name)
    ]


def _pages(command: click.Command, parent: click.Context, name: str) -> Iterator[CommandPage]:
    context = click.Context(command, info_name=name, parent=parent)
    command._help_option = None  # click keeps the one of the first context, which may lack `-h`
    below = command.list_commands(context) if isinstance(command, click.Group) else []
    yield CommandPage(
        context.command_path,
        _summary(command),
        " ".join(command.collect_usage_pieces(context)),
        [*blocks(command.help or ""), *blocks(command.epilog or "")],
        [r for p in command.get_params(context) if (r := p.get_help_record(context)) and r[1]],
        [(each, _summary(_command(command, context, each))) for each in below],
    )
    for each in below:
        yield from _pages(_command(command, context, each), context, each)


def _command(group: click.Command, context: click.Context, name: str) -> click.Command:
    assert isinstance(group, click.Group)
    found = group.get_command(context, name)
    assert found is not None
    return found


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=200).rstrip(".")


def blocks(text: str) -> Iterator[Block]:
    r"""The paragraphs of a help text, and its parts after `\b`, which click does not wrap."""
    for part in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        lines = part.strip("\n").splitlines()
        if lines[:1] != ["\b"]:
            yield Block(" ".join(line.strip() for line in lines))
            continue
        title = ""
        kept: list[str] = []
        for line in lines[1:]:
            if line.startswith(" "):
                kept.append(line.strip())
                continue
            if kept:
                yield Block("\n".join(kept), title, is_verbatim=True)
            title, kept = line.rstrip(":"), []
        yield Block("\n".join(kept), title, is_verbatim=True)
