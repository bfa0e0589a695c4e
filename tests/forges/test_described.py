"""The check of requests and answers against a description."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.forges.cut_description import cut
from tests.forges.described import Description, NotDescribed, description
from tests.forges.descriptions import USED

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
            ],
            "patch": {
                "description": "a text for people",
                "parameters": [{"$ref": "#/components/parameters/page"}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"name": {"type": "string", "example": "x"}},
                                "required": ["name"],
                            }
                        }
                    },
                },
                "responses": {
                    "200": {"$ref": "#/components/responses/thing"},
                    "204": {"description": "nothing"},
                },
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        }
    },
    "components": {
        "parameters": {
            "page": {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}
        },
        "responses": {
            "thing": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}
            }
        },
        "schemas": {
            "thing": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "nullable": True},
                    "made": {"type": "string", "format": "date-time"},
                    "part": {"$ref": "#/components/schemas/part"},
                },
                "required": ["name"],
            },
            "part": {"type": "object", "properties": {"parts": {"type": "integer"}}},
            "unused": {"type": "string"},
        },
    },
}
MADE = Description({"about": {}} | cut(DOCUMENT, {"/things/{id}": "patch"}))
BODY = b'{"name": "x"}'


def test_only_what_is_used_is_kept() -> None:
    made = cut(DOCUMENT, {"/things/{id}": "patch"})
    assert set(made["schemas"]) == {"thing", "part"}
    assert "people" not in str(made)
    assert "example" not in str(made)
    assert MADE.names == {"PATCH /things/{id}"}


def test_described_request_and_answer_pass() -> None:
    operation = MADE.request("PATCH", "/things/7", {"page": ["2"]}, BODY)
    MADE.answer(operation, 200, {"name": None, "made": "2026-01-02T03:04:05Z", "part": {}})
    MADE.answer(operation, 204, None)
    MADE.answer(operation, 404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "kind"),
    [
        ("GET", "/things/7", {}, b"", "application/json"),
        ("DELETE", "/things/7", {}, b"", "application/json"),
        ("PATCH", "/things", {}, BODY, "application/json"),
        ("PATCH", "/things/seven", {}, BODY, "application/json"),
        ("PATCH", "/things/7", {"size": ["1"]}, BODY, "application/json"),
        ("PATCH", "/things/7", {"page": ["0"]}, BODY, "application/json"),
        ("PATCH", "/things/7", {"page": ["1", "2"]}, BODY, "application/json"),
        ("PATCH", "/things/7", {}, b"", "application/json"),
        ("PATCH", "/things/7", {}, b"{", "application/json"),
        ("PATCH", "/things/7", {}, b'{"name": 1}', "application/json"),
        ("PATCH", "/things/7", {}, b'{"name": "x", "more": 1}', "application/json"),
        ("PATCH", "/things/7", {}, BODY, "text/plain"),
    ],
)
def test_request_that_does_not_fit_is_refused(
    method: str, path: str, query: dict[str, list[str]], body: bytes, kind: str
) -> None:
    with pytest.raises(NotDescribed):
        MADE.request(method, path, query, body, kind)


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (201, {"name": "x"}),
        (204, {"name": "x"}),
        (200, None),
        (200, {}),
        (200, {"name": 1}),
        (200, {"name": "x", "more": 1}),
        (200, {"name": "x", "made": "yesterday"}),
        (200, {"name": "x", "part": {"parts": "two"}}),
        (404, {"error": "x"}),
        (500, None),
    ],
)
def test_answer_that_does_not_fit_is_refused(status: int, data: object) -> None:
    operation = MADE.request("PATCH", "/things/7", {}, BODY)
    with pytest.raises(NotDescribed):
        MADE.answer(operation, status, data)


def test_description_in_swagger_2_works_too() -> None:
    document: dict[str, Any] = {
        "swagger": "2.0",
        "paths": {
            "/things": {
                "post": {
                    "parameters": [
                        {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/thing"}},
                        {"name": "page", "in": "query", "type": "integer"},
                    ],
                    "responses": {"201": {"$ref": "#/responses/thing"}},
                }
            }
        },
        "responses": {"thing": {"schema": {"$ref": "#/definitions/thing"}}},
        "definitions": {"thing": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    made = Description({"about": {}} | cut(document, {"/things": "post"}))
    operation = made.request("POST", "/things", {"page": ["1"]}, BODY)
    made.answer(operation, 201, {"name": "x"})
    with pytest.raises(NotDescribed):
        made.request("POST", "/things", {}, b'{"names": "x"}')
    with pytest.raises(NotDescribed):
        made.answer(operation, 201, {"names": "x"})


@pytest.mark.parametrize("name", sorted(USED))
def test_page_lists_the_operations_that_are_called(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "forges.md").read_text("utf-8")
    listed = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]+)`", page))
    assert description(name).names <= listed
    known = {one for other in USED for one in description(other).names}
    assert listed <= known
