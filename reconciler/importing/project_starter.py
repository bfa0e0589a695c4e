"""The text of a project's first file, to be edited: its stacks, and the other keys as comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.common.text import msg
from reconciler.importing.yaml_writer import flow, scalar
from reconciler.locale.language import translated

SCHEMA_LINE = "# yaml-language-server: $schema=reconciler.schema.json\n"


def text(project: str, stacks: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """The file. `stacks` are paths and environments by name."""
    head = msg("{project}: what is common to the stacks of this repository", project=project)
    return (
        "".join(
            (
                SCHEMA_LINE,
                f"# {translated(head)}\n",
                f"version: 1\nproject: {project}\n\n",
                *_optional(
                    msg("where the states are, for all machines; without it, beside each stack"),
                    "state: postgresql://db.example.com/states",
                ),
                *_optional(
                    msg("one quota for all machines, in the database of the states"),
                    "quota: shared",
                ),
                *_stacks(stacks),
                *_optional(
                    msg("what is agreed for some stacks; a later rule replaces what it writes"),
                    "rules:",
                    '  - for: "*/prod"',
                    '    windows: [{days: mon-thu, from: "10:00", to: "17:00", zone: Asia/Seoul}]',
                    "    drift: {every: 1h, revert: [rules, power]}",
                ),
                *_optional(
                    msg("conditions that every plan must meet"), "policies: [policies/*.yaml]"
                ),
                *_optional(
                    msg("where `watch` reports; the address is in a variable"),
                    "notify: [{on: [drifted, failed], to: env:TEAM_WEBHOOK}]",
                ),
            )
        ).rstrip("\n")
        + "\n"
    )


def _stacks(stacks: Mapping[str, tuple[str, Sequence[str]]]) -> Iterator[str]:
    if not stacks:
        yield from _optional(
            msg("the stacks, for commands with --all"),
            "stacks:",
            "  shop: {path: stacks/shop, environments: [staging, prod], promote: {prod: staging}}",
        )
        return
    comment = msg("a stack that reads outputs of another one is applied after it")
    yield f"stacks: # {translated(comment)}\n"
    for name, (path, environments) in stacks.items():
        members = f"path: {flow(path)}"
        if environments:
            members += f", environments: [{', '.join(map(flow, environments))}]"
        yield f"  {scalar(name)}: {{{members}}}\n"
    yield "\n"


def _optional(comment: str, *lines: str) -> Iterator[str]:
    """A key that is switched on by removing the `#` of its lines."""
    yield f"# {translated(comment)}\n"
    yield from (f"# {line}\n" for line in lines)
    yield "\n"
