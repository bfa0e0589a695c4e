"""`docs/reference/coverage.md` names every operation and request parameter of the API's document."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parents[2] / "docs"
_CODE = re.compile(r"`([^`]+)`")


def documented() -> dict[str, set[str]]:
    """The request parameters of each operation by the API's document, members of bodies included.
    The parts of one object in a form count once, whatever its number is.
    """
    document = yaml.safe_load((DOCS / "api/openapi.yaml").read_text(encoding="utf-8"))
    found = {}
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in ("get", "post", "put", "delete"):
                shared = [*path.get("parameters", []), *operation.get("parameters", [])]
                names = {_resolved(document, each)["name"] for each in shared}
                found[operation["operationId"]] = names | set(_members(document, operation))
    return found


def _members(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for name in _resolved(document, content["schema"]).get("properties", {}):
            yield re.sub(r"\.[0-9]+\.", ".N.", name)


def _resolved(document: Mapping[str, Any], node: Any) -> Any:
    found: Any = document if "$ref" in node else node
    for part in node.get("$ref", "").split("/")[1:]:
        found = found[part]
    return found


def covered() -> dict[str, set[str]]:
    """The same by the page."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in (DOCS / "reference/coverage.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            for operation in _CODE.findall(cells[0]):
                found[operation] |= set(_CODE.findall(cells[1]))
                assert cells[2] in ("S", "C", "I", "-", "S, C"), line
                assert cells[2] != "-" or cells[3], line
    return found


def test_every_operation_and_parameter_is_on_the_page() -> None:
    page, document = covered(), documented()
    assert page.keys() == document.keys()
    for operation, names in document.items():
        assert names <= page[operation], (operation, names - page[operation])


def test_the_page_names_nothing_that_the_api_does_not_have() -> None:
    document = documented()
    known = set().union(*document.values())
    for operation, names in covered().items():
        shared = "Firewall" in operation  # the older form has one row for all its operations
        assert names <= (known if shared else document[operation]), operation
