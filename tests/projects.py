"""A project for tests: several stacks of one account on the local cloud, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.commands import context
from reconciler.commands import plan as planning
from reconciler.commands.project.plan_all import drift_all, plan_all
from reconciler.commands.project.values import ProjectPlan, StackInput
from reconciler.config import loader
from reconciler.executor import Result
from reconciler.iwinv.shared.account_pool import AccountPool
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import Stack
from reconciler.planner.compare.assessment import PlanOptions
from tests.cloud_harness import CloudHarness
from tests.doubles.memory_store import MemoryStore

NO_OPTIONS = PlanOptions()


class ProjectHarness(CloudHarness):
    """Stacks in folders of one root, each with a state of its own. Stacks have no environments.

    With a `pool`, all commands of the harness share what they read, as the parts of one run do.
    """

    def __init__(self, root: Path, texts: Mapping[str, str], **harness: Any) -> None:
        super().__init__(**harness)
        self.root = root
        self.pool: AccountPool | None = None
        self.stores: dict[str, MemoryStore] = {}
        for title, text in texts.items():
            self.write(title, text)

    def write(self, title: str, text: str) -> None:
        """Writes the file of a stack. `version` and `stack` are added."""
        folder = self.root / title
        folder.mkdir(parents=True, exist_ok=True)
        head = f"version: 1\nstack: {title}\n"
        (folder / "stack.yaml").write_text(head + text, encoding="utf-8")
        self.stores.setdefault(title, MemoryStore())

    def outputs(self, path: Path, environment: str | None) -> Mapping[str, tuple[Any, str | None]]:
        """The outputs of a stack from its state."""
        state = self.stores[path.resolve().name].read()
        if state is None:
            raise Abort(error("output", f"{path.resolve().name} was never applied"))
        return state.outputs

    def load(self, title: str, others: loader.Others | None = None) -> loader.Loaded:
        """A stack from its file."""
        return loader.load_stack(self.root / title, environment=None, others=others or self.outputs)

    def connection(self) -> context.Connection:
        """The account as a new command sees it."""
        return replace(super().connection(), pool=self.pool)

    def plan_one(self, title: str) -> context.Planned:
        """The plan of one stack, without a reading for all of them beforehand."""
        store, options = self.stores[title], self.input(title).options
        return planning.plan(self.load(title).stack, self.connection(), store, options)

    def input(self, title: str, options: PlanOptions = NO_OPTIONS) -> StackInput:
        """A stack as a run takes it."""

        def store(stack: Stack) -> ports.StateReader:
            return self.stores[title]

        return StackInput(
            title,
            self.root / title,
            None,
            load=lambda others: self.load(title, others),
            store=store,
            kept=self.outputs,
            options=options,
        )

    def inputs(self, *titles: str) -> list[StackInput]:
        """The stacks of a run: all, or those named."""
        return [self.input(title) for title in titles or self.stores]

    def plan_all(self, *titles: str) -> ProjectPlan:
        """The plans of a run by a new command."""
        return plan_all(self.inputs(*titles), self.connection())

    def drift_all(self, *titles: str) -> ProjectPlan:
        """The drift that a new command finds."""
        return drift_all(self.inputs(*titles), self.connection())

    def apply_one(self, title: str, **options: Any) -> Result:
        """Applies one stack by a command of its own."""
        self.store = self.stores[title]
        return self.apply(self.load(title).stack, **options)


def statuses(plan: ProjectPlan) -> dict[str, str]:
    """The status of each part, in order."""
    return {part.title: part.status.value for part in plan.parts}
