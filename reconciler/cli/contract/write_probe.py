"""`doctor --contract --write-probe`: creates, changes and deletes a firewall, and if that is agreed
to the cheapest instance with a block storage, as ordinary runs of a stack of its own.

The stack is in `reconciler-probe/`. Its state has every request before it is sent, so that
`destroy` finishes an interrupted probe.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.run_context import Session, stop_usage
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.contract.account_check import ProbeRecorder
from reconciler.contract.probe import probe_stack
from reconciler.contract.probe.probe_stack import STACK, ProbeServer
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render import escape
from reconciler.render.format import won
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.contract.report import CheckResult

FOLDER = Path(STACK)
_FILE = FOLDER / "stack.yaml"
_DRAFT = "stack.draft"
_OWN = {"stack.yaml", "state", ".gitignore", _DRAFT}
"""What a folder of a probe contains."""


@dataclass(frozen=True, slots=True)
class _ProbeStep:
    """One run: what it does, the stack file before it, and whether it destroys."""

    title: str
    file: str
    destroy: bool = False


@dataclass(frozen=True, slots=True)
class WriteProbe:
    """A probe in the current folder. `yes`: nothing is asked; `budget` is what its instance may
    cost a day in KRW, 0 for a probe without one.
    """

    session: Session
    recorder: ProbeRecorder
    yes: bool
    budget: int

    def prepare(self) -> None:
        """Stops before anything is sent if an earlier probe left objects, or the folder belongs to
        something else.
        """
        names = {path.name for path in FOLDER.iterdir()} if FOLDER.is_dir() else set()
        head = probe_stack.firewall_file().partition("\n")[0]
        foreign = names - _OWN or (
            _FILE.exists() and not _FILE.read_bytes().startswith(head.encode())
        )
        if os.path.lexists(FOLDER) and (foreign or not FOLDER.is_dir()):
            raise stop_usage(
                msg("{folder} is not the folder of a probe", folder=FOLDER),
                msg("run the probe in another folder"),
            )
        if not self._is_clean():
            message = msg("an earlier probe was interrupted and may have left objects")
            hint = msg("delete them first: {command}", command=self._command)
            raise Abort(error("incomplete", message, hint=hint))

    def run(self) -> tuple[int, Sequence[CheckResult]]:
        """The exit code, and what the probe showed."""
        self._note(
            msg("If this is interrupted, delete what it created: {command}", command=self._command)
        )
        code, server = exit_codes.DONE, False
        if self._agreed(_FREE_QUESTION):
            code = self._carry_out(_firewall_steps())
        if code == exit_codes.DONE and self.budget:
            try:
                chosen = self._choose()
            except Abort as stop:
                self._report(stop)
                code = stop.exit_code
            else:
                server = self._agreed(_server_question(chosen))
                code = self._carry_out(_server_steps(chosen)) if server else code
        return code, self.recorder.results(server=server)

    @property
    def _command(self) -> str:
        return self._own_session().again("destroy")

    def _own_session(self) -> Session:
        """The session of the probe's stack. With JSON its plan and progress go to stderr."""
        console = self.session.console
        if console.json:
            console = replace(console, format="text", out=console.err)
        return replace(
            self.session,
            console=console,
            path=FOLDER,
            environment=None,
            observe=self.recorder,
            problems=[],
        )

    def _is_clean(self) -> bool:
        """Whether the probe's state has no object and no unsettled request."""
        from reconciler.commands import session as opening

        if not FOLDER.is_dir():
            return True
        state = opening.read_state(self._own_session().store(STACK, None))
        return state is None or not (state.entries or state.deposed or state.open)

    def _choose(self) -> ProbeServer:
        """The cheapest instance. Raises `Abort` if there is none, or it costs more than allowed."""
        from reconciler.commands import session as opening
        from reconciler.model.ports import RefreshScope

        lists = frozenset({"zones", "flavors", "images", "storage_types"})
        with self._own_session().connect() as connection:
            account = opening.read_account(connection, RefreshScope(catalogue=lists))
        server = probe_stack.cheapest(account.catalogue)
        if server is None:
            raise Abort(error("cloud", msg("the catalog offers no instance with a known price")))
        if server.price_day > self.budget:
            message = msg(
                "the cheapest instance, {flavor}, costs {price} a day without VAT; the budget is "
                "{budget}",
                flavor=server.flavor,
                price=won(server.price_day),
                budget=won(self.budget),
            )
            hint = msg("allow it with --budget {price}", price=server.price_day)
            raise Abort(error("consent", message, hint=hint))
        return server

    def _agreed(self, question: str) -> bool:
        return self.yes or self.session.console.confirm(question, "yes")

    def _carry_out(self, steps: Sequence[_ProbeStep]) -> int:
        """Runs the steps; after one that fails, the last one, which deletes everything."""
        failed = exit_codes.DONE
        for number, step in enumerate(steps, start=1):
            if failed and not step.destroy:
                continue
            self._note(
                msg(
                    "Step {number} of {count}: {title}",
                    number=number,
                    count=len(steps),
                    title=step.title,
                )
            )
            code = self._apply(step)
            failed = failed or code
            if code in (exit_codes.INTERRUPTED, exit_codes.NOT_RECORDED, exit_codes.ACCOUNT):
                break
        if not self._is_clean():
            self._note(msg("Not everything is deleted yet: {command}", command=self._command))
            return failed or exit_codes.DECIDE
        self._note(msg("Everything that the probe created is deleted."))
        return failed

    def _apply(self, step: _ProbeStep) -> int:
        from reconciler.cli import apply as applying
        from reconciler.cli.options import Choices
        from reconciler.model.plan import RiskClass
        from reconciler.planner.checks.approval import Acceptance
        from reconciler.planner.compare.assessment import PlanOptions

        session = self._own_session()
        accepted = (Acceptance(RiskClass.DELETE),) if step.destroy else ()
        try:
            _put_file(step.file)
            return applying.apply(
                session, PlanOptions(destroy=step.destroy), Choices(yes=True, accept=accepted)
            )
        except Abort as stop:
            self._report(stop)
            return stop.exit_code

    def _report(self, stop: Abort) -> None:
        session = self._own_session()
        session.console.problems([session.pasteable(problem) for problem in stop.problems])

    def _note(self, text: str) -> None:
        console = self.session.console
        console.note([Line(), Line(f" {escape.outside(text)}", Tone.TITLE)])


