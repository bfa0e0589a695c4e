"""The plan: from a stack, a state and an account to changes and steps. Pure: the same inputs give
the same plan, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.common.timing import Throughput
from reconciler.config.expression import ExpressionError
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, Severity, error, in_order, notice
from reconciler.model.exit_codes import HELD_BACK, stops
from reconciler.model.plan import Action, Impact, Plan, Step
from reconciler.model.resource import Account, NoValue, Output, Stack, Value
from reconciler.model.resource_type import WAIT, ResourceType, creates, operation_of
from reconciler.model.state import Phase, State, StateChange
from reconciler.planner.checks import (
    feasibility,
    image_updates,
    implied_renames,
    lost_state,
    name_conflicts,
    shared_objects,
    stopped_servers,
    unprotected,
    untracked,
)
from reconciler.planner.compare import data_sources, fingerprint, moves, unsettled
from reconciler.planner.compare.assessment import (
    Assessment,
    Disposition,
    ManagedObject,
    PlanOptions,
)
from reconciler.planner.compare.classify import classify
from reconciler.planner.compare.refresh_scope import refresh_scope
from reconciler.planner.compare.resolver import Resolver
from reconciler.planner.estimate import cost as costs
from reconciler.planner.estimate import unmanaged
from reconciler.planner.estimate.forecast import budget, calls_of, forecast
from reconciler.planner.firewall import deferred_ranges, exposure, lockout
from reconciler.planner.kinds import (
    plan_block_storages,
    plan_firewalls,
    plan_instances,
    plan_legacy_rules,
)
from reconciler.planner.steps import block_storage_limits, graph, impact, state_updates, zone_canary
from reconciler.planner.steps.blocking import held_by, hold
from reconciler.planner.steps.change_builder import change
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.planner.steps.targeting import Selection, select

__all__ = ["PlanOptions", "make", "refresh_scope"]


def make(
    *,
    stack: Stack,
    state: State | None,
    account: Account,
    kinds: Mapping[str, ResourceType],
    options: PlanOptions | None = None,
    pace: Throughput | None = None,
) -> Plan:
    """What one apply would do. Never raises for what the file, the state or the account say: all of
    it comes as problems.

    Errors that concern the whole (mass absence, a circle) leave the plan without steps. `pace` is
    how calls go, for the forecast alone.
    """
    options = options or PlanOptions()
    known = state or State(lineage="", serial=0, stack=stack.name, environment=stack.environment)
    moved = moves.Moved(known) if options.destroy else moves.move(stack, known)
    seen = classify(stack=stack, state=moved.state, account=account, kinds=kinds, options=options)
    empty = Plan(
        stack.name,
        stack.environment,
        stack.digest,
        known.lineage,
        known.serial,
        destroy=options.destroy,
    )
    problems = [*moved.problems] or [
        *seen.problems,
        *lost_state.missing_state(seen),
        *implied_renames.unsaid(seen),
    ]
    standing = _standing(seen, problems)
    if stops(problems):
        return replace(empty, problems=in_order((*problems, *standing)))
    draft = PlanBuilder(seen, Resolver(seen))
    _fill(draft)
    ordered = _ordered(draft)
    if ordered is None:
        return replace(empty, problems=in_order((*draft.problems, *standing)))
    state_updates.protection(draft)
    steps, held, problems, partial = _what_is_done(draft, ordered)
    state_updates.moves(draft, moved.places)
    exposure.fill(draft, steps)
    impact.fill(draft, steps)
    steps = deferred_ranges.mark(draft, steps)
    stopped = stops(problems)
    steps = () if stopped else tuple(_counted(step, known.facts) for step in steps)
    found = forecast(steps, account, kinds, facts=known.facts, pace=pace, id_of=seen.id_of)
    records = (
        ()
        if stopped
        else (*moved.effects, *state_updates.effects(draft, held), *_agreed(draft, held))
    )
    others = unmanaged.unmanaged(account, seen.state, stack.prices, records)
    return replace(
        empty,
        changes=tuple(sorted(draft.changes.values(), key=lambda c: c.address.sort_key)),
        steps=steps,
        drift=tuple(sorted(draft.drift, key=lambda c: c.address.sort_key)),
        problems=in_order(
            (
                *standing,
                *problems,
                *costs.traps(seen, draft.changes),
                *stopped_servers.left_off(seen, steps),
            )
        ),
        records=records,
        moves=tuple(moved.places.items()),
        fingerprints=_fingerprints(seen, steps),
        variables=stack.variables,
        lookups={
            **{str(a): i.lookups for a, i in seen.items.items() if i.lookups},
            **data_sources.pins(stack, seen.existing),
        },
        former_lookups={
            str(a): i.entry.lookups
            for a, i in seen.items.items()
            if i.entry is not None and i.entry.lookups != i.lookups
        },
        outputs={} if options.destroy else {o.name: _output(draft, o) for o in stack.outputs},
        calls=budget(account, found),
        eta_seconds=None if found is None else math.ceil(found.seconds),
        critical=() if found is None else found.critical,
        cost=costs.cost(seen, held, steps),
        unmanaged=(len(others), unmanaged.monthly(others, account)),
        unpriced=unmanaged.unpriced(others),
        unchanged=draft.unchanged,
        partial=partial,
    )


def _agreed(draft: PlanBuilder, held: frozenset[Address]) -> Iterator[StateChange]:
    """What the state learns of consent to objects that other stacks own as well, or that stand in
    no entry.
    """
    yield from shared_objects.agreed(draft, held)
    yield from untracked.records(draft.assessment)


def _standing(seen: Assessment, problems: list[Problem]) -> tuple[Problem, ...]:
    """What stands in the account and should not, whatever the plan does. A lost state tells of the
    untracked objects by itself.
    """
    is_lost = any(problem.code == "state-missing" for problem in problems)
    return (*unprotected.by_account(seen), *(() if is_lost else untracked.problems(seen)))


def _counted(step: Step, facts: Mapping[str, str]) -> Step:
    """The step with the writes that it is expected to send."""
    calls = calls_of(step, facts)
    return step if step.calls == calls else replace(step, calls=calls)


def _what_is_done(
    draft: PlanBuilder, steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], frozenset[Address], list[Problem], bool]:
    """The steps without what is held back, left out or would lock out; the addresses of that; the
    problems; whether it is a part only.
    """
    seen, options = draft.assessment, draft.assessment.options
    steps, held = _hold_back(draft, steps)
    part = select(steps, draft.changes, only=options.only, without=options.without)
    problems = [*seen.problems, *_found(draft)]
    if part is not None:
        steps, held = _narrow(draft, steps, part, held)
        problems = [*_of_the_part(draft, problems), *part.problems, *_said_of(part)]
    steps, held, locked_out = lockout.check(draft, steps, held)
    steps = zone_canary.alone(draft, steps)
    return steps, held, [*problems, *locked_out], part is not None


def _output(draft: PlanBuilder, output: Output) -> Value | NoValue:
    """What an output will be after the plan."""
    try:
        return draft.resolver.attempt(output.value)
    except ExpressionError as failure:
        return NoValue(str(failure))


def _ordered(draft: PlanBuilder) -> tuple[Step, ...] | None:
    """The steps in order, None where they wait for each other, which is then told."""
    try:
        return draft.order()
    except graph.Cycle as cycle:
        message = msg("dependency cycle: {path}", path=" -> ".join(cycle.path))
        hint = msg("split the change into two applies")
        draft.problems.append(error("cycle", message, hint=hint))
        return None


def _found(draft: PlanBuilder) -> list[Problem]:
    """What was found wrong, or worth telling, while the draft was made."""
    seen = draft.assessment
    names = (*_equal_names(seen), *name_conflicts.namesakes(seen, draft.changes))
    return [
        *draft.problems,
        *draft.resolver.problems,
        *block_storage_limits.check(draft),
        *names,
        *image_updates.newer_images(seen),
    ]


def _fill(draft: PlanBuilder) -> None:
    """Servers first, then volumes, then firewalls with their rules: each looks at what those before
    it have added.
    """
    items = list(draft.assessment.items.values())
    rules: dict[Address, list[ManagedObject]] = {}
    for item in items:
        if item.kind.name == "rules":
            rules.setdefault(item.address.owner, []).append(item)
    for name, planner in (
        ("instances", plan_instances.plan),
        ("block_storages", plan_block_storages.plan),
        ("firewalls", plan_firewalls.plan),
    ):
        for item in items:
            if item.kind.name != name:
                continue
            if _common(draft, item):
                if name == "block_storages":
                    plan_block_storages.leave(draft, item)
            else:
                planner(draft, item)
                _wait_for_ready(draft, item)
                _check(draft, item)
            if name == "firewalls":
                _rules(draft, item, rules.get(item.address, []))
    for old, live in draft.assessment.deposed():
        address = parse(old.address)
        if live is None:
            state_updates.miss_deposed(draft, old)
        elif address is not None:
            state_updates.delete_deposed(draft, address, old, live)


def _rules(draft: PlanBuilder, owner: ManagedObject, items: list[ManagedObject]) -> None:
    mine = [item for item in items if not _common(draft, item)]
    planner = (
        plan_legacy_rules.plan
        if plan_legacy_rules.is_whole(draft.assessment.kinds)
        else plan_firewalls.plan_rules
    )
    planner(draft, owner, mine)
    for item in mine:
        _check(draft, item)
        if owner.disposition is Disposition.UNSETTLED:
            held_by(draft, item.address, owner.address)


def _common(draft: PlanBuilder, item: ManagedObject) -> bool:
    """The fates that are the same for every kind; whether the item had one of them."""
    text = str(item.address)
    if item.disposition is Disposition.UNSETTLED:
        draft.problems.append(unsettled.problem_of(item, draft.assessment.options))
        draft.blocked[item.address] = item.reason
        change(draft, item, Action.DECIDE, item.reason)
        return True
    if item.disposition is Disposition.FORGET:
        change(draft, item, Action.FORGET, item.reason)
        return True
    if item.disposition is Disposition.GONE:
        return True
    if (
        item.disposition is Disposition.KEEP
        and item.resource is None
        and item.address.rule is not None
    ):
        change(draft, item, Action.NONE, item.reason)  # with its firewall, which is told
        return True
    if item.disposition is Disposition.KEEP and item.resource is None:
        message = msg("{address} is kept: {reason}", address=text, reason=item.reason)
        hint = msg("remove the protection in the file, or --unprotect {address}", address=text)
        draft.problems.append(error("protected", message, address=text, hint=hint))
        change(draft, item, Action.BLOCKED, item.reason, impact=Impact(blocked_by=text))
        return True
    return False


def _wait_for_ready(draft: PlanBuilder, item: ManagedObject) -> None:
    """An object that is not ready is waited for before anything is done to it (safety#incomplete)."""
    if (
        item.live is None
        or item.live.ready
        or item.live.failed
        or item.disposition not in (Disposition.KEEP, Disposition.BIND)
    ):
        return
    mine = draft.keys_of(item.address)
    works = any(intent.target == item.live.id for intent, _ in draft.assessment.state.open.values())
    if not mine and not works and (item.entry is None or item.entry.phase is Phase.READY):
        return
    singular = item.kind.singular
    step = Step(
        f"{singular}.wait {item.address}",
        item.address,
        f"{singular}.{WAIT}",
        target=item.live.id,
        instances=(item.live.id,),
        calls=0,
    )
    key = draft.add(step, provides=[("object", item.address)])
    draft.before(key, *mine)
    row = draft.changes.get(item.address)
    if row is not None and row.action is Action.NONE:
        action, what = (Action.UPDATE, "changed") if works else (Action.CREATE, "made")
        draft.changes[item.address] = replace(
            row, action=action, reason=f"not ready yet: an earlier run {what} it; continuing"
        )


def _check(draft: PlanBuilder, item: ManagedObject) -> None:
    if item.resource is None:
        return
    row = draft.changes.get(item.address)
    edited = frozenset(c.path for c in row.fields) if row is not None else frozenset()
    draft.problems += feasibility.check(draft.assessment, item, draft.resolver.wanted(item), edited)


def _hold_back(
    draft: PlanBuilder, steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], frozenset[Address]]:
    """Takes out what is protected, in doubt or blocked, and what depends on it: an address is done
    whole or not at all.
    """
    for address, words in _deeds(draft).items():
        row, item = draft.changes[address], draft.assessment.items[address]
        guarded = " and ".join(sorted(words.intersection(item.protect)))
        if guarded and address not in draft.blocked:
            draft.blocked[address] = f"protected from {guarded}"
            draft.problems.append(
                error(
                    "protected",
                    msg(
                        "{address} is protected from {risks}, so it is left unchanged",
                        address=address,
                        risks=guarded,
                    ),
                    place=row.place,
                    address=str(address),
                    hint=msg(
                        "--unprotect {address} lifts it for this run; `protect: false` and an apply lift it for later runs",
                        address=pasted(address),
                    ),
                )
            )
            draft.changes[address] = replace(
                row,
                action=Action.BLOCKED,
                impact=replace(row.impact, blocked_by=str(address), consents=()),
            )
    shared_objects.hold(draft)
    return hold(draft, steps)


