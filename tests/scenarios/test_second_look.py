"""The second look: before a destructive write its object must still be the one that the plan was
about (planning#precondition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import context
from reconciler.model import http
from reconciler.simulator.kinds.records import Membership
from reconciler.simulator.world import World
from tests.cloud_harness import CloudHarness
from tests.scenarios.test_when_things_go_wrong import HEAD

ONE = HEAD + "instances:\n  kept: {}\n  old: {}\n"


class _Meanwhile(list[context.Planned]):
    """Does something between the plan that is shown and its first write."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def append(self, planned: context.Planned) -> None:
        super().append(planned)
        self._act()


def meanwhile(harness: CloudHarness, act: Callable[[World], object]) -> list[context.Planned]:
    """Lets somebody change the world then."""
    return _Meanwhile(lambda: harness.cloud.change(act))


def id_of(harness: CloudHarness, address: str) -> str:
    """The id that the state has for an address."""
    assert harness.state is not None
    return harness.state.entries[address].id


def writes(harness: CloudHarness, since: int) -> list[str]:
    """Method and last word of each write that was sent."""
    return [
        f"{request.method} {request.path.rsplit('/', 1)[-1]}"
        for _, request in harness.sends[since:]
        if request.method != "GET"
    ]


def test_a_server_that_is_not_as_planned_any_more_is_not_deleted(tmp_path: Path) -> None:
    # Goal: nothing is sent for it, the run ends with exit 3, and the state still knows of it.
    harness = CloudHarness()
    assert harness.apply(harness.stack(ONE, tmp_path)).exit_code == 0
    old, sends = id_of(harness, "instances.old"), len(harness.sends)
    harness.plans = meanwhile(harness, lambda world: world.remove("instance", old, world.time))
    result = harness.apply(harness.stack(ONE.replace("  old: {}\n", ""), tmp_path))
    assert result.exit_code == 3 and list(result.failed) == ["instance.delete instances.old"]
    assert "nothing was sent" in result.failed["instance.delete instances.old"].message
    assert not [request for _, request in harness.sends[sends:] if request.method == "DELETE"]
    assert harness.state is not None and "instances.old" in harness.state.entries


SERVERS = HEAD + "instances:\n  a: {}\n  b: {}\n  theirs: {}\n"
VOLUME = "block_storages:\n  data: {type: ssd, size: 100, instance: %s}\n"


def with_volume(tmp: Path, on: str) -> CloudHarness:
    """Three servers and a volume, on one of them or on none. The cloud deletes what is attached,
    which the contract leaves open (16).
    """
    harness = CloudHarness(switches={"delete_attached": "allow", "delete_attached_group": "allow"})
    harness.apply(harness.stack(SERVERS + VOLUME % "a", tmp))
    assert harness.apply(harness.stack(SERVERS + VOLUME % on, tmp)).exit_code == 0
    return harness


@pytest.mark.parametrize(
    ("on", "text"),
    [("a", SERVERS + VOLUME % "b"), ("none", SERVERS)],
    ids=["detached from a to b", "deleted while on no server"],
)
def test_a_volume_that_somebody_has_moved_meanwhile_is_neither_detached_nor_deleted(
    on: str, text: str, tmp_path: Path
) -> None:
    # Goal: a detach names no server, so it would take the volume off the one that was not shown; a
    # delete would take it with its data.
    harness = with_volume(tmp_path, on)
    volume, theirs, sends = (
        id_of(harness, "block_storages.data"),
        id_of(harness, "instances.theirs"),
        len(harness.sends),
    )
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.block_storages[volume], instance_id=theirs)),
    )
    result = harness.apply(harness.stack(text, tmp_path))
    assert (
        result.exit_code == 3
        and f"and is {theirs} now" in next(iter(result.failed.values())).message
    )
    assert writes(harness, sends) == []