def _put_file(text: str) -> None:
    """Replaces the stack file as a whole: a kill must leave one that `destroy` can read."""
    draft = FOLDER / _DRAFT
    try:
        FOLDER.mkdir(exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(_FILE)
    except OSError as failure:
        message = msg("{path} cannot be written: {reason}", path=_FILE, reason=failure.strerror)
        raise Abort(error("state-write", message)) from failure


_FREE_QUESTION = msg(
    "Type yes to create, change and delete one firewall with one rule (free), or no:"
)


def _server_question(server: ProbeServer) -> str:
    return msg(
        "Type yes to create and delete one {flavor} ({price} a day without VAT) with one block "
        "storage of {size} GB, or no:",
        flavor=server.flavor,
        price=won(server.price_day),
        size=0 if server.storage is None else server.storage[1],
    )


def _firewall_steps() -> tuple[_ProbeStep, ...]:
    first = probe_stack.firewall_file()
    changed = probe_stack.firewall_file(changed=True)
    return (
        _ProbeStep(msg("create a firewall with a rule (free)"), first),
        _ProbeStep(msg("change both (free)"), changed),
        _ProbeStep(msg("delete both (free)"), changed, destroy=True),
    )


def _server_steps(server: ProbeServer) -> tuple[_ProbeStep, ...]:
    first = probe_stack.server_file(server)
    changed = probe_stack.server_file(server, changed=True)
    price = won(server.price_day)
    create = msg(
        "create an instance ({price} a day) behind a firewall, and a block storage whose price "
        "the API does not state",
        price=price,
    )
    return (
        _ProbeStep(create, first),
        _ProbeStep(msg("change the description of the instance (free)"), changed),
        _ProbeStep(msg("delete everything (free)"), changed, destroy=True),
    )
