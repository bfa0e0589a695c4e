"""Recovery decided by a person: what may be decided about a request whose outcome no evidence
proves, and what follows from it (safety#settling).

A decision is checked as far as possible: the object exists, has the right kind and belongs to no
other address, and the request can no longer be accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.marker import split
from reconciler.model.owners import owner_of
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import ResourceType, kind_of
from reconciler.model.state import Entry, Intent, Note, Phase, State, StateChange
from reconciler.recovery import hand_over
from reconciler.recovery.evidence import Settlement
from reconciler.recovery.settlement_records import left, lost
from reconciler.recovery.signature_fence import fence, is_far_ahead

_NOT_RETURNED = frozenset({"ssh_keys", "user_script", "former"})
"""Inputs of a request that no list shows again (contract#rules): nothing to compare."""


@dataclass(frozen=True, slots=True)
class Binding:
    """An object that is proposed for an address after a lost state."""

    address: Address
    live: LiveResource
    entry: Entry


@dataclass(frozen=True, slots=True)
class UnsettledRow:
    """One line of a comparison: what was asked for, and what each candidate shows."""

    name: str
    asked: Any
    shown: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One open request, with all that a person needs to decide about it. `candidates` are ids, in
    the order of `UnsettledRow.shown`.
    """

    intent: Intent
    reason: str
    until: float | None
    candidates: tuple[str, ...]
    rows: tuple[UnsettledRow, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A request that is settled now: its address and operation, whether it was executed, and the
    reason. `by_person`: a person decided it.
    """

    address: str
    operation: str
    done: bool
    reason: str
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class ManualDecision:
    """What a person decided about the open requests of an address: whether they were executed, the
    reason, and the records that settle them.
    """

    done: bool
    reason: str
    records: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `--rebuild` would bind, and the problems of what it would not: objects that are missing
    from the state, and that nothing proves to be the stack's.
    """

    bindings: tuple[Binding, ...]
    left: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result: what is settled, what stays open, what was bound, and the decisions that were
    refused.
    """

    settled: tuple[Settled, ...]
    cases: tuple[Case, ...]
    bound: tuple[Binding, ...]
    problems: tuple[Problem, ...]
    exit_code: int


def case(found: Settlement) -> Case:
    """The comparison of one open request with its candidates."""
    intent, candidates = found.intent, found.candidates
    names = sorted(intent.inputs.keys() - _NOT_RETURNED - {"description"})
    rows = [
        UnsettledRow(
            name, intent.inputs[name], tuple(live.attributes.get(name) for live in candidates)
        )
        for name in names
    ]
    if "description" in intent.inputs:
        text, _ = split(str(intent.inputs["description"]))
        shown = tuple(live.attributes.get("description") or live.marked for live in candidates)
        rows.append(UnsettledRow("description", text, shown))
    if intent.nonce is not None:
        markers = tuple(live.nonce and f"rc-{live.nonce}" for live in candidates)
        rows.append(UnsettledRow("marker", f"rc-{intent.nonce}", markers))
    made = tuple(live.attributes.get("made") for live in candidates)
    if any(made):
        rows.append(UnsettledRow("made", None, made))
    ids = tuple(live.id for live in candidates)
    return Case(intent, found.reason, found.until, ids, tuple(rows))


def open_at(state: State, address: str) -> tuple[Intent, ...]:
    """The requests of an address whose outcome is unknown, by sequence."""
    found = (state.open[sequence] for sequence in sorted(state.open))
    return tuple(
        intent for intent, result in found if intent.address == address and result != "accepted"
    )


def _no_open_request(address: str) -> Problem:
    message = msg("{address} has no open request", address=address)
    return error("missing-reference", message, address=address)


def adopt(
    state: State,
    account: Account,
    kinds: Mapping[str, ResourceType],
    *,
    address: str,
    id: str,
    run: str,
) -> ManualDecision | Problem:
    """A person's decision that the open request of an address was executed, and that `id` is what
    it created or changed.
    """
    asked = open_at(state, address)
    if not asked:
        return _no_open_request(address)
    intent = asked[-1]
    kind = kind_of(kinds, intent.operation)
    live = account.find(kind.name, id)
    if live is None:
        return error(
            "missing-object",
            msg("the account shows no {kind} {id}", kind=kind.noun, id=id),
            address=address,
            hint=msg("take the id from the console or from the list above"),
        )
    wrong = _mismatch(state, intent, live, kind)
    if wrong is not None:
        hint = msg("`reconciler recover` shows what was asked and what there is")
        return error("bad-combination", wrong, address=address, hint=hint)
    phase = Phase.READY if live.ready else Phase.INCOMPLETE
    effects = tuple(_with_marker(effect, live) for effect in intent.done(id, phase))
    if live.nonce != intent.nonce:
        # What the request may still create belongs to the stack anyway, and is reported.
        effects += lost(intent)
    reason = msg("{id}, decided by a person", id=id)
    record = Note(state.sequence + 1, run, f"settled: done: {reason}", effects, intent.sequence)
    return ManualDecision(done=True, reason=reason, records=(record,))


def _mismatch(state: State, intent: Intent, live: LiveResource, kind: ResourceType) -> str | None:
    """Why an object cannot be what a request created or changed, or None."""
    if intent.target is not None:
        if intent.target == live.id:
            return None
        return msg(
            "{operation} was about {target}, not {id}",
            operation=intent.operation,
            target=intent.target,
            id=live.id,
        )
    others = {
        sequence: found for sequence, found in state.open.items() if sequence != intent.sequence
    }
    owner = owner_of(replace(state, open=others), live)
    if owner is not None:
        return _belongs_to(live, owner)
    proved = state.facts.get("marker") != "unproved"
    if proved and None not in (live.nonce, intent.nonce) and live.nonce != intent.nonce:
        return msg(
            "{id} carries the marker of another request, so this one did not create it", id=live.id
        )
    attribute = kind.owner_attribute or ""
    parent, asked = live.attributes.get(attribute), intent.inputs.get(attribute)
    if parent is not None and parent != asked:
        return msg(
            "{kind} {id} is one of {parent}, and the request was about {asked}",
            kind=kind.noun,
            id=live.id,
            parent=parent,
            asked=asked,
        )
    return None


def _belongs_to(live: LiveResource, owner: str) -> str:
    return msg("{id} already belongs to {owner}", id=live.id, owner=owner)


def _with_marker(effect: StateChange, live: LiveResource) -> StateChange:
    """The effect with the marker that the object really carries, which may be none."""
    if effect.put is None or effect.put.id != live.id or effect.put.nonce == live.nonce:
        return effect
    return StateChange(put=replace(effect.put, nonce=live.nonce))


def not_created(
    state: State, settlements: Sequence[Settlement], *, address: str, now: float, run: str
) -> ManualDecision | Problem:
    """A person's decision that the open requests of an address were not executed.

    Nobody can know that before the signature fence: the cloud may still accept them, unless they
    were signed with a clock so far ahead that it has refused them. The decision is refused if an
    object carries the marker of a create.
    """
    asked = open_at(state, address)
    if not asked:
        return _no_open_request(address)
    late = max((fence(one) for one in asked if not is_far_ahead(one, now)), default=now)
    if now < late:
        message = msg(
            "the request for {address} can still be taken for {seconds} s: until then it cannot be "
            "declared not created",
            address=address,
            seconds=int(late - now) + 1,
        )
        hint = msg("run it again then, or without --no-wait")
        return error("open-intent", message, address=address, hint=hint)
    nonces = {intent.nonce for intent in asked} - {None}
    marked = [
        live.id
        for found in settlements
        if found.intent in asked
        for live in found.candidates
        if live.nonce in nonces
    ]
    if marked:
        message = msg(
            "{ids} carries the marker of this request, so it was executed", ids=", ".join(marked)
        )
        hint = msg("reconciler recover --adopt {value}", value=pasted(f"{address}={marked[0]}"))
        return error("bad-combination", message, address=address, hint=hint)
    reason = msg("not done, decided by a person")
    records = ((f"settled: {reason}", lost(intent), intent.sequence) for intent in asked)
    return ManualDecision(done=False, reason=reason, records=_numbered(state, run, records))


def free_for(state: State, binding: Binding) -> Problem | None:
    """Why an object cannot be bound to an address by a person's decision, or None."""
    address = str(binding.address)
    entry = state.entries.get(address)
    if entry is not None:
        return error(
            "bad-combination",
            msg("{address} is already bound to {id}", address=address, id=entry.id),
            address=address,
            hint=msg(
                "if that is no longer its object: reconciler state forget {address}",
                address=pasted(address),
            ),
        )
    owner = owner_of(state, binding.live)
    if owner is None:
        return None
    return error("bad-combination", _belongs_to(binding.live, owner), address=address)


def forget(state: State, text: str, run: str) -> tuple[Note, ...] | None:
    """The records that make a state forget an address with its rules and open requests, or a
    deposed object by its id; None if the state has neither.
    """
    records: list[_Record] = []
    for sequence, (intent, _) in sorted(state.open.items()):
        if intent.address == text or intent.address.startswith(f"{text}.rules."):
            records.append(("forgotten, with its open request", lost(intent), sequence))
    entry = state.entries.get(text)
    if entry is not None:
        rules = [
            StateChange(drop=other.address)
            for other in state.entries.values()
            if other.parent == entry.id
        ]
        effects = (*rules, StateChange(drop=text), left(entry.id, text))
        records.append(("forgotten", effects, None))
    for coming in hand_over.incoming(state):
        if any(other.address == text for other in coming.entries):
            effects = (StateChange(fact=(hand_over.INCOMING + coming.token, None)),)
            records.append(("forgotten, before it was handed over", effects, None))
    if text in state.deposed:
        effects = (StateChange(remove_deposed=text), left(text, state.deposed[text].address))
        records.append(("forgotten", effects, None))
    return _numbered(state, run, records) or None


_Record: TypeAlias = "tuple[str, tuple[StateChange, ...], int | None]"
"""The reason of a record, its effects, and the sequence of the intent that it settles."""


def _numbered(state: State, run: str, records: Iterable[_Record]) -> tuple[Note, ...]:
    return tuple(
        Note(state.sequence + 1 + place, run, *record) for place, record in enumerate(records)
    )