def test_a_firewall_that_somebody_has_put_a_server_behind_meanwhile_is_not_deleted(
    tmp_path: Path,
) -> None:
    # Goal: whether the cloud refuses that is open (contract#security-groups), and the server would
    # stand open.
    group = "firewalls:\n  web:\n    rules:\n      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"
    harness = CloudHarness(switches={"delete_attached_group": "allow"})
    harness.apply(harness.stack(SERVERS + group, tmp_path))
    web, theirs, sends = (
        id_of(harness, "firewalls.web"),
        id_of(harness, "instances.theirs"),
        len(harness.sends),
    )
    harness.plans = meanwhile(harness, lambda world: world.put(Membership(web, theirs)))
    result = harness.apply(harness.stack(SERVERS, tmp_path))
    assert (
        result.exit_code == 3
        and f"members was none in the plan and is {theirs} now"
        in next(iter(result.failed.values())).message
    )
    assert writes(harness, sends) == []


def test_a_server_on_which_somebody_has_hung_a_volume_meanwhile_is_not_deleted(
    tmp_path: Path,
) -> None:
    # Goal: what becomes of such a volume is the cloud's choice (contract#switches,
    # instance_delete_volumes).
    harness = with_volume(tmp_path, "none")
    theirs, volume, sends = (
        id_of(harness, "instances.theirs"),
        id_of(harness, "block_storages.data"),
        len(harness.sends),
    )
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.block_storages[volume], instance_id=theirs)),
    )
    result = harness.apply(
        harness.stack(SERVERS.replace("  theirs: {}\n", "") + VOLUME % "none", tmp_path)
    )
    assert (
        result.exit_code == 3
        and f"volumes was none in the plan and is {volume} now"
        in result.failed["instance.delete instances.theirs"].message
    )
    assert writes(harness, sends) == []


class _Unreadable(CloudHarness):
    """A cloud harness in which no list can be read any more, from the first plan on that is shown
    after `fail`.
    """

    broken = False

    def fail(self) -> None:
        """From the next plan on."""
        self.plans = _Meanwhile(lambda: setattr(self, "broken", True))

    def _send(self, request: http.Request) -> http.Response:
        if self.broken and request.method == "GET":
            return http.Response(500, (), b"")
        return super()._send(request)


def test_a_run_ends_if_its_second_read_fails(tmp_path: Path) -> None:
    # Goal: every run ends; what was to be deleted is left, and told.
    harness = _Unreadable()
    harness.apply(harness.stack(ONE, tmp_path))
    harness.fail()
    started = harness.clock.monotonic()
    result = harness.apply(harness.stack(ONE.replace("  old: {}\n", ""), tmp_path))
    assert (
        result.exit_code == 3
        and "nothing was sent" in result.failed["instance.delete instances.old"].message
    )
    assert harness.clock.monotonic() - started < 900


@pytest.mark.parametrize(
    "after", ['  old: {image: {os: ubuntu, version: "24.04"}}\n', ""], ids=["rebuilt", "deleted"]
)
def test_a_server_that_somebody_has_rebuilt_meanwhile_keeps_its_new_disk(
    after: str, tmp_path: Path
) -> None:
    # Goal: the yes was given to the loss of the disk that was shown.
    harness = CloudHarness()
    assert harness.apply(harness.stack(ONE, tmp_path)).exit_code == 0
    old, sends = id_of(harness, "instances.old"), len(harness.sends)
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.instances[old], image_id="PIMAGE-theirs")),
    )
    result = harness.apply(harness.stack(ONE.replace("  old: {}\n", after), tmp_path))
    assert result.exit_code == 3 and "image was" in next(iter(result.failed.values())).message
    assert writes(harness, sends) == []


RULED = SERVERS.replace("a: {}", "a: {firewall: web}") + (
    "firewalls:\n  web:\n    rules:\n"
    "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}\n"
    "      web: {direction: in, protocol: tcp, ports: 443, cidr: 10.0.0.0/8}\n"
)
FEWER = RULED.replace(
    "      web: {direction: in, protocol: tcp, ports: 443, cidr: 10.0.0.0/8}\n", ""
)


