"""Instances: birth, life and end (contract#statuses, contract#instances)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.harness import FLAVOR, IMAGE, OTHER_ZONE, ZONE, Account, account

TRIO = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE}


def status_of(one: Account, instance_id: str) -> str:
    return str(one.get(f"/v1/instances/{instance_id}", fields=9).row["status"])


def test_a_server_is_building_then_pending_then_active() -> None:
    """Section 10: the receipt's word is never read back; creation takes 40 seconds."""
    one = account()
    receipt = one.post("/v1/instances", form={**TRIO, "name": "web"}).row
    assert receipt["status"] == "building"
    assert receipt["default_account"]["password"] != "********"
    assert status_of(one, receipt["instance_id"]) == "pending"
    one.wait(39.9)
    assert status_of(one, receipt["instance_id"]) == "pending"
    one.wait(0.1)
    assert status_of(one, receipt["instance_id"]) == "active"


@pytest.mark.parametrize(
    ("action", "seconds", "before", "after"),
    [
        ("start", 15, "off", "active"),
        ("shutdown", 10, "active", "off"),
        ("reboot", 20, "active", "active"),
        ("rebuild", 60, "active", "active"),
        ("rebuild", 60, "off", "off"),
        ("resize", 45, "active", "active"),
        ("resize", 45, "off", "off"),
    ],
)
def test_an_action_takes_its_time_and_ends_in_the_right_status(
    action: str, seconds: float, before: str, after: str
) -> None:
    """Section 10: receipt `work`, reads `work`, then the end; meanwhile everything else is refused
    as busy.
    """
    one = account()
    key = one.instance()
    if before == "off":
        one.post(f"/v1/instances/{key}/shutdown")
        one.settle()
    form = {"flavor_id": "std_4.8-g1"} if action == "resize" else None
    answer = one.post(f"/v1/instances/{key}/{action}", form=form)
    assert (answer.status, answer.row) == (202, {"instance_id": key, "status": "work"})
    one.wait(seconds - 0.1)
    assert status_of(one, key) == "work"
    for other in ("start", "shutdown", "reboot", "rebuild"):
        assert one.post(f"/v1/instances/{key}/{other}").code == "DELETED_OR_WORKING_INSTANCE"
    assert one.delete(f"/v1/instances/{key}").code == "DELETED_OR_WORKING_INSTANCE"
    assert one.put(f"/v1/instances/{key}", form={"name": "x"}).code == "DELETED_OR_WORKING_INSTANCE"
    assert one.get(f"/v1/instances/{key}/remote-console").code == "DELETED_OR_WORKING_INSTANCE"
    one.wait(0.1)
    assert status_of(one, key) == after


def test_a_time_scale_divides_the_durations() -> None:
    """local-cloud#the-local-cloud."""
    one = account(time_scale=60)
    key = one.instance(ready=False)
    one.wait(0.6)
    assert status_of(one, key) == "pending"
    one.wait(0.1)
    assert status_of(one, key) == "active"


def test_a_resize_shows_the_old_flavor_until_it_is_done() -> None:
    """Section 14: verify `flavor.flavor_id`."""
    one = account()
    key = one.instance()
    one.post(f"/v1/instances/{key}/resize", form={"flavor_id": "std_4.8-g1"})
    assert one.get(f"/v1/instances/{key}", fields=1024).row["flavor"]["flavor_id"] == FLAVOR
    one.settle()
    row = one.get(f"/v1/instances/{key}", fields=1024 + 256).row
    assert row["flavor"]["flavor_id"] == "std_4.8-g1"
    assert row["flavor"]["vcpu"] == 4


def test_a_rebuild_keeps_id_addresses_and_volumes() -> None:
    """Section 14."""
    one = account()
    key = one.instance()
    volume = one.volume(key)
    before = one.get(f"/v1/instances/{key}", fields=131071).row
    one.post(f"/v1/instances/{key}/rebuild", form={"image_id": "PIMAGE-0Ex1Debian12Bookworm0f"})
    one.settle()
    after = one.get(f"/v1/instances/{key}", fields=131071).row
    assert after["image"]["image_id"] == "PIMAGE-0Ex1Debian12Bookworm0f"
    assert {**after, "image": None} == {**before, "image": None}
    assert after["block_storage"] == [volume]


