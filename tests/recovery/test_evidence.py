"""What the account shows of writes whose outcome is not known, row by row (safety#settling): done,
not done, later, or for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.model.resource import Account, LiveResource
from reconciler.model.state import (
    MADE,
    Deposed,
    Entry,
    Intent,
    Note,
    OpenIntent,
    OpenResult,
    Phase,
    State,
    StateChange,
    fold,
)
from reconciler.planner.compare import safety_stops
from reconciler.recovery import absence, evidence, settlement_records
from reconciler.recovery.evidence import (
    LISTS_APART_SECONDS,
    Finding,
    Observation,
    Settlement,
)
from reconciler.recovery.signature_fence import FENCE_SECONDS
from reconciler.resources import all_kinds

KINDS = all_kinds()
T = 1_767_225_600
"""When the request was signed."""

PAST = T + FENCE_SECONDS
OURS, OTHER, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
LISTS = frozenset({"instances", "block_storages", "firewalls", "rules"})


def row(
    kind: str,
    id: str,
    *,
    nonce: str | None = None,
    ready: bool = True,
    failed: bool = False,
    **attributes: Any,
) -> LiveResource:
    """One live object; a server unless it says otherwise."""
    base: dict[str, Any] = {"id": id, "name": id}
    if kind == "instances":
        base |= {
            "zone": "z1",
            "flavor": "small",
            "image": "ubuntu",
            "power": "on",
            "status": "active",
            "description": None,
        }
    if kind == "block_storages":
        base |= {"zone": "z1", "type": "ssd", "size": 100, "instance": "i-1"}
    return LiveResource(kind, id, {**base, **attributes}, ready=ready, failed=failed, nonce=nonce)


def server(id: str, **more: Any) -> LiveResource:
    return row("instances", id, **more)


def rule(id: str, **more: Any) -> LiveResource:
    attributes = {
        "firewall": "f-1",
        "direction": "in",
        "protocol": "tcp",
        "ports": "443",
        "cidr": "0.0.0.0/0",
        "title": "https",
    }
    return row("rules", id, **{**attributes, **more})


def create(
    operation: str = "instance.create",
    address: str = "instances.new",
    *,
    nonce: str | None = NEW,
    **inputs: Any,
) -> Intent:
    """A create that was sent at T; what it makes goes into the state at its address."""
    kind = next(
        name for name, found in KINDS.items() if found.singular == operation.partition(".")[0]
    )
    asked = inputs or {"zone": "z1", "flavor": "small", "image": "ubuntu", "name": "new"}
    entry = Entry(address, kind, MADE, applied={"flavor": "small"}, nonce=nonce, made=T)
    return Intent(
        7,
        "run-1",
        f"{operation} {address}",
        address,
        operation,
        None,
        asked,
        nonce,
        T,
        (StateChange(put=entry),),
    )


def edit(
    operation: str,
    target: str | None,
    *,
    address: str = "instances.web",
    effects: tuple[StateChange, ...] = (),
    **inputs: Any,
) -> Intent:
    """An edit or delete of what is there, sent at T."""
    return Intent(
        7, "run-1", f"{operation} {address}", address, operation, target, inputs, None, T, effects
    )


WEB = Entry(
    "instances.web", "instances", "i-1", applied={"flavor": "small"}, nonce=OURS, made=T - 9_999
)
GROUP = Entry("firewalls.web", "firewalls", "f-1", nonce="dddddddddddd")
VOLUME = Entry("block_storages.data", "block_storages", "v-1", nonce="eeeeeeeeeeee")


def state(
    *entries: Entry, facts: Mapping[str, str] | None = None, deposed: tuple[Deposed, ...] = ()
) -> State:
    return State(
        "l", 3, "shop", None, entries={e.address: e for e in entries},
        deposed={old.id: old for old in deposed}, facts=facts or {}, sequence=7,
    )  # fmt: skip


def account(
    *rows: LiveResource,
    members: Mapping[str, tuple[str, ...]] | None = None,
    complete: frozenset[str] = LISTS,
) -> Account:
    objects: dict[str, dict[str, LiveResource]] = {kind: {} for kind in KINDS}
    for one in rows:
        objects[one.kind][one.id] = one
    return Account(objects, members or {}, complete=complete)


@dataclass(frozen=True)
class Row:
    """One case: what was sent, what the state knows, what was seen and when; and what follows."""

    name: str
    intent: Intent
    seen: tuple[tuple[float, Account], ...]
    finding: Finding
    says: str
    result: OpenResult | None = "unknown"
    state: State = field(default_factory=lambda: state(WEB, GROUP, VOLUME))
    until: float | None = None
    id: str | None = None
    candidates: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    gone: frozenset[str] = frozenset()


CONTROL = server("i-1", nonce=OURS)
MINE = server("i-2", nonce=NEW)
DELETED = (StateChange(drop="instances.web"),)

CREATES = [
    Row(
        "shown with its nonce: done at once",
        create(),
        ((T + 1, account(CONTROL, MINE)),),
        Finding.DONE,
        "carries its marker",
        id="i-2",
    ),
    Row(
        "shown, still being built: done, and incomplete",
        create(),
        ((T + 1, account(CONTROL, replace(MINE, ready=False))),),
        Finding.DONE,
        "carries its marker",
        id="i-2",
    ),
    Row(
        "two carry its marker: the cloud doubled it",
        create(),
        ((T + 1, account(CONTROL, MINE, server("i-3", nonce=NEW))),),
        Finding.NEEDS_DECISION,
        "2 objects carry its marker",
        candidates=("i-2", "i-3"),
    ),
    Row(
        "its marker on something that was not asked for",
        create(),
        ((T + 1, account(CONTROL, server("i-2", nonce=NEW, flavor="big"))),),
        Finding.NEEDS_DECISION,
        "flavor is not as requested",
        candidates=("i-2",),
    ),
    Row(
        "only its name is there: never taken for it",
        create(),
        (
            (PAST + 1, account(CONTROL, server("i-9", name="new"))),
            (PAST + 61, account(CONTROL, server("i-9", name="new"))),
        ),
        Finding.NOT_DONE,
        "two complete lists",
    ),
    Row(
        "not shown before the fence",
        create(),
        ((T + 100, account(CONTROL)),),
        Finding.NOT_YET,
        "could still be accepted",
        until=PAST,
    ),
    Row(
        "not shown at the last second before it",
        create(),
        ((PAST - 1, account(CONTROL)),),
        Finding.NOT_YET,
        "could still",
        until=PAST,
    ),
    Row(
        "one list past the fence is not enough",
        create(),
        ((PAST, account(CONTROL)),),
        Finding.NOT_YET,
        "second complete list",
        until=PAST + LISTS_APART_SECONDS,
    ),
    Row(
        "two lists that lie too close",
        create(),
        ((PAST, account(CONTROL)), (PAST + LISTS_APART_SECONDS - 1, account(CONTROL))),
        Finding.NOT_YET,
        "second complete list",
        until=PAST + LISTS_APART_SECONDS,
    ),
    Row(
        "two lists 60 s apart, with a control in each",
        create(),
        ((PAST, account(CONTROL)), (PAST + LISTS_APART_SECONDS, account(CONTROL))),
        Finding.NOT_DONE,
        "two complete lists",
    ),
    Row(
        "a list that was not whole counts for nothing",
        create(),
        ((PAST, account(CONTROL, complete=LISTS - {"instances"})), (PAST + 60, account(CONTROL))),
        Finding.NOT_YET,
        "second complete list",
        until=PAST + 120,
    ),
    Row(
        "a list from before the fence counts for nothing",
        create(),
        ((PAST - 1, account(CONTROL)), (PAST + 60, account(CONTROL))),
        Finding.NOT_YET,
        "second complete list",
        until=PAST + 120,
    ),
    Row(
        "no control: nothing of ours shows that the list can be trusted",
        create(),
        ((PAST, account(server("i-9"))), (PAST + 60, account(server("i-9")))),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "a control in another zone does not count",
        create(),
        (
            (PAST, account(server("i-1", nonce=OURS, zone="z2"))),
            (PAST + 60, account(server("i-1", nonce=OURS, zone="z2"))),
        ),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "a control of another kind does not count",
        create(),
        (
            (PAST, account(row("firewalls", "f-1", nonce=GROUP.nonce))),
            (PAST + 60, account(row("firewalls", "f-1", nonce=GROUP.nonce))),
        ),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "a marker that is not ours is no control",
        create(),
        (
            (PAST, account(server("i-9", nonce=OTHER))),
            (PAST + 60, account(server("i-9", nonce=OTHER))),
        ),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "the control has to be in both lists",
        create(),
        ((PAST, account(CONTROL)), (PAST + 60, account(server("i-9")))),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "an old object of a replacement is a control too",
        create(),
        (
            (PAST, account(server("i-0", nonce=OTHER))),
            (PAST + 60, account(server("i-0", nonce=OTHER))),
        ),
        Finding.NOT_DONE,
        "two complete lists",
        state=state(deposed=(Deposed("instances.web", "instances", "i-0", nonce=OTHER),)),
    ),
    Row(
        "an empty list proves nothing",
        create(),
        ((PAST, account()), (PAST + 60, account())),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "markers do not come back in this account: never automatic",
        create(),
        ((PAST, account(CONTROL)), (PAST + 60, account(CONTROL))),
        Finding.NEEDS_DECISION,
        "does not return markers",
        state=state(WEB, facts={"marker": "unproved"}),
    ),
    Row(
        "what nobody owns and has the name is shown to the person",
        create(),
        ((PAST, account(server("i-8", name="new"), server("i-9", name="else"))),),
        Finding.NEEDS_DECISION,
        "no other marked object",
        candidates=("i-8",),
    ),
    Row(
        "sent without a marker",
        create(nonce=None),
        ((PAST + 60, account(CONTROL, server("i-8", name="new"))),),
        Finding.NEEDS_DECISION,
        "without a marker",
        candidates=("i-8",),
    ),
    Row(
        "a volume counts by the zone of its server",
        create("block_storage.create", "block_storages.new", instance="i-1", type="ssd", size=10),
        ((PAST, account(CONTROL, row("block_storages", "v-1", nonce=VOLUME.nonce))),) * 1
        + ((PAST + 60, account(CONTROL, row("block_storages", "v-1", nonce=VOLUME.nonce))),),
        Finding.NOT_DONE,
        "two complete lists",
    ),
    Row(
        "a volume of another zone is no control",
        create("block_storage.create", "block_storages.new", instance="i-1", type="ssd", size=10),
        tuple(
            (at, account(CONTROL, row("block_storages", "v-1", nonce=VOLUME.nonce, zone="z2")))
            for at in (PAST, PAST + 60)
        ),
        Finding.NEEDS_DECISION,
        "no other marked object",
    ),
    Row(
        "a firewall knows no zones",
        create("firewall.create", "firewalls.new", name="new", icmp=True),
        tuple(
            (at, account(row("firewalls", "f-1", nonce=GROUP.nonce))) for at in (PAST, PAST + 60)
        ),
        Finding.NOT_DONE,
        "two complete lists",
    ),
]

RULE = create(
    "rule.create",
    "firewalls.web.rules.https",
    nonce=None,
    firewall="f-1",
    direction="in",
    protocol="tcp",
    ports="443",
    cidr="0.0.0.0/0",
)
WALL = row("firewalls", "f-1")
RULES = [
    Row(
        "a rule that allows that traffic",
        RULE,
        ((T + 1, account(WALL, rule("9"))),),
        Finding.DONE,
        "allows that traffic",
        id="9",
    ),
    Row(
        "the same traffic in another group",
        RULE,
        ((T + 1, account(WALL, rule("9", firewall="f-2"))),),
        Finding.NOT_YET,
        "could",
        until=PAST,
    ),
    Row(
        "another range",
        RULE,
        ((T + 1, account(WALL, rule("9", cidr="10.0.0.0/8"))),),
        Finding.NOT_YET,
        "could still",
        until=PAST,
    ),
    Row(
        "the complete list without it, before the fence",
        RULE,
        ((T + 1, account(WALL)),),
        Finding.NOT_YET,
        "could still",
        until=PAST,
    ),
    Row(
        "the complete list without it, past the fence",
        RULE,
        ((PAST, account(WALL)),),
        Finding.NOT_DONE,
        "not as requested",
    ),
    Row(
        "the rules of the group were not read",
        RULE,
        (
            (
                PAST,
                replace(
                    account(WALL),
                    objects={"firewalls": {"f-1": WALL}},
                    complete=frozenset({"firewalls"}),
                ),
            ),
        ),
        Finding.NOT_YET,
        "could not be read",
        until=PAST + 60,
    ),
    Row("its group is no more", RULE, ((PAST, account()),), Finding.NOT_DONE, "not as requested"),
]

RESIZE = edit(
    "instance.resize",
    "i-1",
    flavor="big",
    effects=(StateChange(put=replace(WEB, applied={"flavor": "big"})),),
)
BIG = server("i-1", flavor="big")
ATTACH = edit("firewall.attach", None, firewall="f-1", instance="i-1")
EDITS = [
    Row("it is done", RESIZE, ((T + 1, account(BIG)),), Finding.DONE, "as requested", id="i-1"),
    Row(
        "as asked, but at work",
        RESIZE,
        ((T + 9, account(replace(BIG, ready=False))),),
        Finding.NOT_YET,
        "busy",
        until=T + 69,
    ),
    Row(
        "not as asked, before the fence",
        RESIZE,
        ((T + 9, account(server("i-1"))),),
        Finding.NOT_YET,
        "could still",
        until=PAST,
    ),
    Row(
        "not as asked, at rest, past the fence",
        RESIZE,
        ((PAST, account(server("i-1"))),),
        Finding.NOT_DONE,
        "idle",
    ),
    Row(
        "past the fence, and at work",
        RESIZE,
        ((PAST, account(server("i-1", ready=False))),),
        Finding.NOT_YET,
        "busy",
        until=PAST + 60,
    ),
    Row(
        "its object is not shown",
        RESIZE,
        ((PAST, account()),),
        Finding.NEEDS_DECISION,
        "is not shown",
    ),
    Row(
        "its list was not whole",
        RESIZE,
        ((PAST, account(complete=frozenset())),),
        Finding.NOT_YET,
        "not be read",
        until=PAST + 60,
    ),
    Row(
        "a rebuild to the image it had",
        edit("instance.rebuild", "i-1", image="ubuntu", effects=()),
        ((PAST, account(server("i-1"))),),
        Finding.NEEDS_DECISION,
        "same image",
    ),
    Row(
        "a rebuild to another image that shows",
        edit(
            "instance.rebuild",
            "i-1",
            image="rocky",
            effects=(StateChange(put=replace(WEB, applied={"image": "rocky"})),),
        ),
        ((T + 1, account(server("i-1", image="rocky"))),),
        Finding.DONE,
        "as requested",
        id="i-1",
    ),
    Row(
        "a stop that shows",
        edit("instance.stop", "i-1"),
        ((T + 1, account(server("i-1", power="off"))),),
        Finding.DONE,
        "as requested",
    ),
    Row(
        "a membership that shows",
        ATTACH,
        ((T + 1, account(WALL, members={"f-1": ("i-1",)})),),
        Finding.DONE,
        "as requested",
    ),
    Row(
        "a membership that does not",
        ATTACH,
        ((PAST, account(WALL, members={"f-1": ()})),),
        Finding.NOT_DONE,
        "not as requested",
    ),
    Row(
        "members that were not read",
        ATTACH,
        ((PAST, account(WALL)),),
        Finding.NOT_YET,
        "could not be read",
        until=PAST + 60,
    ),
    Row(
        "a volume that moved",
        edit("block_storage.attach", "v-1", address="block_storages.data", instance="i-2"),
        ((T + 1, account(row("block_storages", "v-1", instance="i-2"))),),
        Finding.DONE,
        "as requested",
    ),
]

DELETE = edit("instance.delete", "i-1", effects=DELETED)
DELETES = [
    Row(
        "proved gone",
        DELETE,
        ((T + 11, account()),),
        Finding.DONE,
        "it is gone",
        gone=frozenset({"i-1"}),
    ),
    Row(
        "missing from one complete list",
        DELETE,
        ((T + 1, account()),),
        Finding.NOT_YET,
        "second check",
        until=T + 11,
    ),
    Row(
        "missing from an empty list",
        DELETE,
        ((PAST + 1, account()),),
        Finding.NOT_YET,
        "second check",
        until=PAST + 11,
    ),
    Row(
        "gone from a list that is not whole",
        DELETE,
        ((T + 1, account(complete=frozenset())),),
        Finding.NOT_YET,
        "not be read",
        until=T + 61,
    ),
    Row(
        "gone, but a successor follows",
        DELETE,
        ((T + 1, account()),),
        Finding.NEEDS_DECISION,
        "gone=instances.web",
        followed=("instances.web",),
        gone=frozenset({"i-1"}),
    ),
    Row(
        "an old object of a replacement is proved gone: its successor stands already",
        replace(DELETE, target="i-0", effects=(StateChange(remove_deposed="i-0"),)),
        ((T + 1, account(server("i-1"))),),
        Finding.DONE,
        "it is gone",
        followed=("instances.web",),
        gone=frozenset({"i-0"}),
        state=state(WEB, deposed=(Deposed("instances.web", "instances", "i-0"),)),
    ),
    Row(
        "at work: it goes",
        DELETE,
        ((T + 9, account(server("i-1", ready=False))),),
        Finding.NOT_YET,
        "busy",
        until=T + 69,
    ),
    Row(
        "still there before the fence",
        DELETE,
        ((T + 9, account(CONTROL)),),
        Finding.NOT_YET,
        "could still",
        until=PAST,
    ),
    Row(
        "still there past the fence",
        DELETE,
        ((PAST, account(CONTROL)),),
        Finding.NOT_DONE,
        "not as requested",
    ),
    Row(
        "a rule that is gone",
        edit(
            "rule.delete",
            "9",
            address="firewalls.web.rules.https",
            firewall="f-1",
            effects=(StateChange(drop="firewalls.web.rules.https"),),
        ),
        ((T + 1, account(WALL)),),
        Finding.DONE,
        "it is gone",
    ),
]

ACCEPTED = [
    Row(
        "a create: its object is in the state",
        create(),
        ((T + 1, account()),),
        Finding.DONE,
        "in the state",
        result="accepted",
    ),
    Row(
        "a delete: likewise",
        DELETE,
        ((T + 1, account(CONTROL)),),
        Finding.DONE,
        "in the state",
        result="accepted",
    ),
    Row(
        "an edit that shows",
        RESIZE,
        ((T + 99, account(BIG)),),
        Finding.DONE,
        "as requested",
        result="accepted",
        id="i-1",
    ),
    Row(
        "an edit at work is waited for by the plan, not by the clock",
        RESIZE,
        ((T + 9, account(server("i-1", ready=False))),),
        Finding.NOT_YET,
        "working on it",
        result="accepted",
    ),
    Row(
        "an edit that does not show yet has the time it may need",
        RESIZE,
        ((T + 9, account(server("i-1"))),),
        Finding.NOT_YET,
        "does not list it yet",
        result="accepted",
        until=T + 180,
    ),
    Row(
        "after that the plan goes on from what is there",
        RESIZE,
        ((T + 180, account(server("i-1"))),),
        Finding.DONE,
        "continues",
        result="accepted",
    ),
]


def settled(case: Row) -> Settlement:
    """What the evidence says of one case."""
    known = replace(case.state, open={7: OpenIntent(case.intent, case.result)})
    observations = [Observation(one, at, case.gone) for at, one in case.seen]
    (found,) = evidence.settle(
        known, observations, KINDS, now=observations[-1].at, followed=case.followed
    )
    return found


@pytest.mark.parametrize(
    "case", [*CREATES, *RULES, *EDITS, *DELETES, *ACCEPTED], ids=lambda case: case.name
)
def test_what_is_seen_settles_or_does_not(case: Row) -> None:
    found = settled(case)
    assert found.finding is case.finding, found
    assert case.says in found.reason
    assert found.until == case.until
    assert [live.id for live in found.candidates] == list(case.candidates)
    if case.id is not None:
        assert [effect.put.id for effect in found.effects if effect.put is not None] == [case.id]
    assert case.finding is Finding.DONE or not found.effects


def test_an_object_that_is_still_built_is_taken_as_incomplete() -> None:
    case = CREATES[1]
    (effect,) = settled(case).effects
    assert (
        effect.put is not None and effect.put.phase is Phase.INCOMPLETE and effect.put.nonce == NEW
    )


def test_what_is_settled_is_closed_and_what_is_not_stays_open() -> None:
    done, lost = (
        CREATES[0],
        next(case for case in CREATES if case.name.startswith("two lists 60 s apart")),
    )
    known = replace(
        done.state,
        open={
            7: OpenIntent(done.intent, "unknown"),
            8: OpenIntent(replace(lost.intent, sequence=8, nonce=OTHER)),
        },
        sequence=8,
    )
    observations = [Observation(account(CONTROL, MINE), at) for at in (PAST, PAST + 60)]
    found = evidence.settle(known, observations, KINDS, now=PAST + 60)
    records = settlement_records.notes(found, known, "run-2")
    assert [(note.sequence, note.settles) for note in records] == [(9, 7), (10, 8)]
    after = fold(known, records)
    assert not after.open and after.entries["instances.new"].id == "i-2"
    assert (
        settlement_records.notes((replace(found[0], finding=Finding.NOT_YET),), known, "run-2")
        == ()
    )


def test_what_was_recorded_since_an_intent_stays() -> None:
    # The effects of an intent were written down with it; the file has been protected meanwhile.
    known = state(
        replace(WEB, protect=("delete",), retain=True, applied={"flavor": "small", "name": "later"})
    )
    case = replace(EDITS[0], state=known)
    (effect,) = settled(case).effects
    assert effect.put == replace(
        known.entries["instances.web"], applied={"flavor": "big", "name": "later"}
    )


def test_a_lost_create_leaves_its_nonce_so_that_what_comes_all_the_same_is_known() -> None:
    case = next(case for case in CREATES if case.name.startswith("two lists 60 s apart"))
    known = replace(case.state, open={7: OpenIntent(case.intent, "unknown")})
    after = fold(known, settlement_records.notes((settled(case),), known, "run-2"))
    late = account(CONTROL, MINE)
    (problem,) = safety_stops.doubled(after, late)
    assert (problem.code, problem.address) == (
        "doubled",
        "instances.new",
    ) and problem.message.startswith("i-2")
    assert "open i-2 under the instances in the console" in (problem.hint or "")
    assert "DELETE" not in (problem.hint or ""), (
        "a row of a list is no proof that the object is ours"
    )
    assert not list(safety_stops.doubled(after, account(CONTROL)))
    taken = fold(
        after,
        (
            Note(
                9,
                "run-3",
                "adopted",
                (StateChange(put=Entry("instances.new", "instances", "i-2", nonce=NEW)),),
            ),
        ),
    )
    assert not list(safety_stops.doubled(taken, late)), "what a person adopted after all is ours"


def test_what_is_under_a_delete_of_ours_and_not_shown_is_still_to_be_proved_gone() -> None:
    deleting = replace(VOLUME, phase=Phase.DELETING)
    old = Deposed("instances.db", "instances", "i-0", phase=Phase.DELETING)
    known = replace(
        state(WEB, GROUP, deleting, deposed=(old,)),
        open={7: OpenIntent(DELETE), 8: OpenIntent(RESIZE, "unknown")},
    )
    assert absence.pending_deletes(known, account()) == {
        "v-1": "block_storages",
        "i-0": "instances",
        "i-1": "instances",
    }
    assert absence.pending_deletes(known, account(CONTROL)) == {
        "v-1": "block_storages",
        "i-0": "instances",
    }
    assert absence.pending_deletes(known, account(complete=frozenset())) == {}


@pytest.mark.parametrize(
    ("phase", "made", "shown", "wanted"),
    [
        (Phase.INCOMPLETE, T, False, {"instances.web": T + 120.0}),
        (Phase.INCOMPLETE, T, True, {}),
        (Phase.INCOMPLETE, T - 200, False, {}),
        (Phase.INCOMPLETE, None, False, {}),
        (Phase.READY, T, False, {}),
    ],
)
def test_what_was_just_made_may_be_missing_for_a_while(
    phase: Phase, made: int | None, shown: bool, wanted: dict[str, float]
) -> None:
    known = state(replace(WEB, phase=phase, made=made))
    assert (
        absence.not_listed_yet(known, account(CONTROL) if shown else account(), T + 10.0) == wanted
    )


@pytest.mark.parametrize(
    ("name", "missing", "listed", "extra", "stopped"),
    [
        ("one of five", 1, 4, {}, []),
        ("two of five", 2, 3, {}, ["0", "1"]),
        ("two of ten: a fifth", 2, 8, {}, []),
        ("three of ten", 3, 7, {}, ["0", "1", "2"]),
        ("the only one, list not empty", 1, 0, {"foreign": True}, []),
        ("the only one, list empty", 1, 0, {}, ["0"]),
        ("two, both accepted as gone", 2, 3, {"accept": ("0", "1")}, []),
        ("two, one accepted as gone", 2, 3, {"accept": ("0",)}, ["1"]),
        ("two that we delete", 2, 3, {"phase": Phase.DELETING}, []),
        ("two just made", 2, 3, {"phase": Phase.INCOMPLETE}, []),
    ],
)
def test_many_missing_at_once_stop_the_run(
    name: str, missing: int, listed: int, extra: dict[str, Any], stopped: list[str]
) -> None:
    entries = [
        Entry(
            f"instances.web[{n}]",
            "instances",
            f"i-{n}",
            phase=extra.get("phase", Phase.READY) if n < missing else Phase.READY,
        )
        for n in range(missing + listed)
    ]
    rows = [server(entry.id) for entry in entries[missing:]] + (
        [server("theirs")] if extra.get("foreign") else []
    )
    accept = tuple(("gone", f"instances.web[{n}]") for n in extra.get("accept", ()))
    found = list(safety_stops.mass_absence(state(*entries), account(*rows), accept))
    assert [problem.address for problem in found] == [f"instances.web[{n}]" for n in stopped]
    assert all(
        problem.code == "mass-absence" and f"gone={problem.address}" in (problem.hint or "")
        for problem in found
    )


# What one run saw and the next one goes on with
# ---------------------------------------------------------------------------------------


def looked(known: State, at: float, *, absences: Mapping[str, float] | None = None) -> State:
    """The state after a run that looked once, at that unix second."""
    found = evidence.settle(known, (Observation(account(CONTROL), at),), KINDS, now=at)
    records = settlement_records.notes(found, known, "run-2")
    known = fold(known, records)
    effects = settlement_records.first_checks(known, absences or {}, found)
    return fold(known, (Note(known.sequence + 1, "run-2", "looked", effects),))


def test_two_runs_with_one_read_each_prove_that_a_create_was_not_executed() -> None:
    known = replace(state(WEB), open={7: OpenIntent(create(), "unknown")})
    first = looked(known, PAST + 0.5)
    assert first.missing_since == {NEW: PAST + 1} and first.open
    assert looked(first, PAST + LISTS_APART_SECONDS).open, "less than a minute later"
    second = looked(first, PAST + LISTS_APART_SECONDS + 1)
    assert not second.open and not second.missing_since
    assert second.facts == {settlement_records.LOST + NEW: "instances.new"}


def test_a_list_that_could_not_be_read_does_not_undo_an_earlier_look() -> None:
    known = replace(
        state(WEB), open={7: OpenIntent(create(), "unknown")}, missing_since={NEW: PAST}
    )
    found = evidence.settle(
        known,
        (Observation(account(CONTROL, complete=frozenset()), PAST + 90),),
        KINDS,
        now=PAST + 90.0,
    )
    assert settlement_records.first_checks(known, {}, found) == ()


def test_a_read_counts_until_a_new_request_is_sent_or_its_object_is_dropped() -> None:
    old = Deposed("instances.web", "instances", "i-0", phase=Phase.DELETING)
    known = replace(state(WEB, deposed=(old,)), missing_since={"i-1": T, "i-0": T})
    assert looked(known, T + 20.0, absences={"i-1": T}).missing_since == {"i-1": T}, (
        "the other one was found again"
    )
    sent = fold(known, (replace(edit("instance.delete", "i-1"), sequence=8),))
    assert sent.missing_since == {"i-0": T}
    changes = (StateChange(drop="instances.web"), StateChange(remove_deposed="i-0"))
    assert fold(known, (Note(8, "run-2", "gone", changes),)).missing_since == {}