def edit_rules(web: str, about: str, /, **members: str) -> Callable[[World], object]:
    """Edits the rules of a group that are about a port; the others stay."""

    def act(world: World) -> None:
        rules = world.firewalls[web].rules
        edited = [replace(rule, **members) if rule.port == about else rule for rule in rules]  # type: ignore[arg-type]
        world.put_rules(web, edited)

    return act


@pytest.mark.parametrize("api", ["security-groups", "firewall"])
@pytest.mark.parametrize(
    "members",
    [
        {"bound": "OUT"},
        {"protocol": "UDP"},
        {"port": "8443"},
        {"ip": "192.0.2.0/24"},
        {"title": "audit"},
        {"content": "keep for the audit"},
    ],
    ids=["direction", "protocol", "ports", "cidr", "title", "description"],
)
def test_a_rule_that_somebody_has_edited_meanwhile_is_not_deleted_with_the_edit(
    api: str, members: dict[str, str], tmp_path: Path
) -> None:
    # Goal: the yes was said to the deletion of what was shown; in the older form the write of the
    # whole set would drop the edit.
    harness = CloudHarness(firewall_api=api)
    assert harness.apply(harness.stack(RULED, tmp_path)).exit_code == 0
    web, sends = id_of(harness, "firewalls.web"), len(harness.sends)
    harness.plans = meanwhile(harness, edit_rules(web, "443", **members))
    result = harness.apply(harness.stack(FEWER, tmp_path))
    assert (
        result.exit_code == 3
        and "changed since the plan" in next(iter(result.failed.values())).message
    )
    assert writes(harness, sends) == [] and len(harness.cloud.snapshot().firewalls[web].rules) == 2
    harness.plans = []
    assert (
        harness.apply(harness.stack(FEWER, tmp_path)).exit_code == 0
        and harness.plan(harness.stack(FEWER, tmp_path)).steps == ()
    )


def test_in_the_older_form_a_rule_that_somebody_has_added_meanwhile_is_not_dropped(
    tmp_path: Path,
) -> None:
    # Goal: also where the file leaves the rules of others alone, a write of the whole set would
    # lose it.
    harness = CloudHarness(firewall_api="firewall")
    text = RULED.replace(
        "  web:\n    rules:", "  web:\n    lifecycle: {ignore: [rules]}\n    rules:"
    )
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    web = id_of(harness, "firewalls.web")

    def add(world: World) -> None:
        rules = world.firewalls[web].rules
        world.put_rules(web, [*rules, replace(rules[0], rule_id=99, port="8080", title="theirs")])

    harness.plans = meanwhile(harness, add)
    assert harness.apply(harness.stack(text.replace("443", "444"), tmp_path)).exit_code == 3
    assert "8080" in [rule.port for rule in harness.cloud.snapshot().firewalls[web].rules]
    harness.plans = []
    assert harness.apply(harness.stack(text.replace("443", "444"), tmp_path)).exit_code == 0
    assert "8080" in [rule.port for rule in harness.cloud.snapshot().firewalls[web].rules]


def test_a_server_that_somebody_has_put_behind_another_firewall_meanwhile_is_not_taken_off_the_first(
    tmp_path: Path,
) -> None:
    # Goal: a detach of what is no longer there is not sent, and what somebody chose since stays.
    harness = CloudHarness()
    two = RULED.partition("firewalls:\n")[2].replace("  web:\n    rules", "  other:\n    rules")
    assert harness.apply(harness.stack(RULED + two, tmp_path)).exit_code == 0
    a, web, other, sends = (
        id_of(harness, "instances.a"),
        id_of(harness, "firewalls.web"),
        id_of(harness, "firewalls.other"),
        len(harness.sends),
    )

    def move(world: World) -> None:
        world.remove("membership", (web, a))
        world.put(Membership(other, a))

    harness.plans = meanwhile(harness, move)
    harness.apply(
        harness.stack((RULED + two).replace("a: {firewall: web}", "a: {firewall: none}"), tmp_path)
    )
    assert writes(harness, sends) == [] and (other, a) in harness.cloud.snapshot().memberships


