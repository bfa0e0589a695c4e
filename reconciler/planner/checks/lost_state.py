"""A lost state: objects that this stack once created, and that the state does not know
(safety#lost-state).

Creating them again would duplicate them. So the run stops before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model import marker, owners
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.owners import sent_nonces
from reconciler.model.plan import ReasonKind, reason_kind
from reconciler.model.resource import LiveResource, title_of
from reconciler.model.state import Entry, Phase, StateChange
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.recovery.hand_over import MOVED
from reconciler.recovery.manual import Binding
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


def missing_state(assessment: Assessment) -> Iterator[Problem]:
    """An error for each object that shows that this stack was applied before. `--accept
    duplicate=ADDRESS` states that it is not part of the stack.
    """
    if assessment.options.destroy:
        return  # nothing is created
    desired_value = {
        (i.kind.name, remote_name(i)): a
        for a, i in assessment.items.items()
        if i.disposition is Disposition.CREATE and a.rule is None
    }
    created = frozenset(map(str, desired_value.values()))
    for kind, live in unowned_objects(assessment):
        address = desired_value.get((kind, _name(live)))
        named = _named_address(assessment, kind, live) if assessment.state.is_empty else None
        former = (
            _formerly_at(assessment, kind, live, created) if assessment.state.is_empty else None
        )
        renamed = _under_a_former_name(assessment, kind, live)
        if renamed not in created:
            renamed = None
        if assessment.state.is_empty:
            at = str(address) if address is not None else named or former or renamed
        else:
            at = str(address) if address is not None and live.nonce is not None else renamed
        if at is None or assessment.options.accepts("duplicate", at):
            continue
        if former is not None:
            yield _of_a_former_environment(live, at)
            continue
        if named is not None:
            what = msg("was created by this stack")
        elif address is None:
            what = msg("was created by this stack under a former name")
        else:
            what = msg("has the name of the object to create")
        yield error(
            "state-missing",
            msg(
                "{live_id} {what} ({live!r}) but is missing from the state; creating {at} would "
                "duplicate it",
                live_id=live.id,
                what=what,
                live=_name(live),
                at=at,
            ),
            address=at,
            hint=msg(
                "restore the state, or run `reconciler recover --rebuild`; if it is not yours: "
                "--accept {consent}",
                consent=pasted(f"duplicate={at}"),
            ),
        )


def _name(live: LiveResource) -> str | None:
    name = live.attributes.get("name")
    return name if isinstance(name, str) else None


def _named_address(assessment: Assessment, kind: str, live: LiveResource) -> str | None:
    """The address that the owner text before a marker names, if it is one of this stack and
    environment.
    """
    if live.nonce is None or live.marked is None or not marker.is_owner_text(live.marked):
        return None
    start = marker.owner_text(assessment.stack.name, assessment.stack.environment, "")
    return f"{kind}.{live.marked.removeprefix(start)}" if live.marked.startswith(start) else None


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
    assessment: Assessment, kind: str, live: LiveResource, created: frozenset[str]
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
    """A binding for each address to be created that exactly one marked object matches: by its name
    or by the address in its marker, and by its attributes.
    """
    found: dict[Address, list[LiveResource]] = {}
    unowned = list(unowned_objects(assessment))
    for address, item in assessment.items.items():
        if item.disposition is not Disposition.CREATE or address.rule is not None:
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


def _answers(assessment: Assessment, item: ManagedObject, live: LiveResource) -> bool:
    named = _named_address(assessment, item.kind.name, live)
    named = named or _under_a_former_name(assessment, item.kind.name, live)
    has_name = remote_name(item) == _name(live) and not _names_others(assessment, live)
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


def effects(bindings: tuple[Binding, ...]) -> tuple[StateChange, ...]:
    """The changes of the state that the bindings make."""
    return tuple(StateChange(put=binding.entry) for binding in bindings)


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


def adoptable(assessment: Assessment, text: str, id: str) -> Binding | Problem:
    """The binding of one object to one address that a person decides, or why it is not possible."""
    address = parse(text)
    item = assessment.items.get(address) if address is not None else None
    if address is None or item is None or address.rule is not None:
        return error(
            "missing-reference", msg("the stack has no {address}", address=text), address=text
        )
    if (unsettled := unsettled_create(item)) is not None:
        return unsettled
    live = assessment.account.find(item.kind.name, id)
    if live is None:
        return error(
            "missing-object",
            msg(
                "this account has no {kind} {id}",
                kind=item.kind.singular.replace("_", " "),
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
