"""Edits of the file: the first one, and each change that a story may make to it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.stories.desired import FLAVORS, KEYS, AdoptRequest, Server, Volume, Wall
from tests.stories.life import Life

TEXTS = ("hello", "하나", "둘")


def first_file(chance: Random) -> AdoptRequest:
    """A small stack."""
    keys = list(KEYS[:6])
    cardinalities: tuple[Any, ...] = (None, None, None, 1, 2, ("a", "b"))
    walls = tuple(
        Wall(keys.pop(0), (("https", 443), ("ssh", 22))[: chance.randint(1, 2)])
        for _ in range(chance.choice((0, 1, 1)))
    )
    servers = tuple(
        Server(keys.pop(0), chance.choice(cardinalities)) for _ in range(chance.choice((1, 1, 2)))
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


def server_of(life: Life, chance: Random) -> Server | None:
    return chance.choice(life.desired.servers) if life.desired.servers else None


def _in_doubt(life: Life, chance: Random, found: tuple[Any, ...], kind: str) -> Any:
    """One of the file's objects of a kind, preferably one of which a request is open."""
    state = life.state
    asked = {intent.address for intent, _ in state.open.values()} if state is not None else set()
    keys = {address.removeprefix(f"{kind}.").split("[")[0].split(".")[0] for address in asked}
    open_ones = [each for each in found if each.key in keys]
    return chance.choice(open_ones if open_ones and chance.random() < 0.8 else found)


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
    server = server_of(life, chance)
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
    key = _key(life)
    if not life.desired.servers or key is None:
        return None
    server = _in_doubt(life, chance, life.desired.servers, "instances")
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
    wall = _in_doubt(life, chance, life.desired.walls, "firewalls")
    said = chance.random() < 0.5
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
    volume = _in_doubt(life, chance, life.desired.volumes, "block_storages")
    said = chance.random() < 0.5
    volumes = tuple(
        replace(each, key=key) if each is volume else each for each in life.desired.volumes
    )
    old, new = f"block_storages.{volume.key}", f"block_storages.{key}"
    moved = (*life.desired.moved, (old, new)) if said else life.desired.moved
    life.edit(replace(life.desired, volumes=volumes, moved=moved), same={new: old}, said=said)
    return f"renames {old} to {new} in the file{', with `moved`' if said else ''}"


def renames_a_rule(life: Life, chance: Random) -> str | None:
    if not life.desired.walls:
        return None
    wall = _in_doubt(life, chance, life.desired.walls, "firewalls")
    state, owner = life.state, f"firewalls.{wall.key}.rules"
    asked = {intent.address for intent, _ in state.open.values()} if state is not None else set()
    titles = [title for title, _ in wall.rules]
    title = chance.choice([each for each in titles if f"{owner}.{each}" in asked] or titles)
    new = f"{title}-2"
    rules = tuple((new if each == title else each, port) for each, port in wall.rules)
    other = replace(wall, rules=rules)
    life.edit(
        replace(
            life.desired,
            walls=tuple(other if each is wall else each for each in life.desired.walls),
        ),
        same={f"{owner}.{new}": f"{owner}.{title}"},
        said=False,
    )
    return f"renames {owner}.{title} to {new} in the file"


def changes_a_shape(life: Life, chance: Random) -> str | None:
    if not life.desired.servers:
        return None
    server = _in_doubt(life, chance, life.desired.servers, "instances")
    if "name" in dict(server.fields):
        return None
    number = len(server.addresses)
    cardinalities = [
        shape
        for shape in (None, 1, 2, ("a", "b"), ("p", "q"), ("a",))
        if shape != server.indexes and _length(shape) == number
    ]
    cardinalities += [number + 1] if isinstance(server.indexes, int) and number < 3 else []
    other = replace(server, indexes=chance.choice(cardinalities))
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


def changes_a_zone(life: Life, chance: Random) -> str | None:
    """A server is replaced by one in another zone, where no volume holds it."""
    held = {volume.on for volume in life.desired.volumes}
    if any(held & set(server.addresses) for server in life.desired.servers):
        return None
    return _field(life, chance, "zone", ("kr1_z02", "kr1-z01"))


