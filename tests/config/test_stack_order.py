"""The order of stacks: over random graphs, against networkx."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.project import order, project_file, selection
from reconciler.config.project.order import Dependency
from reconciler.model.diagnostics import Place

COUNT, LEVELS = 20, 3


def graph_of(seed: int) -> dict[str, frozenset[str]]:
    """The needs of 20 stacks on 3 levels, listed in any order."""
    random = Random(seed)
    names = random.sample([f"s{number}" for number in range(COUNT)], COUNT)
    level = {name: random.randrange(LEVELS) for name in names}
    below = {name: [each for each in names if level[each] < level[name]] for name in names}
    return {
        name: frozenset(random.sample(lower, min(len(lower), random.randrange(4))))
        for name, lower in below.items()
    }


@pytest.mark.parametrize("seed", range(50))
def test_every_stack_comes_after_all_that_it_needs(seed: int) -> None:
    needs = graph_of(seed)
    levels = order.levels(needs)
    number = {title: index for index, level in enumerate(levels) for title in level}
    graph: nx.DiGraph[str] = nx.DiGraph(
        [(before, after) for after in needs for before in needs[after]]
    )
    graph.add_nodes_from(needs)
    assert sorted(title for level in levels for title in level) == sorted(needs)
    for title, before in needs.items():
        assert all(number[each] < number[title] for each in before)
    # as early as possible: no stack waits for more than what it needs
    expected = {t: i for i, level in enumerate(nx.topological_generations(graph)) for t in level}
    assert number == expected
    for level in levels:
        assert list(level) == [title for title in needs if title in level]
    assert order.in_order(needs) == tuple(title for level in levels for title in level)
    assert order.cycles(needs, _dependencies(needs)) == ()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_comes_from_the_references_of_the_stack_files(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    needs = graph_of(seed)
    listed = ""
    for name, before in needs.items():
        reads = "".join(f"  {each}: {{path: ../{each}}}\n" for each in sorted(before))
        Path(name).mkdir()
        text = f"version: 1\nstack: {name}\n" + (f"stacks:\n{reads}" if reads else "")
        Path(name, "stack.yaml").write_text(text)
        listed += f"  {name}: {{path: {name}}}\n"
    Path("reconciler.yaml").write_text(f"version: 1\nproject: infra\nstacks:\n{listed}")
    project = project_file.load(Path())
    assert selection.needs(project) == needs
    runs = [run.title for run in selection.select(project, all=True)]
    assert sorted(runs) == sorted(needs)
    for number, title in enumerate(runs):
        assert needs[title] <= set(runs[:number])
    # a change of one stack takes it and all that read it, directly or not
    graph: nx.DiGraph[str] = nx.DiGraph(
        [(before, after) for after in needs for before in needs[after]]
    )
    graph.add_nodes_from(needs)
    for name in list(needs)[:4]:
        changed = {Path(name, "stack.yaml")}
        found = {run.title for run in selection.select(project, changed=changed)}
        assert found == {name} | nx.descendants(graph, name)


@settings(max_examples=50)
@given(
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=16).map(sorted),
)
def test_a_cycle_is_reported_if_there_is_one(pairs: list[tuple[int, int]]) -> None:
    needs = {
        f"s{title}": frozenset(f"s{before}" for after, before in pairs if after == title)
        for title in range(8)
    }
    graph: nx.DiGraph[str] = nx.DiGraph(
        [(after, before) for after in needs for before in needs[after]]
    )
    found = order.cycles(needs, _dependencies(needs))
    groups = [
        group
        for group in nx.strongly_connected_components(graph)
        if len(group) > 1 or graph.has_edge(*(tuple(group) * 2))
    ]
    assert len(found) >= len(groups)
    assert bool(found) == bool(groups)
    for problem in found:
        path = str(problem.message).partition(": ")[2].split(" -> ")
        assert path[0] == path[-1] and len(path) > 1
        assert all(graph.has_edge(*pair) for pair in pairwise(path))
        assert problem.place is not None and problem.hint is not None


def test_only_the_needs_among_the_chosen_titles_count() -> None:
    needs = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset[str]()}
    assert order.among(needs, {"a", "c"}) == {"a": frozenset(), "c": frozenset()}
    assert order.among(needs, {"a", "b"}) == {"a": {"b"}, "b": frozenset()}
    assert order.levels({}) == () and order.in_order({}) == ()


def _dependencies(needs: dict[str, frozenset[str]]) -> list[Dependency]:
    return [
        Dependency(after, before, Place("f.yaml", 1, 1), True)
        for after in needs
        for before in needs[after]
    ]
