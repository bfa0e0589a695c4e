"""Every operation of the contract, each by a valid request, held to openapi.yaml; and the
contract's samples, member by member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.simulator.kinds.registry import KINDS
from reconciler.simulator.worldfile import world_from_data
from tests.simulator.harness import (
    FLAVOR,
    IMAGE,
    ZONE,
    Account,
    Reply,
    account,
    fixture,
    operations,
)

ROUTES = [route for kind in KINDS.values() for route in kind.routes]
RULE = {"bound": "IN", "protocol": "TCP", "port": "22", "ip": "203.0.113.0/24", "title": "ssh"}
NEW_GROUP = {"title": "웹-정책", "content": "a & b", "icmp": "Y"}
EDITED_GROUP = {"title": "other", "icmp": "Y"}
LARGER = "std_4.8-g1"
CREATE = {
    "zone_id": ZONE,
    "flavor_id": FLAVOR,
    "image_id": IMAGE,
    "name": "웹 1호기",
    "description": "앞단",
}
BILL = {
    "bill_id": "BILL-ex1",
    "usage_start": "2025-12-01",
    "usage_end": "2025-12-31",
    "bill_date": "2026-01-01",
    "type": "regular",
} | {
    "payment_status": "paid",
    "name": "정기",
    "price": 100,
    "vat": 10,
    "payment_price": 110,
    "currency": "KRW",
    "date_paid": "",
}


def with_instance(act: Callable[[Account, str], Reply]) -> Callable[[Account], Reply]:
    return lambda one: act(one, one.instance())


def with_volume(act: Callable[[Account, str, str], Reply]) -> Callable[[Account], Reply]:
    def run(one: Account) -> Reply:
        instance_id = one.instance()
        return act(one, one.volume(instance_id), instance_id)

    return run


def with_group(act: Callable[[Account, str], Reply]) -> Callable[[Account], Reply]:
    return lambda one: act(one, one.group())


def attach_again(one: Account, volume_id: str, instance_id: str) -> Reply:
    one.post(f"/v1/block-storages/{volume_id}/detach")
    one.settle()
    return one.post(f"/v1/block-storages/{volume_id}/attach/{instance_id}")


def delete_detached(one: Account, volume_id: str, _: str) -> Reply:
    one.post(f"/v1/block-storages/{volume_id}/detach")
    one.settle()
    return one.delete(f"/v1/block-storages/{volume_id}")


def start_stopped(one: Account, instance_id: str) -> Reply:
    one.post(f"/v1/instances/{instance_id}/shutdown")
    one.settle()
    return one.post(f"/v1/instances/{instance_id}/start")


def leave(path: str) -> Callable[[Account], Reply]:
    def run(one: Account) -> Reply:
        instance_id, group_id = one.instance(), one.group()
        one.join(group_id, instance_id)
        return one.post(f"{path}/{group_id}/detach", data={"instance_id": instance_id})

    return run


def bills(one: Account) -> Account:
    one.cloud.change(lambda world: world.bills.update({"BILL-ex1": dict(BILL)}))
    return one


CASES: dict[str, tuple[int, int, Callable[[Account], Reply]]] = {
    # operation: status seen live, status documented, a valid request
    "listZones": (200, 200, lambda one: one.get("/v1/zones")),
    "listFlavors": (200, 200, lambda one: one.get("/v1/flavors", zone_id=ZONE, page_size=100)),
    "getFlavor": (200, 200, lambda one: one.get(f"/v1/flavors/{FLAVOR}")),
    "listImages": (200, 200, lambda one: one.get("/v1/images", os="ubuntu,rocky", visibility="public")),
    "getImage": (200, 200, lambda one: one.get(f"/v1/images/{IMAGE}")),
    "listInstances": (200, 200, with_instance(lambda one, _: one.get("/v1/instances", status="active", fields=131071))),
    "createInstance": (202, 202, lambda one: one.post("/v1/instances", form=CREATE)),
    "getInstance": (200, 200, with_instance(lambda one, key: one.get(f"/v1/instances/{key}", fields=3599))),
    "editInstance": (200, 200, with_instance(lambda one, key: one.put(f"/v1/instances/{key}", form={"name": "새 이름"}))),
    "deleteInstance": (202, 202, with_instance(lambda one, key: one.delete(f"/v1/instances/{key}"))),
    "startInstance": (202, 202, with_instance(start_stopped)),
    "shutdownInstance": (202, 202, with_instance(lambda one, key: one.post(f"/v1/instances/{key}/shutdown"))),
    "rebootInstance": (202, 202, with_instance(lambda one, key: one.post(f"/v1/instances/{key}/reboot"))),
    "rebuildInstance": (202, 202, with_instance(lambda one, key: one.post(f"/v1/instances/{key}/rebuild", form={"image_id": IMAGE}))),
    "resizeInstance": (202, 202, with_instance(lambda one, key: one.post(f"/v1/instances/{key}/resize", form={"flavor_id": LARGER}))),
    "getRemoteConsole": (200, 200, with_instance(lambda one, key: one.get(f"/v1/instances/{key}/remote-console"))),
    "listUserScripts": (200, 200, lambda one: one.get("/v1/instance/script")),
    "listBlockStorageTypes": (200, 202, lambda one: one.get("/v1/block-storages/types", type="ssd")),
    "listBlockStorages": (200, 202, with_volume(lambda one, *_: one.get("/v1/block-storages", zone_id=ZONE, type="ssd"))),
    "createBlockStorage": (202, 202, with_instance(
        lambda one, key: one.post("/v1/block-storages", form={"instance_id": key, "type": "ssd", "size": 100, "name": "data"})
    )),
    "getBlockStorage": (202, 202, with_volume(lambda one, key, _: one.get(f"/v1/block-storages/{key}"))),
    "deleteBlockStorage": (202, 202, with_volume(delete_detached)),
    "attachBlockStorage": (202, 202, with_volume(attach_again)),
    "detachBlockStorage": (202, 202, with_volume(lambda one, key, _: one.post(f"/v1/block-storages/{key}/detach"))),
    "listSecurityGroups": (200, 200, with_group(lambda one, _: one.get("/v1/security-groups", page_size=100))),
    "createSecurityGroup": (200, 202, lambda one: one.post("/v1/security-groups", data=NEW_GROUP)),
    "getSecurityGroup": (200, 202, with_group(lambda one, key: one.get(f"/v1/security-groups/{key}"))),
    "editSecurityGroup": (200, 200, with_group(lambda one, key: one.put(f"/v1/security-groups/{key}", data=EDITED_GROUP))),
    "deleteSecurityGroup": (200, 200, with_group(lambda one, key: one.delete(f"/v1/security-groups/{key}"))),
    "listSecurityGroupRules": (200, 200, with_group(lambda one, key: one.get(f"/v1/security-groups/{key}/rules"))),
    "createSecurityGroupRule": (200, 202, with_group(lambda one, key: one.post(f"/v1/security-groups/{key}/rules", data=RULE))),
    "editSecurityGroupRule": (200, 202, with_group(
        lambda one, key: one.put(f"/v1/security-groups/{key}/rules/{one.rule(key)}", data={"port": "10000-10002"})
    )),
    "deleteSecurityGroupRule": (200, 200, with_group(lambda one, key: one.delete(f"/v1/security-groups/{key}/rules/{one.rule(key)}"))),
    "listSecurityGroupInstances": (200, 200, with_group(lambda one, key: one.get(f"/v1/security-groups/{key}/instances"))),
    "attachSecurityGroup": (202, 202, with_group(
        lambda one, key: one.post(f"/v1/security-groups/{key}/attach", data={"instance_id": one.instance()})
    )),
    "detachSecurityGroup": (202, 202, leave("/v1/security-groups")),
    "listFirewalls": (200, 200, with_group(lambda one, _: one.get("/v1/firewall"))),
    "createFirewall": (202, 202, lambda one: one.post("/v1/firewall", data={"title": "web-policy", "content": "managed", "rules": [RULE]})),
    "getFirewall": (200, 200, with_group(lambda one, key: one.get(f"/v1/firewall/{key}"))),
    "editFirewall": (202, 202, with_group(lambda one, key: one.put(f"/v1/firewall/{key}", data={"title": "web-policy", "rules": [RULE]}))),
    "deleteFirewall": (200, 200, with_group(lambda one, key: one.delete(f"/v1/firewall/{key}"))),
    "attachFirewall": (202, 202, with_group(lambda one, key: one.post(f"/v1/firewall/{key}/attach", data={"instance_id": one.instance()}))),
    "detachFirewall": (202, 202, leave("/v1/firewall")),
    "getLiveBill": (200, 200, lambda one: one.get("/v1/bill/live")),
    "listBills": (200, 200, lambda one: bills(one).get("/v1/bill", start_date="2026-01-01", min_price=-5)),
    "getBill": (403, 403, lambda one: bills(one).get("/v1/bill/BILL-ex1")),
    "listSshKeys": (200, 200, lambda one: one.get("/v1/auth/ssh_key", name="deploy")),
}  # fmt: skip


@pytest.mark.parametrize("operation", sorted(operations()))
@pytest.mark.parametrize("column", ["live", "doc"])
def test_every_operation_of_the_contract_answers_a_valid_request(
    operation: str, column: str
) -> None:
    """An operation in openapi.yaml without a case here fails; both columns of statuses, requests
    and answers held to the schema.
    """
    live, doc, act = CASES[operation]
    answer = act(account({"http_status": column}))
    assert answer.status == (live if column == "live" else doc), answer.body
    assert operation == "getBill" or (answer.body["code"], answer.code) == ("0x00", "SUCCESS")


def test_the_routes_are_exactly_the_operations_of_the_contract() -> None:
    """No operation is missing, and none is invented but the second place of the instance id in the
    older form.
    """
    ours = {
        (route.operation, route.method, route.template)
        for route in ROUTES
        if not route.template.endswith("tach/{instance_id}")
    }
    theirs = {
        (each.name, each.method, each.template)
        for each in operations().values()
        if not each.template.endswith("tach/{instance_id}")
    }
    assert ours == theirs
    assert {route.operation for route in ROUTES} == set(operations())
    assert len(operations()) == len(CASES)


def fixture_world() -> Any:
    """The world that the contract's samples are taken from."""
    instances = [instance_entry(row) for row in fixture("instances.json")["result"]]
    volumes = [
        {
            "block_storage_id": row["block_storage_id"],
            "zone_id": row["zone"]["zone_id"],
            "created": epoch(row["start_date"]),
        }
        | {
            name: row[name]
            for name in ("name", "description", "type", "size", "status", "instance_id")
        }
        for row in fixture("block_storages.json")["result"]
    ]
    firewalls = [
        {**row, "content": unescape(row["content"])} for row in fixture("firewalls.json")["result"]
    ]
    keys = fixture("ssh_keys.json")["result"]
    return {
        "instances": instances,
        "block_storages": volumes,
        "firewalls": firewalls,
        "ssh_keys": keys,
        "bills": fixture("bills.json")["result"],
    }


