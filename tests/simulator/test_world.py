"""The world: copies, files, time, and changes from outside (local-cloud#the-local-cloud)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.simulator import Cloud, Fault, VirtualClock, World
from reconciler.simulator.edits import EditError, edit, parse_values
from reconciler.simulator.worldfile import (
    WorldFileError,
    WorldInUse,
    WorldStore,
    default_world,
    load_world,
    packaged_world,
    save_world,
    world_from_data,
    world_from_text,
    world_to_data,
    world_to_yaml,
)
from tests.simulator.harness import START, Account, account


def busy_world() -> Account:
    """Something of every kind, some of it under way."""
    one = account({"visibility_delay": 3, "ticks.group": 5})
    key, gone = one.instance(), one.instance("gone")
    one.volume(key)
    group = one.group(content="a & <b>")
    one.rule(group, content="텍스트")
    one.join(group, key)
    one.delete(f"/v1/instances/{gone}")
    one.settle()
    one.wait(40 * 86_400)
    one.post(f"/v1/instances/{key}/resize", form={"flavor_id": "std_4.8-g1"})
    one.instance("new", ready=False)
    return one


def test_the_default_world_is_the_contracts_catalogue_and_nothing_else() -> None:
    """local-cloud#the-local-cloud: an SSH key named deploy, and no servers, volumes or
    firewalls.
    """
    world = default_world()
    assert (len(world.zones), len(world.flavors), len(world.images), len(world.storage_types)) == (
        4,
        15,
        10,
        2,
    )
    assert [row["name"] for row in world.ssh_keys.values()].count("deploy") == 1
    assert not world.instances and not world.block_storages and not world.firewalls


@pytest.mark.parametrize(
    "write", [world_to_yaml, lambda world: json.dumps(world_to_data(world))], ids=["yaml", "json"]
)
def test_a_world_comes_back_from_a_file_as_it_was(write: Any, tmp_path: Path) -> None:
    """Everything, what is under way included, in either form."""
    world = busy_world().cloud.snapshot()
    assert world.working and world.gone and world.bills and world.charged is not None
    again = world_from_text(write(world))
    assert world_to_data(again) == world_to_data(world)
    assert set(again.working) == set(world.working)


@pytest.mark.parametrize("name", ["world.yaml", "world.json", "deep/er/world.yaml"])
def test_a_world_is_saved_whole_and_leaves_nothing_beside_it(name: str, tmp_path: Path) -> None:
    """Write, then rename."""
    path = tmp_path / name
    world = busy_world().cloud.snapshot()
    save_world(world, path)
    save_world(world, path)
    assert world_to_data(load_world(path)) == world_to_data(world)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_was_under_way_finishes_after_loading_later() -> None:
    """Times are wall-clock seconds."""
    one = account()
    key = one.instance(ready=False)
    text = world_to_yaml(one.cloud.snapshot())
    later = VirtualClock(START + 1_000)
    assert Cloud(world_from_text(text), clock=later).world.instances[key].status == "active"
    soon = VirtualClock(START + 39)
    cloud = Cloud(world_from_text(text), clock=soon)
    assert cloud.world.instances[key].status == "pending"
    soon.advance(1)
    assert cloud.world.instances[key].status == "active"


def test_the_time_of_a_world_never_runs_backwards() -> None:
    """Neither where a clock is set back, nor where a world from the future is loaded: that one goes
    on from where it was.
    """
    one = account()
    key = one.instance(ready=False)
    before = one.world.time
    one.clock.now -= 500
    assert one.world.time == before
    one.clock.now = 1_000.0
    cloud = Cloud(world_from_text(world_to_yaml(one.cloud.snapshot())), clock=one.clock)
    one.clock.advance(40)
    assert cloud.world.instances[key].status == "active"
    assert cloud.world.time == before + 40


def test_advance_moves_the_world_and_not_the_clock() -> None:
    """Signatures of now stay good after a jump of a week."""
    one = account()
    key = one.instance(ready=False)
    one.cloud.advance(7 * 86_400)
    assert one.get(f"/v1/instances/{key}").row["status"] == "active"
    assert one.clock() == START
    with pytest.raises(ValueError):
        one.cloud.advance(-1)


def test_a_copy_of_a_world_does_not_change() -> None:
    """Snapshots share records, not dictionaries."""
    one = account()
    key = one.instance(ready=False)
    copy = one.cloud.snapshot()
    one.settle()
    one.group()
    assert copy.instances[key].status == "pending" and not copy.firewalls
    copy.advance(copy.time + 40)
    assert copy.instances[key].status == "active"


def test_the_company_world_is_consistent_and_served() -> None:
    """The larger world: its hidden zone, its forgotten volume, its bills."""
    one = account({"rate_limit": 60}, world=packaged_world("company"))
    assert one.get("/v1/instances", page_size=100).body["count"] == 15
    assert len(one.world.instances) == 16
    assert [
        row["name"] for row in one.get("/v1/block-storages").rows if row["instance_id"] is None
    ] == ["보관-분리됨"]
    assert one.get("/v1/security-groups").body["count"] == 6
    assert len(one.world.memberships) == 9
    assert one.get("/v1/bill").body["count"] == 4
    world = one.world
    day = sum(map(world.daily_price, world.instances.values())) + sum(
        map(world.daily_price, world.block_storages.values())
    )
    assert one.get("/v1/bill/live").row["price"] <= day
    check_invariants(one.world)


def check_invariants(world: World) -> None:
    """What holds in every world, whatever was done to it."""
    for volume in world.block_storages.values():
        assert volume.owner_or_target is None or volume.owner_or_target in world.instances
        assert (
            volume.owner_or_target is None
            or world.instances[volume.owner_or_target].zone_id == volume.zone_id
        )
    for instance_id, instance in world.instances.items():
        assert world.slots_used(instance_id) <= instance.block_storage_limit
        assert len(world.firewalls_of(instance_id)) <= 1
    for firewall_id, instance_id in world.memberships:
        assert firewall_id in world.firewalls and instance_id in world.instances
    rule_ids = [rule.rule_id for firewall in world.firewalls.values() for rule in firewall.rules]
    assert len(rule_ids) == len(set(rule_ids))
    addresses = [each.public_address for each in world.instances.values()]
    assert len(addresses) == len(set(addresses))
    assert world.next_due() is None or world.next_due() > world.time  # type: ignore[operator]


ACTS = st.sampled_from(
    [
        "create",
        "volume",
        "attach",
        "detach",
        "delete_volume",
        "delete",
        "start",
        "shutdown",
        "resize",
        "join",
        "leave",
        "wait",
    ]
)


@given(st.lists(st.tuples(ACTS, st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_no_sequence_of_requests_breaks_the_world(acts: list[tuple[str, int, int]]) -> None:
    """Any requests in any order at any time; answers held to openapi.yaml, then everything settles
    and still holds.
    """
    one = account()
    groups = [one.group(f"group-{number}") for number in range(2)]
    for act, first, second in acts:
        perform(one, act, first, second, groups)
        check_invariants(one.world)
    one.settle()
    check_invariants(one.world)
    assert not one.world.working
    assert world_to_data(world_from_data(world_to_data(one.world))) == world_to_data(one.world)


def perform(one: Account, act: str, first: int, second: int, groups: list[str]) -> None:
    instances, volumes = list(one.world.instances), list(one.world.block_storages)
    instance = instances[first % len(instances)] if instances else "INSTANCE-0000000000000000000000"
    volume = volumes[second % len(volumes)] if volumes else "none"
    paths = {
        "attach": f"/v1/block-storages/{volume}/attach/{instance}",
        "detach": f"/v1/block-storages/{volume}/detach",
        "start": f"/v1/instances/{instance}/start",
        "shutdown": f"/v1/instances/{instance}/shutdown",
    }
    group = groups[second % 2]
    if act == "create":
        zone, flavor = ("kr1-z01", "std_1.1-g1") if first % 2 else ("kr1_z02", "std_2.2-g1")
        form = {"zone_id": zone, "flavor_id": flavor, "image_id": "PIMAGE-0Ex1UbuntuJammy22LTS0a"}
        one.post("/v1/instances", form={**form, "count": 1 + second % 2})
    elif act == "volume":
        one.post(
            "/v1/block-storages", form={"instance_id": instance, "type": "ssd", "size": 10 + second}
        )
    elif act == "resize":
        one.post(f"/v1/instances/{instance}/resize", form={"flavor_id": "std_4.8-g1"})
    elif act in {"join", "leave"}:
        one.post(
            f"/v1/security-groups/{group}/{'attach' if act == 'join' else 'detach'}",
            data={"instance_id": instance},
        )
    elif act == "delete":
        one.delete(f"/v1/instances/{instance}")
    elif act == "delete_volume":
        one.delete(f"/v1/block-storages/{volume}")
    elif act == "wait":
        one.wait(4.0 * (1 + first) * (1 + second))
    else:
        one.post(paths[act])


# Files written by hand
# -------------------------------------------------------------------------------------------------------


def test_a_world_written_by_hand_may_be_short() -> None:
    """Names are enough; the rest is the default."""
    world = world_from_text("""
        instances:
        - {name: web, start_date: "2026-03-02 09:15:00"}
        - {name: db, flavor_id: std_4.8-g1, status: "off"}
        block_storages: [{name: data, size: 100, instance_id: db}]
        firewalls: [{title: web-policy, rules: [{bound: IN, protocol: TCP, port: "443", ip: 0.0.0.0/0, title: https}], members: [web]}]
        """)
    one = account(world=world)
    rows = {row["name"]: row for row in one.get("/v1/instances", fields=131071).rows}
    assert rows["web"]["start_date"] == "2026-03-02 09:15:00"
    assert rows["db"]["block_storage"] == [one.get("/v1/block-storages").row["block_storage_id"]]
    group = one.get("/v1/security-groups").row["firewall_id"]
    assert one.get(f"/v1/security-groups/{group}/instances").row["name"] == "web"
    assert len(world.flavors) == 15


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[]", "a world is a mapping"),
        ("a: [", "neither YAML nor JSON"),
        ("format: 2", "format 2 is not 1"),
        ("servers: []", "unknown section: servers"),
        ("instances: {}", None),
        ("instances: [web]", "list of objects"),
        ("instances: [{nam: web}]", "instances, entry 1: unknown nam"),
        ("instances: [{name: web, start_date: today}]", "YYYY-MM-DD"),
        ("zones: [{name: x}]", "objects with zone_id"),
        ("seed: x", "seed is a number"),
        ("block_storages: [{instance_id: web}]", "no instance web; there are none"),
        ("firewalls: [{title: web-policy, rules: [1]}]", "a rule is an object"),
        ("firewalls: [{title: web-policy, rules: [{bound: IN}]}]", "firewalls, entry 1"),
        ("firewalls: [{content: x}]", "title"),
    ],
)
def test_a_file_that_is_not_a_world_is_refused_with_the_reason(text: str, hint: str | None) -> None:
    """The entry is named."""
    if hint is None:
        assert world_from_text(text).instances == {}
        return
    with pytest.raises(WorldFileError, match=hint):
        world_from_text(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """For the command line."""
    with pytest.raises(WorldFileError, match=r"none\.yaml"):
        load_world(tmp_path / "none.yaml")


# Changes from outside
# --------------------------------------------------------------------------------------------------------


def test_members_are_set_by_name_or_id_in_the_contracts_words() -> None:
    """Texts of a command line take the type of their member."""
    one = account()
    key = one.instance()
    volume = one.volume(key, name="data")
    group = one.group()
    rule = one.rule(group)
    other = one.instance("other")

    def do(action: str, kind: str, name: str, *texts: str) -> str:
        return str(
            one.cloud.change(lambda world: edit(world, action, kind, name, parse_values(texts)))
        )

    assert (
        do(
            "set",
            "instance",
            "web",
            "description=new text",
            "flavor=std_4.8-g1",
            "public_attached=false",
            "name=www",
        )
        == key
    )
    row = one.get(f"/v1/instances/{key}", fields=131071).row
    assert (row["name"], row["description"], row["flavor"]["flavor_id"]) == (
        "www",
        "new text",
        "std_4.8-g1",
    )
    assert row["ip"][0]["public"]["attached"] is False
    do("set", "servers", key, "description=none", "security_group=web-policy")
    assert one.get(f"/v1/instances/{key}").row["description"] is None
    assert one.world.members(group) == [key]
    do("set", "instance", key, "security_group=none")
    assert one.world.members(group) == []
    do("set", "block-storage", "data", "size=50", "instance=other")
    assert (
        one.world.block_storages[volume].size,
        one.world.block_storages[volume].instance_id,
    ) == (50, other)
    do("set", "security_group", "web-policy", "icmp=Y", "content=<x>")
    assert one.get(f"/v1/security-groups/{group}").row["content"] == "&lt;x&gt;"
    do("set", "rule", f"web-policy/{rule}", "port=8443", "ip=10.0.0.0/8")
    assert one.world.firewalls[group].rules[0].port == "8443"
    do("delete", "rule", "web-policy/https")
    assert one.world.firewalls[group].rules == ()
    do("set", "flavor", "std_2.4-g1", "status=soldout", 'price={"partial": {"KRW": 1}}')
    assert one.get("/v1/flavors/std_2.4-g1").row["price"] == {"partial": {"KRW": 1}}
    do(
        "set",
        "firewall",
        "web-policy",
        'rules=[{"bound": "IN", "protocol": "UDP", "port": "53", "ip": "0.0.0.0/0", "title": "dns"}]',
    )
    assert one.world.firewalls[group].rules[0].title == "dns"
    assert default_world().flavors["std_2.4-g1"]["status"] == "available"


def test_objects_are_created_and_deleted_from_outside() -> None:
    """As somebody in the console would, to show foreign objects and objects that are gone."""
    one = account()

    def do(action: str, kind: str, name: str, **values: object) -> str:
        return str(one.cloud.change(lambda world: edit(world, action, kind, name, values)))

    group = do("create", "firewall", "office", content="by hand")
    key = do(
        "create",
        "instance",
        "foreign",
        zone="kr1_z02",
        security_group="office",
        description="손으로",
    )
    do("create", "rule", "office/ssh", port=22, ip="203.0.113.0/24")
    volume = do("create", "volume", "order_only", size=30)
    do("create", "block_storage", "bound", instance="foreign")
    do("create", "ssh_key", "SSHKEY-new")
    do("create", "zone", "kr9", zone_name="KR9", status="available", content=[], api=False)
    assert one.get(f"/v1/instances/{key}").row["zone"]["zone_id"] == "kr1_z02"
    assert one.get(f"/v1/security-groups/{group}/instances").row["name"] == "foreign"
    assert one.get("/v1/zones").body["count"] == 4
    assert one.get("/v1/auth/ssh_key").body["count"] == 4
    do("delete", "block_storage", volume)
    do("delete", "instance", "foreign")
    do("delete", "firewall", "office")
    do("delete", "ssh_key", "SSHKEY-new")
    assert one.get(f"/v1/instances/{key}").code == "ID_INVALID"
    assert [row["instance_id"] for row in one.get("/v1/block-storages").rows] == [None]
    check_invariants(one.world)


@pytest.mark.parametrize(
    ("action", "kind", "name", "values", "hint"),
    [
        ("paint", "instance", "web", {"name": "x"}, "no such action"),
        ("set", "server farm", "web", {"name": "x"}, "no such kind"),
        ("set", "instance", "web", {}, "MEMBER=VALUE"),
        ("delete", "instance", "web", {"name": "x"}, "takes no values"),
        ("set", "instance", "wen", {"name": "x"}, "no instance wen; there are twin, web"),
        ("set", "instance", "twin", {"name": "x"}, "2 of kind instance are named twin"),
        ("set", "instance", "web", {"colour": "red"}, "colour cannot be set"),
        ("set", "instance", "web", {"instance_id": "x"}, "instance_id cannot be set"),
        ("set", "instance", "web", {"created": "today"}, "created may not be"),
        ("set", "instance", "web", {"name": None}, "name may not be null"),
        ("set", "instance", "web", {"security_group": "none such"}, "no firewall none such"),
        ("set", "rule", "web-policy", {"port": "1"}, "FIREWALL/RULE"),
        ("set", "rule", "web-policy/none", {"port": "1"}, "no rule none"),
        ("set", "firewall", "web-policy", {"rules": "all"}, "list of objects"),
        ("set", "flavor", "std_2.4-g1", {"flavor_id": "x"}, "cannot be changed"),
        ("create", "flavor", "std_2.4-g1", {}, "exists"),
        ("create", "instance", "x", {"colour": "red"}, "unknown colour"),
    ],
)
def test_an_impossible_edit_is_refused_with_the_alternatives(
    action: str, kind: str, name: str, values: dict[str, object], hint: str
) -> None:
    """And changes nothing."""
    one = account()
    for each in ("web", "twin", "twin"):
        one.instance(each)
    one.group()
    before = world_to_data(one.world)
    with pytest.raises(EditError, match=hint):
        one.cloud.change(lambda world: edit(world, action, kind, name, values))
    del before["serial"], before["rule_serial"]
    assert {
        name: value for name, value in world_to_data(one.world).items() if name in before
    } == before


def test_a_value_needs_an_equals_sign() -> None:
    """For the command line."""
    with pytest.raises(EditError, match="MEMBER=VALUE"):
        parse_values(["size"])


# Keeping
# ---------------------------------------------------------------------------------------------------------------------


def test_a_kept_world_is_written_after_each_change_and_read_again(tmp_path: Path) -> None:
    """So that a world outlives a command."""
    path = tmp_path / "world.json"
    keeper = WorldStore(path)
    one = account()
    keeper.bind(one.cloud)
    one.instance("kept", ready=False)
    assert [each.name for each in load_world(path).instances.values()] == ["kept"]
    keeper.close()
    again = Cloud(clock=VirtualClock(START + 60))
    second = WorldStore(path)
    second.bind(again)
    assert again.world.find("kept").status == "active"
    second.close()


def test_what_was_executed_late_is_kept_before_a_read_shows_it(tmp_path: Path) -> None:
    """Whoever saw it in an answer finds it in the file."""
    path = tmp_path / "world.json"
    keeper = WorldStore(path)
    one = account(faults=[Fault("executed_late", method="POST", seconds=10)])
    keeper.bind(one.cloud)
    one.sent(
        one.request("POST", "/v1/security-groups", data={"title": "web-policy", "content": "x"})
    )
    assert not load_world(path).firewalls
    one.wait(10)
    assert one.get("/v1/security-groups").body["count"] == 1
    assert len(load_world(path).firewalls) == 1
    keeper.close()


def test_a_kept_world_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told who has it."""
    path = tmp_path / "world.yaml"
    keeper = WorldStore(path)
    with pytest.raises(WorldInUse, match="kept by another running simulator"):
        WorldStore(path)
    keeper.close()
    WorldStore(path).close()


def test_a_printed_world_is_yaml_for_people() -> None:
    """Hangul as it is, members in a sensible order."""
    one = account()
    one.instance("웹")
    text = world_to_yaml(one.cloud.snapshot())
    assert "name: 웹" in text
    assert next(iter(yaml.safe_load(text))) == "format"
