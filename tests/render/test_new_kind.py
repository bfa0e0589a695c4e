"""A kind that only a table adds is shown and adopted; the views name no kind."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from reconciler import resources
from reconciler.importing import adopt, adopt_writer
from reconciler.importing.adopt import AdoptRequest
from reconciler.model.plan import Action, Change, Reason, ReasonKind
from reconciler.model.resource import EMPTY, Account, Catalogue, LiveResource, Plain
from reconciler.model.resource_type import Edit, ObjectSummary, ResourceType
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.render import format
from reconciler.render.plan import change_text
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from reconciler.render.unmanaged_text import unmanaged_lines
from reconciler.resources import _fields
from tests.render import plans

DISK_IMAGES = ResourceType(
    name="disk_images",
    singular="disk_image",
    fields=MappingProxyType(
        {
            field.name: field
            for field in (
                _fields.text("name", Edit.IN_PLACE, "The name."),
                _fields.text("quality", Edit.REPLACE, "How it is stored.", required=True),
                _fields.link(
                    "instance", Edit.ATTACH, "Where it is used.", "instances", required=True
                ),
                _fields.choice("power", Edit.POWER, "On or off.", "on", "off", keyword=True),
                _fields.text("secret", Edit.CREATE_ONLY, "Never returned.", returned=False),
            )
        }
    ),
    attributes=("id", "name"),
    operations=EMPTY,
    decode=lambda row: LiveResource("disk_images", str(row["id"]), {}),
    order=9,
    price=lambda attributes, prices: 100,
    summary=ObjectSummary(("quality",), lambda values: [f"{values['quality']} quality"]),
)


@pytest.fixture(autouse=True)
def _one_more_kind() -> Iterator[None]:
    with resources.extended(DISK_IMAGES):
        yield


def created(**fields: Plain) -> Change:
    return Change(
        plans.address("disk_images.a"),
        Action.CREATE,
        Reason.of(ReasonKind.NEW),
        tuple(plans.field(name, None, found) for name, found in sorted(fields.items())),
    )


def test_a_new_object_is_described_by_the_summary_of_its_kind_and_its_other_fields() -> None:
    found = change_text.parts(created(quality="high", instance="instances.web", name="a"))

    assert found == ("high quality, instance web, name a",)


def test_what_is_off_or_detached_is_still_billed() -> None:
    change = Change(
        plans.address("disk_images.a"),
        Action.UPDATE,
        "",
        (plans.field("instance", "instances.web", None), plans.field("power", "on", "off")),
    )

    found = change_text.parts(change)

    assert found[1:] == ("still billed while detached", "still billed while off")


def test_counts_and_operations_use_the_nouns_of_the_kind() -> None:
    assert format.objects(1, DISK_IMAGES) == "1 disk image"
    assert format.objects(2, DISK_IMAGES) == "2 disk images"
    assert format.operation("disk_image.delete", old=True) == "delete old disk image"


def test_an_unmanaged_object_is_listed_with_its_price() -> None:
    found = [Unmanaged("disk_images", "d-1", "a", "high quality", 100)]

    text = screen.text(unmanaged_lines(found, Style()), Style())

    assert "disk_images  d-1  a  high quality  100 KRW a month" in text


def test_its_objects_are_adopted_with_what_the_table_says_of_each_field() -> None:
    attributes: dict[str, Plain] = {
        "name": "first",
        "quality": "high",
        "instance": "i-1",
        "power": "off",
        "zone": "z1",
    }
    live = LiveResource("disk_images", "d-1", attributes)
    other = LiveResource("disk_images", "d-2", {"zone": "z1", "instance": None})
    web = LiveResource("instances", "i-1", {"name": "web", "zone": "z1"})
    account = Account(
        objects={"disk_images": {"d-1": live, "d-2": other}, "instances": {"i-1": web}},
        catalogue=Catalogue(zones=({"id": "z1", "name": "Zone 1"},)),
    )
    request = AdoptRequest(named=frozenset({"d-1", "d-2"}))

    text = adopt_writer.text(adopt.adopt(account, request, stack="taken"), account)

    assert "#   Zone 1: 1 instance, 0 block storages, 2 disk images\n" in text
    assert "#   Adopted: 2 disk images\n" in text
    assert "# secret: only set at creation" in text
    assert text.endswith(
        """\
disk_images:
  # quality: not shown by the API
  disk_image:
    instance: none
    import: d-2
  first:
    name: first
    quality: high
    instance: existing.instances.web
    power: off
    import: d-1

existing:  # referenced, not owned
  instances:
    web: {id: i-1}
"""
    )
