"""The language reference is made of the schemas, and kept in step with them; renewed by
RENEW_GOLDEN=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.config import reference
from reconciler.config.functions import FUNCTIONS
from reconciler.config.reference import FieldDoc
from reconciler.render.explain_text import written
from reconciler.resources import all_kinds

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "language.md"

FUNCTION_DOCS = {
    "length": ("length(x)", "the number of characters of a text, or of members of a list or map"),
    "join": ('join(list, ", ")', "the elements of a list as one text"),
    "split": ('split(text, ",")', "the parts of a text as a list"),
    "replace": ("replace(text, old, new)", "the text with `new` in place of every `old`"),
    "format": (
        'format("web-%02d", [n])',
        "`%s` anything, `%d` a whole number, `%03d` with leading zeros, `%%` a percent sign",
    ),
    "lower": ("lower(text)", "the text in lower case"),
    "upper": ("upper(text)", "the text in upper case"),
    "trim": ("trim(text)", "the text without spaces at both ends"),
    "min": ("min(a, b)", "the minimum of numbers, or of a list of numbers"),
    "max": ("max(a, b)", "the maximum"),
    "sort": ("sort(list)", "the list, sorted"),
    "distinct": ("distinct(list)", "the list without duplicates"),
    "keys": ("keys(map)", "the keys, sorted"),
    "values": ("values(map)", "the values, sorted by key"),
    "cidr_host": (
        "cidr_host(cidr, n)",
        "address number n of a range; a negative n counts from the end",
    ),
    "cidr_subnet": (
        "cidr_subnet(cidr, bits, n)",
        "subnet number n, with a mask longer by `bits`",
    ),
    "cidr_contains": ("cidr_contains(cidr, inner)", "whether a range contains another"),
    "cidr_address": ("cidr_address(cidr)", "the address before the mask"),
}

HEAD = """# The language

Made from the JSON Schemas of stack files and components, which editors complete and check from.
`reconciler explain KIND.FIELD` shows the same on a screen.

The rules of the language are in [stack-files.md](stack-files.md): reading, addresses, names, lookups, edits, lifecycle.

```yaml
# yaml-language-server: $schema=../../schemas/stack.schema.json
version: 1
stack: shop
instances:
  web: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}
```

## Expressions

`${...}` in any text is CEL. A text that is one expression keeps its type: `count: ${vars.n}` is a number. `$${` is a literal `${`.

| expression | value |
|---|---|
| `vars.NAME` | a variable, or a parameter of a component |
| `locals.NAME` | a value of `locals` |
| `env.name`, `stack.name` | the names of the environment (null if there is none) and of the stack |
| `count.index`, `each.key`, `each.value` | in a resource with `count` or `for_each` |
| `component.name` | in a component: the name it is included under |
| `components.NAME.outputs.NAME` | an output of an include |
| `stacks.NAME.outputs.NAME` | an output of another stack, from its last apply |
"""

TAIL = """
Only the selected branch is evaluated. This applies to `C ? a : b`, to the right side of `&&` and `||`, and to `has(...)`.
Other branches can contain an index, a key, or an object that does not exist, and nothing in them is waited for.

`'k' in instances.web`, `size(instances.web)` and `has(instances.web)` only ask which objects exist.
A name that the file does not define is an error in every branch, unless `has` asks about it.

A value may be [unknown until apply](stack-files.md#unknown-until-apply).

"""


def page() -> str:
    """The whole page."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield from HEAD.splitlines()
    for kind in all_kinds().sections:
        names = ", ".join(f"`{name}`" for name in all_kinds()[kind].attributes)
        yield f"| `{kind}.KEY.` {names} | an attribute of a resource; a list with `count`, a map with `for_each` |"
    yield ""
    yield "In addition to CEL's own (`+ - * / %`, comparisons, `&& || !`, `a ? b : c`, `in`, `.map(x, ...)`, `.filter(x, ...)`, `.exists(x, ...)`,"
    yield "`.all(x, ...)`, `size`, `string`, `int`, `contains`, `startsWith`, `endsWith`, `matches`, `has`), each also as a method:"
    yield ""
    yield "| function | gives |"
    yield "|---|---|"
    for name in FUNCTIONS:
        form, meaning = FUNCTION_DOCS[name]
        yield f"| `{form}` | {meaning} |"
    yield from TAIL.splitlines()
    yield "## A stack file"
    yield ""
    yield from _table(reference.below(()))
    for field in reference.below(()):
        yield from _section(field, "stack", depth=2)
    yield "## A component file"
    yield ""
    yield "Included by `components`. Its resources are those of a stack; it has no environments and sees nothing but its parameters."
    yield ""
    yield from _table(reference.below((), schema="component"))


def _section(field: FieldDoc, schema: str, *, depth: int) -> Iterator[str]:
    members = list(reference.below(field.path, schema=schema))
    if not members or field.name == "defaults":
        return
    yield ""
    yield f"{'#' * depth} {_title(field)}"
    yield ""
    yield field.description
    yield ""
    yield from _table(members)
    for member in members:
        if member.path[-1] != "lifecycle" or field.name == "instances":
            yield from _section(member, schema, depth=depth + 1)


def _title(field: FieldDoc) -> str:
    """`instances.KEY`: with the keys that the user chooses."""
    return f"`{field.name}{'.KEY' if field.keyed else ''}`"


def _table(fields: Iterator[FieldDoc] | list[FieldDoc]) -> Iterator[str]:
    yield "| field | takes | meaning |"
    yield "|---|---|---|"
    for field in fields:
        star = "**" if field.required else ""
        yield f"| {star}`{field.path[-1]}`{star} | {_cell(_takes(field))} | {_cell(_meaning(field))} |"


def _takes(field: FieldDoc) -> str:
    kinds = list(field.types)
    kinds += [", ".join(f"`{value}`" for value in field.allowed)] if field.allowed else []
    return "; ".join(kinds) or "anything"


def _meaning(field: FieldDoc) -> str:
    parts = [field.description]
    parts += [f"Default: `{written(field.default)}`."] if field.default is not None else []
    parts += [f"An edit: {field.edit}."] if field.edit is not None else []
    return " ".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_language_reference_matches_the_schemas() -> None:
    # Goal: a field that the language gets stands on the page with its meaning; a function too.
    assert set(FUNCTION_DOCS) == set(FUNCTIONS)
    if os.environ.get("RENEW_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
