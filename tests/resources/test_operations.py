"""Operations of the kinds: the call each makes, what its receipt gives, and when its end is
seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.resource import LiveResource
from reconciler.model.resource_type import Call, Edit, Operation, Progress, View, operation_of
from reconciler.resources import FIREWALL_APIS, all_kinds

FIXTURES = Path(__file__).parents[2] / "docs" / "api" / "fixtures"
NEWER, OLDER = all_kinds(), all_kinds("firewall")
S, B, F = "INSTANCE-1", "BLOCKSTORAGE-1", "FIREWALL-1"
MASK = (("fields", "44927"),)
CREATE = {"zone": "kr1-z01", "flavor": "std_2.4-g1", "image": "PIMAGE-1"}
CREATED = (
    ("zone_id", "kr1-z01"),
    ("image_id", "PIMAGE-1"),
    ("flavor_id", "std_2.4-g1"),
    ("count", "1"),
)
RULE = {
    "firewall": F,
    "direction": "in",
    "protocol": "tcp",
    "ports": "443",
    "cidr": "0.0.0.0/0",
    "title": "https",
}
RULE_BODY = {"bound": "IN", "protocol": "TCP", "port": "443", "ip": "0.0.0.0/0", "title": "https"}


def operation(name: str, kinds: Mapping[str, Any] = NEWER) -> Operation:
    return operation_of(kinds, name)


CALLS: list[tuple[str, str | None, dict[str, Any], Call]] = [
    ("instance.create", None, CREATE, Call("POST", "/v1/instances", form=CREATED)),
    (
        "instance.create",
        None,
        {
            **CREATE,
            "name": "웹 1",
            "description": "d",
            "ssh_keys": ("K-1", "K-2"),
            "user_script": "S-1",
        },
        Call(
            "POST",
            "/v1/instances",
            form=(
                *CREATED,
                ("name", "웹 1"),
                ("description", "d"),
                ("ssh_key_id", "K-1,K-2"),
                ("user_script_id", "S-1"),
            ),
        ),
    ),
    (
        "instance.create",
        None,
        {**CREATE, "name": None, "ssh_keys": ()},
        Call("POST", "/v1/instances", form=CREATED),
    ),
    (
        "instance.update",
        S,
        {"name": "n"},
        Call("PUT", f"/v1/instances/{S}", query=MASK, form=(("name", "n"),)),
    ),
    ("instance.start", S, {}, Call("POST", f"/v1/instances/{S}/start")),
    ("instance.stop", S, {}, Call("POST", f"/v1/instances/{S}/shutdown")),
    ("instance.reboot", S, {}, Call("POST", f"/v1/instances/{S}/reboot")),
    (
        "instance.resize",
        S,
        {"flavor": "f"},
        Call("POST", f"/v1/instances/{S}/resize", form=(("flavor_id", "f"),)),
    ),
    (
        "instance.rebuild",
        S,
        {"image": "i"},
        Call("POST", f"/v1/instances/{S}/rebuild", form=(("image_id", "i"),)),
    ),
    (
        "instance.reinstall",
        S,
        {"image": "i"},
        Call("POST", f"/v1/instances/{S}/rebuild", form=(("image_id", "i"),)),
    ),
    ("instance.delete", S, {}, Call("DELETE", f"/v1/instances/{S}")),
    (
        "block_storage.create",
        None,
        {"instance": S, "type": "ssd", "size": 100, "name": "n", "description": "d"},
        Call(
            "POST",
            "/v1/block-storages",
            form=(
                ("instance_id", S),
                ("type", "ssd"),
                ("size", "100"),
                ("name", "n"),
                ("description", "d"),
            ),
        ),
    ),
    (
        "block_storage.attach",
        B,
        {"instance": S},
        Call("POST", f"/v1/block-storages/{B}/attach/{S}"),
    ),
    ("block_storage.detach", B, {}, Call("POST", f"/v1/block-storages/{B}/detach")),
    ("block_storage.delete", B, {}, Call("DELETE", f"/v1/block-storages/{B}")),
    (
        "firewall.create",
        None,
        {"name": "web-policy", "description": "a & b", "icmp": True},
        Call(
            "POST",
            "/v1/security-groups",
            json={"title": "web-policy", "content": "a & b", "icmp": "Y"},
        ),
    ),
    (
        "firewall.create",
        None,
        {"name": "web-policy"},
        Call(
            "POST",
            "/v1/security-groups",
            json={"title": "web-policy", "content": "managed", "icmp": "N"},
        ),
    ),
    (
        "firewall.create",
        None,
        {"name": "web-policy", "description": "", "icmp": False},
        Call(
            "POST",
            "/v1/security-groups",
            json={"title": "web-policy", "content": "managed", "icmp": "N"},
        ),
    ),
    (
        "firewall.update",
        F,
        {"name": "n", "description": ""},
        Call("PUT", f"/v1/security-groups/{F}", json={"title": "n"}),
    ),
    (
        "firewall.update",
        F,
        {"name": "n", "icmp": False},
        Call("PUT", f"/v1/security-groups/{F}", json={"title": "n", "icmp": "N"}),
    ),
    ("firewall.delete", F, {}, Call("DELETE", f"/v1/security-groups/{F}")),
    (
        "firewall.attach",
        None,
        {"firewall": F, "instance": S},
        Call("POST", f"/v1/security-groups/{F}/attach", json={"instance_id": S}),
    ),
    (
        "firewall.detach",
        None,
        {"firewall": F, "instance": S},
        Call("POST", f"/v1/security-groups/{F}/detach", json={"instance_id": S}),
    ),
    ("rule.create", None, RULE, Call("POST", f"/v1/security-groups/{F}/rules", json=RULE_BODY)),
    (
        "rule.create",
        None,
        {**RULE, "description": ""},
        Call("POST", f"/v1/security-groups/{F}/rules", json=RULE_BODY),
    ),
    (
        "rule.update",
        "910001",
        {"firewall": F, "cidr": "10.0.0.1/8", "description": "사무실"},
        Call(
            "PUT",
            f"/v1/security-groups/{F}/rules/910001",
            json={"ip": "10.0.0.1/8", "content": "사무실"},
        ),
    ),
    (
        "rule.delete",
        "910001",
        {"firewall": F},
        Call("DELETE", f"/v1/security-groups/{F}/rules/910001"),
    ),
]


@pytest.mark.parametrize(
    ("name", "target", "inputs", "wanted"),
    CALLS,
    ids=[f"{row[0]}-{place}" for place, row in enumerate(CALLS)],
)
def test_an_operation_makes_the_call_of_the_contract(
    name: str, target: str | None, inputs: dict[str, Any], wanted: Call
) -> None:
    assert operation(name).encode(target, inputs) == wanted


SPOKEN_TO = [(name, target, inputs) for name, target, inputs, _ in CALLS if target is not None]
IDS = [
    (name, target, {**inputs, member: empty})
    for name, target, inputs, _ in CALLS
    for member in ("instance", "firewall", "zone", "image", "flavor")
    if member in inputs
    for empty in ("", None, " ")
]


@pytest.mark.parametrize(("name", "target", "inputs"), SPOKEN_TO, ids=[row[0] for row in SPOKEN_TO])
@pytest.mark.parametrize("target_is", [None, "", " ", "../x", "a/b", "a b"])
def test_a_path_is_not_made_without_an_id(
    name: str, target: str, inputs: dict[str, Any], target_is: str | None
) -> None:
    # Goal: no empty id ever reaches a request, whatever a plan says; `None` would be a path like
    # any other.
    with pytest.raises(ValueError, match="is not an id"):
        operation(name).encode(target_is, inputs)


@pytest.mark.parametrize(
    ("name", "target", "inputs"), IDS, ids=[f"{row[0]}-{place}" for place, row in enumerate(IDS)]
)
def test_a_request_is_not_made_without_the_ids_in_it(
    name: str, target: str | None, inputs: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="has no id for its"):
        operation(name).encode(target, inputs)


def test_every_operation_of_every_kind_is_in_the_table_of_calls() -> None:
    named = {f"{kind.singular}.{verb}" for kind in NEWER.values() for verb in kind.operations}
    assert named == {row[0] for row in CALLS}


OLDER_CALLS: list[tuple[str, str | None, dict[str, Any], Call]] = [
    (
        "firewall.create",
        None,
        {"name": "web-policy", "rules": (RULE,)},
        Call(
            "POST",
            "/v1/firewall",
            json={"title": "web-policy", "content": "managed", "icmp": "N", "rules": [RULE_BODY]},
        ),
    ),
    (
        "firewall.update",
        F,
        {"name": "n", "icmp": True, "rules": ()},
        Call("PUT", f"/v1/firewall/{F}", json={"title": "n", "icmp": "Y", "rules": []}),
    ),
    ("firewall.delete", F, {}, Call("DELETE", f"/v1/firewall/{F}")),
    (
        "firewall.attach",
        None,
        {"firewall": F, "instance": S},
        Call("POST", f"/v1/firewall/{F}/attach", json={"instance_id": S}),
    ),
    (
        "firewall.detach",
        None,
        {"firewall": F, "instance": S},
        Call("POST", f"/v1/firewall/{F}/detach", json={"instance_id": S}),
    ),
]


@pytest.mark.parametrize(
    ("name", "target", "inputs", "wanted"), OLDER_CALLS, ids=[row[0] for row in OLDER_CALLS]
)
def test_in_the_older_form_a_firewall_carries_its_rules(
    name: str, target: str | None, inputs: dict[str, Any], wanted: Call
) -> None:
    assert operation(name, OLDER).encode(target, inputs) == wanted


def test_in_the_older_form_an_edit_without_the_whole_set_of_rules_is_never_sent() -> None:
    with pytest.raises(KeyError):
        operation("firewall.update", OLDER).encode(F, {"name": "n"})
    assert not OLDER["rules"].operations


def receipts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (FIXTURES / "write_receipts.json").read_text(encoding="utf-8")
    )
    return found


@pytest.mark.parametrize(
    ("name", "sample", "wanted"),
    [
        ("instance.create", "create_instance_202", "INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7"),
        ("instance.update", "edit_instance_200", None),
        ("instance.delete", "delete_instance_202", None),
        ("instance.start", "instance_action_202", None),
        ("block_storage.create", "create_block_storage_202", "BLOCKSTORAGE-3cD4eF5gH6iJ7kL8mN9oP0"),
        ("block_storage.attach", "block_storage_action_202", None),
        ("firewall.create", "create_security_group_200", "FIREWALL-0aB1cD2eF3gH4iJ5kL6mN7"),
        ("firewall.create", "create_firewall_202", "FIREWALL-0aB1cD2eF3gH4iJ5kL6mN7"),
        ("firewall.delete", "delete_security_group_200", None),
        ("firewall.attach", "attach_security_group", None),
        ("rule.create", "create_security_group_rule_200", "910001"),
    ],
)
def test_a_receipt_gives_the_id_of_what_was_made(
    name: str, sample: str, wanted: str | None
) -> None:
    assert operation(name).receipt(receipts()[sample]["result"]) == wanted


@pytest.mark.parametrize(
    "result",
    [
        [],
        None,
        "success",
        [{}],
        [{"instance_id": None}],
        [{"instance_id": "A"}, {"instance_id": "B"}],
        [{"instance_id": "A"}, {}],
        [[]],
    ],
)
def test_a_receipt_without_exactly_one_id_is_refused_and_names_those_it_has(result: Any) -> None:
    with pytest.raises(ValueError, match="instance_id") as caught:
        operation("instance.create").receipt(result)
    if isinstance(result, list) and len(result) == 2:
        assert "A" in str(caught.value)


def test_the_receipt_of_a_create_is_read_before_anything_else_in_it() -> None:
    assert (
        operation("instance.create").receipt(
            [{"instance_id": S, "status": 5, "default_account": "?", "block_storage": 7}]
        )
        == S
    )
    assert operation("instance.create").receipt({"instance_id": S}) == S


def live(
    kind: str, id: str, *, ready: bool = True, failed: bool = False, **attributes: Any
) -> LiveResource:
    return LiveResource(kind, id, {"id": id, **attributes}, ready=ready, failed=failed)


def seen(*found: LiveResource, members: Mapping[str, tuple[str, ...]] | None = None) -> View:
    objects: dict[str, dict[str, LiveResource]] = {name: {} for name in NEWER}
    for one in found:
        objects[one.kind][one.id] = one
    return View(objects, members or {})


DONE, WAITING, FAILED = Progress.DONE, Progress.WAITING, Progress.FAILED
ENDS: list[tuple[str, str, str | None, dict[str, Any], View, Progress]] = [
    ("a young object is missing from the list", "instance.create", S, CREATE, seen(), WAITING),
    (
        "it is being made",
        "instance.create",
        S,
        CREATE,
        seen(live("instances", S, ready=False)),
        WAITING,
    ),
    ("it rests", "instance.create", S, CREATE, seen(live("instances", S)), DONE),
    (
        "the cloud reports it as failed",
        "instance.create",
        S,
        CREATE,
        seen(live("instances", S, ready=False, failed=True)),
        FAILED,
    ),
    ("still off", "instance.start", S, {}, seen(live("instances", S, power="off")), WAITING),
    ("on", "instance.start", S, {}, seen(live("instances", S, power="on")), DONE),
    ("on, not off", "instance.stop", S, {}, seen(live("instances", S, power="on")), WAITING),
    ("off", "instance.stop", S, {}, seen(live("instances", S, power="off")), DONE),
    ("missing from the list", "instance.stop", S, {}, seen(), WAITING),
    ("works", "instance.reboot", S, {}, seen(live("instances", S, ready=False)), WAITING),
    ("rests again", "instance.reboot", S, {}, seen(live("instances", S)), DONE),
    (
        "the old flavor",
        "instance.resize",
        S,
        {"flavor": "b"},
        seen(live("instances", S, flavor="a", power="on")),
        WAITING,
    ),
    (
        "resized and off",
        "instance.resize",
        S,
        {"flavor": "b"},
        seen(live("instances", S, flavor="b", power="off")),
        DONE,
    ),
    (
        "resized, at work",
        "instance.resize",
        S,
        {"flavor": "b"},
        seen(live("instances", S, ready=False, flavor="b")),
        WAITING,
    ),
    (
        "the new image",
        "instance.rebuild",
        S,
        {"image": "b"},
        seen(live("instances", S, image="b")),
        DONE,
    ),
    ("still listed", "instance.delete", S, {}, seen(live("instances", S, ready=False)), WAITING),
    ("listed no more", "instance.delete", S, {}, seen(), DONE),
    ("no list was read", "instance.delete", S, {}, View(), WAITING),
    (
        "texts as sent",
        "instance.update",
        S,
        {"name": "n"},
        seen(live("instances", S, name="n")),
        DONE,
    ),
    (
        "other text",
        "instance.update",
        S,
        {"name": "n"},
        seen(live("instances", S, name="m")),
        WAITING,
    ),
    (
        "owned by another",
        "block_storage.create",
        B,
        {"instance": S},
        seen(live("block_storages", B, instance="X")),
        WAITING,
    ),
    (
        "owned",
        "block_storage.create",
        B,
        {"instance": S},
        seen(live("block_storages", B, instance=S)),
        DONE,
    ),
    (
        "owned, pending",
        "block_storage.create",
        B,
        {"instance": S},
        seen(live("block_storages", B, ready=False, instance=S)),
        WAITING,
    ),
    (
        "attached",
        "block_storage.attach",
        B,
        {"instance": S},
        seen(live("block_storages", B, instance=S)),
        DONE,
    ),
    (
        "not detached yet",
        "block_storage.detach",
        B,
        {},
        seen(live("block_storages", B, instance=S)),
        WAITING,
    ),
    (
        "detached",
        "block_storage.detach",
        B,
        {},
        seen(live("block_storages", B, instance=None)),
        DONE,
    ),
    ("owner not said", "block_storage.detach", B, {}, seen(live("block_storages", B)), WAITING),
    ("gone", "block_storage.delete", B, {}, seen(), DONE),
    (
        "a member",
        "firewall.attach",
        None,
        {"firewall": F, "instance": S},
        seen(members={F: (S,)}),
        DONE,
    ),
    (
        "not yet",
        "firewall.attach",
        None,
        {"firewall": F, "instance": S},
        seen(members={F: ()}),
        WAITING,
    ),
    ("members not read", "firewall.detach", None, {"firewall": F, "instance": S}, seen(), WAITING),
    (
        "no member",
        "firewall.detach",
        None,
        {"firewall": F, "instance": S},
        seen(members={F: ("X",)}),
        DONE,
    ),
    (
        "edited",
        "firewall.update",
        F,
        {"name": "n", "icmp": True},
        seen(live("firewalls", F, name="n", icmp=True)),
        DONE,
    ),
    (
        "not edited",
        "firewall.update",
        F,
        {"name": "n", "icmp": True},
        seen(live("firewalls", F, name="n", icmp=False)),
        WAITING,
    ),
    (
        "edited",
        "rule.update",
        "1",
        {"firewall": F, "ports": "80"},
        seen(live("rules", "1", firewall=F, ports="80")),
        DONE,
    ),
    ("gone", "rule.delete", "1", {"firewall": F}, seen(live("rules", "2", firewall=F)), DONE),
]


@pytest.mark.parametrize(
    ("said", "name", "target", "inputs", "view", "wanted"),
    ENDS,
    ids=[f"{row[1]}: {row[0]}" for row in ENDS],
)
def test_an_end_is_seen_in_the_lists(
    said: str, name: str, target: str | None, inputs: dict[str, Any], view: View, wanted: Progress
) -> None:
    assert operation(name).progress(target, inputs, view) is wanted


def test_a_description_is_compared_as_it_was_sent_with_its_marker() -> None:
    shown = LiveResource("instances", S, {"description": "d"}, nonce="abcdefgh2345", marked="d")
    update = operation("instance.update")
    assert update.progress(S, {"description": "d rc-abcdefgh2345"}, seen(shown)) is DONE
    assert update.progress(S, {"description": "d rc-zzzzzzzz2345"}, seen(shown)) is WAITING


def test_in_the_older_form_an_edit_is_done_when_the_rules_are_the_ones_sent() -> None:
    update = operation("firewall.update", OLDER)
    group, shown = live("firewalls", F, name="n"), LiveResource("rules", "7", RULE)
    assert update.watches(F, {}) == ("firewalls", f"rules:{F}")
    assert update.progress(F, {"name": "n", "rules": (RULE,)}, seen(group, shown)) is DONE
    assert (
        update.progress(F, {"name": "n", "rules": ({**RULE, "ports": "80"},)}, seen(group, shown))
        is WAITING
    )


@pytest.mark.parametrize(
    ("name", "inputs", "watched", "settled_by"),
    [
        ("instance.create", CREATE, ("instances",), ("instances",)),
        ("instance.update", {"name": "n"}, (), ("instances",)),
        ("block_storage.detach", {}, ("block_storages",), ("block_storages",)),
        ("firewall.create", {"name": "n"}, (), ("firewalls",)),
        ("firewall.attach", {"firewall": F, "instance": S}, (f"members:{F}",), (f"members:{F}",)),
        ("rule.create", RULE, (), (f"rules:{F}",)),
    ],
)
def test_the_lists_that_show_an_end_are_named(
    name: str, inputs: dict[str, Any], watched: tuple[str, ...], settled_by: tuple[str, ...]
) -> None:
    found = operation(name)
    assert (found.watches("X", inputs), found.settled_by("X", inputs)) == (watched, settled_by)


@pytest.mark.parametrize(("ready", "wanted"), [(True, Progress.DONE), (False, Progress.WAITING)])
def test_a_volume_is_waited_for_without_naming_its_server(ready: bool, wanted: Progress) -> None:
    # What an earlier run left at work is waited for as it is: on whichever server, or on none.
    volume = LiveResource("block_storages", B, {"id": B, "instance": None}, ready=ready)
    assert (
        operation("block_storage.create").progress(B, {}, View({"block_storages": {B: volume}}))
        is wanted
    )


def test_deadlines_are_fifteen_minutes_for_creates_and_ten_for_the_rest() -> None:
    for kinds in (NEWER, OLDER):
        for kind in kinds.values():
            for verb, one in kind.operations.items():
                assert one.deadline_seconds == (900 if verb == "create" else 600)
                low, usual, high = one.seconds
                assert 0 <= low <= usual <= high <= one.deadline_seconds


def test_what_an_edit_does_is_fixed_per_field() -> None:
    fixed = {
        (kind.name, field.name): field.edit
        for kind in NEWER.values()
        for field in kind.fields.values()
    }
    named: dict[Edit, set[tuple[str, str]]] = {
        edit: {key for key, found in fixed.items() if found is edit} for edit in Edit
    }
    assert named[Edit.RESIZE] == {("instances", "flavor")}
    assert named[Edit.REBUILD] == {("instances", "image")}
    assert named[Edit.POWER] == {("instances", "power")}
    assert named[Edit.MEMBER] == {("instances", "firewall")}
    assert named[Edit.ATTACH] == {("block_storages", "instance")}
    assert named[Edit.REPLACE] == {
        ("instances", "zone"),
        ("block_storages", "type"),
        ("block_storages", "size"),
    }
    assert named[Edit.CREATE_ONLY] == {
        ("instances", "ssh_keys"),
        ("instances", "user_script"),
        ("block_storages", "name"),
        ("block_storages", "description"),
    }


def test_the_form_of_the_firewall_api_is_one_of_two() -> None:
    assert FIREWALL_APIS == ("security-groups", "firewall")
    with pytest.raises(ValueError, match="security-groups, firewall"):
        all_kinds("v2")
