"""How many resources a plan creates, changes, replaces and deletes: one way of counting, for the
plan, its run, drift and Markdown.

A resource is an instance, a block storage or a firewall. A rule counts as part of its firewall: a
firewall with a new rule is one resource that changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.plan import Action, Plan
from reconciler.render.format import phrase

_COUNTED_AS: Mapping[Action, Action] = {
    Action.UPDATE: Action.UPDATE,
    Action.ATTACH: Action.UPDATE,
    Action.DETACH: Action.UPDATE,
    Action.POWER: Action.UPDATE,
    Action.RESIZE: Action.UPDATE,
    Action.REBUILD: Action.UPDATE,
}
"""What leaves the object in place is a change; other actions count as themselves."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The resources of a plan by what happens to them. `with_rules`: rules are among the changes,
    so that the way of counting must be explained. `destroys`: it is the plan of a destroy.
    """

    actions: Mapping[Address, Action]
    with_rules: bool = False
    destroys: bool = False

    def number(self, action: Action) -> int:
        """How many resources have that action."""
        return Counter(self.actions.values())[action]

    def without(self, addresses: Iterable[Address]) -> Tally:
        """The others, without those that a plan leaves as they are."""
        out, left = set(addresses), (Action.NONE, Action.DECIDE, Action.BLOCKED)
        kept = {
            address: action
            for address, action in self.actions.items()
            if address not in out and action not in left
        }
        return replace(self, actions=kept)


NO_RESOURCES = Tally({})


class CountedActions(Protocol):
    """What counts resources by action: of one plan or of several."""

    def number(self, action: Action) -> int:
        """How many resources have that action."""


def tally(plan: Plan) -> Tally:
    """The resources of a plan, the unchanged ones included."""
    return tally_of(((each.address, each.action) for each in plan.changes), destroys=plan.destroy)


def tally_of(changes: Iterable[tuple[Address, Action]], *, destroys: bool = False) -> Tally:
    """The resources of changes that are known by their address and action."""
    own, parts = dict[Address, Action](), dict[Address, set[Action]]()
    for address, planned_action in changes:
        action = _COUNTED_AS.get(planned_action, planned_action)
        if address.rule is None:
            own[address] = action
        else:
            parts.setdefault(address.owner, set()).add(action)
    with_rules = any(actions != {Action.NONE} for actions in parts.values())
    for owner, actions in parts.items():
        if own.get(owner, Action.NONE) is Action.NONE:
            own[owner] = _of_parts(actions)
    return Tally(own, with_rules, destroys)


def _of_parts(actions: set[Action]) -> Action:
    """What happens to a resource of which only parts change."""
    for same in (Action.NONE, Action.DECIDE, Action.BLOCKED):
        if actions <= {same, Action.NONE}:
            return same
    return Action.UPDATE


def planned(found: CountedActions) -> str:
    """`6 to create, 1 to change, 0 to replace, 1 to delete`, and what else there is."""
    return phrase(
        "{create} to create, {change} to change, {replace} to replace, {delete} to delete"
        "[, {imported} to import][, {renamed} to rename][, {forgotten} to forget]"
        "[, {decide} to decide][, {blocked} blocked]",
        **_numbers(found),
        decide=found.number(Action.DECIDE) or None,
        blocked=found.number(Action.BLOCKED) or None,
    )


def done(found: CountedActions) -> str:
    """The same figures in the past tense: `6 created, 1 changed, 0 replaced, 1 deleted`."""
    return phrase(
        "{create} created, {change} changed, {replace} replaced, {delete} deleted"
        "[, {imported} imported][, {renamed} renamed][, {forgotten} forgotten]",
        **_numbers(found),
    )


def _numbers(found: CountedActions) -> dict[str, int | None]:
    return {
        "create": found.number(Action.CREATE),
        "change": found.number(Action.UPDATE),
        "replace": found.number(Action.REPLACE),
        "delete": found.number(Action.DELETE),
        "imported": found.number(Action.IMPORT) or None,
        "renamed": found.number(Action.MOVE) or None,
        "forgotten": found.number(Action.FORGET) or None,
    }
