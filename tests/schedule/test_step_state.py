"""The table of states and events: every pair, against the table in docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.schedule.step_state import (
    ENDS,
    TRANSITIONS,
    WATCHING,
    Done,
    Failed,
    Failure,
    ImpossibleTransition,
    InFlight,
    Pending,
    Polling,
    Rechecking,
    Skipped,
    StepEvent,
    StepState,
    UnknownOutcome,
    Unsettled,
    check,
)

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
FAILURE = Failure("refused")
LISTS = ("instances",)

STATES: tuple[StepState, ...] = (
    Pending(),
    Rechecking(LISTS, deadline=1.0),
    InFlight(),
    Polling(LISTS, accepted=0.0, usual_seconds=1.0, deadline=9.0, next_poll=1.0),
    UnknownOutcome(FAILURE, LISTS, since=0.0, deadline=9.0, next_poll=0.0, judged=0.0),
    Done(),
    Failed(FAILURE),
    Unsettled("no answer came"),
    Skipped("instance.create instances.web"),
)
NONE = "impossible"


def documented() -> dict[tuple[str, StepEvent], str]:
    """The name of the state that follows, or `impossible`, by state and event, as the page says."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    head = next(number for number, line in enumerate(lines) if "`Rechecking`" in line)
    states = re.findall(r"`(\w+)`", lines[head])
    rows: dict[str, list[str]] = {}
    for line in lines[head + 2 :]:
        text, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[text] = cells
    assert sorted(rows) == sorted(event.value for event in StepEvent)
    found = {(type(state).__name__, event): NONE for state in STATES for event in StepEvent}
    for event in StepEvent:
        for name, cell in zip(states, rows[event.value], strict=True):
            found[name, event] = cell.strip("`") or NONE
    return found


DOCUMENTED = documented()


@pytest.mark.parametrize("event", StepEvent, ids=lambda event: event.name)
@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_each_event_leads_to_the_documented_state_or_is_impossible(
    state: StepState, event: StepEvent
) -> None:
    wanted = DOCUMENTED[type(state).__name__, event]
    possible = []
    for following in STATES:
        try:
            check(state, event, following)
        except ImpossibleTransition:
            continue
        possible.append(type(following).__name__)
    assert possible == ([] if wanted == NONE else [wanted])


def test_the_table_has_every_state_and_every_event() -> None:
    assert list(TRANSITIONS) == [type(state) for state in STATES]
    assert {event for row in TRANSITIONS.values() for event in row} == set(StepEvent)


def test_nothing_follows_an_end() -> None:
    assert {kind for kind in TRANSITIONS if not TRANSITIONS[kind]} == set(ENDS)


def test_every_state_is_reached_from_the_first_and_leads_to_an_end() -> None:
    following = {kind: set(row.values()) for kind, row in TRANSITIONS.items()}
    for kind in TRANSITIONS:
        assert kind in reachable(Pending, following)
        assert reachable(kind, following) & set(ENDS)


def reachable(
    first: type[StepState], following: dict[type[StepState], set[type[StepState]]]
) -> set[type[StepState]]:
    """The states that can follow a state, itself included."""
    found, left = {first}, [first]
    while left:
        new = following[left.pop()] - found
        found |= new
        left += new
    return found


def test_states_in_which_lists_are_read_name_them_and_have_a_deadline() -> None:
    for state in STATES:
        if isinstance(state, WATCHING):
            assert state.lists == LISTS and state.deadline > 0
