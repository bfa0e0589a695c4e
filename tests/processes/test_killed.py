"""`apply` killed with SIGKILL at each of its requests in turn, and at random: the next runs come to
the calm end, with nothing twice.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from reconciler.simulator.kinds.records import Instance
from reconciler.simulator.world import World
from tests.processes.bridge import (
    PAST_THE_FENCE_SECONDS,
    RATE,
    Desk,
    Killer,
    bring_to_the_end,
    desk,
    ended,
    kill,
)
from tests.scenarios.world import world_of

POINTS = [("read", False, number) for number in range(1, 8)]
POINTS += [("write", done, number) for number in range(1, 5) for done in (False, True)]
"""Which of its reads and writes an apply is killed at; a write before or after the cloud has
executed it.
"""

CALM = {
    "instances": {
        "shop-web": "std_2.4-g1 active '웹 서버'",
        "somebody-else": "std_1.2-g1 active 'not yours'",
    },
    "volumes": {},
    "firewalls": {
        "shop-web": {"rules": ["https: IN TCP/443 0.0.0.0/0"], "members": ["shop-web"], "icmp": "N"}
    },
}


def check_the_end(place: Desk, said: str) -> None:
    """One of each, in place, as the state says; the plan is empty; what is not ours is as
    it was.
    """
    assert world_of(place.cloud) == CALM, said
    world, state = place.cloud.snapshot(), place.state
    ids = {
        *world.instances,
        *world.firewalls,
        *(str(rule.rule_id) for group in world.firewalls.values() for rule in group.rules),
    }
    assert {entry.id for entry in state.entries.values()} == ids - {"INSTANCE-foreign"}, said
    assert not state.open, said
    assert place.cloud.twice() == [], said
    planned = place.planned()
    assert planned.exit_code == 0 and not planned.has_changes, said


def somebody_else(world: World) -> None:
    """A server that is nobody's business, in the same account."""
    made = world.time - 86_400
    world.put(
        Instance(
            "INSTANCE-foreign",
            "somebody-else",
            "not yours",
            "active",
            "kr1-z01",
            "std_1.2-g1",
            "ubuntu-22.04",
            made,
            "203.0.113.99",
            "10.0.0.99",
        )
    )


@pytest.mark.parametrize(
    ("what", "done", "number"), POINTS, ids=[f"{w}-{n}{'-done' if d else ''}" for w, d, n in POINTS]
)
def test_a_run_killed_at_a_request_is_followed_by_the_calm_end(
    what: str, done: bool, number: int, tmp_path: Path
) -> None:
    """Goal: invariants 1 to 4, with the real program, over real sockets, dead for real."""
    with desk(tmp_path, rate=RATE) as place:
        place.cloud.change(somebody_else)
        place.cloud.strike = killer = Killer(what, number, done=done)
        first = ended(killer.aim(place.start("apply", "shop.yaml", "--yes"))).code
        place.cloud.strike = None
        said = f"killed at {what} {number}{' (executed)' if done else ''}"
        assert first == -9 or (what == "read" and first == 0), said
        answers = bring_to_the_end(place, said)
        check_the_end(place, said)
        # two creates may be under way together
        assert len(answers) <= 2, f"{said}: a person was asked about {answers}"


@pytest.mark.parametrize("seed", range(3))
def test_runs_killed_at_random_end_like_the_undisturbed_run(seed: int, tmp_path: Path) -> None:
    """Goal: whatever the instant is; the seed stands in the test's name."""
    chance = random.Random(seed)
    with desk(tmp_path, rate=RATE) as place:
        place.cloud.change(somebody_else)
        for _ in range(3):
            process = place.start("apply", "shop.yaml", "--yes")
            base = len(place.cloud.requests)
            end = time.monotonic() + 20
            while (
                len(place.cloud.requests) == base
                and process.poll() is None
                and time.monotonic() < end
            ):
                time.sleep(0.002)  # from its first request on
            time.sleep(chance.uniform(0.0, 0.5))
            kill(process)
            process.communicate()
            place.advance(PAST_THE_FENCE_SECONDS)
        bring_to_the_end(place, f"seed {seed}")
        check_the_end(place, f"seed {seed}")


def test_a_run_is_killed_while_another_recovers(tmp_path: Path) -> None:
    """Goal: a crash during recovery is one more crash."""
    with desk(tmp_path, rate=RATE) as place:
        place.cloud.change(somebody_else)
        for what, number, done in (("write", 3, True), ("read", 2, False)):
            place.cloud.strike = killer = Killer(what, number, done=done)
            assert ended(killer.aim(place.start("apply", "shop.yaml", "--yes"))).code == -9
            place.cloud.strike = None
        bring_to_the_end(place, "killed while recovering")
        check_the_end(place, "killed while recovering")
