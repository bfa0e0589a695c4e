"""Acts without a desired state (commands#overview): reboot a server, the link to its console, this
month's bill. The stack's file is not asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconciler.commands import lifecycle, session
from reconciler.commands.context import Applied, Connection, Planned, Prompter, Run
from reconciler.common.secret import Secret
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import error
from reconciler.model.plan import Action, Change, Consent, Impact, Plan, RiskClass, Step
from reconciler.model.resource import Account, LiveResource, RefreshScope, Stack
from reconciler.model.state import Entry, State
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.estimate.forecast import budget, forecast

_OPERATION = "instance.reboot"


def reboot(
    stack: Stack,
    address: Address,
    connection: Connection,
    store: ports.Store,
    given: GivenConsent,
    run: Run,
    talk: Prompter,
    *,
    unprotect: bool = False,
) -> Applied:
    """Restarts a server that the stack owns: shown, asked (class downtime) and recorded like any
    other step.

    `stack` needs only a name and an environment. Stops where the server is not there, is off, or
    something about it is still open.
    """
    with session.Writing(
        store,
        run.holder,
        timeout_seconds=run.lock_timeout_seconds,
        stack=stack.name,
        environment=stack.environment,
    ) as writer:
        state = writer.state
        entry = _instance(state, address)
        account = session.read_account(
            connection,
            RefreshScope(
                kinds=frozenset({"instances"}), tracked={"instances": frozenset({entry.id})}
            ),
        )
        beside = tuple(session.account_problems(state, account, connection))
        live = _standing(entry, account)
        if "stop" in entry.protect and not unprotect:
            message = msg(
                "{address} is protected from stop, and a reboot stops it", address=address
            )
            raise Abort(
                error(
                    "protected",
                    message,
                    address=str(address),
                    hint=msg("add --unprotect to lift the protection for this run"),
                )
            )
        plan = _plan(stack, state, address, live, account, connection)
        planned = Planned(
            plan=plan,
            account=account,
            stack=stack,
            at=connection.exchange.unix(),
            problems=beside,
            tracked=tuple(state.entries),
        )
        return lifecycle.decide_and_do(planned, connection, writer, given, run, talk)


def _plan(
    stack: Stack,
    state: State,
    address: Address,
    live: LiveResource,
    account: Account,
    connection: Connection,
) -> Plan:
    low, _, high = connection.kinds["instances"].operations["reboot"].seconds
    step = Step(
        f"{_OPERATION} {address}", address, _OPERATION, target=live.id, instances=(live.id,)
    )
    impact = Impact(
        consents=(Consent(RiskClass.DOWNTIME, str(address)),), downtime_seconds=(low, high)
    )
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
    from reconciler.iwinv import single_reader
    from reconciler.iwinv.driver import ReadFailed

    entry = _instance(session.read_state(store), address)
    try:
        return single_reader.console_link(
            connection.exchange,
            connection.kinds[address.kind],
            entry.id,
            time_scale=connection.time_scale,
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure


def bill(connection: Connection) -> Mapping[str, object]:
    """This month so far: `price` in whole units of `currency`, VAT excluded, `start` and `end` as
    the cloud writes them.
    """
    from reconciler.iwinv import single_reader
    from reconciler.iwinv.driver import ReadFailed

    try:
        found = single_reader.live_bill(connection.exchange, time_scale=connection.time_scale)
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    return {
        "price": found.price,
        "currency": found.currency,
        "vat": "excluded",
        "start": found.start,
        "end": found.end,
    }


def _instance(state: State | None, address: Address) -> Entry:
    if address.kind != "instances" or address.rule is not None or address.existing:
        raise Abort(
            error(
                "usage",
                msg("{address} is not an instance in this stack", address=address),
                hint=msg("name an instance, such as instances.web or instances.web[0]"),
            )
        )
    entry = lifecycle.entry_of(state, address)
    doubt = (
        next((intent for intent, _ in state.open.values() if intent.address == str(address)), None)
        if state is not None
        else None
    )
    if doubt is not None:
        message = msg(
            "{address}: an earlier run left {operation} unsettled",
            address=address,
            operation=doubt.operation,
        )
        raise Abort(
            error(
                "open-intent",
                message,
                address=str(address),
                hint=msg("settle it with `reconciler recover`"),
            )
        )
    return entry


def _standing(entry: Entry, account: Account) -> LiveResource:
    live = account.find("instances", entry.id)
    if live is None:
        message = msg(
            "{address}: {id} is not in the account's list", address=entry.address, id=entry.id
        )
        raise Abort(
            error(
                "missing-object",
                message,
                address=entry.address,
                hint=msg("run `reconciler plan` to see what can be done"),
            )
        )
    if live.attributes.get("power") != "on" or not live.ready:
        message = msg(
            "{address} is not running: its status is {status}",
            address=entry.address,
            status=live.attributes.get("status"),
        )
        raise Abort(
            error(
                "bad-combination",
                message,
                address=entry.address,
                hint=msg("only a running instance can be rebooted"),
            )
        )
    return live
