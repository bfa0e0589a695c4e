"""Why an address changes: the chain from the line in the file to the field, the rule of the API,
and the steps with what they wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, Problem
from reconciler.model.plan import Change, Consent, FieldChange, Plan, Price, RiskClass, Step
from reconciler.model.resource_type import Edit, ResourceType

RULES: Mapping[Edit, str] = {
    Edit.IN_PLACE: msg("the API changes it in place"),
    Edit.RESIZE: msg(
        "the API changes a flavor by a resize only; it does not say whether the instance keeps "
        "running"
    ),
    Edit.REBUILD: msg(
        "the API changes an image by a rebuild only, which erases the instance's disk"
    ),
    Edit.REPLACE: msg("the API cannot change it, so the object is replaced"),
    Edit.POWER: msg("the API starts an instance, or shuts it down, which is a power cut"),
    Edit.MEMBER: msg(
        "the API attaches a firewall to an instance and detaches it; an instance has one"
    ),
    Edit.ATTACH: msg(
        "the API detaches block storage from one instance and attaches it to another; the data "
        "stays"
    ),
    Edit.CREATE_ONLY: msg("the API sets it at creation only"),
}
"""What the API can do about each kind of edit: the reason for what a plan does."""

CLASSES: Mapping[RiskClass, str] = {
    RiskClass.DELETE: msg("an object is deleted and cannot be restored"),
    RiskClass.DATA_LOSS: msg("a disk is erased, but its object or a replacement stays"),
    RiskClass.DOWNTIME: msg("a running instance is down for a while"),
    RiskClass.DETACH: msg(
        "block storage is detached from an instance that stays, and may be mounted there"
    ),
    RiskClass.ADDRESS_CHANGE: msg("an instance gets other addresses"),
    RiskClass.EXPOSURE: msg(
        "a running instance loses its firewall, or a management port opens to 0.0.0.0/0"
    ),
    RiskClass.LOCKOUT: msg("an address that `guard` protects loses a port that it reaches now"),
    RiskClass.GONE: msg(
        "a replacement is created for an object that is missing and that reconciler did not delete"
    ),
    RiskClass.DUPLICATE: msg("an object is created although a similar one is in the account"),
    RiskClass.SHARED: msg(
        "an object that belongs to another stack is also bound, changed or deleted by this one"
    ),
    RiskClass.POLICY: msg("a policy of the project wants consent"),
}
"""What each class of consent means."""


@dataclass(frozen=True, slots=True)
class FieldReason:
    """One field that changes: its line in the file, the value that the last apply left if that is
    not the value now, and the rule of the API.
    """

    field: FieldChange
    place: Place | None
    left: object
    was_left: bool
    rule: str


@dataclass(frozen=True, slots=True)
class StepReason:
    """One step at the address, the steps that it waits for, and those that wait for it.

    `after_accepted` are those that it waits for only until the cloud has accepted them, `canary_of`
    those that wait for it in this way.
    """

    step: Step
    after: tuple[Step, ...]
    before: tuple[Step, ...]
    after_accepted: tuple[Step, ...] = ()
    canary_of: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """The whole chain of one address. `change` is None if the plan does not contain it."""

    address: Address
    change: Change | None
    fields: tuple[FieldReason, ...] = ()
    steps: tuple[StepReason, ...] = ()
    consents: tuple[tuple[Consent, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    pins: Mapping[str, Mapping[str, str]] | None = None
    former_pins: Mapping[str, Mapping[str, str]] | None = None
    price: Price | None = None


def why(plan: Plan, address: Address) -> Why:
    """The chain of one address in a plan."""
    change = next((each for each in plan.changes if each.address == address), None)
    drift = next((each for each in plan.drift if each.address == address), None)
    left = {} if drift is None else {field.path: field.before for field in drift.fields}
    kind = resources.all_kinds().of(address)
    return Why(
        address=address,
        change=change,
        fields=()
        if change is None
        else tuple(_field(change, field, left, kind) for field in change.fields),
        steps=_steps(plan, address),
        consents=()
        if change is None
        else tuple((item, CLASSES[item.risk]) for item in change.impact.consents),
        problems=tuple(problem for problem in plan.problems if problem.address == str(address)),
        pins=plan.lookups.get(str(address)),
        former_pins=plan.former_lookups.get(str(address)),
        price=next((part for part in plan.cost.parts if part.address == str(address)), None),
    )


def _field(
    change: Change, field: FieldChange, left: Mapping[str, object], kind: ResourceType
) -> FieldReason:
    known = kind.fields.get(field.path)
    new = field.before is None and change.action.value == "create"
    rule = "" if known is None or new else RULES[known.edit]
    return FieldReason(
        field, field.place or change.place, left.get(field.path), field.path in left, rule
    )


def _steps(plan: Plan, address: Address) -> tuple[StepReason, ...]:
    by_key = {step.key: step for step in plan.steps}
    waiting: dict[str, list[Step]] = {}
    for step in plan.steps:
        for key in step.after:
            waiting.setdefault(key, []).append(step)
    return tuple(
        _reason(step, by_key, waiting.get(step.key, ()))
        for step in plan.steps
        if step.address == address
    )


def _reason(step: Step, by_key: Mapping[str, Step], waiting: Sequence[Step]) -> StepReason:
    return StepReason(
        step,
        after=tuple(
            by_key[key] for key in step.after if key in by_key and key not in step.after_accepted
        ),
        before=tuple(other for other in waiting if step.key not in other.after_accepted),
        after_accepted=tuple(by_key[key] for key in step.after_accepted if key in by_key),
        canary_of=tuple(other for other in waiting if step.key in other.after_accepted),
    )
