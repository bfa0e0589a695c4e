"""`catalog`, `explain` and `schema`: values that the account offers, fields of the language, and
JSON Schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import Session, ends, on_stack, stop_usage
from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.model import exit_codes, serialize
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render import escape
from reconciler.render.documents.json_document import PRINTED_BY, DocumentType, document
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Tone

LISTS: Mapping[str, str] = {
    "zones": "zones",
    "flavors": "flavors",
    "images": "images",
    "ssh-keys": "ssh_keys",
    "scripts": "user_scripts",
    "storage-types": "storage_types",
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "zones": ("id", "name", "available"),
    "flavors": ("id", "vcpu", "memory_mb", "disk_gb", "price_month", "available", "zones"),
    "images": ("id", "name", "os", "version", "public", "available", "zones"),
    "ssh-keys": ("id", "name"),
    "scripts": ("id", "name"),
    "storage-types": ("id", "min_gb", "max_gb", "zones"),
}
_TITLES = {
    "id": msg("id"),
    "name": msg("name"),
    "os": msg("os"),
    "version": msg("version"),
    "available": msg("available"),
    "zones": msg("zones"),
    "price_month": msg("KRW a month"),
    "memory_mb": msg("memory MB"),
    "disk_gb": msg("disk GB"),
    "min_gb": msg("min GB"),
    "max_gb": msg("max GB"),
}


@click.command(
    epilog="""\b
Examples:
  reconciler catalog flavors --zone kr1-z01 --sort price_month
  reconciler catalog images --filter ubuntu
  reconciler catalog zones --format json"""
)
@click.argument("kind", type=click.Choice(list(LISTS)))
@click.option(
    "--filter",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Only rows that contain this text, in any case; repeatable.",
)
@click.option("--zone", metavar="ZONE", help="Only what this zone offers, by id or console name.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by this column, `-COLUMN` for descending order (default: id).",
)
@options.stack_argument
@options.format_option
@options.simulate_options
@options.output_options
@on_stack
def catalog(
    session: Session, *, kind: str, texts: Sequence[str], zone: str | None, sort: str | None
) -> int:
    """List zones, flavors with prices, images, SSH keys, scripts or storage types.

    Prices are in KRW per month without VAT. With --simulate, --stack chooses the local cloud.
    """
    from reconciler.commands import session as opening
    from reconciler.model.resource import RefreshScope

    order = _order(kind, sort)
    console = session.console
    wanted = {LISTS[kind], *(["zones"] if zone is not None else [])}
    with session.connect() as connection:
        found = opening.read_account(
            connection, RefreshScope(catalogue=frozenset(wanted))
        ).catalogue
    rows: tuple[Mapping[str, Any], ...] | None = getattr(found, LISTS[kind])
    session.show_problems()
    if rows is None:
        raise Abort(
            error(
                "lookup",
                msg("the account has no list of {kind}", kind=kind),
                hint=msg("the API returns none, for example because no script was ever created"),
            )
        )
    if zone is not None:
        rows = tuple(row for row in rows if _is_offered(row, _zone(zone, found.zones or ())))
    kept = [
        row for row in rows if all(text.casefold() in _everything(row).casefold() for text in texts)
    ]
    name, backwards = order
    kept.sort(
        key=lambda row: (row.get(name) is None, _sortable(row.get(name)), str(row["id"])),
        reverse=backwards,
    )
    if console.json:
        rows_shown = [serialize.shown(dict(row)) for row in kept]
        console.result_json(document(DocumentType.CATALOG, {"kind": kind, "items": rows_shown}))
        return exit_codes.DONE
    console.result(list(_table(kind, kept)))
    if not kept:
        text = (
            msg(" No row matches.")
            if rows
            else msg(" The list is empty although the key works: compare with the console.")
        )
        console.note([Line(text, Tone.CARE)])
    return exit_codes.DONE


def _order(kind: str, sort: str | None) -> tuple[str, bool]:
    name = (sort or "id").removeprefix("-")
    if name not in COLUMNS[kind]:
        raise stop_usage(
            msg("--sort {column}: this column does not exist", column=name),
            suggestions.hint_for(name, COLUMNS[kind]),
        )
    return name, (sort or "").startswith("-")


def _sortable(value: Any) -> Any:
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


def _zone(text: str, zones: Iterable[Mapping[str, Any]]) -> str:
    rows = list(zones)
    for row in rows:
        if text.casefold() in (str(row["id"]).casefold(), str(row.get("name") or "").casefold()):
            return str(row["id"])
    raise Abort(
        error(
            "lookup",
            msg("the zone {zone} does not exist", zone=text),
            hint=suggestions.hint_for(text, [str(row["id"]) for row in rows]),
        )
    )


def _is_offered(row: Mapping[str, Any], zone: str) -> bool:
    """Whether a row is offered in a zone. A row without zones is offered everywhere."""
    return row["id"] == zone or ("zones" in row and (row["zones"] is None or zone in row["zones"]))


def _everything(row: Mapping[str, Any]) -> str:
    return " ".join(_shown(value) for value in row.values())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return phrase("yes") if value else phrase("no")
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[Line]:
    columns = COLUMNS[kind]
    cells = [
        [escape.outside(_TITLES.get(name, name)) for name in columns],
        *([escape.outside(_shown(row.get(name))) for name in columns] for row in rows),
    ]
    numbers = [
        all(
            isinstance(row.get(name), int | None) and not isinstance(row.get(name), bool)
            for row in rows
        )
        for name in columns
    ]
    widths = [max(escape.width(line[at]) for line in cells) for at in range(len(columns))]
    for number, line in enumerate(cells):
        parts = [
            " " * (widths[at] - escape.width(text)) + text
            if numbers[at]
            else escape.pad(text, widths[at])
            for at, text in enumerate(line)
        ]
        yield Line(f" {'  '.join(parts)}".rstrip(), Tone.TITLE if number == 0 else Tone.PLAIN)


@click.command(
    epilog="""\b
