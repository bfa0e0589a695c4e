"""Inputs of a plan, made so that a test says only what matters: a file, a state and an account that
agree, and then what differs.

case = settled(server("web", firewall="web"), firewall("web"), rule("web", "https"))
case.edit("instances.web", flavor="big")            # the file says something else
case.drift("instances.web", name="tmp")           # somebody changed it in the console
told(case.plan()).steps                             # ["instance.resize instances.web"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place, Severity
from reconciler.model.plan import Plan, Step
from reconciler.model.resource import (
    EMPTY,
    Account,
    Catalogue,
    Lifecycle,
    Link,
    LiveResource,
    Resource,
    Stack,
    Value,
)
from reconciler.model.state import Deposed, Entry, Intent, OpenIntent, OpenResult, State
from reconciler.planner.planner import PlanOptions, make
from reconciler.planner.steps.state_updates import depends_on
from reconciler.resources import all_kinds

KINDS = all_kinds()
OMIT: Any = object()
"""Given as a value in `edit`: the line is left out of the file."""

CATALOGUE = Catalogue(
    zones=(
        {"id": "z1", "name": "Z1", "available": True},
        {"id": "z2", "name": "Z2", "available": True},
    ),
    flavors=(
        {
            "id": "small",
            "name": "small",
            "available": True,
            "zones": ("z1", "z2"),
            "disk_gb": 50,
            "price_month": 10_000,
        },
        {
            "id": "big",
            "name": "big",
            "available": True,
            "zones": ("z1", "z2"),
            "disk_gb": 100,
            "price_month": 30_000,
        },
        {
            "id": "tiny",
            "name": "tiny",
            "available": True,
            "zones": ("z1",),
            "disk_gb": 20,
            "price_month": 5_000,
        },
    ),
    images=(
        {
            "id": "ubuntu",
            "name": "Ubuntu 22.04",
            "os": "UBUNTU",
            "version": "22.04",
            "public": True,
            "available": True,
            "zones": (),
        },
        {
            "id": "rocky",
            "name": "Rocky 9.4",
            "os": "ROCKY",
            "version": "9.4",
            "public": True,
            "available": True,
            "zones": (),
        },
    ),
    storage_types=(
        {"id": "ssd", "min_gb": 10, "max_gb": 2000, "zones": None},
        {"id": "sata", "min_gb": 50, "max_gb": 20000, "zones": None},
    ),
)


def at(text: str) -> Address:
    """The address that a text spells."""
    found = parse(text)
    assert found is not None, text
    return found


def link(kind: str, text: str | None) -> Link | None:
    """A link to a key or address, None for none."""
    if text is None or text == "none":
        return None
    return Link(parse(text) or at(f"{kind}.{text}"))


def resource(
    text: str,
    attributes: Mapping[str, Value],
    *,
    life: Lifecycle | None = None,
    after: tuple[str, ...] = (),
) -> Resource:
    """One object of the file; each attribute has a place, so that rows name it."""
    address = at(text)
    if "firewall" in attributes and not isinstance(attributes["firewall"], Link):
        attributes = {**attributes, "firewall": link("firewalls", attributes["firewall"])}  # type: ignore[arg-type]  # a text or None
    if "instance" in attributes and not isinstance(attributes["instance"], Link):
        attributes = {**attributes, "instance": link("instances", attributes["instance"])}  # type: ignore[arg-type]  # a text or None
    here = Place("stack.yaml", 1, 1)
    name = "-".join(
        ["shop", address.name, *([] if address.index is None else [str(address.index)])]
    )
    made: dict[str, Value] = {} if "name" in attributes or address.rule else {"name": name}
    return Resource(
        address,
        attributes,
        at_create=made,
        lifecycle=life or Lifecycle(),
        depends_on=tuple(at(text) for text in after),
        place=here,
        places=dict.fromkeys(attributes, here),
    )


def server(
    key: str = "web",
    *,
    life: Lifecycle | None = None,
    after: tuple[str, ...] = (),
    **attributes: Any,
) -> Resource:
    """A small server; `firewall` is a key."""
    return resource(
        f"instances.{key}",
        {"zone": "z1", "flavor": "small", "image": "ubuntu", **attributes},
        life=life,
        after=after,
    )


def volume(
    key: str = "data",
    on: str | None = "web",
    *,
    life: Lifecycle | None = None,
    after: tuple[str, ...] = (),
    **more: Any,
) -> Resource:
    """A volume of 100 GB on a server, None for on none."""
    return resource(
        f"block_storages.{key}",
        {"type": "ssd", "size": 100, "instance": on, **more},
        life=life,
        after=after,
    )


def firewall(
    key: str = "web",
    *,
    life: Lifecycle | None = None,
    after: tuple[str, ...] = (),
    **attributes: Any,
) -> Resource:
    """A firewall without its rules."""
    return resource(f"firewalls.{key}", {"icmp": True, **attributes}, life=life, after=after)


def rule(
    owner: str = "web", key: str = "https", *, after: tuple[str, ...] = (), **attributes: Any
) -> Resource:
    """A rule that lets in tcp/443 from everywhere; its title is its key."""
    base = {"direction": "in", "protocol": "tcp", "ports": "443", "cidr": "0.0.0.0/0", "title": key}
    return resource(f"firewalls.{owner}.rules.{key}", {**base, **attributes}, after=after)


@dataclass(frozen=True)
class Case:
    """What a plan is made from. Every method gives a new case."""

    file: Mapping[Address, Resource] = EMPTY  # type: ignore[assignment]
    entries: Mapping[str, Entry] = EMPTY
    live: Mapping[tuple[str, str], LiveResource] = EMPTY  # type: ignore[assignment]
    members: Mapping[str, tuple[str, ...]] = EMPTY
    deposed: Mapping[str, Deposed] = EMPTY
    facts: Mapping[str, str] = EMPTY
    open: Mapping[int, OpenIntent] = EMPTY  # type: ignore[assignment]
    catalogue: Catalogue = CATALOGUE
    extra: Mapping[str, Any] = field(default_factory=dict)

    # The file
    # -------------------------------------------------------------------------------------------------------------------

    def add(self, *resources: Resource) -> Case:
        """The file asks for more."""
        return replace(self, file={**self.file, **{r.address: r for r in resources}})

    def leave_out(self, *texts: str) -> Case:
        """The file no longer asks for these, nor for the rules of these."""
        gone = {at(text) for text in texts}
        return replace(
            self, file={a: r for a, r in self.file.items() if a not in gone and a.owner not in gone}
        )

    def edit(
        self,
        text: str,
        *,
        life: Lifecycle | None = None,
        after: tuple[str, ...] | None = None,
        **attributes: Any,
    ) -> Case:
        """The file says something else of one object."""
        old = self.file[at(text)]
        values = {**old.attributes, **attributes}
        wanted = {name: value for name, value in values.items() if value is not OMIT}
        return self.add(
            resource(
                text,
                wanted,
                life=life or old.lifecycle,
                after=tuple(map(str, old.depends_on)) if after is None else after,
            )
        )

    # The account
    # ----------------------------------------------------------------------------------------------------------------

    def drift(
        self,
        text: str,
        *,
        drop: tuple[str, ...] = (),
        ready: bool = True,
        failed: bool = False,
        **attributes: Any,
    ) -> Case:
        """Somebody, or the cloud, has changed an object; `drop` are attributes that the row no
        longer says.
        """
        entry = self.entries[text]
        old = self.live[entry.kind, entry.id]
        values = {
            name: value
            for name, value in {**old.attributes, **attributes}.items()
            if name not in drop
        }
        return replace(
            self,
            live={
                **self.live,
                (old.kind, old.id): replace(old, attributes=values, ready=ready, failed=failed),
            },
        )

    def vanish(self, *texts: str) -> Case:
        """Objects are no longer in the account's lists."""
        gone = {(self.entries[text].kind, self.entries[text].id) for text in texts}
        ids = {id for _, id in gone}
        members = {
            group: tuple(m for m in row if m not in ids)
            for group, row in self.members.items()
            if group not in ids
        }
        return replace(
            self,
            live={key: row for key, row in self.live.items() if key not in gone},
            members=members,
        )

    def foreign_object(self, kind: str, id: str, **attributes: Any) -> Case:
        """An object of somebody else."""
        return replace(
            self,
            live={
                **self.live,
                (kind, id): LiveResource(kind, id, {"id": id, "name": id, **attributes}),
            },
        )

    def join(self, group: str, *ids: str) -> Case:
        """Servers (ids) are now the members of a group (id)."""
        return replace(self, members={**self.members, group: ids})

    # The state
    # ------------------------------------------------------------------------------------------------------------------

    def remember(self, text: str, **members: Any) -> Case:
        """The state remembers something else of one object."""
        return replace(self, entries={**self.entries, text: replace(self.entries[text], **members)})

    def left_behind(self, old: Deposed, row: LiveResource | None = None) -> Case:
        """A replacement has left its old object behind."""
        live = {**self.live, (old.kind, old.id): row} if row is not None else self.live
        return replace(self, deposed={**self.deposed, old.id: old}, live=live)

    def with_facts(self, **facts: str) -> Case:
        """What was learned about the account."""
        return replace(self, facts=facts)

    def unsettled(self, intent: Intent, result: OpenResult | None) -> Case:
        """An earlier run left an intent open."""
        return replace(self, open={**self.open, intent.sequence: OpenIntent(intent, result)})

    # The plan
    # -------------------------------------------------------------------------------------------------------------------

    def stack(self) -> Stack:
        """The file as a stack; `extra` gives further members."""
        ordered = {a: self.file[a] for a in sorted(self.file, key=lambda a: a.sort_key)}
        cardinalities: dict[tuple[str, str], Any] = {}
        for address in ordered:
            if address.rule is None:
                count = cardinalities.get((address.kind, address.name))
                cardinalities[address.kind, address.name] = (
                    (count or 0) + 1 if isinstance(address.index, int) else None
                )
        return Stack(
            "shop", None, ordered, **{"cardinalities": cardinalities, "digest": "d", **self.extra}
        )

    def state(self) -> State:
        """The state as remembered."""
        return State(
            "lineage",
            3,
            "shop",
            None,
            entries=self.entries,
            deposed=self.deposed,
            open=self.open,
            facts=dict(self.facts),
            sequence=9,
        )

    def account(self) -> Account:
        """The account as read, every list complete."""
        objects: dict[str, dict[str, LiveResource]] = {kind: {} for kind in KINDS}
        for (kind, id), row in self.live.items():
            objects[kind][id] = row
        groups = {id: self.members.get(id, ()) for id in objects["firewalls"]}
        return Account(objects, groups, complete=frozenset(KINDS), catalogue=self.catalogue)

    def plan(self, **options: Any) -> Plan:
        """What would be done."""
        return make(
            stack=self.stack(),
            state=self.state(),
            account=self.account(),
            kinds=KINDS,
            options=PlanOptions(**options),
        )


