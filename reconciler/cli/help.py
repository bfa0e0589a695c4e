"""Help: the first page, written by hand so that `reconciler --help` loads nothing else, and the
translation of help. Commands, options and examples are the same in every language.
"""

from __future__ import annotations

import re

# `typing.TYPE_CHECKING` without the import, which would be a tenth of the time of `--version`
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

HELP = """\
reconciler makes an iwinv cloud account match a set of YAML files,
and shows every change before it makes it.

Usage:  reconciler [--chdir DIR] COMMAND [STACK] [OPTIONS]

STACK is a YAML file or a folder of *.yaml files (default: the current folder).
It is the last argument of a command; --stack PATH works with every command.
Many commands take several; --all means every stack of reconciler.yaml.

Try it without an account, on a local cloud:
  reconciler init shop --example web-tier
  reconciler apply shop --simulate

Main commands
  init          Write a first stack or an example into a folder
  validate      Check the files without reading the account
  fmt           Write the files in the canonical layout
  plan          Read the account and show what apply would change
  apply         Show the plan, ask for confirmation and apply it
  destroy       Delete everything that the stack owns
  drift         Show changes made outside reconciler

Inspect
  ls, status    List the objects of the stack, or of the account, as they are now
  show          Show the state, one object or a saved plan
  output        Show the outputs of the last apply
  graph         Show the dependencies as text, DOT, Mermaid or JSON
  report        Write a plan, or what is there, as one HTML file for reviewers
  catalog       List zones, flavors, images and keys, with prices
  explain       Describe a field of the stack file
  schema        Print the JSON Schema of stacks, plans and events

Operate
  watch         Look for drift, once or regularly, and revert what rules list
  server        Reboot an instance or open its console
  bill          Show this month's cost so far
  policy        List or test the policies of the project
  ci            Plan, approve and apply pull requests in a CI system; report drift
  audit         List who applied what, with whose approval
  state         List, rename or forget objects in the state; unlock it
  freeze        Let nothing change the objects of stacks for some time
  unfreeze      End a freeze

Take over existing objects
  adopt         Write a stack file for objects in the account
  import        Bind one object to an address
  absorb        Write changes made outside into the stack file

Repair
  recover       Settle what an interrupted run left unsettled; rebuild a lost state
  doctor        Check key, clock, endpoint, state and lock; safe to paste

Local cloud
  simulator     Serve the local cloud, print its objects or change them

Shell
  completion    Print the completion script for bash, zsh or fish

Global options
  --chdir DIR   Run as if started in this folder
  --lang ko|en  The language of messages (default: that of the locale)
  --version     Print the version
  -h, --help    Print this page; `reconciler COMMAND --help` describes a command

Environment
  IWINV_ACCESS_KEY, IWINV_SECRET_KEY   the key pair; never in a file or an argument
  IWINV_ENDPOINT                       another endpoint (https, or http on this machine)
  IWINV_FIREWALL_API                   security-groups (default) or firewall
  RECONCILER_VAR_<name>                the value of a variable
  RECONCILER_STATE                     place of the states, before reconciler.yaml
  RECONCILER_STATE_DIR                 folder for states (default: next to the stack)
  RECONCILER_LANG                      same as --lang
  RECONCILER_SIMULATE=1                same as --simulate
  RECONCILER_TIME_SCALE                same as --time-scale; local cloud only
  NO_COLOR, FORCE_COLOR                never or always use color; as does --color

Exit codes
    0  done, or nothing to do
    1  errors in the stack; nothing was done
    2  there are changes (--detailed-exitcode)
    3  partly done, or a decision is needed; run again
    4  refused: missing consent, protection, a safety stop, a freeze or a stale plan
    5  invalid key, wrong account or wrong clock
    6  the state is locked by another run
    7  the state could not be written
   64  wrong options or arguments
  130  interrupted; everything done is recorded
"""


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text, each as one line; a block after `\\b` stays as it is."""
    import inspect

    for block in inspect.cleandoc(text).split("\n\n"):
        if block.strip():
            yield block if block.startswith("\b") else " ".join(block.split())


def translate(command: click.Command) -> None:
    """Puts the texts of a command, its options and its subcommands into the current language."""
    import click

    from reconciler.cli.help_width import WideContext
    from reconciler.locale import language

    if getattr(command, "_translated", "en") == language.current():
        return
    setattr(command, "_translated", language.current())  # noqa: B010
    command.context_class = WideContext
    for attribute in ("help", "short_help", "epilog", "options_metavar"):
        _put(command, attribute, _text)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            _put(parameter, "help", _sentence)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            translate(inner)


def _put(owner: object, attribute: str, translate: Callable[[str], str]) -> None:
    """Translates an attribute from its English text, which is kept: another language may follow."""
    english = vars(owner).setdefault(f"_english_{attribute}", getattr(owner, attribute, None))
    if isinstance(english, str):
        setattr(owner, attribute, translate(english))


def _text(text: str) -> str:
    from reconciler.locale import language

    return "\n\n".join(
        block.replace("Examples:", language.template("Examples:"))
        if block.startswith("\b")
        else language.template(block)
        for block in paragraphs(text)
    )


def _sentence(text: str) -> str:
    from reconciler.locale import language

    return language.template(" ".join(text.split()))


def page(text: str) -> str:
    """The page of the program. Each line with two columns keeps the first one; other lines are
    translated as paragraphs.
    """
    from reconciler.locale import language

    return text if language.current() == "en" else "\n".join(_page_lines(text)) + "\n"


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
    from reconciler.locale import language
    from reconciler.render import escape

    lines: list[str] = []
    for kept, words in page_parts(text):
        found = language.template(words) if words else ""
        lines += [kept + found] if kept or not words else escape.wrap(found, 80)
    while lines and not lines[-1]:
        lines.pop()
    return lines