class _Acting(CloudHarness):
    """A cloud harness in which somebody acts on the world just after a request with that end has
    been answered.
    """

    after: tuple[str, Callable[[World], object]] | None = None

    def _send(self, request: http.Request) -> http.Response:
        answer = super()._send(request)
        if (
            self.after is not None
            and request.method != "GET"
            and request.path.endswith(self.after[0])
        ):
            self.cloud.change(self.after[1])
            self.after = None
        return answer


def test_a_server_that_somebody_edits_while_its_volume_leaves_it_is_not_deleted(
    tmp_path: Path,
) -> None:
    # Goal: what our own step changed (the volume) is no difference; the name, the text and the
    # flavor that somebody gave it are.
    harness = _Acting()
    assert harness.apply(harness.stack(SERVERS + VOLUME % "a", tmp_path)).exit_code == 0
    a, b, volume = (
        id_of(harness, "instances.a"),
        id_of(harness, "instances.b"),
        id_of(harness, "block_storages.data"),
    )

    def edit(world: World) -> None:
        server = world.instances[a]
        text = f"do not delete {(server.description or '').rpartition(' ')[2]}"
        world.put(replace(server, name="kept-by-them", description=text, flavor_id="std_8.16-g1"))

    harness.after = ("/detach", edit)
    result = harness.apply(
        harness.stack((SERVERS + VOLUME % "b").replace("  a: {}\n", ""), tmp_path)
    )
    assert result.exit_code == 3 and list(result.failed) == ["instance.delete instances.a"]
    said = result.failed["instance.delete instances.a"].message
    assert "description was " in said and "is do not delete now" in said
    assert (
        "flavor was std_2.4-g1 in the plan and is std_8.16-g1 now" in said
        and "is kept-by-them now" in said
        and "volumes" not in said
    )
    world = harness.cloud.snapshot()
    assert a in world.instances and world.block_storages[volume].instance_id == b


@pytest.mark.parametrize(
    "lifecycle", ["", ", lifecycle: {resize: stop_first}"], ids=["running", "stopped first"]
)
def test_a_server_that_somebody_has_resized_meanwhile_is_not_resized_again(
    lifecycle: str, tmp_path: Path
) -> None:
    # Goal: the plan said that it grows from 2.4 to 4.8; from 8.16 it would shrink.
    harness = CloudHarness()
    assert harness.apply(harness.stack(ONE, tmp_path)).exit_code == 0
    old, sends = id_of(harness, "instances.old"), len(harness.sends)
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.instances[old], flavor_id="std_8.16-g1")),
    )
    result = harness.apply(
        harness.stack(ONE.replace("old: {}", f"old: {{flavor: std_4.8-g1{lifecycle}}}"), tmp_path)
    )
    assert result.exit_code == 3 and writes(harness, sends) == []
    assert (
        "flavor was std_2.4-g1 in the plan and is std_8.16-g1 now"
        in next(iter(result.failed.values())).message
    )


def test_a_server_that_is_not_as_planned_gets_no_successor(tmp_path: Path) -> None:
    # Goal: a replacement that makes the new one first does not leave two servers behind.
    harness = CloudHarness()
    assert harness.apply(harness.stack(ONE, tmp_path)).exit_code == 0
    old, sends = id_of(harness, "instances.old"), len(harness.sends)
    harness.plans = meanwhile(
        harness, lambda world: world.put(replace(world.instances[old], name="kept-by-them"))
    )
    result = harness.apply(harness.stack(ONE, tmp_path), replace=frozenset({"instances.old"}))
    assert (
        result.exit_code == 3
        and list(result.failed) == ["instance.create instances.old"]
        and writes(harness, sends) == []
    )


