"""Block storages (contract#block-storages)."""

from __future__ import annotations

import pytest

from tests.simulator.harness import OTHER_ZONE, Account, account


def row_of(one: Account, volume_id: str) -> dict[str, object]:
    row: dict[str, object] = one.get(f"/v1/block-storages/{volume_id}").row
    return row


def test_a_volume_is_born_attached_and_pending() -> None:
    """It counts on the instance at once and is active after 8 seconds."""
    one = account()
    key = one.instance()
    answer = one.post(
        "/v1/block-storages",
        form={
            "instance_id": key,
            "type": "ssd",
            "size": 100,
            "name": "데이터 1",
            "description": "50%",
        },
    )
    assert answer.row["status"] == "pending"
    volume = answer.row["block_storage_id"]
    assert row_of(one, volume)["status"] == "pending"
    one.wait(8)
    row = row_of(one, volume)
    assert (row["status"], row["instance_id"], row["name"], row["description"], row["size"]) == (
        "active",
        key,
        "데이터 1",
        "50%",
        100,
    )
    assert one.get(f"/v1/instances/{key}", fields=8192).row["block_storage"] == [volume]


def test_moving_a_volume_takes_a_detach_and_an_attach() -> None:
    """The owner changes when the work is done, not before."""
    one = account()
    first, second = one.instance("first"), one.instance("second")
    volume = one.volume(first)
    answer = one.post(f"/v1/block-storages/{volume}/detach")
    assert (answer.status, answer.row) == (202, {"block_storage_id": volume, "status": "work"})
    assert (row_of(one, volume)["status"], row_of(one, volume)["instance_id"]) == ("work", first)
    assert one.post(f"/v1/block-storages/{volume}/detach").code == "DELETED_OR_WORKING_INSTANCE"
    one.wait(8)
    assert (row_of(one, volume)["status"], row_of(one, volume)["instance_id"]) == ("active", None)
    one.post(f"/v1/block-storages/{volume}/attach/{second}")
    assert row_of(one, volume)["instance_id"] is None
    one.wait(8)
    assert row_of(one, volume)["instance_id"] == second


def test_forbidden_operations_on_a_volume_are_refused() -> None:
    """IN_USE while attached, CHECK_PARAM when not, another zone, a busy or absent server, an
    unknown volume.
    """
    one = account()
    key, other = one.instance(), one.instance("other", zone_id=OTHER_ZONE)
    volume = one.volume(key)
    assert one.delete(f"/v1/block-storages/{volume}").code == "IN_USE"
    assert one.post(f"/v1/block-storages/{volume}/attach/{key}").code == "IN_USE"
    one.post(f"/v1/block-storages/{volume}/detach")
    one.settle()
    assert one.post(f"/v1/block-storages/{volume}/detach").code == "CHECK_PARAM"
    assert one.post(f"/v1/block-storages/{volume}/attach/{other}").code == "UNAVAILABLE_COMBINATION"
    assert one.post(f"/v1/block-storages/{volume}/attach/nothing").code == "ID_INVALID"
    one.post(f"/v1/instances/{key}/reboot")
    assert (
        one.post(f"/v1/block-storages/{volume}/attach/{key}").code == "DELETED_OR_WORKING_INSTANCE"
    )
    one.settle()
    assert one.post("/v1/block-storages/nothing/detach").code == "ID_INVALID"
    assert one.delete("/v1/block-storages/nothing").code == "ID_INVALID"
    assert one.post(f"/v1/block-storages/nothing/attach/{key}").code == "ID_INVALID"


def test_a_detach_waits_for_a_busy_server() -> None:
    """An operation on an instance at work is refused, and a detach is one."""
    one = account()
    key = one.instance()
    volume = one.volume(key)
    one.post(f"/v1/instances/{key}/shutdown")
    assert one.post(f"/v1/block-storages/{volume}/detach").code == "DELETED_OR_WORKING_INSTANCE"


def test_a_deleted_volume_works_then_is_gone() -> None:
    """202, `work`, absent from detail and list."""
    one = account()
    volume = one.volume(one.instance())
    one.post(f"/v1/block-storages/{volume}/detach")
    one.settle()
    assert one.delete(f"/v1/block-storages/{volume}").row == {
        "block_storage_id": volume,
        "status": "work",
    }
    assert row_of(one, volume)["status"] == "work"
    assert one.delete(f"/v1/block-storages/{volume}").code == "DELETED_OR_WORKING_INSTANCE"
    one.settle()
    assert one.get(f"/v1/block-storages/{volume}").code == "ID_INVALID"
    assert one.get("/v1/block-storages").rows == []


