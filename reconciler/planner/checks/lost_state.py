"""A lost state: objects that this stack once created, and that the state does not know
(safety#lost-state).

Creating them again would duplicate them. So the run stops before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.model import marker, owners
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.owners import sent_nonces
from reconciler.model.plan import ReasonKind, reason_kind
from reconciler.model.resource import LiveResource, title_of
from reconciler.model.state import Entry, Phase, State, StateChange
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.recovery.hand_over import MOVED
from reconciler.recovery.manual import Binding
from reconciler.recovery.settlement_records import LEFT, deleted_from
from reconciler.resources import all_kinds


def unowned_objects(assessment: Assessment) -> Iterator[tuple[str, LiveResource]]:
    """Objects of the account that no entry, deposed object or open intent names, with their
    kind.
    """
    state = assessment.state
    known = {entry.id for entry in state.entries.values()} | set(state.deposed)
    known |= {item.live.id for item in assessment.items.values() if item.live is not None}
    sent = sent_nonces(state)
    used = {live.id for live in assessment.existing.values()}
    used |= {name.removeprefix(MOVED) for name in state.facts if name.startswith(MOVED)}
    for kind in sorted(all_kinds().sections):
        rows = assessment.account.objects.get(kind, {})
        for id in sorted(rows):
            if id not in known and id not in used and rows[id].nonce not in sent:
                yield kind, rows[id]


def remote_name(item: ManagedObject) -> str | None:
    """The name with which an item will be created, if it is known."""
    if item.resource is None:
        return None
    name = item.wanted.get("name", item.resource.at_create.get("name"))
    return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that is missing from the state, the address that it was created for, and what it
    is, as a clause. `former`: an environment that the file no longer has created it.
    """

    live: LiveResource
    address: str
    what: str
    former: bool = False


def missing(assessment: Assessment) -> Iterator[Missing]:
    """The objects that show that this stack was applied before, with another state or an older
    one.
    """
    if assessment.options.destroy:
        return  # nothing is created
    created = {
        a: i
        for a, i in assessment.items.items()
        if i.disposition is Disposition.CREATE and a.rule is None
    }
    names = {(i.kind.name, remote_name(i)): str(a) for a, i in created.items()}
    addresses = frozenset(map(str, created))
    for kind, live in unowned_objects(assessment):
        found = _missing(assessment, kind, live, names.get((kind, _name(live))), addresses)
        if found is not None and not assessment.options.accepts("duplicate", found.address):
            yield found


def _missing(
    assessment: Assessment, kind: str, live: LiveResource, by_name: str | None, created: Set[str]
) -> Missing | None:
    """What an object shows. `by_name`: the address to be created with its name. `created` are all
    those addresses.
    """
    is_empty = assessment.state.is_empty
    former = _formerly_at(assessment, kind, live, created) if is_empty else None
    renamed = _under_a_former_name(assessment, kind, live)
    named = named_address(assessment, kind, live)
    if LEFT + live.id in assessment.state.facts:
        named = None  # it was forgotten on purpose: only its name can be in the way
    target = None if named is None else _to_be_created(assessment, named, created)
    if renamed not in created:
        renamed = None
    if is_empty:
        at = by_name or target or named or former or renamed
    else:
        at = (by_name if live.nonce is not None else None) or target or renamed
    # the states of others are looked at last: in a shared place, each costs operations
    if at is None or (former is None and is_elsewhere(assessment, live)):
        return None
    if former is not None:
        return Missing(live, at, "", former=True)
    if named is not None:
        return Missing(live, at, msg("was created by this stack"))
    if by_name is None:
        return Missing(live, at, msg("was created by this stack under a former name"))
    return Missing(live, at, msg("has the name of the object to create"))


