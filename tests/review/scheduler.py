"""Jobs that run side by side, one forge call at a time, in an order that a seed decides."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Job:
    """A job in a thread of its own. It runs only while it is its turn; `patience` is how seldom
    that is.
    """

    run: Callable[[], None]
    patience: float
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_done: bool = False
    error: BaseException | None = None


class Scheduler:
    """Lets one job go on at a time, up to its next forge call."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.jobs: list[Job] = []
        self._back = threading.Semaphore(0)
        self._own = threading.local()

    def start(self, run: Callable[[], None]) -> None:
        """Adds a job. Some are slow: many others run while they are at one call."""
        job = Job(run, self.random.choice([1, 1, 2, 5, 40]))
        self.jobs.append(job)
        threading.Thread(target=self._body, args=[job], daemon=True).start()

    def _body(self, job: Job) -> None:
        self._own.job = job
        job.turn.acquire()
        try:
            job.run()
        except BaseException as error:
            job.error = error
        job.is_done = True
        self._back.release()

    def wait(self) -> None:
        """What a job calls before each forge call: the others' turn. Nothing outside of a job."""
        job: Job | None = getattr(self._own, "job", None)
        if job is not None:
            self._back.release()
            job.turn.acquire()

    def step(self) -> None:
        """The turn of one job. Raises what it raises."""
        (job,) = self.random.choices(self.jobs, [1 / each.patience for each in self.jobs])
        job.turn.release()
        self._back.acquire()
        if job.is_done:
            self.jobs.remove(job)
            if job.error is not None:
                raise job.error
