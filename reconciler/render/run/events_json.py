"""Events as JSON lines: `{"format_version", "type", "time", "run", ...}` (plan-format#the-events);
`schemas/event.schema.json` describes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.model import serialize
from reconciler.model.events import (
    Event,
    Message,
    ProblemFound,
    QuotaWait,
    RunStarted,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepUnknown,
    StepWaiting,
    Summary,
)
from reconciler.render import escape
from reconciler.render.documents.json_document import FORMAT_VERSION
from reconciler.render.run.activity_view import quota_wait


class JsonLines:
    """Writes each event as one line of JSON. `now` gives unix seconds, `write` takes a
    whole line. `stack` is the title of the stack that the events are about, if there are several.
    """

    def __init__(
        self,
        *,
        run: str,
        now: Callable[[], float],
        write: Callable[[str], None],
        stack: str | None = None,
    ) -> None:
        self._run, self._stack = run, stack
        self._now = now
        self._write = write

    def __call__(self, event: Event) -> None:
        if not isinstance(event, RunStarted):
            self._line(*members(event))

    def version(self, version: str) -> None:
        """The first line: the version of the program."""
        self._line("version", {"version": version})

    def plan(self, document: Mapping[str, Any]) -> None:
        """The plan that is about to be applied."""
        self._line("plan", {"plan": document})

    def project_plan(self, document: Mapping[str, Any]) -> None:
        """The plans of all stacks that are about to be applied."""
        self._line("project_plan", {"plan": document})

    def project_summary(self, body: Mapping[str, Any]) -> None:
        """The end of a run over several stacks."""
        self._line("project_summary", body)

    def _line(self, type: str, body: Mapping[str, Any]) -> None:
        time = (
            datetime.fromtimestamp(self._now(), UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        head = {"format_version": FORMAT_VERSION, "type": type, "time": time, "run": self._run}
        stack = {} if self._stack is None else {"stack": self._stack}
        self._write(escape.json_text({**head, **stack, **body}) + "\n")


def members(event: Event) -> tuple[str, dict[str, Any]]:
    """The type of an event, and the members of its line besides time and run. Raises AssertionError
    for `RunStarted`, which has no line.
    """
    assert not isinstance(event, RunStarted)
    match event:
        case ProblemFound():
            return "problem", {"problem": serialize.problem(event.problem)}
        case Message():
            return "notice", {"message": event.message}
        case QuotaWait():
            return "notice", {"message": quota_wait(event.seconds)}
        case Summary():
            return "summary", _summary(event)
        case _:
            return _step(event)


def _step(
    event: StepStarted | StepWaiting | StepDone | StepFailed | StepSkipped | StepUnknown,
) -> tuple[str, dict[str, Any]]:
    which = {"key": event.key, "address": event.address, "operation": event.operation}
    match event:
        case StepStarted():
            return "step_started", which
        case StepWaiting():
            return "step_waiting", {**which, "status": event.status}
        case StepDone():
            return "step_done", {
                **which,
                "id": event.id,
                "seconds": round(event.seconds, 3),
                "sent": event.sent,
            }
        case StepFailed():
            failure = {
                "message": event.message,
                "code": event.code,
                "error_code": event.error_code,
                "http_status": event.http_status,
            }
            return "step_failed", {**which, **failure, "hint": event.hint}
        case StepSkipped():
            return "step_skipped", {**which, "because": event.because}
        case StepUnknown():
            failure = {
                "message": event.message,
                "code": "open-intent",
                "error_code": None,
                "http_status": event.http_status,
            }
            return "step_unknown", {**which, **failure}


def _summary(event: Summary) -> dict[str, Any]:
    return {
        "done": event.done,
        "failed": event.failed,
        "skipped": event.skipped,
        "unknown": event.unknown,
        "calls": event.calls,
        "seconds": round(event.seconds, 3),
        "eta_seconds": event.eta_seconds,
        "exit_code": event.exit_code,
        "next": event.next,
        "outputs": {name: serialize.output(value) for name, value in sorted(event.outputs.items())},
    }
