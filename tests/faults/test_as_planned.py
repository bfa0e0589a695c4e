"""Somebody edits one field of an object between the plan and a write that was shown with what it
was: the write is not sent (planning#precondition).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.events import StepFailed
from reconciler.simulator.kinds.records import Membership
from reconciler.simulator.world import World
from tests.faults.bench import Bench
from tests.faults.test_second_look import acts_after_the_plan, begun
from tests.scenarios.test_second_look import meanwhile

Act = Callable[[World, str], None]


def server(**members: Any) -> Act:
    """Edits members of a server; a text goes before its marker."""
    return lambda world, id: world.put(
        replace(world.instances[id], **_marked(members, world.instances[id].description))
    )


def volume(**members: Any) -> Act:
    """The same for a volume."""
    return lambda world, id: world.put(
        replace(world.block_storages[id], **_marked(members, world.block_storages[id].description))
    )


def firewall(**members: Any) -> Act:
    """The same for a firewall."""
    return lambda world, id: world.put(
        replace(world.firewalls[id], **_marked(members, world.firewalls[id].content))
    )


def _marked(members: dict[str, Any], text: str | None) -> dict[str, Any]:
    marker = (text or "").rpartition(" ")[2]
    return {
        name: f"{value} {marker}" if name in ("description", "content") else value
        for name, value in members.items()
    }


def theirs_attached(world: World, id: str) -> None:
    """A volume of somebody else is attached to the server."""
    other = next(row for row in world.block_storages.values() if row.name == "theirs-disk")
    world.put(replace(other, instance_id=id))


def taken_off(world: World, id: str) -> None:
    """The server leaves its firewall."""
    for group in world.firewalls_of(id):
        world.remove("membership", (group, id))


def moved_to_theirs(world: World, id: str) -> None:
    """The volume goes to a server of somebody else."""
    other = next(row for row in world.instances.values() if row.name == "theirs")
    world.put(replace(world.block_storages[id], instance_id=other.instance_id))


def theirs_joined(world: World, id: str) -> None:
    """A server of somebody else is put behind the firewall."""
    other = next(row for row in world.instances.values() if row.name == "theirs")
    world.put(Membership(id, other.instance_id))


def rule_added(world: World, id: str) -> None:
    """The firewall gets one more rule."""
    rules = world.firewalls[id].rules
    world.put_rules(id, [*rules, replace(rules[0], rule_id=99, port="8080", title="theirs")])


EDITS: Mapping[str, Mapping[str, Act]] = {
    "instances": {
        "name": server(name="renamed"),
        "description": server(description="do not delete"),
        "flavor": server(flavor_id="std_8.16-g1"),
        "image": server(image_id="PIMAGE-theirs"),
        "power": server(status="off"),
        "public_ip": server(public_attached=False),
        "volumes": theirs_attached,
    },
    "block_storages": {
        "name": volume(name="renamed"),
        "description": volume(description="do not delete"),
        "size": volume(size=500),
        "type": volume(type="sata"),
        "instance": moved_to_theirs,
    },
    "firewalls": {
        "name": firewall(title="renamed"),
        "description": firewall(content="do not delete"),
        "icmp": firewall(icmp="N"),
        "members": theirs_joined,
        "rules": rule_added,
    },
}
"""By kind and field, as a person in the console makes them."""

WRITES = (
    ("a resize", "instances.db"),
    ("a resize that stops first", "instances.db"),
    ("a rebuild", "instances.db"),
    ("a replacement with a volume", "instances.db"),
    ("a replacement that deletes first", "instances.db"),
    ("power off", "instances.web"),
    ("another firewall", "instances.web"),
    ("one server less", "instances.web[2]"),
    ("destroy", "instances.db"),
    ("destroy", "block_storages.data"),
    ("destroy", "firewalls.web"),
    ("a bigger volume", "block_storages.data"),
    ("a volume to another server", "block_storages.data"),
)
"""The stories with a write that destroys or takes down, and the object that it is about."""

ENDS_ANYWAY = {("power off", "instances.web", "power")}
"""Somebody did what was to be done: nothing is sent."""

MEMBERSHIP_ENDS = ("another firewall", "one server less")


def cases() -> Iterator[tuple[str, str, str, Act]]:
    """Every field of every such object."""
    for story, address in WRITES:
        edits = EDITS[address.partition(".")[0]]
        for name, act in edits.items():
            if (story, address, name) not in ENDS_ANYWAY:
                yield story, address, name, act
        if story in MEMBERSHIP_ENDS:
            yield story, address, "firewall", taken_off


def record(world: World, id: str) -> Any:
    """An object as it stands, what it costs apart."""
    found: Any = world.instances.get(id) or world.block_storages.get(id) or world.firewalls.get(id)
    return replace(found, charged_until=0.0) if hasattr(found, "charged_until") else found


def failures(bench: Bench) -> list[str]:
    """What was said of the steps that failed."""
    return [event.message for event in bench.events if isinstance(event, StepFailed)]


@pytest.mark.parametrize("at_the_prompt", [True, False], ids=["before the yes", "after it"])
@pytest.mark.parametrize(
    ("story", "address", "name", "act"),
    list(cases()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_object_whose_field_somebody_edits_after_the_plan_is_left_alone(
    story: str, address: str, name: str, act: Act, at_the_prompt: bool
) -> None:
    # Goal: the consent was given to what was shown; the run says which field, what it was and what
    # it is, and ends with 3.
    calm, bench, id = begun(story, address)
    edited: list[Any] = []

    def edit(world: World, id: str) -> None:
        act(world, id)
        edited.append(record(world, id))

    if at_the_prompt:
        bench.plans = meanwhile(bench, lambda world: edit(world, id))
    else:
        acts_after_the_plan(bench, edit, id)
    ended = bench.run(calm.stack, destroy=calm.story.destroy)
    assert ended.exit_code == 3 and len(edited) == 1
    said = [text for text in failures(bench) if text.startswith("it changed since the plan: ")]
    assert said and all(
        f"{name} was " in text and " in the plan and is " in text for text in said
    ), failures(bench)
    assert record(bench.cloud.snapshot(), id) == edited[0]


@pytest.mark.parametrize(
    "story", ["a resize that stops first", "a replacement with a volume", "ten at once", "destroy"]
)
def test_changes_by_our_own_steps_are_not_differences(story: str) -> None:
    # Goal: a server that we stopped, a volume that we moved, a text that we wrote: the later writes
    # of the same run are sent.
    calm, bench, _ = begun(story, "instances.db")
    assert (
        bench.run(calm.stack, destroy=calm.story.destroy).exit_code == 0 and failures(bench) == []
    )
