"""Evidence: what the account shows about writes whose outcome is not known, and what follows from
it (safety#settling).

The API has no idempotency key, so a lost answer is settled by looking, never by sending again. Done
is proved by what is there; not done only past the fence, when the request could no longer be taken,
and for a create only by two complete lists that do show another marked object of ours. Whatever is
not proved either way stays open, and blocks its address.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum

from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model.owners import entry_with
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import (
    Progress,
    ResourceType,
    View,
    kind_of,
    operation_of,
    verb_of,
)
from reconciler.model.state import Intent, Note, Phase, State, StateChange

SIGNATURE_SECONDS = 300
"""How long a signed request can be taken by the cloud (contract#authentication)."""

CLOCK_MARGIN_SECONDS = 30
LATE_MARGIN_SECONDS = 120
"""How much later than it was taken an effect may show."""

FENCE_SECONDS = SIGNATURE_SECONDS + CLOCK_MARGIN_SECONDS + LATE_MARGIN_SECONDS

LISTS_APART_SECONDS = 60
"""Between the two complete lists that prove a create not done."""

YOUNG_SECONDS = LATE_MARGIN_SECONDS
"""How long what was just made may be missing from the lists (contract#statuses)."""

LOST = "lost "
"""Begins the name of a fact: the nonce of a create that was settled as not done. What comes all the
same is then known for what it is.
"""


class Finding(Enum):
    """`DONE` and `NOT_DONE` are proved; `NOT_YET`: it cannot be told before `until`; `NEEDS_DECISION`: no
    evidence will tell, a person has to.
    """

    DONE = "done"
    NOT_DONE = "not done"
    NOT_YET = "not yet"
    NEEDS_DECISION = "needs decision"


@dataclass(frozen=True, slots=True)
class Observation:
    """The account as it was read; `at` is the unix second before the first of its lists was asked
    for.

    `gone` are ids whose absence is proved: by the documented not-found and a complete list, twice,
    10 s apart (safety#absence).
    """

    account: Account
    at: float
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is known of one open intent. `effects` belong to `DONE`. `candidates` are objects a
    person should look at.

    `NOT_YET` without `until` is an accepted edit that the cloud works on: it blocks nothing, the plan
    waits for its object. `first` is the unix second of the first of two lists that do not show what
    a create was to make, where the second one is still to come.
    """

    intent: Intent
    finding: Finding
    reason: str
    effects: tuple[StateChange, ...] = ()
    until: float | None = None
    candidates: tuple[LiveResource, ...] = ()
    first: float | None = None

    @property
    def blocks(self) -> bool:
        """Whether its address may not be touched before it is settled."""
        return not self.settled and not (self.finding is Finding.NOT_YET and self.until is None)

    @property
    def settled(self) -> bool:
        """Whether the intent can be closed on this evidence."""
        return self.finding in (Finding.DONE, Finding.NOT_DONE)


def fence(intent: Intent) -> float:
    """The unix second, by the cloud's clock, from which on an intent that is not there will never
    be.
    """
    return float(intent.signed + FENCE_SECONDS)


def is_far_ahead(intent: Intent, now: float) -> bool:
    """Whether a request was signed for a time that is still to come: the clock was wrong, and
    whatever arrived by now was refused.
    """
    return intent.signed - now > SIGNATURE_SECONDS + CLOCK_MARGIN_SECONDS


def cloud_time(unix: float, clock_ahead: float | None) -> float:
    """This machine's unix second as the cloud has it, where they differ by more than the fence
    allows for.

    The cloud takes a signature by its own clock. A machine that is ahead of it would find the fence
    passed while a request can still be taken. It cannot be ahead by more than a signature is good
    for: then nothing that it sends is taken.
    """
    ahead = max((clock_ahead or 0.0) - CLOCK_MARGIN_SECONDS, 0.0)
    return unix - min(ahead, float(SIGNATURE_SECONDS))


def settle(
    state: State,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    *,
    now: float,
    followed: Collection[str] = (),
) -> tuple[Settlement, ...]:
    """What the observations say of every open intent, by sequence. At least one observation is
    needed; the last one is the newest.

    `followed` are addresses where an object is to be, unless a person said that the one before is
    gone: a delete without an answer is not taken as done there (safety#absence).
    """
    found = []
    for sequence in sorted(state.open):
        intent, result = state.open[sequence]
        found.append(
            settle_one(state, intent, result, observations, kinds, now=now, followed=followed)
        )
    return tuple(found)


def settle_one(
    state: State,
    intent: Intent,
    result: str | None,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    *,
    now: float,
    followed: Collection[str] = (),
) -> Settlement:
    """The same for one intent, `result` being its last outcome (None where it has none)."""
    found = _settle(state, intent, result, observations, kinds, now, followed)
    return replace(found, effects=as_it_is_now(state, intent, found.effects))


def unseen(state: State, account: Account, now: float) -> Mapping[str, float]:
    """The addresses of young objects that the lists do not show yet, with the unix second until
    which that says nothing.
    """
    return {
        entry.address: entry.made + YOUNG_SECONDS
        for entry in state.entries.values()
        if entry.phase is Phase.INCOMPLETE
        and entry.made is not None
        and now < entry.made + YOUNG_SECONDS
        if entry.parent is None and account.find(entry.kind, entry.id) is None
    }


def notes(settlements: Sequence[Settlement], state: State, run: str) -> tuple[Note, ...]:
    """The records that close what is settled, in order, numbered on from the state."""
    found: list[Note] = []
    for one in settlements:
        if one.settled:
            sequence = state.sequence + len(found) + 1
            effects = one.effects if one.finding is Finding.DONE else lost(one.intent)
            found.append(
                Note(
                    sequence,
                    run,
                    f"settled: {one.finding.value}: {one.reason}"[:200],
                    effects,
                    one.intent.sequence,
                )
            )
    return tuple(found)


def first_looks(
    state: State, absences: Mapping[str, float], settlements: Sequence[Settlement]
) -> tuple[StateChange, ...]:
    """What makes the first looks that the state keeps those of this run: `absences` by id, and
    those of creates by their marker.

    A look at what was found since, or is settled, is not kept.
    """
    kept = {entry.id for entry in state.entries.values()} | set(state.deposed)
    looks = {id: math.ceil(second) for id, second in absences.items() if id in kept}
    for one in settlements:
        if one.intent.nonce is not None and one.first is not None and not one.settled:
            looks[one.intent.nonce] = math.ceil(one.first)
    changed = sorted(
        subject
        for subject in {*looks, *state.missing_since}
        if looks.get(subject) != state.missing_since.get(subject)
    )
    return tuple(StateChange(missing_since=(subject, looks.get(subject))) for subject in changed)


def lost(intent: Intent) -> tuple[StateChange, ...]:
    """What is kept of a create that was settled as not done: its nonce."""
    return (
        () if intent.nonce is None else (StateChange(fact=(LOST + intent.nonce, intent.address)),)
    )


def as_it_is_now(
    state: State, intent: Intent, effects: tuple[StateChange, ...]
) -> tuple[StateChange, ...]:
    """Effects that were written down with an intent, on the state as it is now: what was recorded
    of the object since then stays.

    It may have got another address since, or have been forgotten: it is not put back where it was.
    """
    found = []
    for effect in effects:
        entry = effect.put
        now = None if entry is None else entry_with(state, entry.kind, entry.id)
        if entry is not None and now is None and intent.target == entry.id:
            continue
        if entry is not None and now is not None:
            kept = replace(entry, address=now.address, protect=now.protect, retain=now.retain)
            effect = StateChange(put=replace(kept, applied={**now.applied, **entry.applied}))
        found.append(effect)
    return tuple(found)


def _settle(
    state: State,
    intent: Intent,
    result: str | None,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
    followed: Collection[str],
) -> Settlement:
    verb = verb_of(intent.operation)
    if result == "accepted":
        return _accepted(intent, observations[-1], kinds, now)
    if verb == "create" and intent.nonce is not None:
        return _create(state, intent, observations, kinds, now)
    if verb == "create":
        return _unmarked_create(intent, observations, kinds, now)
    if verb == "delete":
        return _delete(state, intent, observations, kinds, now, followed)
    return _edit(intent, observations, kinds, now)


def _accepted(
    intent: Intent, newest: Observation, kinds: Mapping[str, ResourceType], now: float
) -> Settlement:
    """The cloud took it. What it made or deletes is in the state; an edit is waited for while the
    cloud works on it, and never sent again before it has shown, or had the time in which it would
    have.
    """
    verb = verb_of(intent.operation)
    if verb in ("create", "delete"):
        return Settlement(intent, Finding.DONE, "accepted, and its object is in the state")
    progress = _progress(intent, newest.account, kinds)
    if progress is Progress.DONE:
        return Settlement(intent, Finding.DONE, "it is as requested", intent.done(intent.target))
    target = newest.account.find(kind_of(kinds, intent.operation).name, intent.target or "")
    if target is not None and not target.ready and not target.failed:
        return Settlement(intent, Finding.NOT_YET, "the cloud accepted it and is working on it")
    until = float(intent.signed + operation_of(kinds, intent.operation).seconds[2])
    if now < until and progress is not Progress.FAILED:
        return Settlement(
            intent, Finding.NOT_YET, "the cloud accepted it and does not list it yet", until=until
        )
    return Settlement(intent, Finding.DONE, "accepted; the plan continues from the current state")


# Creates
# ----------------------------------------------------------------------------------------------------------------------------


def _create(
    state: State,
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
) -> Settlement:
    kind = kind_of(kinds, intent.operation).name
    newest = observations[-1].account
    bearing = tuple(row for row in _rows(newest, kind) if row.nonce == intent.nonce)
    if len(bearing) > 1:
        ids = ", ".join(row.id for row in bearing)
        return Settlement(
            intent,
            Finding.NEEDS_DECISION,
            f"{len(bearing)} objects carry its marker: {ids}",
            candidates=bearing,
        )
    if bearing:
        wrong = [
            n
            for n in kind_of(kinds, intent.operation).compared_at_create
            if n in intent.inputs
            and bearing[0].attributes.get(n, intent.inputs[n]) != intent.inputs[n]
        ]
        if wrong:
            reason = (
                f"{bearing[0].id} carries its marker, but {', '.join(wrong)} is not as requested"
            )
            return Settlement(intent, Finding.NEEDS_DECISION, reason, candidates=bearing)
        if entry_with(state, kind, bearing[0].id) is not None:
            return Settlement(
                intent, Finding.DONE, f"{bearing[0].id} carries its marker, and is in the state"
            )
        phase = Phase.READY if bearing[0].ready else Phase.INCOMPLETE
        reason = f"{bearing[0].id} carries its marker"
        return Settlement(intent, Finding.DONE, reason, intent.done(bearing[0].id, phase))
    similar = _similar(intent, newest, kind, state)
    if state.facts.get("marker") == "unproved":
        reason = "this account does not return markers as sent, so no list can prove it"
        return Settlement(intent, Finding.NEEDS_DECISION, reason, candidates=similar)
    return _absent(intent, observations, kinds, now, state, similar)


def _absent(
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
    state: State,
    similar: tuple[LiveResource, ...],
) -> Settlement:
    """Not created: past the fence, two complete lists 60 s apart, each showing a control of that
    kind and zone. The first of them may have been read by an earlier run.
    """
    kind, limit = kind_of(kinds, intent.operation).name, fence(intent)
    if now < limit:
        reason = "its request could still be accepted until the signature fence"
        return Settlement(intent, Finding.NOT_YET, reason, until=limit, candidates=similar)
    usable = [o for o in observations if o.at >= limit and kind in o.account.complete]
    if usable and not all(_has_control(intent, o.account, kind, state) for o in usable):
        reason = "no other marked object of this stack proves that the list can be trusted"
        return Settlement(intent, Finding.NEEDS_DECISION, reason, candidates=similar)
    seen = [usable[0].at] if usable else []
    earlier = state.missing_since.get(intent.nonce or "")
    seen += [] if earlier is None else [float(earlier)]
    first = min(seen, default=None)
    if usable and first is not None and usable[-1].at - first >= LISTS_APART_SECONDS:
        return Settlement(
            intent, Finding.NOT_DONE, "two complete lists after the signature fence do not show it"
        )
    until = limit if first is None else first + LISTS_APART_SECONDS
    return Settlement(
        intent,
        Finding.NOT_YET,
        "a second complete list is needed",
        until=until,
        candidates=similar,
        first=first,
    )


def _has_control(intent: Intent, account: Account, kind: str, state: State) -> bool:
    nonces = {entry.nonce for entry in state.entries.values() if entry.kind == kind and entry.nonce}
    nonces |= {old.nonce for old in state.deposed.values() if old.kind == kind and old.nonce}
    zone = _zone(intent, account)
    for row in _rows(account, kind):
        if (
            row.nonce in nonces
            and row.nonce is not None
            and (zone is None or row.attributes.get("zone") == zone)
        ):
            return True
    return False


def _zone(intent: Intent, account: Account) -> object:
    if "zone" in intent.inputs:
        return intent.inputs["zone"]
    owner = account.find("instances", str(intent.inputs.get("instance", "")))
    return None if owner is None else owner.attributes.get("zone")


def _similar(intent: Intent, account: Account, kind: str, state: State) -> tuple[LiveResource, ...]:
    """Objects that nobody of ours owns and that have the name asked for: what a person will want to
    look at.
    """
    ours = {entry.id for entry in state.entries.values()} | set(state.deposed)
    name = intent.inputs.get("name")
    return tuple(
        row
        for row in _rows(account, kind)
        if row.id not in ours and suggestions.same(row.attributes.get("name"), name)
    )


def _unmarked_create(
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
) -> Settlement:
    """A rule is settled by the complete list of its firewall; anything else without a marker needs
    a person.
    """
    kind = kind_of(kinds, intent.operation).name
    newest = observations[-1].account
    if kind != "rules":
        name = intent.inputs.get("name")
        similar = tuple(
            row for row in _rows(newest, kind) if suggestions.same(row.attributes.get("name"), name)
        )
        return Settlement(
            intent, Finding.NEEDS_DECISION, "it was sent without a marker", candidates=similar
        )
    asked = [name for name in ("direction", "protocol", "ports", "cidr") if name in intent.inputs]
    same = [
        row
        for row in _rows(newest, kind)
        if row.attributes.get("firewall") == intent.inputs.get("firewall")
        and all(row.attributes.get(name) == intent.inputs[name] for name in asked)
    ]
    if same:
        return Settlement(
            intent,
            Finding.DONE,
            f"rule {same[0].id} allows that traffic",
            intent.done(same[0].id),
        )
    return _not_shown(intent, observations, kinds, now)


# Edits and deletes
# --------------------------------------------------------------------------------------------------------------------


def _edit(
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
) -> Settlement:
    newest = observations[-1].account
    progress = _progress(intent, newest, kinds)
    if intent.operation == "instance.rebuild" and _rebuilds_same(intent):
        return Settlement(
            intent,
            Finding.NEEDS_DECISION,
            "a rebuild to the same image leaves no evidence",
        )
    if progress is Progress.DONE:
        return Settlement(intent, Finding.DONE, "it is as requested", intent.done(intent.target))
    target = newest.find(kind_of(kinds, intent.operation).name, intent.target or "")
    if target is not None and not target.ready and not target.failed:
        return Settlement(
            intent, Finding.NOT_YET, "its object is busy", until=now + LISTS_APART_SECONDS
        )
    if target is None and intent.target is not None and _is_told(intent, newest, kinds):
        return Settlement(
            intent, Finding.NEEDS_DECISION, f"{intent.target}, which it was to change, is not shown"
        )
    return _not_shown(intent, observations, kinds, now)


def _rebuilds_same(intent: Intent) -> bool:
    entry = next((effect.put for effect in intent.effects if effect.put is not None), None)
    return entry is None or entry.applied.get("image") is None


def _delete(
    state: State,
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
    followed: Collection[str],
) -> Settlement:
    """Gone where its kind's list is complete without it and no successor follows; still there past
    the fence is not done.
    """
    kind, last = kind_of(kinds, intent.operation).name, observations[-1]
    newest = last.account
    target = newest.find(kind, intent.target or "")
    if target is None:
        entry = state.entries.get(intent.address)
        if not _is_told(intent, newest, kinds):
            return Settlement(
                intent,
                Finding.NOT_YET,
                "its list could not be read completely",
                until=now + LISTS_APART_SECONDS,
            )
        if kinds[kind].detail is not None and intent.target not in last.gone:
            return Settlement(
                intent,
                Finding.NOT_YET,
                "a second check must confirm that it is gone",
                until=now + ABSENCE_SECONDS,
            )
        if intent.address in followed and entry is not None and entry.id == intent.target:
            reason = f"{entry.id} is not shown, and its delete was not answered: its replacement needs --accept {pasted(f'gone={intent.address}')}"
            return Settlement(intent, Finding.NEEDS_DECISION, reason)
        return Settlement(intent, Finding.DONE, "it is gone", intent.effects)
    if not target.ready and not target.failed:
        return Settlement(
            intent, Finding.NOT_YET, "its object is busy", until=now + LISTS_APART_SECONDS
        )
    return _not_shown(intent, observations, kinds, now)


def _not_shown(
    intent: Intent,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    now: float,
) -> Settlement:
    limit = fence(intent)
    if not _is_told(intent, observations[-1].account, kinds):
        return Settlement(
            intent,
            Finding.NOT_YET,
            "the list that would prove it could not be read completely",
            until=now + LISTS_APART_SECONDS,
        )
    if observations[-1].at >= limit:
        return Settlement(
            intent,
            Finding.NOT_DONE,
            "after the signature fence it is not as requested, and its object is idle",
        )
    return Settlement(intent, Finding.NOT_YET, "its request could still be accepted", until=limit)


def _is_told(intent: Intent, account: Account, kinds: Mapping[str, ResourceType]) -> bool:
    """Whether the lists that show what the intent asked for were read whole. A group that is no
    more has neither rules nor members.
    """
    firewalls = account.objects.get("firewalls", EMPTY)
    for what in operation_of(kinds, intent.operation).settled_by(intent.target, intent.inputs):
        name, _, firewall = what.partition(":")
        gone = bool(firewall) and firewall not in firewalls and "firewalls" in account.complete
        # The rules of a group that is listed were read, or the account would not be there.
        listed = firewall in firewalls and name in account.objects
        read = (
            firewall in account.members if name == "members" else name in account.complete or listed
        )
        if not (read or gone):
            return False
    return True


def _progress(intent: Intent, account: Account, kinds: Mapping[str, ResourceType]) -> Progress:
    view = View(account.objects, account.members)
    return operation_of(kinds, intent.operation).progress(intent.target, intent.inputs, view)


def _rows(account: Account, kind: str) -> tuple[LiveResource, ...]:
    rows = account.objects.get(kind, EMPTY)
    return tuple(rows[id] for id in sorted(rows))
