"""The plan as frozen values. A `Change` explains the effect to people; a `Step` is one write to the
API. Both come from the same decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any, LiteralString, Self

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, Problem
from reconciler.model.resource import EMPTY, Value, title_of
from reconciler.model.state import Freeze, StateChange


class Action(Enum):
    """What happens to an address, the most severe first (plan-format#the-plan)."""

    DECIDE = "decide"
    BLOCKED = "blocked"
    REPLACE = "replace"
    DELETE = "delete"
    REBUILD = "rebuild"
    RESIZE = "resize"
    POWER = "power"
    DETACH = "detach"
    ATTACH = "attach"
    UPDATE = "update"
    CREATE = "create"
    IMPORT = "import"
    MOVE = "move"
    FORGET = "forget"
    NONE = "none"


SEVERITY_ORDER: Mapping[Action, int] = {action: place for place, action in enumerate(Action)}
"""The most severe action has the lowest number."""


class Cause(Enum):
    """Who made the difference: the stack file, somebody outside, or both."""

    YOU = "you"
    OUTSIDE = "outside"
    BOTH = "both"


class ReasonKind(Enum):
    """The reasons that code depends on. All others are only text for people."""

    NEW = "new"
    IMPORT = "import"
    DESTROY = "destroy"
    DEPOSED = "deposed"
    FOLLOWS_INSTANCE = "follows-instance"
    SAME_TRAFFIC = "same-traffic"
    ACCEPTED_AS_GONE = "accepted-as-gone"
    UNKNOWN_OUTCOME = "unknown-outcome"
    SHARED = "shared"
    MOVED = "moved"


REASONS: Mapping[ReasonKind, LiteralString] = {
    ReasonKind.NEW: "new",
    ReasonKind.IMPORT: "import",
    ReasonKind.DESTROY: "destroy",
    ReasonKind.DEPOSED: "the deposed {id} of an earlier replacement is deleted",
    ReasonKind.FOLLOWS_INSTANCE: "moves with its instance",
    ReasonKind.SAME_TRAFFIC: "same traffic",
    ReasonKind.ACCEPTED_AS_GONE: "accepted as gone",
    ReasonKind.UNKNOWN_OUTCOME: "unknown outcome of {operation}, sent by an earlier run",
    ReasonKind.SHARED: "belongs to the stack {stack}",
    ReasonKind.MOVED: "moved from {source}",
}


class Reason(Text):
    """A reason for people that carries its kind for code. A text that takes its place, or that
    contains it, has no kind.
    """

    __slots__ = ("kind",)

    kind: ReasonKind

    @classmethod
    def of(cls, kind: ReasonKind, **fields: Any) -> Self:
        """The reason in its usual words."""
        return cls.worded(kind, msg(REASONS[kind], **fields))

    @classmethod
    def worded(cls, kind: ReasonKind, text: Text) -> Self:
        """The reason in other words."""
        made = cls(text.template, text.fields)
        made.kind = kind
        return made


def reason_kind(reason: str) -> ReasonKind | None:
    """The kind of a reason, None if it is only text."""
    return reason.kind if isinstance(reason, Reason) else None


class RiskClass(Enum):
    """What needs consent (consent#classes)."""

    DELETE = "delete"
    DATA_LOSS = "data-loss"
    DOWNTIME = "downtime"
    DETACH = "detach"
    ADDRESS_CHANGE = "address-change"
    EXPOSURE = "exposure"
    LOCKOUT = "lockout"
    GONE = "gone"
    DUPLICATE = "duplicate"
    SHARED = "shared"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A change of one field of one object. If `known_after_apply`, `after` is an `Unknown`, which
    names the attributes that it waits for.

    `stated`, of drift: the value outside matches the configuration, so only the state changes.
    """

    path: str
    before: Any
    after: Any
    cause: Cause
    known_after_apply: bool = False
    place: Place | None = None
    stated: bool = False


@dataclass(frozen=True, slots=True)
class DataLoss:
    """A disk that is lost: the address, `root` (of an instance) or `volume` (a block storage), and
    its size in GB (None if unknown). `deposed` is the id of the deposed object whose disk it is, if
    it is one.
    """

    address: str
    disk: str
    gb: int | None
    deposed: str | None = None

    @property
    def owner(self) -> str:
        """The address, with the id of a deposed object: its address is that of its successor."""
        return self.address if self.deposed is None else f"{self.address} ({self.deposed})"


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that is needed: a risk class and the address that `--accept CLASS=ADDRESS` names.
    If a policy asks because of the whole plan, its name is in the place of the address.
    """

    risk: RiskClass
    address: str


@dataclass(frozen=True, slots=True)
class TrafficChange:
    """Traffic that a change opens or closes, and the names of the instances that it reaches
    (nothing if that is not known). `is_ping`: it is ping, not a port.
    """

    traffic: str
    instances: str = ""
    is_ping: bool = False

    def __str__(self) -> str:
        """Both in one line, as the JSON plan shows it."""
        if not self.instances:
            return self.traffic
        return msg("{traffic} on {instances}", traffic=self.traffic, instances=self.instances)


@dataclass(frozen=True, slots=True)
class Impact:
    """The effect of a change on running systems. Seconds are (low, high); `high` is None if the end
    is not known. Missing numbers are None, never 0.
    """

    consents: tuple[Consent, ...] = ()
    downtime_seconds: tuple[int, int | None] | None = None
    data_loss: tuple[DataLoss, ...] = ()
    address_change: bool = False
    exposure_seconds: int | None = None
    opens: tuple[TrafficChange, ...] = ()
    closes: tuple[TrafficChange, ...] = ()
    reversible: bool = True
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one address. `reason` is one line for people, `fields` are sorted by path,
    and `place` is in the stack file. `deposed` are the ids of its deposed objects that are deleted.
    """

    address: Address
    action: Action
    reason: str | Reason
    fields: tuple[FieldChange, ...] = ()
    impact: Impact = Impact()
    place: Place | None = None
    deposed: tuple[str, ...] = ()


def unstated(drift: Iterable[Change]) -> tuple[Change, ...]:
    """Drift without the fields that match the configuration: the rest differs from the account."""
    left = (
        (change, tuple(field for field in change.fields if not field.stated)) for change in drift
    )
    return tuple(
        replace(change, fields=fields) for change, fields in left if fields or not change.fields
    )


@dataclass(frozen=True, slots=True)
class Fallback:
    """Other operations for a step, used only if the cloud refuses the first one with one of these
    error names.

    `operations` are done in order, each with its own intent. If one of them stopped an instance,
    `restore` is done even if a later one failed.
    """

    refusals: tuple[str, ...]
    operations: tuple[str, ...]
    restore: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One write and what it waits for: the unit of intents, of failures and of the JSON plan.

    `key` is unique in the plan and says what it is (`instance.create instances.web[0]`). `target`
    is the id of the object, or None if this plan creates it (then the state has it under `address`
    when the step is done) or this step does. `inputs` are normal-form values; links and deferred
    values are resolved just before the send. `after` are keys of steps that must be done;
    `regardless_of` those of them whose failure does not matter, `after_accepted` those of which it
    is enough that the cloud has taken them. `instances` are addresses (or ids) of servers on which
    one thing is done at a time. `fingerprint` names what the second look before a destructive write
    must still find (id, creation time, attributes). `deposes`: the create of a successor, its
    address's old object becomes deposed. `applies` are the managed values to record when it is
    done. `not_to_all` are the servers on which a range that is known only after apply must not open
    a management port to the whole internet: the step fails instead. `temporary`: a command asked
    for it and not the file, so the managed values stay as they are.
    """

    key: str
    address: Address
    operation: str
    target: str | None = None
    inputs: Mapping[str, Value] = EMPTY
    after: tuple[str, ...] = ()
    regardless_of: tuple[str, ...] = ()
    after_accepted: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    fallback: Fallback | None = None
    fingerprint: Mapping[str, Any] = EMPTY
    deposes: bool = False
    deposed: bool = False
    applies: Mapping[str, Value] = EMPTY
    not_to_all: tuple[str, ...] = ()
    calls: int = 1
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class CallBudget:
    """HTTP calls by kind: reads already done, writes to send, reads expected while waiting."""

    read: int = 0
    write: int = 0
    wait: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """The monthly cost of one object before and after, in KRW without VAT; None if unknown."""

    address: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The monthly cost in KRW without VAT; None if nothing is known. `unknown` names the addresses
    without a price.

    `parts` are the objects that cost anything before or after, sorted by address.
    """

    before: int | None = None
    after: int | None = None
    unknown: tuple[str, ...] = ()
    parts: tuple[Price, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ServerReach:
    """The traffic that rules allow for one instance before and after a plan, a line each. An
    instance that is not there has none; None if the rules were not read.
    """

    server: Address
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class GateReport:
    """What may hold back an apply of a plan besides the plan itself.

    `frozen` is the freeze of the stack. `opens` is the unix second at which an apply may begin,
    None if it may begin now.
    """

    frozen: Freeze | None = None
    opens: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one apply would do. The same value is saved, shown and executed. Equal inputs give an
    equal plan, byte for byte.

    `changes` and `drift` are sorted by address, `steps` in an order in which they could be done one
    after another. `records` are effects on the state that need no call (protection, newly managed
    equal values, lookups). `unmanaged` is how many objects are not the stack's and what they cost a
    month; `unpriced`, of how many of them that is not known. `fingerprints` maps each touched id to
    what it was. `variables` and `lookups` are what a saved plan pins; `former_lookups` are those of
    the state where they were others, for people. `critical` are the keys of the steps that decide
    how long it takes, in their order. `moves` are (new address, old one). `reach` is who can reach
    the instances of the stack, sorted by address, for people. `asked` are consents that the
    policies of the project want, and `gates` is what may hold back an apply; both are found at each
    look, and not saved with the plan.
    """

    stack: str
    environment: str | None
    digest: str
    lineage: str
    serial: int
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    drift: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    records: tuple[StateChange, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    fingerprints: Mapping[str, str] = EMPTY
    variables: Mapping[str, Any] = EMPTY
    lookups: Mapping[str, Mapping[str, Mapping[str, str]]] = EMPTY
    former_lookups: Mapping[str, Mapping[str, Mapping[str, str]]] = field(
        default=EMPTY, compare=False, repr=False
    )
    outputs: Mapping[str, Any] = EMPTY
    calls: CallBudget = CallBudget()
    eta_seconds: int | None = None
    critical: tuple[str, ...] = ()
    cost: Cost = Cost()
    reach: tuple[ServerReach, ...] = field(default=(), compare=False, repr=False)
    unmanaged: tuple[int, int | None] = (0, None)
    unpriced: int = 0
    unchanged: int = 0
    partial: bool = False
    destroy: bool = False
    asked: tuple[Consent, ...] = ()
    gates: GateReport = field(default=GateReport(), compare=False)

    @property
    def title(self) -> str:
        """`shop` or `shop/prod`."""
        return title_of(self.stack, self.environment)

    @property
    def is_empty(self) -> bool:
        """Whether an apply would send nothing and change no address."""
        return not self.steps and all(change.action is Action.NONE for change in self.changes)

    @property
    def is_held_back(self) -> bool:
        """Whether there are changes, and each waits for a decision or is blocked."""
        actions = {change.action for change in self.changes} - {Action.NONE}
        has_work = bool(self.steps or self.records)
        return not has_work and bool(actions) and actions <= {Action.DECIDE, Action.BLOCKED}

    @property
    def consents(self) -> tuple[Consent, ...]:
        """Every consent that the changes need or a policy wants, sorted, without repetition."""
        found = {(c.risk.value, c.address): c for c in self.asked} | {
            (c.risk.value, c.address): c for change in self.changes for c in change.impact.consents
        }
        return tuple(found[key] for key in sorted(found))
