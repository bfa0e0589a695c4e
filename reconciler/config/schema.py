"""The JSON Schemas: what editors complete from, and what a stack file is checked against.
jsonschema is imported only here.

Most stacks have no mistake, and `schema_quick` sees that without it. In the others many values are
alike, so the schema is taken apart once: each mapping is checked by the keys it has, each value by
its spelling, and what was found right once is not looked at again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.common.suggestions import nearest
from reconciler.common.text import msg
from reconciler.config.document import Document, Node, Scalar, Sequence, Table
from reconciler.config.schema_messages import EXPRESSION, key_hint, mistake, unknown_key
from reconciler.config.schema_precheck import Fits, compiled
from reconciler.config.yaml_errors import ALL_OF_THE_FOLDER
from reconciler.model.diagnostics import Place, Problem, error, in_order

_SHAPE_KEYWORDS = ("type", "required", "minProperties", "maxProperties")
_REMEMBERED_MAX = 100_000


@cache
def load(name: str) -> Mapping[str, Any]:
    """The schema `schemas/<name>.schema.json`: from the installed package, or from the checkout.
    Raises FileNotFoundError.
    """
    file = f"{name}.schema.json"
    here = Path(__file__).resolve().parent.parent
    for folder in (here / "schemas", here.parent / "schemas"):
        if (folder / file).is_file():
            found: Mapping[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
            return found
    raise FileNotFoundError(f"no schema {file}")


def check(document: Document) -> tuple[Problem, ...]:
    """Every mistake of form in a document, each at its place, in order. A document that is not
    whole is not asked for what is missing.
    """
    if _fits("stack")(document.root) and all(
        _fits("component")(part) for part in document.parts.values()
    ):
        return ()
    return mistakes(document)


def mistakes(document: Document) -> tuple[Problem, ...]:
    """The same, without the quick look that most documents pass."""
    strange = _strangers(document)
    found = tuple(strange.values())
    found += tuple(
        problem
        for problem in _stack().check(document.root, ())
        if problem.place is None or problem.place.file not in strange
    )
    for part in {root.file: root for root in document.parts.values()}.values():
        found += tuple(_component().check(part, ()))
    if not document.whole:
        found = tuple(problem for problem in found if problem.code != "missing-key")
    return in_order(found)


def _strangers(document: Document) -> dict[str, Problem]:
    """Files of a folder that have no key of a stack, nor one like it, such as values for
    `--var-file`: told once, not key by key.
    """
    known = load("stack")["properties"]
    keys: dict[str, list[str]] = {}
    for key in document.root.entries:
        keys.setdefault(document.root.key_place(key).file, []).append(key)
    strange = [
        file
        for file, names in keys.items()
        if len(document.files) > 1 and not any(nearest(name, known) for name in names)
    ]
    return {
        file: error(
            "unknown-key",
            msg("{file} contains no stack keys", file=file),
            place=Place(file, 1, 1),
            hint=ALL_OF_THE_FOLDER,
        )
        for file in strange
    }


def joined(form: Iterable[Problem], meaning: Iterable[Problem]) -> tuple[Problem, ...]:
    """What is wrong with the form and with the meaning, in order, told once: of a value of the
    wrong form only that is told.
    """
    told = tuple(form)
    wrong = {problem.place for problem in told if problem.place is not None}
    return in_order((*told, *(problem for problem in meaning if problem.place not in wrong)))


def plan_mistake(document: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of a JSON plan, or None: one that comes from a file is asked
    before it is shown.
    """
    from jsonschema import Draft202012Validator

    try:
        wrong = next(iter(Draft202012Validator(load("plan")).iter_errors(document)), None)
    except RecursionError:
        return msg("it is nested too deeply")
    return (
        None
        if wrong is None
        else msg(
            "{path} is not valid in a JSON plan",
            path=".".join(map(str, wrong.absolute_path)) or "it",
        )
    )


@cache
def _fits(name: str) -> Fits:
    return compiled(load(name), load("stack"))


@cache
def _stack() -> _Checker:
    schema = load("stack")
    return _compile(schema, schema, {})


@cache
def _component() -> _Checker:
    return _compile(load("component"), load("stack"), {})


class _Spelled(str):
    """A number as it was written: a text to those who want a text, a number to those who want a
    number.
    """

    __slots__ = ("number",)
    number: int | float


def instance(node: Node) -> Any:
    """What the validator sees of a node."""
    if isinstance(node, Scalar):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            spelled = _Spelled(node.text)
            spelled.number = node.value
            return spelled
        return node.value
    if isinstance(node, Sequence):
        return [instance(item) for item in node.items]
    return {key: instance(value) for key, value in node.entries.items()}


def _key(node: Node) -> Any:
    """Something hashable that is equal for nodes that the validator cannot tell apart."""
    if isinstance(node, Scalar):
        return (node.text, node.quoted)
    if isinstance(node, Sequence):
        return ("[", *(_key(item) for item in node.items))
    return ("{", *((key, _key(value)) for key, value in node.entries.items()))


def _compile(
    schema: Mapping[str, Any], root: Mapping[str, Any], known: dict[str, _Checker]
) -> _Checker:
    reference = schema.get("$ref")
    if reference is not None:
        if reference not in known:
            # Components refer to parts of the stack's schema, which is then the root.
            _, section, name = reference.rsplit("/", 2)
            known[reference] = _compile(root[section][name], root, known)
        return known[reference]
    of_others = schema.get("additionalProperties")
    if "properties" not in schema and not isinstance(of_others, Mapping):
        return _Checker(validator(schema, root))
    members = {
        key: _compile(member, root, known) for key, member in schema.get("properties", {}).items()
    }
    others = _compile(of_others, root, known) if isinstance(of_others, Mapping) else None
    return _TableChecker(schema, root, members, others)


