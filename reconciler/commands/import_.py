"""`import`: binds one object of the account to an address of the stack. Only the state changes; the
next plan shows what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.context import Connection
from reconciler.common import suggestions, validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.named_objects import Naming
from reconciler.model import owners, ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import Account, LiveResource, Stack
from reconciler.model.state import Note, State
from reconciler.planner import planner as planning
from reconciler.planner.checks import lost_state
from reconciler.planner.compare import data_sources, moves
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.recovery import manual
from reconciler.recovery.manual import Binding


@dataclass(frozen=True, slots=True)
class Bound:
    """What is to be bound, or was: the address with its object, and the problems with it."""

    binding: Binding
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The object that `text` names by id, name or IP address is to be bound to `address`. `agree`
    shows it, and stops without consent. `command` gives the command that names it by its id.

    `accept` are classes of consent with their addresses: `shared` is needed if the object belongs
    to another stack as well.
    """

    address: Address
    text: str
    agree: Callable[[Bound], None]
    command: Callable[[str], str] = str
    accept: tuple[tuple[str, str | None], ...] = ()


def bind(
    stack: Stack,
    connection: Connection,
    store: ports.Store,
    request: ImportRequest,
    holder: ports.Holder,
    *,
    lock_timeout_seconds: float,
) -> Bound:
    """Binds the object to the address. Stops if that is not possible."""
    address = request.address
    _check(stack, request)
    options = PlanOptions(accept=request.accept, elsewhere=session.elsewhere(store))
    _, notices = session.own_state(stack, store, PlanOptions(), connection.endpoint)
    with session.Writing(
        store,
        holder,
        timeout_seconds=lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
        notify=connection.notify,
    ) as writer:
        writer.belong(account=connection.account, endpoint=connection.endpoint)
        opened = _ImportReading(stack, writer.state, connection, options)
        with_import, state, account = opened.read(request)
        id = with_import.resources[address].import_id
        problems = (*notices, *session.account_problems(state, account, connection))
        binding = _binding(with_import, state, account, connection, options, address)
        sharer = owners.sharer_of(state, binding.live, options.elsewhere)
        if sharer is not None and not options.accepts("shared", str(address)):
            raise Abort(owners.shared(str(address), binding.live, sharer))
        agreed = () if sharer is None else (owners.agreement(binding.live, sharer),)
        found = Bound(binding, problems)
        request.agree(found)
        before = moves.before_binding(stack, writer.state)
        effects = (*before, *lost_state.effects((binding,), writer.state), *agreed)
        sequence = writer.state.sequence + 1
        writer.append(Note(sequence, holder.run or "", f"imported {id}", effects))
        writer.commit(account=connection.account, endpoint=connection.endpoint)
    return found


@dataclass(frozen=True, slots=True)
class _ImportReading:
    """Reads what is needed to bind an object: the stack as if its file imported the object, the
    state after the moves of the file, and the account.
    """

    stack: Stack
    state: State
    connection: Connection
    options: PlanOptions

    def read(self, request: ImportRequest) -> tuple[Stack, State, Account]:
        """All three for the object that the request names. An id needs no list besides those of the
        plan; a name or an IP address is looked up in the list of its kind first.
        """
        kind, id = request.address.kind, request.text
        if not _may_be_id(id):
            first = session.read_account(self.connection, RefreshScope(kinds=frozenset({kind})))
            id = self._id(request, first)
        found = self._with(request.address, id)
        if found[2].find(kind, id) is None:
            self._stop_if_unsettled(found, request.address)
            found = self._with(request.address, self._id(request, found[2]))
        return found

    def _stop_if_unsettled(self, found: tuple[Stack, State, Account], address: Address) -> None:
        stack, state, account = found
        kinds = self.connection.kinds
        items = classify(
            stack=stack, state=state, account=account, kinds=kinds, options=self.options
        ).items
        unsettled = lost_state.unsettled_create(items[address])
        if unsettled is not None:
            raise Abort(unsettled)

    def _with(self, address: Address, id: str) -> tuple[Stack, State, Account]:
        stack = _with_import(self.stack, address, id)
        state = moves.move(stack, self.state).state
        scope = planning.refresh_scope(stack, state, self.options)
        return stack, state, session.read_account(self.connection, scope, cached=True)

    def _id(self, request: ImportRequest, account: Account) -> str:
        named = Naming(
            account, (request.address.kind,), request.command, self.state, self.options.elsewhere
        )
        found = named.find(request.text)
        if isinstance(found, Problem):
            raise Abort(replace(found, address=str(request.address)))
        return found.id


def _may_be_id(text: str) -> bool:
    """Whether a text looks like an id, as `INSTANCE-Fq1a` does."""
    return text[:1].isupper() and validators.identifier(text) is None


def _check(stack: Stack, request: ImportRequest) -> None:
    """Stops if nothing can be bound to the address, or the text is not one that names an object."""
    address = request.address
    if address not in stack.resources:
        known = [str(one) for one in stack.resources if one.rule is None]
        message = msg("{address} is not in the stack file", address=address)
        hint = suggestions.hint_for(str(address), known)
        raise Abort(error("missing-reference", message, address=str(address), hint=hint))
    if address.rule is not None:
        message = msg("{address} is a rule", address=address)
        hint = msg("import the firewall instead: its rules are bound with it")
        raise Abort(error("missing-reference", message, address=str(address), hint=hint))
    wrong = validators.identifier(request.text)
    if wrong is not None and request.text != request.text.strip():
        raise Abort(error("bad-format", wrong, address=str(address)))


def _with_import(stack: Stack, address: Address, id: str) -> Stack:
    """The stack as if its file imported that object."""
    imported = replace(stack.resources[address], import_id=id)
    return replace(stack, resources={**stack.resources, address: imported})


def _binding(
    stack: Stack,
    state: State,
    account: Account,
    connection: Connection,
    options: PlanOptions,
    address: Address,
) -> Binding:
    """The object for the address, if it exists, is settled, and belongs to no other address."""
    found = classify(
        stack=stack, state=state, account=account, kinds=connection.kinds, options=options
    )
    unsettled = lost_state.unsettled_create(found.items[address])
    if unsettled is not None:
        raise Abort(unsettled)
    problems = [
        problem
        for problem in found.problems
        if problem.address == str(address) and problem.severity is Severity.ERROR
    ]
    if problems:
        raise Abort(*problems)
    live = _live(stack, account, address)
    binding = Binding(address, live, lost_state.bound(address, live, found.items[address]))
    taken = manual.free_for(state, binding)
    if taken is not None:
        raise Abort(taken)
    return binding


def _live(stack: Stack, account: Account, address: Address) -> LiveResource:
    id = stack.resources[address].import_id or ""
    live = account.find(address.kind, id)
    if live is None:
        raise Abort(data_sources.unknown_import(account, address.kind, id, str(address)))
    return live
