"""The catalogue of Korean messages: `python -m tests.catalogue` adds what is new in the sources, marks
what changed, drops what is gone, and compiles the result.

`--missing` prints what is left to translate, one text per line.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from reconciler.cli.help import HELP, page_texts, paragraphs
from reconciler.resources import all_kinds

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "reconciler"
PO = PACKAGE / "locale" / "ko" / "LC_MESSAGES" / "reconciler.po"
MO = PO.with_suffix(".mo")
HEADER = """\
# Korean messages of reconciler, written by `python -m tests.catalogue`.
# A particle after a field is written in both forms, as in `{name}을(를)`:
# the form that fits is chosen when the text is shown."""

CALLED = frozenset({"msg", "phrase", "_listed"})
"""Functions whose first argument is a template."""

_ORDERED = frozenset({"{verb}[ {old}] {noun}", "{number} {noun}", "{variable} {value}"})
"""Templates without words, whose order depends on the language."""
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = re.compile(r"[A-Za-z]")
_CLICK_UNUSED = (
    "_termui_impl.py",
    "_winconsole.py",
    "termui.py",
    "utils.py",
    "shell_completion.py",
)
"""Modules of click that talk to users only in ways that the program does not use."""


@dataclass
class Found:
    """Templates in the order of their sources: each with the files that use it."""

    places: dict[str, set[str]] = field(default_factory=dict)
    plurals: dict[str, str] = field(default_factory=dict)

    def add(self, text: str, place: str) -> None:
        without_fields = re.sub(r"\{[^{}]*\}", "", text)
        if _WORDS.search(without_fields) or text in _ORDERED:
            self.places.setdefault(text, set()).add(place)


def templates() -> Found:
    """Every text that the program may show and that a language translates."""
    found = Found()
    for path in sorted(PACKAGE.rglob("*.py")):
        if "simulator" in path.parts:
            continue  # the local cloud answers as the real one
        place = path.relative_to(ROOT).as_posix()
        for text in in_module(ast.parse(path.read_text("utf-8"))):
            found.add(text, place)
    for text in page_texts(HELP):
        found.add(text, "reconciler/cli/help.py")
    for text in _of_tables():
        found.add(text, "reconciler/resources/__init__.py")
    for text in _of_schemas():
        found.add(text, "schemas/stack.schema.json")
    _of_click(found)
    return found


