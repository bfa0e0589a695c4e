"""Feasibility: what the cloud would refuse for certain is an error before the first call; what is
not sure is a warning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.resource import Deferred, Lifecycle, Ref
from tests.builders import (
    CATALOGUE,
    Case,
    at,
    firewall,
    nothing,
    rule,
    server,
    settled,
    told,
    volume,
)

LONG = "n" * 33
NO_MARKER = Lifecycle(marker=False)


def catalogue(case: Case, what: str, id: str, **members: Any) -> Case:
    """The same with one row of the catalogue changed."""
    rows = tuple(
        {**row, **members} if row["id"] == id else row for row in getattr(case.catalogue, what)
    )
    return replace(case, catalogue=replace(case.catalogue, **{what: rows}))


def with_type(case: Case) -> Case:
    """The same with an image whose type is known."""
    return catalogue(case, "images", "ubuntu", type="os_linux")


NEW = nothing(server("web"))
HERE = settled(server("web"))
WITH_NEW = HERE.add(volume("d"))
FREE = settled(firewall("web"))
WARNED, BORNE = "warning not-offered instances.web", "warning duplicate-name instances.new"
KEYED = replace(CATALOGUE, ssh_keys=({"id": "k1", "name": "deploy"},))
TYPED = with_type(NEW)
ROWS: list[tuple[str, Case, list[str]]] = [
    ("all well", NEW, []),
    ("a zone that takes nothing new", catalogue(NEW, "zones", "z1", available=False), ["error not-offered instances.web"]),
    ("the same of a server that exists", catalogue(settled(server("web")), "zones", "z1", available=False), []),
    ("a flavor no longer offered", catalogue(NEW, "flavors", "small", available=False), ["error not-offered instances.web"]),
    ("the same of a server that has it", catalogue(settled(server("web")), "flavors", "small", available=False), []),
    ("a flavor of another zone", nothing(server("web", zone="z2", flavor="tiny")), ["error not-offered instances.web"]),
    ("a resize to a flavor of another zone", settled(server("web", zone="z2")).edit("instances.web", flavor="tiny"),
     ["warning not-offered instances.web", "error not-offered instances.web"]),
    ("an image of another zone", catalogue(NEW, "images", "ubuntu", zones=("z2",)), ["error not-offered instances.web"]),
    ("an image that says no zone", catalogue(NEW, "images", "ubuntu", zones=()), []),
    ("a flavor with a smaller disk", settled(server("web")).edit("instances.web", flavor="tiny"), ["warning not-offered instances.web"]),
    ("the same as a replacement", settled(server("web", flavor="big")).edit("instances.web", flavor="small", zone="z2"), []),
    ("no such type of volume", settled(server("web")).add(volume("d", type="tape")), ["error not-offered block_storages.d"]),
    ("a type not offered in the zone", catalogue(WITH_NEW, "storage_types", "ssd", zones=("z2",)), ["error not-offered block_storages.d"]),
    ("a size too small", HERE.add(volume("d", size=9)), ["error out-of-bounds block_storages.d"]),
    ("a size that the console would not take", HERE.add(volume("d", size=55)), ["warning out-of-bounds block_storages.d"]),
    ("a name too long", nothing(server("web", name=LONG)), ["error bad-length instances.web"]),
    ("a name as long as may be", nothing(server("web", name=LONG[:32])), []),
    ("Hangul counts code points", nothing(server("web", name="가" * 32)), []),
    ("a name too long that is there already", settled(server("web", name=LONG)), []),
    ("a name too long, newly asked for", settled(server("web")).edit("instances.web", name=LONG), ["error bad-length instances.web"]),
    ("the name of a firewall too short", nothing(firewall("web", name="abc")), ["error bad-length firewalls.web"]),
    ("a text too long with the marker", nothing(server("web", description="d" * 35)), ["error bad-length instances.web"]),
    ("the same without the marker", nothing(server("web", description="d" * 35, life=NO_MARKER)), []),
    ("an image of a type that the flavor does not support", catalogue(TYPED, "flavors", "small", images=("os_windows",)), [WARNED]),
    ("an image of a type that it supports", catalogue(TYPED, "flavors", "small", images=("os_linux", "os_windows")), []),
    ("an image that it supports by id", catalogue(TYPED, "flavors", "small", images=("ubuntu",)), []),
    ("a flavor that names no images", catalogue(TYPED, "flavors", "small", images=()), []),
    ("a resize to a flavor that does not support the image there is",
     catalogue(with_type(HERE), "flavors", "big", images=("os_windows",)).edit("instances.web", flavor="big"), [WARNED]),
    ("an image id that no list shows", nothing(server("web", image="private")), [WARNED]),
    ("a key id that no list shows", replace(nothing(server("web", ssh_keys=("k1", "k2"))), catalogue=KEYED), [WARNED]),
    ("the same where the list was not read", nothing(server("web", ssh_keys=("k1", "k2"))), []),
    ("a name that somebody else bears", HERE.add(server("new")).foreign_object("instances", "i-x", name="shop-new"), [BORNE]),
    ("the name of another kind of object", HERE.add(server("new")).foreign_object("firewalls", "f-x", name="shop-new"), []),
    ("a name that an object of ours bears is ours", HERE.foreign_object("instances", "i-x", name="shop-web"), []),
    ("a rename to a name that somebody else bears",
     HERE.foreign_object("instances", "i-x", name="theirs").edit("instances.web", name="theirs"), ["warning duplicate-name instances.web"]),
    ("a rule's title too long", FREE.add(rule("web", "x", title="t" * 26)), ["error bad-length firewalls.web.rules.x"]),
    ("a rule's text too long", FREE.add(rule("web", "x", description="t" * 26)), ["error bad-length firewalls.web.rules.x"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "problems"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_certain_refusal_is_reported_before_the_first_call(
    case: Case, problems: list[str]
) -> None:
    # Goal: exactly these, and no step where one of them is an error.
    plan = case.plan()
    assert told(plan).problems == problems
    if any(line.startswith("error") for line in problems):
        assert plan.steps == ()


def test_a_length_counts_after_references_are_filled_in() -> None:
    # Goal: the value that would be sent, not the text in the file.
    value = Deferred(
        "${instances.web.private_ip}" + "n" * 25, (Ref(at("instances.web"), "private_ip"),)
    )
    plan = settled(server("web")).add(server("app", name=value)).plan()
    assert told(plan).problems == ["error bad-length instances.app"]
    assert "the maximum is " in plan.problems[0].message


def test_a_known_value_is_checked_as_a_written_one() -> None:
    # Goal: an address without mask, filled in now, is an error now.
    value = Deferred("${instances.web.private_ip}", (Ref(at("instances.web"), "private_ip"),))
    plan = settled(server("web"), firewall("db")).add(rule("db", "x", cidr=value)).plan()
    assert told(plan).problems == ["error bad-format firewalls.db.rules.x"]


def test_a_default_name_that_does_not_fit_is_an_error_with_the_way_out() -> None:
    # Goal: the name that nobody wrote is told too.
    case = nothing(server("web"))
    long = replace(case.file[at("instances.web")], at_create={"name": LONG})
    plan = replace(case, file={at("instances.web"): long}).plan()
    assert told(plan).problems == ["error bad-length instances.web"]
    assert plan.problems[0].hint == f"write `name: {'n' * 32}`"


NAMES: list[tuple[str, Case, list[str]]] = [
    (
        "two new ones",
        nothing(server("a", name="x"), server("b", name="x")),
        ["error duplicate-name instances.b"],
    ),
    (
        "one new, one there",
        settled(server("a", name="x")).add(server("b", name="x")),
        ["error duplicate-name instances.b"],
    ),
    (
        "twins that are there",
        settled(server("a", name="x"), server("b", name="x")),
        ["warning duplicate-name instances.b"],
    ),
    (
        "one of them goes",
        settled(server("a", name="x")).leave_out("instances.a").add(server("b", name="x")),
        ["error rename instances.a"],
    ),
    (
        "a default name and a written one",
        nothing(server("a"), server("b", name="shop-a")),
        ["error duplicate-name instances.b"],
    ),
    ("of two kinds", nothing(server("a", name="xxxx"), firewall("b", name="xxxx")), []),
    (
        "a replacement has its own",
        settled(server("a", name="x")).edit("instances.a", zone="z2"),
        [],
    ),
]


@pytest.mark.parametrize(
    ("case", "problems"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES]
)
def test_duplicate_names_of_a_kind_are_reported(case: Case, problems: list[str]) -> None:
    # Goal: an error where one is to be made, a warning where both are there
    # (stack-files#remote-names); both are named.
    plan = case.plan()
    assert told(plan).problems == problems
    named = [p.message for p in plan.problems if p.code == "duplicate-name"]
    assert all("instances.a" in text and "instances.b" in text for text in named)


def with_another(case: Case, name: str) -> Case:
    return case.foreign_object("instances", "i-x", name=name)


@pytest.mark.parametrize(
    ("case", "hint"),
    [
        (
            with_another(HERE.add(server("new")), "shop-new"),
            "if i-x belongs to this stack: reconciler import instances.new i-x\n"
            "else give it another `name:`\n"
            "or accept that the two have the same name: "
            "reconciler apply --accept duplicate=instances.new",
        ),
        (
            with_another(HERE.edit("instances.web", name="theirs"), "theirs"),
            "give it another `name:`\n"
            "or accept that the two have the same name: "
            "reconciler apply --accept duplicate=instances.web",
        ),
    ],
    ids=["new", "renamed"],
)
def test_a_name_of_another_object_can_be_accepted(case: Case, hint: str) -> None:
    (problem,) = (each for each in case.plan().problems if each.code == "duplicate-name")
    assert problem.hint == hint

    accepted = case.plan(accept=(("duplicate", problem.address),))
    assert [each for each in accepted.problems if each.code == "duplicate-name"] == []
