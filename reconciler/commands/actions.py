"""Actions without a desired state (commands#overview): reboot, rebuild, start or stop an instance,
the link to its console, this month's bill. The stack file is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconciler.commands import session
from reconciler.commands.apply import carry_out
from reconciler.commands.context import Applied, Connection, Execution, Planned
from reconciler.common.dataclass import dataclass
from reconciler.common.secret import Secret
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error, notice, warning
from reconciler.model.events import ActivityEnded, Message
from reconciler.model.plan import Action, Change, Consent, DataLoss, Impact, Plan, RiskClass, Step
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import Account, LiveResource, Stack
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import Entry, State
from reconciler.planner.compare import fingerprint
from reconciler.planner.estimate.forecast import budget, forecast
from reconciler.planner.steps import impact as impacts

_STOP = "stop"


@dataclass(frozen=True, slots=True)
class Act:
    """What `server VERB` does to one instance: `operation` of its kind, explained to people as
    `reason`.

    `needs` is the power that it must have, None for any; one that has the other power already is
    left alone if `ends` is that power. `risks` need consent; those of `DOWNTIME` only if it runs.
    """

    verb: str
    operation: str
    action: Action
    reason: Text
    needs: str | None = "on"
    ends: str | None = None
    risks: tuple[RiskClass, ...] = (RiskClass.DOWNTIME,)
    protected_as: str | None = _STOP


ACTS: Mapping[str, Act] = {
    act.verb: act
    for act in (
        Act("reboot", "reboot", Action.POWER, msg("rebooted")),
        Act(
            "rebuild",
            "reinstall",
            Action.REBUILD,
            msg("the same image is installed again"),
            needs=None,
            risks=(RiskClass.DATA_LOSS, RiskClass.DOWNTIME),
            protected_as="rebuild",
        ),
        Act(
            "start",
            "start",
            Action.POWER,
            msg("powered on"),
            needs="off",
            ends="on",
            risks=(),
            protected_as=None,
        ),
        Act(
            "stop",
            "stop",
            Action.POWER,
            msg("powered off"),
            ends="off",
        ),
    )
}
"""The commands `server VERB`. None of them changes what the file asks for."""


@dataclass(frozen=True, slots=True)
class _Target:
    """An instance of the stack: its kind and address, the state, and the account that shows it."""

    kind: ResourceType
    address: Address
    state: State
    account: Account
    live: LiveResource

    @property
    def entry(self) -> Entry:
        """Its entry in the state."""
        return self.state.entries[str(self.address)]


def act(
    stack: Stack,
    address: Address,
    what: Act,
    connection: Connection,
    store: ports.Store,
    execution: Execution,
) -> Applied:
    """Does one act to an instance of the stack: shown, asked and recorded like any other step.

    `stack` needs only a name and an environment. Stops if the instance does not exist, is busy,
    unsettled or protected, or has the wrong power. Nothing is sent if it already is as asked.
    """
    with session.writing(store, stack, execution.run, connection.notify) as writer:
        instance = _find(address, writer.state, connection)
        problems = [*session.account_problems(writer.state, instance.account, connection)]
        is_done = what.ends is not None and instance.live.attributes.get("power") == what.ends
        if not is_done:
            _check(what, instance)
        if what.action is Action.REBUILD:
            problems.append(_unknown_login(address))
        if what.ends == "off" and instance.entry.applied.get("power") == "on" and not is_done:
            problems.append(_started_by_apply(address))
        planned = Planned(
            plan=_plan(stack, what, instance, connection),
            account=instance.account,
            stack=stack,
            at=connection.exchange.unix(),
            problems=tuple(problems),
            tracked=tuple(writer.state.entries),
        )
        if not is_done:
            return carry_out(planned, connection, writer, execution)
        power = phrase_of_power(what.ends == "on")
        done = msg("{address} is already {power}. Nothing was sent.", address=address, power=power)
        execution.prompter.emit(Message(done))
        return Applied(planned, exit_codes.DONE)


def phrase_of_power(runs: bool) -> Text:
    """The power of an instance in a sentence."""
    return msg("running") if runs else msg("powered off")


def _find(address: Address, state: State, connection: Connection) -> _Target:
    """The instance in the state and in the account. Stops if it is not in both and at rest."""
    kind = _kind_with_console(address, connection)
    entry = _settled_entry(state, address)
    scope = RefreshScope(kinds=frozenset({kind.name}), tracked={kind.name: frozenset({entry.id})})
    account = session.read_account(connection, scope)
    return _Target(kind, address, state, account, _at_rest(entry, account))


def _check(what: Act, instance: _Target) -> None:
    """Stops if the act is not for the instance as it is, or if the instance is protected from
    it.
    """
    power = instance.live.attributes.get("power")
    if what.needs is not None and power != what.needs:
        message = msg(
            "{address} is not {power}: its status is {status}",
            address=instance.address,
            power=phrase_of_power(what.needs == "on"),
            status=instance.live.attributes.get("status"),
        )
        hint = msg(
            "start it with `reconciler server start {address}`", address=pasted(instance.address)
        )
        raise Abort(error("bad-combination", message, address=str(instance.address), hint=hint))
    if what.protected_as is not None and what.protected_as in instance.entry.protect:
        message = msg(
            "{address} is protected from {risk}, so `server {verb}` is refused",
            address=instance.address,
            risk=what.protected_as,
            verb=what.verb,
        )
        hint = msg("add --unprotect to lift the protection for this run")
        raise Abort(error("protected", message, address=str(instance.address), hint=hint))


def _unknown_login(address: Address) -> Problem:
    return warning(
        "no-login",
        msg(
            "{address}: the API does not say which login works after a rebuild: whether the SSH "
            "keys and the first password are installed again is not documented",
            address=address,
        ),
        address=str(address),
        hint=msg(
            "be ready to log in at the console: `reconciler server console {address}`",
            address=pasted(address),
        ),
    )


def _started_by_apply(address: Address) -> Problem:
    return notice(
        "powered-off",
        msg("{address} is started again by the next apply: its `power` is on", address=address),
        address=str(address),
        hint=msg("to keep it off, write `power: off` in the file and apply instead"),
    )


def _plan(stack: Stack, what: Act, instance: _Target, connection: Connection) -> Plan:
    kind, address, live = instance.kind, instance.address, instance.live
    operation = kind.operation_name(what.operation)
    inputs = {"image": live.attributes["image"]} if what.action is Action.REBUILD else {}
    step = Step(
        f"{operation} {address}",
        address,
        operation,
        target=live.id,
        inputs=inputs,
        instances=(live.id,),
        fingerprint=fingerprint.of(live, instance.account),
        temporary=True,
    )
    runs = live.attributes.get("power") == "on"
    risks = [risk for risk in what.risks if runs or risk is not RiskClass.DOWNTIME]
    lost = (
        DataLoss(
            str(address), str(kind.disk), kind.disk_gb(live.attributes, instance.account.catalogue)
        )
        if RiskClass.DATA_LOSS in risks
        else None
    )
    impact = Impact(
        consents=tuple(Consent(risk, str(address)) for risk in risks),
        downtime_seconds=impacts.downtime((step,), kind.operations) if runs else None,
        data_loss=() if lost is None else (lost,),
        reversible=lost is None,
    )
    found = forecast(
        (step,),
        instance.account,
        connection.kinds,
        state=instance.state,
        throughput=connection.exchange.throughput(),
    )
    return Plan(
        stack=stack.name,
        environment=stack.environment,
        digest="",
        lineage=instance.state.lineage,
        serial=instance.state.serial,
        changes=(Change(address, what.action, what.reason, impact=impact),),
        steps=(step,),
        calls=budget(instance.account, found),
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


def bills(
    connection: Connection, query: tuple[tuple[str, str], ...]
) -> tuple[Mapping[str, object], ...]:
    """The earlier bills of the account that a query of the API selects, by date."""
    from reconciler.iwinv import single_reader
    from reconciler.iwinv.driver import ReadFailed

    try:
        return single_reader.bills(
            connection.exchange,
            query,
            time_scale=connection.time_scale,
            notify=connection.notify,
        )
    except ReadFailed as failure:
        raise Abort(failure.problem) from failure
    finally:
        connection.notify(ActivityEnded())


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


def _at_rest(entry: Entry, account: Account) -> LiveResource:
    """The object of an entry. Stops unless it exists and the cloud is not working on it."""
    live = account.find(entry.kind, entry.id)
    if live is None:
        message = msg(
            "{address}: {id} is not in the account's list", address=entry.address, id=entry.id
        )
        hint = msg("run `reconciler plan` to see what can be done")
        raise Abort(error("missing-object", message, address=entry.address, hint=hint))
    if not live.ready:
        message = msg(
            "{address} is still being changed: its status is {status}",
            address=entry.address,
            status=live.attributes.get("status"),
        )
        hint = msg("wait until the cloud has finished, or run `reconciler plan`")
        raise Abort(error("bad-combination", message, address=entry.address, hint=hint))
    return live
