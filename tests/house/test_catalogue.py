"""The Korean catalogue is complete: every text that the program may show is in it, translated, with
the same fields.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message

from reconciler.locale import language
from tests import catalogue
from tests.house.test_house_rules import listed

SAME_IN_BOTH = frozenset(
    {
        "null",
        "{size} GB",
        "[HTTP {status}]",
        "null ({reason})",
        "reconciler apply",
        "state history",
        "reconciler recover",
        "reconciler recover --adopt {value}",
        "IWINV_FIREWALL_API: {reason}",
        "--chdir {folder}: {reason}",
        "a {type}",
        "{low} to {high:,}",
        "{ports} from {addresses}",
        "{ports} to {addresses}",
        "{verb}[ {old}] {noun}",
        " in {path}",
        "{traffic} on {instances}",
        "{traffic}[ on {instances}]",
        "{outcome} for {address}",
        "[{ended} of {total}]",
        "id",
        "{size} GB[ {type}]",
        "plan, drift, show PLAN",
        "state list, show",
        "state plans",
        "{names} for {duration}",
        "The id.",
        "Its id.",
    }
)
"""Commands, names and units."""

_HANGUL = re.compile("[가-힣]")


@cache
def found() -> catalogue.Found:
    return catalogue.templates()


@cache
def written() -> Catalog:
    return catalogue.read()


def messages() -> Iterator[tuple[str, str]]:
    """Each template with its translation; a fuzzy one has none."""
    for message in written():
        if message.id and message.fuzzy:
            yield _first(message.id), ""
        elif message.id:
            yield _first(message.id), _first(message.string)


def _first(text: object) -> str:
    return str(text[0]) if isinstance(text, (tuple, list)) else str(text)


def _ids() -> set[str]:
    return {english for english, _ in messages()}


RENEW = "run `python -m tests.catalogue` and translate what it reports as missing"


def test_every_template_is_in_the_catalogue() -> None:
    missing = sorted(set(found().places) - _ids())
    assert not missing, f"{RENEW}\n{listed(missing)}"


def test_nothing_in_the_catalogue_is_obsolete() -> None:
    obsolete = sorted(_ids() - set(found().places))
    assert not obsolete, f"{RENEW}\n{listed(obsolete)}"


def test_every_template_is_translated() -> None:
    left = [_first(message.id) for message in catalogue.untranslated(written())]
    assert not left, f"{RENEW}\n{listed(left)}"


def test_translations_have_the_fields_of_their_template() -> None:
    wrong = [
        f"{english!r}: {korean!r}"
        for english, korean in messages()
        if korean and fields(english) != fields(korean)
    ]
    assert not wrong, listed(wrong)


def fields(text: str) -> list[str]:
    """The fields of a template, sorted. Help and descriptions have none: their braces are YAML."""
    try:
        parsed = [(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name]
    except ValueError:
        return []
    return sorted(name for name, spec in parsed if name.isidentifier() and " " not in spec)


def test_optional_parts_stay_optional() -> None:
    wrong = [
        f"{english!r}: {korean!r}"
        for english, korean in messages()
        if korean and optional(english) != optional(korean)
    ]
    assert not wrong, listed(wrong)


def optional(text: str) -> list[list[str]]:
    parts = (fields(part) for part in re.findall(r"\[([^][]*)\]", text))
    return sorted(sorted(part) for part in parts if part)


def test_translations_are_korean() -> None:
    wrong = [
        english
        for english, korean in messages()
        if korean and not _HANGUL.search(korean) and english not in SAME_IN_BOTH
    ]
    assert not wrong, listed(wrong)


def test_translations_keep_the_spaces_and_lines_of_their_template() -> None:
    wrong = [
        english
        for english, korean in messages()
        if korean and (edges(english) != edges(korean) or english.count("\n") != korean.count("\n"))
    ]
    assert not wrong, listed(wrong)


def edges(text: str) -> tuple[int, int]:
    return len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))


def test_a_particle_after_a_field_is_written_in_both_forms() -> None:
    # `{name}을` is right for half of all names.
    single = re.compile(
        r"(?<![$={])\{[a-z_]+(?:!r)?(?::[^{}\s]*)?\}[`'\"]?(?:을|를|은|는|과|와|으로|로|이(?= ))(?![(가-힣])"
    )
    wrong = [f"{english!r}: {korean!r}" for english, korean in messages() if single.search(korean)]
    assert not wrong, listed(wrong)


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    assert catalogue.mo_bytes(written()) == catalogue.MO.read_bytes(), RENEW


def test_each_translation_can_be_filled() -> None:
    language.use(dict(messages()).get, "ko")  # type: ignore[arg-type]
    try:
        for english, korean in messages():
            if korean and not english.startswith("%("):
                values = dict.fromkeys(fields(english), 1)
                _filled(english, korean, values)
    finally:
        language.use(None)


def _filled(english: str, korean: str, values: dict[str, int]) -> None:
    try:
        language.filled(korean, values)
    except (KeyError, ValueError, IndexError) as failure:
        pytest.fail(f"{english!r}: {korean!r}: {failure}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('msg("a {b}", b=1)', ["a {b}"]),
        ('phrase("one" if x == "y" else "several")', ["one", "several"]),
        ('T: Mapping[str, LiteralString] = {"key": "text"}', ["text"]),
        ('click.option("--a", help="What it is.")', ["What it is."]),
    ],
)
def test_templates_are_found(source: str, expected: list[str]) -> None:
    assert list(catalogue.in_module(ast.parse(source))) == expected


def test_a_message_belongs_to_a_package() -> None:
    message = Message("x", locations=[("reconciler/render/plan/totals.py", 0)])
    assert catalogue.package_of(message) == "render/plan"
