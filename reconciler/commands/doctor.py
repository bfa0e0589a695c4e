"""`doctor`: facts about the environment of a run, each of them whatever is wrong with the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.commands import session
from reconciler.commands.context import ConcurrentRun, Connection
from reconciler.commands.plan import plan
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery.signature_fence import SIGNATURE_SECONDS

CLOCK_WARNING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One fact: its name, the fact as text, and the problem with it, if there is one."""

    name: str
    text: str
    problem: Problem | None = None


def cloud(connection: Connection) -> Iterator[Check]:
    """Whether the endpoint answers, accepts the key, and has the same time. Reads one short
    list.
    """
    refused: Problem | None = None
    try:
        session.read_account(connection, RefreshScope(catalogue=frozenset({"zones"})))
    except Abort as stop:
        refused = stop.problems[0]
    ahead = connection.exchange.clock_ahead
    silent = refused if ahead is None else None
    endpoint: str = connection.endpoint
    if connection.simulated:
        endpoint = msg("{endpoint} (simulated)", endpoint=endpoint)
    if silent is not None:
        yield Check(msg("endpoint"), msg("{endpoint}, no answer", endpoint=endpoint), silent)
    else:
        yield Check(msg("endpoint"), endpoint)
    key = f"..{connection.key_suffix}" if connection.key_suffix else msg("set")
    accepted = msg("accepted") if refused is None else msg("not proved")
    yield Check(msg("key"), joined(", ", (key, accepted)), None if silent is not None else refused)
    yield _clock(ahead)


def _clock(ahead: float | None) -> Check:
    if ahead is None:
        return Check(msg("clock"), msg("not compared: no answer with a date arrived"))
    seconds, problem = abs(ahead), None
    text: str = msg("matches the cloud's")
    if seconds >= 1:
        side = msg("ahead of") if ahead > 0 else msg("behind")
        text = msg("{seconds:.0f} s {side} the cloud's", seconds=seconds, side=side)
    if seconds > SIGNATURE_SECONDS:
        message = msg(
            "the clock is {seconds:.0f} s off; the cloud accepts at most {limit} s",
            seconds=seconds,
            limit=SIGNATURE_SECONDS,
        )
        problem = error("clock", message)
    elif seconds > CLOCK_WARNING_SECONDS:
        message = msg("the clock is {seconds:.0f} s off", seconds=seconds)
        problem = warning("clock", message, hint=msg("synchronize it with NTP"))
    return Check(msg("clock"), text, problem)


def kept(
    store: ports.StateReader,
    where: str,
    connection: Connection | None,
    concurrent: Callable[[], ConcurrentRun | None],
) -> Iterator[Check]:
    """Facts about the state: whether it can be read, whose it is, and what is unsettled."""
    running = concurrent()
    try:
        state = session.read_state(store)
    except Abort as stop:
        yield Check(msg("state"), where, stop.problems[0])
        state = None
    else:
        yield Check(msg("state"), joined(", ", (where, _size(state))))
    yield Check(msg("lock"), msg("free") if running is None else running.title)
    if state is None:
        return
    if connection is not None:
        yield _owner(state, connection)
    yield _open(state, running)
    if state.facts.get("marker") == "unproved":
        hint = msg("if the answer to a create is lost, a person must settle it (recover)")
        text = msg("this account returns descriptions in another form than they were sent")
        yield Check(msg("marker"), msg("unproved"), warning("open-intent", text, hint=hint))
    else:
        yield Check(msg("marker"), msg("descriptions come back as they were sent"))


_ABOUT_OBJECTS = exit_codes.SHOWN_FIRST | {"doubled", "state-missing"}
"""Codes of the problems of a plan with objects that are exposed or not in the state."""


def objects(
    load: Callable[[], Stack],
    pasteable: Callable[[Problem], Problem],
    connection: Connection,
    store: ports.StateReader,
    concurrent: Callable[[], ConcurrentRun | None],
) -> Iterator[Check]:
    """Instances without their firewall, and objects of the stack that are missing from its state,
    as a plan finds them.
    """
    try:
        stack = load()
        planned = plan(stack, connection, store, PlanOptions(), concurrent)
    except Abort as stop:
        # A former name is reported with the state.
        if all(problem.code != "former-name" for problem in stop.problems):
            text = msg(
                "not compared with the state ({code}): run `reconciler plan` for details",
                code=stop.problems[0].code,
            )
            yield Check(msg("objects"), text)
        return
    found = [problem for problem in planned.plan.problems if problem.code in _ABOUT_OBJECTS]
    for problem in found:
        exposed = problem.code == "exposed"
        fact = (
            msg("has, or may have, no firewall")
            if exposed
            else msg("this object is not in the state")
        )
        yield Check(
            msg("objects"),
            msg("{address}: {fact}", address=problem.address, fact=fact),
            pasteable(problem),
        )
    if not found:
        text = msg(
            "{stack}: every instance has its firewall, no untracked objects", stack=stack.title
        )
        yield Check(msg("objects"), text)


def _size(state: State | None) -> str:
    if state is None:
        return msg("none yet")
    rules = sum(1 for entry in state.entries.values() if entry.parent is not None)
    objects = len(state.entries) - rules
    parts: list[str] = [
        msg("serial {serial}", serial=state.serial),
        msg("{number} object" if objects == 1 else "{number} objects", number=objects),
    ]
    if rules:
        parts.append(msg("{number} rule" if rules == 1 else "{number} rules", number=rules))
    if state.deposed:
        parts.append(msg("{number} left behind", number=len(state.deposed)))
    return joined(", ", parts)


def _owner(state: State, connection: Connection) -> Check:
    if state.endpoint is not None and state.endpoint != connection.endpoint:
        message = msg(
            "the state belongs to {state_endpoint}, but the current endpoint is {endpoint}",
            state_endpoint=state.endpoint,
            endpoint=connection.endpoint,
        )
        hint = msg("set IWINV_ENDPOINT or RECONCILER_STATE")
        return Check(msg("account"), msg("another endpoint"), error("account", message, hint=hint))
    if state.account is not None and state.account != connection.account:
        message = msg(
            "the state was written with a different key; a run continues only if this key "
            "can see an object of the stack"
        )
        return Check(msg("account"), msg("another key"), warning("account", message))
    if state.account is None:
        return Check(msg("account"), msg("not recorded in the state yet"))
    return Check(msg("account"), msg("same as in the state"))


def _open(state: State, running: ConcurrentRun | None) -> Check:
    run = None if running is None else running.run
    found = [
        intent
        for _, (intent, result) in sorted(state.open.items())
        if result != "accepted" and intent.run != run
    ]
    if not found:
        return Check(msg("open requests"), msg("none"))
    requests = ", ".join(f"{intent.operation} {intent.address}" for intent in found)
    problem = error(
        "open-intent",
        msg("the outcome of {requests} is unknown", requests=requests),
        hint=msg("the next apply settles what it can; otherwise run `reconciler recover`"),
    )
    return Check(msg("open requests"), str(len(found)), problem)
