"""The conditions under `assert` during a run: those of an object as soon as a step of it is done,
all others at the end (stack-files#checks).

The steps of other objects that wait for an object with a false condition are skipped. Its own steps
are not: an instance must not stay without its firewall because of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.common.text import msg
from reconciler.config.checks import asserts
from reconciler.executor.late_values import Known
from reconciler.executor.reports import Reports
from reconciler.model.address import Address
from reconciler.model.resource import Assertion, Deferred, Stack
from reconciler.schedule.step_state import Done
from reconciler.schedule.task import Task


class AuthorChecks:
    """The conditions of a stack. The problem of each of them that is false is reported once."""

    def __init__(
        self, stack: Stack, known: Known, tasks: Mapping[str, Task], reports: Reports
    ) -> None:
        self._stack, self._known, self._tasks, self._reports = stack, known, tasks, reports
        self._of: dict[Address, list[Assertion]] = {}
        for check in stack.checks:
            if check.address is not None:
                self._of.setdefault(check.address, []).append(check)

    def after(self, task: Task) -> str | None:
        """Why the steps of other objects that wait for this one are skipped. None if it is not
        done, or if nothing is false.
        """
        if not isinstance(task.state, Done):
            return None
        address = task.step.address.owner
        changing: frozenset[str | None] | None = None
        for check in self._of.get(address, ()):
            if changing is None:
                changing = self._changing(address)
            if not self._holds(check, changing):
                return msg("a check of {address} failed", address=address)
        return None

    def at_end(self) -> None:
        """Reports the conditions that are false at the end of a run."""
        for check in self._stack.checks:
            self._holds(check, frozenset())

    def _holds(self, check: Assertion, changing: frozenset[str | None]) -> bool:
        """Whether a condition holds, or cannot be decided yet: its object has steps left that
        change what it reads.
        """
        if isinstance(check.value, Deferred) and changing:
            read = {ref.attribute for ref in check.value.references}
            if None in read or not changing.isdisjoint(read):
                return True
        found = asserts.violation(check, self._stack, self._known.attributes)
        if found is not None and found not in self._reports.problems:
            self._reports.problem(found)
        return found is None

    def _changing(self, address: Address) -> frozenset[str | None]:
        """The attributes of an object that its other steps may still change."""
        left = [
            task.step
            for task in self._tasks.values()
            if not task.ended and task.step.address == address
        ]
        names = {name for step in left for name in step.applies}
        return frozenset(names | ({"status"} if "power" in names else set()))