def missing_state(assessment: Assessment, *, rebuilt: bool = False) -> Iterator[Problem]:
    """An error for each object that shows that this stack was applied before. `--accept
    duplicate=ADDRESS` states that it is not part of the stack. `rebuilt`: `recover --rebuild` has
    found no proof for it, so a person must decide.
    """
    for found in missing(assessment):
        if found.former:
            yield _of_a_former_environment(found.live, found.address)
        else:
            yield _not_in_the_state(assessment, found, rebuilt=rebuilt)


def _not_in_the_state(assessment: Assessment, found: Missing, *, rebuilt: bool) -> Problem:
    live, at = found.live, found.address
    address = parse(at)
    fields = {"live_id": live.id, "what": found.what, "live": _name(live), "at": at}
    if address in assessment.items:
        message = msg(
            "{live_id} {what} ({live!r}) but is missing from the state; creating {at} would "
            "duplicate it",
            **fields,
        )
    else:
        message = msg("{live_id} {what} ({live!r}) but is missing from the empty state", **fields)
    consent, binding = pasted(f"duplicate={at}"), pasted(f"{at}={live.id}")
    if address is not None and rebuilt:
        hint = msg(
            "reconciler recover --adopt {binding}\n"
            "or, if it is not yours: reconciler apply --accept {consent}",
            binding=binding,
            consent=consent,
        )
    elif address is not None and address not in assessment.items:
        hint = msg(
            "restore the state, or run `reconciler recover --adopt {binding}`; if it is not yours: "
            "--accept {consent}",
            binding=binding,
            consent=consent,
        )
    else:
        hint = msg(
            "restore the state, or run `reconciler recover --rebuild`; if it is not yours: "
            "--accept {consent}",
            consent=consent,
        )
    return error("state-missing", dated(message, live), address=at, hint=hint)


def dated(message: Text, live: LiveResource) -> Text:
    """A message about an object, with the time of its creation if the cloud reports it."""
    made = live.attributes.get("made")
    if not made:
        return message
    return msg("{message} (created {made})", message=message, made=made)


def _name(live: LiveResource) -> str | None:
    name = live.attributes.get("name")
    return name if isinstance(name, str) else None


def named_address(assessment: Assessment, kind: str, live: LiveResource) -> str | None:
    """The address that a marker of this stack and environment names, or None. A key that was cut
    is completed if one address without an object begins with it; if nothing is left of the key, the
    id takes the place of the address.
    """
    stack, text = assessment.stack, live.marked
    parts = None if live.nonce is None else marker.owner_parts(text)
    if parts is None or parts[:2] != (stack.name, stack.environment):
        return None
    if len(text or "") == marker.USER_LIMIT:
        start = marker.owner_text(stack.name, stack.environment, "")
        free = [
            str(one)
            for one in stack.resources
            if one.kind == kind and one.rule is None and str(one) not in assessment.state.entries
        ]
        whole = [
            one
            for one in free
            if (start + one.removeprefix(f"{kind}."))[: marker.USER_LIMIT] == text
        ]
        if len(whole) == 1:
            return whole[0]
    address = f"{kind}.{parts[2]}"
    return live.id if parse(address) is None else address


def _to_be_created(assessment: Assessment, named: str, created: Set[str]) -> str | None:
    """The address to be created that a marker names, by itself or as the source of `moved`
    lines.
    """
    address = parse(named)
    for _ in range(len(assessment.stack.moved) + 1):
        if address is None or str(address) in created:
            break
        address = _moved_to(assessment, address)
    return None if address is None or str(address) not in created else str(address)


def _moved_to(assessment: Assessment, address: Address) -> Address | None:
    for line in assessment.stack.moved:
        if line.source == address:
            return line.target
        if address.index is not None and line.source == address.resource:
            return line.target.at(address.index)
    return None


