"""The JSON Schemas: editors complete from them, and stack files are checked against them.
jsonschema is imported only here.

Most stacks have no mistake, and `schema_precheck` finds that without jsonschema. For the others it
tells the validator which values it can skip.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.common.suggestions import nearest
from reconciler.common.text import Text, msg
from reconciler.config import kind_schema
from reconciler.config.document import EXTENSION, Document, Node, Scalar, Sequence, Table
from reconciler.config.schema_messages import EXPRESSION, key_hint, mistake
from reconciler.config.schema_precheck import Fits, compiled
from reconciler.config.yaml_errors import ALL_OF_THE_FOLDER
from reconciler.model.diagnostics import Place, Problem, error, in_order
from reconciler.model.kinds import Kinds
from reconciler.resources import all_kinds


def load(name: str) -> Mapping[str, Any]:
    """The schema `<name>` with the sections of the kinds. Raises FileNotFoundError."""
    return _load(name, all_kinds())


@cache
def _load(name: str, kinds: Kinds) -> Mapping[str, Any]:
    if name == "stack":
        return kind_schema.of_stack(_read(name), kinds)
    if name == "component":
        return kind_schema.of_component(_read(name), kinds, _load("stack", kinds))
    if name in ("event", "project_plan"):
        return kind_schema.with_plan(_read(name), _read("plan"))
    return _read(name)


@cache
def _read(name: str) -> Mapping[str, Any]:
    """The file `schemas/<name>.schema.json`: from the installed package, or from the checkout."""
    file = f"{name}.schema.json"
    here = Path(__file__).resolve().parent.parent
    for folder in (here / "schemas", here.parent / "schemas"):
        if (folder / file).is_file():
            found: Mapping[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
            return found
    raise FileNotFoundError(f"no schema {file}")


def check(document: Document) -> tuple[Problem, ...]:
    """Every mistake of form in a document, each at its place, in order. Missing keys of an
    incomplete document are not reported.
    """
    kinds = all_kinds()
    if _fits("stack", kinds)(document.root) and all(
        _fits("component", kinds)(part) for part in document.parts.values()
    ):
        return ()
    return mistakes(document)


def mistakes(document: Document) -> tuple[Problem, ...]:
    """The same, without the precheck that most documents pass."""
    foreign = _foreign_files(document)
    found = tuple(foreign.values())
    found += tuple(
        problem
        for problem in _mistakes_in(document.root, "stack")
        if problem.place is None or problem.place.file not in foreign
    )
    for part in {root.file: root for root in document.parts.values()}.values():
        found += tuple(_mistakes_in(part, "component"))
    if not document.whole:
        found = tuple(problem for problem in found if problem.code != "missing-key")
    return in_order(found)


def check_table(root: Node, name: str) -> tuple[Problem, ...]:
    """Every mistake of form in a mapping or list by the schema `<name>`, in order."""
    return in_order(_mistakes_in(root, name)) if not _fits(name, all_kinds())(root) else ()


def first_mistake(found: Any, name: str) -> str | None:
    """Where plain JSON does not fit the schema `<name>`, as a path and a text of the library; None
    if it fits.
    """
    from jsonschema import Draft202012Validator, exceptions

    failure = exceptions.best_match(Draft202012Validator(load(name)).iter_errors(found))
    return None if failure is None else f"{failure.json_path}: {failure.message[:200]}"


def _foreign_files(document: Document) -> dict[str, Problem]:
    """Files of a folder without any key of a stack, or similar, such as values for `--var-file`.
    Each is reported once, instead of each key.
    """
    known = load("stack")["properties"]
    keys: dict[str, list[str]] = {}
    for key in document.root.entries:
        keys.setdefault(document.root.key_place(key).file, []).append(key)
    foreign = [
        file
        for file, names in keys.items()
        if len(document.files) > 1
        and not any(name.startswith(EXTENSION) or nearest(name, known) for name in names)
    ]
    return {
        file: error(
            "unknown-key",
            msg("{file} contains no stack keys", file=file),
            place=Place(file, 1, 1),
            hint=ALL_OF_THE_FOLDER,
        )
        for file in foreign
    }


def joined(form: Iterable[Problem], meaning: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of form and of meaning, in order. For a value of the wrong form, only that is
    reported; what is wrong with a resource as a whole is at the place of its key, and is reported
    anyway.
    """
    reported = tuple(form)
    wrong: dict[Place | None, set[str]] = {None: set()}
    for problem in reported:
        wrong.setdefault(problem.place, set()).add(problem.code)
    return in_order(
        (
            *reported,
            *(
                problem
                for problem in meaning
                if problem.place is None
                or problem.place not in wrong
                or (
                    problem.code in _OF_WHOLE
                    and wrong[problem.place].isdisjoint((problem.code, "wrong-type"))
                )
            ),
        )
    )


_OF_WHOLE = frozenset({"cycle", "duplicate-name", "duplicate-rule", "missing-key"})
"""Problems with a resource as a whole."""


