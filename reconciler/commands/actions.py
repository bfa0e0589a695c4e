"""Actions without a desired state (commands#overview): reboot an instance, the link to its console,
this month's bill. The stack file is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconciler.commands import session
from reconciler.commands.apply import carry_out
from reconciler.commands.context import Applied, Connection, Execution, Planned
from reconciler.common.secret import Secret
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import error
from reconciler.model.events import ActivityEnded
from reconciler.model.plan import Action, Change, Consent, Impact, Plan, RiskClass, Step
from reconciler.model.resource import Account, LiveResource, RefreshScope, Stack
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import Entry, State
from reconciler.planner.estimate.forecast import budget, forecast

_REBOOT, _STOP = "reboot", "stop"


def reboot(
    stack: Stack,
    address: Address,
    connection: Connection,
    store: ports.Store,
    execution: Execution,
    *,
    unprotect: bool = False,
) -> Applied:
    """Restarts an instance of the stack: shown, asked (class downtime) and recorded like any other
    step.

    `stack` needs only a name and an environment. Stops if the instance does not exist, is off, or
    is unsettled.
    """
    with session.writing(store, stack, execution.run, connection.notify) as writer:
        state = writer.state
        kind = _kind_with_console(address, connection)
        entry = _settled_entry(state, address)
        scope = RefreshScope(
            kinds=frozenset({kind.name}), tracked={kind.name: frozenset({entry.id})}
        )
        account = session.read_account(connection, scope)
        problems = tuple(session.account_problems(state, account, connection))
        live = _running(entry, account)
        if _STOP in entry.protect and not unprotect:
            message = msg(
                "{address} is protected from stop, and a reboot stops it", address=address
            )
            hint = msg("add --unprotect to lift the protection for this run")
            raise Abort(error("protected", message, address=str(address), hint=hint))
        planned = Planned(
            plan=_plan(stack, state, address, live, account, connection),
            account=account,
            stack=stack,
            at=connection.exchange.unix(),
            problems=problems,
            tracked=tuple(state.entries),
        )
        return carry_out(planned, connection, writer, execution)


def _plan(
    stack: Stack,
    state: State,
    address: Address,
    live: LiveResource,
    account: Account,
    connection: Connection,
) -> Plan:
    kind = connection.kinds[address.kind]
    operation = kind.operation_name(_REBOOT)
    low, _, high = kind.operations[_REBOOT].seconds
    step = Step(f"{operation} {address}", address, operation, target=live.id, instances=(live.id,))
    impact = Impact(
        consents=(Consent(RiskClass.DOWNTIME, str(address)),), downtime_seconds=(low, high)
    )
    found = forecast(
        (step,), account, connection.kinds, throughput=connection.exchange.throughput()
    )
    return Plan(
        stack=stack.name,
        environment=stack.environment,
        digest="",
        lineage=state.lineage,
        serial=state.serial,
        changes=(Change(address, Action.POWER, msg("rebooted"), impact=impact),),
        steps=(step,),
        calls=budget(account, found),
        eta_seconds=None if found is None else math.ceil(found.seconds),
        unchanged=0,
    )


def console(address: Address, connection: Connection, store: ports.StateReader) -> Secret:
    """The link to an instance's console: a credential, for stdout and nothing else."""
    from reconciler.iwinv import single_reader
    from reconciler.iwinv.driver import ReadFailed

    kind = _kind_with_console(address, connection)
    entry = _settled_entry(session.read_state(store), address)
    try:
        return single_reader.console_link(
            connection.exchange, kind, entry.id, time_scale=connection.time_scale
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure


def bill(connection: Connection) -> Mapping[str, object]:
    """This month so far: `price` in whole units of `currency` without VAT, `start` and `end` as the
    cloud writes them.
    """
    from reconciler.iwinv import single_reader
    from reconciler.iwinv.driver import ReadFailed

    try:
        found = single_reader.live_bill(
            connection.exchange, time_scale=connection.time_scale, notify=connection.notify
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    finally:
        connection.notify(ActivityEnded())
    return {
        "price": found.price,
        "currency": found.currency,
        "vat": "excluded",
        "start": found.start,
        "end": found.end,
    }


def _kind_with_console(address: Address, connection: Connection) -> ResourceType:
    """The kind of the address. Stops unless its objects can be rebooted and have a console."""
    kind = connection.kinds.get(address.kind)
    if kind is None or kind.console is None or address.rule is not None or address.existing:
        message = msg("{address} is not an instance in this stack", address=address)
        hint = msg("name an instance, such as instances.web or instances.web[0]")
        raise Abort(error("usage", message, hint=hint))
    return kind


def _settled_entry(state: State | None, address: Address) -> Entry:
    """The entry of the address. Stops if there is none, or a request for it is open."""
    entry = session.entry_of(state, address)
    requests = () if state is None else state.open.values()
    for intent, _ in requests:
        if intent.address == str(address):
            message = msg(
                "{address}: an earlier run left {operation} unsettled",
                address=address,
                operation=intent.operation,
            )
            hint = msg("settle it with `reconciler recover`")
            raise Abort(error("open-intent", message, address=str(address), hint=hint))
    return entry


def _running(entry: Entry, account: Account) -> LiveResource:
    """The object of an entry. Stops unless it exists and is running."""
    live = account.find(entry.kind, entry.id)
    if live is None:
        message = msg(
            "{address}: {id} is not in the account's list", address=entry.address, id=entry.id
        )
        hint = msg("run `reconciler plan` to see what can be done")
        raise Abort(error("missing-object", message, address=entry.address, hint=hint))
    if live.attributes.get("power") != "on" or not live.ready:
        message = msg(
            "{address} is not running: its status is {status}",
            address=entry.address,
            status=live.attributes.get("status"),
        )
        hint = msg("only a running instance can be rebooted")
        raise Abort(error("bad-combination", message, address=entry.address, hint=hint))
    return live
