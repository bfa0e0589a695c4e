"""Unsettled addresses: an earlier run sent a request of unknown outcome there, or the object is not
proved gone.

An unsettled create has no entry in the state. It follows its address if the file moves it. If the
file no longer has its address, it holds back creates that may be for the same object under another
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted, same
from reconciler.common.text import Text, msg
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Reason, ReasonKind, reason_kind
from reconciler.model.resource import EMPTY, Link, Resource, Stack, Value
from reconciler.model.resource_type import creates
from reconciler.model.state import Intent, Phase, State
from reconciler.planner.compare import moves
from reconciler.resources import all_kinds
from reconciler.resources import rule as rule_kind

if TYPE_CHECKING:
    from reconciler.planner.compare.assessment import ManagedObject, PlanOptions


@dataclass(frozen=True, slots=True)
class UnsettledRequests:
    """The unsettled addresses: `reasons` by the address that the file has for each now; `creates`
    are the creates at addresses that it does not have.
    """

    reasons: Mapping[str, str] = EMPTY
    creates: Mapping[Address, Intent] = field(default_factory=dict)

    def same_object(
        self, resource: Resource, wanted: Mapping[str, Value], state: State
    ) -> str | None:
        """Why a new object may be the one that an unsettled create has made under another address,
        or None. `wanted` has its lookups resolved.
        """
        mine = (
            intent
            for address, intent in self.creates.items()
            if (address.kind, address.rule) == (resource.address.kind, None)
        )
        found = next((intent for intent in mine if _may_be(intent, resource, wanted, state)), None)
        return None if found is None else _may_be_same(found)

    def traffic(self, firewall: str | None) -> dict[tuple[Any, ...], str]:
        """The same for the rules of a firewall, by id: what each unsettled rule allows, and why a
        rule for it must wait.
        """
        from reconciler.planner.compare.rule_matching import meaning

        mine = (
            intent
            for address, intent in self.creates.items()
            if address.rule is not None and intent.inputs.get(rule_kind.OWNER) == firewall
        )
        return {
            traffic: _may_be_same(intent)
            for intent in mine
            if (traffic := meaning(intent.inputs)) is not None
        }

    def problems(self, items: Mapping[Address, ManagedObject]) -> Iterator[Problem]:
        """An error for each request of unknown outcome at an address that neither file nor state
        has, so that what it may have created is not forgotten.
        """
        for text, reason in self.reasons.items():
            address = parse(text)
            owner = None if address is None else items.get(address.owner)
            # a rule of a firewall that is removed
            goes = owner is not None and address != owner.address and owner.resource is None
            if address not in items and not goes:
                yield error(
                    "open-intent",
                    msg("{text}: {reason}", text=text, reason=reason),
                    address=text,
                    hint=msg("reconciler recover"),
                )


def of(stack: Stack, state: State, options: PlanOptions) -> UnsettledRequests:
    """Earlier writes of unknown outcome, without those of a run that is at work now."""
    reasons, made_by = {}, dict[str, Intent]()
    for sequence in sorted(state.open):
        intent, result = state.open[sequence]
        reason = options.unsettled.get(intent.address)
        ours = options.running is not None and intent.run == options.running
        if ours or (result == "accepted" and reason is None):
            continue
        place = intent.address if options.destroy else moves.place(stack, state, intent.address)
        outcome: Text = Reason.of(ReasonKind.UNKNOWN_OUTCOME, operation=intent.operation)
        if place != intent.address:
            outcome = msg("{outcome} for {address}", outcome=outcome, address=intent.address)
        if reason:
            outcome = msg("{outcome}: {reason}", outcome=outcome, reason=reason)
        reasons[place] = Reason.worded(ReasonKind.UNKNOWN_OUTCOME, outcome)
        if creates(intent.operation):
            made_by[place] = intent
    removed = {removal.address for removal in stack.removed}
    placed = {
        address: intent for text, intent in made_by.items() if (address := parse(text)) is not None
    }
    creates_elsewhere = {
        a: intent
        for a, intent in placed.items()
        if a not in stack.resources and not {a, a.resource} & removed
    }
    return UnsettledRequests(reasons, creates_elsewhere)


def problem_of(item: ManagedObject, options: PlanOptions) -> Problem:
    """The error for an unsettled address, with what settles it."""
    text = str(item.address)
    if reason_kind(item.reason) is ReasonKind.UNKNOWN_OUTCOME:
        return error(
            "open-intent",
            msg("{text}: {reason}", text=text, reason=item.reason),
            address=text,
            hint=msg("reconciler recover"),
        )
    if item.live is None and item.entry is not None and item.entry.phase is Phase.DELETING:
        return not_proved_gone(text, item.entry.id, options)
    if item.live is not None:
        return error(
            "incomplete",
            msg("{text}: {reason}", text=text, reason=item.reason),
            address=text,
            hint=msg("run `{command}` again", command=options.command),
        )
    hint = msg(
        "if it is gone: --accept {consent}, or reconciler state forget {address}",
        consent=pasted(f"gone={text}"),
        address=pasted(text),
    )
    return error(
        "missing-object",
        msg("{text}: {reason}", text=text, reason=item.reason),
        address=text,
        hint=hint,
    )


def not_proved_gone(address: str, what: str, options: PlanOptions) -> Problem:
    """The error for a deleted object of which one of the two checks that prove it gone is missing;
    that of the next run is enough.
    """
    message = msg(
        "{what} was deleted and is no longer listed; a second check, {seconds} s after the first, "
        "must confirm it",
        what=what,
        seconds=f"{ABSENCE_SECONDS:g}",
    )
    hint = msg(
        "run `{command}` again, or confirm it yourself: --accept {consent}",
        command=options.command,
        consent=pasted(f"gone={address}"),
    )
    return error("incomplete", message, address=address, hint=hint)


def _may_be_same(intent: Intent) -> str:
    text = msg(
        "unknown outcome of {operation}, sent by an earlier run for {address}: this may be the "
        "same object",
        operation=intent.operation,
        address=intent.address,
    )
    return Reason.worded(ReasonKind.UNKNOWN_OUTCOME, text)


def _may_be(intent: Intent, resource: Resource, wanted: Mapping[str, Value], state: State) -> bool:
    """Whether a create asked for what a resource asks for. A value that is unknown on either side
    may be the same.
    """
    kind = all_kinds()[resource.address.kind]
    inputs, name = intent.inputs, wanted.get("name", resource.at_create.get("name"))
    if same(inputs.get("name"), name):
        return True
    instance = wanted.get(kind.attachment or "")
    entry = state.entries.get(str(instance.address)) if isinstance(instance, Link) else None
    if entry is not None and inputs.get(kind.attachment or "", entry.id) != entry.id:
        return False
    pairs = ((inputs.get(name), wanted.get(name)) for name in kind.identity)
    return all(
        before == after
        for before, after in pairs
        if before is not None and isinstance(after, str | int)
    )
