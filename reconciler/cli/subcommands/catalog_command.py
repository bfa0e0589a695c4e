"""`catalog`, `explain` and `schema`: values that the account offers, fields of the language, and
JSON Schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from reconciler.cli import option_types, options
from reconciler.cli.console import Console
from reconciler.cli.run_context import Session, ends, on_stack, stop_usage
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, serialize
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render import escape
from reconciler.render.documents.json_document import PRINTED_BY, DocumentType, document
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Style, Tone

LISTS: Mapping[str, str] = {
    "zones": "zones",
    "flavors": "flavors",
    "images": "images",
    "ssh-keys": "ssh_keys",
    "scripts": "user_scripts",
    "storage-types": "storage_types",
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "zones": ("id", "name", "available", "notes"),
    "flavors": (
        *("id", "type", "vcpu", "memory_mb", "disk_gb", "gpus", "network_gbps"),
        *("price_day", "price_month", "available", "zones"),
    ),
    "images": ("id", "name", "os", "version", "public", "available", "zones"),
    "ssh-keys": ("id", "name", "created"),
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
    "notes": msg("notes"),
    "type": msg("type"),
    "gpus": msg("GPUs"),
    "network_gbps": msg("network Gbps"),
    "created": msg("created"),
    "price_day": msg("KRW a day"),
    "price_month": msg("KRW a month"),
    "memory_mb": msg("memory MB"),
    "disk_gb": msg("disk GB"),
    "min_gb": msg("min GB"),
    "max_gb": msg("max GB"),
}


_TEXTS = frozenset({"id", "name", "os", "version", "type", "available", "zones", "created"})
_LEFT_OUT = ("zones", "network_gbps", "price_day", "type", "disk_gb", "available", "gpus")
"""The order in which columns are left out if the terminal is too narrow. JSON has them all."""


@dataclass(frozen=True, slots=True)
class FlavorFilters:
    """What a flavor must have at least, and cost at most; None without a limit."""

    gpu: int | None = None
    min_vcpu: int | None = None
    min_memory: int | None = None
    max_price: int | None = None

    def check(self, kind: str) -> None:
        """Stops if there is a limit and the list is not that of flavors."""
        if kind != "flavors" and self != FlavorFilters():
            raise stop_usage(
                msg("--gpu, --min-vcpu, --min-memory and --max-price are for flavors"),
                msg("list the flavors, or leave them out"),
            )

    def fit(self, row: Mapping[str, Any]) -> bool:
        """Whether a flavor is within the limits. A value that is not known is not within."""
        at_least = (
            (self.gpu, row.get("gpus")),
            (self.min_vcpu, row.get("vcpu")),
            (self.min_memory, row.get("memory_mb")),
        )
        price = row.get("price_month")
        return all(
            limit is None or (value is not None and value >= limit) for limit, value in at_least
        ) and (self.max_price is None or (price is not None and price <= self.max_price))


@click.command(
    epilog="""\b
Examples:
  reconciler catalog flavors --zone kr1-z01 --sort price_month
  reconciler catalog flavors --min-memory 4G --max-price 50000
  reconciler catalog flavors --gpu
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
    "--gpu",
    is_flag=False,
    flag_value=1,
    type=click.IntRange(min=1),
    metavar="[N]",
    help="Only flavors with a GPU, or with N of them.",
)
@click.option(
    "--min-vcpu", type=click.IntRange(min=1), metavar="N", help="Only flavors with N vCPUs or more."
)
@click.option(
    "--min-memory",
    type=option_types.Megabytes(),
    help="Only flavors with this much memory or more, such as 4096 or 4G.",
)
@click.option(
    "--max-price",
    type=click.IntRange(min=0),
    metavar="KRW",
    help="Only flavors of at most this a month, without VAT.",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by this column, `-COLUMN` for descending order (default: id).",
)
@options.stack_argument
@options.format_option
@options.simulate_options
@options.output_options
@options.gathered_in(FlavorFilters)
@on_stack
def catalog(
    session: Session,
    *,
    kind: str,
    texts: Sequence[str],
    zone: str | None,
    sort: str | None,
    choices: FlavorFilters,
) -> int:
    """List zones, flavors with prices, images, SSH keys, scripts or storage types.

    Prices are in KRW without VAT, per month and per day. The notes of a zone say for example that
    it takes no new instances. With --simulate, --stack chooses the local cloud.
    """
    choices.check(kind)
    from reconciler.commands import session as opening
    from reconciler.model.ports import RefreshScope

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
    kept = _sorted(filter(choices.fit, rows), texts, order)
    if console.json:
        rows_shown = [serialize.shown(dict(row)) for row in kept]
        console.result_json(document(DocumentType.CATALOG, {"kind": kind, "items": rows_shown}))
        return exit_codes.DONE
    console.result(list(_table(kind, kept, console.style(console.out))))
    if not kept:
        text = (
            msg(" No row matches.")
            if rows
            else msg(" The list is empty although the key works: compare with the console.")
        )
        console.note([Line(text, Tone.CARE)])
    return exit_codes.DONE


def _sorted(
    rows: Iterable[Mapping[str, Any]], texts: Sequence[str], order: tuple[str, bool]
) -> list[Mapping[str, Any]]:
    """The rows that contain all texts, in an order as `_order` returns it."""
    name, backwards = order
    return sorted(
        (
            row
            for row in rows
            if all(text.casefold() in _everything(row).casefold() for text in texts)
        ),
        key=lambda row: (row.get(name) is None, _sortable(row.get(name)), str(row["id"])),
        reverse=backwards,
    )


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
    if isinstance(value, int | float):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _table(kind: str, rows: Sequence[Mapping[str, Any]], style: Style) -> Iterable[Line]:
    from reconciler.render.documents.tables import TableColumn, table_lines

    def is_number(value: Any) -> bool:
        return isinstance(value, int | float | None) and not isinstance(value, bool)

    columns = [
        TableColumn(
            name,
            escape.outside(_TITLES.get(name, name)),
            [escape.outside(_shown(row.get(name))) for row in rows],
            right=name not in _TEXTS and all(is_number(row.get(name)) for row in rows),
            wraps=name == "notes",
        )
        for name in COLUMNS[kind]
    ]
    return table_lines(columns, style, _LEFT_OUT if kind == "flavors" else ("zones",))


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

    path = _path(field or "")
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


def _path(field: str) -> tuple[str, ...]:
    """The path of a field in the language. The address of a rule, or of one of several objects,
    stands for its kind.
    """
    from reconciler.model.address import typed
    from reconciler.resources import rule

    address = typed(field)
    if address is not None and address.rule is not None:
        return address.kind, rule.NAME
    if address is not None and address.index is not None:
        return (address.kind,)
    return tuple(part for part in field.split(".") if part)


SCHEMAS: Mapping[str, str] = {
    "stack": msg("a stack file"),
    "component": msg("a component that stacks include"),
    "reconciler": msg("the file of a project"),
    "policies": msg("a file of policies"),
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
