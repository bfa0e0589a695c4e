"""Acts without a desired state (SPEC 3): reboot a server, the link to its console, this month's bill. The stack's file is not asked."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconciler import app, opening, ports
from reconciler.app import Applied, Connection, Conversation, Planned, Run
from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Consent, Impact, Plan, RiskClass, Step
from reconciler.core.consent import Given
from reconciler.core.forecast import budget, forecast
from reconciler.core.model import Account, LiveResource, Stack, Wants
from reconciler.core.problems import error
from reconciler.core.secret import Secret
from reconciler.core.state import Entry, State
from reconciler.stop import Stop

_OPERATION = "instance.reboot"


def reboot(
    stack: Stack,
    address: Address,
    connection: Connection,
    store: ports.Store,
    given: Given,
    run: Run,
    talk: Conversation,
    *,
    unprotect: bool = False,
) -> Applied:
    """Restarts a server that the stack owns: shown, asked (class downtime) and recorded like any other step.

    `stack` needs only a name and an environment. Stops where the server is not there, is off, or something about it is still open.
    """
    with opening.Writing(
        store, run.holder, timeout_seconds=run.lock_timeout_seconds, stack=stack.name, environment=stack.environment
    ) as writer:
        state = writer.state
        entry = _server(state, address)
        account = opening.read_account(connection, Wants(instances=True, tracked={"instances": frozenset({entry.id})}))
        beside = tuple(opening.account_problems(state, account, connection))
        live = _standing(entry, account)
        if "stop" in entry.protect and not unprotect:
            message = f"{address} is protected from stop, and a reboot stops it"
            raise Stop(error("protected", message, address=str(address), hint="--unprotect frees this run"))
        plan = _plan(stack, state, address, live, account, connection)
        planned = Planned(
            plan=plan, account=account, stack=stack, at=connection.exchange.unix(), problems=beside, tracked=tuple(state.entries)
        )
        return app.decide_and_do(planned, connection, writer, given, run, talk)


def _plan(stack: Stack, state: State, address: Address, live: LiveResource, account: Account, connection: Connection) -> Plan:
    low, _, high = connection.kinds["instances"].operations["reboot"].seconds
    step = Step(f"{_OPERATION} {address}", address, _OPERATION, target=live.id, servers=(live.id,))
    impact = Impact(consents=(Consent(RiskClass.DOWNTIME, str(address)),), downtime_seconds=(low, high))
    found = forecast((step,), account, connection.kinds, pace=connection.exchange.pace())
    return Plan(
        stack=stack.name,
        environment=stack.environment,
        digest="",
        lineage=state.lineage,
        serial=state.serial,
        changes=(Change(address, Action.POWER, "rebooted", impact=impact),),
        steps=(step,),
        calls=budget(account, found),
        eta_seconds=None if found is None else math.ceil(found.seconds),
        unchanged=0,
    )


def console(address: Address, connection: Connection, store: ports.StateReader) -> Secret:
    """The link to a server's console: a credential, for stdout and nothing else."""
    from reconciler.cloud import reader, single

    entry = _server(opening.read_state(store), address)
    try:
        return single.console_link(connection.exchange, entry.id, time_scale=connection.time_scale)
    except reader.ReadFailed as failure:
        raise Stop(failure.problem) from failure


def bill(connection: Connection) -> Mapping[str, object]:
    """This month so far: `price` in whole units of `currency`, VAT excluded, `start` and `end` as the cloud writes them."""
    from reconciler.cloud import reader, single

    try:
        found = single.live_bill(connection.exchange, time_scale=connection.time_scale)
    except reader.ReadFailed as failure:
        raise Stop(failure.problem) from failure
    return {"price": found.price, "currency": found.currency, "vat": "excluded", "start": found.start, "end": found.end}


def _server(state: State | None, address: Address) -> Entry:
    if address.kind != "instances" or address.rule is not None or address.existing:
        raise Stop(error("usage", f"{address} is no server of the stack", hint="name one like instances.web or instances.web[0]"))
    entry = app.entry_of(state, address)
    doubt = next((intent for intent, _ in state.open.values() if intent.address == str(address)), None) if state is not None else None
    if doubt is not None:
        message = f"{address}: an earlier run left {doubt.operation} open"
        raise Stop(error("open-intent", message, address=str(address), hint="reconciler recover"))
    return entry


def _standing(entry: Entry, account: Account) -> LiveResource:
    live = account.find("instances", entry.id)
    if live is None:
        message = f"{entry.address}: {entry.id} is not in the account's list"
        raise Stop(error("missing-object", message, address=entry.address, hint="`reconciler plan` says what can be done"))
    if live.attributes.get("power") != "on" or not live.ready:
        message = f"{entry.address} does not run: its status is {live.attributes.get('status')}"
        raise Stop(error("bad-combination", message, address=entry.address, hint="only a running server can be rebooted"))
    return live
