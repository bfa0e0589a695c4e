"""Names in two normal forms: a name from the file and one from the cloud are the same if a person
cannot tell them apart.
"""

from __future__ import annotations

import unicodedata

import pytest

from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, error, in_order
from reconciler.model.resource import Catalogue, Existing, Lookup
from reconciler.planner.compare import lookup
from reconciler.planner.compare.lookup import find
from reconciler.planner.steps import targeting
from tests.builders import Case, firewall, server, settled, told

COMPOSED = "서버-한글"
APART = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize("catalogue", ["ssh_keys", "user_scripts", "zones", "flavors", "images"])
@pytest.mark.parametrize(("asked", "listed"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_lookup_finds_a_name_that_is_composed_in_another_way(
    catalogue: str, asked: str, listed: str
) -> None:
    rows = Catalogue(**{catalogue: ({"id": "X-1", "name": listed},)})
    assert find(Lookup(catalogue, "any", asked), rows, zone=None, address="instances.web") == "X-1"
    assert lookup.satisfies(Lookup(catalogue, "any", asked), rows, "X-1")


def test_a_name_in_another_unicode_form_is_not_a_change() -> None:
    case = settled(server("web", name=APART, firewall="w"), firewall("w")).edit(
        "instances.web", name=COMPOSED
    )
    assert told(case.plan()).steps == []


def test_an_object_of_others_is_found_by_a_name_that_is_composed_in_another_way() -> None:
    case = settled(firewall("w", name=APART))
    office = Address("firewalls", "office", existing=True)
    plan = Case(
        live=case.live, extra={"existing": {office: Existing(office, "name", COMPOSED)}}
    ).plan()
    assert [problem.message for problem in plan.problems if problem.severity.value == "error"] == []


def test_an_address_is_chosen_by_a_key_that_is_composed_in_another_way() -> None:
    address = Address("instances", "web", COMPOSED)
    for pattern in (f'instances.web["{APART}"]', f'instances.*["{APART}"]'):
        assert targeting.matches(address, pattern)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [(COMPOSED, APART, True), ("a", "A", False), ("a", None, False), (None, None, False)],
)
def test_names_are_the_same_if_they_look_the_same(one: object, other: object, equal: bool) -> None:
    assert suggestions.same(one, other) is equal


def test_a_lookup_that_fails_for_a_whole_count_is_reported_once() -> None:
    # Goal: one mistake in the catalogue's name is one line, not one for each of 60 objects.
    desired = Lookup("flavors", "any", "no-such-flavor", place=Place("stack.yaml", 4, 12))
    plan = (
        Case()
        .add(
            *[server(f"web[{n}]", flavor=desired) for n in range(60)], server("app", flavor="none")
        )
        .plan()
    )
    found = [
        (problem.address, problem.place) for problem in plan.problems if problem.code == "lookup"
    ]
    assert found == [("instances.web", desired.place)]


def test_a_mistake_that_names_each_object_of_a_count_is_reported_once() -> None:
    place = Place("stack.yaml", 4, 3)
    found = [
        error(
            "missing-key",
            msg("{address} has no `{field}`", address=address, field="flavor"),
            place=place,
            address=address,
            hint=msg("write `flavor:` on {address}", address=address),
        )
        for address in ("instances.web[0]", "instances.web[1]", "instances.db")
    ]
    assert [(each.message, each.address, each.hint) for each in in_order(found)] == [
        ("instances.db has no `flavor`", "instances.db", "write `flavor:` on instances.db"),
        ("instances.web has no `flavor`", "instances.web", "write `flavor:` on instances.web"),
    ]
