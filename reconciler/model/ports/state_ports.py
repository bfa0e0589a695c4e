"""The ports of a stack's state: reading it, writing it as the only writer, and the place that
contains the states of several stacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.ports.audit_ports import KeepsAudit
from reconciler.model.ports.note_ports import KeepsNotes
from reconciler.model.ports.plan_ports import KeepsPlans
from reconciler.model.state import Freeze, Neighbor, Record, State


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that works on a stack, for messages. `since` is in unix seconds; `run` is the
    name of the run in the records.
    """

    user: str
    host: str
    pid: int
    command: str
    since: float
    step: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The process that works on a stack, or did until it died. `alive` is whether the lock is held;
    `holder` is None if the record cannot be read. `last_sign` is when it last gave a sign of life,
    in unix seconds by its own clock, None where the lock itself shows that.
    """

    holder: Holder | None
    alive: bool
    last_sign: float | None = None


Waiting: TypeAlias = Callable[[str], None]
"""Takes a text that says what is waited for, before a wait that may last longer than 2 s."""


@dataclass(frozen=True, slots=True)
class Version:
    """A kept state. `made` is when it was written, in unix seconds, `by` the process that wrote it;
    None if the place does not record that. `frozen` is its freeze, if it is frozen.
    """

    serial: int
    made: float | None = None
    by: Holder | None = None
    frozen: Freeze | None = None


@dataclass(frozen=True, slots=True)
class KeptStates:
    """The former states of a state that moves, newest first. `start` is the serial of the one
    before the last run.
    """

    states: tuple[State, ...] = ()
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The state that is being moved here, whole, and `origin`, the place that it comes from."""

    state: State
    origin: str


@dataclass(frozen=True, slots=True)
class Departure:
    """The state was moved away to the place `to`, where it began with that serial."""

    to: str
    lineage: str
    serial: int


Transit: TypeAlias = "Arrival | Departure"


class StateReader(Protocol):
    """Reads a state and its history; takes no lock."""

    @property
    def location(self) -> str:
        """Where the state is, for people: the path of a folder, or a URL without secrets."""
        ...

    @property
    def identity(self) -> str:
        """A text that two stores have in common if, and only if, they are of one state. Who needs
        two locks takes them in the order of these.
        """
        ...

    @property
    def is_distant(self) -> bool:
        """Whether every look takes a way over a network, so that needless ones are avoided."""
        ...

    def read(self) -> State | None:
        """The state with its journal folded in, or None if there is none. Raises `StateDamaged`,
        `StateNewer` or `PlaceUnusable`, as does whatever else reads it here.
        """
        ...

    def place_of(self, other: StateReader) -> str:
        """How this state names the place of another one for `at`, also in a copy of both."""
        ...

    def at(self, place: str) -> StateReader:
        """The state in that place. It may not exist."""
        ...

    def neighbors(self) -> tuple[Neighbor, ...]:
        """The states of the same place that can be read and whose names no file uses."""
        ...

    def same_name_projects(self) -> tuple[str, ...]:
        """Other projects of the same place that have a stack and environment of this name, as far
        as a short look shows. Raises nothing.
        """
        ...

    def was_moved(self, state: State) -> bool:
        """Whether a state of another name was moved here: no file uses that name, and its own
        folder is gone.
        """
        ...

    def others(self) -> tuple[Neighbor, ...]:
        """The states of other stacks and environments in the same place; those that cannot be read
        are left out, and so are copies.
        """
        ...

    def holder(self) -> Held | None:
        """Who works on this stack, or died while working; None if nobody."""
        ...

    def history(self) -> tuple[int, ...]:
        """The serials of the kept states, newest first. Raises `StateDamaged` if they cannot be
        listed.
        """
        ...

    def past(self, serial: int) -> State:
        """The kept state of that serial. Raises `StateDamaged` (also if it was not kept),
        `StateNewer`.
        """
        ...

    def before_last_run(self) -> State | None:
        """The state before the first record of the last run that recorded anything, or None if none
        was kept.
        """
        ...


class StateWriter(Protocol):
    """The one writer of a state, from `open` to `close`."""

    @property
    def state(self) -> State:
        """The state with every record so far."""
        ...

    def belong(self, *, account: str, endpoint: str) -> None:
        """Sets the account and the endpoint of a state that is empty and has none. They are written
        with the first record.
        """
        ...

    def append(self, record: Record) -> None:
        """Records durably. `record.sequence` is `state.sequence + 1`. Raises
        `RecordFailed`, `LostLock`.
        """
        ...

    def commit(self, *, account: str | None = None, endpoint: str | None = None) -> State:
        """Writes the whole state with the next serial and empties the journal. Raises
        `RecordFailed`, `LostLock`.

        If nothing has changed, nothing is written. A write replaces only the state that this writer
        read or wrote last. In an object store or a database that is a conditional write by serial.
        """
        ...

    def replace(self, state: State) -> State:
        """Makes another state of this stack the state, with the serial after both, and returns it.
        The one before it is kept. Raises `RecordFailed`, `LostLock`.
        """
        ...

    def depart(self, departure: Departure) -> None:
        """Records that the state was moved away. Nothing can be written afterwards. Raises
        `RecordFailed` (it may have happened), `LostLock`.
        """
        ...

    def check(self) -> None:
        """Raises `LostLock` if somebody else broke the lock."""
        ...

    def close(self) -> None:
        """Releases the lock."""
        ...


