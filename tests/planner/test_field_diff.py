"""Fields: three inputs and who made the difference; edits that are not done, and the notices that
say so.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.diagnostics import Severity
from reconciler.model.resource import Deferred, Existing, Lifecycle, Ref
from tests.builders import OMIT, Case, at, firewall, link, nothing, server, settled, told, volume

NAME = "instances.web.name"
IGNORE = Lifecycle(ignore=("name",))


def web(**attributes: Any) -> Case:
    return settled(server("web", **attributes))


CAUSES: list[tuple[str, Case, list[str], list[str]]] = [
    ("nobody", web(name="a"), [], []),
    ("you", web(name="a").edit("instances.web", name="b"), [f"{NAME} 'a' -> 'b' you"], []),
    ("you, newly managed", web().edit("instances.web", name="b"), [f"{NAME} 'shop-web' -> 'b' you"], []),
    ("you, newly managed as it is", web().edit("instances.web", name="shop-web"), [], []),
    ("outside", web(name="a").drift("instances.web", name="x"), [f"{NAME} 'x' -> 'a' outside"], [f"{NAME} 'a' -> 'x' outside"]),
    (
        "both",
        web(name="a").edit("instances.web", name="b").drift("instances.web", name="x"),
        [f"{NAME} 'x' -> 'b' both"],
        [f"{NAME} 'a' -> 'x' both"],
    ),
    (
        "you follow what somebody did",
        web(name="a").edit("instances.web", name="x").drift("instances.web", name="x"),
        [],
        [f"{NAME} 'a' -> 'x' outside"],
    ),
    ("a field that nobody manages", web().drift("instances.web", name="x"), [], []),
    ("a field that is ignored", web(name="a").drift("instances.web", name="x").edit("instances.web", life=IGNORE), [], []),
    ("power, by somebody", web(power="on").drift("instances.web", power="off", status="off"),
     ["instances.web.power 'off' -> 'on' outside"], ["instances.web.power 'on' -> 'off' outside"]),
    ("power, while the cloud works on it", web(power="on").drift("instances.web", power=None, status="work"), [], []),
    ("ignored flavor", web().drift("instances.web", flavor="big").edit("instances.web", life=Lifecycle(ignore=("flavor",))), [], []),
    ("ignored zone", web().drift("instances.web", zone="z2").edit("instances.web", life=Lifecycle(ignore=("zone",))), [], []),
    ("the marker's own text", web(description="d").drift("instances.web", description="d"), [], []),
    ("empty text and none are one", web(description=None), [], []),
    ("keys have no order", web(ssh_keys=("a", "b")).edit("instances.web", ssh_keys=("b", "a")), [], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "rows", "drift"), [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES]
)
def test_a_field_change_names_its_cause(case: Case, rows: list[str], drift: list[str]) -> None:
    # Goal: file, last applied and live, field by field; drift is told whatever the file says now.
    plan = case.plan()
    assert told(plan).fields == rows
    assert [
        f"{c.address}.{f.path} {f.before!r} -> {f.after!r} {f.cause.value}"
        for c in plan.drift
        for f in c.fields
    ] == drift


def test_a_change_made_and_wanted_is_taken_into_the_state_without_a_step() -> None:
    # Goal: the last applied value becomes what it is now.
    plan = web(name="a").edit("instances.web", name="x").drift("instances.web", name="x").plan()
    assert plan.steps == ()
    assert [effect.put.applied["name"] for effect in plan.records if effect.put] == ["x"]


NOTICES: list[tuple[str, Case, list[str]]] = [
    ("a text that is emptied", web(description="d").edit("instances.web", description=""), ["notice cannot-clear instances.web"]),
    ("a text that is null", web(description="d").edit("instances.web", description=None), ["notice cannot-clear instances.web"]),
    ("a text that is left out", web(description="d").edit("instances.web", description=OMIT), ["notice no-longer-managed instances.web"]),
    ("a text that never was", web().edit("instances.web", description=""), []),
    ("a flavor left out", web().edit("instances.web", flavor=OMIT), ["notice no-longer-managed instances.web"]),
    ("keys of a server that exists", web(ssh_keys=("a",)).edit("instances.web", ssh_keys=("b",)), ["notice cannot-change instances.web"]),
    ("keys newly written on an imported server", web().edit("instances.web", ssh_keys=("b",)), []),
    ("keys that are ignored", web(ssh_keys=("a",)).edit("instances.web", ssh_keys=("b",), life=Lifecycle(ignore=("ssh_keys",))), []),
    ("a script", web(user_script="a").edit("instances.web", user_script="b"), ["notice cannot-change instances.web"]),
    (
        "name and text of a volume",
        settled(server("web"), volume("data", name="a", description="d")).edit("block_storages.data", name="b", description="e"),
        ["notice cannot-change block_storages.data", "notice cannot-change block_storages.data"],
    ),
    (
        "the text of a firewall emptied",
        settled(firewall("web", description="d")).edit("firewalls.web", description=""),
        ["notice cannot-clear firewalls.web"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "problems"), [row[1:] for row in NOTICES], ids=[row[0] for row in NOTICES]
)
def test_an_edit_that_is_not_applied_is_reported(case: Case, problems: list[str]) -> None:
    # Goal: a notice, no change, no step, and the plan counts as empty.
    plan = case.plan()
    assert told(plan).problems == problems
    assert plan.steps == () and plan.is_empty
    assert all(p.severity is Severity.NOTICE and p.place is not None for p in plan.problems)


def test_a_create_only_field_names_the_ways_out() -> None:
    # Goal: ignore it, or make the object anew by name.
    problem = web(ssh_keys=("a",)).edit("instances.web", ssh_keys=("b",)).plan().problems[0]
    assert problem.hint is not None
    assert "ignore: [ssh_keys]" in problem.hint and "--replace instances.web" in problem.hint


def test_a_line_left_out_is_reported_once() -> None:
    # Goal: after the apply that records it, the next plan is silent.
    case = web(description="d").edit("instances.web", description=OMIT)
    after = next(effect.put for effect in case.plan().records if effect.put is not None)
    assert "description" not in after.applied
    assert case.remember("instances.web", applied=after.applied).plan().problems == ()


# Values from elsewhere
# ---------------------------------------------------------------------------------------------------------------


def deferred(text: str, *refs: str) -> Deferred:
    found = []
    for ref in refs:
        address, _, attribute = ref.rpartition(".")
        found.append(Ref(at(address), attribute))
    return Deferred(text, tuple(found))


def reader(text: str, *refs: str) -> Any:
    return server("app", image="rocky", name=deferred(text, *refs))


VALUES: list[tuple[str, Case, str]] = [
    (
        "an attribute of what stays",
        web().add(reader("by-${instances.web.private_ip}", "instances.web.private_ip")),
        "by-10.0.0.4",
    ),
    (
        "the name that it will have",
        web(name="a")
        .edit("instances.web", name="b")
        .add(reader("${instances.web.name}", "instances.web.name")),
        "b",
    ),
    (
        "its default name",
        nothing(
            server("web", image="rocky"), reader("x${instances.web.name}", "instances.web.name")
        ),
        "xshop-web",
    ),
    (
        "its flavor after a resize",
        web()
        .edit("instances.web", flavor="big")
        .add(reader("${instances.web.flavor}", "instances.web.flavor")),
        "big",
    ),
    (
        "a firewall's id",
        settled(firewall("web")).add(reader("${firewalls.web.id}", "firewalls.web.id")),
        "f-web",
    ),
]


@pytest.mark.parametrize(
    ("case", "wanted"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES]
)
def test_a_value_that_is_known_now_is_filled_in_now(case: Case, wanted: str) -> None:
    # Goal: the row shows it, and nothing waits for it.
    row = next(c for c in case.plan().changes if str(c.address) == "instances.app")
    name = next(f for f in row.fields if f.path == "name")
    assert (name.after, name.known_after_apply) == (wanted, False)


@pytest.mark.parametrize(
    ("name", "case", "source"),
    [
        ("what is made", nothing(server("web", image="rocky")), "instances.web"),
        ("what is replaced", web().edit("instances.web", zone="z2"), "instances.web"),
        (
            "what is in doubt",
            settled(server("web"), server("x"), server("y")).vanish("instances.web"),
            "instances.web",
        ),
    ],
)
def test_a_value_that_is_not_known_names_its_source(name: str, case: Case, source: str) -> None:
    # Goal: `known after apply of ...` in the row of every reader.
    app = reader("${instances.web.private_ip}", "instances.web.private_ip")
    row = next(c for c in case.add(app).plan().changes if str(c.address) == "instances.app")
    field = next(f for f in row.fields if f.path == "name")
    assert field.known_after_apply, name
    assert str(field.after) == f"known after apply of {source}"


def test_a_status_that_the_plan_changes_is_not_known() -> None:
    # Goal: a reader of the status waits for the power, not for the server.
    case = web(power="on").edit("instances.web", power="off")
    plan = case.add(
        firewall("db", name=deferred("is-${instances.web.status}", "instances.web.status"))
    ).plan()
    made = next(step for step in plan.steps if step.key == "firewall.create firewalls.db")
    assert made.after == ("instance.stop instances.web",)


def test_an_attribute_of_somebody_elses_object_is_known() -> None:
    # Goal: `existing` objects are read like our own.
    office = at("existing.firewalls.office")
    case = settled(server("web")).foreign_object("firewalls", "f-9", name="office", icmp=True)
    case = Case(
        **{**case.__dict__, "extra": {"existing": {office: Existing(office, "name", "office")}}}
    )
    plan = case.edit(
        "instances.web", firewall=link("firewalls", "existing.firewalls.office")
    ).plan()
    assert told(plan).steps == ["firewall.attach instances.web"]
    assert told(plan).fields == ["instances.web.firewall None -> 'existing.firewalls.office' you"]


@pytest.mark.parametrize(
    ("rows", "name", "message", "hint"),
    [
        (
            (),
            "office",
            "no firewall of this account has the name 'office'",
            "the account has none",
        ),
        (
            ("f-1",),
            "offise",
            "no firewall of this account has the name 'office'",
            "did you mean `offise`?",
        ),
        (
            ("f-1", "f-2"),
            "office",
            "2 firewalls are named 'office'",
            "refer to one of them by id: f-1, f-2",
        ),
    ],
)
def test_an_existing_object_is_exactly_one(
    rows: tuple[str, ...], name: str, message: str, hint: str
) -> None:
    # Goal: none and two are errors, the second with the ids to choose from.
    office = at("existing.firewalls.office")
    case = settled(server("web"))
    for id in rows:
        case = case.foreign_object("firewalls", id, name=name)
    case = Case(
        **{**case.__dict__, "extra": {"existing": {office: Existing(office, "name", "office")}}}
    )
    problem = case.plan().problems[0]
    assert (problem.message, problem.hint) == (message, hint)
