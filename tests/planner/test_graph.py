"""The order of steps: edges that hold and edges that give way, circles, what hangs on what."""

from __future__ import annotations

import pytest

from reconciler.planner.steps import graph

NONE: frozenset[str] = frozenset()


def edges(**given: str) -> dict[str, frozenset[str]]:
    return {key: frozenset(text.split()) for key, text in given.items()}


def test_keys_come_after_what_they_wait_for_and_ties_go_by_name() -> None:
    # Goal: equal graphs give equal orders, whatever the order in which they were built.
    hard = edges(d="b c", c="a", b="a", a="")
    keys, after = graph.order(hard, dict.fromkeys(hard, NONE))
    assert keys == ("a", "b", "c", "d")
    assert after == {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    again, _ = graph.order(dict(reversed(hard.items())), {})
    assert again == keys


def test_nothing_has_an_empty_order() -> None:
    # Goal: no steps, no library.
    assert graph.order({}, {}) == ((), {})


def test_a_soft_edge_holds_if_it_closes_no_cycle() -> None:
    # Goal: the same as a hard one.
    keys, after = graph.order(edges(a="", b=""), edges(a="b", b=""))
    assert keys == ("b", "a")
    assert after["a"] == ("b",)


@pytest.mark.parametrize(
    ("hard", "soft", "wanted"),
    [
        (edges(a="", b="a"), edges(a="b", b=""), {"a": (), "b": ("a",)}),
        (edges(a="", b=""), edges(a="b", b="a"), {"a": ("b",), "b": ()}),
        (edges(a="", b="a", c="b"), edges(a="c", b="", c=""), {"a": (), "b": ("a",), "c": ("b",)}),
    ],
)
def test_a_soft_edge_gives_way_to_a_circle(
    hard: dict[str, frozenset[str]], soft: dict[str, frozenset[str]], wanted: object
) -> None:
    # Goal: hard edges all hold; of soft ones alone the first by name goes.
    _, after = graph.order(hard, soft)
    assert {key: after[key] for key in sorted(after)} == wanted


def test_a_cycle_of_hard_edges_is_reported_as_a_path() -> None:
    # Goal: the path names every key once and the first again.
    with pytest.raises(graph.Cycle) as caught:
        graph.order(edges(a="c", b="a", c="b", d=""), {})
    assert caught.value.path[0] == caught.value.path[-1]
    assert sorted(caught.value.path[:-1]) == ["a", "b", "c"]


def test_the_longest_way_behind_a_step_is_its_weight() -> None:
    # Goal: the critical path is the greatest; what has most behind it is sent first.
    after = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    assert graph.tails(after, {"a": 1, "b": 10, "c": 2, "d": 3}) == {
        "a": 14,
        "b": 13,
        "c": 5,
        "d": 3,
    }


def test_dependents_of_a_step_name_their_root() -> None:
    # Goal: directly or through others; the roots themselves are not among it.
    after = {"a": (), "b": ("a",), "c": ("b",), "d": (), "e": ("d", "c")}
    assert graph.dependants(after, frozenset({"a"})) == {"b": "a", "c": "a", "e": "a"}