def test_a_deleted_server_leaves_its_volumes_and_its_groups() -> None:
    """Sections 14, 17: the receipt names the survivors and not the instance; then it is gone."""
    one = account()
    key, group = one.instance(), one.group()
    volume = one.volume(key)
    one.join(group, key)
    receipt = one.delete(f"/v1/instances/{key}")
    assert (receipt.status, receipt.row) == (202, {"status": "deleting", "block_storage": [volume]})
    assert status_of(one, key) == "work"
    one.wait(15)
    assert one.get(f"/v1/instances/{key}").code == "ID_INVALID"
    assert one.get("/v1/instances").rows == []
    assert one.get(f"/v1/block-storages/{volume}").row["instance_id"] is None
    assert one.get(f"/v1/security-groups/{group}/instances").rows == []
    assert one.delete(f"/v1/instances/{key}").code == "DELETED_OR_WORKING_INSTANCE"
    assert one.post(f"/v1/instances/{key}/start").code == "DELETED_OR_WORKING_INSTANCE"


def test_one_call_creates_up_to_ten_servers() -> None:
    """Section 14: one receipt a server, own ids and addresses."""
    one = account()
    answer = one.post("/v1/instances", form={**TRIO, "name": "web", "count": 10})
    assert len({row["instance_id"] for row in answer.rows}) == answer.body["count"] == 10
    assert len({each.public_address for each in one.world.instances.values()}) == 10


def test_everything_optional_is_kept_or_echoed() -> None:
    """Section 14: keys and scripts are in the receipt and nowhere else; `ip` tells of the
    address.
    """
    one = account()
    keys = list(one.world.ssh_keys)[:2]
    script = next(iter(one.world.user_scripts))
    group = one.group()
    members: dict[str, Any] = {
        "name": "웹+1 호",
        "description": "50% & <더>",
        "ssh_key_id": ",".join(keys),
        "user_script_id": script,
    }
    answer = one.post(
        "/v1/instances",
        form={**TRIO, **members, "security_group": group, "attach_public_ip": "false"},
        wrong=True,
    )
    receipt = answer.row
    assert (receipt["name"], receipt["description"]) == ("웹+1 호", "50% & <더>")
    assert (receipt["ssh_key"], receipt["user_script_id"]) == (keys, script)
    row = one.get(f"/v1/instances/{receipt['instance_id']}", fields=131071).row
    assert (row["name"], row["description"]) == ("웹+1 호", "50% & <더>")
    assert not {"ssh_key", "user_script_id", "security_group"} & set(row)
    assert row["ip"][0]["public"]["attached"] is False
    assert one.world.members(group) == [receipt["instance_id"]]


@pytest.mark.parametrize("first", [0, 1])
def test_inline_volumes_are_made_with_the_server(first: int) -> None:
    """Section 14: literal names with dots, the first N 0 or 1."""
    one = account()
    inline = {
        f"block_storage.{first}.size": 20,
        f"block_storage.{first}.name": "data",
        f"block_storage.{first + 1}.size": 50,
    }
    answer = one.call(
        "POST",
        "/v1/instances",
        form={**TRIO, **inline, f"block_storage.{first + 1}.type": "sata"},
        wrong=True,
    )
    volumes = answer.row["block_storage"]
    one.settle()
    rows = {row["block_storage_id"]: row for row in one.get("/v1/block-storages").rows}
    assert [(rows[key]["size"], rows[key]["type"], rows[key]["status"]) for key in volumes] == [
        (20, "ssd", "active"),
        (50, "sata", "active"),
    ]
    assert (
        one.get(f"/v1/instances/{answer.row['instance_id']}", fields=8192).row["block_storage"]
        == volumes
    )


