"""Cuts a forge's official OpenAPI description down to what we call, as `descriptions/NAME.json`.

`npm pack @octokit/openapi` and unpack it, then:

    python -m tests.forges.cut_description github package/generated/api.github.com.json \\
        --source "npm @octokit/openapi 23.0.2, generated/api.github.com.json" --licence MIT

The result has no texts for people, and is plain JSON Schema: what OpenAPI 3.0 calls `nullable` is a
type, and an object with listed properties has no others. Descriptions in Swagger 2.0 work too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.forges.descriptions import USED

FOLDER = Path(__file__).with_name("descriptions")
_TEXTS = {"description", "example", "examples", "title", "externalDocs", "default", "deprecated"}
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"


def cut(document: Mapping[str, Any], used: Mapping[str, str]) -> dict[str, Any]:
    """The operations of a description that `used` names (path to methods, separated by spaces),
    and the schemas that they need.
    """
    cutter = _Cutter(document)
    operations = {
        f"{method.upper()} {path}": cutter.operation(path, method)
        for path, methods in sorted(used.items())
        for method in methods.split()
    }
    return {"operations": operations, "schemas": cutter.schemas_needed()}


def let_answers_be_null(schema: dict[str, Any]) -> None:
    """Lets every property of an answer be null, for descriptions that cannot say what may be."""
    for value in schema.get("properties", {}).values():
        if "$ref" in value:
            value["allOf"] = [{"$ref": value.pop("$ref")}]
        value["nullable"] = True


class _Cutter:
    """Collects the schemas that operations need."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Any] = {}
        self._open: list[str] = []

    def operation(self, path: str, method: str) -> dict[str, Any]:
        entry = self._document["paths"][path]
        found = entry[method]
        parameters, body, needs_body = [], None, False
        for given in [*entry.get("parameters", ()), *found.get("parameters", ())]:
            parameter = self._resolved(given)
            if parameter["in"] == "body":
                body = self._schema(parameter["schema"])
                needs_body = bool(parameter.get("required"))
            else:
                parameters.append(
                    {
                        "name": parameter["name"],
                        "in": parameter["in"],
                        "required": bool(parameter.get("required")),
                        "schema": self._schema(
                            parameter.get("schema")
                            or {
                                k: parameter[k] for k in ("type", "enum", "items") if k in parameter
                            }
                        ),
                    }
                )
        if "requestBody" in found:
            given_body = self._resolved(found["requestBody"])
            body, needs_body = self._content(given_body), bool(given_body.get("required"))
        answers = {
            status: self._content(self._resolved(answer))
            for status, answer in found["responses"].items()
        }
        return {
            "parameters": parameters,
            "body": body,
            "needs_body": needs_body,
            "answers": answers,
        }

    def schemas_needed(self) -> dict[str, Any]:
        """All schemas that the operations refer to, directly or not."""
        while self._open:
            name = self._open.pop()
            if name not in self._schemas:
                self._schemas[name] = None
                self._schemas[name] = self._schema(self._named(name))
        return dict(sorted(self._schemas.items()))

    def _named(self, name: str) -> Any:
        if "definitions" in self._document:
            return self._document["definitions"][name]
        return self._document["components"]["schemas"][name]

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            found: Any = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            value = found
        return value

    def _content(self, value: Mapping[str, Any]) -> Any:
        """The schema of a body in JSON; None if it has none."""
        if "schema" in value:
            return self._schema(value["schema"])
        for kind, content in value.get("content", {}).items():
            if kind.partition(";")[0].endswith("json"):
                return self._schema(content["schema"])
        return None

    def _schema(self, schema: Any, *, is_part: bool = False) -> Any:
        """A schema without texts, as plain JSON Schema. `is_part` is whether it is one of several
        that a value has to fit together.
        """
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self._open.append(name)
            return {"$ref": f"#/schemas/{name}"}
        made: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _TEXTS or key.startswith("x-"):
                continue
            if key in ("properties", "patternProperties"):
                made[key] = {name: self._schema(one) for name, one in value.items()}
            elif key in ("items", "not") or (
                key == "additionalProperties" and isinstance(value, dict)
            ):
                made[key] = self._schema(value)
            elif key in ("anyOf", "oneOf", "allOf"):
                made[key] = [self._schema(one, is_part=key == "allOf") for one in value]
            elif key not in ("nullable", "readOnly", "writeOnly", "discriminator"):
                made[key] = value
        if made.get("format") == "date-time":
            made["pattern"] = _MOMENT
        if (
            "properties" in made
            and not is_part
            and not {"additionalProperties", "allOf"} & set(made)
        ):
            made["additionalProperties"] = False
        return _nullable(made) if schema.get("nullable") or schema.get("x-nullable") else made


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if set(schema) & {"allOf", "anyOf", "oneOf", "enum"} or "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*kinds, "null"]}


def main() -> None:
    """Writes the cut description."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(USED))
    parser.add_argument("file", type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--licence", required=True)
    parser.add_argument(
        "--nulls", action="store_true", help="the description does not say what may be null"
    )
    given = parser.parse_args()
    text = given.file.read_bytes()
    if given.file.suffix == ".json":
        document = json.loads(text)
    else:
        import yaml

        document = yaml.safe_load(text)
    if given.nulls:
        for schema in document["components"]["schemas"].values():
            let_answers_be_null(schema)
    about = {
        "source": given.source,
        "licence": given.licence,
        "version": str(document["info"]["version"]),
        "sha256": hashlib.sha256(text).hexdigest(),
    }
    made = {"about": about} | cut(document, USED[given.name])
    place = FOLDER / f"{given.name}.json"
    place.write_text(json.dumps(made, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{place}: {place.stat().st_size} bytes, {len(made['schemas'])} schemas")


if __name__ == "__main__":
    main()
