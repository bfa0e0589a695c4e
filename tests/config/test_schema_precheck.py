"""The quick look at a document's form: it never says yes where the validator says no, and says yes
to every good example.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import schema, stack_folder
from reconciler.config.document import Document, Node, Scalar, Sequence, Table
from reconciler.config.schema_precheck import compiled
from tests import extent

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "stacks").glob("*"))
TEXTS = ("", "a", "b", "ab", "none", "22", "22.10", "true", "${a}", "1 d", "10.0.0.0/8", "kr1-z01")
KEYS = ("a", "b", "none", "ab")
ROOT = {"$defs": {"short": {"type": "string", "pattern": "^.{0,2}$"}}}


def scalar(value: Any) -> Scalar:
    return Scalar(
        value,
        "" if value is None else str(value).lower() if isinstance(value, bool) else str(value),
        "f",
        1,
        1,
    )


def sequence(items: Iterable[Node]) -> Sequence:
    return Sequence(tuple(items), "f", 1, 1)


def table(entries: Mapping[str, Node]) -> Table:
    return Table(dict(entries), tuple((1, 1) for _ in entries), "f", 1, 1)


SCALARS = st.sampled_from(
    [
        *map(
            scalar,
            [*TEXTS, 0, 1, 2, 22, -1, 1.0, 2.5, float("inf"), float("nan"), True, False, None],
        ),
        Scalar(22.1, "22.10", "f", 1, 1),
        Scalar(1, "0x1", "f", 1, 1),
    ]
)
NODES: st.SearchStrategy[Node] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(sequence)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(table)
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
CONSTANTS = st.sampled_from([*TEXTS, 0, 1, 22, 1.0, 22.1, True, False, None])
PLAIN: Mapping[str, st.SearchStrategy[Any]] = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(CONSTANTS, min_size=1, max_size=4),
    "const": CONSTANTS,
    "not": st.builds(lambda value: {"const": value}, CONSTANTS)
    | st.builds(lambda name: {"type": name}, TYPES),
    "pattern": st.sampled_from(["^a", r"\$\{", "[0-9]$", "^$", "^[a-z]{0,2}$"]),
    "minLength": st.integers(0, 3),
    "minimum": st.sampled_from([-1, 0, 1, 1.5, 22]),
    "maximum": st.sampled_from([-1, 0, 1, 1.5, 22]),
    "minItems": st.integers(0, 2),
    "uniqueItems": st.just(True),
    "required": st.lists(st.sampled_from(KEYS), max_size=2),
    "minProperties": st.integers(0, 2),
    "maxProperties": st.integers(0, 2),
    "$ref": st.just("#/$defs/short"),
    "description": st.just("what it is for"),
    "maxLength": st.integers(0, 3),  # a keyword that the quick look does not know
}


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    more = {
        "properties": st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
        "additionalProperties": inner | st.booleans(),
        "propertyNames": inner,
        "items": inner,
        "anyOf": st.lists(inner, min_size=1, max_size=3),
    }
    return st.fixed_dictionaries({}, optional={**PLAIN, **more}).map(_few)


def _few(part: dict[str, Any]) -> dict[str, Any]:
    """At most four keywords, so that a part of the values fits."""
    return dict(list(part.items())[:4])


SCHEMAS = st.recursive(st.fixed_dictionaries({}, optional=PLAIN).map(_few), _nested, max_leaves=4)


@given(st.data())
@settings(max_examples=extent.examples(600))
def test_what_fits_is_right_for_the_validator(data: st.DataObject) -> None:
    # Goal: no schema and no value for which the quick look is the laxer of the two.
    part, node = data.draw(SCHEMAS), data.draw(NODES)
    if compiled(part, ROOT)(node):
        assert list(schema.validator(part, ROOT).iter_errors(schema.instance(node))) == []


SINGLE: tuple[dict[str, Any], ...] = (
    *(
        {"type": name}
        for name in ("string", "integer", "number", "boolean", "null", "array", "object")
    ),
    *({"const": value} for value in ("a", 1, True, None)),
    {"enum": ["a", "22", None]},
    {"enum": ["22", 1, True]},
    {"pattern": "^a"},
    {"minLength": 1},
    {"minimum": 1},
    {"maximum": 1},
    {"minItems": 1},
    {"uniqueItems": True},
    {"required": ["a"]},
    {"minProperties": 1},
    {"maxProperties": 1},
    {"propertyNames": {"not": {"const": "none"}}},
    {"propertyNames": {"pattern": "^a"}},
    {"items": {"type": "string"}},
    {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
    {"additionalProperties": {"type": "integer"}},
    {"anyOf": [{"type": "string"}, {"type": "object"}]},
    {"$ref": "#/$defs/short"},
    {},
)


def test_each_keyword_fits_as_the_validator_has_it() -> None:
    # Goal: the same over all single keywords and small values, one by one; and that it does say
    # yes: never less than half as often.
    texts, numbers = [*map(scalar, TEXTS)], [*map(scalar, [0, 1, 22, 1.0, 2.5])]
    nodes: list[Node] = [*texts, *numbers, *map(scalar, [True, False, None])]
    nodes += [
        sequence(items)
        for items in (
            [],
            texts[:1],
            texts[:2],
            [texts[1], texts[1]],
            [scalar(1), scalar("1")],
            [scalar(1), scalar(True)],
        )
    ]
    nodes += [
        table(entries)
        for entries in (
            {},
            {"a": scalar(1)},
            {"a": scalar("x"), "b": scalar(1)},
            {"none": scalar(None)},
        )
    ]
    for part in SINGLE:
        fits, validator = compiled(part, ROOT), schema.validator(part, ROOT)
        quick = [fits(node) for node in nodes]
        right = [validator.is_valid(schema.instance(node)) for node in nodes]
        assert all(is_right for fit, is_right in zip(quick, right, strict=True) if fit), part
        assert sum(quick) * 2 >= sum(right), part


def _documents() -> list[Document]:
    return [document for document, found in map(stack_folder.load, EXAMPLES) if not found]


def _damaged(node: Node, at: random.Random, pieces: list[Node]) -> Node:
    """The node with one part of it left out, renamed or replaced."""
    if isinstance(node, Scalar) or at.random() < 0.1:
        return at.choice(pieces)
    if isinstance(node, Sequence):
        if not node.items:
            return sequence([at.choice(pieces)])
        number = at.randrange(len(node.items))
        return node._replace(
            items=(
                *node.items[:number],
                _damaged(node.items[number], at, pieces),
                *node.items[number + 1 :],
            )
        )
    entries = dict(node.entries)
    key = at.choice(list(entries) or ["a"])
    way = at.random()
    if key not in entries or way < 0.1:
        entries[at.choice(["a", "none", "name", "size", "A-b"])] = at.choice(pieces)
    elif way < 0.2:
        del entries[key]
    else:
        entries[key] = _damaged(entries[key], at, pieces)
    return table(entries)


def _all_of(node: Node) -> list[Node]:
    inside = (
        node.items
        if isinstance(node, Sequence)
        else tuple(node.entries.values())
        if isinstance(node, Table)
        else ()
    )
    return [node, *(found for one in inside for found in _all_of(one))]


@given(st.integers(0, 1 << 32))
@settings(max_examples=extent.examples(400))
def test_a_damaged_example_that_passes_has_no_mistake(seed: int) -> None:
    # Goal: with the schemas themselves, which the program's own check and the quick look read each
    # in its way.
    at = random.Random(seed)
    documents = _documents()
    document = at.choice(documents)
    pieces = [*_all_of(at.choice(documents).root), *map(scalar, [*TEXTS, 0, 7, 1.5, True, None])]
    root = document.root
    for _ in range(at.choice([1, 1, 1, 2, 4])):
        damaged = _damaged(root, at, pieces)
        root = damaged if isinstance(damaged, Table) else root
    document = Document(root, document.files, document.whole, document.parts)
    assert schema.check(document) == schema.mistakes(document)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_valid_example_needs_no_full_validation(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: a stack without mistakes, which is nearly every one, is found so without loading
    # jsonschema.
    document, found = stack_folder.load(path)

    def asked(document: Document) -> Any:
        raise AssertionError("it was asked")

    monkeypatch.setattr(schema, "mistakes", asked)
    assert (found, schema.check(document)) == ((), ())
