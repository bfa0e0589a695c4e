"""Refactoring: new addresses are followed, what was taken out is forgotten or deleted, and what
looks like a rename stops the plan.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, ReasonKind, reason_kind
from reconciler.model.resource import LiveResource, Move, Removal
from reconciler.model.state import Deposed, Entry, Intent, fold
from reconciler.model.state import Note as StateNote
from reconciler.planner.compare import moves
from reconciler.recovery import addresses
from reconciler.render.plan import change_text
from tests.builders import Case, at, firewall, rule, server, settled, told, volume


def moved(case: Case, *pairs: tuple[str, str], **extra: Any) -> Case:
    return Case(
        **{
            **_members(case),
            "extra": {"moved": tuple(Move(at(a), at(b)) for a, b in pairs), **extra},
        }
    )


def removed(case: Case, *lines: tuple[str, bool], **extra: Any) -> Case:
    return Case(
        **{
            **_members(case),
            "extra": {"removed": tuple(Removal(at(a), keep) for a, keep in lines), **extra},
        }
    )


def _members(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in Case.__dataclass_fields__}


WEB = settled(
    server("web", firewall="web"), firewall("web"), rule("web", "https"), volume("data", on="web")
)
RENAMED = Case(entries=WEB.entries, live=WEB.live, members=WEB.members).add(
    server("app", firewall="front"),
    firewall("front"),
    rule("front", "tls"),
    volume("data", on="app"),
)
TWO = settled(server("web[0]"), server("web[1]"))


CASES: list[tuple[str, Case, list[tuple[str, str]], list[str]]] = [
    (
        "a server, its firewall with the rules, and what hangs on it",
        RENAMED,
        [
            ("instances.web", "instances.app"),
            ("firewalls.web", "firewalls.front"),
            ("firewalls.front.rules.https", "firewalls.front.rules.tls"),
        ],
        ["move firewalls.front", "update firewalls.front.rules.tls", "move instances.app"],
    ),
    (
        "a chain, in any order",
        WEB.leave_out("instances.web", "block_storages.data").add(
            server("c", firewall="web"), volume("data", on="c")
        ),
        [("instances.b", "instances.c"), ("instances.web", "instances.b")],
        ["move instances.c"],
    ),
    (
        "all of a counted resource",
        TWO.leave_out("instances.web[0]", "instances.web[1]").add(
            server("app[0]"), server("app[1]")
        ),
        [("instances.web", "instances.app")],
        ["move instances.app[0]", "move instances.app[1]"],
    ),
    (
        "an index into a key",
        TWO.leave_out("instances.web[0]", "instances.web[1]").add(
            server('web["a"]'), server('web["b"]')
        ),
        [("instances.web[0]", 'instances.web["a"]'), ("instances.web[1]", 'instances.web["b"]')],
        ['move instances.web["a"]', 'move instances.web["b"]'],
    ),
    (
        "single to count needs no line",
        settled(server("web"), volume("data", on="web"))
        .leave_out("instances.web")
        .add(server("web[0]"), server("web[1]"), volume("data", on="web[0]")),
        [],
        ["move instances.web[0]", "create instances.web[1]"],
    ),
    (
        "count to single needs none either, and the others go",
        TWO.leave_out("instances.web[0]", "instances.web[1]").add(server("web")),
        [],
        ["move instances.web", "delete instances.web[1]"],
    ),
    (
        "a line that is done already says nothing",
        settled(server("web")),
        [("instances.old", "instances.web")],
        [],
    ),
    (
        "moved and changed at once",
        settled(server("web")).leave_out("instances.web").add(server("app", flavor="big")),
        [("instances.web", "instances.app")],
        ["resize instances.app"],
    ),
]


@pytest.mark.parametrize(
    ("case", "lines", "changes"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_the_state_follows_to_the_new_addresses(
    case: Case, lines: list[tuple[str, str]], changes: list[str]
) -> None:
    # Goal: nothing is made or deleted for a name; recorded, the next plan is empty and remembers no
    # old address.
    made = moved(case, *lines)
    plan = made.plan()
    assert (told(plan).changes, told(plan).problems) == (changes, [])
    if {c.action for c in plan.changes} <= {Action.MOVE, Action.NONE}:
        after = fold(made.state(), [StateNote(10, "run", "plan", plan.records)])
        again = Case(**{**_members(made), "entries": after.entries}).plan()
        assert again.is_empty and not again.records and not again.moves
        assert {source for source, _ in lines}.isdisjoint(after.entries)


def test_a_move_sends_nothing_and_shows_the_former_address() -> None:
    plan = moved(
        RENAMED, ("instances.web", "instances.app"), ("firewalls.web", "firewalls.front")
    ).plan()
    row = next(change for change in plan.changes if str(change.address) == "instances.app")
    assert (
        row.reason == "moved from instances.web"
        and ("instances.app", "instances.web") in plan.moves
    )
    assert not any(step.address.kind == "instances" for step in plan.steps)


def test_what_refers_to_a_moved_object_follows_it() -> None:
    made = moved(RENAMED, ("instances.web", "instances.app"), ("firewalls.web", "firewalls.front"))
    state = moves.move(made.stack(), made.state()).state
    assert state.entries["block_storages.data"].applied["instance"] == "instances.app"
    assert state.entries["instances.app"].applied["firewall"] == "firewalls.front"
    assert "instances.app" in state.entries["block_storages.data"].depends_on
    assert state.entries["firewalls.front.rules.https"].parent == "f-web"


def test_the_deposed_object_of_a_moved_address_goes_along() -> None:
    case = settled(server("web")).left_behind(Deposed("instances.web", "instances", "i-old"))
    found = moves.move(
        moved(
            case.leave_out("instances.web").add(server("app")), ("instances.web", "instances.app")
        ).stack(),
        case.state(),
    )
    assert found.state.deposed["i-old"].address == "instances.app"


def test_a_moved_row_says_that_only_the_deposed_object_is_deleted() -> None:
    # Goal: the current object stays, whatever else the row says.
    row = LiveResource(
        "instances", "i-old", {"id": "i-old", "name": "old", "power": "on", "zone": "z1"}
    )
    case = settled(server("web")).left_behind(Deposed("instances.web", "instances", "i-old"), row)
    case = moved(
        case.leave_out("instances.web").add(server("app")), ("instances.web", "instances.app")
    )
    (change,) = case.plan().changes
    assert (change.action, change.deposed) == (Action.DELETE, ("i-old",))
    assert change.reason == (
        "moved from instances.web; the deposed i-old of an earlier replacement is deleted"
    )
    assert reason_kind(change.reason) is ReasonKind.DEPOSED


def test_a_row_that_changes_a_moved_object_shows_its_former_address() -> None:
    case = settled(server("web")).leave_out("instances.web").add(server("app", flavor="c4"))
    (change,) = moved(case, ("instances.web", "instances.app")).plan().changes
    assert change.action is Action.RESIZE
    assert "moved from instances.web" in change_text.line(change)


CONFLICTS: list[tuple[str, Case, list[tuple[str, str]], str]] = [
    (
        "both are there",
        settled(server("a"), server("b")).leave_out("instances.a"),
        [("instances.a", "instances.b")],
        "the state holds both",
    ),
    (
        "two to one",
        settled(server("a"), server("b")).leave_out("instances.a", "instances.b").add(server("c")),
        [("instances.a", "instances.c"), ("instances.b", "instances.c")],
        "both instances.a and instances.b",
    ),
    (
        "an open request at it",
        settled(server("a"))
        .leave_out("instances.a")
        .add(server("c"))
        .unsettled(
            Intent(1, "r", "s", "instances.a", "instance.resize", "i-a", {}, None, 1), "unknown"
        ),
        [("instances.a", "instances.c")],
        "the outcome of instance.resize",
    ),
]


@pytest.mark.parametrize(
    ("case", "lines", "says"), [row[1:] for row in CONFLICTS], ids=[row[0] for row in CONFLICTS]
)
def test_a_move_that_cannot_be_stops_the_plan(
    case: Case, lines: list[tuple[str, str]], says: str
) -> None:
    plan = moved(case, *lines).plan()
    assert [p.code for p in plan.problems] == ["move"] and says in plan.problems[0].message
    assert plan.steps == () and plan.records == ()


REMOVALS: list[tuple[str, list[tuple[str, bool]], list[str]]] = [
    ("kept", [("instances.web", True)], ["forget instances.web"]),
    ("not kept", [("instances.web", False)], ["delete instances.web"]),
    ("of another one", [("instances.other", True)], ["delete instances.web"]),
]


@pytest.mark.parametrize(
    ("lines", "changes"), [row[1:] for row in REMOVALS], ids=[row[0] for row in REMOVALS]
)
def test_what_is_removed_with_keep_is_forgotten_only(
    lines: list[tuple[str, bool]], changes: list[str]
) -> None:
    plan = removed(settled(server("web")).leave_out("instances.web"), *lines).plan()
    assert told(plan).changes == changes and len(plan.steps) == (0 if "forget" in changes[0] else 1)


def test_a_firewall_that_is_kept_is_forgotten_with_its_rules() -> None:
    plan = removed(
        settled(firewall("web"), rule("web", "https")).leave_out("firewalls.web"),
        ("firewalls.web", True),
    ).plan()
    assert told(plan).changes == ["forget firewalls.web"]
    assert {effect.drop for effect in plan.records} - {None} == {
        "firewalls.web",
        "firewalls.web.rules.https",
    }
    assert [effect.fact for effect in plan.records if effect.fact is not None] == [
        ("left:f-web", "firewalls.web")
    ]


def gone(case: Case, *texts: str) -> Case:
    return case.leave_out(*texts)


RENAMES: list[tuple[str, Case, str | None]] = [
    (
        "a server",
        gone(settled(server("web")), "instances.web").add(server("app")),
        "moved: [{from: instances.web, to: instances.app}]",
    ),
    (
        "a counted one",
        gone(TWO, "instances.web[0]", "instances.web[1]").add(server("app[0]"), server("app[1]")),
        "moved: [{from: instances.web, to: instances.app}]",
    ),
    (
        "a firewall",
        gone(settled(firewall("web"), rule("web")), "firewalls.web").add(
            firewall("front"), rule("front")
        ),
        "moved: [{from: firewalls.web, to: firewalls.front}]",
    ),
    (
        "a volume on the same server",
        gone(settled(server("web"), volume("data")), "block_storages.data").add(volume("store")),
        "moved: [{from: block_storages.data, to: block_storages.store}]",
    ),
    (
        "a server that an edit left in doubt",
        gone(settled(server("web")), "instances.web")
        .add(server("app"))
        .unsettled(
            Intent(1, "r", "s", "instances.web", "instance.update", "i-web", {}, None, 1), "unknown"
        ),
        "moved: [{from: instances.web, to: instances.app}]",
    ),
    (
        "a server that the list does not show",
        gone(settled(server("web"), server("b"), server("c")), "instances.web")
        .vanish("instances.web")
        .add(server("app")),
        "moved: [{from: instances.web, to: instances.app}]",
    ),
    (
        "a count that becomes keys",
        gone(TWO, "instances.web[0]", "instances.web[1]").add(
            server('web["a"]'), server('web["b"]')
        ),
        "moved: [{from: 'instances.web[0]', to: 'instances.web[\"a\"]'}, "
        "{from: 'instances.web[1]', to: 'instances.web[\"b\"]'}]",
    ),
    (
        "a count that becomes fewer keys",
        gone(TWO, "instances.web[0]", "instances.web[1]").add(server('web["a"]')),
        "moved: [{from: 'instances.web[0]', to: 'instances.web[\"a\"]'}]",
    ),
    (
        "keys that become a count",
        gone(
            settled(server('web["a"]'), server('web["b"]')),
            'instances.web["a"]',
            'instances.web["b"]',
        ).add(server("web[0]"), server("web[1]"), server("web[2]")),
        "moved: [{from: 'instances.web[\"a\"]', to: 'instances.web[0]'}, "
        "{from: 'instances.web[\"b\"]', to: 'instances.web[1]'}]",
    ),
    (
        "a single one that becomes keys",
        gone(settled(server("web")), "instances.web").add(server('web["a"]'), server('web["b"]')),
        "moved: [{from: instances.web, to: 'instances.web[\"a\"]'}]",
    ),
    (
        "a key that becomes a single one",
        gone(settled(server('web["a"]')), 'instances.web["a"]').add(server("web")),
        "moved: [{from: 'instances.web[\"a\"]', to: instances.web}]",
    ),
    (
        "a firewall with rules that gets keys",
        gone(settled(firewall("web"), rule("web")), "firewalls.web").add(
            firewall('web["a"]'), rule('web["a"]')
        ),
        "moved: [{from: firewalls.web, to: 'firewalls.web[\"a\"]'}]",
    ),
    (
        "another flavor is another server",
        gone(settled(server("web")), "instances.web").add(server("app", flavor="big")),
        None,
    ),
    (
        "a firewall without rules is like any other",
        gone(settled(firewall("web")), "firewalls.web").add(firewall("front")),
        None,
    ),
    ("fewer of one, more of another", TWO.leave_out("instances.web[1]").add(server("app")), None),
    (
        "two went, one came",
        gone(TWO, "instances.web[0]", "instances.web[1]").add(server("app")),
        None,
    ),
]


@pytest.mark.parametrize(
    ("case", "hint"), [row[1:] for row in RENAMES], ids=[row[0] for row in RENAMES]
)
def test_a_delete_and_a_like_create_stop_the_plan_with_the_line_to_paste(
    case: Case, hint: str | None
) -> None:
    # Goal: a server is not deleted because somebody gave it another key (exit 4).
    found: list[Problem] = [p for p in case.plan().problems if p.code == "rename"]
    assert [str(p.hint).splitlines()[0] for p in found] == ([hint] if hint is not None else [])


def test_a_changed_key_of_for_each_looks_like_a_rename_too() -> None:
    case = gone(settled(server('web["a"]'), server('web["b"]')), 'instances.web["b"]').add(
        server('web["c"]')
    )
    case = Case(
        **{**_members(case), "extra": {"cardinalities": {("instances", "web"): ("a", "c")}}}
    )
    assert [p.hint for p in case.plan().problems] == [
        "moved: [{from: 'instances.web[\"b\"]', to: 'instances.web[\"c\"]'}]\n"
        "if it is not a rename: removed: [{from: 'instances.web[\"b\"]', keep: false}]"
    ]


def test_a_changed_shape_that_is_not_a_rename_is_reported_once() -> None:
    case = gone(TWO, "instances.web[0]", "instances.web[1]").add(
        server('web["a"]'), server('web["b"]')
    )
    (problem,) = case.plan().problems
    assert (
        "removed: [{from: 'instances.web[0]', keep: false}, "
        "{from: 'instances.web[1]', keep: false}]" in str(problem.hint)
    )
    done = removed(case, ("instances.web[0]", False), ("instances.web[1]", False)).plan()
    assert told(done).problems == [] and len(done.steps) == 4


def test_stating_that_it_is_not_a_rename_lets_the_plan_continue() -> None:
    case = gone(settled(server("web")), "instances.web").add(server("app"))
    assert told(removed(case, ("instances.web", False)).plan()).problems == []
    assert told(case.plan(accept=(("delete", "instances.web"),))).problems == []


def test_mv_puts_one_object_or_a_whole_resource_elsewhere() -> None:
    state = settled(firewall("web"), rule("web"), server("a[0]"), server("a[1]")).state()
    assert set(
        addresses.rename(state, at("firewalls.web"), at("firewalls.front")).state.entries
    ) == {
        "firewalls.front",
        "firewalls.front.rules.https",
        "instances.a[0]",
        "instances.a[1]",
    }
    assert set(addresses.rename(state, at("instances.a"), at("instances.b")).places) == {
        "instances.b[0]",
        "instances.b[1]",
    }
    assert addresses.rename(state, at("instances.none"), at("instances.b")).effects == ()
    entries = dict(state.entries) | {
        "instances.b[0]": Entry("instances.b[0]", "instances", "i-other")
    }
    full = fold(state, []).__class__("l", 1, "shop", None, entries=entries)
    assert addresses.rename(full, at("instances.a"), at("instances.b")).problems


def test_a_narrowed_plan_still_moves_and_reports_it() -> None:
    case = moved(RENAMED, ("instances.web", "instances.app"), ("firewalls.web", "firewalls.front"))
    plan = case.plan(only=("firewalls.front",))
    assert told(plan).changes == [
        "move firewalls.front",
        "update firewalls.front.rules.tls",
        "move instances.app",
    ]
    assert {effect.put.address for effect in plan.records if effect.put is not None} >= {
        "instances.app",
        "firewalls.front",
    }


OPEN = Intent(1, "r", "s", "instances.a[1]", "instance.create", None, {}, "nonce", 1)

NOT_MOVED: list[tuple[str, Case, str, str, str]] = [
    ("to itself", settled(server("a")), "instances.a", "instances.a", "has that address already"),
    (
        "a rule to itself",
        settled(firewall("w"), rule("w", "r")),
        "firewalls.w.rules.r",
        "firewalls.w.rules.r",
        "has that address already",
    ),
    (
        "a resource to itself",
        settled(server("a[0]"), server("a[1]")),
        "instances.a",
        "instances.a",
        "has that address already",
    ),
    (
        "a single one beside a number",
        settled(server("a"), server("c[0]")),
        "instances.a",
        "instances.c",
        "beside instances.c[0]",
    ),
    (
        "a single one beside a key",
        settled(server("a"), server('c["x"]')),
        "instances.a",
        "instances.c",
        'beside instances.c["x"]',
    ),
    (
        "a number beside a single one",
        settled(server("a"), server("c")),
        "instances.a",
        "instances.c[0]",
        "beside instances.c:",
    ),
    (
        "a number beside a key",
        settled(server("a"), server('c["x"]')),
        "instances.a",
        "instances.c[0]",
        'beside instances.c["x"]',
    ),
    (
        "one of several",
        settled(server("a[0]"), server("a[1]")),
        "instances.a[0]",
        "instances.a",
        "beside instances.a[1]",
    ),
    (
        "all beside a single one",
        settled(server("a[0]"), server("c")),
        "instances.a",
        "instances.c",
        "beside instances.c:",
    ),
    (
        "beside a request",
        settled(server("b")).unsettled(OPEN, None),
        "instances.b",
        "instances.a",
        "beside instances.a[1]",
    ),
    (
        "all with one in doubt",
        settled(server("a[0]")).unsettled(OPEN, None),
        "instances.a",
        "instances.b",
        "instance.create",
    ),
    (
        "what is in doubt",
        settled().unsettled(OPEN, None),
        "instances.a[1]",
        "instances.b",
        "instance.create",
    ),
    (
        "onto what is in doubt",
        settled(server("b[1]")).unsettled(OPEN, None),
        "instances.b[1]",
        "instances.a[1]",
        "instance.create",
    ),
]


@pytest.mark.parametrize(
    ("case", "source", "target", "says"),
    [row[1:] for row in NOT_MOVED],
    ids=[row[0] for row in NOT_MOVED],
)
def test_mv_that_would_lose_an_object_changes_nothing(
    case: Case, source: str, target: str, says: str
) -> None:
    # Goal: no object leaves the state, and none gets an address that no file can ask for, so that
    # the next plan would delete it.
    state = case.state()
    found = addresses.rename(state, at(source), at(target))
    assert says in found.problems[0].message and found.problems[0].code == "move"
    assert (found.state, found.effects) == (state, ())


def test_mv_gives_keys_to_a_count_one_after_the_other() -> None:
    state = settled(server("a[0]"), server("a[1]")).state()
    first = addresses.rename(state, at("instances.a[0]"), at('instances.a["x"]'))
    second = addresses.rename(first.state, at("instances.a[1]"), at('instances.a["y"]'))
    assert set(second.state.entries) == {'instances.a["x"]', 'instances.a["y"]'}


def _retired(case: Case, source: str, target: str) -> Case:
    return Case(
        **{**_members(case), "extra": {"moved": (Move(at(source), at(target), retired=True),)}}
    )


@pytest.mark.parametrize(
    ("source", "target", "hint"),
    [
        ("instances.web", "instances.apps", "`app`"),
        ("firewalls.front.rules.https", "firewalls.front.rules.tlss", "`tls`"),
    ],
)
def test_a_move_to_what_the_stack_does_not_define_stops_the_plan_if_the_state_has_the_object(
    source: str, target: str, hint: str
) -> None:
    # Goal: a typing error must not end in a delete.
    case = WEB.add(server("app"), firewall("front"), rule("front", "tls"))
    entries = {
        **case.entries,
        "firewalls.front.rules.https": Entry("firewalls.front.rules.https", "rules", "1"),
    }
    found = [
        p
        for p in _retired(Case(**{**_members(case), "entries": entries}), source, target)
        .plan()
        .problems
        if p.severity.value == "error"
    ]
    assert [p.code for p in found] == ["missing-reference"]
    assert hint in str(found[0].hint) and f"removed: [{{from: '{target}', keep: false}}]" in str(
        found[0].hint
    )


def test_an_old_line_about_an_object_that_the_state_does_not_have_changes_nothing() -> None:
    assert told(_retired(WEB, "instances.old", "instances.retired").plan()) == told(WEB.plan())
