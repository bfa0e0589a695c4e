"""Variables: types, limits, and which source wins."""

from __future__ import annotations

import pytest

from reconciler.config import yaml_reader
from reconciler.config.document import Document
from reconciler.config.variables import VariableInputs
from tests.stackfiles import HEAD, built, the_problem, told


def _file(text: str) -> Document:
    return yaml_reader.read(text, "values.yaml")[0]


def test_a_stronger_source_wins() -> None:
    text = (
        HEAD
        + "variables: {n: {type: integer, default: 1}}\nenvironments: {prod: {variables: {n: 2}}, bare: }"
    )
    files = (_file("n: 3"), _file("n: 4"))
    rows = [
        ("bare", VariableInputs(), 1),
        ("prod", VariableInputs(), 2),
        ("prod", VariableInputs(files=files[:1]), 3),
        ("prod", VariableInputs(files=files), 4),
        ("prod", VariableInputs(files=files, process={"n": "5"}), 5),
        ("prod", VariableInputs(files=files, process={"n": "5"}, arguments={"n": "6"}), 6),
    ]
    for environment, inputs, value in rows:
        assert built(text, environment=environment, inputs=inputs).variables == {"n": value}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "010", "010"),
        ("string", "", ""),
        ("integer", "-3", -3),
        ("number", "1.5", 1.5),
        ("number", "2", 2),
        ("boolean", "true", True),
        ("list", "a, b", ("a", "b")),
        ("list", '["a", 1]', ("a", 1)),
        ("list", "", ()),
        ("map", '{"a": {"b": [true]}}', {"a": {"b": (True,)}}),
        ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
        ("port", "443", 443),
        ("duration", "1h30m", "1h30m"),
    ],
)
def test_a_text_is_read_by_the_type(kind: str, text: str, value: object) -> None:
    stack = built(
        HEAD + f"variables: {{v: {{type: {kind}}}}}", inputs=VariableInputs(arguments={"v": text})
    )
    assert stack.variables == {"v": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.0"),
        ("integer", "010"),
        ("integer", "x"),
        ("number", "1e3"),
        ("boolean", "yes"),
        ("boolean", "True"),
        ("list", "[1"),
        ("map", "a=b"),
        ("map", "[1]"),
        ("map", '{"a": 1, "a": 2}'),
        ("list", '[{"a": 1, "b": {"c": 1, "c": 1}}]'),
        ("map", "[" * 5000),
        ("cidr", "10.0.0.1"),
        ("cidr", "::/0"),
        ("port", "0"),
        ("port", "65536"),
        ("duration", "5"),
        ("duration", ""),
        ("string", "${vars.x}"),
    ],
)
def test_a_text_that_does_not_fit_is_reported(kind: str, text: str) -> None:
    found = the_problem(
        HEAD + f"variables: {{v: {{type: {kind}}}}}", inputs=VariableInputs(arguments={"v": text})
    )
    assert found.code == "variable-value"
    assert "variable `v`" in found.message


@pytest.mark.parametrize(
    ("declaration", "code"),
    [
        ("{type: integer, default: '1'}", "variable-value"),
        ("{type: integer, default: 5, maximum: 4}", "variable-value"),
        ("{type: integer, default: 5, minimum: 6}", "variable-value"),
        ("{type: string, default: true}", "variable-value"),
        ("{type: string, default: c, enum: [a, b]}", "variable-value"),
        ("{type: string, default: abc, pattern: '^[0-9]+$'}", "variable-value"),
        ("{type: string, default: abc, pattern: '('}", "variable-value"),
        ("{type: string, default: abc, pattern: '(?=a)'}", "variable-value"),
        (
            "{type: string, default: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!, pattern: '^(a+)+$'}",
            "variable-value",
        ),
        (
            "{type: string, default: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!, pattern: '^(a|a?)+$'}",
            "variable-value",
        ),
        ("{type: list, default: a}", "variable-value"),
        ("{type: string, default: '${vars.x}'}", "variable-value"),
        ("{type: string}", "variable-missing"),
    ],
)
def test_a_default_that_does_not_fit_is_reported(declaration: str, code: str) -> None:
    assert the_problem(HEAD + f"variables: {{v: {declaration}}}").code == code


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ("{type: string, default: 22.10}", "22.10"),
        ("{type: string, default: a, enum: [a, b]}", "a"),
        ("{type: integer, default: 5, minimum: 5, maximum: 5}", 5),
        ("{type: string, default: abc, pattern: '^[a-z]+$'}", "abc"),
        ("{type: list, default: [a, {b: 1}]}", ("a", {"b": 1})),
        ("{type: duration, default: 90s}", "90s"),
    ],
)
def test_a_default_is_a_value(declaration: str, value: object) -> None:
    assert built(HEAD + f"variables: {{v: {declaration}}}").variables == {"v": value}


def test_values_for_unknown_variables_are_reported_with_the_nearest_name() -> None:
    text = (
        HEAD
        + "variables: {web_count: {type: integer, default: 1}}\nenvironments: {prod: {variables: {web_cuont: 2}}}"
    )
    inputs = VariableInputs(
        files=(_file("x: 1"),), arguments={"web_cnt": "3"}, process={"of_another_stack": "1"}
    )
    assert told(text, environment="prod", inputs=inputs) == [
        "4:35 variable-unknown",
        "1:1 variable-unknown",
        "- variable-unknown",
    ]
    found = the_problem(
        HEAD + "variables: {web_count: {type: integer, default: 1}}",
        inputs=VariableInputs(arguments={"web_cnt": "3"}),
    )
    assert found.hint == "did you mean `web_count`?"


def test_a_weaker_value_that_does_not_fit_is_reported_although_a_stronger_one_does() -> None:
    text = HEAD + "variables: {n: {type: integer, default: 9, maximum: 5}}"
    assert the_problem(text, inputs=VariableInputs(arguments={"n": "3"})).code == "variable-value"
