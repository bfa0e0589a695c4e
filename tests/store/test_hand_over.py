"""Objects move from one state to another, stopped at every write to either: each object has exactly
one owner, and every way on ends with the target.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import session
from reconciler.commands.relocation import pending
from reconciler.commands.relocation.transfer import End, Opening, Transfer
from reconciler.model.abort import Abort
from reconciler.model.address import Address, parse
from reconciler.model.ports import RecordFailed
from reconciler.model.resource import Move, Resource, Stack
from reconciler.model.state import Deposed, Entry, Intent, Note, State, StateChange
from reconciler.planner.compare import moves
from reconciler.recovery import hand_over
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import HOLDER

SHOP, DATA = Path("/state/shop"), Path("/state/data.prod")
OPENING = Opening(HOLDER)
IDS = ("i-db", "i-web", "f-web", "v-db")


def address(text: str) -> Address:
    found = parse(text)
    assert found is not None
    return found


def stack(name: str, environment: str | None, *addresses: str) -> Stack:
    resources = {address(text): Resource(address(text), {}) for text in addresses}
    return Stack(name, environment, resources)


ENTRIES = (
    Entry("firewalls.web", "firewalls", "f-web", nonce="abcdefghij23"),
    Entry("firewalls.web.rules.https", "rules", "7", parent="f-web"),
    Entry(
        "instances.db",
        "instances",
        "i-db",
        applied={"firewall": "firewalls.web", "name": "db"},
        depends_on=("firewalls.web",),
    ),
    Entry("instances.web", "instances", "i-web", applied={"firewall": "firewalls.web"}),
    Entry(
        "block_storages.db",
        "block_storages",
        "v-db",
        applied={"instance": "instances.db"},
        depends_on=("instances.db",),
    ),
)
SOURCE = stack("shop", None, "instances.web", "firewalls.web")
TARGET = stack("data", "prod", "instances.main", "block_storages.db")


def writer(disk: MemoryDisk, folder: Path, of: Stack) -> session.Writing:
    return session.Writing(
        MemoryStore(disk, folder=folder),
        HOLDER,
        timeout_seconds=0.0,
        stack=of.name,
        environment=of.environment,
    )


def put(disk: MemoryDisk, folder: Path, of: Stack, *changes: StateChange) -> None:
    with writer(disk, folder, of) as opened:
        opened.belong(account="key", endpoint="https://api.example")
        opened.append(Note(opened.state.sequence + 1, "run", "made", changes))
        opened.commit()


def disk_with_a_stack() -> MemoryDisk:
    disk = MemoryDisk()
    put(disk, SHOP, SOURCE, *(StateChange(put=entry) for entry in ENTRIES))
    return disk


def transfer(disk: MemoryDisk, *addresses: str, name: str | None = None) -> Transfer:
    return Transfer(
        End(SOURCE, Path("shop.yaml"), MemoryStore(disk, folder=SHOP)),
        End(TARGET, Path("data.yaml"), MemoryStore(disk, folder=DATA)),
        tuple(map(address, addresses)),
        None if name is None else address(name),
    )


def move(disk: MemoryDisk) -> None:
    """An object that refers to one that stays, under another address."""
    transfer(disk, "instances.db", name="instances.main").run(OPENING, lambda found: None, "t-1")


def state(disk: MemoryDisk, folder: Path) -> State:
    found = session.read_state(MemoryStore(disk, folder=folder))
    return found or State("", 0, "", None)


def owners(disk: MemoryDisk) -> dict[str, list[str]]:
    """For each object the stacks that have it, as every command sees it."""
    found: dict[str, list[str]] = {id: [] for id in IDS}
    for folder in (SHOP, DATA):
        for entry in state(disk, folder).entries.values():
            if entry.parent is None:
                found[entry.id].append(folder.name)
    return found


def open_target_then_source(disk: MemoryDisk) -> None:
    for folder, of in ((DATA, TARGET), (SHOP, SOURCE)):
        with writer(disk, folder, of):
            pass
    move(disk)


def open_source_then_target(disk: MemoryDisk) -> None:
    for folder, of in ((SHOP, SOURCE), (DATA, TARGET)):
        with writer(disk, folder, of):
            pass
    move(disk)


WAYS_ON: tuple[Callable[[MemoryDisk], None], ...] = (
    move,
    open_target_then_source,
    open_source_then_target,
)


FAULTS = (
    (Fault.CRASH_BEFORE, False),
    (Fault.CRASH_AFTER, True),
    (Fault.BROKEN, False),
)
"""What goes wrong at a deed, and whether renames that were not synced are kept."""


def test_each_object_has_one_owner_wherever_a_move_is_stopped() -> None:
    start = disk_with_a_stack()
    calm = start.after_crash()
    move(calm)
    wanted = (state(calm, SHOP).entries, state(calm, DATA).entries)
    cases = itertools.product(range(1, calm.operations + 1), enumerate(FAULTS))
    for deed, (number_of_fault, (fault, names)) in cases:
        way = WAYS_ON[(deed + number_of_fault) % len(WAYS_ON)]
        disk = start.after_crash()
        disk.fault = lambda number, name, path, at=deed, what=fault: (  # type: ignore[misc]
            what if number == at else None
        )
        with suppress(Crash, Abort):
            move(disk)
        disk.fault = lambda number, name, path: None
        disk.reboot(names=names, data=Kept.ALL if names else Kept.NOTHING)
        where = (deed, fault, names, way.__name__)
        assert all(len(stacks) == 1 for stacks in owners(disk).values()), where
        way(disk)
        assert (state(disk, SHOP).entries, state(disk, DATA).entries) == wanted, where
        assert not any(hand_over.is_pending(state(disk, each)) for each in (SHOP, DATA)), where
    assert calm.operations > 60


def test_references_between_the_two_states_are_by_id() -> None:
    disk = disk_with_a_stack()
    found = transfer(disk, "instances.db", name="instances.main")
    shown = found.run(OPENING, lambda moving: None, "t-1")
    assert shown is not None
    assert {problem.address for problem in shown.problems} == {"instances.db", "block_storages.db"}
    after = state(disk, DATA).entries["instances.main"]
    assert after.applied == {"firewall": "f-web", "name": "db"} and after.depends_on == ()
    stays = state(disk, SHOP).entries["block_storages.db"]
    assert stays.applied == {"instance": "i-db"} and stays.depends_on == ()
    transfer(disk, "block_storages.db").run(OPENING, lambda moving: None, "t-2")
    assert state(disk, DATA).entries["block_storages.db"].applied == {"instance": "instances.main"}
    assert state(disk, DATA).account == "key"


def test_a_firewall_takes_its_rules_along_and_what_was_moved_can_come_back() -> None:
    disk = disk_with_a_stack()
    there = stack("data", "prod", "firewalls.web")
    ends = (
        End(
            stack("shop", None, "instances.web"), Path("shop.yaml"), MemoryStore(disk, folder=SHOP)
        ),
        End(there, Path("data.yaml"), MemoryStore(disk, folder=DATA)),
    )
    Transfer(*ends, [address("firewalls.web")]).run(OPENING, lambda found: None, "t-1")
    assert sorted(state(disk, DATA).entries) == ["firewalls.web", "firewalls.web.rules.https"]
    assert state(disk, SHOP).facts == {"moved:f-web": "data/prod"}
    assert state(disk, SHOP).entries["instances.web"].applied == {"firewall": "f-web"}
    back = (
        End(stack("data", "prod"), Path("data.yaml"), MemoryStore(disk, folder=DATA)),
        End(SOURCE, Path("shop.yaml"), MemoryStore(disk, folder=SHOP)),
    )
    Transfer(*back, [address("firewalls.web")]).run(OPENING, lambda found: None, "t-2")
    assert state(disk, SHOP).facts == {} and state(disk, DATA).entries == {}
    assert state(disk, SHOP).entries["instances.web"].applied == {"firewall": "firewalls.web"}
    again = Transfer(*back, [address("firewalls.web")])
    assert again.run(OPENING, lambda found: None, "t-3") is None


REFUSED = [
    ("still in the file", ("instances.web", None), (), (), "still contains instances.web"),
    ("not in the other file", ("block_storages.db", "block_storages.x"), (), (), "not contain"),
    ("not in the state", ("instances.nothing", None), (), (), "is not in the state of shop"),
    (
        "an address that is taken",
        ("instances.db", "instances.main"),
        (),
        (StateChange(put=Entry("instances.main", "instances", "i-9")),),
        "already has an object at instances.main",
    ),
    (
        "an object that both have",
        ("instances.db", "instances.main"),
        (),
        (StateChange(put=Entry("instances.x", "instances", "i-db")),),
        "already has i-db, as instances.x",
    ),
    (
        "an object that was replaced",
        ("instances.db", "instances.main"),
        (StateChange(depose=Deposed("instances.db", "instances", "i-0")),),
        (),
        "is not deleted yet",
    ),
]


@pytest.mark.parametrize(
    ("words", "here", "there", "text"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_a_move_that_would_harm_one_of_the_stacks_is_refused(
    words: tuple[str, str | None],
    here: tuple[StateChange, ...],
    there: tuple[StateChange, ...],
    text: str,
) -> None:
    disk = disk_with_a_stack()
    for folder, of, changes in ((SHOP, SOURCE, here), (DATA, TARGET, there)):
        if changes:
            put(disk, folder, of, *changes)
    before = [state(disk, folder) for folder in (SHOP, DATA)]
    with pytest.raises(Abort) as stop:
        transfer(disk, words[0], name=words[1]).run(OPENING, lambda found: None, "t-1")
    assert any(text in problem.message for problem in stop.value.problems)
    assert [state(disk, folder) for folder in (SHOP, DATA)] == before


SWAP = (("instances.main", "instances.db"), ("instances.db", "instances.main"))
SHIFT = (("instances.db", "instances.main"), ("instances.main", "instances.old"))
OLD = StateChange(put=Entry("instances.x", "instances", "i-9"))
LINES = [
    ("an exchange that a new state has not noted", SWAP, (), ""),
    ("a chain that a new state has not noted", SHIFT[:1], (), ""),
    (
        "an address that an object of the target gets",
        (("instances.x", "instances.main"),),
        (OLD,),
        "already has an object at instances.main",
    ),
    (
        "lines that stop the target anyway",
        (("instances.x", "instances.main"), ("instances.y", "instances.main")),
        (OLD, StateChange(put=Entry("instances.y", "instances", "i-8"))),
        "both instances.x and instances.y would become instances.main",
    ),
]


@pytest.mark.parametrize(
    ("lines", "there", "refused"), [row[1:] for row in LINES], ids=[row[0] for row in LINES]
)
def test_lines_of_the_target_are_not_about_what_it_gets(
    lines: tuple[tuple[str, str], ...], there: tuple[StateChange, ...], refused: str
) -> None:
    file = stack("data", "prod", "instances.main", "instances.db")
    file = replace(file, moved=tuple(Move(address(a), address(b)) for a, b in lines))
    disk = disk_with_a_stack()
    if there:
        put(disk, DATA, file, *there)
    source = End(SOURCE, Path("shop.yaml"), MemoryStore(disk, folder=SHOP))
    target = End(file, Path("data.yaml"), MemoryStore(disk, folder=DATA))
    made = Transfer(source, target, [address("instances.db")], address("instances.main"))
    if refused:
        with pytest.raises(Abort, match=refused):
            made.run(OPENING, lambda found: None, "t-1")
        return
    made.run(OPENING, lambda found: None, "t-1")
    found = moves.move(file, state(disk, DATA))
    assert found.problems == () and found.effects == ()
    assert found.state.entries["instances.main"].id == "i-db"


def test_what_the_source_would_create_under_its_new_address_stays() -> None:
    # Goal: a line of the source that no apply has followed yet leads to an address of its file.
    file = replace(
        stack("shop", None, "instances.data"),
        moved=(Move(address("instances.db"), address("instances.data")),),
    )
    disk = disk_with_a_stack()
    source = End(file, Path("shop.yaml"), MemoryStore(disk, folder=SHOP))
    made = Transfer(
        source, transfer(disk).target, [address("instances.db")], address("instances.main")
    )
    with pytest.raises(Abort, match=r"still contains instances\.data"):
        made.run(OPENING, lambda found: None, "t-1")


def test_an_object_with_an_open_request_stays() -> None:
    disk = disk_with_a_stack()
    with writer(disk, SHOP, SOURCE) as opened:
        opened.append(
            Intent(
                opened.state.sequence + 1,
                *("run", "step", "instances.db", "instance.update", "i-db"),
                {},
                None,
                0,
            )
        )
    with pytest.raises(Abort, match="outcome is not recorded"):
        transfer(disk, "instances.db", name="instances.main").run(
            OPENING, lambda found: None, "t-1"
        )


def test_a_state_whose_hand_over_cannot_be_completed_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: the lock is not held by a command that never began.
    disk = MemoryDisk()
    put(disk, SHOP, SOURCE)

    def fail(*values: object) -> None:
        raise RecordFailed("the disk is full", hint="make room")

    with monkeypatch.context() as patched:
        patched.setattr(pending, "complete", fail)
        with pytest.raises(Abort, match="the disk is full"):
            writer(disk, SHOP, SOURCE)
    with writer(disk, SHOP, SOURCE) as opened:
        opened.check()
