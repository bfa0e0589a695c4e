"""Format 1.x: golden documents, the page that describes them, and a reader of 1.0 that meets a
later plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.plan import Action, RiskClass
from reconciler.render.documents.json_document import DocumentType
from reconciler.render.plan import plan_json
from reconciler.render.run import events_json
from tests.render import snapshots
from tests.render.situations import SITUATIONS
from tests.render.test_json_formats import EVENTS, validator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "plan-format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_fits_the_schema(name: str) -> None:
    situation = SITUATIONS[name]

    document = plan_json.plan_document(situation.plan(), given=situation.accept)

    validator("plan").validate(json.loads(plan_json.text(document)))


@pytest.mark.parametrize(
    "name", ["first_stack", "replace_server", "drift", "switch_firewall", "errors"]
)
def test_the_documents_stay_as_they_are(name: str) -> None:
    # Goal: a change of the format is seen in review, byte by byte.
    situation = SITUATIONS[name]

    snapshots.check(
        f"plan_{name}.json",
        plan_json.text(plan_json.plan_document(situation.plan(), given=situation.accept)),
    )


def test_the_events_stay_as_they_are() -> None:
    written: list[str] = []
    sink = events_json.JsonLines(run="r1", now=lambda: 1_795_237_260.5, write=written.append)
    sink.version("0.1.0")
    for event in EVENTS:
        sink(event)

    snapshots.check("events.jsonl", "".join(written))


def names(schema: Any) -> Iterator[str]:
    """Every member that a schema describes."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value
            yield from names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from names(value)


@pytest.mark.parametrize("schema", sorted({"event", *(type.schema for type in DocumentType)}))
def test_the_page_names_every_member_and_every_type(schema: str) -> None:
    document = json.loads((ROOT / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8"))

    words = set(
        PAGE.replace("`", " ")
        .replace(",", " ")
        .replace("{", " ")
        .replace("}", " ")
        .replace("(", " ")
        .replace(")", " ")
        .split()
    )
    missing = set(names(document)) - words
    assert not missing
    assert schema in words or schema == "event"
    assert {action.value for action in Action} | {risk.value for risk in RiskClass} <= words
    if schema == "event":
        assert set(document["properties"]["type"]["enum"]) <= words


def reader_of_1_0(document: dict[str, Any]) -> dict[str, Any]:
    """What a program written for 1.0 takes from a plan: the members of plan-format#the-plan, each
    with its type, and nothing else.
    """
    assert document["format_version"].split(".")[0] == "1"
    return {
        "dangerous": sorted(
            row["address"] for row in document["changes"] if row["impact"]["classes"]
        ),
        "lost": sum(
            loss["gb"] or 0 for row in document["changes"] for loss in row["impact"]["data_loss"]
        ),
        "down": [
            row["impact"]["downtime_seconds"]
            for row in document["changes"]
            if row["impact"]["downtime_seconds"] is not None
        ],
        "fields": [
            (
                row["address"],
                field["path"],
                field["before"],
                field["after"],
                field["cause"],
                field["known_after_apply"],
            )
            for row in document["changes"]
            for field in row["fields"]
        ],
        "where": [
            (row["place"]["file"], row["place"]["line"])
            for row in document["changes"]
            if row["place"] is not None
        ],
        "order": [
            (step["key"], step["address"], step["operation"], step["after"], step["calls"])
            for step in document["steps"]
        ],
        "opens": [
            text
            for row in document["changes"]
            for text in (*row["impact"]["opens"], *row["impact"]["closes"])
        ],
        "money": (
            document["cost"]["before"],
            document["cost"]["after"],
            document["cost"]["unknown"],
        ),
        "calls": (
            document["calls"]["read"],
            document["calls"]["write"],
            document["calls"]["wait"],
            document["eta_seconds"],
        ),
        "consent": [(item["class"], item["address"]) for item in document["consent"]["needed"]],
        "problems": [
            (item["severity"], item["code"], item["message"]) for item in document["problems"]
        ],
        "rest": (
            document["summary"],
            document["partial"],
            document["exit_code"],
            document["unmanaged"]["count"],
        ),
    }


def grown(value: Any) -> Any:
    """The same with a member more in every object, as a later 1.x may have."""
    if isinstance(value, dict):
        return {"a_later_member": {"of": [1]}, **{key: grown(item) for key, item in value.items()}}
    return [grown(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_reader_of_1_0_reads_a_later_plan_the_same(name: str) -> None:
    # Goal: adding members is no change for those who do not know them, neither for readers nor for
    # validators.
    document = json.loads(plan_json.text(plan_json.plan_document(SITUATIONS[name].plan())))
    later = grown(document)
    for member in ("summary", "outputs"):  # their members are names, not fields
        later[member].pop("a_later_member")
    later["format_version"] = "1.7"

    assert reader_of_1_0(later) == reader_of_1_0(document)
    validator("plan").validate(later)