Examples:
  reconciler explain instances
  reconciler explain instances.flavor
  reconciler explain firewalls.rules.cidr
  reconciler explain"""
)
@click.argument("field", required=False, metavar="[KIND[.FIELD]]")
@options.format_option
@options.output_options
@ends
def explain(console: Console, *, field: str | None) -> int:
    """Describe a kind or a field of the stack file: its meaning, its values, and the effect of an
    edit. The account is not read.
    """
    from dataclasses import asdict

    from reconciler.config import reference
    from reconciler.render import explain_text

    path = tuple(part for part in (field or "").split(".") if part)
    found = reference.find(path)
    if found is None:
        known = (
            [one.name for one in reference.below(path[:-1])]
            if len(path) > 1
            else [one.name for one in reference.below(())]
        )
        raise Abort(
            error(
                "unknown-key",
                msg("the language has no field {field}", field=field),
                hint=suggestions.hint_for(field or "", known),
            )
        )
    if console.json:
        console.result_json(document(DocumentType.FIELD, {**asdict(found), "path": found.name}))
    else:
        console.result(
            list(
                explain_text.explain_lines(
                    found, reference.below(found.path), console.style(console.out)
                )
            )
        )
    return exit_codes.DONE


SCHEMAS: Mapping[str, str] = {
    "stack": msg("a stack file"),
    "component": msg("a component that stacks include"),
    "event": msg("one line of `apply --format json` and `destroy --format json`"),
    **{
        type.schema: msg("the output of {commands}", commands=commands)
        for type, commands in PRINTED_BY.items()
    },
}
"""What each schema in `schemas/` describes. A test compares the names with the files."""


@click.command(
    epilog="""\b
Examples:
  reconciler schema
  reconciler schema stack > stack.schema.json
  reconciler schema event"""
)
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(list(SCHEMAS)))
@options.output_options
@ends
def schema(console: Console, *, name: str | None) -> int:
    """Print the JSON Schema of a file or of a JSON document; without NAME, list the schemas.

    Each schema is complete in itself. Editors use it to complete and check stack files.
    """
    from reconciler.config.schema import load

    if name is not None:
        console.out.write(escape.json_text(dict(load(name)), indent=2) + "\n")
        return exit_codes.DONE
    width = max(map(len, SCHEMAS))
    console.result(
        [Line(f" {each:<{width}}  {escape.outside(text)}") for each, text in SCHEMAS.items()]
    )
    return exit_codes.DONE
