"""Values as JSON and back, driven by the types of dataclass fields.

The state, the journal, saved plans, the JSON plan and the digest of a stack all go through here.
`Codec.encode` gives plain data for `json`; `Codec.decode` gives values that are frozen all the way
down, or a `DecodeError` that names the place of the first member that does not fit.

Two keys of a field's metadata change its form: `json` is the name of its member, and `key` says
that the values of a mapping are written without the field of that name, which is their key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, NamedTuple, NoReturn, Union, get_args, get_origin, get_type_hints

from reconciler.common.text import Text

_EMPTY: Mapping[Any, Any] = MappingProxyType({})
_DEPTH_MAX = 64
_WHOLE_MAX = 2**63
_TAG = "$"

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]


class DecodeError(ValueError):
    """A document does not fit its type. The message names the place: `entries.instances.web.id`."""

    def __init__(self, template: str, **fields: Any) -> None:
        super().__init__(template)
        self.template, self.fields = template, fields
        self._place: list[str | int] = []

    def under(self, name: str | int) -> DecodeError:
        """The same error, of a document that has this one as its member `name`."""
        self._place.insert(0, name)
        return self

    def __str__(self) -> str:
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in self._place
        )
        return Text(
            self.template, {"place": place.removeprefix(".") or "the document", **self.fields}
        )


class Form(NamedTuple):
    """How a type is written that has a form of its own, and how it is read, if it is."""

    write: Writer
    read: Reader | None = None


class _Member(NamedTuple):
    """A field of a class: the name of its member in JSON, and what it is when nothing is
    written.
    """

    attribute: str
    name: str
    key: str | None
    default: Any


class Codec:
    """One way to write values as JSON.

    `values` are the classes that may be where a type says `Any`: each is written under its tag, as
    `{"$link": ...}`. `forms` are the types with a form of their own. Fields of the classes
    `sparse` are not written while they have their default. Fields named in `without` are not
    written at all. A `strict` codec refuses members that it does not know; others skip them.
    """

    def __init__(
        self,
        *,
        values: Mapping[str, Any] = _EMPTY,
        forms: Mapping[Any, Form] = _EMPTY,
        sparse: Collection[type] = (),
        without: Collection[str] = (),
        strict: bool = False,
    ) -> None:
        self._values = {_TAG + tag: kind for tag, kind in values.items()}
        self._tags = {kind: tag for tag, kind in self._values.items()}
        self._forms, self._sparse, self._without = forms, frozenset(sparse), frozenset(without)
        self._strict = strict
        self._writers: dict[type, Writer] = {}
        self._readers: dict[Any, Reader] = {}

    def extended(self, forms: Mapping[Any, Form]) -> Codec:
        """The same codec, with more types that have their own form."""
        return Codec(
            values={tag.removeprefix(_TAG): kind for tag, kind in self._values.items()},
            forms={**self._forms, **forms},
            sparse=self._sparse,
            without=self._without,
            strict=self._strict,
        )

    def encode(self, value: Any) -> Any:
        """The value as plain data. Raises TypeError for what is not written, such as a secret."""
        kind = type(value)
        write = self._writers.get(kind)
        if write is None:
            write = self._writers[kind] = self._writer(kind)
        return write(value)

    def decode(self, kind: Any, document: Any) -> Any:
        """The value of a type that plain data spell. Raises `DecodeError`."""
        read = self._readers.get(kind)
        if read is None:
            read = self._readers[kind] = self._reader(kind)
        return read(document)

    # --- out ---

    def _writer(self, kind: type) -> Writer:
        write = self._untagged_writer(kind)
        tag = self._tags.get(kind)
        return write if tag is None else lambda value: {tag: write(value)}

    def _untagged_writer(self, kind: type) -> Writer:
        if kind in self._forms:
            return self._forms[kind].write
        if issubclass(kind, Enum):
            return lambda value: value.value
        if issubclass(kind, str | int | float | NoneType):
            return lambda value: value
        if is_dataclass(kind) or hasattr(kind, "_fields"):
            return self._object_writer(kind)
        if issubclass(kind, Mapping):
            return self._write_mapping
        if issubclass(kind, tuple | list):
            return lambda value: [self.encode(item) for item in value]
        if issubclass(kind, frozenset):
            return lambda value: sorted(self.encode(item) for item in value)
        raise TypeError(f"{kind.__name__} is not plain JSON")

    def _write_mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        row = {
            str(key): item if type(item) in _PLAIN else self.encode(item)
            for key, item in value.items()
        }
        # so that nothing a user names can be taken for a tag
        is_tagged = self._tags and any(name[:1] == _TAG for name in row)
        row = {name: row[name] for name in sorted(row)}
        return {_TAG: row} if is_tagged else row

    def _object_writer(self, kind: type) -> Writer:
        members = [each for each in _members(kind) if each.attribute not in self._without]
        is_sparse = kind in self._sparse

        def write(value: Any) -> dict[str, Any]:
            row = {}
            for attribute, name, key, default in members:
                found = getattr(value, attribute)
                if is_sparse and (found is default or found == default):
                    continue
                if type(found) in _PLAIN:
                    row[name] = found
                else:
                    row[name] = self.encode(found) if key is None else self._write_keyed(found, key)
            return row

        return write

    def _write_keyed(self, value: Mapping[Any, Any], key: str) -> dict[str, Any]:
        rows = {str(name): self.encode(item) for name, item in value.items()}
        for row in rows.values():
            del row[key]
        return rows

    # --- in ---

    def _reader(self, kind: Any) -> Reader:
        read = self._untagged_reader(kind)
        tag = self._tags.get(kind)
        return read if tag is None else lambda value: read(_tagged(value, tag))

    def _untagged_reader(self, kind: Any) -> Reader:
        simple = _SIMPLE.get(kind)
        if simple is not None:
            return simple
        if kind in self._forms:
            own = self._forms[kind].read
            assert own is not None, f"{kind.__name__} is only written"
            return own
        arguments = get_args(kind)
        match get_origin(kind):
            case origin if origin is Union or origin is UnionType:
                return self._union_reader(arguments)
            case origin if origin is Literal:
                return _choice({value: value for value in arguments})
            case origin if origin is tuple:
                return self._tuple_reader(arguments)
            case origin if origin is frozenset:
                read = self._list_reader(arguments[0])
                return lambda value: frozenset(read(value))
            case origin if origin is Mapping:
                return self._mapping_reader(*arguments)
        if kind is Any:
            return self._read_any
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _choice({each.value: each for each in kind})
        return self._object_reader(kind)

    def _union_reader(self, kinds: tuple[Any, ...]) -> Reader:
        """Of one type or None. A union of several types is read as any value."""
        others = [kind for kind in kinds if kind is not NoneType]
        if len(others) > 1:
            return self._read_any
        read = self._reader(others[0])
        return lambda value: None if value is None else read(value)

    def _tuple_reader(self, kinds: tuple[Any, ...]) -> Reader:
        if kinds[-1] is Ellipsis:
            return self._list_reader(kinds[0])
        readers = [self._reader(kind) for kind in kinds]

        def read(value: Any) -> tuple[Any, ...]:
            items = zip(readers, _list(value, len(readers)), strict=True)
            return tuple(_read_at(number, *item) for number, item in enumerate(items))

        return read

    def _list_reader(self, kind: Any) -> Reader:
        read_item = self._reader(kind)

        def read(value: Any) -> tuple[Any, ...]:
            items = enumerate(_list(value))
            return tuple(_read_at(number, read_item, item) for number, item in items)

        return read

    def _mapping_reader(self, key_kind: Any, kind: Any) -> Reader:
        read_key = _number if key_kind is int else str
        read_item = self._reader(kind)

        def read(value: Any) -> Mapping[Any, Any]:
            found = {
                read_key(name): _read_at(name, read_item, item)
                for name, item in _object(value).items()
            }
            return MappingProxyType(found) if found else _EMPTY

        return read

    def _read_any(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is not dict and kind is not list:
            return value
        if depth >= _DEPTH_MAX:
            raise DecodeError("{place} is nested too deeply")
        if kind is list:
            return tuple(self._read_any(item, depth + 1) for item in value)
        if self._values and len(value) == 1:
            (tag,) = value
            if tag in self._values:
                return self.decode(self._values[tag], value)
            value = value[tag] if tag == _TAG else value
        found = {name: self._read_any(item, depth + 1) for name, item in _object(value).items()}
        return MappingProxyType(found) if found else _EMPTY

    def _object_reader(self, kind: Any) -> Reader:
        hints = get_type_hints(kind)
        members = [each for each in _members(kind) if each.attribute not in self._without]
        readers = {
            each.name: (each.attribute, self._member_reader(hints[each.attribute], each.key))
            for each in members
        }
        needed = {each.attribute: each.name for each in members if each.default is MISSING}
        nullable = {name: None for name in needed if NoneType in get_args(hints[name])}

        def read(row: Any) -> Any:
            values: dict[str, Any] = dict(nullable)
            for name, value in _object(row).items():
                found = readers.get(name)
                if found is None:
                    if self._strict:
                        raise DecodeError("{place} is not a known member").under(name)
                    continue
                attribute, reader = found
                try:
                    values[attribute] = reader(value)
                except DecodeError as error:
                    raise error.under(name) from None
            for attribute in needed.keys() - values.keys():
                raise DecodeError("{place} is missing").under(needed[attribute])
            try:
                return kind(**values)
            except (ValueError, AssertionError) as error:
                raise DecodeError("{place} is not valid: {reason}", reason=str(error)) from None

        return read

    def _member_reader(self, kind: Any, key: str | None) -> Reader:
        read = self._reader(kind)
        if key is None:
            return read
        return lambda value: read(
            {
                name: {**_read_at(name, _object, row), key: name}
                for name, row in _object(value).items()
            }
        )


def _members(kind: Any) -> Iterator[_Member]:
    if not is_dataclass(kind):
        for name in kind._fields:
            yield _Member(name, name, None, kind._field_defaults.get(name, MISSING))
        return
    for each in fields(kind):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if each.init:
            name = each.metadata.get("json", each.name)
            yield _Member(each.name, name, each.metadata.get("key"), default)


def _fail(template: str) -> NoReturn:
    raise DecodeError(template)


def _text(value: Any) -> str:
    return value if type(value) is str else _fail("{place} is not a text")


def _flag(value: Any) -> bool:
    return value if type(value) is bool else _fail("{place} is not true or false")


def _whole(value: Any) -> int:
    if type(value) is int and 0 <= value < _WHOLE_MAX:
        return value
    _fail("{place} is not a whole number")


def _real(value: Any) -> float:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    _fail("{place} is not a number")


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else _fail("{place} is not an object")


def _list(value: Any, size: int | None = None) -> list[Any]:
    if type(value) is list and (size is None or len(value) == size):
        return value
    if size is None:
        _fail("{place} is not a list")
    raise DecodeError("{place} is not a list of {size}", size=size)


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and str(int(text)) == text:
        return int(text)
    raise DecodeError("{place} is not a whole number").under(text)


def _tagged(value: Any, tag: str) -> Any:
    row = _object(value)
    return row[tag] if row.keys() == {tag} else _fail("{place} is not a tagged value")


def _choice(values: Mapping[Any, Any]) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is str and value in values:
            return values[value]
        raise DecodeError("{place} is not one of {choices}", choices=", ".join(sorted(values)))

    return read


def _read_at(name: str | int, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except DecodeError as error:
        raise error.under(name) from None


_PLAIN = frozenset({str, int, float, bool, NoneType})
_SIMPLE: Mapping[Any, Reader] = {str: _text, bool: _flag, int: _whole, float: _real}
