"""What the steps of a plan cost those who use its servers: downtime, lost disks, what cannot be
undone.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.plan import Action, DataLoss, Impact
from reconciler.model.resource import Lifecycle, LiveResource
from reconciler.model.state import Deposed
from tests.builders import Case, at, firewall, server, settled, volume

STOP_FIRST = Lifecycle(resize="stop_first")
DELETE_FIRST = Lifecycle(replace="delete_first")
NO_STOP = Lifecycle(protect=("stop",))


def impact(case: Case, text: str = "instances.web") -> Impact:
    """What the change of an address does."""
    (found,) = [change.impact for change in case.plan().changes if change.address == at(text)]
    return found


ROOT = (DataLoss("instances.web", "root", 50),)

DOWN: list[tuple[str, Case, tuple[int, int | None] | None, tuple[DataLoss, ...], bool]] = [
    ("a resize, or stop, resize, start", settled(server()).edit("instances.web", flavor="big"), (30, 300), (), True),
    ("the same with the stop asked for", settled(server(life=STOP_FIRST)).edit("instances.web", flavor="big"), (40, 300), (), True),
    ("where a stop is protected from", settled(server(life=NO_STOP)).edit("instances.web", flavor="big"), (30, 180), (), True),
    ("a resize while it is off", settled(server(power="off")).edit("instances.web", flavor="big"), None, (), True),
    ("a rebuild", settled(server()).edit("instances.web", image="rocky"), (30, 300), ROOT, False),
    ("a rebuild and a resize", settled(server()).edit("instances.web", image="rocky", flavor="big"), (60, 600), ROOT, False),
    ("off until it is started: no upper end", settled(server()).edit("instances.web", power="off"), (5, None), (), True),
    ("a resize, and off", settled(server()).edit("instances.web", flavor="big", power="off"), (35, None), (), True),
    ("replaced by one that is off", settled(server()).edit("instances.web", zone="z2", power="off"), (5, None), ROOT, False),
    ("off already", settled(server(power="off")).edit("instances.web", name="other"), None, (), True),
    ("on", settled(server(power="off")).edit("instances.web", power="on"), None, (), True),
    ("a name", settled(server()).edit("instances.web", name="other"), None, (), True),
    ("replaced, the new one first", settled(server()).edit("instances.web", zone="z2"), None, ROOT, False),
    ("replaced, the old one first", settled(server(life=DELETE_FIRST)).edit("instances.web", zone="z2"), (25, 300), ROOT, False),
    ("deleted", settled(server(), server("db")).leave_out("instances.web"), None, ROOT, False),
    ("another firewall", settled(server(firewall="a"), firewall("a"), firewall("b")).edit("instances.web", firewall="b"), None, (), True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "case", "down", "lost", "reversible"), DOWN, ids=[row[0] for row in DOWN]
)
def test_the_impact_on_a_server_is_its_downtime_and_its_losses(
    what: str,
    case: Case,
    down: tuple[int, int | None] | None,
    lost: tuple[DataLoss, ...],
    reversible: bool,
) -> None:
    # Goal: from the steps that will be sent, the second way of a step included (planning#steps).
    found = impact(case)
    assert (found.downtime_seconds, found.data_loss, found.reversible) == (down, lost, reversible)


def test_the_size_of_a_disk_is_that_of_the_row_else_that_of_the_flavor() -> None:
    # Goal: a disk that grew with an earlier resize is named as it is; nothing is guessed where
    # nobody says it.
    case = settled(server(), server("db")).leave_out("instances.web")
    assert impact(case.drift("instances.web", disk_gb=80)).data_loss == (
        DataLoss("instances.web", "root", 80),
    )
    unread = replace(case, catalogue=replace(case.catalogue, flavors=None))
    assert impact(unread).data_loss == (DataLoss("instances.web", "root", None),)


def test_a_deleted_volume_shows_its_size_and_a_moved_one_nothing() -> None:
    # Goal: the data is told apart from the server's own disk.
    case = settled(server(), server("db"), volume())
    data = "block_storages.data"
    lost = (DataLoss(data, "volume", 100),)
    assert impact(case.leave_out(data), data).data_loss == lost
    assert impact(case.edit(data, size=200), data).data_loss == lost
    assert impact(case.edit(data, instance="db"), data).data_loss == ()
    assert impact(case.leave_out("instances.web").edit(data, instance="db"), data).data_loss == ()


def test_what_an_earlier_replacement_left_behind_loses_its_disk() -> None:
    # Goal: a deposed object is an object; its disk goes with it.
    old = LiveResource(
        "instances",
        "i-old",
        {"id": "i-old", "name": "old", "flavor": "big", "power": "on", "zone": "z1"},
    )
    case = settled(server()).left_behind(Deposed("instances.web", "instances", "i-old"), old)
    found = impact(case)
    assert (found.data_loss, found.downtime_seconds, found.reversible) == (
        (DataLoss("instances.web", "root", 100, deposed="i-old"),),
        None,
        False,
    )


def test_what_is_held_back_costs_nothing() -> None:
    # Goal: a blocked change has no impact of its own.
    case = settled(server(life=Lifecycle(protect=("resize",)))).edit("instances.web", flavor="big")
    (row,) = [change for change in case.plan().changes if change.address == at("instances.web")]
    assert row.action is Action.BLOCKED and row.impact.downtime_seconds is None
