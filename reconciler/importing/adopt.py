"""Adoption: what an account holds becomes a stack that asks for just that, so that its plan is
nothing but binds (commands#adopt).

Decided here is what each object is called, what is folded together, and what cannot be taken over
and why; `core.adopted_text` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.adopt_rules import NO_RULES, Rules, rules_of
from reconciler.importing.yaml_writer import Raw
from reconciler.model import marker
from reconciler.model.resource import EMPTY, Account, LiveResource, Lookup
from reconciler.planner.compare import lookup
from reconciler.resources import BUILD_ORDER

_BASE = {"firewalls": "firewall", "instances": "server", "block_storages": "volume"}
_KEY_LENGTH_MAX = 24
_NUMBERED = re.compile(r"(?P<stem>.*?[^0-9])(?P<number>[0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What is to be taken over: all, or what is named by id or name, and of these only what lies in
    one of the zones (all where empty).
    """

    everything: bool = False
    named: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()

    def means(self, live: LiveResource) -> bool:
        """Whether an object is meant by itself, zones apart."""
        return self.everything or live.id in self.named or live.attributes.get("name") in self.named


@dataclass(frozen=True, slots=True)
class Adopted:
    """One resource of the new stack. `body` are its members in order; `notes` go before it as
    comments, `remarks` behind members.
    """

    kind: str
    key: str
    body: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    remarks: Mapping[str, str] = EMPTY
    rules: Rules = NO_RULES


@dataclass(frozen=True, slots=True)
class Adoption:
    """The new stack. `existing` are objects that it refers to and does not own; `left` are those
    not taken over, each with the reason.
    """

    stack: str
    resources: tuple[Adopted, ...]
    existing: Mapping[str, Mapping[str, str]]
    left: tuple[tuple[str, LiveResource, str], ...]
    defaults: Mapping[str, Any] = EMPTY

    def count(self, kind: str) -> int:
        """How many objects of a kind are bound."""
        found = [one.body.get("import") for one in self.resources if one.kind == kind]
        return sum(len(ids) if isinstance(ids, Mapping) else 1 for ids in found)


def adopt(account: Account, desired: AdoptRequest, *, stack: str) -> Adoption:
    """The stack that asks for what is meant of an account, as it is."""
    work = _Work(account, stack)
    for kind in BUILD_ORDER:
        for live in _meant(account, kind, desired):
            reason = _left(live, stack)
            if reason is None:
                work.taken[kind].append(live)
            else:
                work.left.append((kind, live, reason))
    work.name_all()
    firewalls = [work.firewall(live) for live in work.taken["firewalls"]]
    instances = [work.instances(group) for group in work.groups]
    block_storages = [work.block_storage(live) for live in work.taken["block_storages"]]
    return Adoption(
        stack,
        (*firewalls, *instances, *block_storages),
        work.existing,
        tuple(work.left),
        work.defaults,
    )


def _meant(account: Account, kind: str, desired: AdoptRequest) -> list[LiveResource]:
    rows = [row for row in account.objects.get(kind, EMPTY).values() if desired.means(row)]
    if desired.zones and kind != "firewalls":
        rows = [row for row in rows if row.attributes.get("zone") in desired.zones]
    elif desired.zones:
        here = {
            row.id
            for row in account.objects.get("instances", EMPTY).values()
            if row.attributes.get("zone") in desired.zones
        }
        rows = [
            row
            for row in rows
            if here.intersection(account.members.get(row.id, ())) or row.id in desired.named
        ]
    return sorted(rows, key=lambda row: (str(row.attributes.get("name") or ""), row.id))


def _left(live: LiveResource, stack: str) -> str | None:
    """Why an object is not taken over, None where it is."""
    mine = marker.owner_text(stack, None, "")
    if (
        live.nonce is not None
        and live.marked is not None
        and marker.is_owner_text(live.marked)
        and not live.marked.startswith(mine)
    ):
        return msg("its marker says that it belongs to {stack}", stack=live.marked)
    if live.failed:
        return msg("the cloud reports it as failed: a plan would replace it")
    if not live.ready:
        return msg(
            "it is busy ({status}): run adopt again when it is ready",
            status=live.attributes.get("status"),
        )
    return None