class Store(StateReader, KeepsPlans, KeepsNotes, Protocol):
    """A place that contains the state of one stack."""

    def open(
        self,
        holder: Holder,
        *,
        timeout_seconds: float,
        stack: str,
        environment: str | None,
        waiting: Waiting = lambda text: None,
    ) -> StateWriter:
        """Takes the lock. Raises `Locked`, `StateDamaged`, `StateNewer`, `PlaceUnusable`,
        `RecordFailed`.

        If there is no state, the writer's is new, with serial 0. No state is written before the
        first record or `commit`. `timeout_seconds` is how long a live holder is waited for; to find
        out whether one is alive may take up to 30 s more, for which `waiting` is called.
        """
        ...

    def rename(
        self, holder: Holder, *, timeout_seconds: float, stack: str, environment: str | None
    ) -> State | None:
        """Gives the state another name in the same place, with its history, under both locks, and
        returns it; None if there is none. The same call completes an interrupted one.

        A state without objects at the target is put aside. Raises `NameTaken` and all of `open`.
        """
        ...

    def unlock(self) -> Held | None:
        """Breaks the lock and returns who held it. Raises `RecordFailed`."""
        ...

    def transit(self) -> Transit | None:
        """Whether the state was moved away, or is being moved here; None if neither, also if there
        is no state. Raises `StateDamaged`, `StateNewer`.
        """
        ...

    def receive(
        self,
        arrival: Arrival,
        holder: Holder,
        *,
        instead_of: Transit | None,
        kept: KeptStates = KeptStates(),  # noqa: B008
    ) -> None:
        """Puts an arrival, durably, where `instead_of` was found and there is no state. Raises
        `NameTaken` if there is anything else, `Locked`, `RecordFailed`.

        `kept` are its former states, for a place that can take them into its history.
        """
        ...

    def complete(self, arrival: Arrival, holder: Holder) -> None:
        """Makes that arrival the state. Nothing happens if it is no longer there, because it was
        completed before. Raises `Locked`, `RecordFailed`, `StateDamaged`.
        """
        ...

    def versions(self) -> tuple[Version, ...]:
        """The kept states, newest first. Raises `StateDamaged` if they cannot be listed."""
        ...


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """What is known of a place, for people, and why it may keep less than it promises."""

    text: str = ""
    warnings: tuple[str, ...] = ()


class StatePlace(KeepsAudit, Protocol):
    """The place that contains the states of a project: a folder, a database or a bucket."""

    @property
    def location(self) -> str:
        """Where the states are, for people: the path of a folder, or a URL without secrets."""
        ...

    def store(self, stack: str, environment: str | None) -> Store:
        """The store of the state of that stack and environment. Sends nothing."""
        ...

    def environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted, even if no file defines them.
        Raises `PlaceUnusable`.
        """
        ...

    def facts(self) -> PlaceFacts:
        """What is known of the place. Raises `PlaceUnusable` if it cannot be reached."""
        ...

    def close(self) -> None:
        """Ends the connections. Raises nothing."""
        ...


class StoreError(Exception):
    """The state cannot be read, written or locked. `hint` says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class StateDamaged(StoreError):
    """The state or journal cannot be read as written."""


class PlaceUnusable(StoreError):
    """The place of the state cannot be reached, refuses the access, or keeps no promise that a
    state needs (exit 5).
    """


class StateNewer(StoreError):
    """The state was written by a newer version of the program."""


class StateMoved(StoreError):
    """The state is in another place, or on its way here: nobody may use it here."""


class RecordFailed(StoreError):
    """A record could not be made durable (exit 7)."""


class LostLock(StoreError):
    """The lock was broken by somebody else; nothing further may be sent."""


class NameTaken(StoreError):
    """There is a state with objects under the name that another state should get."""


class Locked(StoreError):
    """Another process holds the lock (exit 6). `last_sign` as in `Held`."""

    def __init__(
        self,
        message: str,
        *,
        holder: Holder | None,
        hint: str | None = None,
        last_sign: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.holder = holder
        self.last_sign = last_sign