WRONG_CREATES = [
    ({"zone_id": None}, "REQUIRED_POST_PARAM_MISSING"),
    ({"image_id": ""}, "REQUIRED_POST_PARAM_MISSING"),
    ({"flavor_id": None}, "REQUIRED_POST_PARAM_MISSING"),
    ({"zone_id": "KR1-Z01"}, "ID_INVALID"),
    ({"image_id": "PIMAGE-none"}, "ID_INVALID"),
    ({"flavor_id": "none"}, "UNAVAILABLE_FLAVOR"),
    ({"flavor_id": "gpu_16.64_b", "zone_id": OTHER_ZONE}, "UNAVAILABLE_FLAVOR"),
    ({"flavor_id": "sto_2.8_s"}, "UNAVAILABLE_COMBINATION"),
    ({"zone_id": "kr3-z01"}, "UNAVAILABLE_COMBINATION"),
    ({"image_id": "PIMAGE-0Ex1CentOS7EndOfLife0g"}, "UNAVAILABLE_COMBINATION"),
    (
        {"zone_id": "kr2-z01", "image_id": "PIMAGE-0Ex1Debian12Bookworm0f"},
        "UNAVAILABLE_COMBINATION",
    ),
    ({"ssh_key_id": "SSHKEY-none"}, "UNAVAILABLE_SSH_KEY"),
    ({"user_script_id": "SCRIPT-none"}, "ID_INVALID"),
    ({"security_group": "FIREWALL-none"}, "ID_INVALID"),
    ({"attach_public_ip": "maybe"}, "CHECK_PARAM"),
    ({"count": 0}, "CHECK_PARAM"),
    ({"count": 11}, "CHECK_PARAM"),
    ({"count": "two"}, "CHECK_PARAM"),
    ({"name": "가" * 65}, "CHECK_LENGTH"),
    ({"description": "x" * 256}, "CHECK_LENGTH"),
    ({"block_storage.0.size": 5}, "CHECK_PARAM"),
    ({"block_storage.0.name": "x"}, "REQUIRED_POST_PARAM_MISSING"),
    ({"block_storage.x.size": 50}, "CHECK_PARAM"),
    ({"block_storage.0.size": 50, "block_storage.0.type": "nvme"}, "CHECK_PARAM_ENUM"),
    ({f"block_storage.{number}.size": 20 for number in range(4)}, "LIMIT_EXCEEDED"),
]


@pytest.mark.parametrize(
    ("members", "code"), WRONG_CREATES, ids=[str(members) for members, _ in WRONG_CREATES]
)
def test_a_wrong_create_makes_nothing(members: dict[str, object], code: str) -> None:
    """Section 14, failures."""
    one = account()
    form = {name: value for name, value in {**TRIO, **members}.items() if value is not None}
    answer = one.post("/v1/instances", form=form, wrong=True)
    assert (answer.status, answer.code) == (400, code)
    assert one.world.instances == {} and one.world.block_storages == {}


def test_names_of_the_longest_length_pass() -> None:
    """Section 4: 64 and 255 code points, Hangul counted as one."""
    one = account()
    row = one.post("/v1/instances", form={**TRIO, "name": "가" * 64, "description": "나" * 255}).row
    assert (len(row["name"]), len(row["description"])) == (64, 255)


def test_an_edit_changes_what_was_sent_and_gives_the_row() -> None:
    """Section 14."""
    one = account()
    key = one.instance("before", description="text")
    answer = one.call("PUT", f"/v1/instances/{key}", form={"name": "after"}, query={"fields": 7})
    assert (answer.status, answer.row) == (
        200,
        {"instance_id": key, "name": "after", "description": "text"},
    )
    assert one.put(f"/v1/instances/{key}", form={"description": "other"}).row["name"] == "after"
    assert one.put(f"/v1/instances/{key}", form={"name": ""}).code == "CHECK_LENGTH"
    assert one.put(f"/v1/instances/{key}").code == "REQUIRED_POST_PARAM_MISSING"
    assert one.put(f"/v1/instances/{key}", form={"name": "가" * 65}).code == "CHECK_LENGTH"


def test_power_in_the_target_state_is_accepted_and_changes_nothing() -> None:
    """Section 10: start on active and shutdown on off answer 202; reboot on off is CHECK_PARAM."""
    one = account()
    key = one.instance()
    assert one.post(f"/v1/instances/{key}/start").row == {"instance_id": key, "status": "active"}
    one.post(f"/v1/instances/{key}/shutdown")
    one.settle()
    assert one.post(f"/v1/instances/{key}/shutdown").row == {"instance_id": key, "status": "off"}
    assert one.post(f"/v1/instances/{key}/reboot").code == "CHECK_PARAM"
    assert one.cloud.next_change() is None


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "REQUIRED_POST_PARAM_MISSING"),
        ({"flavor_id": FLAVOR}, "CHECK_PARAM"),
        ({"flavor_id": "none"}, "UNAVAILABLE_FLAVOR"),
        ({"flavor_id": "hpa_4.8-g2"}, "UNAVAILABLE_FLAVOR"),
        ({"flavor_id": "std_1.2-g1"}, "UNAVAILABLE_COMBINATION"),
    ],
)
def test_invalid_resizes_are_refused(form: dict[str, str], code: str) -> None:
    """Section 14: in the zone, available, not smaller, not the same."""
    one = account()
    assert one.post(f"/v1/instances/{one.instance()}/resize", form=form, wrong=True).code == code