@cache
def _fits(name: str, kinds: Kinds) -> Fits:
    return compiled(load(name), load("stack"))


def _mistakes_in(root: Node, name: str) -> Iterator[Problem]:
    for failure in _validator(name, all_kinds()).iter_errors(instance(root)):
        yield from _problems(failure, root)


@cache
def _validator(name: str, kinds: Kinds) -> Any:
    return validator(load(name), load("stack"))


class _Spelled(str):
    """A number with its spelling: a string for schemas of strings, a number for schemas of
    numbers.
    """

    __slots__ = ("number",)
    number: int | float


class _Mapping(dict[str, Any]):
    """A mapping with its node."""

    __slots__ = ("node",)
    node: Table


def instance(node: Node) -> Any:
    """A node as the validator sees it."""
    if isinstance(node, Scalar):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            spelled = _Spelled(node.text)
            spelled.number = node.value
            return spelled
        return node.value
    if isinstance(node, Sequence):
        return [instance(item) for item in node.items]
    found = _Mapping((key, instance(value)) for key, value in node.entries.items())
    found.node = node
    return found


def validator(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A validator of a part of a schema, for numbers with their spelling. It skips members that
    pass the precheck.
    """
    known: dict[int, Fits] = {}

    def fits(part: Any, node: Node) -> bool:
        if id(part) not in known:
            known[id(part)] = compiled(part, root) if isinstance(part, Mapping) else lambda _: False
        return known[id(part)](node)

    return _validator_class(fits)({**schema, "$defs": root.get("$defs", {})})


def _validator_class(fits: Callable[[Any, Node], bool]) -> Any:
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

    def properties(validator: Any, members: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, _Mapping):
            for key in instance.keys() & members.keys():
                if not fits(members[key], instance.node.entries[key]):
                    yield from validator.descend(instance[key], members[key], path=key)

    def others(validator: Any, member: Any, instance: Any, schema: Any) -> Iterator[Any]:
        known, patterns = schema.get("properties", ()), schema.get("patternProperties", ())
        for key in instance if isinstance(instance, _Mapping) else ():
            if key in known or any(re.search(pattern, key) for pattern in patterns):
                continue
            if member is False:
                yield ValidationError("unknown keys")
                return
            if not fits(member, instance.node.entries[key]):
                yield from validator.descend(instance[key], member, path=key)

    def names(validator: Any, name: Any, instance: Any, schema: Any) -> Iterator[Any]:
        checker = validator.evolve(schema=name)
        if isinstance(instance, dict) and not all(map(checker.is_valid, instance)):
            yield ValidationError("badly formed keys")

    extend: Any = validators.extend  # untyped in the library
    return extend(
        Draft202012Validator,
        {
            "minimum": bound(lambda value, limit: value >= limit),
            "maximum": bound(lambda value, limit: value <= limit),
            "const": const,
            "properties": properties,
            "additionalProperties": others,
            "propertyNames": names,
        },
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
            {"number": is_number, "integer": is_integer}
        ),
    )


def _problems(failure: Any, root: Node) -> Iterator[Problem]:
    """The problems behind a failure of the validator, at the place of the value."""
    for specific in _specific(failure):
        inner: Node = root
        where: tuple[str, ...] = ()
        for step in specific.absolute_path:
            if isinstance(inner, Sequence):
                inner = inner.items[step]
            elif isinstance(inner, Table):
                inner = inner.entries[step]
            where = (*where, str(step))
        if specific.validator == "propertyNames" and isinstance(inner, Table):
            yield from _bad_keys(specific.schema, inner)
        else:
            yield from mistake(specific, inner, where)


def _bad_keys(schema: Mapping[str, Any], node: Table) -> Iterator[Problem]:
    """The keys that do not match the pattern for keys."""
    names, member = schema["propertyNames"], schema.get("additionalProperties", {})
    section, _, name = member.get("$ref", "").rpartition("/")
    if section:
        member = load("stack")["$defs"][name]
    pattern = re.compile(names.get("pattern", ""))
    for key in node.entries:
        if pattern.search(key) is None:
            hint = key_hint(key, pattern, takes_title="title" in member.get("properties", {}))
            reason = Text(names.get("patternErrorMessage", ""), {})
            yield error(
                "bad-format",
                msg("`{key}`: {reason}", key=key[:60], reason=reason),
                place=node.key_place(key),
                hint=hint,
            )


def _specific(failure: Any) -> list[Any]:
    """The failures of the alternative that the value most likely belongs to, or the failure itself
    if that is unclear.
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
    return [inner for part in near[0] for inner in _specific(part)] if len(near) == 1 else [failure]


def _is_other_type(parts: list[Any], depth: int) -> bool:
    """Whether an alternative is for another type of value, or for an expression that this value
    does not contain.
    """
    return any(
        len(part.absolute_path) == depth
        and (
            part.validator == "type"
            or (part.validator == "pattern" and part.validator_value == EXPRESSION)
        )
        for part in parts
    )
