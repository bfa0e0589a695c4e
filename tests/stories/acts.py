"""The causes of a story: each is a function that does one thing to a life, with chances of its own,
and says in a line what it did.

A cause that finds nothing to do gives None. `EDITS` change the file, `OTHERS` the account, `PLACES`
machines and time, and `RUNS` say how the next process is run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from reconciler.model.state import Entry, Phase
from reconciler.simulator.kinds.records import Instance, Membership, Rule
from reconciler.simulator.world import World
from tests.faults import faults
from tests.stories import edits
from tests.stories.life import Life
from tests.stories.processes import How

Act = Callable[[Life, Random], str | None]
Way = Callable[[Life, Random], How | None]

FEW = (1, 1, 1, 2, 2, 3, 4, 5)
"""Which write breaks: mostly one of the first."""


# Somebody else
# --------------------------------------------------------------------------------------------------------------------


def _tracked(life: Life, kind: str) -> list[Entry]:
    """What the state holds of a kind and the account has at rest."""
    state, world = life.state, life.cloud.world
    if state is None:
        return []
    records: Any = {
        "instances": world.instances,
        "block_storages": world.block_storages,
        "firewalls": world.firewalls,
    }[kind]
    asked = {intent.target for intent, _ in state.open.values()}
    return [
        entry
        for _, entry in sorted(state.entries.items())
        if entry.kind == kind
        and entry.id in records
        and not getattr(records[entry.id], "busy", False)
        and entry.phase is Phase.READY
        and entry.id not in asked
    ]


def _one(life: Life, chance: Random, kind: str = "instances") -> Entry | None:
    found = _tracked(life, kind)
    found = [entry for entry in found if entry.id in life.aims] or found
    return chance.choice(found) if found else None


def somebody_renames(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    life.cloud.change(
        lambda world: world.put(replace(world.instances[entry.id], name="do-not-touch"))
    )
    return f"renamed {entry.id} ({entry.address})"


def somebody_describes(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    text = life.cloud.world.instances[entry.id].description or ""
    mark = text[-16:] if " rc-" in text else ""
    life.cloud.change(
        lambda world: world.put(
            replace(world.instances[entry.id], description=f"do not delete{mark}")
        )
    )
    return f"described {entry.id} ({entry.address}) as `do not delete`"


def somebody_resizes(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    life.cloud.change(
        lambda world: world.put(replace(world.instances[entry.id], flavor_id="std_8.16-g1"))
    )
    return f"resized {entry.id} ({entry.address}) to std_8.16-g1"


def somebody_deletes(life: Life, chance: Random) -> str | None:
    if life.missing:
        return None
    entry = _one(
        life, chance, chance.choice(("instances", "instances", "firewalls", "block_storages"))
    )
    if entry is None:
        return None
    life.missing[entry.address] = entry.id
    life.remove(entry.id)
    return f"deleted {entry.id} ({entry.address})"


def somebody_attaches_a_volume(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    free = [
        volume
        for id, volume in sorted(life.cloud.world.block_storages.items())
        if id not in life.ids
    ]
    if entry is None or not free or life.cloud.world.slots_used(entry.id) >= 3:
        return None
    volume = replace(
        free[0],
        block_storage_id=life.cloud.world.new_id("block_storage"),
        instance_id=entry.id,
        name="their-data",
    )
    life.cloud.change(lambda world: world.put(volume))
    return f"attached a volume of their own to {entry.id} ({entry.address})"


def somebody_takes_out_of_a_firewall(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    walls = life.cloud.world.firewalls_of(entry.id) if entry is not None else []
    if entry is None or not walls:
        return None
    life.cloud.change(lambda world: world.remove("membership", (walls[0], entry.id)))
    return f"took {entry.id} ({entry.address}) out of {walls[0]}"


def somebody_puts_behind_another_firewall(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    theirs = sorted(
        id for id, wall in life.cloud.world.firewalls.items() if wall.title == "their-firewall"
    )
    if entry is None or not theirs:
        return None

    def act(world: World) -> None:
        for wall in world.firewalls_of(entry.id):
            world.remove("membership", (wall, entry.id))
        world.put(Membership(theirs[0], entry.id))

    life.cloud.change(act)
    life.given.add(theirs[0])  # the members of a firewall count as its own
    return f"put {entry.id} ({entry.address}) behind {theirs[0]}"


def somebody_adds_a_rule(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance, "firewalls")
    if entry is None:
        return None
    more = Rule(life.cloud.world.new_rule_id(), "IN", "TCP", "9999", "192.0.2.0/24", "theirs")
    life.cloud.change(
        lambda world: world.put_rules(entry.id, (*world.firewalls[entry.id].rules, more))
    )
    return f"added a rule to {entry.id} ({entry.address})"


def somebody_edits_a_rule(life: Life, chance: Random) -> str | None:
    """A rule gets another range; the one at which the plan aims, if it aims at one."""
    world = life.cloud.world
    rules = [
        (id, rule)
        for id, wall in sorted(world.firewalls.items())
        if id in life.ids
        for rule in wall.rules
    ]
    aimed = [pair for pair in rules if str(pair[1].rule_id) in life.aims]
    if not aimed:
        return None
    id, rule = chance.choice(aimed)
    other = replace(rule, ip="192.0.2.0/24")
    edited = [other if each is rule else each for each in world.firewalls[id].rules]
    life.cloud.change(lambda world: world.put_rules(id, edited))
    return f"edited the rule {rule.title} of {id}"


def somebody_deletes_a_rule(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance, "firewalls")
    rules = life.cloud.world.firewalls[entry.id].rules if entry is not None else ()
    if entry is None or not rules:
        return None
    life.cloud.change(lambda world: world.put_rules(entry.id, rules[1:]))
    return f"deleted the rule {rules[0].title} of {entry.id} ({entry.address})"


def somebody_makes_a_twin(life: Life, chance: Random) -> str | None:
    """The same name, flavor and image, without a marker."""
    world, desired = life.cloud.world, life.desired
    server = edits.server_of(life, chance)
    if server is None or server.indexes is not None:
        return None
    model = next(iter(sorted(world.instances.items())), None)
    if model is None:
        return None
    id, (public, private) = world.new_id("instance"), world.new_addresses()
    twin: Instance = replace(
        model[1],
        instance_id=id,
        name=f"{desired.stack}-{server.key}",
        description=None,
        public_address=public,
        private_address=private,
        status="active",
        pending=None,
    )
    life.cloud.change(lambda world: world.put(twin))
    return f"made a server {twin.name} by hand ({id})"


# Machines and time
# ----------------------------------------------------------------------------------------------------------------


def another_machine(life: Life, chance: Random) -> str | None:
    return life.another_machine()


def both_machines_at_once(life: Life, chance: Random) -> str | None:
    return life.both_at_once()


def an_old_state_is_put_back(life: Life, chance: Random) -> str | None:
    kept = life.machine.kept
    if len(kept) < 2:
        return None
    number = chance.randrange(len(kept) - 1)
    life.put_back(kept[number])
    return f"puts back the disk as it was {len(kept) - 1 - number} runs ago"


def time_passes(life: Life, chance: Random) -> str | None:
    seconds = chance.choice((20.0, 61.0, 500.0, 90_000.0))
    life.clock.advance(seconds)
    return f"{seconds:.0f} s pass"


def objects_show_late(life: Life, chance: Random) -> str | None:
    seconds = chance.choice((20.0, 45.0))
    life.cloud.set_switches({"visibility_delay": seconds})
    return f"new objects are not listed for {seconds:.0f} s"


# How the next process is run
# ------------------------------------------------------------------------------------------------------


def killed(life: Life, chance: Random) -> How:
    return How(
        fault=chance.choice((*faults.KILLS[1:], *faults.KILLS, "killed, seen 45 s late")),
        number=chance.choice(FEW),
    )


def a_create_is_in_doubt(life: Life, chance: Random) -> How:
    """Nobody waits for the answer of a create."""
    kinds = (
        "answer lost, seen 45 s late",
        "answer lost, seen 45 s late",
        "answer lost",
        "502, executed",
        "executed 100 s late",
        "killed, seen 45 s late",
        "killed, seen 45 s late",
        faults.KILLS[1],
    )
    return How(
        fault=chance.choice(kinds), place="create", number=chance.choice((1, 1, 2, 3)), wait=False
    )


def killed_before_a_firewall_is_attached(life: Life, chance: Random) -> How:
    return How(fault=chance.choice(faults.KILLS[:2]), place="attach", number=chance.choice((1, 2)))


def a_delete_is_in_doubt(life: Life, chance: Random) -> How:
    kinds = (*faults.KILLS[1:], *faults.KILLS[2:], "answer lost")
    return How(fault=chance.choice(kinds), place="delete", wait=chance.random() < 0.5)


def killed_at_a_read(life: Life, chance: Random) -> How:
    return How(fault=faults.KILLS[2], place="read", number=chance.randint(3, 25))


def an_answer_is_lost(life: Life, chance: Random) -> How:
    kinds = (
        "never arrives",
        "answer lost",
        "502, executed",
        "500, not executed",
        "garbage",
        "executed 100 s late",
        "executed 290 s late",
        "answer lost, seen 45 s late",
        "answer lost, seen 45 s late",
    )
    return How(fault=chance.choice(kinds), number=chance.choice(FEW), wait=chance.random() < 0.3)


def power_fails(life: Life, chance: Random) -> How:
    return How(
        fault=chance.choice(sorted(faults.DEED_FAULTS)), place="deed", number=chance.randint(1, 60)
    )


def a_list_lies(life: Life, chance: Random) -> How:
    return How(
        fault=chance.choice(("an empty list", "a list without its last row", "429", "403")),
        place="read",
        number=chance.randint(1, 16),
    )


def interrupted(life: Life, chance: Random) -> How:
    return How(fault=faults.INTERRUPT, number=chance.choice(FEW))


def does_not_wait(life: Life, chance: Random) -> How:
    return How(wait=False)


def narrowed(life: Life, chance: Random) -> How | None:
    addresses = sorted(address for address in life.desired.addresses if ".rules." not in address)
    return How(only=(chance.choice(addresses),)) if addresses else None


def asked_and_refused(life: Life, chance: Random) -> How:
    return How(typed=chance.choice(("no", "yes please", "", "shopp")))


def asked_and_agreed(life: Life, chance: Random) -> How:
    return How(typed="shop")


def somebody_is_quicker(life: Life, chance: Random) -> How:
    acts, seed = chance.choice((list(OTHERS.values()), list(FIELDS.values()))), chance.random()
    act = chance.choice(acts)
    return How(
        meddle=lambda: act(life, Random(seed)), meddle_at=chance.choice((0, 0, 0, 1, 2, 3, 5, 8))
    )


def _named(*acts: Callable[..., Any]) -> dict[str, Any]:
    return {act.__name__.replace("_", " "): act for act in acts}


NAMES: dict[str, Act] = _named(
    edits.renames_a_server_with_moved,
    edits.renames_a_server,
    edits.renames_a_firewall,
    edits.renames_a_volume,
    edits.renames_a_rule,
    edits.changes_a_shape,
    edits.renames_the_stack,
    edits.adds_environments,
    edits.moves_in_the_state,
)
EDITS: dict[str, Act] = _named(
    edits.adds_a_server,
    edits.removes_a_server,
    edits.changes_a_flavor,
    edits.changes_a_text,
    edits.changes_power,
    edits.changes_an_image,
    edits.changes_a_firewall,
    edits.changes_a_volume,
    edits.changes_a_zone,
    edits.changes_a_rule,
    edits.removes_a_volume,
    edits.adds_a_firewall,
    edits.imports_an_id,
    edits.imports_what_another_stack_owns,
)
OTHERS: dict[str, Act] = _named(
    somebody_renames,
    somebody_describes,
    somebody_resizes,
    somebody_deletes,
    somebody_attaches_a_volume,
    somebody_takes_out_of_a_firewall,
    somebody_puts_behind_another_firewall,
    somebody_adds_a_rule,
    somebody_edits_a_rule,
    somebody_deletes_a_rule,
    somebody_makes_a_twin,
)
FIELDS: dict[str, Act] = _named(
    somebody_renames,
    somebody_describes,
    somebody_resizes,
    somebody_attaches_a_volume,
    somebody_edits_a_rule,
)
"""Edits of one field of an object."""

MACHINES: dict[str, Act] = _named(another_machine, both_machines_at_once, an_old_state_is_put_back)
TIME: dict[str, Act] = _named(time_passes, objects_show_late)
DEATHS: dict[str, Way] = _named(
    killed,
    a_create_is_in_doubt,
    killed_before_a_firewall_is_attached,
    a_delete_is_in_doubt,
    killed_at_a_read,
    an_answer_is_lost,
    power_fails,
    interrupted,
)
LISTS: dict[str, Way] = _named(a_list_lies)
WAYS: dict[str, Way] = _named(does_not_wait, narrowed, asked_and_refused, asked_and_agreed)
QUICKER: dict[str, Way] = _named(somebody_is_quicker)

FAMILIES: dict[str, tuple[str, ...]] = {
    "names": tuple(NAMES),
    "edits": tuple(EDITS),
    "others": tuple(OTHERS),
    "machines": tuple(MACHINES),
    "time": tuple(TIME),
    "deaths": tuple(DEATHS),
    "lists": tuple(LISTS),
    "ways": tuple(WAYS),
    "quicker": tuple(QUICKER),
}
"""Causes of one sort. A story is drawn for a pair of families, so 110 stories meet each pair
of them.
"""

ACTS: dict[str, Act] = {**NAMES, **EDITS, **OTHERS, **MACHINES, **TIME}
RUNS: dict[str, Way] = {**DEATHS, **LISTS, **WAYS, **QUICKER}
CAUSES = (*ACTS, *RUNS)


RENAMES = (
    "renames a server with moved",
    "renames a server",
    "renames a firewall",
    "renames a volume",
    "renames a rule",
    "changes a shape",
)
ADDS = ("adds a server", "adds a firewall", "changes a volume", "changes a rule")
RISKS = (
    "removes a server",
    "removes a volume",
    "changes a flavor",
    "changes an image",
    "changes a zone",
    "changes a rule",
)
NOT_WAITED = ("does not wait",)


@dataclass(frozen=True, slots=True)
class Chain:
    """Causes that follow each other in this order, one of each scene's; "" is a plain run. `begun`
    is whether the first file is applied before, `waits` how the end is run; None: by chance.
    """

    weight: int
    scenes: tuple[tuple[str, ...], ...]
    begun: bool | None = None
    waits: bool | None = None


CHAINS = (
    Chain(4, (("a create is in doubt",), RENAMES, NOT_WAITED), begun=False),
    Chain(4, (ADDS, ("a create is in doubt",), RENAMES, NOT_WAITED), begun=True),
    Chain(2, (ADDS, ("a create is in doubt",), NOT_WAITED), begun=True),
    Chain(6, (RISKS, ("somebody is quicker",)), begun=True),
    Chain(1, (("imports an id",), ("", "does not wait", "killed"))),
    Chain(2, (("imports what another stack owns",), ("", "does not wait", "killed"))),
    Chain(2, (("moves in the state",), ("", "moves in the state")), begun=True),
    Chain(1, (("renames the stack", "adds environments"), ("", "does not wait")), begun=True),
    Chain(2, (("killed before a firewall is attached",),), begun=False),
    Chain(2, (("changes a text", "adds a server"), ("both machines at once",)), begun=False),
    Chain(
        4,
        (
            ("removes a server", "removes a volume", "changes a zone"),
            ("a delete is in doubt",),
            NOT_WAITED,
            NOT_WAITED,
        ),
        begun=True,
        waits=False,
    ),
)
"""Orders in which causes did harm once."""


def merged(first: How, second: How) -> How:
    """Two ways to run at once: what the second says where it says something; a fault comes with its
    place.
    """
    plain = How()
    said = {
        name: getattr(second, name)
        for name in How.__slots__
        if getattr(second, name) != getattr(plain, name)
    }
    if second.fault is not None:
        said |= {"place": second.place, "number": second.number}
    return replace(first, **said)
