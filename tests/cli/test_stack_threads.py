"""The threads of a run of several stacks: what ends one of them, and what ends all."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest

from reconciler.cli.console import Console
from reconciler.cli.many import stack_threads
from reconciler.cli.many.stack_threads import StackThreads, Turn
from reconciler.cli.many.titled_console import TitledConsole
from reconciler.cli.streams import Stream
from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd, StackQueue, drive
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render.run.screen import Line

NEEDS = {"a": frozenset[str](), "b": frozenset[str](), "c": frozenset("a")}


def carried_out(
    work: Callable[[Turn], StackResult], interrupted: Callable[[], bool] = lambda: False
) -> tuple[StackQueue, dict[str, StackResult]]:
    threads = StackThreads(work, interrupted)
    return drive(StackQueue(NEEDS), threads, interrupted), threads.results


@pytest.mark.parametrize("failure", [KeyError("missing"), SystemExit(3)])
def test_a_bug_ends_its_own_stack_only(failure: BaseException) -> None:
    def work(turn: Turn) -> StackResult:
        turn.begin()
        if turn.title == "a":
            raise failure
        return StackResult(turn.title, StackEnd.DONE)

    queue, results = carried_out(work)
    assert queue.ends == {"a": StackEnd.FAILED, "b": StackEnd.DONE, "c": StackEnd.SKIPPED}
    assert results["a"].exit_code == 1 and results["a"].problems[0].code == "internal"


def test_a_stack_that_stops_has_its_own_exit_code() -> None:
    def work(turn: Turn) -> StackResult:
        raise Abort(error("locked", "another run has it"))

    _, results = carried_out(work)
    assert {title: each.exit_code for title, each in results.items()} == {"a": 6, "b": 6}


def test_an_interrupted_stack_that_only_waits_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_threads, "LEFT_SECONDS", 0.0)
    come, go, stopped = threading.Event(), threading.Event(), list[str]()

    def work(turn: Turn) -> StackResult:
        if turn.title == "b":  # as one that waits for a lock
            come.set()
            go.wait(30)
            try:
                turn.begin()
            except stack_threads.Interrupted:
                stopped.append("b")
                raise
        else:
            turn.begin()
            come.wait(30)
        return StackResult(turn.title, StackEnd.DONE)

    queue, results = carried_out(work, come.is_set)
    assert queue.ends["b"] is StackEnd.FAILED and results["b"].end is StackEnd.NOT_STARTED
    assert queue.ends["a"] is StackEnd.DONE
    go.set()
    for thread in threading.enumerate():
        if thread.name == "stack b":
            thread.join(30)
    assert stopped == ["b"]


def test_each_line_of_a_stack_begins_with_its_title() -> None:
    out, err = io.StringIO(), io.StringIO()
    shared = Console(out=Stream(out), err=Stream(err), environ={"COLUMNS": "60"})
    console = TitledConsole(shared, "shop/prod", threading.Lock())
    console.result([Line("Outputs"), Line(), Line("  ip = 10.0.0.1")])
    console.note([Line(), Line("done")])
    console.write_progress("one\n\ntwo\n")
    console.write_line("{}\n")
    assert out.getvalue() == "shop/prod  Outputs\n\nshop/prod    ip = 10.0.0.1\n{}\n"
    assert err.getvalue() == "shop/prod  done\nshop/prod  one\nshop/prod  two\n"
    assert console.style(console.out).width == 60 - len("shop/prod  ")