def instance_entry(row: dict[str, Any]) -> dict[str, Any]:
    plain = {name: row[name] for name in ("instance_id", "name", "description", "status")}
    address = row["ip"][0]
    return plain | {
        "zone_id": row["zone"]["zone_id"],
        "flavor_id": row["flavor"]["flavor_id"],
        "image_id": row["image"]["image_id"],
        "created": epoch(row["start_date"]),
        "username": row["default_account"]["username"],
        "public_address": address["public"]["address"],
        "public_attached": address["public"]["attached"],
        "private_address": address["private"]["address"],
    }


def epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text + "+09:00").timestamp()


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


SAMPLES = [
    ("zones.json", "/v1/zones", {}),
    ("flavors.json", "/v1/flavors", {"page_size": 100}),
    ("flavors_page_2.json", "/v1/flavors", {"page_no": 2}),
    ("flavor_detail.json", "/v1/flavors/std_2.4-g1", {}),
    ("flavor_detail_unknown.json", "/v1/flavors/nothing", {}),
    ("images.json", "/v1/images", {}),
    ("images_page_2_empty.json", "/v1/images", {"page_no": 2}),
    ("image_detail.json", "/v1/images/PIMAGE-0Ex1RockyLinux9Blue00c", {}),
    ("instances.json", "/v1/instances", {"fields": 131071}),
    ("instance_detail.json", "/v1/instances/INSTANCE-1bC2dE3fG4hI5jK6lM7nO8", {"fields": 262143}),
    (
        "instance_detail_fields_3599.json",
        "/v1/instances/INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7",
        {"fields": 3599},
    ),
    ("instances_empty.json", "/v1/instances", {"status": "pending"}),
    ("user_scripts.json", "/v1/instance/script", {}),
    ("remote_console.json", "/v1/instances/INSTANCE-1bC2dE3fG4hI5jK6lM7nO8/remote-console", {}),
    ("block_storage_types.json", "/v1/block-storages/types", {}),
    ("block_storages.json", "/v1/block-storages", {}),
    ("block_storage_detail.json", "/v1/block-storages/BLOCKSTORAGE-1aB2cD3eF4gH5iJ6kL7mN8", {}),
    ("security_groups.json", "/v1/security-groups", {}),
    ("security_group_detail.json", "/v1/security-groups/FIREWALL-0aB1cD2eF3gH4iJ5kL6mN7", {}),
    ("security_group_detail_absent.json", "/v1/security-groups/FIREWALL-none", {}),
    ("security_group_rules.json", "/v1/security-groups/FIREWALL-0aB1cD2eF3gH4iJ5kL6mN7/rules", {}),
    ("firewalls.json", "/v1/firewall", {}),
    ("firewall_detail.json", "/v1/firewall/FIREWALL-0aB1cD2eF3gH4iJ5kL6mN7", {}),
    ("bills.json", "/v1/bill", {}),
    ("bills_past_end.json", "/v1/bill", {"page_no": 2}),
    ("ssh_keys.json", "/v1/auth/ssh_key", {}),
]


