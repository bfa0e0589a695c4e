"""In which order the stacks of a project are applied: a stack after those whose outputs it reads,
and an environment after the one that it is promoted from.
"""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.config.project.project import Project
from reconciler.config.project.stack_heads import StackHead, location
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import title_of

Needs: TypeAlias = Mapping[str, frozenset[str]]
"""For each title the titles that must be applied before it, in the order of the project's file."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """That one title must be applied after another, and where this is written. `is_reading`: it
    reads outputs; else it is promoted from it.
    """

    after: str
    before: str
    place: Place | None
    is_reading: bool


def dependencies(project: Project, heads: Mapping[str, StackHead]) -> tuple[Dependency, ...]:
    """All dependencies between the stacks of a project. A reference to what the project does not
    list gives none.
    """
    return tuple(_dependencies(project, heads))


def needs(project: Project, found: Collection[Dependency]) -> Needs:
    """The titles that each title waits for directly."""
    waits: dict[str, set[str]] = {
        title: set() for entry in project.stacks.values() for title in entry.titles
    }
    for each in found:
        waits[each.after].add(each.before)
    return {title: frozenset(before) for title, before in waits.items()}


def among(needs: Needs, titles: Collection[str]) -> Needs:
    """The same between some titles only."""
    chosen = frozenset(titles)
    return {title: before & chosen for title, before in needs.items() if title in chosen}


def levels(needs: Needs) -> tuple[tuple[str, ...], ...]:
    """The titles by level: those of one level are independent of each other and need only earlier
    levels. Within a level they keep the order of the file. The graph has no cycle.
    """
    level: dict[str, int] = {}
    for title in graphlib.TopologicalSorter(needs).static_order():
        level[title] = 1 + max((level[before] for before in needs[title]), default=-1)
    count = 1 + max(level.values(), default=-1)
    return tuple(tuple(t for t in needs if level[t] == each) for each in range(count))


def in_order(needs: Needs) -> tuple[str, ...]:
    """The titles, each after those that it needs."""
    return tuple(title for level in levels(needs) for title in level)


def cycles(needs: Needs, found: Collection[Dependency]) -> tuple[Problem, ...]:
    """Each cycle as an error that shows it as a path, with the places that cause it. Of cycles that
    share a title, one is reported.
    """
    left = {title: set(before) for title, before in needs.items()}
    problems = []
    while (cycle := _cycle(left)) is not None:
        problems.append(_problem(cycle, found))
        for title in cycle:
            del left[title]
        for before in left.values():
            before.difference_update(cycle)
    return tuple(problems)


def _dependencies(project: Project, heads: Mapping[str, StackHead]) -> Iterator[Dependency]:
    by_location = {head.location: project.stacks[name] for name, head in heads.items()}
    for name, entry in project.stacks.items():
        for after, before in entry.promote.items():
            yield Dependency(title_of(name, after), title_of(name, before), entry.place, False)
        for reference in heads[name].reads if name in heads else ():
            other = by_location.get(location(reference.target))
            if other is None:
                continue
            for environment in entry.environments or (None,):
                before = title_of(other.name, reference.environment_for(environment))
                if before in other.titles:
                    title = title_of(name, environment)
                    yield Dependency(title, before, reference.place, True)


def _cycle(graph: Mapping[str, Collection[str]]) -> list[str] | None:
    """One cycle, each title before the one that it waits for, None if there is none. Equal graphs
    give equal cycles.
    """
    ordered = {title: sorted(graph[title]) for title in sorted(graph)}
    try:
        graphlib.TopologicalSorter(ordered).prepare()
    except graphlib.CycleError as failure:
        titles: list[str] = failure.args[1]
        cycle = titles[:0:-1]
        first = cycle.index(min(cycle))
        return cycle[first:] + cycle[:first]
    return None


def _problem(cycle: list[str], found: Collection[Dependency]) -> Problem:
    steps = [
        next(each for each in found if (each.after, each.before) == pair)
        for pair in zip(cycle, (*cycle[1:], cycle[0]), strict=True)
    ]
    path = " -> ".join((*cycle, cycle[0]))
    reasons = joined(", ", map(_reason, steps))
    message = msg("stacks wait for each other in a cycle: {cycle}", cycle=path)
    hint = msg("remove one of these: {reasons}", reasons=reasons)
    return error("cycle", message, place=steps[0].place, hint=hint)


def _reason(step: Dependency) -> str:
    place = "" if step.place is None else f" ({step.place})"
    if step.is_reading:
        return msg(
            "{after} reads {before}{place}", after=step.after, before=step.before, place=place
        )
    return msg(
        "{after} is promoted from {before}{place}",
        after=step.after,
        before=step.before,
        place=place,
    )
