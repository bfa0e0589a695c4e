"""What the account holds in a story, and what the commands say of servers that stand exposed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reconciler.commands import doctor
from reconciler.commands import plan as planning
from reconciler.model.diagnostics import Problem
from reconciler.planner.checks import unprotected
from reconciler.simulator.world import World

if TYPE_CHECKING:
    from tests.stories.life import Life


def exposed_servers(life: Life, by_plan: tuple[Problem, ...]) -> list[str]:
    """After a kill, plan, drift, doctor and show name each server of the state that runs
    without the firewall that the file gives it.
    """
    world, state, violations = life.cloud.world, life.state, list[str]()
    behind = {
        address
        for server in life.desired.servers
        if "firewall" in dict(server.fields)
        for address in server.addresses
    }
    exposed = {
        address
        for address, entry in (() if state is None else state.entries.items())
        if address in behind
        and entry.id not in life.given
        and (server := world.instances.get(entry.id)) is not None
        and server.status == "active"
        and server.visible_from <= world.time
        and not world.firewalls_of(entry.id)
    }
    if not exposed:
        return []
    drift = planning.drift(life.stack_now, life.connection(), life.store)
    checks = doctor.objects(
        lambda: life.stack_now, lambda found: found, life.connection(), life.store, lambda: None
    )
    told: dict[str, Iterable[Problem | None]] = {
        "plan": by_plan,
        "drift": (*drift.plan.problems, *drift.problems),
        "doctor": (check.problem for check in checks),
        "show": unprotected.by_state(life.stack_now, state),
    }
    for command, problems in told.items():
        named = {each.address for each in problems if each and each.code == "exposed"}
        if exposed - named:
            violations.append(
                f"8: {command} does not say that {', '.join(sorted(exposed - named))} runs"
                " without its firewall"
            )
    return violations


def records(world: World) -> list[tuple[str, Any, str | None]]:
    """Each object of the account: its id, its record, and the text that may bear a marker."""
    rows: list[tuple[str, Any, str | None]] = [
        (id, server, server.description) for id, server in world.instances.items()
    ]
    rows += [(id, volume, volume.description) for id, volume in world.block_storages.items()]
    return rows + [(id, wall, wall.content) for id, wall in world.firewalls.items()]


def fingerprints(world: World) -> dict[str, tuple[object, ...]]:
    """What of each object counts as planned."""
    found: dict[str, tuple[object, ...]] = {}
    for id, server in world.instances.items():
        volumes, walls = (
            sorted(world.block_storages_by_instance().get(id, [])),
            sorted(world.firewalls_of(id)),
        )
        found[id] = (
            server.name,
            server.description,
            server.flavor_id,
            server.image_id,
            tuple(volumes),
            tuple(walls),
        )
    for id, volume in world.block_storages.items():
        found[id] = (volume.name, volume.description, volume.size, volume.owner_or_target)
    for id, wall in world.firewalls.items():
        found[id] = (wall.title, wall.content, tuple(world.members(id)))
        for rule in wall.rules:
            found[str(rule.rule_id)] = (rule,)
    return found