@pytest.mark.parametrize(("name", "path", "query"), SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_the_contracts_samples_come_back_to_the_letter(
    name: str, path: str, query: dict[str, int]
) -> None:
    """The world of the fixtures answers with the fixtures."""
    one = account(world=world_from_data(fixture_world()))
    assert one.get(path, **query).body == fixture(name)


def test_receipts_have_the_members_of_the_contracts_samples() -> None:
    """Ids differ; names and kinds of members do not."""
    one = account()
    created = one.post("/v1/instances", form=CREATE)
    one.settle()
    instance_id = created.row["instance_id"]
    volume = one.post(
        "/v1/block-storages",
        form={"instance_id": instance_id, "type": "ssd", "size": 20, "name": "data-01"},
    )
    one.settle()
    group = one.post("/v1/security-groups", data={"title": "web-policy", "content": "a & b"})
    group_id = group.row["firewall_id"]
    answers = {
        "create_instance_202": created,
        "edit_instance_200": one.call(
            "PUT", f"/v1/instances/{instance_id}", form={"name": "other"}, query={"fields": 3599}
        ),
        "instance_action_202": one.post(f"/v1/instances/{instance_id}/reboot"),
        "create_block_storage_202": volume,
        "create_security_group_200": group,
        "create_security_group_rule_200": one.post(
            f"/v1/security-groups/{group_id}/rules", data=RULE
        ),
        "create_firewall_202": one.post(
            "/v1/firewall", data={"title": "second", "content": "x", "rules": [RULE]}
        ),
    }
    one.settle()
    answers["attach_security_group"] = one.post(
        f"/v1/security-groups/{group_id}/attach", data={"instance_id": instance_id}
    )
    answers["block_storage_action_202"] = one.post(
        f"/v1/block-storages/{volume.row['block_storage_id']}/detach"
    )
    answers["delete_instance_202"] = one.delete(f"/v1/instances/{instance_id}")
    one.settle()
    answers["delete_security_group_200"] = one.delete(f"/v1/security-groups/{group_id}")
    samples = fixture("write_receipts.json")
    assert set(answers) == set(samples)
    for name, answer in answers.items():
        assert shape(answer.body, depth=2) == shape(samples[name], depth=2), name


def shape(value: Any, *, depth: int) -> Any:
    """Names of members, kinds of plain values left open where either is null."""
    if isinstance(value, dict):
        return {name: shape(each, depth=depth) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0], depth=depth - 1)] if value and depth > 1 else "list"
    return "text" if isinstance(value, str) and depth == 2 else "plain"
