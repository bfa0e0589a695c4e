"""Every `--format json` prints one document with an envelope, and it fits its published schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.program import program
from reconciler.render.documents.json_document import DocumentType
from tests.cli.sessions import SCALE, SCHEMAS, WEB, apply, begin, call

AT = ("--stack", "web.yaml")

COMMANDS: list[tuple[str, DocumentType, tuple[str, ...]]] = [
    ("validate", DocumentType.VALIDATION, ("web.yaml",)),
    ("plan", DocumentType.PLAN, ("web.yaml", "--unmanaged", "-v")),
    ("drift", DocumentType.DRIFT, ("web.yaml",)),
    ("plan", DocumentType.PROJECT_PLAN, ("web.yaml", "other.yaml")),
    ("drift", DocumentType.PROJECT_PLAN, ("web.yaml", "other.yaml")),
    ("output", DocumentType.PROJECT_OUTPUTS, ("./web.yaml", "./other.yaml")),
    ("ls", DocumentType.RESOURCES, ("web.yaml", "other.yaml")),
    ("show", DocumentType.STATE, AT),
    ("show", DocumentType.ENTRY, ("instances.web", *AT)),
    ("show", DocumentType.EXPLANATION, ("instances.web", "--why", *AT)),
    ("show", DocumentType.PLAN, ("web.plan",)),
    ("state list", DocumentType.STATE, AT),
    ("output", DocumentType.OUTPUTS, AT),
    ("output", DocumentType.OUTPUTS, ("ip", *AT)),
    ("graph", DocumentType.GRAPH, ("web.yaml",)),
    ("recover", DocumentType.RECOVERY, ("web.yaml",)),
    ("doctor", DocumentType.DIAGNOSIS, AT),
    ("doctor", DocumentType.CONTRACT, ("--contract", "--yes", *AT, *SCALE)),
    *(
        ("catalog", DocumentType.CATALOG, (kind, *AT))
        for kind in ("zones", "flavors", "images", "ssh-keys", "storage-types")
    ),
    ("explain", DocumentType.FIELD, ("instances.flavor",)),
    ("explain", DocumentType.FIELD, ()),
    ("bill", DocumentType.BILL, AT),
    ("bill", DocumentType.BILL, ("web.yaml",)),
    ("bill", DocumentType.BILLS, ("--history", *AT)),
    ("ls", DocumentType.RESOURCES, ("web.yaml",)),
    ("ls", DocumentType.RESOURCES, ("--account", *AT)),
    ("status", DocumentType.RESOURCES, ("web.yaml",)),
    ("state plans", DocumentType.PLANS, ("web.yaml",)),
    ("state history", DocumentType.HISTORY, ("web.yaml",)),
    ("policy list", DocumentType.POLICY_LIST, ("web.yaml",)),
    ("policy test", DocumentType.POLICY_TEST, ("web.yaml",)),
    ("audit", DocumentType.AUDIT, ()),
    ("audit", DocumentType.AUDIT, ("web.yaml", "--verify")),
    ("plan", DocumentType.ERROR, ("none.yaml",)),
    ("watch", DocumentType.WATCH, ("web.yaml",)),
    ("freeze", DocumentType.FREEZES, ("web.yaml", "--reason", "audit")),
    ("plan", DocumentType.PLAN, ("web.yaml",)),
    ("state list", DocumentType.STATE, AT),
    ("state history", DocumentType.HISTORY, ("web.yaml",)),
    ("unfreeze", DocumentType.FREEZES, ("web.yaml",)),
    ("catalog", DocumentType.ERROR, ("zones", "--stack", "web.yaml", "--zone", "nowhere")),
]

STREAMS = {
    "apply",
    "destroy",
    *(f"server {verb}" for verb in ("reboot", "rebuild", "start", "stop")),
}
"""Commands that print one event a line."""


def schema(name: str) -> Draft202012Validator:
    """A validator as any reader makes it: one file, no resolver."""
    body = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(body)
    return Draft202012Validator(body)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = "version: 1\nstack: other\n"
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "other.yaml": other})


def test_every_document_fits_the_schema_of_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    events = [json.loads(line) for line in apply(capsys, "--format", "json")[1].splitlines()]
    assert call(capsys, "plan", "web.yaml", "--save", "--out", "web.plan")[0] == 0
    wrong = []
    for command, type, arguments in COMMANDS:
        _, out, err = call(capsys, *command.split(), *arguments, "--format", "json")
        document = json.loads(out)
        head = list(document)[:2], document.get("format_version"), document.get("type")
        if head != (["format_version", "type"], "1.0", type.value):
            wrong.append(f"{command} {arguments}: {head} {err}")
        wrong += [
            f"{command} {arguments}: {error.json_path} {error.message}"
            for error in schema(type.schema).iter_errors(document)
        ]
    reboot = ("server", "reboot", "instances.web", "--yes", "--accept", "downtime")
    destroy = ("destroy", "web.yaml", "--yes", "--accept", "delete")
    for stream in ((*reboot, *AT), destroy, ("apply", "none.yaml")):
        out = call(capsys, *stream, *SCALE, "--format", "json")[1]
        events += [json.loads(line) for line in out.splitlines()]
    wrong += [
        f"{event['type']}: {error.json_path} {error.message}"
        for event in events
        for error in schema("event").iter_errors(event)
    ]
    assert not wrong, "\n".join(wrong)
    assert {event["format_version"] for event in events} == {"1.0"}


def of_json(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands that have `--format json`."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from of_json(found, (*path, name))
        return
    for parameter in command.params:
        if parameter.name == "format" and isinstance(parameter.type, click.Choice):
            yield from [" ".join(path)] if "json" in parameter.type.choices else []


def test_every_command_with_json_is_tried_above() -> None:
    assert {name for name, _, _ in COMMANDS} | STREAMS == set(of_json(program))


def test_every_type_has_a_schema_and_every_schema_a_type() -> None:
    languages = {"component", "event", "policies", "reconciler", "stack"}
    files = {path.name.partition(".")[0] for path in SCHEMAS.glob("*.schema.json")}

    assert {type.schema for type in DocumentType} | languages == files
    assert {type for _, type, _ in COMMANDS} == set(DocumentType)


def test_every_part_that_a_schema_refers_to_is_in_it() -> None:
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r'"#/\$defs/([^"]+)"', text))
        assert named <= json.loads(text).get("$defs", {}).keys(), path.name


def test_parts_that_schemas_share_are_the_same_in_all() -> None:
    seen: dict[str, Any] = {}
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        if body.get("properties", {}).get("format_version") is None:
            continue
        for name, part in body.get("$defs", {}).items():
            if name != "plan":
                assert seen.setdefault(name, part) == part, (path.name, name)
