"""Steps of one volume: born attached, moved by detach (proved) and attach, replaced or removed; and where its server goes away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core import fields
from reconciler.core.address import Address, parse
from reconciler.core.changes import Action, Cause, Consent, FieldChange, Impact, RiskClass, Step
from reconciler.core.model import EMPTY, Link, Value
from reconciler.core.planning import slots
from reconciler.core.planning.draft import Draft
from reconciler.core.planning.rows import FOLLOWS, change, fingerprint, report
from reconciler.core.planning.servers import born_with, is_delete_first
from reconciler.core.problems import error
from reconciler.core.state import Phase
from reconciler.core.survey import Fate, Item


def plan(draft: Draft, item: Item) -> None:
    """Adds the change and the steps of one volume."""
    if item.fate is Fate.CREATE:
        _create(draft, item)
    elif item.fate is Fate.REPLACE:
        _replace(draft, item)
    elif item.fate is Fate.DELETE:
        _delete(draft, item)
    else:
        _keep(draft, item)


def _create(draft: Draft, item: Item) -> None:
    wanted = draft.resolver.wanted(item)
    if not isinstance(wanted.get("instance"), Link):
        draft.problems.append(
            error(
                "bad-combination",
                f"{item.address} cannot be made without a server: a volume is always born attached",
                place=item.resource.place if item.resource else None,
                address=str(item.address),
                hint="name a server with `instance:`; once it exists it may say `instance: none`",
            )
        )
        return
    _birth(draft, item, wanted)
    change(draft, item, Action.CREATE, item.reason, report(item, wanted))


def _birth(draft: Draft, item: Item, wanted: Mapping[str, Value], *, deposes: bool = False, after: tuple[str, ...] = ()) -> str | None:
    owner = wanted.get("instance")
    if not isinstance(owner, Link):
        return None
    inputs = {**born_with(draft, item), **{name: value for name, value in wanted.items() if value is not None}}
    return draft.add(
        Step(
            f"block_storage.create {item.address}",
            item.address,
            "block_storage.create",
            inputs=inputs,
            servers=(draft.server(owner.address),),
            fingerprint=fingerprint(draft, item.live) if deposes else EMPTY,
            deposes=deposes,
            applies=dict(wanted),
        ),
        provides=[("object", item.address), ("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        after=after,
    )


def _current_owner(item: Item) -> str | None:
    owner = None if item.live is None else item.live.attributes.get("instance")
    return None if owner is None else str(owner)


def _owner_address(draft: Draft, owner_id: str) -> Address | None:
    return parse(draft.survey.names.get(owner_id, ""))


def _leaves_for_good(draft: Draft, owner_id: str) -> bool:
    """Whether the server with that id is deleted or replaced by this plan, so that detaching inside it asks nothing more."""
    if owner_id in draft.survey.state.deposed:
        return True
    address = _owner_address(draft, owner_id)
    owner = None if address is None else draft.survey.items.get(address)
    return owner is not None and owner.fate in (Fate.DELETE, Fate.REPLACE) and owner.address not in draft.blocked


def _detach(draft: Draft, item: Item, owner_id: str, *, suffix: str = "") -> str:
    step = Step(
        f"block_storage.detach {item.address}{suffix}",
        item.address,
        "block_storage.detach",
        target=item.live_id,
        inputs={"instance": owner_id},
        servers=(owner_id,),
        fingerprint=fingerprint(draft, item.live),
        applies={} if suffix else {"instance": None},
    )
    address = _owner_address(draft, owner_id)
    provides = [("departed", address)] if address is not None else []
    # Before a server is deleted every volume on it is detached, proved (SPEC 4); the delete waits for this node.
    key = draft.add(step, provides=provides)
    for delete in draft.provided(("removed", address)) if address is not None else ():
        draft.before(key, delete)
        if draft.steps[delete].deposed and address is not None:
            # Create-first: the new server stands behind its firewall before the volume leaves the old one.
            draft.before_node(key, ("object", address))
            draft.before_soft(key, ("membership", address))
    return key


def _attach(draft: Draft, item: Item, owner: Link, after: tuple[str, ...]) -> str:
    step = Step(
        f"block_storage.attach {item.address}",
        item.address,
        "block_storage.attach",
        target=item.live_id,
        inputs={"instance": owner},
        servers=(draft.server(owner.address),),
        applies={"instance": owner},
    )
    # First what leaves the new server, then what comes: a server holds three (contract 4).
    key = draft.add(
        step,
        provides=[("attachment", item.address)],
        needs=[("object", owner.address)],
        soft=[("departed", owner.address)],
        loose=[("membership", owner.address)],
        after=after,
    )
    # The old server of a create-first replacement goes only when its volumes hang on the new one.
    for delete in draft.provided(("removed", owner.address)):
        step_of_delete = draft.steps[delete]
        if step_of_delete.deposed:
            draft.before(key, delete)
    return key


def _keep(draft: Draft, item: Item) -> None:
    wanted = draft.resolver.wanted(item)
    compared = fields.compare(draft.survey, item, wanted)
    changes, impact = compared.changes, Impact()
    owner_id, action = _current_owner(item), Action.NONE
    asked = wanted.get("instance")
    follows = owner_id is not None and _leaves_for_good(draft, owner_id)
    differs = any(c.path == "instance" for c in changes)
    if "instance" in wanted and (differs or (follows and isinstance(asked, Link))):
        action, impact = _move(draft, item, asked, owner_id, follows=follows)
    elif owner_id is not None and follows:
        _follow(draft, item, owner_id)
        action = Action.DETACH
        changes = (*changes, FieldChange("instance", draft.survey.name_of(owner_id), None, Cause.YOU))
    if item.fate is Fate.BIND and action is Action.NONE:
        action = Action.IMPORT
    reason = item.reason or (FOLLOWS if follows and action is not Action.NONE else "")
    change(draft, item, action, reason, changes, impact=impact, compared=compared)


def _follow(draft: Draft, item: Item, owner_id: str) -> None:
    """Off a server that goes, only because it goes."""
    key = _detach(draft, item, owner_id)
    address = _owner_address(draft, owner_id)
    if address is not None:
        draft.hold_with(key, address)


def leave(draft: Draft, item: Item) -> None:
    """A volume that stays but that nobody asks for any more (kept, forgotten) leaves its server before that goes (SPEC 4)."""
    owner_id = _current_owner(item)
    if item.fate in (Fate.KEEP, Fate.FORGET) and owner_id is not None and _leaves_for_good(draft, owner_id):
        _follow(draft, item, owner_id)


def _move(draft: Draft, item: Item, asked: Value, owner_id: str | None, *, follows: bool) -> tuple[Action, Impact]:
    """From one server to another without losing it: detach (proved), attach. Leaving a server that stays needs consent."""
    after: tuple[str, ...] = ()
    impact = Impact()
    if owner_id is not None:
        after = (_detach(draft, item, owner_id),)
        if not follows:
            impact = Impact(consents=(Consent(RiskClass.DETACH, str(item.address)),))
    if isinstance(asked, Link):
        _same_zone(draft, item, asked, owner_id)
        _attach(draft, item, asked, after)
        return (Action.DETACH if owner_id is not None and not follows else Action.ATTACH), impact
    return Action.DETACH, impact


def _same_zone(draft: Draft, item: Item, owner: Link, owner_id: str | None) -> None:
    """A volume stays in its zone (contract 16): a server of another one cannot take it. (A server that changes its own: see `servers`.)"""
    server = draft.survey.items.get(owner.address)
    zone = None if item.live is None else item.live.attributes.get("zone")
    if server is None or zone is None or (owner_id is not None and _owner_address(draft, owner_id) == owner.address):
        return
    there = draft.resolver.attribute(owner.address, "zone")
    if isinstance(there, str) and there != zone:
        message = f"{item.address} is in zone {zone} and cannot move to {owner.address} in {there}"
        place = item.resource.places.get("instance", item.resource.place) if item.resource else None
        hint = f"name a server of {zone}, or make a new volume there and copy the data"
        draft.problems.append(error("bad-combination", message, place=place, address=str(item.address), hint=hint))


def _goes_first(draft: Draft, owner_id: str) -> bool:
    """Whether a server is deleted before its successor is made: then a volume leaves it before there is a new one."""
    address = _owner_address(draft, owner_id)
    deletes = draft.provided(("removed", address)) if address is not None else ()
    return any(not draft.steps[key].deposed for key in deletes)


def _replace(draft: Draft, item: Item) -> None:
    wanted = draft.resolver.wanted(item)
    compared = fields.compare(draft.survey, item, wanted)
    old, owner_id, owner = item.live_id, _current_owner(item), wanted.get("instance")
    if not isinstance(owner, Link):
        message = f"{item.address} cannot be replaced while it is on no server: a volume is always born attached"
        place = item.resource.place if item.resource else None
        draft.problems.append(error("bad-combination", message, place=place, address=str(item.address), hint="name a server first"))
        return
    asked_for = is_delete_first(item)
    room = slots.of(draft, owner.address)
    delete_first = asked_for or (room is not None and not room.room_for_both)
    delete = Step(
        f"block_storage.delete {item.address}" + ("" if delete_first else f" {old}"),
        item.address,
        "block_storage.delete",
        target=old,
        fingerprint=fingerprint(draft, item.live),
        deposed=not delete_first,
    )
    if delete_first:
        left = (_detach(draft, item, owner_id, suffix=f" {old}"),) if owner_id is not None else ()
        key = draft.add(delete, after=left)
        _birth(draft, item, wanted, after=(key,))
    else:
        created = _birth(draft, item, wanted, deposes=True)
        first = [created] if created is not None else []
        if owner_id is not None:
            left_key = _detach(draft, item, owner_id, suffix=f" {old}")
            draft.steps[left_key] = replace(draft.steps[left_key], deposed=True)
            if created is not None and not _goes_first(draft, owner_id):
                draft.before(created, left_key)
            first.append(left_key)
        draft.add(delete, after=first)
    agreed = item.entry is not None and item.entry.phase is Phase.DELETING  # its deletion was consented to, and cannot be stopped
    impact = Impact(consents=() if agreed else (Consent(RiskClass.DATA_LOSS, str(item.address)),))
    why = "as the file asks" if asked_for else "its server holds no more volumes"
    way = f"delete first: {why}" if delete_first else "create first, the old one goes last"
    change(draft, item, Action.REPLACE, f"{item.reason}; {way}", compared.changes, impact=impact, compared=compared)


def _delete(draft: Draft, item: Item) -> None:
    if item.live is None:
        return
    owner_id = _current_owner(item)
    left = (_detach(draft, item, owner_id),) if owner_id is not None else ()
    step = Step(
        f"block_storage.delete {item.address}",
        item.address,
        "block_storage.delete",
        target=item.live.id,
        fingerprint=fingerprint(draft, item.live),
    )
    draft.add(step, after=left)
    impact = Impact(consents=(Consent(RiskClass.DELETE, str(item.address)),))
    change(draft, item, Action.DELETE, item.reason, impact=impact)
