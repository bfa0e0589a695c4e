"""`@dataclass(frozen=True, slots=True)` that is faster to create (docs/decisions/starting.md).

A plan loads about 150 of these classes, and `dataclasses` compiles six methods for each. Here only
`__init__` is compiled; the other methods are closures over the names of the fields. `dataclasses`
still finds the fields and makes the slots, so `fields`, `replace`, `asdict` and patterns work, and
type checkers see the standard decorator.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as _dataclass
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_ORDER = {
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
}

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, slots: bool, frozen: bool = False, eq: bool = True, order: bool = False
    ) -> Callable[[type], type]:
        """The decorator `dataclasses.dataclass`, for classes with slots."""
        assert slots, "a frozen value is set through its slots"
        return lambda cls: _made(cls, frozen=frozen, eq=eq, order=order)


def _made(plain: type, *, frozen: bool, eq: bool, order: bool) -> type:
    cls: type = _dataclass(plain, init=False, repr=False, eq=False, slots=True)
    own = fields(cls)
    methods: dict[str, Any] = {
        "__init__": _init(cls, own, frozen=frozen),
        "__repr__": _repr([one.name for one in own if one.repr]),
    }
    compared = [one.name for one in own if one.compare]
    if eq:
        methods["__eq__"] = _comparison(operator.eq, compared)
        hashed = [one.name for one in own if one.hash or (one.hash is None and one.compare)]
        methods["__hash__"] = _hash(hashed) if frozen else None
    if order:
        methods |= {name: _comparison(holds, compared) for name, holds in _ORDER.items()}
    if frozen:
        methods |= {
            "__setattr__": _keep_value,
            "__delattr__": _keep_field,
            "__getstate__": _state,
            "__setstate__": _restore,
        }
    for name, method in methods.items():
        if name not in plain.__dict__:
            setattr(cls, name, method)
    return cls


def _init(cls: type, own: Sequence[Field[Any]], *, frozen: bool) -> Any:
    """Sets the fields in their order, those of a frozen class through their slots."""
    known: dict[str, Any] = {}
    parameters, lines = ["self"], []
    for one in own:
        name = value = one.name
        if not one.init:
            assert one.default is MISSING and one.default_factory is MISSING, (
                f"{name} is for __post_init__ to set"
            )
            continue
        if one.default_factory is not MISSING:
            known |= {f"_default_{name}": MISSING, f"_make_{name}": one.default_factory}
            value = f"_make_{name}() if {name} is _default_{name} else {name}"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
        parameters.append(f"{name}=_default_{name}" if f"_default_{name}" in known else name)
        if frozen:
            known[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f" _set_{name}(self, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    code = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"])
    exec(code, known)  # noqa: S102  # contains only names of fields
    written = known["__init__"]
    written.__qualname__ = f"{cls.__qualname__}.__init__"
    return written


def _values(names: Sequence[str]) -> Callable[[Any], Any]:
    """Returns the fields of these names, for comparing and hashing."""
    return operator.attrgetter(*names) if names else lambda value: ()


def _comparison(holds: Callable[[Any, Any], Any], names: Sequence[str]) -> Any:
    values = _values(names)

    def compare(self: Any, other: Any) -> Any:
        return (
            holds(values(self), values(other))
            if other.__class__ is self.__class__
            else NotImplemented
        )

    return compare


def _hash(names: Sequence[str]) -> Any:
    values = _values(names)
    return lambda self: hash(values(self))


def _repr(names: Sequence[str]) -> Any:
    def show(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({values})"

    return show


def _keep_value(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _keep_field(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
