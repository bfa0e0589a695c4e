"""Doubts: addresses at which an earlier run sent a request whose outcome is not known, or whose
object is not proved gone.

A create that is in doubt has no entry in the state. It follows its address where the file moves it;
and where the file no longer has its address, it holds back what is to be made and may be the same
object under another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted, same
from reconciler.common.text import msg
from reconciler.common.timing import ABSENCE_SECONDS
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import EMPTY, Link, Resource, Stack, Value
from reconciler.model.resource_type import creates
from reconciler.model.state import Intent, Phase, State
from reconciler.planner.compare import moves

if TYPE_CHECKING:
    from reconciler.planner.compare.assessment import ManagedObject, PlanOptions

NOT_KNOWN = "unknown outcome"
"""Begins the reason of an address where a request is open."""

ALIKE: Mapping[str, tuple[str, ...]] = {
    "instances": ("zone", "flavor", "image"),
    "block_storages": ("type", "size"),
    "firewalls": (),
}
"""What two objects must have in common to be the same one under another address; names and texts
may differ, a rename changes them.
"""


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is in doubt: `reasons` by the address that the file has for it now; `homeless` are the
    creates at addresses that it has not.
    """

    reasons: Mapping[str, str] = EMPTY
    homeless: Mapping[Address, Intent] = field(default_factory=dict)

    def twin(self, resource: Resource, wanted: Mapping[str, Value], state: State) -> str | None:
        """Why a new object may be what a create in doubt has made under another address, or None.
        `wanted` has its lookups answered.
        """
        mine = (
            intent
            for address, intent in self.homeless.items()
            if (address.kind, address.rule) == (resource.address.kind, None)
        )
        found = next((intent for intent in mine if _may_be(intent, resource, wanted, state)), None)
        return None if found is None else _twin(found)

    def traffic(self, firewall: str | None) -> dict[tuple[Any, ...], str]:
        """The same for the rules of a firewall, by id: what each rule in doubt lets through, and
        why a rule for it has to wait.
        """
        from reconciler.planner.compare.rule_matching import meaning

        mine = (
            intent
            for address, intent in self.homeless.items()
            if address.rule is not None and intent.inputs.get("firewall") == firewall
        )
        return {
            traffic: _twin(intent)
            for intent in mine
            if (traffic := meaning(intent.inputs)) is not None
        }

    def unplaced(self, items: Mapping[Address, ManagedObject]) -> Iterator[Problem]:
        """Requests of unknown outcome at addresses that neither file nor state has: what they may
        have made is not forgotten.
        """
        for text, reason in self.reasons.items():
            address = parse(text)
            owner = None if address is None else items.get(address.owner)
            # a rule of a firewall that is taken out
            goes = owner is not None and address != owner.address and owner.resource is None
            if address not in items and not goes:
                yield error(
                    "open-intent",
                    msg("{text}: {reason}", text=text, reason=reason),
                    address=text,
                    hint=msg("reconciler recover"),
                )


def of(stack: Stack, state: State, options: PlanOptions) -> Doubts:
    """Earlier writes whose outcome is not known. What a run at work now has sent is none of them."""
    reasons, made_by = {}, dict[str, Intent]()
    for sequence in sorted(state.open):
        intent, result = state.open[sequence]
        said = options.doubts.get(intent.address)
        ours = options.running is not None and intent.run == options.running
        if ours or (result == "accepted" and said is None):
            continue
        place = intent.address if options.destroy else moves.place(stack, state, intent.address)
        sent = "" if place == intent.address else f" for {intent.address}"
        reasons[place] = f"{NOT_KNOWN} of {intent.operation}, sent by an earlier run{sent}" + (
            f": {said}" if said else ""
        )
        if creates(intent.operation):
            made_by[place] = intent
    said_gone = {removal.address for removal in stack.removed}
    placed = {
        address: intent for text, intent in made_by.items() if (address := parse(text)) is not None
    }
    homeless = {
        a: intent
        for a, intent in placed.items()
        if a not in stack.resources and not {a, a.resource} & said_gone
    }
    return Doubts(reasons, homeless)


def problem_of(item: ManagedObject, options: PlanOptions) -> Problem:
    """What is told of an address in doubt, with the way out."""
    text = str(item.address)
    if item.reason.startswith(NOT_KNOWN):
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
        "if it is gone: --accept {consent}, or state forget {address}",
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
    """Says that one of the two looks that prove an object gone is missing: that of the next run is
    enough.
    """
    said = f"{what} was deleted and is no longer listed; a second check, {ABSENCE_SECONDS:g} s after the first, must confirm it"
    hint = msg(
        "run `{command}` again, or confirm it yourself: --accept {consent}",
        command=options.command,
        consent=pasted(f"gone={address}"),
    )
    return error("incomplete", said, address=address, hint=hint)


def _twin(intent: Intent) -> str:
    return f"{NOT_KNOWN} of {intent.operation}, sent by an earlier run for {intent.address}: this may be the same object"


def _may_be(intent: Intent, resource: Resource, wanted: Mapping[str, Value], state: State) -> bool:
    """Whether a create asked for what a resource asks for. A value that is not known on either side
    may be the same.
    """
    asked, name = intent.inputs, wanted.get("name", resource.at_create.get("name"))
    if same(asked.get("name"), name):
        return True
    instance = wanted.get("instance")
    entry = state.entries.get(str(instance.address)) if isinstance(instance, Link) else None
    if entry is not None and asked.get("instance", entry.id) != entry.id:
        return False
    pairs = ((asked.get(each), wanted.get(each)) for each in ALIKE[resource.address.kind])
    return all(
        before == after
        for before, after in pairs
        if before is not None and isinstance(after, str | int)
    )
