"""The program: its commands by name, each loaded when it is called, and the place where every
outcome becomes an exit code.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from reconciler.cli import help
from reconciler.cli.streams import Stream, unwritten
from reconciler.common.text import Text, msg
from reconciler.locale import choice, language
from reconciler.model import exit_codes
from reconciler.version import VERSION, described

_COMMANDS: Mapping[str, str] = {
    "init": "init_command",
    "validate": "stack_commands",
    "fmt": "fmt_command",
    "plan": "stack_commands",
    "apply": "stack_commands",
    "destroy": "stack_commands",
    "drift": "stack_commands",
    "watch": "project.watch_command",
    "recover": "recover_command",
    "ls": "ls_command",
    "status": "ls_command",
    "show": "show_command",
    "output": "output_command",
    "graph": "graph_command",
    "report": "review.report_command",
    "server": "server_commands",
    "bill": "server_commands",
    "state": "state_commands",
    "freeze": "whole_state.freeze_commands",
    "unfreeze": "whole_state.freeze_commands",
    "policy": "project.policy_commands",
    "ci": "review.ci_commands",
    "audit": "review.audit_command",
    "import": "adopt_commands",
    "adopt": "adopt_commands",
    "absorb": "adopt_commands",
    "catalog": "catalog_command",
    "explain": "catalog_command",
    "schema": "catalog_command",
    "doctor": "doctor_command",
    "simulator": "simulator_commands",
}


COMPLETE = "_RECONCILER_COMPLETE"
"""The variable by which a shell asks for completions."""

_NAMES: Mapping[str, str] = {"import": "import_object", "status": "ls"}
"""Commands whose function has another name."""


class _Program(click.Group):
    """Loads the module of a command when it is called; its help page is `help.HELP`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            own = super().get_command(ctx, cmd_name)
            return None if own is None else _in_language(own)
        found = getattr(
            importlib.import_module(f"reconciler.cli.subcommands.{module}"),
            _NAMES.get(cmd_name, cmd_name),
        )
        assert isinstance(found, click.Command)
        return _in_language(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = (
                msg("; did you mean {near}?", near=near[0])
                if near
                else msg("; commands are {names}", names=", ".join(self.list_commands(ctx)))
            )
            raise click.UsageError(
                msg("there is no command {name}{hint}", name=args[0], hint=hint), ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(help.page(help.HELP))


def _in_language(command: click.Command) -> click.Command:
    """The command, with its help in the language of the process."""
    if language.current() != getattr(command, "_translated", "en"):
        help.translate(command)
    return command


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--chdir", metavar="DIR", type=click.Path(), help="Run as if started in this folder.")
@click.option(
    "--lang",
    type=click.Choice(choice.LANGUAGES),
    envvar=choice.ENVIRON,
    expose_value=False,
    help="The language of messages (default: that of the locale).",
)
@click.version_option(VERSION, message=described())
def program(chdir: str | None) -> None:
    """Make an iwinv cloud account match a set of YAML files."""
    if chdir is not None:
        try:
            os.chdir(chdir)
        except OSError as failure:
            raise click.UsageError(
                msg("--chdir {folder}: {reason}", folder=chdir, reason=failure.strerror or failure)
            ) from None
    try:
        Path.cwd()
    except OSError:
        raise click.UsageError(
            msg(
                "the current folder was deleted: change to another one, or set one with --chdir DIR"
            )
        ) from None


@program.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script for a shell.

    It completes commands, options and values: environments, addresses, outputs, what the catalog
    offers. Values come from the stack's files, its state and the cached catalog; nothing is sent.
    Start a new shell after installing it.

    \b
    Examples:
      mkdir -p ~/.local/share/bash-completion/completions
      reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler
      mkdir -p ~/.zfunc
      reconciler completion zsh > ~/.zfunc/_reconciler
      mkdir -p ~/.config/fish/completions
      reconciler completion fish > ~/.config/fish/completions/reconciler.fish

    \b
    For zsh, ~/.zshrc also needs:
      fpath+=~/.zfunc; autoload -Uz compinit; compinit
    Without the package bash-completion, ~/.bashrc needs:
      source <(reconciler completion bash)
    """
    from reconciler.cli.completion.scripts import SCRIPTS

    out = Stream(sys.stdout)
    out.write(SCRIPTS[shell])
    return unwritten(out)


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit code. Never shows a traceback (commands#errors)."""
    if COMPLETE in os.environ:
        return _complete()
    try:
        code = program.main(args=list(arguments), prog_name="reconciler", standalone_mode=False)
        return code if isinstance(code, int) else exit_codes.DONE
    except click.UsageError as failure:
        return _usage(failure, arguments)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        Stream(sys.stderr).write(f"\n {language.translated(msg('Interrupted.'))}\n")
        return exit_codes.INTERRUPTED
    except Exception as failure:  # the only place where a bug of reconciler becomes a message
        out = Stream(sys.stdout)
        # click writes help pages directly, not through `Stream`
        out.write("\n" if isinstance(failure, OSError) else "")
        return unwritten(out) if out.failed else _unforeseen(failure, arguments)
    finally:
        Stream(sys.stdout).finish()
        Stream(sys.stderr).finish()


def _complete() -> int:
    """Answers a shell that asks for completions."""
    from reconciler.cli.completion.answer import answer

    out = Stream(sys.stdout)
    out.write(answer(program, os.environ))
    out.finish()
    return exit_codes.DONE


def _usage(failure: click.UsageError, arguments: Sequence[str]) -> int:
    from reconciler.cli.console import Console
    from reconciler.cli.pointers import pointer, unknown_word
    from reconciler.model.diagnostics import error

    if language.current() != "en" and isinstance(failure.message, Text):
        failure = _translated(failure)
    if isinstance(failure, click.exceptions.NoArgsIsHelpError):
        Stream(sys.stderr).write(f"{failure.message}\n")
        return exit_codes.USAGE
    context = failure.ctx
    command = "reconciler" if context is None else context.command_path
    message, hint = pointer(arguments, program if context is None else context.command) or (
        unknown_word(failure, arguments)
        or " ".join(part.strip() for part in failure.format_message().split("\n") if part.strip()),
        f"{command} --help",
    )
    Console().problems([error("usage", message, hint=hint)])
    return exit_codes.USAGE


def _translated(failure: click.UsageError) -> click.UsageError:
    """The same mistake with its message translated: click formats it as plain text."""
    import copy

    found = copy.copy(failure)
    object.__setattr__(found, "message", language.translated(failure.message))
    return found


def _unforeseen(failure: BaseException, arguments: Sequence[str]) -> int:
    """Reports a bug of reconciler in one line, with `-v` also where it happened."""
    from reconciler.render import escape
    from reconciler.render.format import phrase

    err = Stream(sys.stderr)
    err.write(f"{phrase('error')}[internal]  {type(failure).__name__}: {escape.outside(failure)}\n")
    if {"-v", "--verbose"} & set(arguments):
        import traceback

        for frame in traceback.extract_tb(failure.__traceback__):
            place = escape.outside(f"{_short(frame.filename)}:{frame.lineno}")
            err.write(f"    cause: {escape.outside(frame.name)} in {place}\n")
    else:
        hint = msg(
            "this is a bug in reconciler; run with -v to see where it happened. The state on disk "
            "is unaffected."
        )
        err.write(f"    {phrase('hint:')} {escape.outside(hint)}\n")
    return exit_codes.ERROR


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])
