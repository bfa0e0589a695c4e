"""Rows of the API in normal form: each line says which spellings mean the same, and what is never
guessed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.resource import LiveResource
from reconciler.resources import all_kinds

FIXTURES = Path(__file__).parents[2] / "docs" / "api" / "fixtures"
KINDS = all_kinds()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def rows(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (FIXTURES / f"{name}.json").read_text(encoding="utf-8")
    )["result"]
    return found


def instance(**members: Any) -> LiveResource:
    return KINDS["instances"].decode({"instance_id": "INSTANCE-1", **members})


def volume(**members: Any) -> LiveResource:
    return KINDS["block_storages"].decode({"block_storage_id": "BLOCKSTORAGE-1", **members})


def firewall(**members: Any) -> LiveResource:
    return KINDS["firewalls"].decode({"firewall_id": "FIREWALL-1", **members})


def rule(**members: Any) -> LiveResource:
    return KINDS["rules"].decode({"rule_id": 910001, "firewall_id": "FIREWALL-1", **members})


def test_the_sample_instance_has_every_attribute_that_a_stack_can_read() -> None:
    found = KINDS["instances"].decode(rows("instance_detail")[0])
    assert found == LiveResource(
        kind="instances",
        id="INSTANCE-1bC2dE3fG4hI5jK6lM7nO8",
        attributes={
            "id": "INSTANCE-1bC2dE3fG4hI5jK6lM7nO8",
            "name": "디비-01",
            "description": None,
            "status": "active",
            "power": "on",
            "made": "2026-03-02 09:15:00",
            "zone": "kr1-z01",
            "flavor": "mio_4.16-g1",
            "image": "PIMAGE-0Ex1RockyLinux9Blue00c",
            "volumes": (
                "BLOCKSTORAGE-1aB2cD3eF4gH5iJ6kL7mN8",
                "BLOCKSTORAGE-2bC3dE4fG5hI6jK7lM8nO9",
            ),
            "public_ip": "203.0.113.11",
            "private_ip": "10.200.1.11",
            "volume_limit": 3,
            "disk_gb": 100,
        },
    )


def test_no_secret_of_a_row_reaches_the_object() -> None:
    row = rows("instances")[0] | {
        "default_account": {"username": "root", "password": "canary-1"},
        "vnc": {"link": "https://canary-2"},
    }
    assert "canary" not in repr(KINDS["instances"].decode(row))


@pytest.mark.parametrize(
    ("status", "power", "ready", "failed"),
    [
        ("active", "on", True, False),
        ("off", "off", True, False),
        ("error", None, False, True),
        ("building", None, False, False),
        ("pending", None, False, False),
        ("work", None, False, False),
        ("deleting", None, False, False),
        ("something-new", None, False, False),
        (None, None, False, False),
    ],
)
def test_a_status_decodes_to_power_readiness_and_failure(
    status: str | None, power: str | None, ready: bool, failed: bool
) -> None:
    found = instance(status=status)
    assert (found.attributes["power"], found.ready, found.failed) == (power, ready, failed)


ADDRESS = {"address": "203.0.113.9"}


@pytest.mark.parametrize(
    ("ip", "public", "private"),
    [
        (
            [
                {
                    "public": {"address": "203.0.113.9", "attached": True},
                    "private": {"address": "10.0.0.9"},
                }
            ],
            "203.0.113.9",
            "10.0.0.9",
        ),
        ([{"public": {"address": "203.0.113.9", "attached": False}}], None, None),
        (
            [{"public": {"address": None, "attached": False}, "private": {"address": "10.0.0.9"}}],
            None,
            "10.0.0.9",
        ),
        ([{"public": {"address": "", "attached": True}}], None, None),
        ([{"public": ADDRESS}], "203.0.113.9", None),
        ([{"public": None, "private": None}], None, None),
        ([], None, None),
        (
            [
                {
                    "type": "extra",
                    "public": {"address": "203.0.113.8"},
                    "private": {"address": "10.0.0.8"},
                },
                {
                    "type": "default",
                    "public": {"address": "203.0.113.9"},
                    "private": {"address": "10.0.0.9"},
                },
            ],
            "203.0.113.9",
            "10.0.0.9",
        ),
    ],
)
def test_addresses_are_none_if_none_is_attached(
    ip: Any, public: str | None, private: str | None
) -> None:
    found = instance(ip=ip).attributes
    assert (found["public_ip"], found["private_ip"]) == (public, private)


def test_a_member_missing_from_a_row_is_not_an_attribute() -> None:
    assert (
        not {"zone", "flavor", "image", "volumes", "public_ip"}
        & instance(status="building", zone=None).attributes.keys()
    )
    assert not {"type", "size", "instance"} & volume().attributes.keys()
    assert "icmp" not in firewall(title="web").attributes


def test_volumes_of_an_instance_come_as_ids_or_as_objects_with_one() -> None:
    assert instance(block_storage=["B-1", {"block_storage_id": "B-2"}, {"id": "B-3"}]).attributes[
        "volumes"
    ] == ("B-1", "B-2", "B-3")


@pytest.mark.parametrize("description", [None, ""])
def test_null_and_an_empty_text_are_the_same(description: str | None) -> None:
    assert instance(description=description).attributes["description"] is None
    assert volume(description=description).attributes["description"] is None
    assert rule(content=description).attributes["description"] is None


def test_a_marker_is_taken_out_of_the_description_and_kept_beside_it() -> None:
    found = instance(description="내 서버 rc-abcdefgh2345")
    assert (found.attributes["description"], found.nonce, found.marked) == (
        "내 서버",
        "abcdefgh2345",
        "내 서버",
    )
    plain = instance(description="내 서버")
    assert (plain.attributes["description"], plain.nonce, plain.marked) == ("내 서버", None, None)


def test_texts_that_the_cloud_did_not_decode_are_known_by_our_marker_and_decoded_once() -> None:
    found = instance(name="%EC%9B%B9%2025%25", description="a%2Bb%20rc-abcdefgh2345")
    assert (found.attributes["name"], found.attributes["description"], found.nonce) == (
        "웹 25%",
        "a+b",
        "abcdefgh2345",
    )
    assert instance(name="%EC", description="100%25").attributes["description"] == "100%25"


def test_a_row_with_a_stop_date_is_shown_by_no_list() -> None:
    listing = KINDS["instances"].lists["instances"]
    row = {"instance_id": "INSTANCE-1", "stop_date": "2026-03-02 09:15:00"}
    assert listing.decode(row, None) is None
    assert listing.identify(row) == "INSTANCE-1"
    assert listing.decode(row | {"stop_date": None}, None) is not None


@pytest.mark.parametrize(
    ("members", "owner"),
    [
        ({"instance_id": "INSTANCE-1"}, "INSTANCE-1"),
        ({"instance_id": None}, None),
        ({"instance_id": ""}, None),
        ({"instance": {"instance_id": "INSTANCE-1"}}, "INSTANCE-1"),
        ({"instance_id": None, "instance": {"instance_id": "INSTANCE-1"}}, "INSTANCE-1"),
        ({"instance": "INSTANCE-1"}, "INSTANCE-1"),
        ({"instance": None}, None),
    ],
)
def test_the_owner_of_a_volume_is_looked_for_in_both_places(
    members: Mapping[str, Any], owner: str | None
) -> None:
    assert volume(**members).attributes["instance"] == owner


@pytest.mark.parametrize(("size", "wanted"), [(100, 100), ("100", 100), (100.0, 100)])
def test_a_size_given_as_text_is_a_number(size: Any, wanted: int) -> None:
    assert volume(size=size).attributes["size"] == wanted


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ("active", True),
        ("a word nobody documented", True),
        (None, True),
        ("work", False),
        ("pending", False),
    ],
)
def test_a_volume_rests_unless_its_status_is_known_to_be_work(
    status: str | None, ready: bool
) -> None:
    assert volume(status=status, instance_id=None).ready is ready


def test_the_sample_volumes_decode() -> None:
    found = [KINDS["block_storages"].decode(row) for row in rows("block_storages")]
    assert [one.attributes["instance"] for one in found] == [
        "INSTANCE-1bC2dE3fG4hI5jK6lM7nO8"
    ] * 2 + [None]
    assert [one.attributes["size"] for one in found] == [100, 500, 20]
    assert all(one.attributes["zone"] == "kr1-z01" for one in found)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("웹 서버 &amp; 프록시", "웹 서버 & 프록시"),
        ("a &amp;lt; b", "a &lt; b"),
        ("&#039;x&#039; &quot;y&quot;", "'x' \"y\""),
        ("literal &amp;amp; stays", "literal &amp; stays"),
        (None, None),
        ("", None),
    ],
)
def test_the_text_of_a_firewall_is_unescaped_exactly_once(
    content: str | None, wanted: str | None
) -> None:
    assert firewall(content=content).attributes["description"] == wanted


def test_titles_of_firewalls_and_all_texts_of_rules_are_taken_verbatim() -> None:
    assert firewall(title="a &amp; b").attributes["name"] == "a &amp; b"
    found = rule(title="&lt;x&gt;", content="사무실 <본사> &amp;")
    assert (found.attributes["title"], found.attributes["description"]) == (
        "&lt;x&gt;",
        "사무실 <본사> &amp;",
    )


def test_a_rule_is_in_the_words_of_a_stack_file() -> None:
    found = rule(
        bound="IN", protocol="TCP", port="10000-10002", ip="192.0.2.1/24", title="t", content=None
    )
    assert found.id == "910001"
    assert found.attributes == {
        "id": "910001",
        "firewall": "FIREWALL-1",
        "direction": "in",
        "protocol": "tcp",
        "ports": "10000-10002",
        "cidr": "192.0.2.1/24",
        "title": "t",
        "description": None,
    }


@pytest.mark.parametrize(
    ("ip", "wanted"),
    [
        ("203.0.113.5", "203.0.113.5/32"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("0.0.0.0/32", "0.0.0.0/32"),
        ("203.0.113.5/24", "203.0.113.5/24"),
        ("203.0.113.5/33", "203.0.113.5/33"),
        ("203.0.113.256", "203.0.113.256"),
        ("2001:db8::1", "2001:db8::1"),
        ("office", "office"),
        ("", None),
        (None, None),
    ],
)
def test_a_bare_address_of_a_rule_gets_its_mask(ip: Any, wanted: str | None) -> None:
    # Goal: the console takes an address without a mask; everything that reads rules sees one form.
    assert rule(ip=ip).attributes["cidr"] == wanted


@pytest.mark.parametrize(("id", "wanted"), [(2**53 + 1, str(2**53 + 1)), ("910001", "910001")])
def test_a_rule_id_is_decimal_text_and_loses_no_digit(id: Any, wanted: str) -> None:
    assert rule(rule_id=id).id == wanted


@pytest.mark.parametrize(
    "id",
    [None, "", True, 1.5, -1, [], {}, "with blank", "x" * 300, "a/b", "..", "%41", "한글", "a?b"],
)
def test_what_cannot_be_an_id_is_refused(id: Any) -> None:
    for kind, member in (
        ("instances", "instance_id"),
        ("block_storages", "block_storage_id"),
        ("firewalls", "firewall_id"),
    ):
        with pytest.raises(ValueError, match=member):
            KINDS[kind].decode({member: id})
    with pytest.raises(ValueError, match="rule_id"):
        KINDS["rules"].decode({"rule_id": id})


@given(st.sampled_from(sorted(KINDS)), JSON)
def test_any_json_is_an_object_or_a_value_error(kind: str, row: Any) -> None:
    with contextlib.suppress(ValueError):
        assert KINDS[kind].decode(row).kind == kind


MEMBERS = {
    "instances": (
        "instance_id",
        "name",
        "description",
        "status",
        "start_date",
        "stop_date",
        "ip",
        "zone",
        "flavor",
        "image",
        "block_storage",
        "connection_limit",
    ),
    "block_storages": (
        "block_storage_id",
        "name",
        "description",
        "type",
        "size",
        "status",
        "zone",
        "instance_id",
        "instance",
        "start_date",
    ),
    "firewalls": ("firewall_id", "title", "content", "icmp", "rules"),
    "rules": ("rule_id", "bound", "protocol", "port", "ip", "title", "content"),
}


def row_of(kind: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(dict.fromkeys(MEMBERS[kind], JSON)))


@given(st.sampled_from(sorted(MEMBERS)).flatmap(row_of))
def test_any_values_under_the_known_members_are_an_object_or_a_value_error(
    drawn: tuple[str, dict[str, Any]],
) -> None:
    kind, row = drawn
    row[MEMBERS[kind][0]] = "X-1"
    for listing in KINDS[kind].lists.values():
        with contextlib.suppress(ValueError):
            listing.decode(row, "FIREWALL-1")