ID = {"instances": "i", "block_storages": "v", "firewalls": "f", "rules": "r"}


def id_of(address: Address) -> str:
    """The id of an object in a settled case: `i-web`, `i-web-0`, `v-data`, `f-web`,
    `r-web-https`.
    """
    kind = "rules" if address.rule else address.kind
    parts = [ID[kind], address.name, address.index, address.rule]
    return "-".join(str(part) for part in parts if part is not None)


def nothing(*resources: Resource) -> Case:
    """A file, and an account and a state that know nothing of it."""
    return Case(file={r.address: r for r in resources})


def settled(*resources: Resource) -> Case:
    """A file that was applied: state and account are as it says."""
    entries, live, members = {}, {}, dict[str, tuple[str, ...]]()
    for r in resources:
        entry, row = _applied(r)
        entries[entry.address], live[row.kind, row.id] = entry, row
        owner = r.attributes.get("firewall")
        if isinstance(owner, Link):
            group = id_of(owner.address)
            members[group] = (*members.get(group, ()), row.id)
    volumes: dict[str, list[str]] = {}
    for row in live.values():
        if row.kind == "block_storages" and row.attributes["instance"] is not None:
            volumes.setdefault(str(row.attributes["instance"]), []).append(row.id)
    for key, row in list(live.items()):
        if row.kind == "instances":
            live[key] = replace(
                row, attributes={**row.attributes, "volumes": tuple(volumes.get(row.id, ()))}
            )
    return Case(file={r.address: r for r in resources}, entries=entries, live=live, members=members)