@pytest.mark.parametrize(
    ("image", "code"),
    [("PIMAGE-none", "ID_INVALID"), ("PIMAGE-0Ex1CentOS7EndOfLife0g", "UNAVAILABLE_COMBINATION")],
)
def test_invalid_rebuilds_are_refused(image: str, code: str) -> None:
    """Section 14."""
    one = account()
    assert (
        one.post(f"/v1/instances/{one.instance()}/rebuild", form={"image_id": image}).code == code
    )


def test_a_server_in_error_can_be_rebuilt_or_deleted_only() -> None:
    """Section 10: keep the id, report, let the user delete."""
    one = account({"create_outcome": "error"})
    key = one.instance()
    assert status_of(one, key) == "error"
    for action in ("start", "shutdown", "reboot"):
        assert one.post(f"/v1/instances/{key}/{action}").code == "CHECK_PARAM"
    assert (
        one.post(f"/v1/instances/{key}/resize", form={"flavor_id": "std_4.8-g1"}).code
        == "CHECK_PARAM"
    )
    assert one.post(f"/v1/instances/{key}/rebuild").status == 202
    one.settle()
    assert status_of(one, key) == "active"
    assert one.delete(f"/v1/instances/{key}").status == 202


@pytest.mark.parametrize(
    "key",
    ["4711", "0b8f2a52-5d0c-4a3e-9f43-000000000000", "INSTANCE-short", "INSTANCE-" + "가" * 22],
)
def test_a_foreign_form_of_id_is_invalid_everywhere(key: str) -> None:
    """Section 14: the console's number, a UUID."""
    from urllib.parse import quote

    one = account()
    path = f"/v1/instances/{quote(key)}"
    assert one.get(path).code == "ID_INVALID"
    assert one.delete(path).code == "ID_INVALID"
    assert one.post(path + "/start").code == "ID_INVALID"
    assert one.get(path + "/remote-console").code == "ID_INVALID"


def test_json_and_urlencoded_bodies_are_understood_too() -> None:
    """Section 2: one client sends JSON to instance writes; an empty body with a JSON type is an
    empty form.
    """
    one = account()
    answer = one.call(
        "POST",
        "/v1/instances",
        data={**TRIO, "name": "web", "count": 2, "attach_public_ip": True},
        wrong=True,
    )
    assert answer.body["count"] == 2
    one.settle()
    response = one.cloud.handle(
        one.cloud.signed(
            "PUT", f"/v1/instances/{answer.rows[0]['instance_id']}", body={"name": "other"}
        )
    )
    assert response.status == 200
    assert (
        one.cloud.handle(
            one.cloud.signed(
                "POST", f"/v1/instances/{answer.rows[0]['instance_id']}/reboot", body=" "
            )
        ).status
        == 202
    )


@pytest.mark.parametrize(
    "body",
    ["[]", "{", '"x"', "[" * 100_000, '{"zone_id": {"a": 1}, "image_id": "x", "flavor_id": "y"}'],
)
def test_malformed_bodies_are_check_param(body: str) -> None:
    """Section 2: never a 500."""
    one = account()
    response = one.cloud.handle(one.cloud.signed("POST", "/v1/instances", body=body))
    assert response.status == 400


def test_ids_times_and_passwords_repeat_for_a_seed() -> None:
    """Section 7 of the specification: the same seed and sequence give the same world, another seed
    another.
    """

    def run(seed: int) -> object:
        one = account(seed=seed)
        key = one.instance()
        one.volume(key)
        one.group()
        return one.world.instances, one.world.block_storages, one.world.firewalls

    assert run(7) == run(7)
    assert run(7) != run(8)
