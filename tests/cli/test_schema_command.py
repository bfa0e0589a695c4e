"""`reconciler schema`: what it prints is enough for a plain validator, for files and for output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.cli.subcommands.catalog_command import SCHEMAS
from tests.cli.sessions import SCALE, WEB, begin, call

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def printed(capsys: pytest.CaptureFixture[str], name: str) -> dict[str, Any]:
    code, out, _ = call(capsys, "schema", name)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_schema_file_can_be_printed_and_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    files = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas").iterdir()}
    assert set(SCHEMAS) == files
    code, out, _ = call(capsys, "schema")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == list(SCHEMAS)


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set[str]().union(*map(references, part)) if isinstance(part, list) else set()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_the_file_has_a_stable_id_and_needs_no_other(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    body = printed(capsys, name)
    assert body == json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    base = "https://iwinv-reconciler.github.io/reconciler/schemas"
    assert body["$id"] == f"{base}/{name}.schema.json" and body["title"]
    assert {each for each in references(body) if not each.startswith("#/$defs/")} == set()
    jsonschema.Draft202012Validator.check_schema(body)


def test_a_plain_validator_accepts_a_stack_a_plan_and_every_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    jsonschema.validate(yaml.safe_load(WEB), printed(capsys, "stack"))
    code, out, _ = call(capsys, "plan", "web.yaml", "--format", "json")
    assert code == 0
    jsonschema.validate(json.loads(out), printed(capsys, "plan"))
    code, out, _ = call(capsys, "apply", "web.yaml", "--yes", "--format", "json", *SCALE)
    assert code == 0
    schema = printed(capsys, "event")
    events = [json.loads(line) for line in out.splitlines()]
    assert {"plan", "step_done", "summary"} <= {event["type"] for event in events}
    for event in events:
        jsonschema.validate(event, schema)
    wrong = next(event for event in events if event["type"] == "plan")
    del wrong["plan"]["summary"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_an_unknown_schema_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "schema", "project")
    assert code == 64 and "'stack'" in err and "'event'" in err
