"""Saved plans beside a state: whole or not at all, for their owner alone, never in a commit, and
gone after 30 days.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.ports import PlaceUnusable, RecordFailed, StateDamaged
from reconciler.model.ports.plan_ports import PLAN_SECONDS, KeptPlan, KeptPlans
from reconciler.store.folder_store import FileStore
from reconciler.store.plans.object_plans import ObjectPlans
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.memory_objects import MemoryMachine, StoreFault
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import created, intent, open_writer

NOW = 1_763_870_400


def plan(name: str, at: int = NOW) -> KeptPlan:
    return KeptPlan(hashlib.sha256(name.encode()).hexdigest(), at)


def folder_plans() -> KeptPlans:
    return MemoryStore(MemoryDisk()).plans


def object_plans() -> KeptPlans:
    machine = MemoryMachine()
    machine.place.objects["default/shop/log/000000000001"] = b"{}"
    machine.place.objects[f"default/shop.prod/plans/{plan('a').id}.{NOW}"] = b"of prod"
    return SharedStore(machine.connect, "default", "shop").plans


PLACES: dict[str, Callable[[], KeptPlans]] = {"folder": folder_plans, "objects": object_plans}


@pytest.fixture(params=PLACES)
def plans(request: pytest.FixtureRequest) -> KeptPlans:
    return PLACES[request.param]()


def test_a_plan_is_found_by_the_beginning_of_its_id(plans: KeptPlans) -> None:
    assert plans.kept() == () and plans.read(plan("a")) == {}
    plans.keep(plan("a"), b"one")
    plans.keep(plan("b", NOW + 5), b"two")

    assert plans.kept() == (plan("b", NOW + 5), plan("a"))
    assert plans.kept(plan("a").id[:8]) == (plan("a"),) and plans.kept("0000000000") == ()
    assert plans.read(*plans.kept()) == {plan("a").id: b"one", plan("b").id: b"two"}


def test_the_same_plan_again_is_kept_once_from_its_last_time_on(plans: KeptPlans) -> None:
    for at in (NOW, NOW, NOW + 9):
        plans.keep(plan("a", at), b"%d" % at)

    assert plans.kept() == (plan("a", NOW + 9),)
    assert plans.read(plan("a", NOW + 9)) == {plan("a").id: b"%d" % (NOW + 9)}


def test_the_next_plan_removes_those_that_are_older_than_30_days(plans: KeptPlans) -> None:
    plans.keep(plan("old", NOW - PLAN_SECONDS - 1), b"")
    plans.keep(plan("last day", NOW - PLAN_SECONDS), b"")
    plans.keep(plan("new"), b"")

    assert plans.kept() == (plan("new"), plan("last day", NOW - PLAN_SECONDS))


def test_a_removed_plan_is_gone_and_others_stay(plans: KeptPlans) -> None:
    plans.keep(plan("a"), b"")
    plans.keep(plan("b"), b"")
    plans.remove(plan("a", NOW + 1), plan("unknown"))

    assert plans.kept() == (plan("b"),)


def test_files_are_for_their_owner_alone_and_not_for_git(tmp_path: Path) -> None:
    # Goal: also in a folder whose `.gitignore` is older than saved plans.
    folder = tmp_path / "state" / "shop"
    folder.mkdir(parents=True)
    (folder / ".gitignore").write_text("lock\n")
    FileStore(folder).plans.keep(plan("a"), b"{}")

    (file,) = (folder / "plans").glob("*.*[0-9]")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "plans").stat().st_mode) == 0o700
    assert (folder / "plans" / ".gitignore").read_text() == "*\n"
    assert (folder / ".gitignore").read_text() == "lock\n"


def test_the_folder_of_a_first_plan_is_that_of_a_new_state(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "shop")
    store.plans.keep(plan("a"), b"{}")
    assert store.read() is None and store.holder() is None and store.history() == ()
    writer = open_writer(store)
    writer.append(intent(1))
    writer.close()

    assert (tmp_path / "shop" / ".gitattributes").exists()
    assert store.plans.kept() == (plan("a"),)


def test_a_place_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("a file")
    with pytest.raises(RecordFailed, match="cannot be saved beside the state"):
        FileStore(tmp_path / "shop").plans.keep(plan("a"), b"{}")
    folder = tmp_path / "blog" / "plans" / f"{plan('a').id}.{NOW}"
    folder.mkdir(parents=True)
    with pytest.raises(StateDamaged, match="cannot be read"):
        FileStore(tmp_path / "blog").plans.read(plan("a"))


def prepared() -> MemoryDisk:
    """A disk with a state, an expired plan and what a crash left of one."""
    disk = MemoryDisk()
    store = MemoryStore(disk)
    writer = open_writer(store)
    writer.append(intent(1))
    writer.append(created(2, of=1))
    writer.commit(account="key")
    writer.close()
    old = plan("old", NOW - 2 * PLAN_SECONDS)
    store.plans.keep(old, b"old")
    disk.put(store.folder / "plans" / f"{old.id}.{old.at}.draftx.new", b"ol")
    return disk


def test_a_fault_at_any_disk_operation_leaves_a_whole_plan_or_none_and_the_state() -> None:
    data, calm = b"x" * 5_000, prepared()
    before, done = MemoryStore(calm).read(), calm.operations
    MemoryStore(calm).plans.keep(plan("a"), data)
    assert [
        name for name in calm.names(MemoryStore(calm).folder / "plans") if "draft" in name
    ] == []
    operations, wrong, tried = calm.operations - done, list[str](), 0
    for deed in range(1, operations + 1):
        for fault in Fault:
            for names, kept in ((False, Kept.NOTHING), (True, Kept.ALL), (True, Kept.HALF)):
                disk, tried = prepared(), tried + 1
                at, acknowledged = disk.operations + deed, True
                disk.fault = lambda number, name, path, at=at, what=fault: (  # type: ignore[misc]
                    what if number == at else None
                )
                try:
                    MemoryStore(disk).plans.keep(plan("a"), data)
                except (RecordFailed, Crash):
                    acknowledged = False
                disk.fault = lambda number, name, path: None
                disk.reboot(names=names, data=kept)
                plans = MemoryStore(disk).plans
                found = plans.read(*plans.kept()).get(plan("a").id)
                if found != data and (acknowledged or found is not None):
                    wrong.append(f"deed {deed} {fault.value} {names} {kept.value}: {found!r:.20}")
                plans.keep(plan("a", NOW + 1), data)
                if plans.kept()[0] != plan("a", NOW + 1) or MemoryStore(disk).read() != before:
                    wrong.append(f"deed {deed} {fault.value}: the next one")

    assert not wrong and tried > 50, (wrong, tried)


def test_a_fault_at_any_operation_of_a_place_leaves_the_plan_or_says_that_it_is_not_kept() -> None:
    # Goal: a lost answer, a refused write of its own, a crash: the plan is whole, or not there.
    def machine(fault: StoreFault | None = None, at: int = 0) -> MemoryMachine:
        made = MemoryMachine(fault=lambda number, operation, key: fault if number == at else None)
        made.place.objects[f"p/shop/plans/{plan('old').id}.{NOW - 2 * PLAN_SECONDS}"] = b"old"
        return made

    calm, wrong, tried = machine(), list[str](), 0
    ObjectPlans(calm.connect, "p/shop/").keep(plan("a"), b"data")
    assert list(calm.place.objects) == [f"p/shop/plans/{plan('a').id}.{NOW}"]
    for at in range(1, calm.operations + 1):
        for fault in StoreFault:
            broken, tried, kept = machine(fault, at), tried + 1, True
            try:
                ObjectPlans(broken.connect, "p/shop/").keep(plan("a"), b"data")
            except (RecordFailed, Crash):
                kept = False
            later = ObjectPlans(MemoryMachine(broken.place).connect, "p/shop/")
            found = later.read(plan("a")).get(plan("a").id)
            if found != b"data" and (kept or found is not None):
                wrong.append(f"operation {at}, {fault.value}: {found!r}")
            survives = fault not in (
                StoreFault.CRASH_BEFORE,
                StoreFault.CRASH_AFTER,
                StoreFault.REFUSED,
            )
            if survives and not kept:
                wrong.append(f"operation {at}, {fault.value}: not kept")

    assert not wrong and tried > 30, (wrong, tried)


def test_a_place_that_refuses_is_reported_with_its_way_out() -> None:
    machine = MemoryMachine(fault=lambda number, operation, key: StoreFault.REFUSED)
    plans = ObjectPlans(machine.connect, "p/shop/")
    with pytest.raises(RecordFailed) as failure:
        plans.keep(plan("a"), b"")
    assert failure.value.hint == "renew the credentials"
    with pytest.raises(PlaceUnusable, match="cannot be used: the place refuses"):
        plans.kept()
