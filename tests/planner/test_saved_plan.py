"""A saved plan as a value: canonical, whole, without secrets, and refused where anything would now
be done otherwise.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.common import json_text
from reconciler.model.address import Address
from reconciler.model.plan import (
    Action,
    Cause,
    Change,
    Cost,
    FieldChange,
    Plan,
    Reason,
    ReasonKind,
    RiskClass,
    Step,
    reason_kind,
)
from reconciler.model.resource import Link, Ref, Unknown
from reconciler.planner import saved_plan
from reconciler.planner.checks.approval import Acceptance
from reconciler.planner.compare import diff
from reconciler.planner.saved_plan import Made, SavedPlan

WEB = Address("instances", "web")
FIELD = FieldChange("flavor", "std_2.4-g1", "std_4.8-g1", Cause.YOU)
STEP = Step(
    "instance.resize instances.web",
    WEB,
    "instance.resize",
    target="7",
    inputs={"flavor": "std_4.8-g1"},
)
PLAN = Plan(
    stack="shop",
    environment=None,
    digest="d",
    lineage="l",
    serial=3,
    changes=(Change(WEB, Action.RESIZE, "", (FIELD,)),),
    steps=(STEP,),
    fingerprints={"7": "f"},
    variables={"count": 2, "admin": "203.0.113.7/32", "이름": "웹"},
    lookups={"instances.web": {"image": {"os:ubuntu:22.04": "111"}}},
)


def save(plan: Plan, **members: Any) -> saved_plan.SavedPlan:
    accept = (Acceptance(RiskClass.DOWNTIME),)
    saved = SavedPlan(plan, "a", "http://127.0.0.1", simulated=True, made=Made(5), accept=accept)
    return replace(saved, **members)


def test_what_is_written_reads_back_the_same_and_writes_the_same_bytes() -> None:
    text = saved_plan.write(save(PLAN))

    assert saved_plan.read(text) == save(PLAN)
    assert saved_plan.write(saved_plan.read(text)) == text


def test_the_kind_of_a_reason_is_read_back() -> None:
    # Goal: a saved plan is shown as the plan was, without its texts being read as data.
    deposed = Reason.of(ReasonKind.DEPOSED, id="i-9")
    change = Change(WEB, Action.DELETE, deposed, deposed=("i-9",))
    text = saved_plan.write(save(replace(PLAN, changes=(change,))))
    (read,) = saved_plan.read(text).plan.changes
    assert (read, reason_kind(read.reason)) == (change, ReasonKind.DEPOSED)


@pytest.mark.parametrize(
    "reason",
    [5, None, [], {}, {"kind": "other", "text": "new"}, {"kind": "new"}, {"kind": [], "text": ""}],
)
def test_a_reason_that_is_not_one_is_refused(reason: Any) -> None:
    body = json.loads(saved_plan.write(save(PLAN)))
    del body["checksum"]
    body["plan"]["changes"][0]["reason"] = reason
    forged = json.dumps({**body, "checksum": json_text.checksum(body)})
    with pytest.raises(saved_plan.Unreadable, match="reason is not a reason"):
        saved_plan.read(forged)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("nothing", "", "not JSON"),
        ("a list", "[]", "not a saved plan"),
        ("something else", '{"kind": "state"}', "not a saved plan"),
        ("deep", "[" * 100_000, "not JSON"),
        (
            "a newer one",
            saved_plan.write(save(PLAN)).replace('"format":4', '"format":5'),
            "format 4",
        ),
        ("changed", saved_plan.write(save(PLAN)).replace('"serial":3', '"serial":4'), "checksum"),
        ("cut", saved_plan.write(save(PLAN))[:-20], "not JSON"),
    ],
)
def test_anything_else_is_refused_with_a_reason(name: str, text: str, why: str) -> None:
    with pytest.raises(saved_plan.Unreadable, match=why):
        saved_plan.read(text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_a_forged_member_is_refused_too(value: Any) -> None:
    body = json.loads(saved_plan.write(save(PLAN)))
    for member in ("accept", "plan", "options", "account", "made", "simulated"):
        forged = {**body, member: value}
        del forged["checksum"]
        forged["checksum"] = json_text.checksum(forged)
        try:
            saved_plan.read(json.dumps(forged))
        except saved_plan.Unreadable:
            continue
        assert type(value) is type(body[member])


@pytest.mark.parametrize(
    ("name", "now", "said"),
    [
        ("the same", PLAN, ""),
        (
            "price and time do not count",
            replace(PLAN, cost=Cost(1, 2), eta_seconds=99, unmanaged=(4, 5)),
            "",
        ),
        (
            "a place does not count",
            replace(PLAN, changes=(replace(PLAN.changes[0], reason="other words"),)),
            "",
        ),
        ("the file", replace(PLAN, digest="e"), "the stack files have changed"),
        ("the serial", replace(PLAN, serial=4), "the state has changed: serial 4, planned with 3"),
        ("the lineage", replace(PLAN, lineage="m"), "lineage"),
        ("another stack", replace(PLAN, stack="blog"), "it is a plan of shop, not of blog"),
        (
            "a value",
            replace(PLAN, steps=(replace(STEP, inputs={"flavor": "x"}),)),
            "step instance.resize instances.web: not as planned (inputs)",
        ),
        (
            "what a step is about",
            replace(PLAN, steps=(replace(STEP, fingerprint={"name": "renamed"}),)),
            "step instance.resize instances.web: name was none in the plan and is renamed now",
        ),
        ("a target", replace(PLAN, steps=(replace(STEP, target="8"),)), "not as planned (target)"),
        ("a step less", replace(PLAN, steps=()), "planned, but no longer needed"),
        (
            "a step more",
            replace(PLAN, steps=(STEP, replace(STEP, key="instance.start instances.web"))),
            "needed now, but not planned",
        ),
        (
            "a change",
            replace(PLAN, changes=(replace(PLAN.changes[0], action=Action.REPLACE),)),
            "change instances.web: not as planned (action)",
        ),
        ("an object", replace(PLAN, fingerprints={"7": "g"}), "object 7: it was changed"),
        (
            "an object more",
            replace(PLAN, fingerprints={"7": "f", "8": "h"}),
            "object 8: it was changed",
        ),
    ],
)
def test_a_difference_in_what_is_done_refuses_it(name: str, now: Plan, said: str) -> None:
    found = saved_plan.differences(save(PLAN), now)

    assert (found == ()) if not said else any(said in line for line in found), (name, found)


def test_a_stale_plan_names_the_nested_value_that_differs() -> None:
    planned = replace(STEP, inputs={"size": 10, "ports": ("22", "443")})
    now = replace(STEP, inputs={"size": 20, "ports": ("22",)})
    found = saved_plan.differences(
        save(replace(PLAN, steps=(planned,))), replace(PLAN, steps=(now,))
    )
    step = "step instance.resize instances.web"
    assert found == (
        f"{step}: not as planned (inputs)",
        f'{step}: inputs.ports.1: "443" -> (not there)',
        f"{step}: inputs.size: 10 -> 20",
    )


def test_a_value_is_not_taken_for_a_missing_one_by_its_words() -> None:
    found = diff.differences({"a": {"text": "not present"}}, {"a": {"text": "x"}})
    assert found == ('a.text: "not present" -> "x"',)


def test_a_value_nested_too_deeply_is_a_difference() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert diff.differences({"a": deep}, {"a": []}) == ("nested too deeply to be compared",)


def test_steps_in_another_order_are_a_difference() -> None:
    other = replace(STEP, key="instance.start instances.web", operation="instance.start")

    assert saved_plan.differences(
        save(replace(PLAN, steps=(STEP, other))), replace(PLAN, steps=(other, STEP))
    ) == ("the order of the steps differs",)


def test_a_plan_made_without_a_state_fits_the_new_state_of_its_apply() -> None:
    assert (
        saved_plan.differences(
            save(replace(PLAN, lineage="", serial=0)), replace(PLAN, lineage="fresh", serial=0)
        )
        == ()
    )


def test_a_link_and_its_text_and_an_unknown_are_distinguished() -> None:
    firewall = Address("firewalls", "web")
    variants = ("firewalls.web", Link(firewall), Unknown((Ref(firewall),)), None)
    plans = [
        replace(PLAN, steps=(replace(STEP, inputs={"firewall": value}),)) for value in variants
    ]

    assert all(
        bool(saved_plan.differences(save(one), other)) == (one is not other)
        for one in plans
        for other in plans
    )


def test_many_differences_are_counted_not_all_listed() -> None:
    steps = tuple(replace(STEP, key=f"instance.resize instances.w{number}") for number in range(50))

    assert len(saved_plan.differences(save(replace(PLAN, steps=steps)), PLAN)) == 21
