"""Patterns of `--only` and `--except`."""

from __future__ import annotations

import pytest

from reconciler.planner.steps import targeting
from tests.builders import Case, firewall, nothing, rule, server, settled
from tests.stackfiles import at


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("instances.*", True),
        ("*", True),
        ("**", True),
        ("inst*web*", True),
        ("*.web[?]", True),
        ("instances.web", True),
        ("*web[0]*", True),
        ("*web[1]", False),
        ("*e*e*e*e*", False),
        ("*s*b*0]", True),
        ("i*i", False),
        ("?nstances.web[0]", True),
    ],
)
def test_a_star_matches_any_text(pattern: str, fits: bool) -> None:
    assert targeting.matches(at("instances.web[0]"), pattern) is fits


def test_many_stars_take_no_longer_than_one() -> None:
    # Goal: a pattern of many stars that does not fit ends: with backtracking it would not.
    assert not targeting.matches(at("instances." + "a" * 200), "*a" * 30 + "*!")


RULES = (rule("web", "a", ports="80"), rule("web", "b", ports="443"))


@pytest.mark.parametrize(
    ("case", "notices"),
    [
        (
            nothing(firewall("web"), *RULES, server("a", firewall="web")),
            ["instances.a needs firewalls.web, so it is included"],
        ),
        (
            settled(firewall("web")).add(*RULES, server("a", firewall="web")),
            ["instances.a needs 2 rules of firewalls.web, so they are included"],
        ),
        (
            settled(firewall("web"), RULES[0]).add(RULES[1], server("a", firewall="web")),
            ["instances.a needs firewalls.web.rules.b, so it is included"],
        ),
    ],
    ids=["a new firewall", "its rules", "one rule"],
)
def test_what_is_included_is_reported_once_for_each_object(case: Case, notices: list[str]) -> None:
    plan = case.plan(only=("instances.a",))
    assert [each.message for each in plan.problems if each.code == "joined"] == notices