def test_a_server_takes_three_volumes() -> None:
    """Section 4: the fourth is LIMIT_EXCEEDED, by creation as by attachment."""
    one = account()
    key, spare = one.instance(), one.instance("spare")
    loose = one.volume(spare)
    one.post(f"/v1/block-storages/{loose}/detach")
    one.settle()
    for _ in range(2):
        one.volume(key)
    one.post(f"/v1/block-storages/{loose}/attach/{key}")
    fourth = one.post("/v1/block-storages", form={"instance_id": key, "type": "ssd", "size": 20})
    assert fourth.code == "LIMIT_EXCEEDED"
    one.settle()
    other = one.volume(spare)
    one.post(f"/v1/block-storages/{other}/detach")
    one.settle()
    assert one.post(f"/v1/block-storages/{other}/attach/{key}").code == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"instance_id": None}, "REQUIRED_POST_PARAM_MISSING"),
        ({"type": None}, "REQUIRED_POST_PARAM_MISSING"),
        ({"size": None}, "REQUIRED_POST_PARAM_MISSING"),
        ({"type": "nvme"}, "CHECK_PARAM_ENUM"),
        ({"size": 9}, "CHECK_PARAM"),
        ({"size": 2001}, "CHECK_PARAM"),
        ({"type": "sata", "size": 20001}, "CHECK_PARAM"),
        ({"size": "10.5"}, "CHECK_PARAM"),
        ({"name": "x" * 65}, "CHECK_LENGTH"),
        ({"instance_id": "4711"}, "ID_INVALID"),
        ({"instance_id": "INSTANCE-0000000000000000000000"}, "DELETED_OR_WORKING_INSTANCE"),
    ],
)
def test_invalid_creates_are_refused(members: dict[str, object], code: str) -> None:
    """Section 16, failures."""
    one = account()
    form = {"instance_id": one.instance(), "type": "ssd", "size": 100, **members}
    answer = one.post(
        "/v1/block-storages",
        form={name: value for name, value in form.items() if value is not None},
        wrong=True,
    )
    assert (answer.status, answer.code) == (400, code)
    assert one.world.block_storages == {}


@pytest.mark.parametrize(
    ("kind", "size"), [("ssd", 10), ("ssd", 11), ("ssd", 2000), ("sata", 10), ("sata", 20000)]
)
def test_sizes_within_bounds_are_accepted(kind: str, size: int) -> None:
    """Any whole gigabyte within the bounds of the type."""
    one = account()
    assert row_of(one, one.volume(one.instance(), type=kind, size=size))["size"] == size


def test_a_type_that_the_zone_lacks_is_refused() -> None:
    """sata is in one zone only; null zones mean everywhere."""
    one = account()
    key = one.instance(zone_id=OTHER_ZONE)
    assert (
        one.post("/v1/block-storages", form={"instance_id": key, "type": "sata", "size": 20}).code
        == "UNAVAILABLE_COMBINATION"
    )
    assert (
        one.post("/v1/block-storages", form={"instance_id": key, "type": "ssd", "size": 20}).status
        == 202
    )


def test_the_list_is_whole_and_filtered() -> None:
    """No paging is documented, so none is done."""
    one = account()
    for server in range(5):
        key = one.instance(f"server-{server}")
        for number in range(3):
            one.volume(key, name=f"volume-{server}-{number}", type="sata" if number == 2 else "ssd")
    assert one.get("/v1/block-storages").body["count"] == 15
    assert "page_no" not in one.get("/v1/block-storages").body
    assert one.get("/v1/block-storages", type="sata").body["count"] == 5
    assert one.get("/v1/block-storages", name="-3-").body["count"] == 3
    assert one.get("/v1/block-storages", zone_id=OTHER_ZONE).body["count"] == 0


def test_a_server_is_deleted_while_a_volume_is_under_way() -> None:
    """Whatever was attaching or detaching ends detached and at rest; what was being deleted still
    goes.
    """
    one = account({"ticks.volume": 60})
    key, spare = one.instance(), one.instance("spare")
    attaching, detaching, loose = one.volume(spare), one.volume(key), one.volume(spare)
    for each in (attaching, loose):
        one.post(f"/v1/block-storages/{each}/detach")
    one.settle()
    one.post(f"/v1/block-storages/{attaching}/attach/{key}")
    one.post(f"/v1/block-storages/{detaching}/detach")
    one.delete(f"/v1/block-storages/{loose}")
    one.delete(f"/v1/instances/{key}")
    one.wait(15)
    assert [row_of(one, each)["instance_id"] for each in (attaching, detaching)] == [None, None]
    assert [row_of(one, each)["status"] for each in (attaching, detaching)] == ["active", "active"]
    one.settle()
    assert loose not in one.world.block_storages
