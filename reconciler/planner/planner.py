"""The plan: from a stack, a state and an account to changes and steps. Pure: the same inputs give
the same plan, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.common.timing import Throughput
from reconciler.config.expression import ExpressionError
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error, in_order
from reconciler.model.exit_codes import stops
from reconciler.model.kinds import Kinds
from reconciler.model.plan import Plan, Step
from reconciler.model.resource import Account, NoValue, Output, Stack, Value
from reconciler.model.state import State, StateChange
from reconciler.planner.checks import (
    author_checks,
    image_updates,
    implied_renames,
    lost_state,
    name_conflicts,
    protection,
    shared_objects,
    stopped_servers,
    unprotected,
    untracked,
)
from reconciler.planner.compare import data_sources, fingerprint, moves
from reconciler.planner.compare.assessment import Assessment, PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.planner.compare.refresh_scope import refresh_scope
from reconciler.planner.compare.resolver import Resolver
from reconciler.planner.estimate import cost as costs
from reconciler.planner.estimate import unmanaged
from reconciler.planner.estimate.forecast import budget, calls_of, forecast
from reconciler.planner.firewall import (
    deferred_ranges,
    exposure,
    lockout,
    open_instances,
    server_reach,
)
from reconciler.planner.kinds import plan_deposed
from reconciler.planner.plan_objects import plan_objects
from reconciler.planner.steps import (
    block_storage_limits,
    graph,
    impact,
    state_updates,
    targeting,
    zone_canary,
)
from reconciler.planner.steps.blocking import hold
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.recovery.addresses import Moved

__all__ = ["PlanOptions", "make", "refresh_scope"]


def make(
    *,
    stack: Stack,
    state: State | None,
    account: Account,
    kinds: Kinds,
    options: PlanOptions | None = None,
    throughput: Throughput | None = None,
) -> Plan:
    """What one apply would do. Mistakes in file, state or account become problems of the plan and
    are not raised.

    Errors that concern everything (mass absence, a dependency cycle) leave the plan without steps.
    """
    options = options or PlanOptions()
    known = state or State(lineage="", serial=0, stack=stack.name, environment=stack.environment)
    moved = Moved(known) if options.destroy else moves.move(stack, known)
    if moved.removals:
        stack = replace(stack, removed=(*stack.removed, *moved.removals))
    assessment = classify(
        stack=stack, state=moved.state, account=account, kinds=kinds, options=options
    )
    empty = Plan(
        stack.name,
        stack.environment,
        stack.digest,
        known.lineage,
        known.serial,
        destroy=options.destroy,
    )
    problems = [*moved.problems] or [
        *assessment.problems,
        *lost_state.missing_state(assessment),
        *implied_renames.find(assessment),
    ]
    lasting = _lasting(assessment, problems)
    if stops(problems):
        return replace(empty, problems=in_order((*problems, *lasting)))
    builder = PlanBuilder(assessment, Resolver(assessment))
    plan_objects(builder)
    ordered = _ordered(builder)
    if ordered is None:
        return replace(empty, problems=in_order((*builder.problems, *lasting)))
    state_updates.protection(builder)
    steps, held, problems, partial = _what_is_done(builder, ordered)
    state_updates.moves(builder, moved.places)
    exposure.fill(builder, steps)
    impact.fill(builder, steps)
    steps = deferred_ranges.mark(builder, steps)
    stopped = stops(problems)
    steps = () if stopped else tuple(_counted(step, known.facts) for step in steps)
    found = forecast(
        steps, account, kinds, state=known, throughput=throughput, id_of=assessment.id_of
    )
    records = () if stopped else _records(builder, moved, held)
    others = unmanaged.unmanaged(account, assessment.state, stack.prices, records)
    problems += _remarks(builder, steps)
    return replace(
        empty,
        changes=tuple(sorted(builder.changes.values(), key=lambda change: change.address.sort_key)),
        steps=steps,
        drift=tuple(sorted(builder.drift, key=lambda change: change.address.sort_key)),
        problems=in_order((*lasting, *problems)),
        records=records,
        moves=tuple(moved.places.items()),
        fingerprints=fingerprint.digests(account, _touched(steps)),
        variables=stack.variables,
        lookups=_lookups(assessment),
        former_lookups=_former_lookups(assessment),
        outputs={} if options.destroy else {o.name: _output(builder, o) for o in stack.outputs},
        calls=budget(account, found),
        eta_seconds=None if found is None else math.ceil(found.seconds),
        critical=() if found is None else found.critical,
        cost=costs.cost(assessment, held, steps),
        reach=server_reach.of_steps(assessment, steps),
        unmanaged=(len(others), unmanaged.monthly(others, account)),
        unpriced=unmanaged.unpriced(others),
        unchanged=builder.unchanged,
        partial=partial,
    )


def _remarks(builder: PlanBuilder, steps: tuple[Step, ...]) -> Iterator[Problem]:
    """The problems that only the finished plan shows."""
    yield from costs.traps(builder.assessment, builder.changes)
    yield from stopped_servers.problems(builder.assessment, steps)
    yield from open_instances.check(builder, steps)


def _records(
    builder: PlanBuilder, moved: Moved, held: frozenset[Address]
) -> tuple[StateChange, ...]:
    """What the plan records by itself: moves, what needs no call, and consent to leave an object
    alone or to share it with another stack.
    """
    return (
        *moved.effects,
        *plan_deposed.records(builder),
        *state_updates.effects(builder, held),
        *shared_objects.agreed(builder, held),
        *untracked.records(builder.assessment),
    )


def _touched(steps: tuple[Step, ...]) -> frozenset[str | None]:
    """The ids of the objects that the steps change or look at again."""
    return frozenset(id for step in steps for id in (step.target, step.fingerprint.get("id")))


def _lookups(assessment: Assessment) -> dict[str, Mapping[str, Mapping[str, str]]]:
    found = {str(item.address): item.lookups for item in assessment.items.values() if item.lookups}
    return {**found, **data_sources.pins(assessment.stack, assessment.existing)}


def _former_lookups(assessment: Assessment) -> dict[str, Mapping[str, Mapping[str, str]]]:
    """The lookups in the state that the plan changes."""
    return {
        str(item.address): item.entry.lookups
        for item in assessment.items.values()
        if item.entry is not None and item.entry.lookups != item.lookups
    }


def _lasting(assessment: Assessment, problems: list[Problem]) -> tuple[Problem, ...]:
    """What is wrong in the account, whatever the plan does. A lost state reports objects
    itself.
    """
    is_lost = any(problem.code in ("state-missing", "former-name") for problem in problems)
    lost = lost_state.missing(assessment) if is_lost else ()
    reported = frozenset(found.live.id for found in lost)
    found = untracked.problems(assessment, reported)
    return (*unprotected.by_account(assessment), *found)


def _counted(step: Step, facts: Mapping[str, str]) -> Step:
    """The step with the writes that it is expected to send."""
    calls = calls_of(step, facts)
    return step if step.calls == calls else replace(step, calls=calls)


def _what_is_done(
    builder: PlanBuilder, steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], frozenset[Address], list[Problem], bool]:
    """The steps without what is held back, left out or would lock somebody out; the addresses of
    that; the problems; whether it is only a part of the plan.
    """
    assessment, options = builder.assessment, builder.assessment.options
    protection.block(builder)
    shared_objects.hold(builder)
    steps, held = hold(builder, steps)
    part = targeting.select(steps, builder.changes, only=options.only, without=options.without)
    problems = [*assessment.problems, *_found(builder)]
    if part is not None:
        steps, held = targeting.narrow(builder, steps, part, held)
        problems = [
            *targeting.problems_of_part(builder, problems),
            *part.problems,
            *targeting.joined(part),
        ]
    steps, held, locked_out = lockout.check(builder, steps, held)
    steps = zone_canary.alone(builder, steps)
    return steps, held, [*problems, *locked_out], part is not None


def _output(builder: PlanBuilder, output: Output) -> Value | NoValue:
    """What an output will be after the plan."""
    try:
        return builder.resolver.attempt(output.value)
    except ExpressionError as failure:
        return NoValue(str(failure))


def _ordered(builder: PlanBuilder) -> tuple[Step, ...] | None:
    """The steps in order; None if they wait for each other, which is then a problem of the plan."""
    try:
        return builder.order()
    except graph.Cycle as cycle:
        message = msg("dependency cycle: {path}", path=" -> ".join(cycle.path))
        hint = msg("split the change into two applies")
        builder.problems.append(error("cycle", message, hint=hint))
        return None


def _found(builder: PlanBuilder) -> Iterator[Problem]:
    """The problems that were found while the changes and steps were made, and by the checks on all
    of them.
    """
    assessment = builder.assessment
    yield from builder.problems
    yield from builder.resolver.problems
    yield from block_storage_limits.check(builder)
    yield from name_conflicts.within_stack(assessment)
    yield from name_conflicts.with_others(assessment, builder.changes)
    yield from image_updates.newer_images(assessment)
    yield from author_checks.problems(assessment.stack, builder.resolver, assessment.options)
