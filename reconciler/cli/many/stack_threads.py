"""The stacks of a run in threads of the process: each has an account, places and a console of its
own. Signals stay in the main thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue

from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error

_WAKE_SECONDS = 0.2
"""How often the main thread sees an interruption: it waits for no longer."""

LEFT_SECONDS = 5.0
"""How long after an interruption a stack that has not sent anything is waited for."""


class Interrupted(BaseException):
    """The run was interrupted before this stack sent anything."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn of one stack. `begin` is called before anything is sent: from then on the stack ends
    by itself after an interruption. Before, `stop_if_interrupted` stops it.
    """

    title: str
    begin: Callable[[], None]
    stop_if_interrupted: Callable[[], None]
    interrupted: Callable[[], bool]


class StackThreads:
    """Carries out stacks, each in a thread. `work` carries out one of them."""

    def __init__(
        self,
        work: Callable[[Turn], StackResult],
        interrupted: Callable[[], bool],
    ) -> None:
        self._work, self._interrupted = work, interrupted
        self._ended: SimpleQueue[StackResult] = SimpleQueue()
        self._running: set[str] = set()
        # By title, whether a stack has begun to send; False if it was left before.
        self._begun: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._left_at: float | None = None
        self.results: dict[str, StackResult] = {}

    def start(self, title: str) -> None:
        """Begins a stack. Its thread does not keep the program alive."""
        self._running.add(title)
        context = copy_context()
        name = f"stack {title}"
        work = partial(context.run, self._carry_out, title)
        threading.Thread(target=work, name=name, daemon=True).start()

    def next(self) -> tuple[str, bool] | None:
        """Waits for the next stack that ends: its title, and whether it ended well. None from time
        to time. After an interruption, a stack that waits and has sent nothing is left.
        """
        try:
            result = self._ended.get(timeout=_WAKE_SECONDS)
        except Empty:
            left = self._given_up()
            if left is None:
                return None
            result = left
        if result.title not in self._running:
            return None  # it was left before
        self._running.discard(result.title)
        self.results[result.title] = result
        return result.title, result.end is StackEnd.DONE

    def _turn(self, title: str) -> Turn:
        begin, stop = partial(self._begin, title), partial(self._stop_if_interrupted, title)
        return Turn(title, begin, stop, self._interrupted)

    def _stop_if_interrupted(self, title: str) -> None:
        with self._lock:
            if title not in self._begun and self._interrupted():
                raise Interrupted

    def _begin(self, title: str) -> None:
        self._stop_if_interrupted(title)
        with self._lock:
            if not self._begun.setdefault(title, True):
                raise Interrupted

    def _given_up(self) -> StackResult | None:
        """A stack that is no longer waited for."""
        if not self._interrupted():
            return None
        now = time.monotonic()
        with self._lock:
            self._left_at = now if self._left_at is None else self._left_at
            waiting = sorted(self._running - self._begun.keys())
            if not waiting or now - self._left_at < LEFT_SECONDS:
                return None
            self._begun[waiting[0]] = False
        return _not_begun(waiting[0])

    def _carry_out(self, title: str) -> None:
        try:
            result = self._work(self._turn(title))
        except Interrupted:
            result = _not_begun(title)
        except Abort as stop:
            result = StackResult(title, StackEnd.FAILED, stop.exit_code, problems=stop.problems)
        except BaseException as failure:  # a bug ends its own stack; the others end as they should
            result = StackResult(
                title, StackEnd.FAILED, exit_codes.ERROR, problems=(_unforeseen(failure),)
            )
        self._ended.put(result)


def _not_begun(title: str) -> StackResult:
    return StackResult(title, StackEnd.NOT_STARTED, exit_codes.INTERRUPTED)


def _unforeseen(failure: BaseException) -> Problem:
    reason = f"{type(failure).__name__}: {failure}"
    hint = msg("this is a bug in reconciler; the states of the stacks are unaffected")
    return error("internal", reason, hint=hint)
