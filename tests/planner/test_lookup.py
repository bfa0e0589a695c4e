"""Lookups as a table: what is asked | where | the id, or part of the message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Catalogue, Lookup
from reconciler.planner.compare.lookup import find, satisfies
from tests.builders import at, server, settled, told


def image(
    id: str, name: str | None, os: str = "UBUNTU", version: str | None = "22.04", **more: Any
) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "os": os,
        "version": version,
        "public": True,
        "available": True,
        "zones": ("z1",),
        **more,
    }


IMAGES = Catalogue(
    images=(
        image("u-1804", "Ubuntu 18.04 LTS", version="18.04"),
        image("u-2004", "Ubuntu 20.04.6 LTS", version="20.04"),
        image("u-22044", "Ubuntu 22.04.4 LTS"),
        image("u-22045", "Ubuntu 22.04.5 LTS"),
        image("u-22-z2", "Ubuntu 22.04.9 LTS", zones=("z2",)),
        image("u-mine", "Ubuntu 22.04.8 of mine", public=False),
        image("u-old", "Ubuntu 22.04.7 LTS", available=False),
        image("u-2210", "Ubuntu 22.10", version="22.10"),
        image("r-8", "Rocky Linux 8.10", os="ROCKYLINUX", version="8.X"),
        image("r-9a", "Rocky Linux 9.4", os="ROCKYLINUX", version="9.X"),
        image("r-9b", "Rocky Linux 9.10", os="ROCKYLINUX", version="9.X"),
        image("d-12a", "Debian 12", os="DEBIAN", version="12"),
        image("d-12b", "Debian 12", os="DEBIAN", version="12"),
        image("a-9", None, os="ALMALINUX", version="9.X"),
        image("odd", "Ubuntu 2", version=None, zones=()),
    )
)


def by_os(os: str, version: str) -> Lookup:
    return Lookup("images", "os", os, version)


OS_ROWS: list[tuple[str, Lookup, str | None, str]] = [
    ("the version exactly", by_os("ubuntu", "20.04"), "z1", "u-2004"),
    ("of several the highest patch in the name", by_os("ubuntu", "22.04"), "z1", "u-22045"),
    ("the patch itself", by_os("ubuntu", "22.04.4"), "z1", "u-22044"),
    ("as a prefix, the highest", by_os("ubuntu", "22"), "z1", "u-2210"),
    ("a prefix ends at a point", by_os("ubuntu", "1"), "z1", "!no image 'ubuntu 1'"),
    ("in another zone", by_os("ubuntu", "22.04"), "z2", "u-22-z2"),
    ("in any case of the word", by_os("Ubuntu", "22.04"), "z1", "u-22045"),
    ("a version with X", by_os("rocky", "8"), "z1", "r-8"),
    ("9.10 is higher than 9.4", by_os("rocky", "9"), "z1", "r-9b"),
    ("9.4 exactly", by_os("rocky", "9.4"), "z1", "r-9a"),
    ("without a name", by_os("alma", "9"), "z1", "a-9"),
    ("a tie", by_os("debian", "12"), "z1", "!2 images match 'debian 12' equally: d-12a, d-12b"),
    ("no such version", by_os("ubuntu", "30.04"), "z1", "!no image 'ubuntu 30.04' in zone z1"),
    ("no such system", by_os("plan9", "4"), "z1", "!no image 'plan9 4' in zone z1"),
    ("the id as it is", Lookup("images", "id", "whatever"), "z1", "whatever"),
    ("an id as any", Lookup("images", "any", "u-mine"), "z1", "u-mine"),
    ("a name as any", Lookup("images", "any", "Ubuntu 22.10"), "z1", "u-2210"),
    (
        "a name of two",
        Lookup("images", "any", "Debian 12"),
        "z1",
        "!2 images are named 'Debian 12': d-12a, d-12b",
    ),
]


@pytest.mark.parametrize(
    ("desired", "zone", "wanted"), [row[1:] for row in OS_ROWS], ids=[row[0] for row in OS_ROWS]
)
def test_an_image_is_looked_up(desired: Lookup, zone: str | None, wanted: str) -> None:
    # Goal: one id, or an error that says why there is none and what there is.
    found = find(desired, IMAGES, zone=zone, address="instances.web")
    if wanted.startswith("!"):
        assert isinstance(found, Problem)
        assert wanted[1:] in found.message
        assert found.hint
    else:
        assert found == wanted


OFFERED = "ubuntu 20.04, ubuntu 22.10, ubuntu 22.04, ubuntu 18.04"
MANY = Catalogue(
    images=(
        *(image(f"u-{n}", None, version=f"{n}.04") for n in range(10, 26, 2)),
        image("f-14", None, os="FREEBSD", version="14.X"),
    )
)
HINTS: list[tuple[str, Catalogue, Lookup, str | None, str]] = [
    ("few versions", IMAGES, by_os("ubuntu", "20.05"), "z1", f"use one of {OFFERED}"),
    ("many versions", MANY, by_os("ubuntu", "24.05"), "z1", "use one of ubuntu 24.04, ubuntu 22.04, ubuntu 20.04, ubuntu 14.04, ubuntu 12.04 and 3 more"),
    ("a system that is misspelt", MANY, by_os("free-bsd", "14"), "z1", "use one of freebsd 14, ubuntu 18.04, ubuntu 16.04, ubuntu 14.04, ubuntu 12.04 and 4 more"),
    ("a zone without images", MANY, by_os("ubuntu", "24.04"), "z2", "this zone offers no public image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("catalogue", "desired", "zone", "hint"), [row[1:] for row in HINTS], ids=[r[0] for r in HINTS]
)
def test_the_hint_for_an_unknown_image_lists_the_nearest_five(
    catalogue: Catalogue, desired: Lookup, zone: str | None, hint: str
) -> None:
    found = find(desired, catalogue, zone=zone, address="instances.web")
    assert isinstance(found, Problem)
    assert found.hint == hint


OTHERS = Catalogue(
    zones=({"id": "kr1-z01", "name": "KR1-Z01"}, {"id": "kr1-z02", "name": "KR1-Lite"}),
    flavors=(
        {"id": "std_2.4-g1", "name": "std_2.4-g1"},
        {"id": "std_4.8-g1", "name": "std_4.8-g1"},
    ),
    ssh_keys=(
        {"id": "k1", "name": "deploy"},
        {"id": "k2", "name": "twin"},
        {"id": "k3", "name": "twin"},
        {"id": "k4", "name": None},
    ),
    user_scripts=(),
)
SCRIPT = "#!/bin/sh\nexport TOKEN=s3cret\n"
ROWS: list[tuple[str, Lookup, str]] = [
    ("a zone by id", Lookup("zones", "any", "kr1-z02"), "kr1-z02"),
    ("a zone by its console name", Lookup("zones", "any", "KR1-Lite"), "kr1-z02"),
    ("in any case", Lookup("zones", "any", "kr1-LITE"), "kr1-z02"),
    ("a zone that is not there", Lookup("zones", "any", "kr9"), "!no zone 'kr9' in this account"),
    ("a flavor", Lookup("flavors", "any", "std_4.8-g1"), "std_4.8-g1"),
    (
        "a flavor in another case is another flavor",
        Lookup("flavors", "any", "STD_4.8-g1"),
        "!no flavor 'STD_4.8-g1'",
    ),
    ("a key by name", Lookup("ssh_keys", "any", "deploy"), "k1"),
    ("a key by id", Lookup("ssh_keys", "any", "k4"), "k4"),
    (
        "two keys of one name",
        Lookup("ssh_keys", "any", "twin"),
        "!2 SSH keys are named 'twin': k2, k3",
    ),
    (
        "no scripts at all",
        Lookup("user_scripts", "any", "init"),
        "!no user script 'init' in this account",
    ),
    (
        "a whole script",
        Lookup("user_scripts", "any", SCRIPT),
        "!no user script '#!/bin/sh...' in this account",
    ),
    (
        "a list that was not read",
        Lookup("images", "any", "x"),
        "!the account's list could not be read",
    ),
    ("an id where the list was not read", Lookup("images", "id", "x"), "x"),
]


@pytest.mark.parametrize(
    ("desired", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_other_things_are_looked_up(desired: Lookup, wanted: str) -> None:
    # Goal: ids first, then names exactly; zones in any case.
    found = find(desired, OTHERS, zone=None, address="instances.web")
    if wanted.startswith("!"):
        assert isinstance(found, Problem)
        assert wanted[1:] in found.message
        assert found.hint
    else:
        assert found == wanted


def test_a_script_written_inline_is_not_repeated_in_the_message() -> None:
    found = find(Lookup("user_scripts", "any", SCRIPT), OTHERS, zone=None, address="instances.web")
    assert isinstance(found, Problem) and "s3cret" not in found.message + (found.hint or "")
    assert "`reconciler catalog scripts`" in (found.hint or "")


def test_a_near_miss_is_offered() -> None:
    # Goal: the nearest valid names come first.
    found = find(Lookup("flavors", "any", "std_4.8_g1"), OTHERS, zone=None, address="instances.web")
    assert isinstance(found, Problem)
    assert found.hint is not None and found.hint.startswith("did you mean std_4.8-g1")


# Pinned
# ------------------------------------------------------------------------------------------------------------------------------

WISH = Lookup("images", "os", "rocky", "9")


def test_what_a_lookup_gave_is_kept_and_a_newer_image_changes_nothing() -> None:
    # Goal: asked once; the pin of the state answers from then on.
    case = settled(server("web", image="r-9a")).edit("instances.web", image=WISH)
    pinned = case.remember("instances.web", lookups={"image": {WISH.key: "r-9a"}})
    assert pinned.plan().is_empty
    anew = pinned.plan(replace=frozenset({"instances.web"}))
    assert (
        next(s for s in anew.steps if s.operation == "instance.create").inputs["image"] == "rocky"
    )


def test_a_changed_lookup_text_is_resolved_again() -> None:
    # Goal: the pin is of one text.
    other = Lookup("images", "os", "ubuntu", "22.04")
    case = settled(server("web", image="r-9a")).edit("instances.web", image=other)
    plan = case.remember("instances.web", lookups={"image": {WISH.key: "r-9a"}}).plan()
    assert told(plan).fields == ["instances.web.image 'r-9a' -> 'ubuntu' you"]


def test_a_saved_plans_answers_come_before_all() -> None:
    # Goal: an apply of a saved plan asks no lookup again.
    case = settled(server("web")).add(server("app", image=WISH))
    plan = case.plan(pinned={"instances.app": {"image": {WISH.key: "from-the-plan"}}})
    create = next(step for step in plan.steps if step.address == at("instances.app"))
    assert create.inputs["image"] == "from-the-plan"
    assert plan.lookups["instances.app"] == {"image": {WISH.key: "from-the-plan"}}


def test_each_key_of_a_list_is_looked_up() -> None:
    # Goal: the create says ids; every text is pinned.
    keys = (Lookup("ssh_keys", "any", "deploy"), Lookup("ssh_keys", "id", "k9"))
    case = settled(server("web")).add(server("app", image="rocky", ssh_keys=keys))
    catalogue = Catalogue(
        ssh_keys=({"id": "k1", "name": "deploy"},),
        flavors=case.catalogue.flavors,
        zones=case.catalogue.zones,
    )
    plan = type(case)(**{**case.__dict__, "catalogue": catalogue}).plan()
    create = next(step for step in plan.steps if step.address == at("instances.app"))
    assert create.inputs["ssh_keys"] == ("k1", "k9")
    assert plan.lookups["instances.app"]["ssh_keys"] == {"any:deploy": "k1", "id:k9": "k9"}


PINS: list[tuple[str, Lookup, str, bool]] = [
    ("an older patch", by_os("ubuntu", "22.04"), "u-22044", True),
    ("one that is offered no more", by_os("ubuntu", "22.04"), "u-old", True),
    ("another version", by_os("ubuntu", "22.04"), "u-2004", False),
    ("the beginning of a version", by_os("rocky", "9"), "r-9a", True),
    ("an image of one's own", by_os("ubuntu", "22.04"), "u-mine", False),
    ("one that the list does not show", by_os("ubuntu", "22.04"), "u-none", False),
    ("by its own id", Lookup("images", "any", "u-mine"), "u-mine", True),
    ("by name", Lookup("images", "any", "Debian 12"), "d-12b", True),
    ("by another's id", Lookup("images", "id", "u-2004"), "u-22044", False),
]


@pytest.mark.parametrize(
    ("desired", "id", "wanted"), [row[1:] for row in PINS], ids=[row[0] for row in PINS]
)
def test_a_bind_keeps_the_value_of_the_object_if_it_matches_the_lookup(
    desired: Lookup, id: str, wanted: bool
) -> None:
    assert satisfies(desired, IMAGES, id) is wanted


def test_a_newer_image_is_reported_and_not_planned() -> None:
    # Goal: a new patch upstream never rebuilds a server by itself (stack-files#lookups).
    desired = by_os("ubuntu", "22.04")
    case = settled(server("web", image=desired), server("app", image=desired))
    for text in ("instances.web", "instances.app"):
        case = case.drift(text, image="u-22044").remember(
            text, applied={"image": "u-22044"}, lookups={"image": {desired.key: "u-22044"}}
        )
    plan = replace(case, catalogue=replace(case.catalogue, images=IMAGES.images)).plan()
    assert plan.steps == () and told(plan).problems == ["notice newer-image instances.app"]
    assert (
        "u-22045" in plan.problems[0].message
        and "instances.app, instances.web stay" in plan.problems[0].message
    )


def test_an_imported_server_keeps_its_image_though_a_newer_one_is_there() -> None:
    desired = by_os("ubuntu", "22.04")
    case = settled(server("web", image=desired)).drift("instances.web", image="u-22044")
    bound = replace(case.file[at("instances.web")], import_id="i-web")
    case = replace(case, entries={}, catalogue=replace(case.catalogue, images=IMAGES.images)).add(
        bound
    )
    plan = case.plan()
    assert told(plan).changes == ["import instances.web"] and plan.steps == ()
    assert plan.lookups == {"instances.web": {"image": {desired.key: "u-22044"}}}


def test_an_unknown_key_lists_five_names_and_no_ids() -> None:
    rows = tuple({"id": f"KEY-{n}", "name": f"team-{n}"} for n in range(9))
    found = find(
        Lookup("ssh_keys", "any", "ops", None, None),
        Catalogue(ssh_keys=rows),
        zone=None,
        address="instances.a",
    )
    assert isinstance(found, Problem)
    assert found.hint is not None
    assert found.hint.startswith("use one of team-")
    assert found.hint.endswith(" and 4 more")
    assert "KEY-" not in found.hint
