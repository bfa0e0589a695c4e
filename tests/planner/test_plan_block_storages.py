"""Plans of volumes as tables: what differs | wanted changes | steps | consents."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.resource import Lifecycle, LiveResource
from reconciler.model.state import Deposed, Phase
from tests.builders import OMIT, Case, nothing, server, settled, step, told, volume, waits

DELETE_FIRST = Lifecycle(replace="delete_first")


def base(**data: Any) -> Case:
    return settled(server("web"), server("app"), volume("data", on="web", **data))


def full(*, moves: str | None = None) -> Case:
    """Three volumes on one server."""
    return settled(
        server("web"), server("app"), *(volume(key, on="web") for key in ("a", "b", "c"))
    )


ROWS: list[tuple[str, Case, list[str], list[str], list[str]]] = [
    ("nothing differs", base(), [], [], []),
    (
        "a new volume of a server that exists",
        base().add(volume("logs", on="web")),
        ["create block_storages.logs"],
        ["block_storage.create block_storages.logs"],
        [],
    ),
    (
        "a new volume of a new server waits for it",
        nothing(server("web", image="rocky"), volume("data", on="web")),
        ["create block_storages.data", "create instances.web"],
        ["instance.create instances.web", "block_storage.create block_storages.data"],
        [],
    ),
    (
        "moved",
        base().edit("block_storages.data", instance="app"),
        ["detach block_storages.data"],
        ["block_storage.detach block_storages.data", "block_storage.attach block_storages.data"],
        ["detach=block_storages.data"],
    ),
    (
        "moved by somebody",
        base().drift("block_storages.data", instance="i-app"),
        ["detach block_storages.data"],
        ["block_storage.detach block_storages.data", "block_storage.attach block_storages.data"],
        ["detach=block_storages.data"],
    ),
    (
        "detached by somebody",
        base().drift("block_storages.data", instance=None),
        ["attach block_storages.data"],
        ["block_storage.attach block_storages.data"],
        [],
    ),
    (
        "detached for good",
        base().edit("block_storages.data", instance=None),
        ["detach block_storages.data"],
        ["block_storage.detach block_storages.data"],
        ["detach=block_storages.data"],
    ),
    (
        "its place is no longer managed",
        base().edit("block_storages.data", instance=OMIT),
        [],
        [],
        [],
    ),
    (
        "left out of the file",
        base().leave_out("block_storages.data"),
        ["delete block_storages.data"],
        ["block_storage.detach block_storages.data", "block_storage.delete block_storages.data"],
        ["delete=block_storages.data"],
    ),
    (
        "left out, and on no server",
        settled(server("web"), volume("data", on=None)).leave_out("block_storages.data"),
        ["delete block_storages.data"],
        ["block_storage.delete block_storages.data"],
        ["delete=block_storages.data"],
    ),
    (
        "another size with a free slot: the new one first",
        base().edit("block_storages.data", size=200),
        ["replace block_storages.data"],
        [
            "block_storage.create block_storages.data",
            "block_storage.detach block_storages.data v-data",
            "block_storage.delete block_storages.data v-data",
        ],
        ["data-loss=block_storages.data"],
    ),
    (
        "another size as the file asks",
        base().edit("block_storages.data", size=200, life=DELETE_FIRST),
        ["replace block_storages.data"],
        [
            "block_storage.detach block_storages.data v-data",
            "block_storage.delete block_storages.data",
            "block_storage.create block_storages.data",
        ],
        ["data-loss=block_storages.data"],
    ),
    (
        "another size on a full server: the old one first",
        full().edit("block_storages.a", size=200),
        ["replace block_storages.a"],
        [
            "block_storage.detach block_storages.a v-a",
            "block_storage.delete block_storages.a",
            "block_storage.create block_storages.a",
        ],
        ["data-loss=block_storages.a"],
    ),
    (
        "another size and server: made there, gone from here",
        base().edit("block_storages.data", size=200, instance="app"),
        ["replace block_storages.data"],
        [
            "block_storage.create block_storages.data",
            "block_storage.detach block_storages.data v-data",
            "block_storage.delete block_storages.data v-data",
        ],
        ["data-loss=block_storages.data"],
    ),
    (
        "a row that does not say type, size or owner: left alone",
        base().drift("block_storages.data", drop=("type", "size", "instance")),
        [],
        [],
        [],
    ),
    (
        "half made: waited for",
        base()
        .remember("block_storages.data", phase=Phase.INCOMPLETE)
        .drift("block_storages.data", ready=False, status="pending"),
        ["create block_storages.data"],
        ["block_storage.wait block_storages.data"],
        [],
    ),
    (
        "retained: forgotten",
        base(life=Lifecycle(retain=True)).leave_out("block_storages.data"),
        ["forget block_storages.data"],
        [],
        [],
    ),
    (
        "a new name or text of a volume that exists is only said",
        base(name="a", description="b").edit("block_storages.data", name="c", description="d"),
        [],
        [],
        [],
    ),
]


@pytest.mark.parametrize(
    ("case", "changes", "steps", "consents"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_a_volume_is_planned(
    case: Case, changes: list[str], steps: list[str], consents: list[str]
) -> None:
    # Goal: each edit and each surprise gives exactly these changes, steps in this order, and
    # consents; no errors.
    said = told(case.plan())
    assert (said.changes, said.steps, said.consents) == (changes, steps, consents)
    assert [p for p in said.problems if not p.startswith("notice")] == []


def test_a_move_proves_the_detach_before_it_attaches() -> None:
    # Goal: the attach waits for the detach (hard), on the servers that each of them is busy with.
    plan = base().edit("block_storages.data", instance="app").plan()
    detach, attach = (
        step(plan, "block_storage.detach block_storages.data"),
        step(plan, "block_storage.attach block_storages.data"),
    )
    assert attach.after == (detach.key,)
    assert (detach.instances, attach.instances) == (("i-web",), ("i-app",))


def test_two_full_servers_swap_their_volumes() -> None:
    # Goal: both leave before either comes, for a server holds only so many.
    case = settled(server("web"), server("app"), volume("a", on="web"), volume("b", on="app"))
    plan = (
        case.edit("block_storages.a", instance="app")
        .edit("block_storages.b", instance="web")
        .plan()
    )
    both = {"block_storage.detach block_storages.a", "block_storage.detach block_storages.b"}
    assert waits(plan, "block_storage.attach block_storages.a") == both
    assert waits(plan, "block_storage.attach block_storages.b") == both
    assert told(plan).problems == []


def test_what_leaves_a_server_goes_before_what_is_made_on_it() -> None:
    # Goal: a full server gives one away and gets a new one.
    plan = full().edit("block_storages.a", instance="app").add(volume("d", on="web")).plan()
    assert "block_storage.detach block_storages.a" in waits(
        plan, "block_storage.create block_storages.d"
    )
    assert told(plan).problems == []


@pytest.mark.parametrize(
    ("name", "case", "first"),
    [
        (
            "two bigger ones, one free slot",
            settled(server("web"), volume("a", on="web"), volume("b", on="web"))
            .edit("block_storages.a", size=200)
            .edit("block_storages.b", size=200),
            "delete",
        ),
        (
            "one bigger, one more, one free slot",
            settled(server("web"), volume("a", on="web"), volume("b", on="web"))
            .edit("block_storages.a", size=200)
            .add(volume("c", on="web")),
            "delete",
        ),
        (
            "a foreign one takes the last slot",
            base()
            .foreign_object("block_storages", "x", instance="i-web")
            .foreign_object("block_storages", "y", instance="i-web")
            .edit("block_storages.data", size=200),
            "delete",
        ),
        (
            "one bigger, one away",
            full().edit("block_storages.a", size=200).edit("block_storages.b", instance="app"),
            "create",
        ),
        (
            "the new server of a replacement is empty",
            full()
            .edit("instances.web", image="rocky", life=Lifecycle(on_image_change="replace"))
            .edit("block_storages.a", size=200)
            .edit("block_storages.b", instance="app")
            .edit("block_storages.c", instance="app"),
            "create",
        ),
    ],
)
def test_a_replacement_goes_create_first_only_while_slots_last(
    name: str, case: Case, first: str
) -> None:
    # Goal: at no time does the plan ask a server to hold more than it can (contract#limits,
    # LIMIT_EXCEEDED).
    text = "block_storages.data" if "foreign" in name else "block_storages.a"
    keys = told(case.plan()).steps
    old = "v-data" if "foreign" in name else "v-a"
    made = keys.index(f"block_storage.create {text}")
    gone = keys.index(f"block_storage.delete {text}" + (f" {old}" if first == "create" else ""))
    assert (made < gone) == (first == "create"), keys


def test_a_volume_is_replaced_together_with_its_server() -> None:
    # Goal: whichever goes first of the server, the old volume leaves it in time, and goes last.
    case = settled(server("web"), volume("data", on="web")).edit("block_storages.data", size=200)
    for life in (
        Lifecycle(on_image_change="replace"),
        Lifecycle(on_image_change="replace", replace="delete_first"),
    ):
        plan = case.edit("instances.web", image="rocky", life=life).plan()
        assert told(plan).problems == []
        gone = next(s.key for s in plan.steps if s.operation == "instance.delete")
        assert "block_storage.detach block_storages.data v-data" in waits(plan, gone)
        assert "instance.create instances.web" in waits(
            plan, "block_storage.create block_storages.data"
        )
        assert "block_storage.create block_storages.data" in waits(
            plan, "block_storage.delete block_storages.data v-data"
        )


def test_more_volumes_than_a_server_holds_are_an_error_before_the_first_call() -> None:
    # Goal: the server's own number is sure; the fourth is refused in the plan.
    plan = full().add(volume("d", on="web")).plan()
    assert told(plan).problems == ["error limit block_storages.d"]
    assert plan.steps == ()


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("made on none", settled(server("web")).add(volume("data", on=None))),
        (
            "replaced while on none",
            settled(server("web"), volume("data", on=None)).edit("block_storages.data", size=200),
        ),
    ],
)
def test_a_volume_is_only_born_on_a_server(name: str, case: Case) -> None:
    # Goal: an error with the way out; nothing planned.
    plan = case.plan()
    assert told(plan).problems == ["error bad-combination block_storages.data"], name
    assert plan.steps == ()


def test_a_volume_does_not_move_to_a_server_of_another_zone() -> None:
    # Goal: a volume stays in its zone (contract#block-storages); refused before the first call.
    plan = base().add(server("far", zone="z2")).edit("block_storages.data", instance="far").plan()
    assert told(plan).problems == ["error bad-combination block_storages.data"]
    assert plan.steps == ()


@pytest.mark.parametrize("size", [5, 2001])
def test_a_size_out_of_bounds_is_an_error_also_for_a_replacement(size: int) -> None:
    # Goal: the bounds of the type bind whoever makes a volume.
    assert (
        "error out-of-bounds block_storages.data"
        in told(base().edit("block_storages.data", size=size).plan()).problems
    )
    assert (
        "error out-of-bounds block_storages.new"
        in told(base().add(volume("new", on="web", size=size)).plan()).problems
    )


def test_a_deposed_volume_is_detached_and_deleted() -> None:
    # Goal: what a replaced volume left behind goes, whatever it hangs on.
    row = LiveResource(
        "block_storages", "v-old", {"id": "v-old", "instance": "i-web", "type": "ssd", "size": 50}
    )
    plan = base().left_behind(Deposed("block_storages.data", "block_storages", "v-old"), row).plan()
    assert told(plan).steps == [
        "block_storage.detach block_storages.data v-old",
        "block_storage.delete block_storages.data v-old",
    ]
    assert told(plan).consents == []