@dataclass(slots=True)
class _Work:
    account: Account
    stack: str
    taken: dict[str, list[LiveResource]] = field(
        default_factory=lambda: {kind: [] for kind in BUILD_ORDER}
    )
    left: list[tuple[str, LiveResource, str]] = field(default_factory=list)
    existing: dict[str, dict[str, str]] = field(default_factory=dict)
    groups: list[_SimilarObjects] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    _links: dict[tuple[str, str], str] = field(default_factory=dict)
    _used: dict[str, set[str]] = field(default_factory=dict)
    _keys: dict[tuple[str, str], str] = field(default_factory=dict)

    # Names
    # ------------------------------------------------------------------------------------------------------------------------

    def name_all(self) -> None:
        """Gives every object its key, so that references can be written whatever comes first."""
        for kind in ("firewalls", "block_storages"):
            for live in self.taken[kind]:
                self._links[kind, live.id] = self._keys[kind, live.id] = self._new_key(
                    kind, self._called(kind, live)
                )
        for members in self._grouped():
            if len(members) == 1:
                live = members[0][1]
                group = _SimilarObjects(
                    self._new_key("instances", _slug(live.attributes.get("name"), "instances")),
                    "",
                    members,
                )
                self._links["instances", live.id] = group.key
            else:
                prefix = str(members[0][1].attributes["name"])[: -len(members[0][0])]
                group = _SimilarObjects(
                    self._new_key("instances", _slug(prefix, "instances")), prefix, members
                )
                self._links.update(
                    {("instances", live.id): f'{group.key}["{number}"]' for number, live in members}
                )
            self.groups.append(group)
        zones = {live.attributes.get("zone") for live in self.taken["instances"]}
        if len(zones) == 1 and len(self.groups) > 1 and (zone := zones.pop()) is not None:
            self.defaults = {"instances": {"zone": self._zone(zone)}}

    def _called(self, kind: str, live: LiveResource) -> str:
        """The key that an object asks for: by its name, or where nothing of that can stand in a
        key, by the servers that it is for.
        """
        own = _slug(live.attributes.get("name"), kind)
        if own != _BASE[kind]:
            return own
        ids = (
            self.account.members.get(live.id, ())
            if kind == "firewalls"
            else [str(live.attributes.get("instance"))]
        )
        instances = [
            found for id in ids if (found := self.account.find("instances", id)) is not None
        ]
        names = [_slug(instance.attributes.get("name"), "instances") for instance in instances]
        return _beginning(names).strip("_") or own

    def _grouped(self) -> Iterator[list[tuple[str, LiveResource]]]:
        """Servers that are equal but for a number at the end of their name stand together; each
        other one by itself.
        """
        found: dict[tuple[Any, ...], dict[str, LiveResource]] = {}
        for live in self.taken["instances"]:
            says, name = live.attributes, live.attributes.get("name")
            numbered = _NUMBERED.fullmatch(name) if isinstance(name, str) else None
            alike = tuple(says.get(one) for one in ("zone", "flavor", "image", "power"))
            key: tuple[Any, ...] = ("alone", live.id)
            if numbered is not None and None not in alike[:3]:
                key = (
                    numbered["stem"],
                    *alike,
                    self._firewall_of(live.id),
                    _user_text(live) is None,
                )
                if numbered["number"] in found.get(key, {}):
                    key = ("alone", live.id)  # twins: the cloud allows equal names
            found.setdefault(key, {})[numbered["number"] if numbered is not None else ""] = live
        for members in found.values():
            yield list(members.items())

    def _new_key(self, kind: str, wanted: str) -> str:
        used = self._used.setdefault(kind, {"none"})
        key, number = wanted[:_KEY_LENGTH_MAX], 1
        while key in used:
            number += 1
            key = f"{wanted[: _KEY_LENGTH_MAX - 1 - len(str(number))]}_{number}"
        used.add(key)
        return key

    def _link(self, kind: str, id: str) -> str | None:
        """How the stack refers to an object: by key, or as an existing one where it is not taken
        over; None where the account hides it.
        """
        if (kind, id) in self._links:
            return self._links[kind, id]
        live = self.account.find(kind, id)
        if live is None:
            return None
        key = self._new_key(f"existing.{kind}", _slug(live.attributes.get("name"), kind))
        self.existing.setdefault(kind, {})[key] = id
        self._links[kind, id] = f"existing.{kind}.{key}"
        return self._links[kind, id]

    def _firewall_of(self, instance: str) -> str | None:
        return next(
            (group for group, members in self.account.members.items() if instance in members), None
        )

    # Objects
    # ----------------------------------------------------------------------------------------------------------------------

    def firewall(self, live: LiveResource) -> Adopted:
        """What the file would say of a firewall and of its rules."""
        body: dict[str, Any] = {}
        _texts(body, live)
        if isinstance(live.attributes.get("icmp"), bool):
            body["icmp"] = live.attributes["icmp"]
        rows = [
            row
            for row in self.account.objects.get("rules", EMPTY).values()
            if row.attributes.get("firewall") == live.id
        ]
        rules = rules_of(rows)
        if rules.left:
            body["lifecycle"] = {"ignore": ["rules"]}
        body["import"] = live.id
        return Adopted("firewalls", self._keys["firewalls", live.id], body, rules=rules)

    def instances(self, group: _SimilarObjects) -> Adopted:
        """One server, or several equal ones."""
        first, notes, remarks = group.members[0][1], list[str](), dict[str, str]()
        says = first.attributes
        body: dict[str, Any] = {}
        if group.is_folded:
            self._fold(group, body)
        else:
            _texts(body, first)
        if "instances" not in self.defaults and says.get("zone") is not None:
            body["zone"] = self._zone(says["zone"])
        for name, catalogue in (
            ("flavor", self.account.catalogue.flavors),
            ("image", self.account.catalogue.images),
        ):
            if says.get(name) is None:
                notes.append(msg("{name}: not shown by the API", name=name))
            else:
                body[name], remarks[name] = (
                    self._image(says[name])
                    if name == "image"
                    else (_by_id(says[name], catalogue), "")
                )
        firewall = self._firewall_of(first.id)
        if firewall is not None and (named := self._link("firewalls", firewall)) is not None:
            body["firewall"] = Raw(named)
        if says.get("power") == "off":
            body["power"] = Raw("off")
        body["import"] = (
            {number: live.id for number, live in group.members} if group.is_folded else first.id
        )
        for _, live in group.members:
            others = [
                id
                for id, members in self.account.members.items()
                if live.id in members and id != firewall
            ]
            notes += [
                msg(
                    "{name} is also a member of {firewalls}; a stack gives each instance one "
                    "firewall",
                    name=live.attributes.get("name"),
                    firewalls=other,
                )
                for other in others
            ]
        return Adopted(
            "instances",
            group.key,
            body,
            tuple(notes),
            {name: said for name, said in remarks.items() if said},
        )

    def _fold(self, group: _SimilarObjects, body: dict[str, Any]) -> None:
        texts = [_user_text(live) for _, live in group.members]
        numbers = [number for number, _ in group.members]
        same = len(set(texts)) == 1
        body["for_each"] = numbers if same else dict(zip(numbers, texts, strict=True))
        body["name"] = Raw(f"{_literal(group.prefix)}${{each.key}}")
        if not same:
            body["description"] = Raw("${each.value}")
        elif texts[0] is not None:
            body["description"] = texts[0]

    def block_storage(self, live: LiveResource) -> Adopted:
        """A volume, with the server that it is on."""
        says, body, notes = live.attributes, dict[str, Any](), list[str]()
        _texts(body, live)
        for name in ("type", "size"):
            if says.get(name) is None:
                notes.append(msg("{name}: not shown by the API", name=name))
            else:
                body[name] = says[name]
        owner = says.get("instance")
        if owner is None:
            body["instance"] = Raw("none")
        elif (named := self._link("instances", str(owner))) is not None:
            body["instance"] = Raw(named)
        else:
            notes.append(
                msg(
                    "instance: it is attached to {owner}, which the account does not list",
                    owner=owner,
                )
            )
        body["import"] = live.id
        return Adopted("block_storages", self._keys["block_storages", live.id], body, tuple(notes))

    # The catalogue
    # ----------------------------------------------------------------------------------------------------------------

    def _zone(self, id: Any) -> Any:
        return _by_id(id, self.account.catalogue.zones)

    def _image(self, id: Any) -> tuple[Any, str]:
        """An image as people say it where that leads back to it, else by its id, with its name for
        a remark.
        """
        row = next((row for row in self.account.catalogue.images or () if row["id"] == id), None)
        if row is None:
            return {"id": id}, msg("no longer in the catalog")
        version, word = str(row.get("version") or "").removesuffix(".X"), lookup.os_word(row)
        if word is not None and version and row.get("available", True):
            desired = Lookup("images", "os", word, version)
            if lookup.satisfies(desired, self.account.catalogue, str(id)):
                return {"os": word, "version": version}, ""
        return {"id": id}, str(row.get("name") or "")


