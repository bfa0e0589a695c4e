"""`moved` lines that exchange objects or close a gap: each counts once for a state, however often
it is planned, and whatever the state was before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.config.loader import load_stack
from reconciler.model.abort import Abort
from reconciler.model.address import parse
from reconciler.model.resource import Stack
from reconciler.model.state import Entry, Intent, Note, OpenIntent, State, fold
from reconciler.planner.compare import moves
from reconciler.recovery import addresses
from reconciler.recovery.addresses import Moved
from tests.stackfiles import HEAD, at, built

RULE = "{direction: in, protocol: tcp, ports: PORT, cidr: 0.0.0.0/0}"
TWO = "instances: {web: , api: }\n"
SWAP = "moved: [{from: instances.web, to: instances.api}, {from: instances.api, to: instances.web}]"
GAP = (
    "moved: [{from: 'instances.web[2]', to: 'instances.web[1]'}, "
    "{from: 'instances.web[3]', to: 'instances.web[2]'}]"
)
TO_KEYS = (
    "{from: 'instances.web[0]', to: 'instances.web[\"a\"]'}, "
    "{from: 'instances.web[1]', to: 'instances.web[\"b\"]'}"
)
TO_COUNT = (
    "{from: 'instances.web[\"a\"]', to: 'instances.web[0]'}, "
    "{from: 'instances.web[\"b\"]', to: 'instances.web[1]'}"
)


def state(entries: Mapping[str, str]) -> State:
    """A state with that id at each address. The rules of a firewall have its id as their parent."""
    found = {}
    for text, id in entries.items():
        address = at(text)
        parent = entries.get(str(address.owner)) if address.rule is not None else None
        kind = "rules" if address.rule is not None else address.kind
        found[text] = Entry(text, kind, id, parent=parent)
    return State("lineage", 1, "shop", None, entries=found)


def stack(text: str) -> Stack:
    return built(HEAD + text + "\n")


def ids(found: State) -> dict[str, str]:
    return {text: entry.id for text, entry in found.entries.items()}


def after(found: Moved, before: State) -> State:
    """The state as it is when the records of a plan are written and read again."""
    return fold(before, [Note(before.sequence + 1, "run", "plan", found.effects)])


FOLLOWED: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
    (
        "two exchange",
        TWO + SWAP,
        {"instances.web": "A", "instances.api": "B"},
        {"instances.web": "B", "instances.api": "A"},
    ),
    (
        "three in a circle",
        "instances: {a: , b: , c: }\n"
        "moved: [{from: instances.a, to: instances.b}, {from: instances.b, to: instances.c}, "
        "{from: instances.c, to: instances.a}]",
        {"instances.a": "A", "instances.b": "B", "instances.c": "C"},
        {"instances.a": "C", "instances.b": "A", "instances.c": "B"},
    ),
    (
        "through a name that the file does not have",
        TWO + "moved: [{from: instances.web, to: instances.tmp}, "
        "{from: instances.tmp, to: instances.api}, {from: instances.api, to: instances.web}]",
        {"instances.web": "A", "instances.api": "B"},
        {"instances.web": "B", "instances.api": "A"},
    ),
    (
        "whole resources",
        "instances: {web: {count: 2}, api: {count: 3}}\n" + SWAP,
        {"instances.web[0]": "A", "instances.web[1]": "B", "instances.api[0]": "C"},
        {"instances.api[0]": "A", "instances.api[1]": "B", "instances.web[0]": "C"},
    ),
    (
        "firewalls with their rules",
        f"firewalls: {{web: {{rules: {{a: {RULE.replace('PORT', '80')}}}}}, api: }}\n"
        + SWAP.replace("instances", "firewalls"),
        {"firewalls.web": "F", "firewalls.web.rules.a": "R", "firewalls.api": "G"},
        {"firewalls.api": "F", "firewalls.api.rules.a": "R", "firewalls.web": "G"},
    ),
    (
        "single rules",
        f"firewalls: {{web: {{rules: {{a: {RULE.replace('PORT', '80')}, "
        f"b: {RULE.replace('PORT', '443')}}}}}}}\n"
        "moved: [{from: firewalls.web.rules.a, to: firewalls.web.rules.b}, "
        "{from: firewalls.web.rules.b, to: firewalls.web.rules.a}]",
        {"firewalls.web": "F", "firewalls.web.rules.a": "R", "firewalls.web.rules.b": "S"},
        {"firewalls.web": "F", "firewalls.web.rules.b": "R", "firewalls.web.rules.a": "S"},
    ),
    (
        "rules that exchange while their firewall is renamed",
        f"firewalls: {{front: {{rules: {{a: {RULE.replace('PORT', '80')}, "
        f"b: {RULE.replace('PORT', '443')}}}}}}}\n"
        "moved: [{from: firewalls.web, to: firewalls.front}, "
        "{from: firewalls.front.rules.a, to: firewalls.front.rules.b}, "
        "{from: firewalls.front.rules.b, to: firewalls.front.rules.a}]",
        {"firewalls.web": "F", "firewalls.web.rules.a": "R", "firewalls.web.rules.b": "S"},
        {"firewalls.front": "F", "firewalls.front.rules.b": "R", "firewalls.front.rules.a": "S"},
    ),
    (
        "a gap is closed, and what filled it is at the end",
        "instances: {web: {count: 3}}\n" + GAP,
        {f"instances.web[{n}]": id for n, id in enumerate("ABCD")},
        {f"instances.web[{n}]": id for n, id in enumerate("ACDB")},
    ),
    (
        "the last but one",
        "instances: {web: {count: 2}}\nmoved: [{from: 'instances.web[2]', to: 'instances.web[1]'}]",
        {f"instances.web[{n}]": id for n, id in enumerate("ABC")},
        {f"instances.web[{n}]": id for n, id in enumerate("ACB")},
    ),
    (
        "a gap that is empty already",
        "instances: {web: {count: 3}}\n" + GAP,
        {"instances.web[0]": "A", "instances.web[2]": "C", "instances.web[3]": "D"},
        {"instances.web[0]": "A", "instances.web[1]": "C", "instances.web[2]": "D"},
    ),
    (
        "a key whose object is removed",
        "instances: {web: {for_each: [a]}}\n"
        "moved: [{from: 'instances.web[\"b\"]', to: 'instances.web[\"a\"]'}]\n"
        "removed: [{from: 'instances.web[\"a\"]', keep: false}]",
        {'instances.web["a"]': "A", 'instances.web["b"]': "B"},
        {'instances.web["a"]': "B", 'instances.web["b"]': "A"},
    ),
    (
        "numbers to keys",
        f"instances: {{web: {{for_each: [a, b]}}}}\nmoved: [{TO_KEYS}]",
        {"instances.web[0]": "A", "instances.web[1]": "B"},
        {'instances.web["a"]': "A", 'instances.web["b"]': "B"},
    ),
    (
        "and back, with the lines of the way there",
        f"instances: {{web: {{count: 2}}}}\nmoved: [{TO_KEYS}, {TO_COUNT}]",
        {'instances.web["a"]': "A", 'instances.web["b"]': "B"},
        {"instances.web[0]": "A", "instances.web[1]": "B"},
    ),
    (
        "a name and back",
        "instances: {web: }\n" + SWAP,
        {"instances.api": "A"},
        {"instances.web": "A"},
    ),
    (
        "an exchange of which one object is missing is none",
        TWO + SWAP,
        {"instances.web": "A"},
        {"instances.web": "A"},
    ),
    ("an exchange of what the file no longer has", SWAP, {"instances.web": "A"}, {}),
]


@pytest.mark.parametrize(
    ("text", "before", "wanted"), [row[1:] for row in FOLLOWED], ids=[row[0] for row in FOLLOWED]
)
def test_each_line_moves_once_for_a_state(
    text: str, before: dict[str, str], wanted: dict[str, str]
) -> None:
    now, file = state(before), stack(text)
    for _ in range(3):
        found = moves.move(file, now)
        assert found.problems == ()
        now = after(found, now)
        assert ids(now) == (wanted or before)
        assert now.entries == found.state.entries
        for entry in now.entries.values():
            address = parse(entry.address)
            assert address is not None
            if address.rule is not None:
                assert now.entries[str(address.owner)].id == entry.parent
    assert moves.move(file, now).effects == ()
    # An older copy of the state is as it was: there the lines still count.
    assert ids(moves.move(file, state(before)).state) == (wanted or before)


def test_what_a_new_state_creates_is_not_exchanged_later() -> None:
    for text, made in (
        (TWO + SWAP, {"instances.web": "A", "instances.api": "B"}),
        (
            "instances: {web: {count: 3}}\n" + GAP,
            {f"instances.web[{n}]": id for n, id in enumerate("ABC")},
        ),
    ):
        empty = state({})
        noted = after(moves.move(stack(text), empty), empty)
        created = replace(noted, entries=state(made).entries)
        assert ids(moves.move(stack(text), created).state) == made


def test_a_count_that_grows_again_is_left_alone() -> None:
    before = state({f"instances.web[{n}]": id for n, id in enumerate("ABCD")})
    closed = after(moves.move(stack("instances: {web: {count: 3}}\n" + GAP), before), before)
    left = replace(
        closed, entries={t: e for t, e in closed.entries.items() if t != "instances.web[3]"}
    )
    larger = stack("instances: {web: {count: 4}}\n" + GAP)
    grown = after(moves.move(larger, left), left)
    made = replace(grown, entries={**grown.entries, **state({"instances.web[3]": "E"}).entries})
    assert ids(moves.move(larger, made).state) == {
        f"instances.web[{n}]": id for n, id in enumerate("ACDE")
    }


def test_lines_that_left_the_file_count_again_when_they_return() -> None:
    # Goal: what was exchanged can be exchanged back, with an apply in between.
    now = state({"instances.web": "A", "instances.api": "B"})
    for text in (TWO + SWAP, TWO, TWO + SWAP):
        now = after(moves.move(stack(text), now), now)
    assert ids(now) == {"instances.web": "A", "instances.api": "B"}


def test_lines_that_are_only_kept_are_not_followed() -> None:
    # Goal: an undo does not make the file exchange again.
    file = stack(TWO + SWAP)
    now = state({"instances.web": "A", "instances.api": "B"})
    now = after(moves.move(file, now), now)
    undone = replace(file, moved=tuple(replace(line, past=True) for line in file.moved))
    assert moves.move(undone, now).effects == ()
    assert moves.move(undone, state(ids(now))).effects == ()


REFUSED: list[tuple[str, str, dict[str, str], str]] = [
    (
        "to an address that an object keeps",
        "instances: {web: {for_each: [a]}}\n"
        "moved: [{from: 'instances.web[\"b\"]', to: 'instances.web[\"a\"]'}]",
        {'instances.web["a"]': "A", 'instances.web["b"]': "B"},
        "the state holds both",
    ),
    (
        "from a number that the file has",
        "instances: {web: {count: 4}}\n" + GAP,
        {f"instances.web[{n}]": id for n, id in enumerate("ABCD")},
        "instances.web[3]` moves, but the file still contains it",
    ),
    (
        "two to one",
        TWO + SWAP.replace("[{", "[{from: instances.old, to: instances.api}, {", 1),
        {"instances.web": "A", "instances.api": "B", "instances.old": "C"},
        "both instances.old and instances.web would become instances.api",
    ),
]


@pytest.mark.parametrize(
    ("text", "before", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_contradiction_names_its_line(text: str, before: dict[str, str], says: str) -> None:
    found = moves.move(stack(text), state(before))
    assert [says in str(problem.message) for problem in found.problems] == [True]
    assert found.problems[0].place is not None and found.problems[0].hint
    assert found.effects == () and ids(found.state) == before


@pytest.mark.parametrize("address", ["instances.web", "instances.api"])
def test_nothing_is_exchanged_with_a_request_of_unknown_outcome(address: str) -> None:
    now = state({"instances.web": "A"} if address == "instances.api" else {"instances.api": "B"})
    intent = Intent(1, "run", "step", address, "instance.create", None, {}, "nonce", 1)
    now = replace(now, open={1: OpenIntent(intent, "unknown")})
    assert [str(p.hint) for p in moves.move(stack(TWO + SWAP), now).problems] == [
        "settle it first: reconciler recover"
    ]


def test_a_removed_object_whose_address_is_taken_can_be_kept() -> None:
    file = stack(
        "instances: {web: {count: 3}}\n"
        + GAP
        + "\nremoved: [{from: 'instances.web[1]', keep: true}]"
    )
    found = moves.move(file, state({f"instances.web[{n}]": id for n, id in enumerate("ABCD")}))
    assert [(str(removal.address), removal.keep) for removal in found.removals] == [
        ("instances.web[3]", True)
    ]


@pytest.mark.parametrize("keep", [True, False])
def test_a_removal_still_counts_if_the_run_that_moved_did_not_do_it(keep: bool) -> None:
    # Goal: `--only` left it out, or the run was killed after the moves.
    text = "instances: {web: {count: COUNT}}\n" + GAP
    removal = f"\nremoved: [{{from: 'instances.web[1]', keep: {str(keep).lower()}}}]"
    file = stack(text.replace("COUNT", "3") + removal)
    before = state({f"instances.web[{n}]": id for n, id in enumerate("ABCD")})
    now = after(moves.move(file, before), before)
    for _ in range(2):
        found = moves.move(file, now)
        assert [(str(each.address), each.keep) for each in found.removals] == [
            ("instances.web[3]", keep)
        ]
        assert found.effects == ()
    done = replace(now, entries={t: e for t, e in now.entries.items() if t != "instances.web[3]"})
    assert moves.move(file, done).removals == ()
    larger = stack(text.replace("COUNT", "4") + removal)
    assert moves.move(larger, now).removals == ()


def test_a_damaged_note_is_read_as_none() -> None:
    for text in ("{", '"x"', "1"):
        now = replace(state({}), facts={moves.APPLIED: text})
        assert moves.noted(now) == frozenset()
    now = replace(state({}), facts={moves.APPLIED: json.dumps(["a -> b"])})
    assert moves.noted(now) == {"a -> b"}


COMPONENT = "components: {store: {use: parts/shop.yaml}}\nmoved: [{from: components.shop, to: "


def test_a_component_moves_with_all_its_resources(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "shop.yaml").write_text(
        "version: 1\ncomponent: shop\ninstances: {web: {count: 2}, db: }\n"
    )
    before = {"instances.shop_web[0]": "A", "instances.shop_web[1]": "B", "instances.shop_db": "C"}
    file = tmp_path / "stack.yaml"
    for lines in (
        "components.store}]",
        "components.mid}, {from: components.mid, to: components.store}]",
    ):
        file.write_text(HEAD + COMPONENT + lines + "\n")
        found = moves.move(load_stack(file, environment=None).stack, state(before))
        assert found.problems == ()
        assert ids(found.state) == {t.replace("shop_", "store_"): id for t, id in before.items()}


def test_two_components_exchange_their_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(
            f"version: 1\ncomponent: {name}\ninstances: {{web: , {name}: }}\n"
        )
    file = tmp_path / "stack.yaml"
    file.write_text(
        HEAD + "components: {x: {use: a.yaml}, y: {use: b.yaml}}\n"
        "moved: [{from: components.x, to: components.y}, {from: components.y, to: components.x}]\n"
    )
    stack_now = load_stack(file, environment=None).stack
    now = state(
        {
            "instances.x_web": "A",
            "instances.y_web": "B",
            "instances.y_a": "C",
            "instances.x_b": "D",
        }
    )
    wanted = {
        "instances.y_web": "A",
        "instances.x_web": "B",
        "instances.x_a": "C",
        "instances.y_b": "D",
    }
    for _ in range(2):
        now = after(moves.move(stack_now, now), now)
        assert ids(now) == wanted


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("components.stor}]", "did you mean `store`?"),
        ("components.other}, {from: components.store, to: components.x}]", "remove one of the two"),
        ("components.shop}]", "remove the line"),
        (
            "components.store}, {from: components.shop, to: components.a}]",
            "keep one of the two lines",
        ),
        ("components.}]", "write components.NAME on both sides"),
    ],
)
def test_a_line_of_a_component_that_is_wrong(tmp_path: Path, line: str, hint: str) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "shop.yaml").write_text(
        "version: 1\ncomponent: shop\ninstances: {web: }\n"
    )
    file = tmp_path / "stack.yaml"
    file.write_text(HEAD + COMPONENT + line + "\n")
    with pytest.raises(Abort) as stop:
        load_stack(file, environment=None)
    assert any(hint in str(problem.hint) for problem in stop.value.problems)


def test_mv_exchanges_what_is_at_two_addresses() -> None:
    now = state({"instances.web[0]": "A", "instances.web[1]": "B", "instances.api": "C"})
    one = addresses.rename(now, at("instances.web[0]"), at("instances.web[1]"), exchange=True)
    assert ids(one.state)["instances.web[0]"] == "B"
    whole = addresses.rename(now, at("instances.web"), at("instances.api"), exchange=True)
    assert ids(whole.state) == {
        "instances.api[0]": "A",
        "instances.api[1]": "B",
        "instances.web": "C",
    }
    missing = addresses.rename(now, at("instances.web[0]"), at("instances.x"), exchange=True)
    assert [problem.message for problem in missing.problems] == ["instances.x is not in the state"]