def validator(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A validator of a part of a schema, for numbers that keep their spelling."""
    return _validator_class()({**schema, "$defs": root.get("$defs", {})})


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def is_number(checker: Any, instance: Any) -> bool:
        return isinstance(instance, _Spelled)

    def is_integer(checker: Any, instance: Any) -> bool:
        return isinstance(instance, _Spelled) and isinstance(instance.number, int)

    def bound(holds: Any) -> Any:
        def keyword(validator: Any, limit: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if isinstance(instance, _Spelled) and not holds(instance.number, limit):
                yield ValidationError("out of bounds")

        return keyword

    def const(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        value = instance.number if isinstance(instance, _Spelled) else instance
        if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
            yield ValidationError("not the one value")

    extend: Any = validators.extend  # untyped in the library
    return extend(
        Draft202012Validator,
        {
            "minimum": bound(lambda value, limit: value >= limit),
            "maximum": bound(lambda value, limit: value <= limit),
            "const": const,
        },
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
            {"number": is_number, "integer": is_integer}
        ),
    )


class _Checker:
    """Checks values by a part of the schema, and remembers which were right."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self._right: set[Any] = set()

    def check(self, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
        """The mistakes in a value; `path` are the keys that lead to it."""
        key = _key(node)
        if key in self._right:
            return
        wrong = False
        for failure in self._validator.iter_errors(instance(node)):
            wrong = True
            yield from _problems(failure, node, path)
        if not wrong and len(self._right) < _REMEMBERED_MAX:
            self._right.add(key)


class _TableChecker(_Checker):
    """Checks mappings: the keys by themselves, then each value by its own part of the schema."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        root: Mapping[str, Any],
        members: Mapping[str, _Checker],
        others: _Checker | None,
    ) -> None:
        super().__init__(
            validator({key: schema[key] for key in _SHAPE_KEYWORDS if key in schema}, root)
        )
        self._members, self._others = members, others
        self._closed = schema.get("additionalProperties") is False
        names = schema.get("propertyNames", {})
        self._name = re.compile(names["pattern"]) if "pattern" in names else None
        self._name_words = names.get("patternErrorMessage", "")
        self._title_keys = (
            frozenset(others.members) if isinstance(others, _TableChecker) else frozenset[str]()
        )
        self._shapes: set[tuple[str, ...]] = set()

    @property
    def members(self) -> Iterable[str]:
        """The keys that the mapping knows."""
        return self._members

    def check(self, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
        if not isinstance(node, Table):
            yield from super().check(node, path)
            return
        keys = tuple(node.entries)
        if keys not in self._shapes:
            wrong = list(self._check_keys(node, path))
            yield from wrong
            if not wrong and len(self._shapes) < _REMEMBERED_MAX:
                self._shapes.add(keys)
        for key, value in node.entries.items():
            checker = self._members.get(key, self._others)
            if checker is not None:
                yield from checker.check(value, (*path, key))

    def _check_keys(self, node: Table, path: tuple[str, ...]) -> Iterator[Problem]:
        # The values are of no account here: a mapping without them has the same keys.
        for failure in self._validator.iter_errors(dict.fromkeys(node.entries)):
            yield from _problems(failure, node, path)
        for key in node.entries:
            if self._closed and key not in self._members:
                yield unknown_key(key, tuple(self._members), node.key_place(key), path)
            elif self._name is not None and self._name.search(key) is None:
                hint = key_hint(key, self._name, takes_title="title" in self._title_keys)
                yield error(
                    "bad-format",
                    msg("`{key}`: {reason}", key=key[:60], reason=self._name_words),
                    place=node.key_place(key),
                    hint=hint,
                )


def _problems(failure: Any, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
    """What a failure of the validator means, at the place of the value that it is about."""
    for meant in _meant(failure):
        inner, where = node, path
        for step in meant.absolute_path:
            inner = (
                inner.items[step]
                if isinstance(inner, Sequence)
                else inner.entries[step]
                if isinstance(inner, Table)
                else inner
            )
            where = (*where, str(step))
        yield from mistake(meant, inner, where)


def _meant(failure: Any) -> list[Any]:
    """The failures of the one alternative that the value can be meant as; the failure itself where
    that cannot be told.
    """
    if failure.validator != "anyOf":
        return [failure]
    branches: dict[Any, list[Any]] = {}
    for part in failure.context:
        branches.setdefault(part.schema_path[0], []).append(part)
    near = [
        parts
        for parts in branches.values()
        if not _is_other_type(parts, len(failure.absolute_path))
    ]
    if len(near) > 1 and isinstance(failure.instance, dict):
        shared = [
            len(set(parts[0].schema.get("properties", ())) & set(failure.instance))
            for parts in near
        ]
        near = [parts for parts, count in zip(near, shared, strict=True) if count == max(shared)]
    return [inner for part in near[0] for inner in _meant(part)] if len(near) == 1 else [failure]


def _is_other_type(parts: list[Any], depth: int) -> bool:
    """Whether an alternative is for another type of value, or for `${...}`, which this value has
    none of.
    """
    return any(
        len(part.absolute_path) == depth
        and (
            part.validator == "type"
            or (part.validator == "pattern" and part.validator_value == EXPRESSION)
        )
        for part in parts
    )
