"""The plan while it is made: its changes, its steps, and what each step waits for.

Nodes are finer than resources (stack-files#graph): an object itself, a rule, a membership, an
attachment, the power of an instance. Steps provide nodes and need nodes; `PlanBuilder.order` turns
the nodes into step keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Change, Step
from reconciler.model.resource import Ref
from reconciler.model.resource_type import removes
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.planner.compare.resolver import Resolver, unknowns
from reconciler.planner.steps import graph
from reconciler.planner.steps import index as indexes
from reconciler.planner.steps.index import Index
from reconciler.resources import all_kinds

Node: TypeAlias = "tuple[str, Address]"


def facet(ref: Ref) -> str:
    """The node of an object that decides an attribute."""
    return all_kinds().facets[ref.address.kind].get(ref.attribute or "", "object")


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a plan is made from."""

    assessment: Assessment
    resolver: Resolver
    index: Index


@dataclass(slots=True)
class _Dependencies:
    """What must come before which step, by step key. `hard` is required; `soft` is dropped if it
    would close a cycle.

    `provides` maps a node to the steps that provide it. `needs` are (step, node, soft). The nodes
    of `order_only` set an order even if the step that provides them fails.
    """

    hard: dict[str, set[str]] = field(default_factory=dict)
    soft: dict[str, set[str]] = field(default_factory=dict)
    provides: dict[Node, list[str]] = field(default_factory=dict)
    needs: list[tuple[str, Node, bool]] = field(default_factory=list)
    order_only: dict[str, tuple[Node, ...]] = field(default_factory=dict)


