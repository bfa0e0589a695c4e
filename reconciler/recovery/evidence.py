"""Evidence: what the account shows about writes with an unknown outcome, and what follows from it
(safety#settling).

The API has no idempotency key, so a lost answer is settled by reading, never by sending again. What
the account shows proves that a request was executed. Only after the signature fence is it proved
that a request was not executed; for a create that takes two complete lists that show another marked
object of the stack. What is not proved either way stays open, and blocks its address.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum

from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model.owners import entry_with
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import (
    CREATE,
    DELETE,
    FIREWALLS,
    MEMBERS,
    NOTHING,
    Operation,
    Progress,
    ResourceType,
    View,
    kind_of,
    operation_of,
    verb_of,
)
from reconciler.model.state import Intent, Phase, State, StateChange
from reconciler.recovery.signature_fence import fence

LISTS_APART_SECONDS = 60
"""Between the two complete lists that prove that a create was not executed."""


class Finding(Enum):
    """`DONE` and `NOT_DONE` are proved. `NOT_YET`: nothing can be proved before `until`.
    `NEEDS_DECISION`: no evidence will prove anything, a person must decide.
    """

    DONE = "done"
    NOT_DONE = "not done"
    NOT_YET = "not yet"
    NEEDS_DECISION = "needs decision"


@dataclass(frozen=True, slots=True)
class Observation:
    """The account as it was read; `at` is the unix second before the first of its lists was asked
    for. `gone` are ids whose absence is proved (safety#absence).
    """

    account: Account
    at: float
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is known of one open intent. `effects` belong to `DONE`. `candidates` are objects that a
    person should compare with it.

    `NOT_YET` without `until` is an accepted edit that the cloud is working on: it blocks nothing,
    the plan waits for its object. `first` is the unix second of the first of two lists that do not
    show what a create was to create, if the second one is still to come.
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


def settle(
    state: State,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    *,
    now: float,
    followed: Collection[str] = (),
) -> tuple[Settlement, ...]:
    """What the observations prove about every open intent, by sequence. At least one observation is
    needed; the last one is the newest.

    `followed` are addresses that are to have an object again. A delete without an answer is not
    taken as done there unless a person confirmed that the object is gone (safety#absence).
    """
    return tuple(
        _Evidence(state, intent, observations, kinds, now, followed).settle(result)
        for _, (intent, result) in sorted(state.open.items())
    )


def settle_one(
    state: State,
    intent: Intent,
    result: str | None,
    observations: Sequence[Observation],
    kinds: Mapping[str, ResourceType],
    *,
    now: float,
) -> Settlement:
    """The same for one intent. `result` is its last outcome (None if it has none)."""
    return _Evidence(state, intent, observations, kinds, now).settle(result)


def as_it_is_now(
    state: State, intent: Intent, effects: tuple[StateChange, ...]
) -> tuple[StateChange, ...]:
    """Effects that were recorded with an intent, applied to the state as it is now: what was
    recorded of the object since then stays.

    The object may have got another address since, or have been forgotten. It is not put back at its
    old address.
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


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One open intent, and everything that may prove something about it."""

    state: State
    intent: Intent
    observations: Sequence[Observation]
    kinds: Mapping[str, ResourceType]
    now: float
    followed: Collection[str] = ()

    @property
    def newest(self) -> Account:
        """The account as it was read last."""
        return self.observations[-1].account

    @property
    def kind(self) -> ResourceType:
        """The kind of the intent's object."""
        return kind_of(self.kinds, self.intent.operation)

    @property
    def operation(self) -> Operation:
        """The operation that was asked for."""
        return operation_of(self.kinds, self.intent.operation)

    @property
    def target(self) -> LiveResource | None:
        """The object that was to be changed, if the account shows it."""
        return self.newest.find(self.kind.name, self.intent.target or "")

    @property
    def rows(self) -> tuple[LiveResource, ...]:
        """All objects of the kind, sorted by id."""
        return tuple(
            row for _, row in sorted(self.newest.objects.get(self.kind.name, EMPTY).items())
        )

    def settle(self, result: str | None) -> Settlement:
        """What is proved. `result` is the last outcome of the intent."""
        verb = verb_of(self.intent.operation)
        if result == "accepted":
            found = self._accepted(verb)
        elif verb == CREATE:
            found = self._create()
        elif verb == DELETE:
            found = self._delete()
        else:
            found = self._edit()
        return replace(found, effects=as_it_is_now(self.state, self.intent, found.effects))

    def _accepted(self, verb: str) -> Settlement:
        """The cloud accepted it. What it created or deletes is in the state. An edit is waited for
        while the cloud works on it, and never sent again before it shows, or had the time in which
        it would have shown.
        """
        if verb in (CREATE, DELETE):
            return self._done(msg("accepted, and its object is in the state"))
        progress = self._progress()
        if progress is Progress.DONE:
            return self._done_as_requested()
        if self._is_busy():
            return self._found(
                Finding.NOT_YET, msg("the cloud accepted it and is working on it"), None
            )
        until = float(self.intent.signed + self.operation.seconds[2])
        if self.now < until and progress is not Progress.FAILED:
            reason = msg("the cloud accepted it and does not list it yet")
            return self._found(Finding.NOT_YET, reason, until)
        return self._done(msg("accepted; the plan continues from the current state"))

    # Creates
    # ----------------------------------------------------------------------------------------------

    def _create(self) -> Settlement:
        if self.intent.nonce is None:
            return self._unmarked_create()
        marked = tuple(row for row in self.rows if row.nonce == self.intent.nonce)
        if len(marked) > 1:
            reason = msg(
                "{count} objects carry its marker: {ids}",
                count=len(marked),
                ids=", ".join(row.id for row in marked),
            )
            return self._needs_decision(reason, marked)
        if marked:
            return self._created(marked[0])
        similar = self._similar()
        if self.state.facts.get("marker") == "unproved":
            reason = msg("this account does not return markers as sent, so no list can prove it")
            return self._needs_decision(reason, similar)
        found = self._not_created()
        return found if found.settled else replace(found, candidates=similar)

    def _created(self, live: LiveResource) -> Settlement:
        """The object that carries the marker of the create."""
        inputs, attributes = self.intent.inputs, live.attributes
        wrong = [
            name
            for name in self.kind.compared_at_create
            if name in inputs and attributes.get(name, inputs[name]) != inputs[name]
        ]
        if wrong:
            reason = msg(
                "{id} carries its marker, but {fields} is not as requested",
                id=live.id,
                fields=", ".join(wrong),
            )
            return self._needs_decision(reason, (live,))
        if entry_with(self.state, self.kind.name, live.id) is not None:
            return self._done(msg("{id} carries its marker, and is in the state", id=live.id))
        phase = Phase.READY if live.ready else Phase.INCOMPLETE
        return self._done(
            msg("{id} carries its marker", id=live.id), self.intent.done(live.id, phase)
        )

    def _not_created(self) -> Settlement:
        """Not created: after the fence, two complete lists 60 s apart, each showing another marked
        object of that kind and zone. An earlier run may have read the first of them.
        """
        kind, limit = self.kind.name, fence(self.intent)
        if self.now < limit:
            reason = msg("its request could still be accepted until the signature fence")
            return self._found(Finding.NOT_YET, reason, limit)
        usable = [o for o in self.observations if o.at >= limit and kind in o.account.complete]
        if usable and not all(self._has_control(o.account) for o in usable):
            return self._needs_decision(
                msg("no other marked object of this stack proves that the list can be trusted")
            )
        kept = self.state.missing_since.get(self.intent.nonce or "")
        times = [usable[0].at] if usable else []
        times += [float(kept)] if kept is not None else []
        first = min(times, default=None)
        if usable and first is not None and usable[-1].at - first >= LISTS_APART_SECONDS:
            reason = msg("two complete lists after the signature fence do not show it")
            return self._found(Finding.NOT_DONE, reason)
        until = limit if first is None else first + LISTS_APART_SECONDS
        reason = msg("a second complete list is needed")
        return replace(self._found(Finding.NOT_YET, reason, until), first=first)

    def _has_control(self, account: Account) -> bool:
        """Whether the list shows another marked object of the stack, in the zone of the create."""
        kind, zone = self.kind.name, self._zone(account)
        kept = {entry.nonce for entry in self.state.entries.values() if entry.kind == kind}
        kept |= {old.nonce for old in self.state.deposed.values() if old.kind == kind}
        kept -= {None}
        return any(
            row.nonce in kept and (zone is None or row.attributes.get("zone") == zone)
            for row in account.objects.get(kind, EMPTY).values()
        )

    def _zone(self, account: Account) -> object:
        """The zone that was asked for: its own, or that of the object to which it is attached."""
        inputs, attachment = self.intent.inputs, self.kind.attachment
        if "zone" in inputs or attachment is None:
            return inputs.get("zone")
        owner = account.find(
            self.kind.fields[attachment].link or "", str(inputs.get(attachment, ""))
        )
        return None if owner is None else owner.attributes.get("zone")

    def _similar(self) -> tuple[LiveResource, ...]:
        """Objects of the requested name that do not belong to the stack: a person should compare
        them.
        """
        own = {entry.id for entry in self.state.entries.values()} | set(self.state.deposed)
        return tuple(row for row in self._of_that_name() if row.id not in own)

    def _of_that_name(self) -> tuple[LiveResource, ...]:
        name = self.intent.inputs.get("name")
        return tuple(row for row in self.rows if suggestions.same(row.attributes.get("name"), name))

    def _unmarked_create(self) -> Settlement:
        """A rule is settled by the complete list of its firewall; anything else without a marker
        needs a person.
        """
        inputs, owner = self.intent.inputs, self.kind.owner_attribute
        if owner is None:
            return self._needs_decision(msg("it was sent without a marker"), self._of_that_name())
        compared = [owner, *(name for name in self.kind.distinguishing if name in inputs)]
        for row in self.rows:
            if all(row.attributes.get(name) == inputs.get(name) for name in compared):
                return self._done(
                    msg("rule {id} allows that traffic", id=row.id), self.intent.done(row.id)
                )
        return self._not_shown()

    # Edits and deletes
    # ----------------------------------------------------------------------------------------------

    def _edit(self) -> Settlement:
        if self._leaves_no_evidence():
            return self._needs_decision(msg("a rebuild to the same image leaves no evidence"))
        if self._progress() is Progress.DONE:
            return self._done_as_requested()
        if self._is_busy():
            return self._busy()
        if self.target is None and self.intent.target is not None and self._is_shown():
            return self._needs_decision(
                msg("{id}, which it was to change, is not shown", id=self.intent.target)
            )
        return self._not_shown()

    def _leaves_no_evidence(self) -> bool:
        """Whether the object would show the same if the request had not been executed."""
        field = self.operation.proved_by
        if field == NOTHING:
            return True
        entry = next((one.put for one in self.intent.effects if one.put is not None), None)
        return field is not None and (entry is None or entry.applied.get(field) is None)

    def _delete(self) -> Settlement:
        """Gone if its absence is proved and no successor follows. Not executed if it still exists
        after the fence.
        """
        intent = self.intent
        if self.target is not None:
            return self._busy() if self._is_busy() else self._not_shown()
        if not self._is_shown():
            return self._in(LISTS_APART_SECONDS, msg("its list could not be read completely"))
        if self.kind.detail is not None and intent.target not in self.observations[-1].gone:
            return self._in(ABSENCE_SECONDS, msg("a second check must confirm that it is gone"))
        entry = self.state.entries.get(intent.address)
        if intent.address in self.followed and entry is not None and entry.id == intent.target:
            return self._needs_decision(
                msg(
                    "{id} is not shown, and its delete was not answered: its replacement needs "
                    "--accept {consent}",
                    id=entry.id,
                    consent=pasted(f"gone={intent.address}"),
                )
            )
        return self._done(msg("it is gone"), intent.effects)

    def _not_shown(self) -> Settlement:
        """The account does not show what was asked for."""
        limit = fence(self.intent)
        if not self._is_shown():
            reason = msg("the list that would prove it could not be read completely")
            return self._in(LISTS_APART_SECONDS, reason)
        if self.observations[-1].at >= limit:
            reason = msg("after the signature fence it is not as requested, and its object is idle")
            return self._found(Finding.NOT_DONE, reason)
        return self._found(Finding.NOT_YET, msg("its request could still be accepted"), limit)

    def _is_shown(self) -> bool:
        """Whether the lists that show what was asked for were read completely. A deleted firewall
        has neither rules nor members.
        """
        account = self.newest
        firewalls = account.objects.get(FIREWALLS, EMPTY)
        for what in self.operation.settled_by(self.intent.target, self.intent.inputs):
            name, _, firewall = what.partition(":")
            gone = bool(firewall) and firewall not in firewalls and FIREWALLS in account.complete
            # A firewall that is listed showed its rules too, or reading the account had failed.
            listed = firewall in firewalls and name in account.objects
            complete = name in account.complete or listed
            read = firewall in account.members if name == MEMBERS else complete
            if not (read or gone):
                return False
        return True

    def _progress(self) -> Progress:
        view = View(self.newest.objects, self.newest.members)
        return self.operation.progress(self.intent.target, self.intent.inputs, view)

    def _is_busy(self) -> bool:
        target = self.target
        return target is not None and not target.ready and not target.failed

    # Findings
    # ----------------------------------------------------------------------------------------------

    def _found(self, finding: Finding, reason: str, until: float | None = None) -> Settlement:
        return Settlement(self.intent, finding, reason, until=until)

    def _in(self, seconds: float, reason: str) -> Settlement:
        """Nothing can be proved before so many seconds have passed."""
        return self._found(Finding.NOT_YET, reason, self.now + seconds)

    def _busy(self) -> Settlement:
        return self._in(LISTS_APART_SECONDS, msg("its object is busy"))

    def _done(self, reason: str, effects: tuple[StateChange, ...] = ()) -> Settlement:
        return Settlement(self.intent, Finding.DONE, reason, effects)

    def _done_as_requested(self) -> Settlement:
        return self._done(msg("it is as requested"), self.intent.done(self.intent.target))

    def _needs_decision(self, reason: str, candidates: tuple[LiveResource, ...] = ()) -> Settlement:
        return Settlement(self.intent, Finding.NEEDS_DECISION, reason, candidates=candidates)