def in_module(module: ast.Module) -> Iterator[str]:
    """The templates of a module: first arguments of `msg` and `phrase`, tables of templates, and
    the help of commands and options.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            if called in CALLED and node.args:
                yield from _constants(node.args[0])
            if called.endswith(("option", "argument", "command", "group")):
                yield from _help_of(node)
        elif isinstance(node, ast.AnnAssign) and "LiteralString" in ast.unparse(node.annotation):
            yield from _constants_of_table(node.value)
        elif isinstance(node, ast.FunctionDef) and _is_command(node):
            yield from _paragraphs(ast.get_docstring(node, clean=False) or "")


def dotted(called: ast.expr) -> str:
    """What is called, as `ast.unparse` writes it; for the usual names without its work."""
    if isinstance(called, ast.Name):
        return called.id
    if isinstance(called, ast.Attribute):
        return f"{dotted(called.value)}.{called.attr}"
    return ast.unparse(called)


def _constants(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
        return
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _constants_of_table(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from _constants(value)
    else:
        yield from _constants(node)


def _help_of(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg in ("help", "short_help"):
            yield from (" ".join(text.split()) for text in _constants(keyword.value))
        if keyword.arg == "epilog":
            for text in _constants(keyword.value):
                yield from _paragraphs(text)


def _paragraphs(text: str) -> Iterator[str]:
    for block in paragraphs(text):
        if not block.startswith("\b"):
            yield block
        elif "Examples:" in block:
            yield "Examples:"


def _is_command(node: ast.FunctionDef) -> bool:
    return any(
        ast.unparse(one).partition("(")[0].endswith((".command", ".group"))
        for one in node.decorator_list
    )


def _of_tables() -> Iterator[str]:
    for kind in all_kinds().values():
        yield from (kind.noun, kind.nouns, kind.recreated)
        yield from (verb.replace("_", " ") for verb in kind.operations)
        yield from (each.facet for each in kind.fields.values() if each.facet)
        for operation in kind.operations.values():
            yield from operation.refusal_hints.values()


def _of_schemas() -> Iterator[str]:
    for path in sorted((ROOT / "schemas").glob("*.json")):
        if path.name.startswith(("stack.", "component.")):
            yield from _described(json.loads(path.read_text("utf-8")))
        elif path.name.startswith("reconciler."):
            # `explain` does not show its descriptions
            yield from _described(json.loads(path.read_text("utf-8")), ("patternErrorMessage",))


def _described(
    node: object, keys: tuple[str, ...] = ("description", "patternErrorMessage")
) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in keys and isinstance(value, str):
                yield value
            else:
                yield from _described(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from _described(value, keys)


def _of_click(found: Found) -> None:
    for path in sorted(Path(click.__file__).parent.glob("*.py")):
        if path.name in _CLICK_UNUSED:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            texts = [
                one.value
                for one in node.args
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            called = dotted(node.func)
            if called == "_" and texts and not _is_for_developers(texts[0]):
                found.add(texts[0], f"click/{path.name}")
            if called == "ngettext" and len(texts) == 2:
                found.add(texts[0], f"click/{path.name}")
                found.plurals[texts[0]] = texts[1]


def _is_for_developers(text: str) -> bool:
    return "declaration" in text or text.startswith(
        ("DeprecationWarning", "Name '", "No options defined", "Could not determine", "Boolean")
    )


def read() -> Catalog:
    """The catalogue as it is written."""
    if not PO.exists():
        return Catalog(locale="ko")
    with PO.open("rb") as file:
        return read_po(file, locale="ko")


def updated(found: Found, old: Catalog) -> Catalog:
    """The catalogue with exactly these templates. A changed one is fuzzy, with the translation of
    the template that it looks like.
    """
    wanted = Catalog()
    for text, places in found.places.items():
        id = (text, found.plurals[text]) if text in found.plurals else text
        wanted.add(id, locations=[(place, 0) for place in sorted(places)])
    new = Catalog(
        locale="ko",
        project="reconciler",
        version="1",
        header_comment=HEADER,
        charset="utf-8",
        fuzzy=False,
    )
    for message in old:
        if message.id:
            new[message.id] = message
    new.update(wanted, update_header_comment=False)
    new.obsolete.clear()
    for message in new:
        message.flags.discard("python-format")
        message.flags.discard("python-brace-format")
    return new


def po_text(catalog: Catalog) -> bytes:
    """The catalogue as its file: no dates and no line numbers, so that equal texts are equal
    files.
    """
    buffer = BytesIO()
    write_po(
        buffer, catalog, width=100, include_lineno=False, ignore_obsolete=True, sort_by_file=True
    )
    lines = buffer.getvalue().decode("utf-8").split("\n")
    dropped = (
        '"POT-Creation-Date',
        '"PO-Revision-Date',
        '"Last-Translator',
        '"Report-Msgid',
        '"Generated-By',
        '"Language-Team',
    )
    return "\n".join(line for line in lines if not line.startswith(dropped)).encode("utf-8")


def mo_bytes(catalog: Catalog) -> bytes:
    """The catalogue as gettext reads it: equal texts are equal bytes."""
    catalog.creation_date = catalog.revision_date = _EPOCH
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(catalog: Catalog) -> list[Message]:
    """Entries without a translation, and fuzzy ones."""
    return [
        message
        for message in catalog
        if message.id
        and (message.fuzzy or not message.string or message.string in ((), ("",), ("", "")))
    ]


def package_of(message: Message) -> str:
    """The package of the first file that uses a message."""
    place = str(message.locations[0][0]) if message.locations else ""
    return place.removeprefix("reconciler/").rpartition("/")[0] or place


def main() -> None:
    """Renews the catalogue, or prints what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.catalogue", description=__doc__)
    parser.add_argument("--missing", action="store_true", help="print what is left to translate")
    options = parser.parse_args()
    catalog = updated(templates(), read())
    if options.missing:
        for message in untranslated(catalog):
            print(f"{package_of(message)}\t{message.id!r}")
        return
    PO.write_bytes(po_text(catalog))
    MO.write_bytes(mo_bytes(read()))
    left = Counter(map(package_of, untranslated(catalog)))
    print(f"{len(catalog)} messages, {sum(left.values())} not translated")
    for package, number in sorted(left.items()):
        print(f"  {package:24} {number}")


if __name__ == "__main__":
    main()
