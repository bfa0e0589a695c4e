"""The table of what a pass may do, against an independent statement of it, over random histories."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from reconciler.commands.watch import memory as notes
from reconciler.commands.watch.decide import decide, pause_minutes
from reconciler.model.watching import Allowed, Drifted, Health, Memory, Sight

NAMES = ("rules", "power", "exposure", "instances")
MINUTE = 60.0


def unknown(sight: Sight) -> bool:
    """Whether a pass could conclude nothing."""
    return sight.trouble is not None and sight.trouble[0] is not Health.BLOCKED


class Reference:
    """The table once more, from what all passes so far saw: no memory, only history."""

    def __init__(self) -> None:
        self.passes: list[tuple[Sight, Allowed, tuple[str, ...]]] = []

    def may_revert(self, sight: Sight, allowed: Allowed, row: Drifted) -> bool:
        if sight.running or sight.trouble:
            return False
        if row.never or not row.listed_as & allowed.revert or allowed.frozen or allowed.opens:
            return False
        first = sight.at
        for before, _, reverted in reversed(self.passes):
            rows = {each.seen for each in before.drift}
            void = before.running or unknown(before)
            if void or row.seen not in rows or row.address in reverted:
                break
            first = before.at
        if sight.at - first < 5 * MINUTE:
            return False
        count = 0
        for before, _, reverted in reversed(self.passes):
            void = before.running or unknown(before)
            if before.digest != sight.digest and not void:
                break
            count += sum(
                1 for each in before.drift if each.address in reverted and each.key == row.key
            )
        return count < 3

    def reverts_since(self, at: float) -> int:
        return sum(len(reverted) for sight, _, reverted in self.passes if sight.at > at)


def some_sight(rng: random.Random, at: float, digest: str) -> Sight:
    rows = []
    for number in range(rng.choice((0, 1, 1, 2, 4, 9))):
        value = rng.choice(("a", "a", "a", "b"))
        rows.append(
            Drifted(
                address=f"instances.n{number}",
                key=f"n{number} description",
                seen=f"n{number} {value}",
                listed_as=frozenset(rng.sample(NAMES, rng.choice((0, 1, 1, 2)))),
                never=rng.choice((None, None, None, None, "it would open traffic")),
            )
        )
    sight = Sight(at=at, digest=digest, drift=tuple(rows), pending=rng.choice((0, 0, 2)))
    spoiled = rng.choice(("", "", "", "", "", "stale", "blocked", "failed", "running"))
    match spoiled:
        case "running":
            return replace(sight, running="why")
        case "":
            return sight
    return replace(sight, trouble=(Health(spoiled), "why"))


@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_reverted_outside_the_table(seed: int) -> None:
    rng = random.Random(seed)
    reference, memory, now, digest = Reference(), Memory(), 1e9, "one"
    reverted = 0
    for _ in range(40):
        now += rng.choice((0.5, 1, 3, 6, 6, 20, 70)) * MINUTE
        digest = digest if rng.random() < 0.95 else f"files {now}"
        sight = some_sight(rng, now, digest)
        allowed = Allowed(
            revert=frozenset(rng.sample(NAMES, rng.choice((0, 2, 4)))),
            frozen=rng.choice((None,) * 9 + ("a fair",)),
            opens=rng.choice((None,) * 9 + (now + 60,)),
        )
        made = decide(sight, memory, allowed)
        rows = {row.address: row for row in sight.drift}
        wanted = [a for a, row in rows.items() if reference.may_revert(sight, allowed, row)]
        room = max(5 - reference.reverts_since(now - 60 * MINUTE), 0)
        assert list(made.revert) == wanted[:room]
        assert set(made.left) | set(made.revert) == set(rows) or made.health in (
            Health.STALE,
            Health.FAILED,
            Health.WAITING,
        )
        reference.passes.append((sight, allowed, made.revert))
        memory = notes.read(notes.write(made.memory))
        reverted += len(made.revert)
    assert reverted or seed  # most histories revert something


def test_the_histories_do_revert() -> None:
    rng, memory, now, count = random.Random(7), Memory(), 1e9, 0
    for _ in range(200):
        now += 6 * MINUTE
        made = decide(some_sight(rng, now, "one"), memory, Allowed(revert=frozenset(NAMES)))
        memory, count = made.memory, count + len(made.revert)
    assert count >= 10


HEALTH = [
    (Sight(1.0), Health.CLEAN),
    (Sight(1.0, drift=(Drifted("a", "a", "a"),)), Health.DRIFTED),
    (Sight(1.0, pending=1), Health.WAITING),
    (Sight(1.0, running="an apply"), Health.WAITING),
    (Sight(1.0, pending=1, drift=(Drifted("a", "a", "a"),)), Health.DRIFTED),
    (Sight(1.0, trouble=(Health.BLOCKED, "a request is open")), Health.BLOCKED),
    (Sight(1.0, trouble=(Health.STALE, "a list was short")), Health.STALE),
    (Sight(1.0, trouble=(Health.FAILED, "a mistake")), Health.FAILED),
]


@pytest.mark.parametrize(("sight", "health"), HEALTH)
def test_the_health_of_a_pass(sight: Sight, health: Health) -> None:
    assert decide(sight, Memory(), Allowed()).health is health


def test_pauses_grow_to_an_hour() -> None:
    assert [pause_minutes(number) for number in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


DAMAGE = [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"format": 1}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("data", [None, *DAMAGE], ids=range(len(DAMAGE) + 1))
def test_a_damaged_memory_counts_as_lost(data: bytes | None) -> None:
    assert notes.read(data) == Memory()


def test_a_clock_that_was_set_back_frees_no_revert() -> None:
    row = Drifted("a", "a", "a", frozenset({"rules"}))
    now, memory, count = 1e9, Memory(), 0
    for step in range(12):
        at = now - step * 600.0
        made = decide(Sight(at, drift=(row,)), memory, Allowed(revert=frozenset({"rules"})))
        memory, count = made.memory, count + len(made.revert)
    assert count == 0