def _narrow(
    draft: PlanBuilder, steps: tuple[Step, ...], part: Selection, held: frozenset[Address]
) -> tuple[tuple[Step, ...], frozenset[Address]]:
    """Takes out what was not chosen: its steps, its row, and what would be recorded of it."""
    # An old object may stand at an address that neither file nor state has any more: it has a row,
    # and no item.
    others = frozenset(
        address
        for address in (*draft.assessment.items, *draft.changes)
        if address not in part.addresses
    )
    for address in others:
        draft.changes.pop(address, None)
    kept = {step.key for step in steps if step.address in part.addresses}
    remaining = tuple(
        replace(s, after=tuple(k for k in s.after if k in kept)) for s in steps if s.key in kept
    )
    return remaining, held | others


def _of_the_part(draft: PlanBuilder, problems: list[Problem]) -> list[Problem]:
    """The problems without those that hold back only what was left out, unless something that stays
    waits for it.
    """
    waited_for = {row.impact.blocked_by for row in draft.changes.values()}

    def concerns(problem: Problem) -> bool:
        address = None if problem.address is None else parse(problem.address)
        left_out = (
            address in draft.assessment.items
            and address not in draft.changes
            and problem.address not in waited_for
        )
        return not left_out or problem.code not in HELD_BACK

    return [problem for problem in problems if concerns(problem)]


