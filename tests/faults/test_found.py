"""Breaks that once came to a wrong end: each stays here by itself, with what went wrong."""

from __future__ import annotations

import pytest

from tests.faults import harness, space
from tests.faults.faults import Break
from tests.faults.harness import Calm

FOUND = [
    (
        "a volume",
        "POST /v1/block-storages",
        0,
        "killed when it has left",
        "the wait for a volume asked for a server that nobody had named",
    ),
    (
        "a resize that stops first",
        "POST /v1/instances/*/shutdown",
        0,
        "killed when it has left",
        "nothing remembered that it was to run",
    ),
    (
        "a resize that stops first",
        "POST /v1/instances/*/resize",
        0,
        "never arrives, killed",
        "the server stayed off",
    ),
    (
        "a resize that stops first",
        "POST /v1/instances/*/start",
        0,
        "never arrives",
        "the server stayed off",
    ),
    (
        "a resize that stops first",
        "POST /v1/instances/*/shutdown",
        0,
        "interrupted",
        "the message did not say which server was off",
    ),
    (
        "a rebuild",
        "POST /v1/instances/*/rebuild",
        0,
        "killed when it has left",
        "a rebuild under way was asked for again",
    ),
    (
        "power off",
        "POST /v1/instances/*/shutdown",
        0,
        "interrupted",
        "a server at work counted as done",
    ),
    (
        "a replacement with a volume",
        "GET /v1/instances",
        -1,
        "killed before it leaves",
        "the old server stayed in the state for ever",
    ),
    (
        "a replacement that deletes first",
        "DELETE /v1/instances/*",
        0,
        "interrupted",
        "a delete under way was a matter for a person",
    ),
    (
        "a replacement that deletes first",
        "DELETE /v1/instances/*",
        0,
        "killed when it has left",
        "what settling asks for was not read",
    ),
    (
        "destroy",
        "DELETE /v1/security-groups/*",
        0,
        "interrupted",
        "the rules of a deleted firewall stayed in the state",
    ),
    (
        "ten at once",
        "POST /v1/instances/*/resize",
        0,
        "500, not executed",
        "more was sent to a server in doubt",
    ),
    (
        "one server",
        "POST /v1/instances",
        0,
        "answer lost, seen 900 s late",
        "what came later than any evidence was not told",
    ),
    (
        "three servers",
        "POST /v1/instances",
        0,
        "answer lost, seen 900 s late",
        "the same, beside others that serve as control",
    ),
    (
        "one server",
        "POST /v1/instances",
        0,
        "seen 90 s late, killed at the next send",
        "a young object that is not shown yet was missed",
    ),
    (
        "a firewall",
        "POST /v1/security-groups",
        0,
        "killed when it has left",
        "the rules of a group found again were not read",
    ),
    (
        "web-tier",
        "POST /v1/security-groups/*/rules",
        0,
        "killed before it leaves",
        "the guard asked for consent instead of waiting for the rule in doubt",
    ),
]


PAIRS: list[tuple[str, tuple[str, str], tuple[str, str], str]] = [
    (
        "a resize that stops first",
        ("POST /v1/instances/*/start", "killed before it leaves"),
        ("GET /v1/instances", "interrupted"),
        "an interrupted wait did not say which server was off",
    ),
    (
        "an update",
        ("PUT /v1/security-groups/*", "killed before it leaves"),
        ("sync journal.new", "disk fails from here on"),
        "it went on reading",
    ),
    (
        "three servers",
        ("POST /v1/instances", "never arrives"),
        ("write journal.new", "disk full from here on"),
        "it went on reading",
    ),
]


@pytest.mark.parametrize(("name", "first", "second", "wrong"), PAIRS, ids=[row[0] for row in PAIRS])
def test_an_earlier_failure_in_a_recovery_now_ends_like_the_undisturbed_run(
    name: str, first: tuple[str, str], second: tuple[str, str], wrong: str
) -> None:
    calm = space.calm_of(name)
    begin = at(calm, first[0], 0, first[1])
    places = [
        boundary for boundary in harness.trial(calm, begin).recovery if boundary.what == second[0]
    ]
    for boundary in places:
        found = harness.trial(calm, begin, Break(boundary, second[1]))
        assert not found.violations, f"{found}: {found.violations} (it was: {wrong})"


def at(calm: Calm, what: str, place: int, fault: str) -> Break:
    """The break at one of the requests of a kind."""
    boundaries = [one for one in calm.boundaries if one.what == what]
    return Break(boundaries[place], fault)


@pytest.mark.parametrize(
    ("name", "what", "place", "fault", "wrong"), FOUND, ids=[f"{row[0]}: {row[4]}" for row in FOUND]
)
def test_an_earlier_failure_now_ends_like_the_undisturbed_run(
    name: str, what: str, place: int, fault: str, wrong: str
) -> None:
    calm = space.calm_of(name)
    found = harness.trial(calm, at(calm, what, place, fault))
    assert found.struck and not found.violations, f"{found}: {found.violations} (it was: {wrong})"
