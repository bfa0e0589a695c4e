"""The causes of a story: each is a function that does one thing to a life, with chances of its own,
and says in a line what it did.

A cause that finds nothing to do gives None. `EDITS` change the file, `OTHERS` the account, `PLACES`
machines and time, and `RUNS` say how the next process is run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from reconciler.model.state import Entry, Phase
from reconciler.simulator.records import Instance, Membership, Rule
from reconciler.simulator.world import World
from tests.faults import breaks
from tests.stories.desired import FLAVORS, KEYS, AdoptRequest, Server, Volume, Wall
from tests.stories.life import How, Life

Act = Callable[[Life, Random], str | None]
Way = Callable[[Life, Random], How | None]

FEW = (1, 1, 1, 2, 2, 3, 4, 5)
"""Which write breaks: mostly one of the first."""

TEXTS = ("hello", "하나", "둘")


def first_file(chance: Random) -> AdoptRequest:
    """A small stack."""
    keys = list(KEYS[:6])
    shapes: tuple[Any, ...] = (None, None, None, 1, 2, ("a", "b"))
    walls = tuple(
        Wall(keys.pop(0), (("https", 443), ("ssh", 22))[: chance.randint(1, 2)])
        for _ in range(chance.choice((0, 1, 1)))
    )
    servers = tuple(
        Server(keys.pop(0), chance.choice(shapes)) for _ in range(chance.choice((1, 1, 2)))
    )
    if walls:
        servers = tuple(server.with_field("firewall", walls[0].key) for server in servers)
    volumes = tuple(
        Volume(keys.pop(0), 10, servers[0].addresses[0]) for _ in range(chance.choice((0, 0, 1)))
    )
    return AdoptRequest(
        servers=servers, volumes=volumes, walls=walls, outputs=chance.random() < 0.3
    )


def _key(life: Life) -> str | None:
    """A key that this story has not used."""
    desired = life.desired
    now = (
        {each.key for each in desired.servers}
        | {each.key for each in desired.volumes}
        | {each.key for each in desired.walls}
    )
    life.used |= now
    free = [key for key in KEYS if key not in life.used]
    if not free:
        return None
    life.used.add(free[0])
    return free[0]


def _server(life: Life, chance: Random) -> Server | None:
    return chance.choice(life.desired.servers) if life.desired.servers else None


# Edits of the file
# ----------------------------------------------------------------------------------------------------------------


def adds_a_server(life: Life, chance: Random) -> str | None:
    key = _key(life)
    if key is None or len(life.desired.servers) > 2:
        return None
    server = Server(key)
    if life.desired.walls and chance.random() < 0.6:
        server = server.with_field("firewall", life.desired.walls[0].key)
    life.edit(replace(life.desired, servers=(*life.desired.servers, server)))
    return f"adds instances.{key} to the file"


def removes_a_server(life: Life, chance: Random) -> str | None:
    server = _server(life, chance)
    if server is None or len(life.desired.servers) < 2:
        return None
    others = tuple(each for each in life.desired.servers if each is not server)
    moved = tuple(
        (old, new)
        for old, new in life.desired.moved
        if new.split("[")[0] != f"instances.{server.key}"
    )
    stay = tuple(each for each in life.desired.volumes if each.on not in server.addresses)
    if chance.random() < 0.6:  # the volumes go to another server
        stay = tuple(
            replace(each, on=others[0].addresses[0]) if each.on in server.addresses else each
            for each in life.desired.volumes
        )
    life.edit(replace(life.desired, servers=others, moved=moved, volumes=stay))
    return f"takes instances.{server.key} out of the file"


def renames_a_server_with_moved(life: Life, chance: Random) -> str | None:
    return _rename(life, chance, said=True)


def renames_a_server(life: Life, chance: Random) -> str | None:
    return _rename(life, chance, said=False)


def _rename(life: Life, chance: Random, *, said: bool) -> str | None:
    server, key = _server(life, chance), _key(life)
    if server is None or key is None:
        return None
    other = replace(server, key=key)
    if chance.random() < 0.3 and server.indexes is None:
        other = other.with_field(
            "name", dict(server.fields).get("name", f"{life.desired.stack}-{server.key}")
        )
    desired = life.desired.with_server(other, instead_of=server.key)
    old, new = f"instances.{server.key}", f"instances.{key}"
    if said:
        desired = replace(desired, moved=(*desired.moved, (old, new)))
    life.edit(desired, same=dict(zip(other.addresses, server.addresses, strict=True)), said=said)
    return f"renames {old} to {new} in the file{', with `moved`' if said else ''}"


def renames_a_firewall(life: Life, chance: Random) -> str | None:
    key = _key(life)
    if key is None or not life.desired.walls:
        return None
    wall, said = chance.choice(life.desired.walls), chance.random() < 0.5
    walls = tuple(replace(each, key=key) if each is wall else each for each in life.desired.walls)
    servers = tuple(
        each.with_field("firewall", key) if dict(each.fields).get("firewall") == wall.key else each
        for each in life.desired.servers
    )
    old, new = f"firewalls.{wall.key}", f"firewalls.{key}"
    moved = (*life.desired.moved, (old, new)) if said else life.desired.moved
    life.edit(
        replace(life.desired, walls=walls, servers=servers, moved=moved), same={new: old}, said=said
    )
    return f"renames {old} to {new} in the file{', with `moved`' if said else ''}"


def renames_a_volume(life: Life, chance: Random) -> str | None:
    key = _key(life)
    if key is None or not life.desired.volumes:
        return None
    volume, said = chance.choice(life.desired.volumes), chance.random() < 0.5
    volumes = tuple(
        replace(each, key=key) if each is volume else each for each in life.desired.volumes
    )
    old, new = f"block_storages.{volume.key}", f"block_storages.{key}"
    moved = (*life.desired.moved, (old, new)) if said else life.desired.moved
    life.edit(replace(life.desired, volumes=volumes, moved=moved), same={new: old}, said=said)
    return f"renames {old} to {new} in the file{', with `moved`' if said else ''}"


def changes_a_shape(life: Life, chance: Random) -> str | None:
    server = _server(life, chance)
    if server is None or "name" in dict(server.fields):
        return None
    number = len(server.addresses)
    shapes = [
        shape
        for shape in (None, 1, 2, ("a", "b"), ("p", "q"), ("a",))
        if shape != server.indexes and _length(shape) == number
    ]
    shapes += [number + 1] if isinstance(server.indexes, int) and number < 3 else []
    other = replace(server, indexes=chance.choice(shapes))
    same = dict(zip(other.addresses, server.addresses, strict=False))
    life.edit(
        life.desired.with_server(other),
        same={new: old for new, old in same.items() if new != old},
        said=False,
    )
    return f"changes instances.{server.key} from {_said(server)} to {_said(other)}"


def _length(shape: int | tuple[str, ...] | None) -> int:
    return 1 if shape is None else shape if isinstance(shape, int) else len(shape)


def _said(server: Server) -> str:
    if server.indexes is None:
        return "a single one"
    return (
        f"count: {server.indexes}"
        if isinstance(server.indexes, int)
        else f"for_each: {list(server.indexes)}"
    )


def changes_a_flavor(life: Life, chance: Random) -> str | None:
    return _field(life, chance, "flavor", FLAVORS)


def changes_a_text(life: Life, chance: Random) -> str | None:
    return _field(life, chance, "description", TEXTS)


def changes_power(life: Life, chance: Random) -> str | None:
    return _field(life, chance, "power", ("on", "off"))


def changes_an_image(life: Life, chance: Random) -> str | None:
    return _field(
        life,
        chance,
        "image",
        ({"os": "ubuntu", "version": "24.04"}, {"os": "ubuntu", "version": "22.04"}),
    )


def _field(life: Life, chance: Random, name: str, values: tuple[Any, ...]) -> str | None:
    server = _server(life, chance)
    if server is None:
        return None
    value = chance.choice([each for each in values if each != dict(server.fields).get(name)])
    life.edit(life.desired.with_server(server.with_field(name, value)))
    return f"sets {name} of instances.{server.key} to {value}"


def changes_a_firewall(life: Life, chance: Random) -> str | None:
    """A firewall comes, gets or loses a rule, or a server goes behind another one."""
    what, key = chance.choice(("rule", "more", "wall", "behind")), None
    walls = life.desired.walls
    if not walls or what == "wall":
        key = _key(life)
        if key is None or len(walls) > 2:
            return None
        life.edit(replace(life.desired, walls=(*walls, Wall(key, (("web", 8000 + len(walls)),)))))
        return f"adds firewalls.{key} to the file"
    wall = chance.choice(walls)
    if what == "behind":
        server = _server(life, chance)
        if server is None:
            return None
        life.edit(life.desired.with_server(server.with_field("firewall", wall.key)))
        return f"puts instances.{server.key} behind firewalls.{wall.key}"
    rules = dict(wall.rules)
    if what == "more" or len(rules) < 2:
        rules[f"r{len(rules)}"] = 9000 + len(rules)
    else:
        rules.popitem()
    other = replace(wall, rules=tuple(rules.items()))
    life.edit(replace(life.desired, walls=tuple(other if each is wall else each for each in walls)))
    return f"changes the rules of firewalls.{wall.key} to {', '.join(rules)}"


def changes_a_volume(life: Life, chance: Random) -> str | None:
    """A volume comes, grows, or goes to another server."""
    volumes = life.desired.volumes
    places = [address for server in life.desired.servers for address in server.addresses]
    if not places:
        return None
    if not volumes or (len(volumes) < 2 and chance.random() < 0.3):
        key = _key(life)
        if key is None:
            return None
        volume = Volume(key, 10, chance.choice(places))
        life.edit(replace(life.desired, volumes=(*volumes, volume)))
        return f"adds block_storages.{key} on {volume.on}"
    volume, elsewhere = (
        chance.choice(volumes),
        [place for place in places if place != volumes[0].on],
    )
    other = (
        replace(volume, on=chance.choice(elsewhere))
        if elsewhere
        else replace(volume, size=volume.size + 10)
    )
    life.edit(
        replace(life.desired, volumes=tuple(other if each is volume else each for each in volumes))
    )
    return f"sets block_storages.{volume.key} to {other.size} GB on {other.on}"


def imports_an_id(life: Life, chance: Random) -> str | None:
    """A key for a server that is there: one that does not exist, one of another kind, a stranger's,
    one that another stack owns.
    """
    key = _key(life)
    if key is None or life.desired.imports:
        return None
    world = life.cloud.world
    unmarked = sorted(
        id
        for id, server in world.instances.items()
        if " rc-" not in (server.description or "") and id not in life.ids
    )
    owned = sorted(
        id
        for id, server in world.instances.items()
        if (server.description or "").startswith("blog.")
    )
    what = chance.choice(
        (
            "no such id",
            "no such id",
            "a firewall's id",
            "a stranger's server",
            "another stack's server",
        )
    )
    walls = sorted(world.firewalls)
    ids = {
        "no such id": ["INSTANCE-typo"],
        "a firewall's id": walls,
        "a stranger's server": unmarked,
        "another stack's server": owned,
    }[what]
    if not ids:
        return None
    if what == "a stranger's server":
        life.given.add(ids[0])
    before = life.desired
    server = Server(key, 2 if chance.random() < 0.2 and what == "no such id" else None).with_field(
        "description", "taken over"
    )
    if life.desired.walls:
        server = server.with_field("firewall", life.desired.walls[0].key)
    life.edit(replace(before, servers=(*before.servers, server), imports=((key, ids[0]),)))
    if what != "a stranger's server":
        life.to_take_back = key
    return f"adds instances.{key} with `import: {ids[0]}` ({what})"


def renames_the_stack(life: Life, chance: Random) -> str | None:
    title = chance.choice(
        [name for name in ("shop", "store", "market") if name != life.desired.stack]
    )
    life.former.append((life.desired.stack, life.desired.environment))
    life.edit(replace(life.desired, stack=title))
    return f"renames the stack to {title} in the file"


def adds_environments(life: Life, chance: Random) -> str | None:
    if life.desired.environment is not None:
        return None
    life.former.append((life.desired.stack, None))
    life.edit(replace(life.desired, environment="dev"))
    return "adds `environments: {dev: {}}` to the file, and names --env dev"


def moves_in_the_state(life: Life, chance: Random) -> str | None:
    """`state mv`, to itself or to another key that the file then has."""
    server, key = _server(life, chance), _key(life)
    if server is None or key is None or life.state is None:
        return None
    old = f"instances.{server.key}"
    if chance.random() < 0.5:
        return life.move_state(old, old)
    line = life.move_state(old, f"instances.{key}")
    if any(address.startswith(f"instances.{key}") for address in life.state.entries):
        other = replace(server, key=key)
        same = dict(zip(other.addresses, server.addresses, strict=True))
        life.edit(life.desired.with_server(other, instead_of=server.key), same=same)
    return line


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
    return chance.choice(found) if found else None


def somebody_renames(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    life.cloud.change(
        lambda world: world.put_instance(replace(world.instances[entry.id], name="do-not-touch"))
    )
    return f"renamed {entry.id} ({entry.address})"


def somebody_describes(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    text = life.cloud.world.instances[entry.id].description or ""
    mark = text[-16:] if " rc-" in text else ""
    life.cloud.change(
        lambda world: world.put_instance(
            replace(world.instances[entry.id], description=f"do not delete{mark}")
        )
    )
    return f"described {entry.id} ({entry.address}) as `do not delete`"


def somebody_resizes(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    if entry is None:
        return None
    life.cloud.change(
        lambda world: world.put_instance(
            replace(world.instances[entry.id], flavor_id="std_8.16-g1")
        )
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
    life.cloud.change(lambda world: world.put_volume(volume))
    return f"attached a volume of their own to {entry.id} ({entry.address})"


def somebody_takes_out_of_a_firewall(life: Life, chance: Random) -> str | None:
    entry = _one(life, chance)
    walls = life.cloud.world.firewalls_of(entry.id) if entry is not None else []
    if entry is None or not walls:
        return None
    life.cloud.change(lambda world: world.remove_membership(walls[0], entry.id))
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
            world.remove_membership(wall, entry.id)
        world.put_membership(Membership(theirs[0], entry.id))

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
    server = _server(life, chance)
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
    life.cloud.change(lambda world: world.put_instance(twin))
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
        fault=chance.choice((*breaks.KILLS[1:], *breaks.KILLS, "killed, seen 45 s late")),
        number=chance.choice(FEW),
    )


def killed_at_a_read(life: Life, chance: Random) -> How:
    return How(fault=breaks.KILLS[2], place="read", number=chance.randint(3, 25))


def an_answer_is_lost(life: Life, chance: Random) -> How:
    faults = (
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
    return How(fault=chance.choice(faults), number=chance.choice(FEW), wait=chance.random() < 0.3)


def power_fails(life: Life, chance: Random) -> How:
    return How(
        fault=chance.choice(sorted(breaks.DEED_FAULTS)), place="deed", number=chance.randint(1, 60)
    )


def a_list_lies(life: Life, chance: Random) -> How:
    return How(
        fault=chance.choice(("an empty list", "a list without its last row", "429", "403")),
        place="read",
        number=chance.randint(1, 16),
    )


def interrupted(life: Life, chance: Random) -> How:
    return How(fault=breaks.INTERRUPT, number=chance.choice(FEW))


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
    act, seed = chance.choice(list(OTHERS.values())), chance.random()
    return How(
        meddle=lambda: act(life, Random(seed)), meddle_at=chance.choice((0, 0, 0, 1, 2, 3, 5, 8))
    )


def _named(*acts: Callable[..., Any]) -> dict[str, Any]:
    return {act.__name__.replace("_", " "): act for act in acts}


NAMES: dict[str, Act] = _named(
    renames_a_server_with_moved,
    renames_a_server,
    renames_a_firewall,
    renames_a_volume,
    changes_a_shape,
    renames_the_stack,
    adds_environments,
    moves_in_the_state,
)
EDITS: dict[str, Act] = _named(
    adds_a_server,
    removes_a_server,
    changes_a_flavor,
    changes_a_text,
    changes_power,
    changes_an_image,
    changes_a_firewall,
    changes_a_volume,
    imports_an_id,
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
    somebody_deletes_a_rule,
    somebody_makes_a_twin,
)
MACHINES: dict[str, Act] = _named(another_machine, both_machines_at_once, an_old_state_is_put_back)
TIME: dict[str, Act] = _named(time_passes, objects_show_late)
DEATHS: dict[str, Way] = _named(
    killed, killed_at_a_read, an_answer_is_lost, power_fails, interrupted
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
"""Causes of one sort. A story is drawn for a pair of families, so 200 stories meet each pair
several times.
"""

ACTS: dict[str, Act] = {**NAMES, **EDITS, **OTHERS, **MACHINES, **TIME}
RUNS: dict[str, Way] = {**DEATHS, **LISTS, **WAYS, **QUICKER}
CAUSES = (*ACTS, *RUNS)


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
