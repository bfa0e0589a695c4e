"""Random stacks against the local cloud in virtual time: what is applied is there, the next plan is
empty, what is destroyed is gone.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model import marker
from reconciler.model.address import Address
from reconciler.model.plan import Plan
from reconciler.model.resource import Deferred, Lookup, Resource, Stack
from reconciler.model.state import Phase, State
from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import Made, SavedPlan
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.world import World
from tests.cloud_harness import CloudHarness, said, shown
from tests.properties.strategies import AdoptRequest, desired_values, edits
from tests.scenarios.test_life_of_a_stack import THEIRS, add_foreign_objects, theirs
from tests.scenarios.world import world_of

FEW = settings(
    max_examples=12,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
"""Whole lives in virtual time: few, and not made smaller when one fails, which would take minutes.
"""

ACCOUNTS = [
    ({"attach_mode": "single_refuse"}, "security-groups"),
    ({"attach_mode": "single_replace"}, "security-groups"),
    ({"attach_mode": "many"}, "security-groups"),
    ({"attach_mode": "single_refuse"}, "firewall"),
]
"""What an account may be like: how it takes a second firewall on a server, and in which form it
speaks of firewalls.
"""
WINDOW_SECONDS, SENDS_MAX = 60.0, 60


def harness(
    account: tuple[Mapping[str, object], str] = ACCOUNTS[0], **options: Any
) -> CloudHarness:
    switches, firewall_api = account
    made = CloudHarness(
        switches={**switches, "allow_shrink": True}, firewall_api=firewall_api, **options
    )
    add_foreign_objects(made.cloud)
    return made


def read(made: CloudHarness, desired: AdoptRequest) -> Stack:
    with tempfile.TemporaryDirectory() as folder:
        return made.stack(desired.text(), Path(folder))


def applied(made: CloudHarness, desired: AdoptRequest) -> Stack:
    """The stack, applied to its end."""
    stack = read(made, desired)
    result = made.apply(stack)
    assert result.exit_code == 0, (
        f"{desired.text()}\n{result.failed} {result.skipped} {said(result.problems)}"
    )
    return stack


def must_be_empty(made: CloudHarness, stack: Stack, desired: AdoptRequest) -> None:
    plan = made.plan(stack)
    assert plan.is_empty, (
        f"{desired.text()}\n{shown(plan)} {[s.key for s in plan.steps]} {said(plan.problems)}"
    )
    assert (plan.drift, plan.records) == ((), ()), desired.text()


def must_be_as_written(cloud: Cloud, stack: Stack, state: State | None) -> None:
    """Every written attribute is so in the cloud, and of rules there are no others."""
    assert state is not None
    world = cloud.snapshot()
    ids = {text: entry.id for text, entry in state.entries.items()}
    for address, resource in stack.resources.items():
        says = {
            name: value
            for name, value in resource.attributes.items()
            if isinstance(value, str | int | bool)
        }
        id = ids[str(address)]
        if address.rule is not None:
            group = world.firewalls[ids[str(address.owner)]]
            row = next(rule for rule in group.rules if str(rule.rule_id) == id)
            assert (row.bound.lower(), row.protocol.lower(), row.port) == (
                says["direction"],
                says["protocol"],
                says["ports"],
            )
            assert row.ip == _cidr(stack, address, world, ids)
            assert row.title == says["title"]
        elif address.kind == "firewalls":
            group = world.firewalls[id]
            assert group.icmp == ("Y" if says["icmp"] else "N")
            wanted = {str(a) for a in stack.resources if a.rule is not None and a.owner == address}
            assert len(group.rules) == len(wanted)
            assert {str(rule.rule_id) for rule in group.rules} == {ids[text] for text in wanted}
        elif address.kind == "instances":
            _server_as_written(world, ids, id, resource, says)
        else:
            volume = world.block_storages[id]
            owner = resource.attributes["instance"]
            assert (volume.size, volume.instance_id) == (
                says["size"],
                None if owner is None else ids[str(owner)],
            )


def _server_as_written(
    world: World, ids: Mapping[str, str], id: str, resource: Resource, says: Mapping[str, Any]
) -> None:
    server = world.instances[id]
    flavor, image = resource.attributes["flavor"], resource.attributes["image"]
    assert isinstance(flavor, Lookup) and isinstance(image, Lookup)
    assert server.flavor_id == flavor.value
    system = world.images[server.image_id]["os"]
    assert isinstance(system, Mapping) and system["version"] == image.version
    assert "power" not in says or server.status == {"on": "active", "off": "off"}[says["power"]]
    assert "name" not in says or server.name == says["name"]
    owner = resource.attributes["firewall"]
    groups = [group for group in world.firewalls if id in world.members(group)]
    assert groups == ([] if owner is None else [ids[str(owner)]])
    assert marker.split(server.description)[1] is not None


def _cidr(stack: Stack, address: Address, world: World, ids: Mapping[str, str]) -> str:
    value = stack.resources[address].attributes["cidr"]
    if isinstance(value, str):
        return value
    assert isinstance(value, Deferred)
    server = world.instances[ids[str(value.references[0].address)]]
    return f"{server.private_address}/32"


def must_keep_to_the_quota(made: CloudHarness) -> None:
    times = [when for when, _ in made.sends]
    worst = max(
        (sum(1 for other in times if when <= other < when + WINDOW_SECONDS) for when in times),
        default=0,
    )
    assert worst <= SENDS_MAX, f"{worst} sends in 60 s"


def must_be_ordered(plan: Plan) -> None:
    done: set[str] = set()
    for step in plan.steps:
        assert set(step.after) <= done, step.key
        done.add(step.key)


@FEW
@given(desired_values())
def test_a_stack_comes_up_is_at_rest_and_goes(desired: AdoptRequest) -> None:
    # Goal: apply, empty plan, world as written, destroy: only other people's objects are left, and
    # the state is empty.
    made = harness()
    stack = applied(made, desired)
    must_be_empty(made, stack, desired)
    must_be_as_written(made.cloud, stack, made.state)
    assert made.state is not None and all(
        entry.phase is Phase.READY for entry in made.state.entries.values()
    )
    result = made.apply(stack, destroy=True)
    assert result.exit_code == 0, (
        f"{desired.text()}\n{result.failed} {result.skipped} {said(result.problems)}"
    )
    assert world_of(made.cloud) == THEIRS
    assert made.state is not None and made.state.is_empty
    must_keep_to_the_quota(made)


@FEW
@given(edits(), st.sampled_from(ACCOUNTS))
def test_any_stack_becomes_any_other(
    edit: tuple[AdoptRequest, AdoptRequest], account: tuple[Mapping[str, object], str]
) -> None:
    # Goal: whatever the edit and the account: planned in an order that holds, applied, at rest, the
    # world as the second file says.
    (first, second), made = edit, harness(account)
    applied(made, first)
    plan = made.plan(read(made, second))
    must_be_ordered(plan)
    must_be_saved_whole(plan)
    stack = applied(made, second)
    must_be_empty(made, stack, second)
    must_be_as_written(made.cloud, stack, made.state)
    assert theirs(world_of(made.cloud)) == THEIRS
    must_keep_to_the_quota(made)


@FEW
@given(edits())
def test_one_at_a_time_and_four_at_a_time_end_in_the_same_world(
    edit: tuple[AdoptRequest, AdoptRequest],
) -> None:
    # Goal: how many requests are in flight is a matter of time only.
    first, second = edit
    worlds = []
    for limit in (1, 4):
        made = harness(limit=limit)
        applied(made, first)
        applied(made, second)
        worlds.append(whoever(made.cloud))
        must_keep_to_the_quota(made)
    assert worlds[0] == worlds[1]


def must_be_saved_whole(plan: Plan) -> None:
    """A plan that is read back from its file is the plan that was saved."""
    saved = SavedPlan(plan, "account", "https://e.example", simulated=True, made=Made(1))
    assert saved_plan.read(saved_plan.write(saved)) == saved


def whoever(cloud: Cloud) -> str:
    """The world with servers for their private addresses: which address a server gets is a matter
    of which was made first.
    """
    text = json.dumps(world_of(cloud), sort_keys=True)
    for server in cloud.snapshot().instances.values():
        text = text.replace(f" {server.private_address}/", f" {server.name}/")
    return text


@settings(FEW, max_examples=25)
@given(desired_values(), st.randoms(use_true_random=False))
def test_keys_and_files_in_any_order_are_the_same_plan(
    desired: AdoptRequest, chance: random.Random
) -> None:
    # Goal: the file's sections in one file or many, their keys in any order: the same digest and
    # the same plan, byte for byte.
    made = harness()
    first = made.plan(read(made, desired))
    with tempfile.TemporaryDirectory() as folder:
        second = made.plan(made.stack(split(desired, chance), Path(folder)))
    assert canonical(first) == canonical(second)
    must_be_ordered(first)


def split(desired: AdoptRequest, chance: random.Random) -> dict[str, str]:
    """The same stack over several files, every mapping in another order."""

    def mixed(value: Any) -> Any:
        if isinstance(value, Mapping):
            pairs = [(key, mixed(item)) for key, item in value.items()]
            chance.shuffle(pairs)
            return dict(pairs)
        return value

    body = json.loads(desired.text())
    head = {key: body.pop(key) for key in ("version", "stack")}
    files = {"z.yaml": head}
    for key in body:
        files.setdefault(chance.choice(("a.yaml", "z.yaml", "stack.yaml")), {})[key] = body[key]
    return {name: json.dumps(mixed(content), ensure_ascii=False) for name, content in files.items()}


def canonical(plan: Plan) -> str:
    """All of a plan but where in the file it was asked for."""
    import json

    from reconciler.model import serialize

    body = unplaced(serialize.document(plan))
    # Problems are sorted by file and line, which differ here.
    body["problems"] = sorted(body["problems"], key=json.dumps)
    return json.dumps(
        [
            body,
            serialize.steps_exactly(plan),
            serialize.changes_exactly(plan),
            plan.digest,
            repr(plan.records),
        ],
        ensure_ascii=False,
    )


def unplaced(value: Any) -> Any:
    """The same without any `place`."""
    if isinstance(value, Mapping):
        return {key: unplaced(item) for key, item in value.items() if key != "place"}
    return [unplaced(item) for item in value] if isinstance(value, list) else value
