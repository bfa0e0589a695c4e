"""`init --project`: the first file of a project."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.console import Console
from reconciler.cli.run_context import stop_usage
from reconciler.cli.subcommands.first_files import new_files
from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.config.project import discovery, location
from reconciler.importing import examples, project_starter
from reconciler.model import exit_codes
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone


def write_project(console: Console, place: Path, name: str | None, other: str | None) -> int:
    """Writes the file of a project, with the stacks that are there already. `other` is an option of
    a stack that was given as well. Raises `Abort` if there is a project or a file is in the way.
    """
    if other is not None:
        raise stop_usage(
            msg("--project cannot be used with --{option}", option=other),
            msg("write the stacks first: a project lists those that are there"),
        )
    known = location.find(place / location.PROJECT_FILE)
    if known is not None:
        raise stop_usage(
            msg("{file} is the file of the project already", file=known),
            msg("list further stacks in it, under `stacks:`"),
        )
    chosen = new_files.chosen_name(
        console,
        name,
        place,
        lambda usual: msg("What is the name of the project? [{default}]", default=usual),
        "infra",
    )
    stacks, doubled = discovery.stacks_below(place)
    text = project_starter.text(
        chosen,
        {
            each.name: (each.path.relative_to(place).as_posix(), each.environments)
            for each in stacks
        },
    )
    console.begin()
    written = new_files.write_new(
        {place / location.PROJECT_FILE: text, **examples.companions(place, [text])}
    )
    if not stacks:
        first = ["init", str(place / "stacks" / "shop")]
    elif place == Path():
        first = ["validate", "--all"]
    else:
        first = ["validate", *(str(each.path) for each in stacks)]
    new_files.show(console, written, [suggestions.command_line(["reconciler", *first])])
    for each in doubled:
        left = msg(" {path} is not listed: another stack has its name.", path=escape.outside(each))
        console.note([Line(left, Tone.CARE)])
    return exit_codes.DONE
