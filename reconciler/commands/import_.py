"""`import`: binds one object of the account to an address of the stack. Only the state changes; the
next plan says what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.context import Connection
from reconciler.common import suggestions, validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import owners, ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.resource import Stack
from reconciler.model.state import Note
from reconciler.planner import planner as planning
from reconciler.planner.checks import lost_state
from reconciler.planner.compare import data_sources, moves
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.recovery import manual
from reconciler.recovery.manual import Binding


@dataclass(frozen=True, slots=True)
class Bound:
    """What is to be bound, or was: the address with its object, and what is worth knowing of it."""

    binding: Binding
    problems: tuple[Problem, ...] = ()


def bind(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    address: Address,
    id: str,
    *,
    holder: ports.Holder,
    run: str,
    lock_timeout_seconds: float,
    agree: Callable[[Bound], None],
    accept: tuple[tuple[str, str | None], ...] = (),
) -> Bound:
    """Binds the object of that id to the address. `agree` shows it, and stops where nobody says
    yes. Stops where it cannot be bound.

    `accept` are classes of consent with their addresses: `shared` is needed where the object
    belongs to another stack as well.
    """
    resource = stack.resources.get(address)
    if resource is None or address.rule is not None:
        hint = (
            msg("import the firewall instead: its rules are bound with it")
            if address.rule is not None
            else None
        )
        known = [str(one) for one in stack.resources if one.rule is None]
        message = (
            msg("{address} is not in the stack file", address=address)
            if resource is None
            else msg("{address} is a rule", address=address)
        )
        raise Abort(
            error(
                "missing-reference",
                message,
                address=str(address),
                hint=hint or suggestions.hint_for(str(address), known),
            )
        )
    wrong = validators.identifier(id)
    if wrong is not None:
        raise Abort(error("bad-format", wrong, address=str(address)))
    options = PlanOptions(accept=accept, elsewhere=session.elsewhere(store))
    desired_value = replace(
        stack, resources={**stack.resources, address: replace(resource, import_id=id)}
    )
    _, named = session.own_state(stack, store, PlanOptions(), connection.endpoint)
    with session.Writing(
        store,
        holder,
        timeout_seconds=lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
    ) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        state = moves.move(desired_value, writer.state).state
        account = session.read_account(
            connection, planning.refresh_scope(desired_value, state, options), cached=True
        )
        told = (*named, *session.account_problems(state, account, connection))
        seen = classify(
            stack=desired_value,
            state=state,
            account=account,
            kinds=connection.kinds,
            options=options,
        )
        about = [
            problem
            for problem in seen.problems
            if problem.address == str(address) and problem.severity is Severity.ERROR
        ]
        if (doubt := lost_state.in_doubt(seen.items[address])) is not None:
            raise Abort(doubt)
        live = account.find(address.kind, id)
        if about or live is None:
            raise Abort(
                *(about or [data_sources.unknown_import(account, address.kind, id, str(address))])
            )
        binding = Binding(address, live, lost_state.bound(address, live, seen.items[address]))
        taken = manual.free_for(state, binding)
        if taken is not None:
            raise Abort(taken)
        sharer = owners.sharer_of(state, live, options.elsewhere)
        if sharer is not None and not options.accepts("shared", str(address)):
            raise Abort(owners.shared(str(address), live, sharer))
        agreed = () if sharer is None else (owners.agreement(live, sharer),)
        found = Bound(binding, told)
        agree(found)
        writer.append(
            Note(
                writer.state.sequence + 1,
                run,
                f"imported {id}",
                (*lost_state.effects((binding,)), *agreed),
            )
        )
        writer.commit(account=connection.account, endpoint=connection.endpoint)
    return found
