"""A kind that is added to the local cloud from outside, by one file."""

from __future__ import annotations

import pytest

from reconciler.simulator.edits import edit
from reconciler.simulator.kinds.registry import KINDS
from reconciler.simulator.worldfile import world_from_text, world_to_data, world_to_yaml
from tests.simulator.harness import Account, account
from tests.toy.backup_cloud import BACKUP


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account that knows backups too, with one instance."""
    monkeypatch.setitem(KINDS, BACKUP.name, BACKUP)
    made = account()
    made.strict = False  # backups are not in the contract
    made.instance("web")
    return made


def create(one: Account) -> str:
    form = {"instance_id": next(iter(one.world.instances)), "tier": "hot", "keep_days": 7}
    created = one.post("/v1/backups", form={**form, "name": "daily"})
    assert created.status == 202
    return str(created.row["backup_id"])


def test_an_added_kind_is_served_and_lives_through_time(one: Account) -> None:
    """Routes, ids, background work, refusals, deletion."""
    key = create(one)
    assert key.startswith("BACKUP-")
    assert one.get("/v1/backups").row["status"] == "pending"
    one.wait(8)
    assert one.get("/v1/backups").row["status"] == "active"
    assert one.call("PATCH", "/v1/backups").status == 405
    assert one.delete(f"/v1/backups/{key}").status == 202
    one.settle()
    assert one.get("/v1/backups").rows == []
    assert one.delete(f"/v1/backups/{key}").code == "NOT_FOUND"


def test_an_added_kind_is_kept_in_world_files(one: Account) -> None:
    """Work under way included; an entry may name the object that it refers to."""
    create(one)
    world = one.cloud.snapshot()
    again = world_from_text(world_to_yaml(world))
    assert world_to_data(again) == world_to_data(world)
    assert set(again.working) == set(world.working)
    entry = "{name: daily, instance_id: web, description: null, tier: hot, keep_days: 7}"
    short = world_from_text(f"instances: [{{name: web}}]\nbackups: [{entry}]")
    (backup,) = short.table("backup").values()
    assert backup.instance_id in short.instances


def test_an_added_kind_is_changed_from_outside(one: Account) -> None:
    """Changed and deleted by name."""

    def do(action: str, label: str, **values: object) -> str:
        return one.cloud.change(lambda world: edit(world, action, "backup", label, values))

    key = create(one)
    assert do("set", "daily", name="renamed", keep_days="9") == key
    assert one.get("/v1/backups").row["keep_days"] == 9
    do("delete", "renamed")
    assert one.get("/v1/backups").rows == []


def test_an_added_kind_is_gone_when_it_is_taken_out() -> None:
    """Nothing of it stays behind in other accounts."""
    assert "backup" not in KINDS
    assert account().call("GET", "/v1/backups", wrong=True).code == "NOT_FOUND"
