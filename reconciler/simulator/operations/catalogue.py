"""Zones, flavors, images, volume types, SSH keys and user scripts: everything that is only ever
read (sections 11-13, 15, 16, 20).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.simulator.call import Call, Reply, paged
from reconciler.simulator.errors import ApiError
from reconciler.simulator.records import Row
from reconciler.simulator.world import World

FLAVOR_MEMBERS = (
    "flavor_id",
    "name",
    "provide",
    "status",
    "spec",
    "supporting_images",
    "zone",
    "price",
)
FLAVOR_TYPES = frozenset({"SINGLE", "MAXIO", "SINGLE_X4"})
IMAGE_TYPES = frozenset({"os_linux", "os_windows", "solution_linux"})
OS_WORDS: Mapping[str, str] = {
    "windows": "WINDOWS",
    "windows_core": "WINDOWS_CORE",
    "windows_sql": "WINDOWS_SQL",
    "ubuntu": "UBUNTU",
    "rocky": "ROCKYLINUX",
    "cent": "CENTOS",
    "fedora": "FEDORA",
    "freebsd": "FREEBSD",
    "opensuse": "OPENSUSE",
    "coreos": "COREOS",
    "oracle": "ORACLELINUX",
    "debian": "DEBIAN",
    "alma": "ALMALINUX",
}
"""Words of the image filter and the `os_type` they stand for (contract#images)."""


def list_zones(call: Call) -> Reply:
    """GET /v1/zones: unpaged; a zone outside the API is not among them (contract#zones)."""
    hidden = call.switches.api_zone_only
    return Reply(
        [
            _zone_row(zone)
            for zone in call.world.zones.values()
            if not hidden or is_api_zone(call.world, str(zone["zone_id"]))
        ]
    )


def _zone_row(zone: Row) -> Row:
    return {
        name: zone[name] for name in ("zone_id", "zone_name", "status", "content") if name in zone
    }


def is_api_zone(world: World, zone_id: str) -> bool:
    """Whether the API covers a zone; the flag is the world's own and never printed."""
    return world.zones.get(zone_id, {}).get("api", True) is not False


def list_flavors(call: Call) -> Reply:
    """GET /v1/flavors: the only list with a `total` (contract#pagination, contract#flavors)."""
    page = call.page()
    mask = call.integer("fields", default=0, minimum=1)
    world = call.world
    rows = list(world.flavors.values())
    zones, images = call.words("zone_id"), call.words("image_id")
    if zones:
        rows = [row for row in rows if any(zone in _texts(row, "zone") for zone in zones)]
    if images:
        chosen = [world.images[image] for image in images if image in world.images]
        rows = [
            row
            for row in rows
            if any(supports(row, image) and _share_zone(row, image) for image in chosen)
        ]
    kinds = enum_words(
        call, "type", FLAVOR_TYPES | {str(spec(row).get("type")) for row in world.flavors.values()}
    )
    if kinds:
        rows = [row for row in rows if spec(row).get("type") in kinds]
    types = enum_words(
        call,
        "image_type",
        IMAGE_TYPES | {str(row.get("image_type")) for row in world.images.values()},
    )
    if types:
        rows = [
            row for row in rows if any(each in _texts(row, "supporting_images") for each in types)
        ]
    bounds = size_bounds(call)
    rows = [row for row in rows if within(bounds, spec(row))]
    shown = [_flavor_row(row, mask, call) for row in paged(rows, page)]
    return Reply(shown, page=page, total=len(rows))


def get_flavor(call: Call) -> Reply:
    """GET /v1/flavors/{flavor_id}: an unknown id gives 200 and an empty list (contract#flavors)."""
    mask = call.integer("fields", default=0, minimum=1)
    row = call.world.flavors.get(call.ids[0])
    return Reply([] if row is None else [_flavor_row(row, mask, call)])


def _flavor_row(row: Row, mask: int, call: Call) -> Row:
    if call.switches.flavor_fields == "ignore" or mask == 0:
        return row
    return {
        name: row[name]
        for bit, name in enumerate(FLAVOR_MEMBERS)
        if mask >> bit & 1 and name in row
    }


def spec(flavor: Row) -> Row:
    """The sizes of a flavor."""
    inner = flavor.get("spec")
    return inner if isinstance(inner, dict) else {}


def supports(flavor: Row, image: Row) -> bool:
    """Whether a flavor takes an image, by image type (contract#flavors)."""
    return image.get("image_type") in _texts(flavor, "supporting_images")


def in_zone(row: Row, zone_id: str) -> bool:
    """Whether a flavor or image is offered in a zone; ids are compared exactly (contract#values)."""
    return zone_id in _texts(row, "zone")


def _share_zone(flavor: Row, image: Row) -> bool:
    return any(in_zone(image, zone) for zone in _texts(flavor, "zone"))


def size_bounds(call: Call) -> list[tuple[str, int, int]]:
    """The `min_` and `max_` filters that were sent."""
    bounds = []
    for name in ("vcpu", "memory", "disk", "gpu"):
        low = call.integer(f"min_{name}", default=0)
        high = call.integer(f"max_{name}", default=2**63)
        if low > 0 or high < 2**63:
            bounds.append((name, low, high))
    return bounds


def within(bounds: list[tuple[str, int, int]], sizes: Row) -> bool:
    """Whether sizes lie within all bounds; no gpu counts as 0."""
    return all(low <= int(str(sizes.get(name) or 0)) <= high for name, low, high in bounds)


def list_images(call: Call) -> Reply:
    """GET /v1/images: paged, without a total (contract#images)."""
    page = call.page()
    rows = list(call.world.images.values())
    zones = call.words("zone_id")
    if zones:
        rows = [row for row in rows if any(in_zone(row, zone) for zone in zones)]
    name = call.text("name")
    if name:
        rows = [row for row in rows if name in _image_name(row)]
    systems = [OS_WORDS[word] for word in enum_words(call, "os", OS_WORDS)]
    if systems:
        rows = [row for row in rows if _os(row).get("os_type") in systems]
    types = enum_words(
        call,
        "type",
        IMAGE_TYPES | {str(row.get("image_type")) for row in call.world.images.values()},
    )
    if types:
        rows = [row for row in rows if row.get("image_type") in types]
    visible = enum_words(call, "visibility", {"public", "private"})
    if visible:
        rows = [row for row in rows if row.get("visibility") in visible]
    return Reply(paged(rows, page), page=page)


def get_image(call: Call) -> Reply:
    """GET /v1/images/{image_id}: an unknown id gives 400 ID_INVALID (contract#images)."""
    row = call.world.images.get(call.ids[0])
    if row is None:
        raise ApiError("ID_INVALID")
    return Reply([row])


def _image_name(image: Row) -> str:
    return str(image.get("name") or _os(image).get("name") or "")


def _os(image: Row) -> Row:
    inner = image.get("os")
    return inner if isinstance(inner, dict) else {}


def is_available(image: Row) -> bool:
    """Whether new servers may be made from an image."""
    return _os(image).get("status", "available") == "available"


def list_storage_types(call: Call) -> Reply:
    """GET /v1/block-storages/types: unpaged; an unknown type is CHECK_PARAM, not an empty list
    (contract#block-storages).
    """
    types = call.world.storage_types
    wanted = call.text("type")
    if wanted and wanted not in types:
        raise ApiError("CHECK_PARAM", "type")
    return Reply([row for name, row in types.items() if not wanted or name == wanted])


def list_ssh_keys(call: Call) -> Reply:
    """GET /v1/auth/ssh_key (contract#ssh-keys)."""
    return _named_list(call, call.world.ssh_keys)


def list_user_scripts(call: Call) -> Reply:
    """GET /v1/instance/script: 404 on an account without scripts (contract#scripts)."""
    if not call.world.user_scripts and call.switches.scripts_empty == "404":
        raise ApiError("NOT_FOUND")
    return _named_list(call, call.world.user_scripts)


def _named_list(call: Call, rows: Mapping[str, Row]) -> Reply:
    page = call.page()
    name = call.text("name")
    found = [row for row in rows.values() if name in str(row.get("name") or "")]
    return Reply(paged(found, page), page=page)


def enum_words(call: Call, name: str, allowed: Collection[str]) -> list[str]:
    """A comma-separated filter of a closed set; an unknown word is an error, not an empty list
    (contract#pagination).
    """
    words = call.words(name)
    if any(word not in allowed for word in words):
        raise ApiError("CHECK_PARAM", name)
    return words


def _texts(row: Row, name: str) -> list[str]:
    value = row.get(name)
    return value if isinstance(value, list) else []