class PlanBuilder:
    """Collects what a plan will contain. `blocked` maps an address to the reason why its steps are
    held back.
    """

    def __init__(self, assessment: Assessment, resolver: Resolver) -> None:
        self._inputs = _Inputs(assessment, resolver, indexes.of(assessment))
        self._dependencies = _Dependencies()
        self.changes: dict[Address, Change] = {}
        self.drift: list[Change] = []
        self.problems: list[Problem] = []
        self.steps: dict[str, Step] = {}
        self.blocked: dict[Address, str] = {}
        self.unchanged = 0

    @property
    def assessment(self) -> Assessment:
        """The classified objects."""
        return self._inputs.assessment

    @property
    def resolver(self) -> Resolver:
        """Resolves the values that the file asks for."""
        return self._inputs.resolver

    @property
    def index(self) -> Index:
        """The objects by what they refer to."""
        return self._inputs.index

    def add(
        self,
        step: Step,
        *,
        provides: Iterable[Node] = (),
        needs: Iterable[Node] = (),
        soft: Iterable[Node] = (),
        order_only: Iterable[Node] = (),
        after: Iterable[str] = (),
    ) -> str:
        """Adds a step and returns its key. `needs` and `after` are hard dependencies; `soft`
        dependencies are dropped if they would close a cycle.

        `order_only` dependencies are soft as well, and the step is done even if the steps before it
        fail.
        """
        if step.key in self.steps:
            raise AssertionError(f"two steps with the key {step.key!r}")
        self.steps[step.key] = step
        self._dependencies.hard[step.key] = set(after)
        self._dependencies.soft[step.key] = set()
        for node in provides:
            self._dependencies.provides.setdefault(node, []).append(step.key)
        self._dependencies.needs += [(step.key, node, False) for node in needs]
        self._dependencies.needs += [(step.key, node, True) for node in (*soft, *order_only)]
        self._dependencies.order_only[step.key] = tuple(order_only)
        for ref in unknowns(step.inputs):
            if ref.stack is not None:
                continue
            for address in self.assessment.stack.addresses(ref.address):
                self._dependencies.needs.append((step.key, (facet(ref), address), False))
        return step.key

    def reject(
        self, item: ManagedObject, code: str, message: str, *, hint: str, field: str = ""
    ) -> None:
        """Adds an error about an object, at the place of the field if the file contains it."""
        resource = item.resource
        place = None if resource is None else resource.places.get(field, resource.place)
        self.problems.append(
            error(code, message, place=place, address=str(item.address), hint=hint)
        )

    def before(self, key: str, *later: str) -> None:
        """Makes the steps `later` depend on the step `key` (hard)."""
        for other in later:
            self._dependencies.hard[other].add(key)

    def before_node(self, key: str, node: Node) -> None:
        """Makes a step depend on a node (hard)."""
        self._dependencies.needs.append((key, node, False))

    def hold_with(self, key: str, address: Address) -> None:
        """Holds a step back if an address is held back."""
        self._dependencies.needs.append((key, ("all", address), False))

    def later(self, key: str, before: str) -> None:
        """Puts `key` after `before`, unless that closes a cycle."""
        self._dependencies.soft[key].add(before)

    def provide(self, node: Node, key: str) -> None:
        """Adds a node to those that a step provides."""
        self._dependencies.provides.setdefault(node, []).append(key)

    def before_soft(self, key: str, node: Node) -> None:
        """Puts a step after a node, unless that closes a cycle."""
        self._dependencies.needs.append((key, node, True))

    def keys_of(self, address: Address) -> list[str]:
        """The keys of the steps at an address, in the order in which they were added."""
        return [key for key, step in self.steps.items() if step.address == address]

    def provided(self, node: Node) -> tuple[str, ...]:
        """The keys of the steps that provide a node."""
        return tuple(self._dependencies.provides.get(node, ()))

    def instance(self, address: Address) -> str:
        """The key that serializes steps on one instance: its id if it has one and keeps it,
        otherwise its address.
        """
        return self.assessment.id_of(address) or str(address)

    def order(self) -> tuple[Step, ...]:
        """The steps in order, each with the keys it comes after. Raises `graph.Cycle`."""
        for key, node, soft in self._dependencies.needs:
            (self._dependencies.soft if soft else self._dependencies.hard)[key].update(
                k for k in self.provided(node) if k != key
            )
        self._explicit()
        hard = {key: frozenset(keys) for key, keys in self._dependencies.hard.items()}
        soft_edges = {
            key: frozenset(keys) - hard[key] for key, keys in self._dependencies.soft.items()
        }
        keys, after = graph.order(hard, soft_edges)
        return tuple(
            replace(
                self.steps[key],
                after=after[key],
                regardless_of=self._regardless_of(key, hard[key], after[key]),
            )
            for key in keys
        )

    def _regardless_of(
        self, key: str, hard: frozenset[str], after: tuple[str, ...]
    ) -> tuple[str, ...]:
        order_only = {
            other for node in self._dependencies.order_only[key] for other in self.provided(node)
        } & set(after) - hard
        return tuple(sorted({*self.steps[key].regardless_of, *order_only}))

    def waiting_for_blocked(self) -> dict[Address, str]:
        """The addresses with a step that needs a node of a blocked address, each with that blocked
        address.
        """
        found: dict[Address, str] = {}
        for key, (_, address), soft in self._dependencies.needs:
            if not soft and address in self.blocked and self.steps[key].address not in self.blocked:
                found.setdefault(self.steps[key].address, str(address))
        for step in self.steps.values():
            item = self.assessment.items.get(step.address)
            wanted = (
                item.resource.depends_on if item is not None and item.resource is not None else ()
            )
            for resource in wanted:
                for address in self._objects_of(resource):
                    if address in self.blocked and step.address not in self.blocked:
                        found.setdefault(step.address, str(address))
        return found

    def _explicit(self) -> None:
        """Orders creates and edits by `depends_on` in the file, and deletes by the reverse of
        `depends_on` in the state.
        """
        by_address: dict[Address, list[str]] = {}
        for key, step in self.steps.items():
            by_address.setdefault(step.address, []).append(key)
        for item in self.assessment.items.values():
            mine = by_address.get(item.address, [])
            if item.resource is not None:
                for wanted in item.resource.depends_on:
                    for address in self._objects_of(wanted):
                        theirs = [
                            key
                            for key in by_address.get(address, [])
                            if not removes(key.partition(" ")[0])
                        ]
                        for key in mine:
                            if not removes(key.partition(" ")[0]):
                                self._dependencies.hard[key].update(theirs)
            self._removed_after_dependants(item, mine, by_address)

    def _objects_of(self, wanted: Address) -> tuple[Address, ...]:
        """The addresses that an entry of `depends_on` covers: all of a count, a firewall with its
        rules.
        """
        if wanted.rule is not None:
            return self.assessment.stack.rules(wanted)
        owners = self.assessment.stack.addresses(wanted.owner)
        return (*owners, *(rule for owner in owners for rule in self.index.rules.get(owner, ())))

    def _removed_after_dependants(
        self, item: ManagedObject, mine: list[str], by_address: Mapping[Address, list[str]]
    ) -> None:
        for text in item.entry.depends_on if item.entry is not None else ():
            if _is_attached_to(item, text):
                continue  # once it is detached, neither needs the other (plan_block_storages)
            named = parse(text)
            for address in () if named is None else (named, *self.index.indexed.get(named, ())):
                other = self.assessment.items.get(address)
                if other is None or other.disposition is not Disposition.DELETE:
                    continue
                for key in by_address.get(address, []):
                    if removes(key.partition(" ")[0]):
                        self._dependencies.soft[key].update(mine)


def _is_attached_to(item: ManagedObject, owner: str) -> bool:
    """Whether the object was last attached to the one at that address."""
    attachment = item.kind.attachment
    if attachment is None or item.entry is None:
        return False
    return item.entry.applied.get(attachment) == owner


def dropped(
    steps: tuple[Step, ...], roots: Mapping[Address, str]
) -> tuple[dict[str, str], tuple[Step, ...]]:
    """The keys of the steps that are dropped because their address, or a step that they wait for,
    is blocked, each with the text of the blocked address; and the steps that remain.
    """
    first = {step.key: str(step.address) for step in steps if step.address in roots}
    after = {
        step.key: [key for key in step.after if key not in step.regardless_of] for step in steps
    }
    others = graph.dependants(after, frozenset(first))
    by_key = {step.key: step for step in steps}
    found = dict(first)
    found.update({key: str(by_key[root].address) for key, root in others.items()})
    return found, tuple(step for step in steps if step.key not in found)