def removes_a_volume(life: Life, chance: Random) -> str | None:
    if not life.desired.volumes:
        return None
    volume = chance.choice(life.desired.volumes)
    stay = tuple(each for each in life.desired.volumes if each is not volume)
    gone = f"block_storages.{volume.key}"
    moved = tuple(pair for pair in life.desired.moved if pair[1] != gone)
    life.edit(replace(life.desired, volumes=stay, moved=moved))
    return f"takes {gone} out of the file"


def adds_a_firewall(life: Life, chance: Random) -> str | None:
    key = _key(life)
    if key is None or len(life.desired.walls) > 2:
        return None
    number = len(life.desired.walls)
    wall = Wall(key, (("web", 8000 + number), ("more", 8100 + number)))
    life.edit(replace(life.desired, walls=(*life.desired.walls, wall)))
    return f"adds firewalls.{key} to the file"


def changes_a_rule(life: Life, chance: Random) -> str | None:
    """A rule is added, taken away, or gets another port."""
    if not life.desired.walls:
        return None
    wall, what = chance.choice(life.desired.walls), chance.choice(("more", "less", "port"))
    rules = dict(wall.rules)
    title = chance.choice(sorted(rules))
    if what == "more":
        title = f"n{len(life.used)}-{len(rules)}"
        rules[title] = 9100 + len(rules)
    elif what == "less" and len(rules) > 1:
        del rules[title]
    else:
        rules[title] += 1000
    other = replace(wall, rules=tuple(rules.items()))
    walls = tuple(other if each is wall else each for each in life.desired.walls)
    life.edit(replace(life.desired, walls=walls))
    done = f"sets its port to {rules[title]}" if title in rules else "takes it out"
    return f"edits firewalls.{wall.key}.rules.{title}: {done}"


def _field(life: Life, chance: Random, name: str, values: tuple[Any, ...]) -> str | None:
    server = server_of(life, chance)
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
        server = server_of(life, chance)
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
    """A key for a server that is there: one that does not exist, one of another kind,
    another person's.
    """
    kinds = ("no such id", "no such id", "a firewall's id", "another person's server")
    return _import(life, chance, chance.choice(kinds))


def imports_what_another_stack_owns(life: Life, chance: Random) -> str | None:
    return _import(life, chance, "another stack's server")


def _import(life: Life, chance: Random, what: str) -> str | None:
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
    walls = sorted(world.firewalls)
    ids = {
        "no such id": ["INSTANCE-typo"],
        "a firewall's id": walls,
        "another person's server": unmarked,
        "another stack's server": owned,
    }[what]
    if not ids:
        return None
    if what == "another person's server":
        life.given.add(ids[0])
    before = life.desired
    server = Server(key, 2 if chance.random() < 0.2 and what == "no such id" else None).with_field(
        "description", "taken over"
    )
    if life.desired.walls:
        server = server.with_field("firewall", life.desired.walls[0].key)
    life.edit(replace(before, servers=(*before.servers, server), imports=((key, ids[0]),)))
    if what != "another person's server":
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
    server, key = server_of(life, chance), _key(life)
    if server is None or key is None or life.state is None:
        return None
    if not life.state.entries.keys() >= set(server.addresses):  # the file has another shape by now
        return None
    old = f"instances.{server.key}"
    beside = [
        each
        for each in life.desired.servers
        if each is not server and type(each.indexes) is not type(server.indexes)
    ]
    if beside and chance.random() < 0.5:  # no file asks for both forms, so this is refused
        return life.move_state(old, f"instances.{beside[0].key}")
    if chance.random() < 0.5:
        return life.move_state(old, old)
    line = life.move_state(old, f"instances.{key}")
    if any(address.startswith(f"instances.{key}") for address in life.state.entries):
        other = replace(server, key=key)
        same = dict(zip(other.addresses, server.addresses, strict=True))
        life.edit(life.desired.with_server(other, instead_of=server.key), same=same)
    return line