@dataclass(frozen=True, slots=True)
class _SimilarObjects:
    """Servers under one key: one without a number, or several with theirs behind a common beginning
    of their names.
    """

    key: str
    prefix: str
    members: list[tuple[str, LiveResource]]

    @property
    def is_folded(self) -> bool:
        return len(self.members) > 1


def _texts(body: dict[str, Any], live: LiveResource) -> None:
    if live.attributes.get("name") is not None:
        body["name"] = live.attributes["name"]
    text = _user_text(live)
    if text is not None:
        body["description"] = text


def _user_text(live: LiveResource) -> str | None:
    """The text that a person wrote, None where there is none or only our marker with the owner's
    name.
    """
    text = live.attributes.get("description")
    if not isinstance(text, str) or (live.nonce is not None and marker.is_owner_text(text)):
        return None
    return text


def _by_id(id: Any, rows: Iterable[Mapping[str, Any]] | None) -> Any:
    """The id as a text where the catalogue has it, else as an id that is taken as it is."""
    return id if any(row["id"] == id for row in rows or ()) else {"id": id}


def _slug(name: Any, kind: str) -> str:
    """A key from a name: what can stand in one, else the word for the kind."""
    text = re.sub(r"[^a-z0-9]+", "_", str(name or "").lower()).strip("_")
    base = _BASE[kind]
    if not text:
        return base
    return text if text[0].isalpha() else f"{base}_{text}"


def _beginning(names: list[str]) -> str:
    """What all names begin with."""
    shortest = min(names, key=len, default="")
    same = (
        length
        for length in range(len(shortest), 0, -1)
        if all(name.startswith(shortest[:length]) for name in names)
    )
    return shortest[: next(same, 0)]


def _literal(text: str) -> str:
    return text.replace("${", "$${")
