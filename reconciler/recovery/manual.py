"""Recovery decided by a person: what may be said of a request whose outcome no evidence proves, and
what follows from it (safety#settling).

A word is checked as far as it can be: the object is there, of the right kind, nobody else's, and
the request can no longer be taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.marker import split
from reconciler.model.owners import owner_of
from reconciler.model.resource import Account, LiveResource
from reconciler.model.resource_type import ResourceType, kind_of
from reconciler.model.state import Intent, Note, Phase, State, StateChange
from reconciler.recovery import evidence
from reconciler.recovery.binding import Binding
from reconciler.recovery.evidence import Settlement
from reconciler.recovery.let_go import left

_NOT_SHOWN = ("ssh_keys", "user_script", "former")
"""Members of a request that no list shows again (contract#rules, 10): nothing to compare."""


@dataclass(frozen=True, slots=True)
class UnsettledRow:
    """One line of the side by side: what was asked, and what each candidate shows."""

    name: str
    asked: Any
    shown: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One open request with all that a person needs to say what became of it. `candidates` are ids,
    in the order of `Row.shown`.
    """

    intent: Intent
    reason: str
    until: float | None
    candidates: tuple[str, ...]
    rows: tuple[UnsettledRow, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A request that is settled now: its address and operation, whether it was done, and by what."""

    address: str
    operation: str
    done: bool
    reason: str
    by_word: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `--rebuild` would bind, and the problems of what it would not: objects that the state
    should know and nothing proves.
    """

    bindings: tuple[Binding, ...]
    left: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """The end: what is settled, what stays open, what was bound, and what was wrong with a word."""

    settled: tuple[Settled, ...]
    cases: tuple[Case, ...]
    bound: tuple[Binding, ...]
    problems: tuple[Problem, ...]
    exit_code: int


def case(found: Settlement) -> Case:
    """The side by side of one open request."""
    intent = found.intent
    names = [name for name in sorted(intent.inputs) if name not in (*_NOT_SHOWN, "description")]
    rows = [
        UnsettledRow(
            name, intent.inputs[name], tuple(live.attributes.get(name) for live in found.candidates)
        )
        for name in names
    ]
    if "description" in intent.inputs:
        text, _ = split(str(intent.inputs["description"]))
        rows.append(
            UnsettledRow("description", text, tuple(_text(live) for live in found.candidates))
        )
    if intent.nonce is not None:
        rows.append(
            UnsettledRow(
                "marker", f"rc-{intent.nonce}", tuple(_marker(live) for live in found.candidates)
            )
        )
    if any(live.attributes.get("made") for live in found.candidates):
        rows.append(
            UnsettledRow(
                "made", None, tuple(live.attributes.get("made") for live in found.candidates)
            )
        )
    return Case(
        intent, found.reason, found.until, tuple(live.id for live in found.candidates), tuple(rows)
    )


def _text(live: LiveResource) -> Any:
    return live.attributes.get("description") or live.marked


def _marker(live: LiveResource) -> str | None:
    return None if live.nonce is None else f"rc-{live.nonce}"


def open_at(state: State, address: str) -> tuple[Intent, ...]:
    """The requests of an address whose outcome is not known, by sequence."""
    found = (state.open[sequence] for sequence in sorted(state.open))
    return tuple(
        intent for intent, result in found if intent.address == address and result != "accepted"
    )


def adopt(
    state: State,
    account: Account,
    kinds: Mapping[str, ResourceType],
    *,
    address: str,
    id: str,
    run: str,
) -> tuple[Note, ...] | Problem:
    """The records of a person's word that the open request of an address was done, `id` being what
    it made or changed.
    """
    asked = open_at(state, address)
    if not asked:
        return error(
            "missing-reference",
            msg("{address} has no open request", address=address),
            address=address,
        )
    intent = asked[-1]
    kind = kind_of(kinds, intent.operation)
    live = account.find(kind.name, id)
    if live is None:
        said = f"the account shows no {kind.singular.replace('_', ' ')} {id}"
        return error(
            "missing-object",
            said,
            address=address,
            hint=msg("take the id from the console or from the list above"),
        )
    wrong = _not_it(state, intent, live)
    if wrong is not None:
        return error(
            "bad-combination",
            wrong,
            address=address,
            hint=msg("`reconciler recover` shows what was asked and what there is"),
        )
    phase = Phase.READY if live.ready else Phase.INCOMPLETE
    effects = tuple(_as_seen(effect, live) for effect in intent.done(id, phase))
    if live.nonce != intent.nonce:
        # what the request may still make is the stack's all the same, and told
        effects += evidence.lost(intent)
    return (
        Note(
            state.sequence + 1,
            run,
            f"settled: done: {id}, decided by a person",
            effects,
            intent.sequence,
        ),
    )


def _not_it(state: State, intent: Intent, live: LiveResource) -> str | None:
    """Why an object cannot be what a request made or changed."""
    if intent.target is not None:
        return (
            None
            if intent.target == live.id
            else f"{intent.operation} was about {intent.target}, not {live.id}"
        )
    held = replace(
        state,
        open={
            sequence: found for sequence, found in state.open.items() if sequence != intent.sequence
        },
    )
    owner = owner_of(held, live)
    if owner is not None:
        return f"{live.id} already belongs to {owner}"
    proved = state.facts.get("marker") != "unproved"
    if proved and None not in (live.nonce, intent.nonce) and live.nonce != intent.nonce:
        return f"{live.id} carries the marker of another request, so this one did not create it"
    parent = live.attributes.get("firewall") if live.kind == "rules" else None
    if parent is not None and parent != intent.inputs.get("firewall"):
        return f"rule {live.id} is one of {parent}, and the request was about {intent.inputs.get('firewall')}"
    return None


def _as_seen(effect: StateChange, live: LiveResource) -> StateChange:
    """The entry bears the marker that its object really has, which may be none."""
    if effect.put is None or effect.put.id != live.id or effect.put.nonce == live.nonce:
        return effect
    return StateChange(put=replace(effect.put, nonce=live.nonce))


def not_created(
    state: State, settlements: Sequence[Settlement], *, address: str, now: float, run: str
) -> tuple[Note, ...] | Problem:
    """The records of a person's word that the open requests of an address were not done.

    Before the fence nobody can know: the cloud may still take them, unless they were signed with a
    clock so far ahead that it has refused them. Nor is it believed of a create whose marker an
    object bears.
    """
    asked = open_at(state, address)
    if not asked:
        return error(
            "missing-reference",
            msg("{address} has no open request", address=address),
            address=address,
        )
    late = max(
        (evidence.fence(intent) for intent in asked if not evidence.is_far_ahead(intent, now)),
        default=now,
    )
    if now < late:
        said = f"the request for {address} can still be taken for {int(late - now) + 1} s: until then it cannot be declared not created"
        return error(
            "open-intent",
            said,
            address=address,
            hint=msg("run it again then, or without --no-wait"),
        )
    nonces = {intent.nonce for intent in asked} - {None}
    bearing = [
        live.id
        for found in settlements
        if found.intent in asked
        for live in found.candidates
        if live.nonce in nonces
    ]
    if bearing:
        said = f"{', '.join(bearing)} carries the marker of this request, so it was executed"
        return error(
            "bad-combination",
            said,
            address=address,
            hint=msg("reconciler recover --adopt {value}", value=pasted(f"{address}={bearing[0]}")),
        )
    return tuple(
        Note(
            state.sequence + 1 + place,
            run,
            "settled: not done, decided by a person",
            evidence.lost(intent),
            intent.sequence,
        )
        for place, intent in enumerate(asked)
    )


def free_for(state: State, binding: Binding) -> Problem | None:
    """Why an object cannot be bound to an address decided by a person, or None."""
    text = str(binding.address)
    entry = state.entries.get(text)
    if entry is not None:
        hint = msg(
            "if that is not its object any more: reconciler state forget {text}", text=pasted(text)
        )
        return error(
            "bad-combination",
            msg("{text} is {entry_id} already", text=text, entry_id=entry.id),
            address=text,
            hint=hint,
        )
    owner = owner_of(state, binding.live)
    if owner is not None:
        return error(
            "bad-combination",
            msg("{live_id} already belongs to {owner}", live_id=binding.live.id, owner=owner),
            address=text,
        )
    return None


def forget(state: State, text: str, run: str) -> tuple[Note, ...] | None:
    """The records that make a state forget an address with its rules and open requests, or a
    deposed object by its id; None: not there.
    """
    notes: list[Note] = []

    def note(
        reason: str, effects: tuple[StateChange, ...] = (), settles: int | None = None
    ) -> None:
        notes.append(Note(state.sequence + len(notes) + 1, run, reason, effects, settles))

    for sequence in sorted(state.open):
        address = state.open[sequence][0].address
        if address == text or address.startswith(f"{text}.rules."):
            note(
                "forgotten, with its open request",
                evidence.lost(state.open[sequence][0]),
                settles=sequence,
            )
    entry = state.entries.get(text)
    if entry is not None:
        rules = [
            StateChange(drop=other.address)
            for other in state.entries.values()
            if other.parent == entry.id
        ]
        note("forgotten", (*rules, StateChange(drop=text), left(entry.id, text)))
    if text in state.deposed:
        note(
            "forgotten", (StateChange(remove_deposed=text), left(text, state.deposed[text].address))
        )
    return tuple(notes) or None
