"""`doctor`: what can be said of the surroundings of a run, one fact after another, whatever is
wrong with those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.commands import lifecycle, session
from reconciler.commands.context import ConcurrentRun, Connection
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.resource import RefreshScope, Stack
from reconciler.model.state import State
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.recovery.signature_fence import SIGNATURE_SECONDS

CLOCK_SECONDS_CARE = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One fact: its name, what is so, and the problem with it, if there is one."""

    name: str
    said: str
    problem: Problem | None = None


def cloud(connection: Connection) -> Iterator[Check]:
    """Whether the endpoint answers, takes the key, and has the same time: by reading one short
    list.
    """
    refused: Problem | None = None
    try:
        session.read_account(connection, RefreshScope(catalogue=frozenset({"zones"})))
    except Abort as stop:
        refused = stop.problems[0]
    silent = refused if refused is not None and connection.exchange.clock_ahead is None else None
    endpoint = connection.endpoint + (" (simulated)" if connection.simulated else "")
    yield Check(
        "endpoint",
        endpoint if silent is None else msg("{endpoint}, no answer", endpoint=endpoint),
        silent,
    )
    key = f"..{connection.key_suffix}" if connection.key_suffix else "set"
    yield Check(
        "key",
        f"{key}, {'accepted' if refused is None else 'not proved'}",
        None if silent is not None else refused,
    )
    yield _clock(connection.exchange.clock_ahead)


def _clock(ahead: float | None) -> Check:
    if ahead is None:
        return Check("clock", msg("not compared: no answer with a date arrived"))
    said = (
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the cloud's"
        if abs(ahead) >= 1
        else msg("matches the cloud's")
    )
    if abs(ahead) > SIGNATURE_SECONDS:
        message = msg(
            "the clock is {seconds:.0f} s off; the cloud accepts at most {limit} s",
            seconds=abs(ahead),
            limit=SIGNATURE_SECONDS,
        )
        return Check("clock", said, error("clock", message))
    if abs(ahead) > CLOCK_SECONDS_CARE:
        return Check(
            "clock",
            said,
            warning(
                "clock",
                msg("the clock is {seconds:.0f} s off", seconds=abs(ahead)),
                hint=msg("synchronize it with NTP"),
            ),
        )
    return Check("clock", said)


def kept(
    store: ports.StateReader,
    where: str,
    connection: Connection | None,
    beside: Callable[[], ConcurrentRun | None],
) -> Iterator[Check]:
    """What the state says of itself: readable, whose, what is under way, what is not known."""
    running = beside()
    try:
        state = session.read_state(store)
    except Abort as stop:
        yield Check("state", where, stop.problems[0])
        state = None
    else:
        yield Check("state", f"{where}, {_holds(state)}")
    yield Check("lock", "free" if running is None else running.said)
    if state is None:
        return
    if connection is not None:
        yield from _belongs(state, connection)
    yield _open(state, running)
    if state.facts.get("marker") == "unproved":
        hint = msg("if the answer to a create is lost, a person must settle it (recover)")
        said = msg("this account returns descriptions in another form than they were sent")
        yield Check("marker", "unproved", warning("open-intent", said, hint=hint))
    else:
        yield Check("marker", msg("descriptions come back as they were sent"))


_STANDING = exit_codes.SAID_FIRST | {"doubled", "state-missing"}
"""Codes of what a plan finds about objects that stand as they should not."""


def standing(
    load: Callable[[], Stack],
    pasteable: Callable[[Problem], Problem],
    connection: Connection,
    store: ports.StateReader,
    beside: Callable[[], ConcurrentRun | None],
) -> Iterator[Check]:
    """Servers without their firewall, and objects of the stack that its state does not know, as a
    plan finds them.
    """
    try:
        stack = load()
        planned = lifecycle.plan(stack, connection, store, PlanOptions(), beside)
    except Abort as stop:
        if all(problem.code != "former-name" for problem in stop.problems):  # told with the state
            yield Check(
                "objects",
                msg(
                    "not compared with the state ({code}): run `reconciler plan` for details",
                    code=stop.problems[0].code,
                ),
            )
        return
    found = [problem for problem in planned.plan.problems if problem.code in _STANDING]
    for problem in found:
        said = (
            msg("has, or may have, no firewall")
            if problem.code == "exposed"
            else msg("this object is not in the state")
        )
        yield Check("objects", f"{problem.address}: {said}", pasteable(problem))
    if not found:
        yield Check(
            "objects",
            msg(
                "{stack}: every instance has its firewall, no untracked objects", stack=stack.title
            ),
        )


def _holds(state: State | None) -> str:
    if state is None:
        return "none yet"
    rules = sum(1 for entry in state.entries.values() if entry.parent is not None)
    objects = len(state.entries) - rules
    parts = [f"serial {state.serial}", f"{objects} object{'' if objects == 1 else 's'}"]
    parts += [f"{rules} rule{'' if rules == 1 else 's'}"] if rules else []
    return ", ".join([*parts, *([f"{len(state.deposed)} left behind"] if state.deposed else [])])


def _belongs(state: State, connection: Connection) -> Iterator[Check]:
    if state.endpoint is not None and state.endpoint != connection.endpoint:
        said = msg(
            "the state belongs to {state_endpoint}, but the current endpoint is {endpoint}",
            state_endpoint=state.endpoint,
            endpoint=connection.endpoint,
        )
        yield Check(
            "account",
            msg("another endpoint"),
            error("account", said, hint=msg("set IWINV_ENDPOINT or RECONCILER_STATE_DIR")),
        )
    elif state.account is not None and state.account != connection.account:
        said = msg(
            "the state was written with a different key; a run continues only if this key "
            "can see an object of the stack"
        )
        yield Check("account", msg("another key"), warning("account", said))
    else:
        yield Check(
            "account",
            msg("same as in the state")
            if state.account is not None
            else msg("not recorded in the state yet"),
        )


def _open(state: State, running: ConcurrentRun | None) -> Check:
    run = None if running is None else running.run
    found = [
        intent
        for intent, result in (state.open[key] for key in sorted(state.open))
        if result != "accepted" and intent.run != run
    ]
    if not found:
        return Check("open requests", "none")
    said = ", ".join(f"{intent.operation} {intent.address}" for intent in found)
    problem = error(
        "open-intent",
        msg("the outcome of {requests} is unknown", requests=said),
        hint=msg("the next apply settles what it can; otherwise run `reconciler recover`"),
    )
    return Check("open requests", str(len(found)), problem)
