"""The whole client against the whole cloud: each operation of each kind, from its call to the end
that the lists show.

The same suite in process and over a socket, in the newer form of the firewall API and in the older
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from reconciler.iwinv.driver import ReadDriver
from reconciler.iwinv.list_reader import ListReading
from reconciler.model.ports import Accepted, Answer, RefreshScope, Refused, Seen
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import Progress, View, operation_of
from reconciler.resources import FIREWALL_APIS
from tests.clouds import ClientSide, served_cloud, virtual_cloud

NONCE = "abcdefgh2345"
CREATE = {"zone": "kr1-z01", "flavor": "std_2.4-g1", "image": "PIMAGE-0Ex1UbuntuJammy22LTS0a"}
OTHER_IMAGE = "PIMAGE-0Ex1RockyLinux9Blue00c"
RULE = {
    "direction": "in",
    "protocol": "tcp",
    "ports": "443",
    "cidr": "192.0.2.1/24",
    "title": "https",
    "description": "사무실 <본사>",
}
POLLS_MAX = 200


class Side:
    """A client with the verbs of the suite; `pause` is what it waits between two looks, in the
    cloud's seconds.
    """

    def __init__(self, client: ClientSide, firewall_api: str) -> None:
        self.client = client
        self.older = firewall_api == "firewall"

    def send(self, operation: str, inputs: Mapping[str, Any], target: str | None = None) -> Answer:
        """One write, sent again where the cloud says that it is busy, as apply does."""
        for _ in range(POLLS_MAX):
            answer = self.client.do(operation, inputs, target)
            if not (
                isinstance(answer, Refused) and answer.error_code == "DELETED_OR_WORKING_INSTANCE"
            ):
                return answer
            self.client.wait(5.0 / self.client.time_scale)
        raise AssertionError(f"{operation} stays refused")

    def finish(
        self, operation: str, inputs: Mapping[str, Any], target: str | None = None
    ) -> str | None:
        """Sends a write, waits for its end, returns the id it is about."""
        found = operation_of(self.client.kinds, operation)
        answer = self.send(operation, inputs, target)
        assert isinstance(answer, Accepted), answer
        subject = target or found.receipt(answer.result)
        watched = found.watches(subject, inputs)
        for _ in range(POLLS_MAX if watched else 0):
            progress = found.progress(subject, inputs, self.view(watched))
            if progress is Progress.DONE:
                break
            assert progress is Progress.WAITING
            self.client.wait(5.0 / self.client.time_scale)
        else:
            assert not watched, f"{operation} does not end"
        # What was asked for is also what settles a doubt about it.
        assert (
            found.progress(subject, inputs, self.view(found.settled_by(subject, inputs)))
            is Progress.DONE
        )
        return subject

    def make(self, operation: str, inputs: Mapping[str, Any]) -> str:
        """Finishes a create."""
        made = self.finish(operation, inputs)
        assert made is not None
        return made

    def view(self, whats: tuple[str, ...]) -> View:
        """What these lists show now."""
        readings = [self.client.reads.listing(what) for what in whats]
        ReadDriver(self.client.exchange).run(readings)
        return _view(readings)

    def live(self, kind: str, id: str) -> LiveResource:
        """One object as the list shows it."""
        what = f"rules:{self.group_of_rule}" if kind == "rules" else kind
        return self.view((what,)).objects[kind][id]

    group_of_rule = ""

    def account(self, **wants: Any) -> Account:
        return self.client.read(RefreshScope(**wants))

    def is_absent(self, kind: str, id: str) -> bool | None:
        one = self.client.reads.absence(kind, id)
        ReadDriver(self.client.exchange).run((one,))
        assert isinstance(one.seen, Seen)
        return one.seen.absent


def _view(readings: list[ListReading]) -> View:
    objects: dict[str, dict[str, LiveResource]] = {}
    members: dict[str, tuple[str, ...]] = {}
    for one in readings:
        name, _, parent = one.what.partition(":")
        assert one.seen is not None
        if name == "members":
            members[parent] = one.seen.rows
        else:
            objects.setdefault(name, {}).update({row.id: row for row in one.seen.rows})
    return View(objects, members)


@pytest.fixture(params=FIREWALL_APIS)
def firewall_api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["in process", "on a socket"])
def side(request: pytest.FixtureRequest, firewall_api: str) -> Iterator[Side]:
    if request.param == "in process":
        yield Side(virtual_cloud(firewall_api=firewall_api), firewall_api)
        return
    with served_cloud(time_scale=1000.0, firewall_api=firewall_api) as client:
        yield Side(client, firewall_api)


def test_a_server_is_made_named_stopped_started_resized_rebuilt_and_deleted(side: Side) -> None:
    keys = side.account(catalogue=frozenset({"ssh_keys"})).catalogue.ssh_keys
    assert keys
    server = side.make(
        "instance.create",
        {
            **CREATE,
            "name": "웹 a+b,c",
            "description": f"내 서버 rc-{NONCE}",
            "ssh_keys": (keys[0]["id"],),
        },
    )
    live = side.live("instances", server)
    assert (live.ready, live.nonce, live.marked) == (True, NONCE, "내 서버")
    assert {
        "name": "웹 a+b,c",
        "description": "내 서버",
        "power": "on",
        "volumes": (),
        **CREATE,
    }.items() <= live.attributes.items()
    side.finish("instance.update", {"name": "새 이름", "description": f"새 글 rc-{NONCE}"}, server)
    assert side.live("instances", server).attributes["description"] == "새 글"
    side.finish("instance.stop", {}, server)
    side.finish("instance.start", {}, server)
    side.finish("instance.reboot", {}, server)
    side.finish("instance.resize", {"flavor": "std_4.8-g1"}, server)
    side.finish("instance.rebuild", {"image": OTHER_IMAGE}, server)
    assert {"flavor": "std_4.8-g1", "image": OTHER_IMAGE, "power": "on"}.items() <= side.live(
        "instances", server
    ).attributes.items()
    assert side.is_absent("instances", server) is False
    side.finish("instance.delete", {}, server)
    assert side.is_absent("instances", server) is True


def test_a_volume_is_made_moved_and_deleted_and_survives_its_server(side: Side) -> None:
    first, second = side.make("instance.create", CREATE), side.make("instance.create", CREATE)
    desired = {
        "instance": first,
        "type": "ssd",
        "size": 100,
        "name": "데이터 1",
        "description": f"shop.-.data rc-{NONCE}",
    }
    volume = side.make("block_storage.create", desired)
    live = side.live("block_storages", volume)
    assert live.nonce == NONCE
    assert {
        "name": "데이터 1",
        "type": "ssd",
        "size": 100,
        "instance": first,
        "zone": "kr1-z01",
    }.items() <= live.attributes.items()
    assert side.live("instances", first).attributes["volumes"] == (volume,)
    side.finish("block_storage.detach", {}, volume)
    side.finish("block_storage.attach", {"instance": second}, volume)
    side.finish("instance.delete", {}, second)
    assert side.live("block_storages", volume).attributes["instance"] is None
    side.finish("block_storage.delete", {}, volume)
    assert side.is_absent("block_storages", volume) is True


def test_a_firewall_is_made_edited_joined_left_and_deleted(side: Side) -> None:
    server = side.make("instance.create", CREATE)
    rules = {"rules": ()} if side.older else {}
    group = side.make(
        "firewall.create",
        {"name": "웹-정책", "description": f"a & <b> &amp; 'c' rc-{NONCE}", "icmp": True, **rules},
    )
    live = side.live("firewalls", group)
    assert live.nonce == NONCE
    assert {
        "name": "웹-정책",
        "description": "a & <b> &amp; 'c'",
        "icmp": True,
    }.items() <= live.attributes.items()
    side.finish("firewall.update", {"name": "새-정책", "icmp": False, **rules}, group)
    assert {
        "name": "새-정책",
        "description": "a & <b> &amp; 'c'",
        "icmp": False,
    }.items() <= side.live("firewalls", group).attributes.items()
    side.finish("firewall.attach", {"firewall": group, "instance": server})
    assert side.account(kinds=frozenset({"firewalls"}), members_of=frozenset({group})).members == {
        group: (server,)
    }
    side.finish("firewall.detach", {"firewall": group, "instance": server})
    side.finish("firewall.delete", {}, group)
    assert side.is_absent("firewalls", group) is True


def test_a_firewall_without_a_text_can_be_made(side: Side) -> None:
    group = side.make("firewall.create", {"name": "group"})
    assert side.live("firewalls", group).attributes["description"] == "managed"


@pytest.mark.parametrize("firewall_api", ["security-groups"])
def test_a_rule_is_made_edited_and_deleted_alone(side: Side, firewall_api: str) -> None:
    group = side.make("firewall.create", {"name": "group"})
    side.group_of_rule = group
    rule, other = (
        side.make("rule.create", {"firewall": group, **RULE, "ports": ports})
        for ports in ("443", "10000-10002")
    )
    assert RULE.items() <= side.live("rules", rule).attributes.items()
    side.finish(
        "rule.update",
        {
            "firewall": group,
            "cidr": "10.0.0.0/8",
            "direction": "out",
            "protocol": "udp",
            "title": "가",
        },
        rule,
    )
    changed = {
        "cidr": "10.0.0.0/8",
        "direction": "out",
        "protocol": "udp",
        "title": "가",
        "ports": "443",
        "description": "사무실 <본사>",
    }
    assert changed.items() <= side.live("rules", rule).attributes.items()
    side.finish("rule.delete", {"firewall": group}, rule)
    assert set(side.view((f"rules:{group}",)).objects["rules"]) == {other}


@pytest.mark.parametrize("firewall_api", ["firewall"])
def test_in_the_older_form_an_edit_writes_the_whole_set_of_rules(
    side: Side, firewall_api: str
) -> None:
    group = side.make("firewall.create", {"name": "group", "rules": (RULE,)})
    ssh = {**RULE, "ports": "22", "title": "ssh", "description": None}
    side.finish("firewall.update", {"name": "group", "rules": (RULE, ssh)}, group)
    account = side.account(kinds=frozenset({"firewalls"}), rules_of=frozenset({group}))
    assert sorted(str(rule.attributes["ports"]) for rule in account.objects["rules"].values()) == [
        "22",
        "443",
    ]
    side.finish("firewall.update", {"name": "group", "rules": ()}, group)
    assert not side.account(kinds=frozenset({"firewalls"}), rules_of=frozenset({group})).objects[
        "rules"
    ]


@pytest.mark.parametrize(
    ("operation", "inputs", "target", "refused"),
    [
        (
            "instance.create",
            {**CREATE, "flavor": "no-such"},
            None,
            {"UNAVAILABLE_FLAVOR", "CHECK_PARAM", "ID_INVALID"},
        ),
        ("instance.create", {**CREATE, "ssh_keys": ("no-such",)}, None, {"UNAVAILABLE_SSH_KEY"}),
        ("instance.start", {}, "INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7", {"DELETED_OR_WORKING_INSTANCE"}),
        ("firewall.create", {"name": "ab"}, None, {"CHECK_LENGTH"}),
    ],
)
def test_what_the_cloud_does_not_do_is_refused_and_not_unknown(
    side: Side, operation: str, inputs: dict[str, Any], target: str | None, refused: set[str]
) -> None:
    answer = side.client.do(operation, inputs, target)
    assert isinstance(answer, Refused)
    assert answer.error_code in refused


SWITCHES: list[dict[str, object]] = [
    {"http_status": "doc"},
    {"error_http": "always_200"},
    {"instance_text_decoding": "none"},
    {"instance_text_decoding": "once_form"},
    {"instance_absent": "empty"},
    {"instance_absent": "not_found"},
    {"instance_absent": "tombstone"},
    {"delete_read_status": "deleting"},
    {"visibility_delay": 30},
    {"strict_content_type": True},
]


@pytest.mark.parametrize(
    "switches",
    SWITCHES,
    ids=[next(iter(f"{name}={value}" for name, value in row.items())) for row in SWITCHES],
)
def test_whatever_the_contract_leaves_open_a_server_and_a_volume_come_and_go(
    switches: dict[str, object],
) -> None:
    side = Side(virtual_cloud(switches=switches), "security-groups")
    server = side.make(
        "instance.create", {**CREATE, "name": "웹 1", "description": f"내 글 rc-{NONCE}"}
    )
    live = side.live("instances", server)
    assert (live.attributes["name"], live.attributes["description"], live.nonce) == (
        "웹 1",
        "내 글",
        NONCE,
    )
    desired = {
        "instance": server,
        "type": "ssd",
        "size": 20,
        "name": "볼륨 1",
        "description": f"내 글 rc-{NONCE}",
    }
    volume = side.make("block_storage.create", desired)
    assert side.live("block_storages", volume).attributes["name"] == "볼륨 1"
    side.finish("block_storage.detach", {}, volume)
    side.finish("block_storage.delete", {}, volume)
    side.finish("instance.delete", {}, server)
    assert side.is_absent("instances", server) is True
    assert not side.account(kinds=frozenset({"instances"})).objects["instances"]


@pytest.mark.parametrize("cap", [10, 7])
def test_a_cloud_that_gives_smaller_pages_than_asked_is_read_whole(cap: int) -> None:
    side = Side(virtual_cloud(switches={"page_size_cap": cap}), "security-groups")
    groups = {side.make("firewall.create", {"name": f"group-{n}"}) for n in range(25)}
    assert set(side.account(kinds=frozenset({"firewalls"})).objects["firewalls"]) == groups
    assert (
        set(
            side.account(
                kinds=frozenset({"firewalls"}), tracked={"firewalls": frozenset(groups)}
            ).objects["firewalls"]
        )
        == groups
    )
