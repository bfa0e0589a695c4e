"""Values as JSON and back: each kind of type, and the place of what does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any, Literal, NamedTuple

import pytest

from reconciler.common import json_text
from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import Codec, DecodeError, Form
from reconciler.common.secret import Secret


class Color(Enum):
    """A choice."""

    RED = "red"


class Pair(NamedTuple):
    """Two values with names."""

    left: int
    right: str | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """An object in a mapping that is keyed by its name."""

    name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value that may be where a type says `Any`."""

    name: str


@dataclass(frozen=True, slots=True)
class Whole:
    """One field of each kind of type."""

    text: str
    flag: bool = False
    number: int = 0
    real: float = 0.0
    choice: Color = Color.RED
    word: Literal["one", "two"] = "one"
    maybe: str | None = None
    pair: Pair = Pair(1)
    row: tuple[str, int] = ("a", 1)
    leaves: Mapping[str, Leaf] = field(default_factory=dict, metadata={"key": "name"})
    list: tuple[Tagged, ...] = ()
    names: frozenset[str] = frozenset()
    numbers: Mapping[int, str] = field(default_factory=dict)
    value: Any = None
    renamed: int = field(default=0, metadata={"json": "other"})
    at: complex = 0j


AT = Form(lambda value: str(value.imag), lambda text: complex(0, float(text)))
CODEC = Codec(values={"tag": Tagged}, forms={complex: AT}, strict=True)
WHOLE = Whole(
    "x",
    pair=Pair(2, "b"),
    leaves={"a": Leaf("a", 1)},
    list=(Tagged("b"),),
    names=frozenset({"n"}),
    numbers={3: "c"},
    value={"list": (1, None, Tagged("c")), "$tag": {"name": "not one"}},
    renamed=7,
    at=2j,
)


def test_a_value_comes_back_as_it_was() -> None:
    row = CODEC.encode(WHOLE)
    assert CODEC.decode(Whole, json.loads(json.dumps(row))) == WHOLE
    assert row["other"] == 7 and "renamed" not in row


def test_defaults_and_named_fields_are_left_out() -> None:
    assert Codec(sparse=(Whole,)).encode(Whole("x", number=1)) == {"text": "x", "number": 1}
    assert Codec(without=("size",)).encode(Leaf("a", 1)) == {"name": "a"}


def test_a_value_without_tag_is_plain_data() -> None:
    assert Codec().decode(Any, {"$tag": {"name": "a"}}) == {"$tag": {"name": "a"}}
    assert CODEC.decode(Any, {"$tag": {"$tag": {"name": "a"}}, "b": 1})["b"] == 1


def test_a_secret_is_not_written() -> None:
    with pytest.raises(TypeError, match="Secret"):
        CODEC.encode({"password": Secret("x")})


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("text", 1, "text is not a text"),
        ("flag", 1, "flag is not true or false"),
        ("number", True, "number is not a whole number"),
        ("number", -1, "number is not a whole number"),
        ("real", "1", "real is not a number"),
        ("choice", "blue", "choice is not one of red"),
        ("word", ["one"], "word is not one of one, two"),
        ("maybe", 1, "maybe is not a text"),
        ("pair", {"right": "x"}, "pair.left is missing"),
        ("row", ["a"], "row is not a list of 2"),
        ("row", ["a", "b"], "row[1] is not a whole number"),
        ("leaves", {"a": 1}, "leaves.a is not an object"),
        ("leaves", {"a": {"size": None}}, "leaves.a.size is not a whole number"),
        ("list", [{"$tag": {"name": 1}}], "list[0].name is not a text"),
        ("list", [{"name": "a"}], "list[0] is not a tagged value"),
        ("names", "n", "names is not a list"),
        ("numbers", {"03": "x"}, "numbers.03 is not a whole number"),
        ("more", 1, "more is not a known member"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(member: str, value: Any, message: str) -> None:
    with pytest.raises(DecodeError) as found:
        CODEC.decode(Whole, {**CODEC.encode(WHOLE), member: value})
    assert str(found.value) == message


def test_equal_data_have_one_text() -> None:
    assert json_text.canonical({"b": 1, "a": "가"}) == '{"a":"\\uac00","b":1}'
    assert json_text.checksum({"a": 1, "b": 2}) == json_text.checksum({"b": 2, "a": 1})


@pytest.mark.parametrize("text", ["", "NaN", "1e999", "[" * 100_000, b"\xff", "9" * 10_000])
def test_a_text_that_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        json_text.parse(text)
