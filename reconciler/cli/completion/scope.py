"""What a half-typed command line names: a stack, its environment, its state and its local cloud.

Every reader returns nothing instead of failing, and none writes a file or sends a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reconciler.model.ports import Store
    from reconciler.model.ports.plan_ports import KeptPlan
    from reconciler.model.resource import Catalogue, Stack
from reconciler.model.state import State

_WORLD_BYTES_MAX = 8 * 1024 * 1024


class Scope:
    """The stack of a half-typed command. `context` has the arguments typed so far."""

    def __init__(self, context: click.Context, environ: Mapping[str, str]) -> None:
        self.context = context
        self.environ = environ
        given = context.params
        self.path = Path(_stack(context))
        self.environment: str | None = given.get("environment")
        self.simulated = bool(given.get("simulate") or environ.get("RECONCILER_SIMULATE"))

    @cached_property
    def stack(self) -> Stack | None:
        """The stack, or None if its file has errors or needs values that are not typed yet."""
        from reconciler.config import loader

        given = self.context.params
        sources = loader.VariableSources(
            given.get("variables") or (),
            [Path(name) for name in given.get("variable_files") or ()],
            self.environ,
        )
        with suppress(Exception):
            return loader.load_stack(
                self.path, environment=self.environment, variables=sources
            ).stack
        return None

    def section(self, *path: str) -> Sequence[str]:
        """The keys of a part of the stack file, even if the file has errors elsewhere."""
        from reconciler.config import stack_folder
        from reconciler.config.document import table

        with suppress(Exception):
            node: Any = stack_folder.load(self.path)[0].root
            for name in path:
                node = table(node).get(name)
            return list(table(node))
        return []

    def environments(self) -> Iterator[str]:
        """The environments in the file, and removed ones that still have a state. With several
        stacks of a project, those of all of them.
        """
        from reconciler.cli import state_places
        from reconciler.config import loader

        given = self.context.params
        if given.get("all_stacks") or given.get("changed_since"):
            yield from self._environments_of_project()
            return
        with suppress(Exception):
            name, known = loader.identities(self.path)
            yield from dict.fromkeys(known)
            place = state_places.near(self.path, self.environ, simulated=self.simulated)
            kept = () if place is None else place.environments(name)
            yield from (each for each in kept if each not in known)

    def _environments_of_project(self) -> Iterator[str]:
        from reconciler.config.project import project_file

        with suppress(Exception):
            stacks = project_file.load(Path()).stacks.values()
            yield from dict.fromkeys(name for entry in stacks for name in entry.environments)

    def branches(self) -> Sequence[str]:
        """The branches and tags of the Git repository."""
        from reconciler.cli.many.git_changes import branches

        with suppress(Exception):
            return branches(Path(), self.environ)
        return ()

    def names(self) -> Iterator[str]:
        """The name of the stack in the file."""
        from reconciler.config import loader

        with suppress(Exception):
            yield loader.identities(self.path)[0]

    @cached_property
    def store(self) -> Store | None:
        """The store of the state, or None if the command line does not name a stack."""
        from reconciler.cli import state_places
        from reconciler.config import loader

        with suppress(Exception):
            name, known = loader.identities(self.path)
            if self.environment is None and known:
                return None
            place = state_places.near(self.path, self.environ, simulated=self.simulated)
            return None if place is None else place.store(name, self.environment)
        return None

    @cached_property
    def state(self) -> State | None:
        """The state, or None if there is none or it cannot be read."""
        with suppress(Exception):
            return None if self.store is None else self.store.read()
        return None

    def serials(self) -> Sequence[int]:
        """The serials of the kept states, newest first."""
        with suppress(Exception):
            return () if self.store is None else self.store.history()
        return ()

    def kept_plans(self) -> Sequence[KeptPlan]:
        """The plans that the store keeps, the newest first."""
        with suppress(Exception):
            return () if self.store is None else self.store.plans.kept()
        return ()

    @property
    def catalogue(self) -> Catalogue | None:
        """The catalogue that an earlier run cached."""
        from reconciler.cli import composition

        with suppress(Exception):
            return composition.kept_catalogue(self.path, self.environ, simulated=self.simulated)
        return None

    def objects(self, section: str) -> Iterator[Mapping[str, Any]]:
        """The objects of one kind in the stack's local cloud, as its file has them."""
        from reconciler.cli import composition
        from reconciler.common.paths import read_ordinary

        with suppress(Exception):
            data = read_ordinary(composition.world_of(self.path, self.environ), _WORLD_BYTES_MAX)
            yield from json.loads(data).get(section, ())


def _stack(context: click.Context) -> str:
    """The stack that is named as an argument or with `--stack`; the first one of several."""
    for name in ("stack", "stacks"):
        found = context.params.get(name)
        if isinstance(found, (tuple, list)):
            found = found[0] if found else None
        if found:
            return str(found)
    return "."