def test_a_precondition_costs_no_call_if_its_list_is_read_anyway(tmp_path: Path) -> None:
    # Goal: ten deletes look once; what waits for their end is asked as before.
    harness = CloudHarness()
    many = HEAD + "instances:\n  kept: {}\n  web: {count: %s}\n"
    assert harness.apply(harness.stack(many % 10, tmp_path)).exit_code == 0
    sends = len(harness.sends)
    assert harness.apply(harness.stack(many % 0, tmp_path)).exit_code == 0
    first = next(
        n for n, (_, request) in enumerate(harness.sends[sends:]) if request.method == "DELETE"
    )
    looks = [
        request
        for _, request in harness.sends[sends + harness.plans[-1].plan.calls.read :][
            : first - harness.plans[-1].plan.calls.read
        ]
    ]
    assert [request.path for request in looks] == ["/v1/instances"]


def test_a_rule_that_somebody_has_edited_meanwhile_is_not_edited_on_top_of_it(
    tmp_path: Path,
) -> None:
    # Goal: an edit sends only what differs, so a wider range would go to the port that somebody has
    # put there since.
    harness = CloudHarness()
    assert harness.apply(harness.stack(RULED, tmp_path)).exit_code == 0
    web, sends = id_of(harness, "firewalls.web"), len(harness.sends)
    wider = RULED.replace("ports: 443, cidr: 10.0.0.0/8", "ports: 443, cidr: 0.0.0.0/0")
    harness.plans = meanwhile(harness, edit_rules(web, "443", port="3306"))
    result = harness.apply(harness.stack(wider, tmp_path))
    assert result.exit_code == 3 and writes(harness, sends) == []
    assert (
        "ports was 443 in the plan and is 3306 now"
        in result.failed["rule.update firewalls.web.rules.web"].message
    )


TEXTS = SERVERS.replace("  a: {}", "  a: {name: before, description: before}") + (
    "firewalls:\n  web: {name: before, description: before}\n"
)


@pytest.mark.parametrize("api", ["security-groups", "firewall"])
@pytest.mark.parametrize("planned", ["name", "description"])
def test_a_text_that_somebody_has_changed_meanwhile_is_not_overwritten(
    planned: str, api: str, tmp_path: Path
) -> None:
    # Goal: the plan showed what the text was; an edit of others since is not lost.
    harness = CloudHarness(firewall_api=api)
    assert harness.apply(harness.stack(TEXTS, tmp_path)).exit_code == 0
    a, web, sends = (
        id_of(harness, "instances.a"),
        id_of(harness, "firewalls.web"),
        len(harness.sends),
    )

    def edit(world: World) -> None:
        server, group = world.instances[a], world.firewalls[web]
        world.put(
            replace(server, name="theirs")
            if planned == "name"
            else replace(server, description=f"theirs {(server.description or '').split()[-1]}")
        )
        world.put(
            replace(group, title="theirs")
            if planned == "name"
            else replace(group, content=f"theirs {(group.content or '').split()[-1]}")
        )

    harness.plans = meanwhile(harness, edit)
    text = TEXTS.replace(f"{planned}: before", f"{planned}: after")
    result = harness.apply(harness.stack(text, tmp_path))
    assert result.exit_code == 3 and writes(harness, sends) == []
    assert sorted(result.failed) == ["firewall.update firewalls.web", "instance.update instances.a"]
    for failure in result.failed.values():
        assert f"{planned} was before in the plan and is theirs now" in failure.message
    harness.plans = []
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0


def test_a_name_that_somebody_gave_a_firewall_meanwhile_is_not_taken_back_by_a_description(
    tmp_path: Path,
) -> None:
    # Goal: every edit of a firewall carries its name (contract#security-groups), which is not ours
    # to reset.
    harness = CloudHarness()
    assert harness.apply(harness.stack(TEXTS, tmp_path)).exit_code == 0
    web = id_of(harness, "firewalls.web")
    harness.plans = meanwhile(
        harness, lambda world: world.put(replace(world.firewalls[web], title="theirs"))
    )
    text = TEXTS.replace("web: {name: before, description: before}", "web: {description: after}")
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 3
    assert harness.cloud.snapshot().firewalls[web].title == "theirs"


