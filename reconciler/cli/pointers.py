"""Words of Terraform, OpenTofu, Pulumi and kubectl, and what they are called here. They are looked
up only after a command line was refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set

import click

from reconciler.common.text import Text, msg

_COMMANDS: Mapping[tuple[str, ...], str] = {
    ("preview",): "plan",
    ("diff",): "plan",
    ("up",): "apply",
    ("create",): "apply",
    ("deploy",): "apply",
    ("down",): "destroy",
    ("delete",): "destroy",
    ("rm",): "destroy",
    ("refresh",): "drift",
    ("taint",): "apply --replace ADDRESS",
    ("untaint",): "plan",
    ("rollback",): "plan --undo",
    ("undo",): "plan --undo",
    ("get",): "ls",
    ("list",): "ls",
    ("ps",): "ls",
    ("describe",): "show ADDRESS",
    ("new",): "init",
    ("workspace",): "plan --env NAME",
    ("stack",): "plan --env NAME",
    ("config",): "plan --var NAME=VALUE",
    ("console",): "server console ADDRESS",
    ("reboot",): "server reboot ADDRESS",
    ("restart",): "server reboot ADDRESS",
    ("rebuild",): "server rebuild ADDRESS",
    ("reinstall",): "server rebuild ADDRESS",
    ("start",): "server start ADDRESS",
    ("stop",): "server stop ADDRESS",
    ("shutdown",): "server stop ADDRESS",
    ("force-unlock",): "state unlock",
    ("cancel",): "state unlock",
    ("check",): "validate",
    ("lint",): "validate",
    ("format",): "fmt",
    ("version",): "--version",
    ("outputs",): "output",
    ("state", "rm"): "state forget ADDRESS",
    ("state", "remove"): "state forget ADDRESS",
    ("state", "delete"): "state forget ADDRESS",
    ("state", "show"): "show ADDRESS",
    ("state", "ls"): "state list",
    ("state", "rename"): "state mv ADDRESS ADDRESS",
    ("state", "pull"): "show --format json",
    ("state", "export"): "show --format json",
}
"""Commands that people type, and the command that does it here."""

_OPTIONS: Mapping[str, str] = {
    "auto-approve": "--yes",
    "approve": "--yes",
    "skip-preview": "--yes",
    "force": "--accept CLASS=ADDRESS",
    "target": "--only ADDRESS",
    "exclude": "--except ADDRESS",
    "taint": "--replace ADDRESS",
    "json": "--format json",
    "output": "--format",
    "destroy": msg("the command `reconciler destroy`"),
    "refresh-only": msg("the command `reconciler drift`"),
    "dry-run": msg("the command `reconciler plan`"),
    "preview": msg("the command `reconciler plan`"),
    "diff": msg("the command `reconciler plan`"),
    "workspace": "--env NAME",
    "environment": "--env NAME",
    "file": msg("the argument STACK"),
    "filename": msg("the argument STACK"),
    "directory": msg("the global option --chdir DIR"),
    "cwd": msg("the global option --chdir DIR"),
    "config-file": msg("the argument STACK"),
    "state": msg("the variable RECONCILER_STATE"),
}
"""Options that people type, without their dashes, and what does it here."""

_NEEDLESS: Mapping[str, str] = {
    "refresh": msg("every plan reads the account"),
    "parallelism": msg("the request quota sets the speed"),
    "lock": msg("apply always takes the lock, and plan never does"),
    "input": msg("without a terminal, nothing is asked"),
    "recursive": msg("all files of the stack are formatted"),
    "raw": msg("`reconciler output NAME` prints a text without quotes"),
    "upgrade": msg("there are no providers to install"),
    "reconfigure": msg("reconciler.yaml or RECONCILER_STATE names the place of states"),
    "quiet": msg("results go to stdout, progress goes to stderr"),
}
"""Options that people type, without their dashes, and why there is no need for them here."""

_GLOBAL = frozenset({"lang", "chdir"})
"""Options of all commands, without their dashes."""

_LONG = re.compile("-[a-z][a-z-]+")
"""An option of several letters with one dash."""


def pointer(arguments: Sequence[str], command: click.Command) -> tuple[Text, Text] | None:
    """What is wrong with a refused command line of `command`, and what to write instead. None if
    no word of it belongs to another tool.
    """
    typed = tuple(word for word in arguments if not word.startswith("-"))
    if isinstance(command, click.Group):
        for length in (2, 1):
            here = _COMMANDS.get(typed[:length])
            if here is not None and len(typed) >= length:
                theirs = " ".join(typed[:length])
                return (
                    msg("there is no command {theirs}", theirs=theirs),
                    msg("`{theirs}` is `reconciler {here}` here", theirs=theirs, here=here),
                )
    names = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    for word in arguments:
        dashed = word.partition("=")[0]
        name = dashed.lstrip("-")
        if not word.startswith("-") or dashed in names or len(name) < 2:
            continue
        hint = _instead(dashed, name, names)
        if name in _GLOBAL and word in _behind(command, arguments):
            hint = msg("write it before the command: reconciler {theirs} ...", theirs=dashed)
        if hint is not None:
            return msg("there is no option {theirs}", theirs=dashed), hint
    return None


def _behind(command: click.Command, arguments: Sequence[str]) -> Sequence[str]:
    """The words behind the name of the command."""
    name = command.name or ""
    return arguments[arguments.index(name) + 1 :] if name in arguments else ()


def _instead(dashed: str, name: str, names: Set[str]) -> Text | None:
    """What to write instead of an option; None if no other tool has it."""
    if name in _OPTIONS:
        return msg("`{theirs}` is {here} here", theirs=dashed, here=_OPTIONS[name])
    if f"--{name}" in names:
        return msg("write --{name}, with two dashes", name=name)
    if name in _NEEDLESS:
        return msg("leave it out: {reason}", reason=_NEEDLESS[name])
    return None


def unknown_word(failure: click.UsageError, arguments: Sequence[str]) -> Text | None:
    """The option that does not exist, as it was typed: click reads `-help` as `-h -e -l -p` and
    names only `-e`. None if click names it as it was typed.
    """
    if not isinstance(failure, click.NoSuchOption):
        return None
    for word in arguments:
        dashed = word.partition("=")[0]
        if _LONG.fullmatch(dashed) and failure.option_name.lstrip("-") in dashed:
            return msg("there is no option {theirs}", theirs=dashed)
    return None
