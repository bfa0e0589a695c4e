"""One stack through its life: after each edit the cloud holds what the file says, the next plan is
empty, and other people's objects are untouched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.simulator.cloud import Cloud
from tests.cloud_harness import CloudHarness, said, shown
from tests.scenarios.world import SHOP, world_of

BASE = (
    SHOP
    + """\
  db:
    rules:
      mysql: {direction: in, protocol: tcp, ports: 3306, cidr: "${instances.web[0].private_ip}/32"}
instances:
  web: {count: 2, firewall: web}
  db: {flavor: std_4.8-g1, firewall: db, power: on, description: 주 데이터베이스}
block_storages:
  data: {type: ssd, size: 100, instance: db}
outputs:
  web_ips: {value: "${instances.web.map(w, w.public_ip)}"}
"""
)


def add_foreign_objects(cloud: Cloud) -> None:
    """Somebody else's server, volume and firewall in the same account, the server under a name that
    the stack uses too.
    """
    for path, body in (
        (
            "/v1/instances",
            {
                "zone_id": "kr1-z01",
                "image_id": "PIMAGE-0Ex1UbuntuJammy22LTS0a",
                "flavor_id": "std_1.1-g1",
                "name": "theirs",
            },
        ),
        ("/v1/security-groups", {"title": "their-firewall", "content": "not ours", "icmp": "N"}),
    ):
        cloud.handle(cloud.signed("POST", path, body=body))
    cloud.advance(60)
    server = cloud.world.find("theirs").instance_id
    cloud.handle(
        cloud.signed(
            "POST",
            "/v1/block-storages",
            body={"instance_id": server, "type": "ssd", "size": 20, "name": "their-disk"},
        )
    )
    cloud.advance(60)
    cloud.forget_quota()


THEIRS: dict[str, Any] = {
    "instances": {"theirs": "std_1.1-g1 active"},
    "volumes": {"their-disk": "ssd 20 on theirs"},
    "firewalls": {"their-firewall": {"rules": [], "members": [], "icmp": "N"}},
}

EDITS: list[tuple[str, str, str, list[str]]] = [
    ("name of a server", "db: {flavor", "db: {name: database, flavor", ["update instances.db"]),
    ("text of a server", "주 데이터베이스", "주 DB 서버", ["update instances.db"]),
    ("bigger server", "flavor: std_4.8-g1, ", "flavor: mio_4.16-g1, ", ["resize instances.db"]),
    ("power off", "power: on", "power: off", ["power instances.db"]),
    ("power on", "power: off", "power: on", ["power instances.db"]),
    ("one server more", "count: 2", "count: 3", ["create instances.web[2]"]),
    (
        "a rule more, one edited, one gone",
        "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}\n",
        "      http: {direction: in, protocol: tcp, ports: 80, cidr: 0.0.0.0/0}\n",
        ["create firewalls.web.rules.http", "delete firewalls.web.rules.ssh"],
    ),
    (
        "a rule's range",
        "ports: 443, cidr: 0.0.0.0/0",
        "ports: 443, cidr: 10.0.0.0/8",
        ["update firewalls.web.rules.https"],
    ),
    (
        "a rule's key",
        "      http: {direction: in, protocol: tcp, ports: 80,",
        "      plain: {direction: in, protocol: tcp, ports: 80,",
        ["update firewalls.web.rules.plain"],
    ),
    ("ping", "icmp: true", "icmp: false", ["update firewalls.web"]),
    (
        "another firewall on a server",
        "firewall: db, power",
        "firewall: web, power",
        ["attach instances.db"],
    ),
    (
        "no firewall on a server",
        "firewall: web, power",
        "firewall: none, power",
        ["attach instances.db"],
    ),
    ("a firewall again", "firewall: none, power", "firewall: db, power", ["attach instances.db"]),
    (
        "volume to another server",
        "instance: db}",
        'instance: "web[0]"}',
        ["detach block_storages.data"],
    ),
    (
        "volume on no server",
        'instance: "web[0]"}',
        "instance: none}",
        ["detach block_storages.data"],
    ),
    (
        "volume on a server again",
        "instance: none}",
        "instance: db}",
        ["attach block_storages.data"],
    ),
    (
        "another image",
        "power: on,",
        'power: on, image: {os: ubuntu, version: "24.04"},',
        ["rebuild instances.db"],
    ),
    (
        "a server replaced under its volume",
        'power: on, image: {os: ubuntu, version: "24.04"},',
        'power: on, image: {os: ubuntu, version: "22.04"}, lifecycle: {on_image_change: replace},',
        ["attach block_storages.data", "replace instances.db"],
    ),
    ("bigger volume", "size: 100", "size: 200", ["replace block_storages.data"]),
    (
        "one server less",
        "count: 3",
        "count: 1",
        ["delete instances.web[1]", "delete instances.web[2]"],
    ),
    (
        "volume gone",
        "block_storages:\n  data: {type: ssd, size: 200, instance: db}\n",
        "",
        ["delete block_storages.data"],
    ),
]


@pytest.fixture(params=["security-groups", "firewall"])
def harness(request: pytest.FixtureRequest) -> CloudHarness:
    """The same account through both forms of the firewall API; in the older one every rule edit is
    a write of the whole firewall.
    """
    made = CloudHarness(firewall_api=request.param)
    add_foreign_objects(made.cloud)
    return made


def theirs(world: dict[str, Any]) -> dict[str, Any]:
    """The part of the world that is not ours."""
    return {
        kind: {name: what for name, what in rows.items() if name in THEIRS[kind]}
        for kind, rows in world.items()
    }


def ours(world: dict[str, Any]) -> dict[str, Any]:
    """The part of the world that the stack made."""
    return {
        kind: {name: what for name, what in rows.items() if name not in THEIRS[kind]}
        for kind, rows in world.items()
    }


def test_every_kind_of_change_in_turn_leaves_the_account_as_configured(
    harness: CloudHarness, tmp_path: Path
) -> None:
    # Goal: apply, empty plan, each edit planned as exactly that edit and applied, destroy; foreign
    # objects untouched throughout.
    text = BASE
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    seen = ours(world_of(harness.cloud))
    assert seen["instances"] == {
        "shop-db": "std_4.8-g1 active '주 데이터베이스'",
        "shop-web-0": "std_2.4-g1 active",
        "shop-web-1": "std_2.4-g1 active",
    }
    assert seen["volumes"] == {"shop-data": "ssd 100 on shop-db"}
    assert seen["firewalls"]["shop-web"]["members"] == ["shop-web-0", "shop-web-1"]
    for what, before, after, wanted in EDITS:
        assert before in text, what
        text = text.replace(before, after)
        stack = harness.stack(text, tmp_path)
        plan = harness.plan(stack)
        older = not harness.kinds["rules"].operations
        planned = [
            row
            for row in shown(plan)
            if row in wanted or not (older and row == "update firewalls.web")
        ]
        assert planned == wanted, f"{what}: {shown(plan)} {said(plan.problems)}"
        result = harness.apply(stack)
        assert result.exit_code == 0, f"{what}: {result.failed} {result.skipped} {result.problems}"
        again = harness.plan(stack)
        assert again.is_empty, f"{what}: then {shown(again)} {[s.key for s in again.steps]}"
        assert not again.records, f"{what}: {again.records}"
        assert theirs(world_of(harness.cloud)) == THEIRS, what
    seen = ours(world_of(harness.cloud))
    assert seen["instances"] == {
        "database": "mio_4.16-g1 active '주 DB 서버'",
        "shop-web-0": "std_2.4-g1 active",
    }
    assert seen["volumes"] == {}
    assert seen["firewalls"]["shop-web"] == {
        "rules": ["https: IN TCP/443 10.0.0.0/8", "plain: IN TCP/80 0.0.0.0/0"],
        "members": ["shop-web-0"],
        "icmp": "N",
    }
    assert seen["firewalls"]["shop-db"]["members"] == ["database"]
    assert harness.apply(harness.stack(text, tmp_path), destroy=True).exit_code == 0
    assert world_of(harness.cloud) == THEIRS
    state = harness.state
    assert state is not None and state.is_empty
