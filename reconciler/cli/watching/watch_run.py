"""The passes of one `watch` command: over each stack in turn, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import composition, plan_output
from reconciler.cli.interrupts import SignalHandler
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
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.resource import title_of
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
    sessions: Sequence[Session],
    options: WatchOptions,
    *,
    sleep: Callable[[float], object],
    now: Callable[[], float] = time.time,
) -> int:
    """Makes passes over the stacks until the first is done, or with `every` until Ctrl-C. Returns
    the exit code of the last one.
    """
    console = sessions[0].console
    warned = False
    while True:
        project = project_file.load(sessions[0].path)
        if not warned:
            console.problems(list(notices.problems(project.notify, sessions[0].environ)))
            warned = True
        passes = [_StackWatch(session, project).passed() for session in sessions]
        document = watch_json.document(passes, project.name, now())
        if console.json:
            text = escape.json_text(document, indent=2 if options.every is None else None)
            console.out.write(text + "\n")
        for file in options.metrics:
            metrics.write(Path(file), passes, project.name, document)
        if options.every is None:
            return _exit_code(passes, detailed=options.detailed_exitcode)
        failures = max(each.decision.memory.failures for each in passes)
        seconds = options.every if failures == 0 else max(pause_minutes(failures) * 60.0, 60.0)
        if not console.json:
            text = msg(
                "Next pass in {seconds}. Stop with Ctrl-C.", seconds=duration(round(seconds))
            )
            console.note([Line(f" {text}", Tone.FAINT)])
        sleep(seconds)


def _exit_code(passes: Sequence[Passed], *, detailed: bool) -> int:
    code = exit_codes.worst(each.exit_code for each in passes)
    found = any(each.health is not Health.CLEAN for each in passes)
    return exit_codes.CHANGES if detailed and found and code == exit_codes.DONE else code


@dataclass(frozen=True, slots=True)
class _StackWatch:
    session: Session
    project: Project

    def passed(self) -> Passed:
        """One pass over the stack of the session: shown, and reported if its health is news."""
        session = self.session
        try:
            name, environment = session.identify()
            title, store = title_of(name, environment), session.store(name, environment)
            found = self._pass(title, store)
            found = self._reported(found, store)
        except Abort as stop:
            title = str(session.path)
            decision = decide(sight.of_stop(stop, time.time()), Memory(), Allowed())
            found = Passed(title, decision, problems=stop.problems)
        if not session.console.json:
            self._show(found)
        return found

    def _pass(self, title: str, store: Store) -> Passed:
        session, settings = self.session, self.project.settings(title)
        watched = watch_pass.Watched(
            title=title,
            load=session.load,
            store=store,
            allowed=lambda state: _allowed(state, settings),
            concurrent=plan_output.running(store),
            gates=plan_output.gates(session),
        )
        with session.connect() as connection:
            found = watch_pass.watch(watched, connection, self._run(), _unheard)
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
            interrupts=SignalHandler(lambda: None),
            again=self.session.again("watch"),
            wait=False,
        )

    def _absorbed(self, found: Passed, store: Store) -> Passed:
        """The pass with a branch that has the drift in its files."""
        from reconciler.commands import absorb as absorbing
        from reconciler.config import loader

        session = self.session
        try:
            with session.connect() as connection:
                absorbed = absorbing.absorb(
                    session.load(),
                    (),
                    connection,
                    store,
                    lambda texts: loader.load_stack(
                        session.path,
                        environment=session.environment,
                        variables=session.variable_sources,
                        instead=texts,
                        others=session.outputs_of,
                    ),
                )
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
        title, text = watch_text.notice(found, self.project.name, command=self._command())
        title = msg("{title} (simulated)", title=title) if session.simulate else title
        failed = notices.send(
            self.project.notify, session.environ, health=found.health.value, title=title, text=text
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
            command=self._command(),
        )
        console.result(list(lines))


def _allowed(state: State | None, settings: Settings) -> Allowed:
    """What holds back a revert now."""
    now = time.time()
    is_open = windows.is_open(settings.windows, now)
    return Allowed(
        revert=settings.drift.revert,
        opens=None if is_open else windows.next_opening(settings.windows, now),
    )


def _unheard(event: Event) -> None:
    """What a revert reports is in the result of the pass."""