def _under_a_former_name(assessment: Assessment, kind: str, live: LiveResource) -> str | None:
    """The address that a marker names under another stack or environment, if the object is attached
    to one whose marker names this stack: the API cannot change the description of a block storage
    (safety#former-name).
    """
    parts = None if live.nonce is None else marker.owner_parts(live.marked)
    ours = (assessment.stack.name, assessment.stack.environment)
    if parts is None or parts[:2] == ours:
        return None
    referred = {value for value in live.attributes.values() if isinstance(value, str)} - {live.id}
    for rows in assessment.account.objects.values():
        for host in (rows[id] for id in referred & rows.keys()):
            owner = marker.owner_parts(host.marked) if host.nonce is not None else None
            if owner is not None and owner[:2] == ours and not is_elsewhere(assessment, live):
                return f"{kind}.{parts[2]}"
    return None


def _formerly_at(
    assessment: Assessment, kind: str, live: LiveResource, created: Set[str]
) -> str | None:
    """The address to be created that a marker names under an environment of this stack that the
    file no longer has.
    """
    parts = None if live.nonce is None else marker.owner_parts(live.marked)
    if parts is None:
        return None
    stack, environment, key = parts
    is_former = stack == assessment.stack.name and environment not in (
        assessment.stack.environments or (None,)
    )
    return f"{kind}.{key}" if is_former and f"{kind}.{key}" in created else None


def _of_a_former_environment(live: LiveResource, at: str) -> Problem:
    stack, environment, _ = marker.owner_parts(live.marked) or ("", None, "")
    whose = title_of(stack, environment) + ("" if environment else ", without an environment")
    return error(
        "former-name",
        msg(
            "{id} was created by {stack}, which is no longer in the file; creating {address} "
            "would duplicate it",
            id=live.id,
            stack=whose,
            address=at,
        ),
        address=at,
        hint=msg(
            "restore the state of {stack} and the environments of the file; if it is not yours: "
            "--accept {consent}",
            stack=whose,
            consent=pasted(f"duplicate={at}"),
        ),
    )


def is_elsewhere(assessment: Assessment, live: LiveResource) -> bool:
    """Whether the state of another stack in the same place has the object."""
    return any(live.id in other.addresses for other in assessment.options.elsewhere.values())


def _names_others(assessment: Assessment, live: LiveResource) -> bool:
    start = marker.owner_text(assessment.stack.name, assessment.stack.environment, "")
    return (
        live.marked is not None
        and marker.is_owner_text(live.marked)
        and not live.marked.startswith(start)
    ) or is_elsewhere(assessment, live)


def propose(assessment: Assessment) -> tuple[Binding, ...]:
    """A binding for each address that has no object, and that exactly one marked object matches: by
    its name or by the address in its marker, and by its attributes.
    """
    found: dict[Address, list[LiveResource]] = {}
    unowned = list(unowned_objects(assessment))
    for address, item in assessment.items.items():
        if address.rule is not None or not (
            item.disposition is Disposition.CREATE or _is_replaced(assessment, item)
        ):
            continue
        for kind, live in unowned:
            if (
                kind == item.kind.name
                and live.nonce is not None
                and _answers(assessment, item, live)
            ):
                found.setdefault(address, []).append(live)
    return tuple(
        Binding(address, rows[0], bound(address, rows[0], assessment.items[address]))
        for address, rows in sorted(found.items(), key=lambda pair: pair[0].sort_key)
        if len(rows) == 1
    )


def _is_replaced(assessment: Assessment, item: ManagedObject) -> bool:
    """Whether the object of an entry is missing without a request that explains it: a newer state
    may have another one.
    """
    entry, address = item.entry, str(item.address)
    return (
        entry is not None
        and item.live is None
        and entry.phase is Phase.READY
        and entry.kind in assessment.account.complete
        and address not in assessment.options.unsettled
        and all(intent.address != address for intent, _ in assessment.state.open.values())
    )


