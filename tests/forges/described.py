"""Holds requests and answers to a forge's official description, as `cut_description` made it.

It refuses paths, methods, parameters and properties that the description does not have, and values
that do not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).with_name("descriptions")
_ROOT = "urn:description"


class NotDescribed(Exception):
    """A request or an answer that the description does not have."""


@dataclass(frozen=True)
class Operation:
    """An operation of the description, `name` as in `GET /user`."""

    name: str
    parameters: Mapping[str, Mapping[str, Any]]
    content: Mapping[str, Any]


class Description:
    """The operations of one forge. It only reads, so that many servers may share it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.about: Mapping[str, str] = document["about"]
        self.schemas: Mapping[str, Any] = document["schemas"]
        self._operations = tuple(_operations(document["operations"]))
        resource = DRAFT202012.create_resource({"schemas": document["schemas"]})
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._validators: dict[tuple[str, str], Draft202012Validator] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of all operations."""
        return frozenset(operation.name for _, operation in self._operations)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Sequence[str]],
        body: bytes = b"",
        kind: str = "application/json",
    ) -> Operation:
        """The operation that a request calls. `path` is without the prefix of the API and still
        quoted, `kind` the content type of the body. Raises `NotDescribed`.
        """
        operation, values = self._found(method, path)
        for name, text in values.items():
            self._check_parameter(operation, "path", name, unquote(text))
        for name, texts in query.items():
            if len(texts) != 1:
                raise NotDescribed(f"{operation.name}: parameter {name} is given twice")
            self._check_parameter(operation, "query", name, texts[0])
        for key, parameter in operation.parameters.items():
            place, _, name = key.partition(" ")
            if parameter["required"] and place == "query" and name not in query:
                raise NotDescribed(f"{operation.name}: parameter {name} is missing")
        self._check_body(operation, body, kind)
        return operation

    def answer(self, operation: Operation, status: int, data: object) -> None:
        """Checks an answer; `data` is None if its body is empty. Raises `NotDescribed`."""
        answers = operation.content["answers"]
        key = str(status) if str(status) in answers else "default"
        if key not in answers:
            # The descriptions leave out what every operation may answer.
            if status < 400:
                raise NotDescribed(f"{operation.name}: answer {status} is not described")
            if not (isinstance(data, dict) and isinstance(data.get("message"), str)):
                raise NotDescribed(f"{operation.name}: answer {status} has no message")
            return
        schema = answers[key]
        if schema is None:
            if data is not None and status < 400:
                raise NotDescribed(f"{operation.name}: answer {status} has a body")
            return
        self._check(operation, f"answer {status}", schema, data)

    def _found(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        for pattern, operation in self._operations:
            if operation.name.startswith(method + " ") and (found := pattern.fullmatch(path)):
                return operation, found.groupdict()
        raise NotDescribed(f"{method} {path} is not described")

    def _check_parameter(self, operation: Operation, place: str, name: str, text: str) -> None:
        parameter = operation.parameters.get(f"{place} {name}")
        if parameter is None:
            raise NotDescribed(f"{operation.name}: no parameter {name} in the {place}")
        self._check(operation, f"{place} {name}", parameter["schema"], _value(parameter, text))

    def _check_body(self, operation: Operation, body: bytes, kind: str) -> None:
        schema = operation.content["body"]
        if schema is None or not body:
            if body:
                raise NotDescribed(f"{operation.name}: a body is not described")
            if operation.content["needs_body"]:
                raise NotDescribed(f"{operation.name}: the body is missing")
            return
        if kind.partition(";")[0].strip() != "application/json":
            raise NotDescribed(f"{operation.name}: the body is {kind}")
        try:
            data = json.loads(body)
        except ValueError:
            raise NotDescribed(f"{operation.name}: the body is no JSON") from None
        self._check(operation, "body", schema, data)

    def _check(
        self, operation: Operation, what: str, schema: Mapping[str, Any], data: object
    ) -> None:
        key = operation.name, what
        if key not in self._validators:
            absolute = json.loads(json.dumps(schema).replace('"#/schemas/', f'"{_ROOT}#/schemas/'))
            self._validators[key] = Draft202012Validator(absolute, registry=self._registry)
        for found in self._validators[key].iter_errors(data):
            while found.context:
                found = min(found.context, key=lambda one: -len(one.absolute_path))
            where = "/".join(map(str, found.absolute_path))
            raise NotDescribed(f"{operation.name}: {what}: {where}: {found.message[:300]}")


def _value(parameter: Mapping[str, Any], text: str) -> object:
    """The value that a text in a path or query means for its schema."""
    schema = parameter["schema"]
    kinds: set[str] = set()
    for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found = one.get("type", ())
        kinds |= {found} if isinstance(found, str) else set(found)
    if "integer" in kinds and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text.split(",") if "array" in kinds else text


def _operations(
    given: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[re.Pattern[str], Operation]]:
    """The operations with the patterns of their paths; those without a field come first."""
    for name in sorted(given, key=lambda name: (name.count("{"), name)):
        path = name.partition(" ")[2]
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        parameters = {f"{one['in']} {one['name']}": one for one in given[name]["parameters"]}
        yield re.compile(pattern), Operation(name, parameters, given[name])


@cache
def description(name: str) -> Description:
    """The description of a forge, for example `github`."""
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return Description(json.loads(text))
