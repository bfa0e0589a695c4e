"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import option_types
from reconciler.cli.arguments import freeze_options
from reconciler.common import timing
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.project.location import PROJECT_FILE
from reconciler.planner.checks.approval import Acceptance

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Choices:
    """The options that shape a plan and its run.

    Each field is the option of its name; `without` is `--except`. An option that a command does not
    have keeps its default.
    """

    replace: tuple[str, ...] = ()
    unprotect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    undo: str | None = None
    unmanaged: bool = False
    yes: bool = False
    accept: tuple[Acceptance, ...] = ()
    reason: str | None = None
    allow_empty: bool = False
    lock_timeout: float | None = None
    no_wait: bool = False
    first_passwords: str | None = None

    @property
    def part(self) -> list[str]:
        """The options that narrow the plan, as arguments of a command line."""
        return part_arguments(self.only, self.without)


def gathered_in(kind: type[Any]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Passes the options that are fields of a class to the command as one value, `choices`."""
    names = [field.name for field in fields(kind)]

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def gather(*context: Any, **values: Any) -> int:
            choices = kind(**{name: values.pop(name) for name in names if name in values})
            return command(*context, choices=choices, **values)

        return gather

    return decorate


gathered = gathered_in(Choices)


_NO_CACHE = "reconciler.no_cache"


def uses_cache() -> bool:
    """Whether the running command may use the account data cached by earlier runs."""
    context = click.get_current_context(silent=True)
    return context is None or not context.meta.get(_NO_CACHE, False)


def _joined(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_ANY_PATH = click.Path(readable=False)
"""Problems with the file are reported when it is read, like every mistake in a stack."""


_STACK = "reconciler.stack"


def _by_option(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[_STACK] = value


def _one_stack(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """The stack from the argument or from `--stack`, which is parsed first. Both are an error."""
    if value is not None and (value.endswith(".plan") or value.startswith("plan://")):
        raise click.UsageError(
            msg(
                "{file} is a saved plan, not a stack: write `reconciler apply --plan {file}` or "
                "`reconciler show {file}`",
                file=value,
            ),
            ctx=context,
        )
    by_option = context.meta.get(_STACK)
    if value is not None and by_option is not None:
        raise click.UsageError(
            msg("the stack is given twice: as an argument and with --stack"), ctx=context
        )
    return value or by_option or "."


def _several_stacks(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """The stacks from the arguments, each once, or the one from `--stack`."""
    if len(value) > 1 and context.meta.get(_STACK) is None:
        return tuple(dict.fromkeys(value))
    return (_one_stack(context, parameter, value[0] if value else None),)


def _stacks_or_none(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    given = value or context.meta.get(_STACK) is not None
    return _several_stacks(context, parameter, value) if given else ()


def stack_alone(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """For a command whose only argument before STACK is optional: a path in its place is the STACK.
    A path has a slash or ends with `.yaml` or `.yml`, or is a folder with a stack while the current
    folder has none.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def understand(**values: Any) -> int:
            given = values[name]
            several = "stacks" in values
            others = values["stacks"] if several else (values["stack"],)
            alone = others == (".",)
            if given is not None and (
                (option_types.is_path(given) and (alone or several))
                or (alone and _is_only_stack(Path(given)))
            ):
                found = (given,) if alone else (given, *others)
                values |= {"stacks": found} if several else {"stack": given}
                values[name] = None
            return command(**values)

        return understand

    return decorate


def stack_last(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """For a command that takes any number of addresses: a last one that is a path is the STACK."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def understand(**values: Any) -> int:
            *addresses, last = values[name] or (".",)
            if values["stack"] == "." and option_types.names_stack(last):
                values |= {"stack": last, name: tuple(addresses)}
            return command(**values)

        return understand

    return decorate


def _is_only_stack(folder: Path) -> bool:
    """Whether a folder has stack files while the current one has none but that of the project."""
    here = (file for file in Path().glob("*.yaml") if file.name != PROJECT_FILE)
    return any(folder.glob("*.yaml")) and not any(here)


_other_spelling = click.option(
    "--stack",
    "stack_option",
    metavar="PATH",
    is_eager=True,
    expose_value=False,
    type=_ANY_PATH,
    callback=_by_option,
    help="The same as the argument STACK.",
)
stack_argument = _joined(
    click.argument("stack", required=False, metavar="[STACK]", type=_ANY_PATH, callback=_one_stack),
    _other_spelling,
)
"""STACK, the last argument of a command, or `--stack PATH`."""

stacks_argument = _joined(
    click.argument(
        "stacks", nargs=-1, metavar="[STACK]...", type=_ANY_PATH, callback=_several_stacks
    ),
    _other_spelling,
)
"""As `stack_argument`, for a command that takes several stacks."""

project_stacks_argument = _joined(
    click.argument(
        "stacks", nargs=-1, metavar="[STACK]...", type=_ANY_PATH, callback=_stacks_or_none
    ),
    _other_spelling,
)
"""As `stacks_argument`, for a command that takes every stack of the project if none is named."""

stack_option = click.option(
    "--stack",
    default=".",
    metavar="PATH",
    type=_ANY_PATH,
    help="The stack's file or folder (default: the current folder).",
)
environment_option = click.option(
    "--env",
    "environment",
    metavar="NAME",
    help="The environment; required if the stack defines any.",
)
variable_options = _joined(
    click.option(
        "--var",
        "variables",
        multiple=True,
        type=option_types.Pair(),
        help="Set a variable; repeatable; overrides all other sources.",
    ),
    click.option(
        "--var-file",
        "variable_files",
        multiple=True,
        metavar="FILE",
        type=_ANY_PATH,
        help="Read variables from a YAML or JSON file, or from a pipe (-); repeatable.",
    ),
)
simulate_options = _joined(
    click.option(
        "--simulate",
        is_flag=True,
        envvar="RECONCILER_SIMULATE",
        help="Use a local cloud with its own state.",
    ),
    click.option(
        "--time-scale",
        type=click.FloatRange(min=0, min_open=True, max=timing.TIME_SCALE_MAX),
        metavar="N",
        help="Speed of the local cloud, as a multiple of real time (60 with --simulate).",
    ),
    # Not passed to the command: only `Session.connect` needs it.
    click.option(
        "--no-cache",
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, param, value: ctx.meta.__setitem__(_NO_CACHE, value),
        help="Ignore the cached catalog and learned durations.",
    ),
)
format_option = click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format.",
)
plan_format_option = click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="Output format; markdown is for pull requests.",
)
report_format_option = click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json", "github", "sarif", "junit"]),
    default="text",
    help="Output format: github annotates the run, sarif and junit are reports for CI.",
)
output_options = _joined(
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="When to use color.",
    ),
    click.option("--no-color", "color", flag_value="never", hidden=True),
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Show more: unchanged objects, waits, causes of errors.",
    ),
)
consent_options = _joined(
    click.option(
        "--yes", is_flag=True, help="Do not ask for confirmation. Risks still need --accept."
    ),
    freeze_options.freeze_options,
    click.option(
        "--allow-empty", is_flag=True, help="Allow a plan that deletes most of the stack."
    ),
)
part_options = _joined(
    click.option(
        "--only",
        multiple=True,
        type=option_types.Pattern(),
        help="Only this object (or those matching a pattern) and what it needs; repeatable.",
    ),
    click.option(
        "--except",
        "without",
        multiple=True,
        type=option_types.Pattern(),
        help="Skip this object and everything that depends on it; repeatable.",
    ),
)

unmanaged_option = click.option(
    "--unmanaged",
    is_flag=True,
    help="List the account's objects that are not in this stack, with their price.",
)


def undo_option(command: Callable[..., int]) -> Callable[..., int]:
    """`--undo`, for a command that takes a STACK. A value that is not a serial is the STACK."""

    @wraps(command)
    def understand(*, undo: str | None, **values: Any) -> int:
        if undo is not None and undo != "last" and not undo.isdecimal():
            if values.get("stacks") == (".",):
                values["stacks"], undo = (undo,), "last"
            elif values.get("stack") == ".":
                values["stack"], undo = undo, "last"
        return command(undo=undo, **values)

    option = click.option(
        "--undo",
        is_flag=False,
        flag_value="last",
        metavar="[SERIAL]",
        help=(
            "Return to the state with this serial (default: before the last apply); "
            "reports what cannot be restored."
        ),
    )
    return option(understand)


def refuse_with_plan(others: Mapping[str, object]) -> None:
    """Stops if an option is combined with `--plan`: the saved plan contains these choices
    (planning#saved-plans).
    """
    named = [name for name, value in others.items() if value]
    if named:
        raise click.UsageError(
            msg(
                "{options} cannot be used with --plan: a saved plan already contains these choices",
                options=", ".join(named),
            )
        )


def refuse_with_several(others: Mapping[str, object]) -> None:
    """Stops if an option that is for one stack is given with several."""
    named = [name for name, value in others.items() if value]
    if named:
        raise click.UsageError(
            msg(
                "{options} takes one stack; run the command once for each",
                options=", ".join(named),
            )
        )


def part_arguments(only: Sequence[str], without: Sequence[str]) -> list[str]:
    """The options that narrow a plan, as arguments of a command line."""
    options = [("--only", text) for text in only] + [("--except", text) for text in without]
    return [argument for option in options for argument in option]


first_passwords_option = click.option(
    "--first-passwords",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help=(
        "Write the first passwords of new instances to this new file (0600); they are "
        "never shown again."
    ),
)
plan_options = _joined(
    click.option(
        "--replace",
        multiple=True,
        type=option_types.AddressText(),
        help="Replace this object; repeatable.",
    ),
    click.option(
        "--unprotect",
        multiple=True,
        type=option_types.AddressText(),
        help="Lift the object's protection for this run; repeatable.",
    ),
)
lock_option = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Seconds to wait for another run of the stack (60 at a terminal, else 0).",
)
wait_option = click.option(
    "--no-wait",
    is_flag=True,
    help="Do not wait for requests that an earlier run left unsettled; exit 3 instead.",
)
exit_code_option = click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 instead of 0 if there are changes."
)
