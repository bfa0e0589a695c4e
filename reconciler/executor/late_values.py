"""Values that are known only during the run: ids for links, values for expressions, the marker.
Each is checked as the plan would have checked it (stack-files#unknown-until-apply).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler import resources
from reconciler.common.text import msg
from reconciler.config import expression
from reconciler.config.checks import asserts
from reconciler.executor.reports import Reports
from reconciler.model import marker
from reconciler.model.address import Address, parse
from reconciler.model.plan import Step
from reconciler.model.resource import (
    EMPTY,
    Account,
    Assertion,
    Deferred,
    Link,
    LiveResource,
    Ref,
    Stack,
    Unknown,
    Value,
)
from reconciler.model.resource_type import RULES, ResourceType
from reconciler.model.state import Entry
from reconciler.planner.compare import data_sources
from reconciler.resources.instance import FIREWALL
from reconciler.resources.instance import NAME as INSTANCES
from reconciler.schedule.step_state import Done
from reconciler.schedule.task import Task


class CannotFill(Exception):
    """A value that a step needs is missing or fails its check; the message says which and why."""


class Known:
    """What is known of the account during a run: the entries of the state and the objects last
    seen.
    """

    def __init__(
        self,
        stack: Stack,
        account: Account,
        kinds: Mapping[str, ResourceType],
        entries: Mapping[str, Entry],
        pins: data_sources.Pins = EMPTY,
    ) -> None:
        self._stack, self._kinds = stack, kinds
        self._existing = data_sources.objects(stack, account, pins)[0]
        self.entries = entries
        self.seen: dict[str, dict[str, LiveResource]] = {
            kind: dict(rows) for kind, rows in account.objects.items()
        }
        self.members: dict[str, tuple[str, ...]] = dict(account.members)

    def id_of(self, address: Address) -> str | None:
        """The id of the object at an address now. An existing object is the one that the plan was
        about, even if another one has its name now.
        """
        if address.existing:
            found = self._existing.get(address)
            return None if found is None else found.id
        entry = self.entries.get(str(address))
        return None if entry is None else entry.id

    def live(self, kind: str, id: str | None) -> LiveResource | None:
        """The object as it was seen last."""
        return None if id is None else self.seen.get(kind, {}).get(id)

    def took(self, kind: ResourceType, id: str | None, answered: Mapping[str, Any]) -> None:
        """What the cloud accepted counts as read if its answer is the result: the object has these
        attributes from now on.
        """
        if id is not None:
            before = self.live(kind.name, id) or LiveResource(kind.name, id, {"id": id})
            taken = {name: value for name, value in answered.items() if name in kind.attributes}
            self.seen.setdefault(kind.name, {})[id] = replace(
                before, attributes={**before.attributes, **taken}
            )

    def attributes(self, address: Address) -> Mapping[str, Value] | None:
        """The attributes of one address that an expression may read; those not seen yet are
        `Unknown`.
        """
        kind = self._kinds.get(address.kind)
        id = self.id_of(address)
        if kind is None:
            return None
        return _Seen(self, kind, address, id)

    def firewall_of(self, instance_id: str) -> str | None:
        """The firewall of an instance, as last read or as this run changed it."""
        for entry in self.entries.values():
            if entry.id == instance_id and FIREWALL in entry.applied:
                owner = parse(str(entry.applied[FIREWALL] or ""))
                return self.id_of(owner) if owner is not None else None
        return next(
            (firewall for firewall, members in self.members.items() if instance_id in members), None
        )


class _Seen(Mapping[str, Value]):
    def __init__(self, known: Known, kind: ResourceType, address: Address, id: str | None) -> None:
        self._known, self._kind, self._address, self._id = known, kind, address, id

    def __getitem__(self, name: str) -> Value:
        if name not in self._kind.attributes:
            raise KeyError(name)
        if self._id is None:
            return Unknown((Ref(self._address, name),))
        if name == "id":
            return self._id
        if name == FIREWALL and self._kind.name == INSTANCES:
            return self._known.firewall_of(self._id)
        live = self._known.live(self._kind.name, self._id)
        return Unknown((Ref(self._address, name),)) if live is None else live.attributes.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kind.attributes)

    def __len__(self) -> int:
        return len(self._kind.attributes)


def evaluate(known: Known, stack: Stack, value: Value) -> Any:
    """A value as it is now. Raises `CannotFill` if something that it reads is still not known, or
    if the expression fails.
    """
    if isinstance(value, tuple):
        return tuple(evaluate(known, stack, part) for part in value)
    if isinstance(value, Mapping):
        return {name: evaluate(known, stack, part) for name, part in value.items()}
    deferred = value.deferred if isinstance(value, Unknown) else value
    if isinstance(deferred, Link):
        found = known.id_of(deferred.address)
        if found is None:
            raise CannotFill(msg("{address} has no id yet", address=deferred.address))
        return found
    if not isinstance(deferred, Deferred):
        if isinstance(value, Unknown):
            return _follow(known, value)
        return value
    try:
        answer = expression.resolve(deferred, stack, known.attributes)
    except expression.ExpressionError as failure:
        raise CannotFill(str(failure)) from failure
    if isinstance(answer, Unknown):
        raise CannotFill(msg("{text}: still {value}", text=deferred.text, value=answer))
    return answer


def _follow(known: Known, value: Unknown) -> Any:
    """The value of an unknown that represents one attribute."""
    ref = value.source[0]
    found = (known.attributes(ref.address) or {}).get(ref.attribute or "id")
    if isinstance(found, Unknown) or len(value.source) != 1:
        raise CannotFill(str(value))
    return found


def fill(step: Step, known: Known, stack: Stack, kind: ResourceType) -> dict[str, Any]:
    """The inputs of a step, every value plain. Raises `CannotFill` if one is missing or fails its
    check.
    """
    filled: dict[str, Any] = {}
    resource = stack.resources.get(step.address)
    marked = resource is None or resource.lifecycle.marker
    for name, value in step.inputs.items():
        filled[name] = evaluate(known, stack, value)
        if name in kind.fields:
            _check(kind.name, name, value, filled[name], marked=marked)
        # The older form writes a firewall together with all its rules.
        elif name == RULES and isinstance(value, tuple):
            for rule, made in zip(value, filled[name], strict=True):
                for member in rule:
                    _check(RULES, member, rule[member], made[member], marked=marked)
    return filled


def _check(kind: str, name: str, value: Value, made: Any, *, marked: bool) -> None:
    """Raises `CannotFill` if the plan would have refused a value that was not known when it was
    made.
    """
    if not isinstance(value, Unknown | Deferred):
        return
    if made is None:
        raise CannotFill(msg("{name} became null: it would be missing from the request", name=name))
    problem = resources.problem_with(kind, name, made, marked=marked)
    if problem is not None:
        raise CannotFill(
            msg("{name} became {value}: {problem}", name=name, value=repr(made), problem=problem)
        )


def described(
    address: Address, inputs: Mapping[str, Any], stack: Stack, nonce: str | None, *, create: bool
) -> dict[str, Any]:
    """The inputs as they are sent: a description carries the marker (stack-files#marker). Without a
    nonce they are sent unchanged.
    """
    sent = dict(inputs)
    if nonce is None or not (create or "description" in sent):
        return sent
    text = sent.get("description")
    owner = marker.owner_text(
        stack.name, stack.environment, str(address).removeprefix(f"{address.kind}.")
    )
    sent["description"] = marker.attach(text if isinstance(text, str) else None, owner, nonce)
    return sent


def applied(values: Mapping[str, Value], known: Known, stack: Stack) -> dict[str, Any]:
    """The managed values of a step as the state keeps them: links by address, everything else
    plain.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[name] = (
            str(value.address) if isinstance(value, Link) else evaluate(known, stack, value)
        )
    return found


class AuthorChecks:
    """The conditions under `assert`: those of an object as soon as a step of it is done, all others
    at the end (stack-files#checks). The problem of each of them that is false is reported once.

    The steps of other objects that wait for an object with a false condition are skipped. Its own
    steps are not: an instance must not stay without its firewall because of it.
    """

    def __init__(
        self, stack: Stack, known: Known, tasks: Mapping[str, Task], reports: Reports
    ) -> None:
        self._stack, self._known, self._tasks, self._reports = stack, known, tasks, reports
        self._of: dict[Address, list[Assertion]] = {}
        for check in stack.checks:
            if check.address is not None:
                self._of.setdefault(check.address, []).append(check)

    def after(self, task: Task) -> str | None:
        """Why the steps of other objects that wait for this one are skipped. None if it is not
        done, or if nothing is false.
        """
        if not isinstance(task.state, Done):
            return None
        address = task.step.address.owner
        changing: frozenset[str | None] | None = None
        for check in self._of.get(address, ()):
            if changing is None:
                changing = self._changing(address)
            if not self._holds(check, changing):
                return msg("a check of {address} failed", address=address)
        return None

    def at_end(self) -> None:
        """Reports the conditions that are false at the end of a run."""
        for check in self._stack.checks:
            self._holds(check, frozenset())

    def _holds(self, check: Assertion, changing: frozenset[str | None]) -> bool:
        """Whether a condition holds, or cannot be decided yet: its object has steps left that
        change what it reads.
        """
        if isinstance(check.value, Deferred) and changing:
            read = {ref.attribute for ref in check.value.references}
            if None in read or not changing.isdisjoint(read):
                return True
        found = asserts.violation(check, self._stack, self._known.attributes)
        if found is not None and found not in self._reports.problems:
            self._reports.problem(found)
        return found is None

    def _changing(self, address: Address) -> frozenset[str | None]:
        """The attributes of an object that its other steps may still change."""
        left = [
            task.step
            for task in self._tasks.values()
            if not task.ended and task.step.address == address
        ]
        names = {name for step in left for name in step.applies}
        return frozenset(names | ({"status"} if "power" in names else set()))
