"""What is derived from the tables of the kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.config import template
from reconciler.config.cel_syntax import ExpressionError, roots
from reconciler.model.resource import LiveResource
from reconciler.model.resource_type import Edit, Field, ResourceType, operation_of
from reconciler.resources import FIREWALL_APIS, all_kinds, extended

NEWER = all_kinds()
S, B, F = "INSTANCE-1", "BLOCKSTORAGE-1", "FIREWALL-1"


def test_operations_that_replace_a_shown_value_look_at_their_object_again() -> None:
    # Before a create the object that it replaces is looked at.
    found = {
        f"{kind.singular}.{verb}"
        for kind in NEWER.values()
        for verb, known in kind.operations.items()
        if known.recheck is not None
    }
    assert found == {
        *(
            f"instance.{verb}"
            for verb in ("create", "delete", "rebuild", "reinstall", "resize", "start")
        ),
        *(f"instance.{verb}" for verb in ("stop", "update")),
        *(f"block_storage.{verb}" for verb in ("attach", "create", "delete", "detach")),
        *(f"firewall.{verb}" for verb in ("attach", "delete", "detach", "update")),
        *(f"rule.{verb}" for verb in ("delete", "update")),
    }


RECHECKS: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ("instance.resize", {"kind": "instances", "id": S}, {}, ("instances",)),
    (
        "instance.delete",
        {"kind": "instances", "id": S, "firewalls": (F,)},
        {},
        ("instances", f"members:{F}"),
    ),
    ("firewall.attach", {"kind": "instances", "id": S}, {"firewall": F}, ("instances",)),
    (
        "firewall.attach",
        {"kind": "instances", "id": S},
        {"firewall": "G", "former": F},
        ("instances", f"members:{F}"),
    ),
    (
        "firewall.detach",
        {"kind": "instances", "id": S},
        {"firewall": F},
        ("instances", f"members:{F}"),
    ),
    (
        "firewall.delete",
        {"kind": "firewalls", "id": F},
        {},
        ("firewalls", f"members:{F}", f"rules:{F}"),
    ),
    ("firewall.update", {"kind": "firewalls", "id": F}, {}, ("firewalls",)),
    (
        "firewall.update",
        {"kind": "firewalls", "id": F, "rules": ()},
        {},
        ("firewalls", f"rules:{F}"),
    ),
    ("rule.update", {"kind": "rules", "id": "1"}, {"firewall": F}, (f"rules:{F}",)),
    ("block_storage.create", {"kind": "block_storages", "id": B}, {}, ("block_storages",)),
    ("block_storage.create", {}, {}, ()),
    ("block_storage.attach", {"kind": "block_storages", "id": B}, {}, ("block_storages",)),
    ("instance.reboot", {"kind": "instances", "id": S}, {}, ()),
]


@pytest.mark.parametrize(("name", "fingerprint", "inputs", "wanted"), RECHECKS)
def test_second_look_reads_the_object_and_what_is_attached_to_it(
    name: str, fingerprint: dict[str, Any], inputs: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    assert operation_of(NEWER, name).second_look(fingerprint, inputs) == wanted


def test_protect_forbids_by_the_words_of_the_operations() -> None:
    found = {
        f"{kind.singular}.{verb}": known.protected_as
        for kind in NEWER.values()
        for verb, known in kind.operations.items()
        if known.protected_as is not None
    }
    assert found == {
        "instance.delete": "delete",
        "instance.rebuild": "rebuild",
        "instance.reinstall": "rebuild",
        "instance.resize": "resize",
        "instance.stop": "stop",
        "block_storage.delete": "delete",
        "block_storage.detach": "detach",
        "firewall.delete": "delete",
    }


def test_sections_are_in_the_order_for_people() -> None:
    assert NEWER.sections == ("instances", "block_storages", "firewalls")


def test_each_kind_is_built_after_those_to_which_it_links() -> None:
    assert NEWER.build_order == ("firewalls", "instances", "block_storages")


@pytest.mark.parametrize("api", FIREWALL_APIS)
def test_the_form_of_the_firewall_api_changes_no_section_or_attribute(api: str) -> None:
    found = all_kinds(api)
    for name, kind in NEWER.items():
        assert (found[name].owner, found[name].order) == (kind.owner, kind.order)
        assert found[name].attributes == kind.attributes


def test_identity_is_what_an_edit_cannot_change_in_place() -> None:
    found = {name: kind.identity for name, kind in NEWER.items() if kind.identity}
    assert found == {"instances": ("zone", "flavor", "image"), "block_storages": ("type", "size")}
    assert NEWER["block_storages"].compared_at_create == ("type", "size", "instance")


def test_only_servers_and_volumes_are_replaced() -> None:
    assert {name for name, kind in NEWER.items() if kind.replaceable} == {
        "instances",
        "block_storages",
    }


def test_a_create_requires_the_fields_of_the_contract() -> None:
    found = {name: kind.required for name, kind in NEWER.items() if kind.required}
    assert found == {
        "instances": ("zone", "flavor", "image"),
        "block_storages": ("type", "size", "instance"),
        "rules": ("direction", "protocol", "ports", "cidr"),
    }


def test_no_word_means_two_kinds() -> None:
    spoken = [word for kind in NEWER.values() for word in kind.spellings]
    assert len(spoken) == len(set(spoken)) == len(NEWER.spellings)
    assert not set(spoken) & set(NEWER)


def test_each_link_field_leads_to_one_kind() -> None:
    assert NEWER.links == {"firewall": "firewalls", "instance": "instances"}


TOY = ResourceType(
    name="toys",
    singular="toy",
    fields={"firewall": Field("firewall", Edit.REPLACE, link="firewalls")},
    attributes=("id",),
    operations={},
    decode=lambda row: LiveResource("toys", row["id"], {}),
    order=9,
    spellings=("plaything",),
)


def test_a_kind_is_added_until_its_block_ends() -> None:
    with extended(TOY):
        kinds = all_kinds()
        assert kinds["toys"] is TOY
        assert kinds.sections[-1] == kinds.build_order[-1] == "toys"
        assert kinds.spellings["plaything"] == "toys"
        assert "toys" in roots()
        assert all_kinds("firewall")["toys"] is TOY
    assert all_kinds() is NEWER
    assert "toys" not in roots()


def test_a_table_takes_the_place_of_the_one_with_its_name() -> None:
    other = replace(NEWER["firewalls"], spellings=("wall",))
    with extended(TOY), extended(other):
        assert all_kinds()["firewalls"] is other
        assert all_kinds().spellings["wall"] == "firewalls"
        assert tuple(all_kinds()) == (*NEWER, "toys")


def test_expressions_are_parsed_again_for_another_set_of_kinds() -> None:
    text = "${toys.a.id}"
    with pytest.raises(ExpressionError):
        template.parse(text)
    with extended(TOY):
        assert template.parse(text).expressions[0].reads[0].root == "toys"
    with pytest.raises(ExpressionError):
        template.parse(text)
