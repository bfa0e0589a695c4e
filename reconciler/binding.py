"""`import`: binds one object of the account to an address of the stack. Only the state changes; the next plan says what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler import opening, ports
from reconciler.app import Connection
from reconciler.core import check, lost, moves, names, owners, recovery, referred
from reconciler.core import plan as planning
from reconciler.core.address import Address
from reconciler.core.dataclass import dataclass
from reconciler.core.lost import Binding
from reconciler.core.model import Stack
from reconciler.core.problems import Problem, Severity, error
from reconciler.core.state import Note
from reconciler.core.survey import PlanOptions, survey
from reconciler.stop import Stop


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
    """Binds the object of that id to the address. `agree` shows it, and stops where nobody says yes. Stops where it cannot be bound.

    `accept` are classes of consent with their addresses: `shared` is needed where the object belongs to another stack as well.
    """
    resource = stack.resources.get(address)
    if resource is None or address.rule is not None:
        hint = "rules are bound with their firewall, by what they let through" if address.rule is not None else None
        known = [str(one) for one in stack.resources if one.rule is None]
        message = f"the file asks for no {address}" if resource is None else f"{address} is a rule"
        raise Stop(error("missing-reference", message, address=str(address), hint=hint or names.hint_for(str(address), known)))
    wrong = check.identifier(id)
    if wrong is not None:
        raise Stop(error("bad-format", wrong, address=str(address)))
    options = PlanOptions(accept=accept, elsewhere=opening.elsewhere(store))
    wished = replace(stack, resources={**stack.resources, address: replace(resource, import_id=id)})
    _, named = opening.own_state(stack, store, PlanOptions(), connection.endpoint)
    with opening.Writing(store, holder, timeout_seconds=lock_timeout_seconds, stack=stack.name, environment=stack.environment) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        state = moves.move(wished, writer.state).state
        account = opening.read_account(connection, planning.needs(wished, state, options), cached=True)
        told = (*named, *opening.account_problems(state, account, connection))
        seen = survey(stack=wished, state=state, account=account, kinds=connection.kinds, options=options)
        about = [problem for problem in seen.problems if problem.address == str(address) and problem.severity is Severity.ERROR]
        if (doubt := lost.in_doubt(seen.items[address])) is not None:
            raise Stop(doubt)
        live = account.find(address.kind, id)
        if about or live is None:
            raise Stop(*(about or [referred.unknown_import(account, address.kind, id, str(address))]))
        binding = Binding(address, live, lost.bound(address, live, seen.items[address]))
        taken = recovery.free_for(state, binding)
        if taken is not None:
            raise Stop(taken)
        sharer = owners.sharer_of(state, live, options.elsewhere)
        if sharer is not None and not options.accepts("shared", str(address)):
            raise Stop(owners.shared(str(address), live, sharer))
        agreed = () if sharer is None else (owners.agreement(live, sharer),)
        found = Bound(binding, told)
        agree(found)
        writer.append(Note(writer.state.sequence + 1, run, f"imported {id}", (*lost.effects((binding,)), *agreed)))
        writer.commit(account=connection.account, endpoint=connection.endpoint)
    return found
