"""Several writers over one place, one operation at a time, in an order that a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tests.doubles.memory_objects import MemoryMachine, StoreFault


class Turns:
    """Lets programs take turns at their operations. `choose` is given the number of the operation
    (from 1) and which program is at work, and returns which one shall continue.
    """

    def __init__(self, choose: Callable[[int, int], int]) -> None:
        self.steps = 0
        self._choose = choose
        self._gates: list[threading.Semaphore] = []
        self._alive: set[int] = set()
        self._failures: list[BaseException] = []
        self._ended = threading.Semaphore(0)

    def at_operations_of(self, machine: MemoryMachine, own: int) -> None:
        """Makes each operation of a machine, which the program `own` uses, a point to switch."""

        def switch(number: int, operation: str, key: str) -> StoreFault | None:
            self.steps += 1
            self._pass_on(own, self._choose(self.steps, own))
            return None

        machine.fault = switch

    def run(self, programs: Sequence[Callable[[], object]]) -> None:
        """Runs the programs to their ends, beginning with the first. Raises what they raise."""
        self._gates = [threading.Semaphore(0) for _ in programs]
        self._alive = set(range(len(programs)))
        for own, program in enumerate(programs):
            threading.Thread(target=self._one, args=(own, program), daemon=True).start()
        self._gates[0].release()
        for _ in programs:
            assert self._ended.acquire(timeout=30.0), "the programs wait for each other"
        if self._failures:
            raise self._failures[0]

    def _one(self, own: int, program: Callable[[], object]) -> None:
        self._gates[own].acquire()
        try:
            program()
        except BaseException as error:  # raised again where the test sees it
            self._failures.append(error)
        self._alive.discard(own)
        if self._alive:
            self._gates[min(self._alive)].release()
        self._ended.release()

    def _pass_on(self, own: int, wanted: int) -> None:
        if wanted != own and wanted in self._alive:
            self._gates[wanted].release()
            self._gates[own].acquire()
