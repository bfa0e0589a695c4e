"""What a pass may do (docs/how-to/watch.md). Pure: time, windows and freezes come as arguments.

A revert needs all of this: the rules list it, nothing speaks against it, two complete readings at
least five minutes apart saw the same, the stack is not frozen, a window is open, fewer than five
reverts were begun in the last hour, and the same drift has not come back three times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.model.watching import (
    Allowed,
    Drifted,
    Health,
    Memory,
    Reverted,
    Sight,
    WatchDecision,
)

APART_SECONDS = 300.0
"""Two readings that saw the same drift are at least so far apart."""

REVERTS_AN_HOUR_MAX = 5
RETURNS_MAX = 3
"""After so many reverts of the same drift it is left to a person: something else sets it."""

_HOUR_SECONDS = 3600.0
_PAUSE_MINUTES_MAX = 60


def decide(sight: Sight, memory: Memory, allowed: Allowed) -> WatchDecision:
    """What this pass concludes and does. The memory of the decision counts its reverts: it is kept
    before the first request is sent.
    """
    if sight.trouble is not None and sight.trouble[0] is not Health.BLOCKED:
        # Nothing is learned: what was seen before must be seen twice again.
        return WatchDecision(*sight.trouble, replace(memory, failures=memory.failures + 1, seen={}))
    if sight.running is not None:
        # what a run is changing right now was not seen by a complete reading
        active = msg("{run} is active", run=sight.running)
        return WatchDecision(Health.WAITING, active, replace(memory, seen={}))
    memory = _learned(sight, memory)
    if sight.trouble is not None:
        return WatchDecision(*sight.trouble, memory, left=_all_left(sight))
    left = dict(_left(sight, memory, allowed))
    revert = tuple(row for row in sight.drift if row.address not in left)
    room = max(REVERTS_AN_HOUR_MAX - _reverts_of_last_hour(memory, sight.at), 0)
    for row in revert[room:]:
        left[row.address] = msg(
            "{count} reverts were begun in the last hour", count=REVERTS_AN_HOUR_MAX
        )
    revert = revert[:room]
    begun = tuple(Reverted(max(sight.at, sight.until), row.key) for row in revert)
    # what is reverted and comes back has to be seen twice again
    still = {key: at for key, at in memory.seen.items() if key not in {row.seen for row in revert}}
    memory = replace(memory, reverts=memory.reverts + begun, seen=still)
    health, reason = _health(sight, memory, revert)
    return WatchDecision(health, reason, memory, tuple(row.address for row in revert), left)


def pause_minutes(failures: int) -> int:
    """Minutes until a pass is tried again after so many in a row could conclude nothing: 1, 2, 4,
    up to 60.
    """
    return min(1 << max(min(failures, 7) - 1, 0), _PAUSE_MINUTES_MAX)


def _learned(sight: Sight, memory: Memory) -> Memory:
    """The memory with a complete reading. Files that changed begin a new count of returns."""
    if memory.digest != sight.digest:
        # the limit of an hour holds for the stack, whatever its files say
        recent = tuple(each for each in memory.reverts if _is_recent(each, sight.at))
        memory = replace(memory, reverts=tuple(Reverted(each.at, "") for each in recent))
    first = max(sight.at, sight.until)
    seen = {row.seen: min(memory.seen.get(row.seen, first), first) for row in sight.drift}
    return replace(memory, digest=sight.digest, seen=seen, read_at=sight.at, failures=0)


def _left(sight: Sight, memory: Memory, allowed: Allowed) -> Iterator[tuple[str, str]]:
    """The addresses that are not reverted in this pass, each with the first reason."""
    for row in sight.drift:
        reason = _reason(row, sight.at, memory, allowed)
        if reason is not None:
            yield row.address, reason


def _reason(row: Drifted, now: float, memory: Memory, allowed: Allowed) -> str | None:
    if not row.listed_as & allowed.revert:
        return msg("the rules do not list it under `revert`")
    if row.never is not None:
        return row.never
    if returns(row, memory) >= RETURNS_MAX:
        return msg(
            "it was reverted {count} times and came back: something else sets it",
            count=RETURNS_MAX,
        )
    if now - memory.seen.get(row.seen, now) < APART_SECONDS:
        return msg(
            "it has to be seen again, at least {minutes} minutes after the first time",
            minutes=round(APART_SECONDS / 60),
        )
    if allowed.frozen is not None:
        return msg("frozen: {reason}", reason=allowed.frozen)
    if allowed.opens is not None:
        return msg("outside its window")
    return None


def returns(row: Drifted, memory: Memory) -> int:
    """How often the same drift was reverted since the files last changed."""
    return sum(1 for each in memory.reverts if each.key == row.key)


def _is_recent(revert: Reverted, now: float) -> bool:
    # one of the future, after a clock was set back, counts
    return now - revert.at < _HOUR_SECONDS


def _reverts_of_last_hour(memory: Memory, now: float) -> int:
    return sum(1 for each in memory.reverts if _is_recent(each, now))


def _health(sight: Sight, memory: Memory, revert: tuple[Drifted, ...]) -> tuple[Health, str]:
    before = [row for row in sight.drift if row not in revert]
    if any(returns(row, memory) >= RETURNS_MAX for row in before):
        return Health.BLOCKED, msg(
            "the same drift came back after {count} reverts", count=RETURNS_MAX
        )
    if sight.drift:
        return Health.DRIFTED, msg("{count} changed outside", count=len(sight.drift))
    if sight.pending:
        return Health.WAITING, msg("the files ask for changes ({count})", count=sight.pending)
    return Health.CLEAN, msg("nothing changed")


def _all_left(sight: Sight) -> Mapping[str, str]:
    return {row.address: msg("something else needs a decision first") for row in sight.drift}
