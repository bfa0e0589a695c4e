"""The light dataclasses beside those of Python, made from the same bodies: nobody but the clock can
tell them apart.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import operator
import pickle
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, field
from typing import Any, cast

import pytest

from reconciler.common.dataclass import dataclass

OPTIONS: tuple[Mapping[str, bool], ...] = (
    {"frozen": True},
    {"frozen": True, "order": True},
    {"frozen": True, "eq": False},
    {},
    {"order": True},
    {"eq": False},
)


def plain() -> Any:
    """A class body with every kind of field that there is here."""

    class Thing:
        """A thing."""

        name: str
        size: int = 3
        parts: list[str] = field(default_factory=list, compare=False)
        secret: str = field(default="quiet", repr=False)
        length: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "length", len(self.name))

    return Thing


def ours(options: Mapping[str, bool]) -> Any:
    decorate = cast("Callable[..., Any]", dataclass)
    return decorate(slots=True, **options)(plain())


def theirs(options: Mapping[str, bool]) -> Any:
    return dataclasses.dataclass(slots=True, **options)(plain())


def outcome(do: Callable[[], Any]) -> Any:
    """What comes of it: the value, or what was raised."""
    try:
        return do()
    except (TypeError, AttributeError) as failure:
        return type(failure).__name__, str(failure)


USES: Mapping[str, Callable[[Any], Any]] = {
    "shown": lambda cls: repr(cls("a", parts=["b"], secret="c")),
    "fields": lambda cls: [
        (one.name, one.init, one.repr, one.compare) for one in dataclasses.fields(cls)
    ],
    "parameters": lambda cls: [
        (one.name, one.kind) for one in inspect.signature(cls).parameters.values()
    ],
    "pattern": lambda cls: cls.__match_args__,
    "slots": lambda cls: (cls.__slots__, hasattr(cls("a"), "__dict__")),
    "defaults are fresh": lambda cls: cls("a").parts is cls("a").parts,
    "None is no default": lambda cls: cls("a", parts=None).parts,
    "nothing given": lambda cls: cls(),
    "too much given": lambda cls: cls("a", 1, [], "s", 5),
    "unknown given": lambda cls: cls("a", other=1),
    "equal": lambda cls: cls("a", 1) == cls("a", 1),
    "equal but for what is not compared": lambda cls: cls("a", 1, ["x"]) == cls("a", 1, ["y"]),
    "not equal": lambda cls: cls("a", 1) != cls("a", 2),
    "of another class": lambda cls: cls("a", 1) == ("a", 1),
    "hashed": lambda cls: (cls.__hash__ is None, cls.__hash__ is object.__hash__),
    "equal hashes": lambda cls: (
        cls.__eq__ is object.__eq__ or hash(cls("a", 1, ["x"])) == hash(cls("a", 1, ["y"]))
    ),
    "less": lambda cls: cls("a", 1) < cls("a", 2),
    "less or equal": lambda cls: cls("b", 1) <= cls("a", 2),
    "sorted": lambda cls: [one.size for one in sorted([cls("a", 2), cls("a", 1)])],
    "less than another class": lambda cls: outcome(lambda: operator.lt(cls("a"), 3))[0],
    "set": lambda cls: setattr(cls("a"), "name", "b"),
    "deleted": lambda cls: delattr(cls("a"), "name"),
    "replaced": lambda cls: repr(dataclasses.replace(cls("abc", 7), name="b")),
    "as a dict": lambda cls: dataclasses.asdict(cls("abc", 7)),
    "copied": lambda cls: repr(copy.copy(cls("abc", 7))),
    "copied deeply": lambda cls: repr(copy.deepcopy(cls("abc", 7, ["x"]))),
    "name of its init": lambda cls: cls.__init__.__qualname__,
}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_behaves_like_the_standard_dataclass(
    use: Callable[[Any], Any], options: Mapping[str, bool]
) -> None:
    # Goal: the same value, or the same failure with the same words.
    assert outcome(lambda: use(ours(options))) == outcome(lambda: use(theirs(options)))


def test_what_a_frozen_one_holds_cannot_be_changed() -> None:
    # Goal: frozen at run time too, and with the error that says so.
    thing = ours({"frozen": True})("a")
    for name in ("name", "length", "other"):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, "b")
        with pytest.raises(FrozenInstanceError):
            delattr(thing, name)
    assert thing.name == "a"


@dataclass(frozen=True, slots=True)
class Own:
    """With methods of its own."""

    name: str

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


@dataclass(frozen=True, slots=True)
class Longer(Own):
    """With a field more than what it is made from."""

    more: int = 0


@dataclass(frozen=True, slots=True)
class Nothing:
    """Without a field."""


def test_methods_of_its_own_stay() -> None:
    # Goal: what a class says itself goes before what is made for it.
    assert (repr(Own("a")), Own("a") == 3, hash(Own("a"))) == ("mine", True, 7)


def test_a_class_may_be_made_from_another() -> None:
    # Goal: the fields of both, those of the first one first.
    assert (Longer("a", 2).name, Longer("a", 2).more) == ("a", 2)
    assert (Longer("a") == Longer("a"), Longer("a") == Longer("a", 1)) == (True, False)


def test_a_class_without_fields_has_one_value() -> None:
    # Goal: the smallest class there is.
    assert (Nothing() == Nothing(), hash(Nothing()) == hash(Nothing()), repr(Nothing())) == (
        True,
        True,
        "Nothing()",
    )


def test_it_can_be_pickled() -> None:
    # Goal: a frozen value with slots has no dictionary that pickle could fill, so it says itself
    # what it holds.
    assert pickle.loads(pickle.dumps(Longer("a", 2))).more == 2
