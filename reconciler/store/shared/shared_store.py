"""The state of one stack in a place that many machines see (docs/decisions/shared-state.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from reconciler.common.text import msg
from reconciler.model.ports import (
    Arrival,
    Held,
    Holder,
    KeptStates,
    LostLock,
    StateDamaged,
    StateReader,
    StoreError,
    Transit,
    Version,
)
from reconciler.model.resource import title_of
from reconciler.model.state import Neighbor, State
from reconciler.store.folder_name import folder_name, name_of_folder
from reconciler.store.notes.object_notes import ObjectNotes
from reconciler.store.objects.port import ObjectStore, ObjectStoreError
from reconciler.store.plans.object_plans import ObjectPlans
from reconciler.store.shared import siblings
from reconciler.store.shared.beat import Pulse
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_format import CloseBody
from reconciler.store.shared.log.log_reader import LogReader, LogReading
from reconciler.store.shared.log.log_writer import LogPlace
from reconciler.store.shared.log.retry_reads import read_again
from reconciler.store.shared.passage import (
    SharedArrival,
    require_arrived,
    require_usable,
    transit_of,
)
from reconciler.store.shared.past_states import PastStates
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_rename import SharedRename
from reconciler.store.shared.shared_writer import SharedWriter, Taken
from reconciler.store.shared.spill import Spill
from reconciler.store.shared.taking import Taker, Waiting, Wanted, is_open, locked

T = TypeVar("T")


class SharedStore:
    """The state of one stack below `<project>/<name>/` of a place, `name` being `<stack>[.<env>]`.

    `connect` opens a connection to the place. A reader uses `objects`, or a connection of its own
    that is opened when it is first needed; each writer has another one, and so has its beat.
    """

    def __init__(
        self,
        connect: Callable[[], ObjectStore],
        project: str,
        name: str,
        *,
        runtime: StoreRuntime | None = None,
        objects: ObjectStore | None = None,
    ) -> None:
        self._connect, self._project, self._name = connect, project, name
        self._runtime = StoreRuntime() if runtime is None else runtime
        self._keys = StackKeys(f"{project}/{name}/")
        self._opened = objects
        self._fresh: tuple[float, LogReading] | None = None
        self._only_reads = True

    @property
    def location(self) -> str:
        """The URL of the place, without a secret, with project, stack and environment."""
        place, mark, parameters = self._objects.location.partition("?")
        return f"{place.rstrip('/')}/{self._project}/{self._name}{mark}{parameters}"

    @property
    def identity(self) -> str:
        """The location: the same for two stores of one state."""
        return self.location

    @property
    def plans(self) -> ObjectPlans:
        """The saved plans beside the state."""
        return ObjectPlans(self._connect, f"{self._project}/{self._name}/")

    @property
    def notes(self) -> ObjectNotes:
        """The notes beside the state."""
        return ObjectNotes(self._connect, f"{self._project}/{self._name}/")

    @property
    def is_distant(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Ends the connection of this store. Raises nothing."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def read(self) -> State | None:
        """The state with every record so far, or None if there is none. Raises `StateDamaged`,
        `StateNewer`, `PlaceUnusable`.
        """
        reading = self._read()
        require_usable(reading, self._objects.location, self._name)
        self._require_arrived(reading)
        return reading.state

    def open(
        self,
        holder: Holder,
        *,
        timeout_seconds: float,
        stack: str,
        environment: str | None,
        waiting: Waiting = lambda text: None,
    ) -> SharedWriter:
        """Takes the lock. Raises `Locked`, `StateDamaged`, `StateNewer`, `PlaceUnusable`,
        `RecordFailed`.

        `timeout_seconds` is how long a live holder is waited for. To find out whether one is alive
        may take 30 s more, for which `waiting` is called.
        """

        def require(reading: LogReading) -> None:
            if reading.position == 0:
                self._runtime.check_place(self._objects)
            self._require_arrived(reading)
            self._require_name(reading, stack, environment)

        self._only_reads = False
        taker = self._taker(self._connect())
        try:
            wanted = Wanted(holder, stack, environment, timeout_seconds, waiting)
            reading, log = taker.take(wanted, require)
        except BaseException:
            taker.place.objects.close()
            raise
        state = reading.folded.state or State(log.lineage, 0, stack, environment)
        pulse = Pulse(self._connect, log)
        spill = self._spill(state.lineage)
        writer = SharedWriter(Taken(taker.place, reading, log, pulse, spill), state)
        try:
            if (state.stack, state.environment) != (stack, environment):
                writer.replace(replace(state, stack=stack, environment=environment))
            _add_spilled(writer, spill)
        except BaseException:
            writer.close()
            raise
        return writer

    def unlock(self) -> Held | None:
        """Fences whoever holds the lock and returns who that was. Raises `RecordFailed`,
        `StateDamaged`, `StateNewer`, `PlaceUnusable`.
        """
        self._only_reads = False
        taker = self._taker(self._objects)
        while True:
            reading = taker.read()
            require_usable(reading, self._objects.location, self._name)
            state = reading.folded.state
            if not is_open(reading) or state is None:
                return None
            held = taker.held(reading)
            log = taker.fence(reading, Wanted(None, state.stack, state.environment))
            if log is not None:
                with suppress(LostLock):
                    log.put(CloseBody(), state.lineage, seconds=60.0)
                return held

    def holder(self) -> Held | None:
        """Who works on this stack, or died while working; None if nobody."""
        reading = self._read()
        if reading.is_closed:
            return None
        taker = self._taker(self._objects)
        return taker.held(self._again(lambda: taker.reader.with_end(reading)))

    def transit(self) -> Transit | None:
        """Whether the state was moved away, or is being moved here; None if neither, also if there
        is no state. Raises `StateDamaged`, `StateNewer`, `PlaceUnusable`.
        """
        now, reading = self._runtime.clock.monotonic(), self._again(self._reader.read)
        self._fresh = (now, reading)  # what is read next is not older
        return transit_of(reading)

    def receive(
        self,
        arrival: Arrival,
        holder: Holder,
        *,
        instead_of: Transit | None,
        kept: KeptStates = KeptStates(),  # noqa: B008
    ) -> None:
        """Puts an arrival where `instead_of` was found and there is no state. Raises `NameTaken` if
        there is anything else, `Locked`, `LostLock`, `RecordFailed`, `PlaceUnusable`.

        The kept states stay where they are: a log begins with the state that arrives.
        """
        self._only_reads = False
        taker = self._taker(self._objects)
        reading = taker.read()
        if reading.position == 0:
            self._runtime.check_place(self._objects)
        if is_open(reading) and reading.state is None:
            raise locked(taker.held(reading), self._runtime.clock.time())
        SharedArrival(taker.place, reading, arrival).put(
            self._runtime.token(), instead_of=instead_of
        )

    def complete(self, arrival: Arrival, holder: Holder) -> None:
        """Makes that arrival the state. Nothing happens if it is no longer there, because it was
        completed before. Raises `RecordFailed`, `StateDamaged`, `PlaceUnusable`.
        """
        self._only_reads = False
        taker = self._taker(self._objects)
        while not SharedArrival(taker.place, taker.read(), arrival).complete():
            pass

    def versions(self) -> tuple[Version, ...]:
        """The kept states, newest first, with the run that wrote each. Raises `StateDamaged`,
        `PlaceUnusable`.
        """
        return self._again(lambda: PastStates(self._reader).versions())

    def history(self) -> tuple[int, ...]:
        """The serials of the kept states, newest first. Raises `StateDamaged`, `PlaceUnusable`."""
        return self._again(lambda: PastStates(self._reader).history())

    def past(self, serial: int) -> State:
        """The kept state of that serial. Raises `StateDamaged` (also if it was not kept),
        `StateNewer`, `PlaceUnusable`.
        """
        return self._again(lambda: PastStates(self._reader).past(serial))

    def before_last_run(self) -> State | None:
        """The state before the first record of the last run that recorded anything, or None if none
        was kept. Raises as `read`.
        """
        reader = self._reader
        return self._again(
            lambda: PastStates(reader).before_last_run(reader.with_end(reader.read()))
        )

    def place_of(self, other: StateReader) -> str:
        """How `at` finds the place of another state: relative if it is in the same project of the
        same place.
        """
        if isinstance(other, SharedStore) and self._is_sibling(other):
            return f"../{other._name}"
        return other.location

    def at(self, place: str) -> StateReader:
        """The state in that place."""
        name = place.removeprefix("../")
        if name != place and name and "/" not in name:
            return self._sibling(name)
        return self._runtime.elsewhere(place)

    def same_name_projects(self) -> tuple[str, ...]:
        """Other projects with a stack of this name, of the first few of the place. Raises nothing:
        the role may be allowed to see only its own project.
        """
        with suppress(ObjectStoreError):
            return tuple(siblings.same_name_projects(self._objects, self._project, self._name))
        return ()

    def neighbors(self) -> tuple[Neighbor, ...]:
        """The states of the same place that can be read and whose names no file uses."""
        names = [name for name in self._names() if name != self._name]
        used = self._runtime.used() if names else frozenset[str]()
        found = self._states(name for name in names if name not in used)
        return tuple(self._neighbor(name, state) for name, state in found)

    def others(self) -> tuple[Neighbor, ...]:
        """The states of other stacks and environments in the same place, without copies and without
        those that cannot be read.
        """
        names = [name for name in self._names() if name != self._name]
        return tuple(
            self._neighbor(name, state)
            for name, state in self._states(iter(names))
            if folder_name(state.stack, state.environment) == name
        )

    def was_moved(self, state: State) -> bool:
        """Whether a state of another name was moved here: no file uses that name, and there is no
        state under it.
        """
        name = folder_name(state.stack, state.environment)
        if name == self._name or name in self._runtime.used():
            return False
        try:
            return self._sibling(name).read() is None
        except StoreError:
            return False

    def rename(
        self, holder: Holder, *, timeout_seconds: float, stack: str, environment: str | None
    ) -> State | None:
        """Gives the state another name in the same place, with its history, and returns it; None if
        there is none. The same call completes an interrupted one.

        Raises `NameTaken`, `Locked`, `StateDamaged`, `StateNewer`, `PlaceUnusable`,
        `RecordFailed`, `LostLock`.
        """
        target = self._sibling(folder_name(stack, environment))

        def open_source(state: State) -> SharedWriter:
            return self.open(
                holder,
                timeout_seconds=timeout_seconds,
                stack=state.stack,
                environment=state.environment,
            )

        move = SharedRename(
            self._taker(self._objects),
            target._taker(self._objects),
            f"../{self._name}",
            f"../{target._name}",
            open_source,
        )
        return move.run(stack, environment)

    @property
    def _objects(self) -> ObjectStore:
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    @property
    def _reader(self) -> LogReader:
        return LogReader(self._objects, self._keys)

    def _read(self) -> LogReading:
        """The reading of this instant, or a fresh one: a plan asks for the state and twice for its
        holder.
        """
        now = self._runtime.clock.monotonic()
        if self._fresh is not None and self._only_reads:
            then, reading = self._fresh
            if now < then + self._runtime.fresh_seconds:
                return reading
        reading = self._again(self._reader.read)
        self._fresh = (now, reading)
        return reading

    def _again(self, action: Callable[[], T]) -> T:
        return read_again(action, self._runtime.clock, self._runtime.notify)

    def _taker(self, objects: ObjectStore) -> Taker:
        runtime = self._runtime
        place = LogPlace(objects, self._keys, runtime.clock, runtime.notify)
        return Taker(place, runtime.token)

    def _spill(self, lineage: str) -> Spill | None:
        folder = self._runtime.spill
        return None if folder is None else Spill(folder, self.location, lineage)

    def _require_arrived(self, reading: LogReading) -> None:
        require_arrived(reading, self._name, lambda name: self._sibling(name).transit())

    def _require_name(self, reading: LogReading, stack: str, environment: str | None) -> None:
        state = reading.state
        if state is None or (state.stack, state.environment) == (stack, environment):
            return
        if not self.was_moved(state):
            message = msg(
                "{location} contains the state of {stack}",
                location=self.location,
                stack=title_of(state.stack, state.environment),
            )
            raise StateDamaged(message, hint=msg("choose another place (RECONCILER_STATE)"))

    def _is_sibling(self, other: SharedStore) -> bool:
        return self._objects.location == other._objects.location and self._project == other._project

    def _sibling(self, name: str) -> SharedStore:
        return SharedStore(
            self._connect, self._project, name, runtime=self._runtime, objects=self._objects
        )

    def _neighbor(self, name: str, state: State) -> Neighbor:
        return Neighbor(state, self._sibling(name).location, *name_of_folder(name))

    def _names(self) -> tuple[str, ...]:
        return self._again(lambda: tuple(siblings.stacks(self._objects, self._project)))

    def _states(self, names: Iterator[str]) -> Iterator[tuple[str, State]]:
        for name in names:
            state = None
            with suppress(StoreError):
                state = self._sibling(name).read()
            if state is not None:
                yield name, state


def _add_spilled(writer: SharedWriter, spill: Spill | None) -> None:
    """Adds outcomes that an earlier run on this machine could not record. One whose intent a place
    has lost is kept: it may be all that is known of an object.
    """
    for kept in () if spill is None else spill.found():
        found = writer.state.open.get(kept.outcome.intent)
        if found is not None and found.intent == kept.intent:
            writer.append(replace(kept.outcome, sequence=writer.state.sequence + 1))
        elif found is not None or kept.intent.sequence > writer.state.sequence:
            kept.set_aside()
            continue
        kept.remove()