def _said_of(part: Selection) -> list[Problem]:
    message = "{by} needs {address}, so it is included"
    return [
        notice("joined", msg(message, by=by, address=a), address=str(a))
        for a, by in sorted(part.joined.items())
    ]


def _deeds(draft: PlanBuilder) -> dict[Address, set[str]]:
    """What the steps of each protected address would do to it, in the words of `protect`; all that
    a replacement does is `replace`.
    """
    found: dict[Address, set[str]] = {}
    kinds = draft.assessment.kinds
    for step in draft.steps.values():
        item = draft.assessment.items.get(step.address)
        if item is None or not item.protect:
            continue
        word = None if step.deposed else operation_of(kinds, step.operation).protected_as
        if item.disposition is Disposition.REPLACE:
            word = "replace" if creates(step.operation) else None
        if word is not None:
            found.setdefault(step.address, set()).add(word)
    return found


def _equal_names(seen: Assessment) -> list[Problem]:
    """Two equal remote names of a kind: an error where one of them is to be made, a warning where
    both exist already (stack-files#remote-names).
    """
    firewalls: dict[tuple[str, str], list[ManagedObject]] = {}
    for item in seen.items.values():
        if item.resource is None or item.kind.name == "rules":
            continue
        name = item.wanted.get(
            "name", item.resource.at_create.get("name") if item.entry is None else None
        )
        if name is None and item.live is not None:
            name = item.live.attributes.get("name")
        if isinstance(name, str):
            firewalls.setdefault((item.kind.name, name), []).append(item)
    found = []
    for (_, name), items in sorted(firewalls.items()):
        if len(items) < 2:
            continue
        made = any(item.disposition is Disposition.CREATE for item in items)
        text = f"{' and '.join(str(i.address) for i in items)} have the same name {name!r}"
        place = items[-1].resource.place if items[-1].resource else None
        problem = error(
            "duplicate-name",
            text,
            place=place,
            address=str(items[-1].address),
            hint=msg("give one of them another `name:`"),
        )
        found.append(problem if made else replace(problem, severity=Severity.WARNING))
    return found


def _fingerprints(seen: Assessment, steps: tuple[Step, ...]) -> dict[str, str]:
    """What each touched object is now, as a digest: a saved plan is refused where one of them is
    another.
    """
    touched = {step.target for step in steps} | {step.fingerprint.get("id") for step in steps}
    found = {
        id: fingerprint.digest(fingerprint.of(live, seen.account))
        for rows in seen.account.objects.values()
        for id, live in rows.items()
        if id in touched
    }
    return dict(sorted(found.items()))
