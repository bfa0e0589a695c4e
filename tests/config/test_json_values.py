"""JSON as values of variables: the same values as Python reads, with places; what is not JSON is
reported at its place.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.document import Document, Scalar, Table, plain
from reconciler.config.inputs import json_reader
from reconciler.config.variables import VariableInputs
from reconciler.model.diagnostics import Problem
from tests import extent
from tests.stackfiles import HEAD, built, problems


def read(text: str) -> tuple[Document, tuple[Problem, ...]]:
    return json_reader.read(text, "x.json")


def frozen(value: Any) -> Any:
    """A value as a document has it: tuples for lists, no half of a surrogate pair."""
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return {frozen(key): frozen(item) for key, item in value.items()}
    return value


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=extent.examples(100))
@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), st.booleans(), st.integers(0, 3))
def test_a_value_is_what_python_reads(value: dict[str, Any], ascii_only: bool, indent: int) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent or None)
        text.encode()
    except UnicodeEncodeError:
        return
    document, found = read(text)
    assert found == ()
    assert plain(document.root) == frozen(json.loads(text))


@pytest.mark.parametrize(
    ("text", "value", "spelled"),
    [
        ("1e3", 1000.0, "1e3"),
        ("-0", 0, "-0"),
        ("123456789012345678901234567890", 123456789012345678901234567890, None),
        ('"\\ud83d\\ude00"', "😀", "😀"),
        ('"\\ud83d"', "\ufffd", "\ufffd"),
        ('"\\/"', "/", "/"),
        ("22.10", 22.1, "22.10"),
        ("true", True, None),
    ],
)
def test_numbers_and_escapes_are_those_of_json(text: str, value: object, spelled: str) -> None:
    document, found = read(f'{{\t"a":\r\n\t{text} }}')
    node = document.root.entries["a"]
    assert found == ()
    assert isinstance(node, Scalar)
    assert node.value == value and type(node.value) is type(value)
    assert node.text == (spelled or text)
    assert (node.line, node.column) == (2, 2)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"a": 1, "a": 2}', ["1:10 yaml-duplicate-key"]),
        (
            '{"a": {"b": 1,\n "b": 2}, "a": 3}',
            ["2:2 yaml-duplicate-key", "2:11 yaml-duplicate-key"],
        ),
        ("{a: 1}", ["1:2 yaml-syntax"]),
        ('{"a": 1,}', ["1:9 yaml-syntax"]),
        ('{"a": [1, ]}', ["1:11 yaml-syntax"]),
        ('{"a" 1}', ["1:6 yaml-syntax"]),
        ('{"a": 01}', ["1:8 yaml-syntax"]),
        ('{"a": NaN}', ["1:7 yaml-syntax"]),
        ('{"a": 1e999}', ["1:7 yaml-syntax"]),
        ('{"a": -}', ["1:7 yaml-syntax"]),
        ('{"a": "\n"}', ["1:8 yaml-syntax"]),
        ('{"a": "\\x"}', ["1:8 yaml-syntax"]),
        ('{"a": "x', ["1:7 yaml-syntax"]),
        ('{"a": 1} 2', ["1:10 yaml-syntax"]),
        ('{"a": ' + "9" * 401 + "}", ["1:7 yaml-syntax"]),
        ('{"a": ' + "[" * 70, ["1:70 yaml-syntax"]),
        ("", ["1:1 yaml-syntax"]),
        ("[1]", ["1:1 wrong-type"]),
        ("\n 3", ["2:2 wrong-type"]),
    ],
)
def test_what_is_not_json_is_reported_at_its_place(text: str, places: list[str]) -> None:
    _, found = read(text)
    told = [f"{p.place.line}:{p.place.column} {p.code}" for p in found if p.place is not None]
    assert told == places
    assert all(len(problem.message) < 200 for problem in found)


@settings(max_examples=extent.examples(200))
@given(st.text(st.sampled_from('{}[]",:\\ \n\t01eE-+.truefalsn/\ud83d가')))
def test_any_text_is_read_or_reported(text: str) -> None:
    document, found = read(text)
    assert isinstance(document.root, Table)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and document.whole and not found:
        assert set(document.root.entries) == {
            json_reader._SURROGATE.sub("\ufffd", k) for k in value
        }


@pytest.mark.parametrize(
    ("text", "is_json"),
    [('{"a": 1}', True), ("\n {}", True), ("{a: 1}", False), ("a: 1", False), ("[1]", False)],
)
def test_the_text_of_a_pipe_is_json_if_it_is_a_json_object(text: str, is_json: bool) -> None:
    assert json_reader.is_json(text) is is_json


@pytest.mark.parametrize(
    ("number", "value"),
    [("1e3", 1000), ("2.0", 2), ("0.2e1", 2), ("2.5", None), ("1e300", None)],
)
def test_a_number_without_a_fraction_is_a_whole_number(number: str, value: int | None) -> None:
    document, _ = read(f'{{"n": {number}}}')
    inputs = VariableInputs(files=(document,))
    text = f"{HEAD}variables: {{n: {{type: integer}}}}\n"
    if value is None:
        assert [p.code for p in problems(text, inputs=inputs)] == ["variable-value"]
    else:
        found = built(text, inputs=inputs).variables["n"]
        assert (found, type(found)) == (value, int)