def test_fields_that_a_text_edit_does_not_replace_do_not_block_it(tmp_path: Path) -> None:
    # Goal: a look compares what the write replaces; a flavor is not touched by a name.
    harness = CloudHarness()
    assert harness.apply(harness.stack(TEXTS, tmp_path)).exit_code == 0
    a = id_of(harness, "instances.a")
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.instances[a], flavor_id="std_8.16-g1")),
    )
    assert harness.apply(harness.stack(TEXTS.replace("before", "after"), tmp_path)).exit_code == 0


def test_many_text_edits_cost_one_read_per_kind(tmp_path: Path) -> None:
    # Goal: ten names are looked at in one list.
    harness = CloudHarness()
    many = HEAD + "instances:\n  web: {count: 10, description: %s}\n"
    assert harness.apply(harness.stack(many % "before", tmp_path)).exit_code == 0
    sends = len(harness.sends)
    harness.plans = meanwhile(harness, lambda world: sends_before.append(len(harness.sends)))
    sends_before: list[int] = []
    assert harness.apply(harness.stack(many % "after", tmp_path)).exit_code == 0
    assert len(writes(harness, sends)) == 10 and len(harness.sends) - sends_before[0] == 11


def test_a_server_that_somebody_has_resized_meanwhile_is_not_switched_on(tmp_path: Path) -> None:
    # Goal: what runs from now on is what the plan showed.
    harness = CloudHarness()
    text = HEAD + "instances:\n  kept: {}\n  old: {power: off}\n"
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    old, sends = id_of(harness, "instances.old"), len(harness.sends)
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.instances[old], flavor_id="std_8.16-g1")),
    )
    result = harness.apply(harness.stack(text.replace("power: off", "power: on"), tmp_path))
    assert result.exit_code == 3 and writes(harness, sends) == []
    assert "flavor was " in next(iter(result.failed.values())).message


def test_a_free_volume_that_somebody_has_attached_meanwhile_is_not_moved(tmp_path: Path) -> None:
    # Goal: the plan showed a volume on no server; where it is now it stays.
    harness = with_volume(tmp_path, "none")
    volume, theirs, sends = (
        id_of(harness, "block_storages.data"),
        id_of(harness, "instances.theirs"),
        len(harness.sends),
    )
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(replace(world.block_storages[volume], instance_id=theirs)),
    )
    result = harness.apply(harness.stack(SERVERS + VOLUME % "b", tmp_path))
    assert result.exit_code == 3 and writes(harness, sends) == []
    assert (
        f"instance was none in the plan and is {theirs} now"
        in next(iter(result.failed.values())).message
    )


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (RULED.replace("  a: {firewall: web}\n", ""), "instance.delete instances.a"),
        (FEWER, "rule.delete firewalls.web.rules.web"),
        (RULED.replace("a: {firewall: web}", "a: {firewall: none}"), "firewall.detach instances.a"),
    ],
    ids=["server deleted", "rule deleted", "server detached"],
)
def test_a_firewall_that_somebody_has_deleted_meanwhile_stops_the_write_at_once(
    text: str, step: str, tmp_path: Path
) -> None:
    # Goal: the lists of a firewall that is gone cannot be read; the run does not wait for them
    # until its deadline.
    harness = CloudHarness()
    assert harness.apply(harness.stack(RULED, tmp_path)).exit_code == 0
    a, web = id_of(harness, "instances.a"), id_of(harness, "firewalls.web")
    began: list[float] = []

    def delete(world: World) -> None:
        began.append(harness.clock.monotonic())
        world.remove("membership", (web, a))
        world.remove("firewall", web)

    harness.plans, sends = meanwhile(harness, delete), len(harness.sends)
    result = harness.apply(harness.stack(text, tmp_path))
    assert result.exit_code == 3 and writes(harness, sends) == [] and step in result.failed
    assert harness.clock.monotonic() - began[0] < 60
