"""Plans of servers as tables: what differs | wanted changes | steps | consents | problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.plan import Plan
from reconciler.model.resource import Lifecycle, LiveResource
from reconciler.model.state import Deposed, Phase
from reconciler.planner.checks.login_check import without_login
from tests.builders import (
    OMIT,
    Case,
    firewall,
    nothing,
    rule,
    server,
    settled,
    step,
    told,
    volume,
    waits,
)

STOP_FIRST = Lifecycle(resize="stop_first")
NEW_SERVER = Lifecycle(on_image_change="replace")
DELETE_FIRST = Lifecycle(on_image_change="replace", replace="delete_first")


def base(**web: Any) -> Case:
    return settled(server("web", firewall="web", **web), firewall("web"), rule("web", "https"))


ROWS: list[tuple[str, Case, list[str], list[str], list[str]]] = [
    ("nothing differs", base(), [], [], []),
    (
        "a new server is made, then put into its firewall",
        base().add(server("app", firewall="web")),
        ["create instances.app"],
        ["instance.create instances.app", "firewall.attach instances.app"],
        [],
    ),
    (
        "a new server that is to be off is made, protected, then stopped",
        base().add(server("app", firewall="web", power="off")),
        ["create instances.app"],
        [
            "instance.create instances.app",
            "firewall.attach instances.app",
            "instance.stop instances.app",
        ],
        [],
    ),
    (
        "name and text go in one call",
        base(name="a", description="b").edit("instances.web", name="c", description="d"),
        ["update instances.web"],
        ["instance.update instances.web"],
        [],
    ),
    (
        "another flavor",
        base().edit("instances.web", flavor="big"),
        ["resize instances.web"],
        ["instance.resize instances.web"],
        ["downtime=instances.web"],
    ),
    (
        "another flavor, stopped first",
        base().edit("instances.web", flavor="big", life=STOP_FIRST),
        ["resize instances.web"],
        [
            "instance.stop instances.web",
            "instance.resize instances.web",
            "instance.start instances.web",
        ],
        ["downtime=instances.web"],
    ),
    (
        "another flavor of a server that is off has no downtime",
        base(power="off").edit("instances.web", flavor="big", life=STOP_FIRST),
        ["resize instances.web"],
        ["instance.resize instances.web"],
        [],
    ),
    (
        "another flavor and off: off first",
        base(power="on").edit("instances.web", flavor="big", power="off"),
        ["resize instances.web"],
        ["instance.stop instances.web", "instance.resize instances.web"],
        ["downtime=instances.web"],
    ),
    (
        "another flavor, stopped first, and off: one stop",
        base(power="on").edit("instances.web", flavor="big", power="off", life=STOP_FIRST),
        ["resize instances.web"],
        ["instance.stop instances.web", "instance.resize instances.web"],
        ["downtime=instances.web"],
    ),
    (
        "another flavor and on: on last",
        base(power="off").edit("instances.web", flavor="big", power="on"),
        ["resize instances.web"],
        ["instance.resize instances.web", "instance.start instances.web"],
        [],
    ),
    (
        "off",
        base(power="on").edit("instances.web", power="off"),
        ["power instances.web"],
        ["instance.stop instances.web"],
        ["downtime=instances.web"],
    ),
    (
        "on",
        base(power="off").edit("instances.web", power="on"),
        ["power instances.web"],
        ["instance.start instances.web"],
        [],
    ),
    (
        "another image is a rebuild: the disk is lost",
        base().edit("instances.web", image="rocky"),
        ["rebuild instances.web"],
        ["instance.rebuild instances.web"],
        ["data-loss=instances.web", "downtime=instances.web"],
    ),
    (
        "another image and flavor: rebuilt, then resized",
        base().edit("instances.web", image="rocky", flavor="big"),
        ["rebuild instances.web"],
        ["instance.rebuild instances.web", "instance.resize instances.web"],
        ["data-loss=instances.web", "downtime=instances.web"],
    ),
    (
        "another image as a replacement: the new one is whole before the old one goes",
        base().edit("instances.web", image="rocky", life=NEW_SERVER),
        ["replace instances.web"],
        [
            "instance.create instances.web",
            "firewall.attach instances.web",
            "instance.delete instances.web i-web",
        ],
        ["address-change=instances.web", "data-loss=instances.web"],
    ),
    (
        "another image as a replacement, the old one first",
        base().edit("instances.web", image="rocky", life=DELETE_FIRST),
        ["replace instances.web"],
        [
            "instance.delete instances.web",
            "instance.create instances.web",
            "firewall.attach instances.web",
        ],
        ["address-change=instances.web", "data-loss=instances.web", "downtime=instances.web"],
    ),
    (
        "another zone",
        base().edit("instances.web", zone="z2"),
        ["replace instances.web"],
        [
            "instance.create instances.web",
            "firewall.attach instances.web",
            "instance.delete instances.web i-web",
        ],
        ["address-change=instances.web", "data-loss=instances.web"],
    ),
    (
        "left out of the file",
        base().leave_out("instances.web"),
        ["delete instances.web"],
        ["instance.delete instances.web"],
        ["delete=instances.web"],
    ),
    (
        "left out of the file and retained: forgotten",
        base(life=Lifecycle(retain=True)).leave_out("instances.web"),
        ["forget instances.web"],
        [],
        [],
    ),
    (
        "reported as failed: replaced",
        base().drift("instances.web", failed=True, ready=False, status="error", power=None),
        ["replace instances.web"],
        [
            "instance.create instances.web",
            "firewall.attach instances.web",
            "instance.delete instances.web i-web",
        ],
        ["address-change=instances.web", "data-loss=instances.web"],
    ),
    (
        "half made: waited for, then gone on with",
        base(name="a")
        .edit("instances.web", name="c")
        .drift("instances.web", ready=False, status="pending", power=None),
        ["update instances.web"],
        ["instance.wait instances.web", "instance.update instances.web"],
        [],
    ),
    (
        "half made and as asked: waited for",
        base()
        .remember("instances.web", phase=Phase.INCOMPLETE)
        .drift("instances.web", ready=False, status="pending", power=None),
        ["create instances.web"],
        ["instance.wait instances.web"],
        [],
    ),
    (
        "at work and as asked: left alone",
        base(power="on").drift("instances.web", ready=False, status="work", power=None),
        [],
        [],
        [],
    ),
    (
        "our delete was acknowledged, and the list no longer shows it: nothing to do but to forget",
        base()
        .leave_out("instances.web")
        .remember("instances.web", phase=Phase.DELETING)
        .vanish("instances.web"),
        [],
        [],
        [],
    ),
    (
        "our delete was acknowledged, and it is wanted again: made anew",
        base().remember("instances.web", phase=Phase.DELETING).vanish("instances.web"),
        ["create instances.web"],
        ["instance.create instances.web", "firewall.attach instances.web"],
        [],
    ),
    (
        "our delete was acknowledged, and the cloud still shows it: waited for",
        base().leave_out("instances.web").remember("instances.web", phase=Phase.DELETING),
        ["delete instances.web"],
        ["instance.delete instances.web"],
        ["delete=instances.web"],
    ),
    (
        "a field that the row does not say is taken as it was left",
        base().drift("instances.web", drop=("flavor", "image", "zone")),
        [],
        [],
        [],
    ),
    (
        "a field that the row does not say, edited in the file",
        base().edit("instances.web", flavor="big").drift("instances.web", drop=("flavor",)),
        ["resize instances.web"],
        ["instance.resize instances.web"],
        ["downtime=instances.web"],
    ),
]


@pytest.mark.parametrize(
    ("case", "changes", "steps", "consents"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_a_server_is_planned(
    case: Case, changes: list[str], steps: list[str], consents: list[str]
) -> None:
    # Goal: each edit and each surprise gives exactly these changes, steps in this order, and
    # consents; no problems.
    said = told(case.plan())
    problems = [line for line in said.problems if not line.startswith("notice billed")]
    assert (said.changes, said.steps, said.consents, problems) == (changes, steps, consents, [])


def test_a_resize_of_a_running_server_names_its_fallback() -> None:
    # Goal: stop, resize, start is only in the step's second way, for two refusals, and brings the
    # server back.
    way = step(
        base().edit("instances.web", flavor="big").plan(), "instance.resize instances.web"
    ).fallback
    assert way is not None
    assert (way.refusals, way.restore) == (("CHECK_PARAM", "IN_USE"), "instance.start")
    assert way.operations == ("instance.stop", "instance.resize", "instance.start")


@pytest.mark.parametrize(
    ("power", "case"),
    [
        ("off already", base(power="off").edit("instances.web", flavor="big")),
        ("to be off", base(power="on").edit("instances.web", flavor="big", power="off")),
        (
            "protected from stop",
            base(life=Lifecycle(protect=("stop",))).edit("instances.web", flavor="big"),
        ),
    ],
)
def test_a_server_that_must_not_be_started_or_stopped_has_no_second_way(
    power: str, case: Case
) -> None:
    # Goal: the second way would end with a start, or begin with a stop, that nobody asked for.
    assert step(case.plan(), "instance.resize instances.web").fallback is None, power


def test_after_a_stop_for_a_resize_the_server_is_started_even_if_the_resize_fails() -> None:
    # Goal: start waits for the resize whatever becomes of it, but not where the stop itself failed.
    plan = base().edit("instances.web", flavor="big", life=STOP_FIRST).plan()
    start = step(plan, "instance.start instances.web")
    assert start.regardless_of == ("instance.resize instances.web",)
    assert (
        "instance.stop instances.web" in start.after
        and "instance.stop instances.web" not in start.regardless_of
    )


# Switching firewalls
# -----------------------------------------------------------------------------------------------------------------


def switching(**facts: str) -> Plan:
    case = settled(server("web", firewall="web"), firewall("web"), firewall("db")).with_facts(
        **facts
    )
    return case.edit("instances.web", firewall="db").plan()


def test_a_switch_of_unknown_way_shows_the_longer_one_and_asks_for_exposure() -> None:
    # Goal: attach first; the second way (detach, attach) stands in the step; the exposure of it is
    # asked for (planning#steps).
    plan = switching()
    assert told(plan).steps == ["firewall.attach instances.web"]
    assert told(plan).consents == ["exposure=instances.web"]
    attach = step(plan, "firewall.attach instances.web")
    assert attach.inputs["former"] == "f-web"
    assert attach.fallback is not None
    assert attach.fallback.operations == ("firewall.detach", "firewall.attach")


@pytest.mark.parametrize("way", ["replace", "many"])
def test_a_switch_that_leaves_no_gap_asks_for_nothing(way: str) -> None:
    # Goal: where the account is known to take the second firewall beside or over the first, nothing
    # stands open.
    plan = switching(attach=way)
    assert (told(plan).steps, told(plan).consents) == (["firewall.attach instances.web"], [])


def test_a_switch_that_is_known_to_be_refused_detaches_first() -> None:
    # Goal: two steps at once, the gap asked for.
    plan = switching(attach="refuse")
    assert told(plan).steps == ["firewall.detach instances.web", "firewall.attach instances.web"]
    assert told(plan).consents == ["exposure=instances.web"]
    assert waits(plan, "firewall.attach instances.web") == {"firewall.detach instances.web"}


def test_a_detach_before_a_switch_waits_for_the_new_firewall_and_its_rules() -> None:
    # Goal: the server stands open as short as can be: the new firewall is whole before the old one
    # is taken off.
    case = settled(server("web", firewall="web"), firewall("web")).with_facts(attach="refuse")
    plan = (
        case.add(firewall("db"), rule("db", "mysql", ports="3306"))
        .edit("instances.web", firewall="db")
        .plan()
    )
    assert waits(plan, "firewall.detach instances.web") == {
        "firewall.create firewalls.db",
        "rule.create firewalls.db.rules.mysql",
    }


@pytest.mark.parametrize(
    ("name", "case", "steps", "consents"),
    [
        (
            "to none",
            base().edit("instances.web", firewall=None),
            ["firewall.detach instances.web"],
            ["exposure=instances.web"],
        ),
        (
            "to none, off",
            base(power="off").edit("instances.web", firewall=None),
            ["firewall.detach instances.web"],
            [],
        ),
        (
            "to one",
            settled(server("web"), firewall("web")).edit("instances.web", firewall="web"),
            ["firewall.attach instances.web"],
            [],
        ),
        ("taken off by somebody", base().join("f-web"), ["firewall.attach instances.web"], []),
        ("the line is left out", base().edit("instances.web", firewall=OMIT), [], []),
    ],
)
def test_membership_is_changed(
    name: str, case: Case, steps: list[str], consents: list[str]
) -> None:
    # Goal: attach, detach, or nothing; `left out` means no longer managed.
    assert (told(case.plan()).steps, told(case.plan()).consents) == (steps, consents), name


# Volumes of a server that goes
# -------------------------------------------------------------------------------------------------------


def with_volume(**data: Any) -> Case:
    return settled(server("web"), volume("data", on="web", **data))


def test_a_replaced_server_keeps_its_volumes() -> None:
    # Goal: create, detach (proved), attach to the new one, delete the old one last.
    plan = with_volume().edit("instances.web", image="rocky", life=NEW_SERVER).plan()
    assert told(plan).steps == [
        "instance.create instances.web",
        "block_storage.detach block_storages.data",
        "block_storage.attach block_storages.data",
        "instance.delete instances.web i-web",
    ]
    assert waits(plan, "instance.delete instances.web i-web") == set(told(plan).steps[:3])
    assert told(plan).consents == ["address-change=instances.web", "data-loss=instances.web"]


def test_a_server_replaced_delete_first_gives_its_volumes_back() -> None:
    # Goal: the volume leaves before the old server goes and comes when the new one is there.
    plan = with_volume().edit("instances.web", image="rocky", life=DELETE_FIRST).plan()
    assert told(plan).steps == [
        "block_storage.detach block_storages.data",
        "instance.delete instances.web",
        "instance.create instances.web",
        "block_storage.attach block_storages.data",
    ]


def test_a_server_cannot_change_zone_while_a_volume_stays_on_it() -> None:
    # Goal: an error that names both and the ways out; nothing is planned.
    plan = with_volume().edit("instances.web", zone="z2").plan()
    assert told(plan).problems == ["error bad-combination instances.web"]
    assert plan.steps == ()


@pytest.mark.parametrize(
    ("name", "case"),
    [
        (
            "detached",
            with_volume()
            .edit("instances.web", zone="z2")
            .edit("block_storages.data", instance=None),
        ),
        (
            "removed",
            with_volume().edit("instances.web", zone="z2").leave_out("block_storages.data"),
        ),
        (
            "moved",
            with_volume()
            .edit("instances.web", zone="z2")
            .add(server("app"))
            .edit("block_storages.data", instance="app"),
        ),
    ],
)
def test_a_server_changes_zone_if_its_volume_does_not_follow(name: str, case: Case) -> None:
    # Goal: the volume is off the old server before that goes.
    plan = case.plan()
    assert told(plan).problems == (["notice billed None"] if name == "detached" else []), name
    assert "block_storage.detach block_storages.data" in waits(
        plan, "instance.delete instances.web i-web"
    ), name


def test_a_volume_left_on_a_server_that_goes_is_detached_first() -> None:
    # Goal: also where the file no longer manages its place; nothing more is asked than the server's
    # own consent.
    case = with_volume().edit("block_storages.data", instance=OMIT).leave_out("instances.web")
    plan = case.plan()
    assert told(plan).steps == [
        "block_storage.detach block_storages.data",
        "instance.delete instances.web",
    ]
    assert told(plan).consents == ["delete=instances.web"]


@pytest.mark.parametrize(
    ("name", "edit", "blocked"),
    [
        ("delete", lambda case: case.leave_out("instances.web"), "instances.web"),
        (
            "replace",
            lambda case: case.edit("instances.web", image="rocky", life=NEW_SERVER),
            "instances.web",
        ),
    ],
)
@pytest.mark.parametrize("seen", ["in the list of volumes", "in the row of the server"])
def test_a_foreign_volume_blocks_the_end_of_its_server(
    name: str, edit: Callable[[Case], Case], blocked: str, seen: str
) -> None:
    # Goal: nobody else's data goes with our server; the volume is named.
    case = edit(settled(server("web")))
    if seen == "in the list of volumes":
        case = case.foreign_object(
            "block_storages", "v-theirs", instance="i-web", type="ssd", size=10
        )
    else:
        case = case.drift("instances.web", volumes=("v-theirs",))
    plan = case.plan()
    assert told(plan).changes == ["blocked instances.web"], name
    assert told(plan).problems == ["error foreign-volume instances.web"]
    assert "v-theirs" in plan.problems[0].message
    assert plan.steps == ()


# What an earlier replacement left behind
# --------------------------------------------------------------------------------------------

OLD = Deposed("instances.web", "instances", "i-old")
OLD_ROW = LiveResource(
    "instances",
    "i-old",
    {"id": "i-old", "name": "shop-web", "power": "on", "zone": "z1", "volumes": ()},
)


def test_a_deposed_server_is_deleted_by_the_next_apply() -> None:
    # Goal: shown under its address; no consent beyond the one already given.
    plan = base().left_behind(OLD, OLD_ROW).plan()
    assert told(plan).steps == ["instance.delete instances.web i-old"]
    assert told(plan).changes == ["delete instances.web"]
    assert told(plan).consents == []


def test_a_volume_on_a_deposed_server_moves_to_the_successor() -> None:
    # Goal: detach, attach, then the delete; it is part of the replacement, so nothing more is
    # asked.
    case = (
        settled(server("web"), volume("data", on="web"))
        .left_behind(OLD, OLD_ROW)
        .drift("block_storages.data", instance="i-old")
    )
    plan = case.plan()
    assert told(plan).steps == [
        "block_storage.detach block_storages.data",
        "block_storage.attach block_storages.data",
        "instance.delete instances.web i-old",
    ]
    assert told(plan).consents == []
    assert "block_storage.detach block_storages.data" in waits(
        plan, "instance.delete instances.web i-old"
    )


def test_a_foreign_volume_on_a_deposed_server_keeps_it() -> None:
    # Goal: blocks, listed, as with any other server.
    case = (
        base()
        .left_behind(OLD, OLD_ROW)
        .foreign_object("block_storages", "v-theirs", instance="i-old", type="ssd", size=10)
    )
    plan = case.plan()
    assert plan.steps == ()
    assert told(plan).problems == ["error foreign-volume instances.web"]


def test_a_deposed_server_does_not_hold_its_firewall() -> None:
    # Goal: destroy after a half-done replacement takes the firewall too, after the old server.
    case = base().left_behind(OLD, OLD_ROW).join("f-web", "i-web", "i-old")
    plan = case.plan(destroy=True)
    assert told(plan).problems == []
    assert {"instance.delete instances.web", "instance.delete instances.web i-old"} <= waits(
        plan, "firewall.delete firewalls.web"
    )


def test_a_requested_replacement_reports_no_create_only_fields() -> None:
    # Goal: --replace is the way out of a create-only field, so the notice is gone and the field is
    # in the row.
    case = settled(server("web", ssh_keys=("old",))).edit("instances.web", ssh_keys=("new",))
    plan = case.plan(replace=frozenset({"instances.web"}))
    assert told(plan).changes == ["replace instances.web"]
    assert told(plan).problems == []
    assert told(plan).fields == ["instances.web.ssh_keys ('old',) -> ('new',) you"]
    assert step(plan, "instance.create instances.web").inputs["ssh_keys"] == ("new",)


@pytest.mark.parametrize("text", ["firewalls.web", "firewalls.web.rules.https"])
def test_a_firewall_cannot_be_asked_to_be_replaced(text: str) -> None:
    # Goal: all of it changes in place, so --replace on it is a mistake in the arguments, not a
    # second set of rules.
    plan = base().plan(replace=frozenset({text}))
    assert told(plan).problems == [f"error usage {text}"]
    assert plan.steps == ()


def test_each_create_first_delete_leaves_the_new_one_alone() -> None:
    # Goal: the delete aims at the old id and says that it is the deposed one's.
    plan = base().edit("instances.web", zone="z2").plan()
    create, delete = (
        step(plan, "instance.create instances.web"),
        step(plan, "instance.delete instances.web i-web"),
    )
    assert (create.deposes, create.target) == (True, None)
    assert (delete.deposed, delete.target) == (True, "i-web")


def test_a_server_without_a_required_field_of_create_is_an_error() -> None:
    # Goal: nothing is sent on a guess.
    plan = replace(
        nothing(server("web", flavor=None)),
        file=nothing(server("web")).edit("instances.web", flavor=OMIT).file,
    ).plan()
    assert told(plan).problems == ["error missing-key instances.web"]
    assert plan.steps == ()


@pytest.mark.parametrize("part", [{"only": ("instances.other",)}, {"without": ("instances.gone",)}])
def test_a_narrowed_plan_does_not_report_a_deposed_object_outside_it(
    part: dict[str, tuple[str, ...]],
) -> None:
    # Goal: its address may be in neither file nor state any more.
    row = LiveResource(
        "instances", "i-old", {"id": "i-old", "name": "old", "zone": "z1", "power": "on"}
    )
    case = settled(server("other")).left_behind(
        Deposed("instances.gone", "instances", "i-old"), row
    )
    assert told(case.plan()).changes == ["delete instances.gone"]
    assert told(case.plan(**part)).changes == []


def test_no_first_password_is_warned_about_when_a_created_instance_is_only_waited_for() -> None:
    case = (
        base()
        .remember("instances.web", phase=Phase.INCOMPLETE)
        .drift("instances.web", ready=False, status="pending", power=None)
    )
    plan = case.plan()
    assert [step.operation for step in plan.steps] == ["instance.wait"]
    assert list(without_login(plan, case.stack())) == []
