"""What somebody changes between the plan and a destructive write stops that write and what depends
on it, and nothing else (planning#precondition).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.simulator.world import World
from tests.faults import space
from tests.faults.bench import Bench
from tests.faults.harness import Calm, start

Act = Callable[[World, str], None]


def deleted(world: World, id: str) -> None:
    """Somebody was quicker."""
    world.remove("instance", id, world.time)


def another(world: World, id: str) -> None:
    """Something else answers to the id: it was made at another time."""
    world.put(replace(world.instances[id], created=world.time - 5.0))


def acts_after_the_plan(bench: Bench, act: Act, id: str) -> None:
    """Lets somebody act when the first request after the plan arrives."""
    done: list[bool] = []

    def meanwhile() -> None:
        if len(bench.plans) > shown and not done:
            done.append(True)
            bench.cloud.change(lambda world: act(world, id))

    shown = len(bench.plans)
    bench.meanwhile = meanwhile


def begun(name: str, address: str) -> tuple[Calm, Bench, str]:
    """A story at its beginning, and the id of one of its objects."""
    calm = space.calm_of(name)
    bench = start(calm.story, calm.saved, calm.nonces)
    state = bench.state
    assert state is not None
    return calm, bench, state.entries[address].id


@pytest.mark.parametrize("act", [deleted, another])
def test_an_object_that_is_not_as_planned_is_left_alone_and_the_rest_is_done(act: Act) -> None:
    calm, bench, id = begun("ten at once", "instances.old")
    acts_after_the_plan(bench, act, id)
    ended = bench.run(calm.stack)
    assert ended.exit_code == 3
    sent = [request.path for _, request in bench.sends if request.method == "DELETE"]
    assert f"/v1/instances/{id}" not in sent
    state = bench.state
    assert state is not None and state.entries["instances.old"].id == id, (
        "what was not deleted by us is not forgotten"
    )
    assert "instances.web[2]" in state.entries and "firewalls.db" in state.entries, (
        "the rest is done"
    )


def test_a_server_that_is_not_as_planned_is_not_emptied() -> None:
    calm, bench, id = begun("a rebuild", "instances.db")
    acts_after_the_plan(bench, another, id)
    assert bench.run(calm.stack).exit_code == 3
    assert not [request for _, request in bench.sends if request.path.endswith("/rebuild")]