def _applied(r: Resource) -> tuple[Entry, LiveResource]:
    kind, id = "rules" if r.address.rule else r.address.kind, id_of(r.address)
    parent = id_of(r.address.owner) if r.address.rule else None
    applied = {
        name: str(value.address) if isinstance(value, Link) else value
        for name, value in r.attributes.items()
    }
    entry = Entry(
        str(r.address),
        kind,
        id,
        applied=applied,
        depends_on=depends_on(r),
        parent=parent,
        protect=r.lifecycle.protect or (),
    )
    shown: dict[str, Any] = {"id": id, "name": r.at_create.get("name"), "description": None}
    shown |= {
        name: value
        for name, value in r.attributes.items()
        if not isinstance(value, Link) and name not in ("ssh_keys", "user_script")
    }
    if kind == "instances":
        shown |= {
            "status": "active",
            "power": r.attributes.get("power", "on"),
            "made": "2026-01-01",
            "private_ip": "10.0.0.4",
        }
        shown |= {"public_ip": "198.51.100.4", "volume_limit": 3}
        shown.pop("firewall", None)
    if kind == "block_storages":
        owner = r.attributes.get("instance")
        shown |= {
            "instance": id_of(owner.address) if isinstance(owner, Link) else None,
            "zone": "z1",
        }
    if kind == "rules":
        shown |= {"firewall": parent}
        shown.pop("name")
    return replace(entry, retain=r.lifecycle.retain), LiveResource(kind, id, shown)