def _answers(assessment: Assessment, item: ManagedObject, live: LiveResource) -> bool:
    kind = item.kind.name
    named = named_address(assessment, kind, live)
    if LEFT + live.id in assessment.state.facts:
        named = None
    if named is not None:
        named = _to_be_created(assessment, named, frozenset({str(item.address)})) or named
    named = named or _under_a_former_name(assessment, kind, live)
    name = remote_name(item)
    has_name = name is not None and name == _name(live) and not _names_others(assessment, live)
    # the states of others are looked at last: in a shared place, each costs operations
    if not (has_name or named == str(item.address)) or is_elsewhere(assessment, live):
        return False
    return all(
        live.attributes.get(name) == item.wanted[name]
        for name in item.kind.identity
        if item.wanted.get(name) is not None
    )


def bound(address: Address, live: LiveResource, item: ManagedObject | None) -> Entry:
    """The entry that binds an object to an address; what the file manages is compared at the next
    plan.
    """
    lookups: Mapping[str, Mapping[str, str]] = item.lookups if item is not None else {}
    phase = Phase.READY if live.ready else Phase.INCOMPLETE
    return Entry(str(address), live.kind, live.id, lookups=lookups, phase=phase, nonce=live.nonce)


def effects(bindings: tuple[Binding, ...], state: State) -> tuple[StateChange, ...]:
    """The changes of the state that the bindings make. The rules of a firewall that is no longer
    bound to an address leave the state with it.
    """
    former = {
        entry.id
        for binding in bindings
        if (entry := state.entries.get(str(binding.address))) is not None
    }
    rules = (entry for entry in state.entries.values() if entry.parent in former)
    return (
        *(StateChange(drop=rule.address) for rule in rules),
        *(StateChange(put=binding.entry) for binding in bindings),
    )


def unsettled_create(item: ManagedObject) -> Problem | None:
    """Why nothing can be bound to an address yet: a create for it is unsettled, and may have
    created its object.
    """
    known = reason_kind(item.reason) is not ReasonKind.UNKNOWN_OUTCOME
    if item.entry is not None or known:
        return None
    return error(
        "open-intent",
        msg("{address}: {reason}", address=item.address, reason=item.reason),
        address=str(item.address),
        hint=msg("reconciler recover"),
    )


def _is_own(assessment: Assessment, kind: str, live: LiveResource) -> bool:
    """Whether this stack created an object: its marker or the state proves it."""
    deleted = deleted_from(assessment.state, live.id)
    return deleted is not None or named_address(assessment, kind, live) is not None


def adoptable(assessment: Assessment, text: str, id: str) -> Binding | Problem:
    """The binding of one object to one address that a person decides, or why it is not possible.
    An object that this stack created may have an address that the file does not have: the next
    plan then deletes it, with consent.
    """
    address = parse(text)
    item = assessment.items.get(address) if address is not None else None
    sections = all_kinds().sections
    kind = all_kinds().get(address.kind) if address is not None else None
    live = assessment.account.find(kind.name, id) if kind is not None else None
    created_here = live is not None and kind is not None and _is_own(assessment, kind.name, live)
    if (
        address is None
        or kind is None
        or address.rule is not None
        or address.existing
        or kind.name not in sections
        or (item is None and not created_here)
    ):
        return error(
            "missing-reference", msg("the stack has no {address}", address=text), address=text
        )
    if item is not None and (unsettled := unsettled_create(item)) is not None:
        return unsettled
    if live is None:
        return error(
            "missing-object",
            msg(
                "this account has no {kind} {id}",
                kind=kind.singular.replace("_", " "),
                id=id,
            ),
            address=text,
        )
    owner = next((e.address for e in assessment.state.entries.values() if e.id == id), None)
    if owner is not None:
        return error(
            "bad-combination",
            msg("{id} already belongs to {owner}", id=id, owner=owner),
            address=text,
        )
    sharer = owners.sharer_of(assessment.state, live, assessment.options.elsewhere)
    if sharer is not None:
        return owners.shared(text, live, sharer, is_recovery=True)
    return Binding(address, live, bound(address, live, item))
