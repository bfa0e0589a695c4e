"""The passes of one `watch` command: over each stack in turn, once or again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import composition, plan_output
from reconciler.cli.interrupts import SignalHandler
from reconciler.cli.many.chosen_stacks import ChosenStack, ChosenStacks, by_account
from reconciler.cli.quota.quota_choice import PRIORITY_VARIABLE
from reconciler.cli.run_context import Session
from reconciler.cli.watching import branch as branches
from reconciler.cli.watching import metrics, notices
from reconciler.commands.context import Run
from reconciler.commands.watch import memory, sight, watch_pass
from reconciler.commands.watch.decide import decide, pause_minutes
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.project import project_file, windows
from reconciler.config.project.project import DriftAnswer, Project, Settings
from reconciler.iwinv.shared.account_pool import AccountPool
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.watching import Allowed, Health, Memory, Passed
from reconciler.render import escape
from reconciler.render.format import duration
from reconciler.render.run.screen import Line, Tone
from reconciler.render.watch import watch_json, watch_text

if TYPE_CHECKING:
    from reconciler.model.events import Event
    from reconciler.model.ports import Store
    from reconciler.model.state import State


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of `watch`. `every` is in seconds, None for one pass."""

    every: float | None = None
    metrics: tuple[str, ...] = ()
    detailed_exitcode: bool = False


def run(
    chosen: ChosenStacks,
    options: WatchOptions,
    *,
    sleep: Callable[[float], object],
    now: Callable[[], float] = time.time,
) -> int:
    """Makes passes over the stacks: one, or with `every` until Ctrl-C. Returns the exit code of the
    last one.
    """
    console, project = chosen.console, chosen.project
    console.problems(list(notices.problems(project.notify, os.environ)))
    handler = SignalHandler(lambda: None)
    while True:
        passes = list(_passes(chosen, handler))
        document = watch_json.document(passes, project.name, now())
        if console.json:
            text = escape.json_text(document, indent=2 if options.every is None else None)
            console.out.write(text + "\n")
        for file in options.metrics:
            metrics.write(Path(file), passes, project.name, document)
        if handler():
            return exit_codes.INTERRUPTED
        if options.every is None:
            return _exit_code(passes, detailed=options.detailed_exitcode)
        failures = min((each.decision.memory.failures for each in passes), default=0)
        seconds = options.every if failures == 0 else pause_minutes(failures) * 60.0
        if not console.json:
            text = msg(
                "Next pass in {seconds}. Stop with Ctrl-C.", seconds=duration(round(seconds))
            )
            console.note([Line(f" {text}", Tone.FAINT)])
        sleep(seconds)


def _passes(chosen: ChosenStacks, handler: SignalHandler) -> Iterator[Passed]:
    """A pass over each stack, until a signal came during a revert. Stacks of one account share what
    is read of it, until a revert.
    """
    for group in by_account(chosen):
        pool = None
        for each in group:
            if handler():
                return
            pool = AccountPool() if pool is None else pool
            found = _StackWatch(each, chosen.project, pool, handler).passed()
            # A revert that failed may have sent something, too.
            is_same = not found.decision.revert and found.health is not Health.FAILED
            pool = pool if is_same else None
            yield found


def _exit_code(passes: Sequence[Passed], *, detailed: bool) -> int:
    code = exit_codes.worst(each.exit_code for each in passes)
    found = any(each.health is not Health.CLEAN for each in passes)
    return exit_codes.CHANGES if detailed and found and code == exit_codes.DONE else code


@dataclass(frozen=True, slots=True)
class _StackWatch:
    stack: ChosenStack
    project: Project
    pool: AccountPool
    handler: SignalHandler

    @property
    def session(self) -> Session:
        """The session of the stack. Its calls give way to those of persons and of CI."""
        session = self.stack.session
        return replace(session, environ={**session.environ, PRIORITY_VARIABLE: "watch"})

    def passed(self) -> Passed:
        """One pass over the stack: shown, and reported if its health is news."""
        session, title = self.session, self.stack.title
        try:
            if self.stack.stop is not None:
                raise self.stack.stop
            store = session.store(self.stack.name, self.stack.environment)
            found = self._reported(self._pass(title, store), store)
        except Abort as stop:
            decision = decide(sight.of_stop(stop, time.time()), Memory(), Allowed())
            found = Passed(title, decision, problems=stop.problems)
        if not session.console.json:
            self._show(found)
        return found

    def _pass(self, title: str, store: Store) -> Passed:
        session = self.session
        # Read again in each pass, as the files of the stack are.
        settings = project_file.load(session.path).settings(title)
        watched = watch_pass.Watched(
            title=title,
            load=session.load,
            store=store,
            allowed=lambda state: _allowed(state, settings),
            concurrent=plan_output.running(store),
            gates=plan_output.gates(session),
        )
        with session.connect() as connection:
            shared = replace(connection, pool=self.pool)
            found = watch_pass.watch(watched, shared, self._run(), _unheard)
        session.problems.clear()
        if settings.drift.answer is DriftAnswer.PULL_REQUEST and found.health is Health.DRIFTED:
            return self._absorbed(found, store)
        return found

    def _run(self) -> Run:
        id = composition.run_id()
        return Run(
            id=id,
            holder=composition.holder("reconciler watch", id),
            nonce=composition.nonce,
            interrupts=self.handler,
            again=self.session.again("watch"),
            wait=False,
        )

    def _absorbed(self, found: Passed, store: Store) -> Passed:
        """The pass with a branch that has the drift in its files."""
        from reconciler.cli.watching import absorbing

        session = self.session
        try:
            with session.connect() as connection:
                absorbed = absorbing.absorbed(session, store, connection)
            if not absorbed.texts:
                return replace(found, problems=(*found.problems, *absorbed.problems))
            message = f"Absorb drift of {found.title}\n\n" + "\n".join(found.drifted)
            branch = branches.write(absorbed.texts, found.title, message)
        except Abort as stop:
            return replace(found, problems=(*found.problems, *stop.problems))
        return replace(found, branch=branch.name, problems=(*found.problems, *absorbed.problems))

    def _reported(self, found: Passed, store: Store) -> Passed:
        """The pass after its health was reported, if it is another than the last one."""
        if not found.is_news:
            return found
        session = self.session
        failed = notices.send(
            self.project.notify,
            session.environ,
            found.health.value,
            lambda: watch_text.notice(
                found, self.project.name, command=self._command(), simulated=session.simulate
            ),
        )
        if not failed:
            memory.keep_reported(store, found)
        return replace(found, problems=(*found.problems, *failed))

    def _command(self) -> str:
        return self.session.again("drift")

    def _show(self, found: Passed) -> None:
        console = self.session.console
        problems = tuple(map(self.session.pasteable, found.problems))
        lines = watch_text.pass_lines(
            replace(found, problems=problems),
            console.style(console.out),
            drift=self._command(),
            plan=self.session.again("plan"),
        )
        console.result(list(lines))


def _allowed(state: State | None, settings: Settings) -> Allowed:
    """What holds back a revert now."""
    now = time.time()
    is_open = windows.is_open(settings.windows, now)
    frozen = None if state is None or state.frozen is None else state.frozen.reason
    return Allowed(
        revert=settings.drift.revert,
        frozen=frozen,
        opens=None if is_open else windows.next_opening(settings.windows, now),
    )


def _unheard(event: Event) -> None:
    """What a revert reports is in the result of the pass."""