@dataclass(frozen=True)
class Message:
    """A plan in short lines, for asserting."""

    changes: list[str]
    steps: list[str]
    consents: list[str]
    problems: list[str]
    fields: list[str]


def told(plan: Plan) -> Message:
    """What a plan says: `action address`, step keys with what they wait for, `class=address`,
    `severity code address`, field rows. How open new instances and firewalls are is left out: most
    plans create some.
    """
    problems = [p for p in plan.problems if p.code not in ("open-to-all", "no-out-rule")]
    return Message(
        [f"{c.action.value} {c.address}" for c in plan.changes if c.action.value != "none"],
        [step.key for step in plan.steps],
        [f"{c.risk.value}={c.address}" for c in plan.consents],
        [
            f"{p.severity.value} {p.code} {p.address}"
            for p in problems
            if p.severity is not Severity.NOTICE
        ]
        + [f"notice {p.code} {p.address}" for p in problems if p.severity is Severity.NOTICE],
        [
            f"{c.address}.{f.path} {f.before!r} -> "
            f"{'?' if f.known_after_apply else repr(f.after)} {f.cause.value}"
            for c in plan.changes
            for f in c.fields
        ],
    )


def step(plan: Plan, key: str) -> Step:
    """The step with that key."""
    found = [s for s in plan.steps if s.key == key]
    assert found, f"no step {key!r} in {[s.key for s in plan.steps]}"
    return found[0]


def waits(plan: Plan, key: str) -> set[str]:
    """All steps, directly or not, that come before a step."""
    after = {s.key: s.after for s in plan.steps}
    found: set[str] = set()
    open_ones = list(after[key])
    while open_ones:
        one = open_ones.pop()
        if one not in found:
            found.add(one)
            open_ones += after[one]
    return found
