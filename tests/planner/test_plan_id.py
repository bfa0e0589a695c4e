"""The id of a saved plan: equal for equal content, and another one for any other content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.common.json_codec import DecodeError
from reconciler.model.plan import Plan, RiskClass, ServerReach
from reconciler.model.state import StateChange
from reconciler.planner import saved_plan
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.saved_plan import CODEC, Made, SavedOptions, SavedPlan
from tests.render.plans import address, mixed

PLAN = replace(
    mixed(),
    environment="prod",
    moves=(("instances.web", "instances.www"),),
    records=(StateChange(drop="instances.old"), StateChange(fact=("shared", "blog"))),
    fingerprints={"7": "f"},
    variables={"count": 2, "admins": ["203.0.113.7/32"], "reason": "웹"},
    lookups={"instances.web": {"image": {"os:ubuntu:22.04": "111"}}},
    former_lookups={"instances.web": {"image": {"os:ubuntu:22.04": "110"}}},
    reach=(ServerReach(address("instances.web"), ("tcp/22 from 10.0.0.0/8",), None),),
)
SAVED = SavedPlan(
    PLAN,
    "account",
    "https://e.example",
    simulated=False,
    made=Made(5, "kim@build-7"),
    accept=(Acceptance(RiskClass.DELETE), Acceptance(RiskClass.DOWNTIME, "instances.web")),
    options=SavedOptions(only=("instances.web",), replace=frozenset({"instances.db"}), undo=3),
)

FOR_PEOPLE = frozenset(
    {
        *("made", "exit_code", "drift", "problems", "outputs", "calls", "eta_seconds", "critical"),
        *("cost", "reach", "unmanaged", "unpriced", "unchanged", "partial", "former_lookups"),
        *("place", "reason", "cause", "stated", "downtime_seconds", "exposure_seconds"),
    }
)
"""Members of a saved plan that decide nothing: times, prices, places, words."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value that is not a list or a table."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...]) -> Any:
    """The document with another value at a path."""
    if not path:
        if isinstance(document, bool):
            return not document
        if isinstance(document, int):
            return document + 1
        return "other" if document is None else f"{document}x"
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:])
    return copy


def is_for_people(path: tuple[Any, ...]) -> bool:
    if path in (("options", "stack"), ("plan", "destroy")):  # the options have the latter, too
        return True
    if any(part in ("variables", "lookups", "fingerprints", "inputs", "applies") for part in path):
        return False
    return any(part in FOR_PEOPLE for part in path)


def test_any_other_content_has_another_id_and_nothing_else_has() -> None:
    document, wrong, tried = CODEC.encode(SAVED), list[str](), {True: 0, False: 0}
    for path in leaves(document):
        try:
            other = CODEC.decode(SavedPlan, changed(document, path))
        except DecodeError:
            continue  # a closed set of values
        tried[is_for_people(path)] += 1
        if (other.id == SAVED.id) != is_for_people(path):
            wrong.append(".".join(map(str, path)))

    assert not wrong and tried[False] > 60 and tried[True] > 30, (wrong, tried)


@pytest.mark.parametrize(
    "other",
    [
        replace(SAVED, made=Made(99, "lee@laptop"), exit_code=2),
        replace(SAVED, options=replace(SAVED.options, stack="elsewhere/shop")),
        replace(SAVED, accept=SAVED.accept[::-1]),
        saved_plan.read(saved_plan.write(SAVED)),
    ],
)
def test_the_same_plan_has_the_same_id_whoever_saves_it(other: SavedPlan) -> None:
    assert other.id == SAVED.id


def test_the_order_of_the_steps_is_content() -> None:
    plan = replace(SAVED.plan, steps=SAVED.plan.steps[::-1])
    assert replace(SAVED, plan=plan).id != SAVED.id


def test_a_new_format_of_the_file_changes_no_id() -> None:
    # Goal: what was approved by its id stays approved after an upgrade.
    plan = Plan("shop", "prod", "d1", "l1", 12)
    assert replace(SAVED, plan=plan).id == (
        "6aef54f7f5cfe1e99939a3101a0afb6219d542eb52ef4f48e52890c4800eb41d"
    )
    assert '"format":4' in saved_plan.write(SAVED)
