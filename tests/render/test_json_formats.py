"""The JSON plan and the event lines are as their schemas say, and an added member breaks nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from reconciler.model import diagnostics, events, serialize
from reconciler.model.events import Event
from reconciler.model.plan import Action, Change, Plan, RiskClass
from reconciler.planner.checks.approval import Acceptance
from reconciler.render.documents import json_document as documents
from reconciler.render.plan import plan_json
from reconciler.render.run import events_json
from tests.render import plans

SCHEMAS = Path(__file__).parents[2] / "schemas"


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


PLANS = [plans.mixed(), plans.first(), plans.replaced(), plans.plan()]


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_fits_the_plan_schema(plan: Plan) -> None:
    document = plan_json.plan_document(
        plan,
        given=[Acceptance(RiskClass.DELETE), Acceptance(RiskClass.GONE, "instances.a")],
        exit_code=2,
    )

    validator("plan").validate(json.loads(plan_json.text(document)))
    assert document["consent"]["given"][0] == {"class": "delete", "address": None}


def test_an_error_before_the_plan_is_a_document_of_its_own() -> None:
    found = [diagnostics.error("credentials", "no key", hint="set IWINV_ACCESS_KEY")]

    document = documents.problems_document([serialize.problem(item) for item in found], exit_code=5)

    validator("error").validate(document)
    assert (document["type"], document["exit_code"]) == ("error", 5)
    # a check over `changes` fails on it; it does not pass because there are none
    assert "changes" not in document


def test_untouched_rows_come_only_with_verbose() -> None:
    quiet = plans.plan(Change(plans.address("instances.web"), Action.NONE, ""))

    assert plan_json.plan_document(quiet)["changes"] == []
    assert [row["action"] for row in plan_json.plan_document(quiet, verbose=True)["changes"]] == [
        "none"
    ]


def test_a_value_known_after_apply_names_its_source_and_is_null() -> None:
    rows = {row["address"]: row for row in plan_json.plan_document(plans.first())["changes"]}

    (cidr,) = [
        field for field in rows["firewalls.db.rules.web"]["fields"] if field["path"] == "cidr"
    ]
    assert (cidr["after"], cidr["known_after_apply"], cidr["waits_for"]) == (
        None,
        True,
        ["instances.web"],
    )


STEP: dict[str, Any] = {
    "key": "instance.create instances.web",
    "address": "instances.web",
    "operation": "instance.create",
}
EVENTS: list[Event] = [
    events.StepStarted(**STEP),
    events.StepWaiting(**STEP, status="build"),
    events.StepDone(**STEP, id="7", seconds=12.34567),
    events.StepFailed(**STEP, message="웹: no", error_code="IN_USE", http_status=409),
    events.StepSkipped(**STEP, because="instances.db"),
    events.StepUnknown(**STEP, message="no answer"),
    events.ProblemFound(diagnostics.warning("drift", "changed", place=plans.at(3))),
    events.Message("waiting for the quota"),
    events.Summary(1, 0, 0, 0, 9, 12.0, 0, next=None, outputs={"ip": "1.2.3.4"}),
]


def lines(given: list[Event]) -> list[dict[str, Any]]:
    written: list[str] = []
    sink = events_json.JsonLines(run="r1", now=lambda: 1_795_237_260.5, write=written.append)
    sink.version("0.1.0")
    sink.plan(plan_json.plan_document(plans.mixed()))
    for event in given:
        sink(event)
    assert all(text.endswith("\n") and text.count("\n") == 1 for text in written)
    return [json.loads(text) for text in written]


def test_every_event_is_one_line_that_fits_the_event_schema() -> None:
    schema = validator("event")
    found = lines(EVENTS)

    for line in found:
        schema.validate(line)
    assert [line["type"] for line in found] == [
        "version", "plan", "step_started", "step_waiting", "step_done", "step_failed", "step_skipped", "step_unknown",
        "problem", "notice", "summary",
    ]  # fmt: skip
    assert {(line["time"], line["run"]) for line in found} == {("2026-11-21T05:01:00.500Z", "r1")}


def test_an_added_member_breaks_no_reader_and_a_missing_one_does() -> None:
    document = plan_json.plan_document(plans.mixed())
    document["changes"][0]["added_in_1_1"] = document["added_in_1_1"] = 1
    validator("plan").validate(document)
    del document["changes"][0]["reason"]

    with pytest.raises(ValidationError):
        validator("plan").validate(document)
