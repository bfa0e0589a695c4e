"""The answer to a shell: what can be at the cursor of a half-typed command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import click
from click.core import ParameterSource

from reconciler.cli.completion import values, words
from reconciler.cli.completion.scope import Scope
from reconciler.cli.completion.values import Item

SHELL, LINE, WORD = "_RECONCILER_COMPLETE", "_RECONCILER_LINE", "_RECONCILER_WORD"
"""The variables of a shell's question; `WORD` is the part of the line that bash replaces."""

_HELP_WIDTH = 72
"""The longest description of a command."""

_FOR_THE_SHELL = ("~", "$")
"""A path that begins with one of these is expanded by the shell."""


def answer(program: click.Group, environ: Mapping[str, str]) -> str:
    """The lines for the shell; nothing if there is any error. Follows `--chdir`."""
    shell, text = environ.get(SHELL, ""), environ.get(LINE, "")
    line = words.split(text, fish=shell == "fish")
    with suppress(Exception):
        return "".join(
            f"{answered}\n"
            for item in offered(program, _arguments(line.words), line.last, environ)
            if (answered := _shaped(item, shell, text, environ.get(WORD, ""))) is not None
        )
    return ""


def offered(
    program: click.Group, given: Sequence[str], text: str, environ: Mapping[str, str]
) -> list[Item]:
    """What can continue `text` after these arguments, each value once. Follows `--chdir`."""
    found: dict[str, Item] = {}
    for item in _continuations(program, given, text, environ):
        found.setdefault(item.value, item)
    return list(found.values())


def _continuations(
    program: click.Group, given: Sequence[str], text: str, environ: Mapping[str, str]
) -> Iterator[Item]:
    context, rest = _command(program, list(given))
    command = context.command
    found = _option(context, rest, text)
    if isinstance(command, click.Group) and found is None:
        yield from _of_click(command.shell_complete(context, text) if text[:1] == "-" else ())
        yield from _commands(command, context, text)
        return
    option, prefix, before = found or (None, "", rest)
    if not isinstance(command, click.Group):
        context = _parsed(context, before)
    start = text.removeprefix(prefix)
    parameter: click.Parameter | None = option
    if option is None:
        if text.startswith("-") and "--" not in rest:
            yield from _of_click(command.shell_complete(context, text))
            return
        parameter = next((p for p in command.get_params(context) if _is_open(context, p)), None)
    if parameter is None:
        return
    for item in _values(context, parameter, start, environ):
        if item.value.startswith(start):
            yield item._replace(value=prefix + item.value)


def _arguments(found: Sequence[str]) -> Sequence[str]:
    """The words after the program's name, which may follow settings and other programs."""
    at = next((n for n, word in enumerate(found) if word.endswith("reconciler")), 0)
    return found[at + 1 :]


def _command(program: click.Group, rest: list[str]) -> tuple[click.Context, list[str]]:
    """The command that is named, with a context, and the words after it. Changes the folder as
    `--chdir` says.
    """
    settings = {**program.context_settings, "resilient_parsing": True}
    context = click.Context(program, info_name="reconciler", **settings)
    while rest and isinstance(context.command, click.Group):
        group, word = context.command, rest[0]
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            option = next((p for p in group.params if name in p.opts), None)
            takes = isinstance(option, click.Option) and not option.is_flag
            if takes and not equals and len(rest) == 1:
                break
            if option is not None and option.name == "chdir":
                os.chdir(value if equals else rest[1])
            del rest[: 2 if takes and not equals else 1]
            continue
        command = group.get_command(context, word)
        if command is None:
            break
        del rest[0]
        context = click.Context(command, parent=context, info_name=word, resilient_parsing=True)
    return context, rest


def _parsed(context: click.Context, rest: Sequence[str]) -> click.Context:
    """The context of a command with the values of its words."""
    return context.command.make_context(
        context.info_name, list(rest), parent=context.parent, resilient_parsing=True
    )


def _option(
    context: click.Context, rest: Sequence[str], text: str
) -> tuple[click.Option, str, Sequence[str]] | None:
    """The option whose value is being typed, what is before the value in its word, and the words
    without the option; None if an argument or the name of an option is being typed.
    """
    if "--" in rest:
        return None
    name, equals, _ = text.partition("=")
    before, prefix = rest, f"{name}="
    if not (equals and name.startswith("--")):
        name, prefix, before = (*rest[-1:], "")[0], "", rest[:-1]
    for option in context.command.get_params(context):
        if isinstance(option, click.Option) and name in (*option.opts, *option.secondary_opts):
            takes_none = option.is_flag or option.count
            return None if takes_none else (option, prefix, before)
    return None


def _is_open(context: click.Context, parameter: click.Parameter) -> bool:
    """Whether an argument can take another word."""
    return isinstance(parameter, click.Argument) and (
        parameter.nargs == -1
        or context.get_parameter_source(parameter.name or "") is not ParameterSource.COMMANDLINE
    )


def _values(
    context: click.Context, parameter: click.Parameter, text: str, environ: Mapping[str, str]
) -> Iterator[Item]:
    if isinstance(parameter.type, click.Path) and text.startswith(_FOR_THE_SHELL):
        yield Item(text, "files")
        return
    yield from values.offered(Scope(context, environ), parameter.name or "", text)
    if isinstance(parameter.type, click.Path) and "stack" not in (parameter.name or ""):
        yield from values.paths(text, folders_only=not parameter.type.file_okay)
    elif not isinstance(parameter.type, click.Path):
        yield from _of_click(parameter.type.shell_complete(context, parameter, text))


def _commands(group: click.Group, context: click.Context, text: str) -> Iterator[Item]:
    for name in group.list_commands(context):
        if name.startswith(text):
            command = group.get_command(context, name)
            if command is None or command.hidden:
                continue
            yield Item(name, command.get_short_help_str(_HELP_WIDTH))


def _of_click(items: Sequence[click.shell_completion.CompletionItem]) -> Iterator[Item]:
    for item in items:
        yield Item(item.value, item.help or "")


def _shaped(item: Item, shell: str, line: str, word: str) -> str | None:
    """One line of the answer, or None for a value that a terminal would interpret. For bash it has
    only what replaces the word, quoted.
    """
    from reconciler.render import escape

    value, help = item.value, escape.outside(item.help)
    if item.help == "files" and value.startswith(_FOR_THE_SHELL):
        return "files"
    if escape.outside(value) != value:
        return None
    if shell == "bash":
        before = words.split(line[: len(line) - len(word)])
        value = words.quoted(value.removeprefix(before.last), before.quote)
    return f"{'value' if item.whole else 'part'}\t{value}\t{help}"
