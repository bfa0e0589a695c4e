"""A hand-over: objects that move from the state of one stack to that of another.

Two states cannot be written in one step. So each keeps a fact until both are done:

1. The target keeps the hand-over as *incoming*. The source still has the objects.
2. The source drops the objects, and keeps the hand-over as *outgoing*. From now on they are the
   target's: this one record decides.
3. The target takes the objects, and keeps that they were *received*.
4. The source no longer keeps the hand-over, then the target no longer that it received it.

Whoever reads one state in between reads the other one, and does what is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.common.json_codec import Codec, DecodeError
from reconciler.model.resource import title_of
from reconciler.model.state import Deposed, Entry, State, StateChange

INCOMING = "incoming:"
OUTGOING = "outgoing:"
RECEIVED = "received:"
"""The beginnings of the names of facts, before the token of a hand-over. The value of the first two
is the hand-over.
"""

MOVED = "moved:"
"""The beginning of the name of a fact, before the id of an object that was handed over. Its marker
may name this stack for ever; it is not missing here. The value is the title of the other stack.
"""

_CODEC = Codec(sparse=(Entry, Deposed))


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two states: its stack and environment, its lineage, and its place as the other
    one names it. `file` is the path of the stack from the folder of the other stack.
    """

    stack: str
    environment: str | None
    lineage: str
    place: str
    file: str

    @property
    def title(self) -> str:
        """The stack and environment, for people."""
        return title_of(self.stack, self.environment)


@dataclass(frozen=True, slots=True)
class HandOver:
    """Objects on their way: `entries` as the target will have them, `given` their addresses in the
    source, in the same order, `facts` what the source knows of them.
    """

    token: str
    source: Side
    target: Side
    given: tuple[str, ...]
    entries: tuple[Entry, ...]
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the objects, those of rules apart."""
        return frozenset(entry.id for entry in self.entries if entry.parent is None)

    def announce(self) -> tuple[StateChange, ...]:
        """What the target records first."""
        return (StateChange(fact=(INCOMING + self.token, _text(self))),)

    def give(self) -> tuple[StateChange, ...]:
        """What the source records then: the objects are no longer its own."""
        return (
            StateChange(fact=(OUTGOING + self.token, _text(self))),
            *(StateChange(drop=address) for address in self.given),
            *(StateChange(fact=(name, None)) for name, _ in self.facts),
            *(StateChange(fact=(MOVED + id, self.target.title)) for id in sorted(self.ids)),
        )

    def receive(self) -> tuple[StateChange, ...]:
        """What the target records then: the objects are its own."""
        return (
            *(StateChange(put=entry) for entry in self.entries),
            *(StateChange(fact=fact) for fact in self.facts),
            *(StateChange(fact=(MOVED + id, None)) for id in sorted(self.ids)),
            StateChange(fact=(RECEIVED + self.token, self.source.title)),
            StateChange(fact=(INCOMING + self.token, None)),
        )


class Stage(Enum):
    """How far a hand-over is. `ANNOUNCED`: the source has the objects. `GIVEN`: the target has to
    take them. `RECEIVED`: the target has them. `UNKNOWN`: the other state cannot be read.
    `LOST`: the source has given them, and the target knows nothing of them.
    """

    ANNOUNCED = "announced"
    GIVEN = "given"
    RECEIVED = "received"
    UNKNOWN = "unknown"
    LOST = "lost"


def incoming(state: State) -> Iterator[HandOver]:
    """The hand-overs to this state that are not complete, by token."""
    return _found(state, INCOMING)


def outgoing(state: State) -> Iterator[HandOver]:
    """The hand-overs from this state that are not complete, by token."""
    return _found(state, OUTGOING)


def is_pending(state: State) -> bool:
    """Whether a hand-over to or from this state is not complete."""
    return any(name.startswith((INCOMING, OUTGOING)) for name in state.facts)


def stage_of_incoming(hand_over: HandOver, source: State | None) -> Stage:
    """How far a hand-over to a state is; `source` is the other state, if it can be read."""
    if source is None or source.lineage != hand_over.source.lineage:
        return Stage.UNKNOWN
    return Stage.GIVEN if OUTGOING + hand_over.token in source.facts else Stage.ANNOUNCED


def stage_of_outgoing(hand_over: HandOver, target: State | None) -> Stage:
    """How far a hand-over from a state is; `target` is the other state, if it can be read."""
    if target is None or target.lineage != hand_over.target.lineage:
        return Stage.UNKNOWN
    if RECEIVED + hand_over.token in target.facts:
        return Stage.RECEIVED
    return Stage.GIVEN if INCOMING + hand_over.token in target.facts else Stage.LOST


def _text(hand_over: HandOver) -> str:
    return json.dumps(_CODEC.encode(hand_over), ensure_ascii=False, sort_keys=True)


def _found(state: State, prefix: str) -> Iterator[HandOver]:
    for name in sorted(state.facts):
        if name.startswith(prefix):
            try:
                found: HandOver = _CODEC.decode(HandOver, json.loads(state.facts[name]))
            except (ValueError, DecodeError, RecursionError):
                continue  # written by a newer version: left to it
            yield found
