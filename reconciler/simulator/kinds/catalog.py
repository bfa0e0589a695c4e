"""Zones, flavors, images, block storage types, SSH keys, user scripts and bills: all that is only
ever read (contract#zones, contract#flavors, contract#images, contract#ssh-keys, contract#scripts,
contract#bill).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import cast

from reconciler.simulator.clock import month_start, print_date
from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.call import OperationCall, Reply, paged, whole_number
from reconciler.simulator.kinds.records import Row
from reconciler.simulator.kinds.registry import Kind, Route
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
FIRST_DATE, LAST_DATE = "0001-01-01", "9999-12-31"
IMAGE_TYPES = frozenset({"os_linux", "os_windows", "solution_linux"})
# Words of the image filter and the `os_type` they stand for (contract#images).
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


def having(
    rows: Iterable[Row], wanted: Collection[str], values: Callable[[Row], Iterable[object]]
) -> list[Row]:
    """The rows that have one of the wanted values; all of them if none is wanted."""
    return [row for row in rows if not wanted or any(each in wanted for each in values(row))]


def list_zones(call: OperationCall) -> Reply:
    """GET /v1/zones: unpaged; a zone outside the API is not among them (contract#zones)."""
    members = ("zone_id", "zone_name", "status", "content")
    return Reply(
        [
            {name: zone[name] for name in members if name in zone}
            for zone in call.world.zones.values()
            if not call.switches.api_zone_only or is_api_zone(call.world, str(zone["zone_id"]))
        ]
    )


def is_api_zone(world: World, zone_id: str) -> bool:
    """Whether the API covers a zone; the flag is the world's own and never printed."""
    return world.zones.get(zone_id, {}).get("api", True) is not False


def list_flavors(call: OperationCall) -> Reply:
    """GET /v1/flavors: the only list with a `total` (contract#pagination, contract#flavors)."""
    page = call.page()
    mask = call.integer("fields", default=0, minimum=1)
    world = call.world
    images = call.words("image_id")
    chosen = [world.images[image] for image in images if image in world.images]
    cores = call.choice("type", core_types(world))
    types = call.choice("image_type", image_types(world))
    bounds = size_bounds(call)
    rows = having(world.flavors.values(), call.words("zone_id"), _zones)
    rows = having(rows, cores, lambda row: [spec(row).get("type")])
    rows = having(rows, types, lambda row: _texts(row, "supporting_images"))
    rows = [
        row
        for row in rows
        if within(bounds, spec(row))
        and (
            not images
            or any(supports(row, each) and set(_zones(row)) & set(_zones(each)) for each in chosen)
        )
    ]
    shown = [_flavor_row(row, mask, call) for row in paged(rows, page)]
    return Reply(shown, page=page, total=len(rows))


def get_flavor(call: OperationCall) -> Reply:
    """GET /v1/flavors/{flavor_id}: an unknown id gives 200 and an empty list (contract#flavors)."""
    mask = call.integer("fields", default=0, minimum=1)
    row = call.world.flavors.get(call.ids[0])
    return Reply([] if row is None else [_flavor_row(row, mask, call)])


def _flavor_row(row: Row, mask: int, call: OperationCall) -> Row:
    if call.switches.flavor_fields == "ignore" or mask == 0:
        return row
    return {
        name: row[name]
        for bit, name in enumerate(FLAVOR_MEMBERS)
        if mask >> bit & 1 and name in row
    }


def core_types(world: World) -> frozenset[str]:
    """The words of a filter by the type of a flavor."""
    return FLAVOR_TYPES | {str(spec(row).get("type")) for row in world.flavors.values()}


def image_types(world: World) -> frozenset[str]:
    """The words of a filter by the type of an image."""
    return IMAGE_TYPES | {str(row.get("image_type")) for row in world.images.values()}


def spec(flavor: Row) -> Row:
    """The sizes of a flavor."""
    return _inner(flavor, "spec")


def supports(flavor: Row, image: Row) -> bool:
    """Whether a flavor takes an image, by image type (contract#flavors)."""
    return image.get("image_type") in _texts(flavor, "supporting_images")


def in_zone(row: Row, zone_id: str) -> bool:
    """Whether a flavor or image is offered in a zone; ids are compared exactly
    (contract#values).
    """
    return zone_id in _zones(row)


def _zones(row: Row) -> list[str]:
    return _texts(row, "zone")


def size_bounds(call: OperationCall) -> list[tuple[str, int, int]]:
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


def list_images(call: OperationCall) -> Reply:
    """GET /v1/images: paged, without a total (contract#images)."""
    page, name = call.page(), call.text("name")
    systems = [OS_WORDS[word] for word in call.choice("os", OS_WORDS)]
    types = call.choice("type", image_types(call.world))
    visible = call.choice("visibility", {"public", "private"})
    rows = [
        row
        for row in call.world.images.values()
        if name in str(row.get("name") or _inner(row, "os").get("name") or "")
    ]
    rows = having(rows, call.words("zone_id"), _zones)
    rows = having(rows, systems, lambda row: [_inner(row, "os").get("os_type")])
    rows = having(rows, types, lambda row: [row.get("image_type")])
    rows = having(rows, visible, lambda row: [row.get("visibility")])
    return Reply(paged(rows, page), page=page)


def get_image(call: OperationCall) -> Reply:
    """GET /v1/images/{image_id}: an unknown id gives 400 ID_INVALID (contract#images)."""
    return Reply([found(call.world.images.get(call.ids[0]), "ID_INVALID")])


def is_available(image: Row) -> bool:
    """Whether new instances may be created from an image."""
    return _inner(image, "os").get("status", "available") == "available"


def list_storage_types(call: OperationCall) -> Reply:
    """GET /v1/block-storages/types: unpaged; an unknown type is CHECK_PARAM, not an empty list
    (contract#block-storages).
    """
    types = call.world.storage_types
    wanted = call.text("type")
    refuse_if(bool(wanted) and wanted not in types, "CHECK_PARAM", "type")
    return Reply([row for name, row in types.items() if wanted in ("", name)])


def list_user_scripts(call: OperationCall) -> Reply:
    """GET /v1/instance/script: 404 on an account without scripts (contract#scripts)."""
    if not call.world.user_scripts and call.switches.scripts_empty == "404":
        raise ApiError("NOT_FOUND")
    return _named_list(call, call.world.user_scripts)


def _named_list(call: OperationCall, rows: Mapping[str, Row]) -> Reply:
    page, name = call.page(), call.text("name")
    shown = [row for row in rows.values() if name in str(row.get("name") or "")]
    return Reply(paged(shown, page), page=page)


def _inner(row: Row, name: str) -> Row:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _texts(row: Row, name: str) -> list[str]:
    value = row.get(name)
    return value if isinstance(value, list) else []


# Bills
# --------------------------------------------------------------------------------------------------


def get_live_bill(call: OperationCall) -> Reply:
    """GET /v1/bill/live: this month so far, VAT excluded; it moves as days begin and objects come
    and go.
    """
    return Reply([_live(call)])


def list_bills(call: OperationCall) -> Reply:
    """GET /v1/bill: nothing on the first page is EMPTY_SET, past the end is an empty list; page
    members are strings.
    """
    page = call.page()
    first, last = _date(call, "start_date", FIRST_DATE), _date(call, "end_date", LAST_DATE)
    low, high = _price(call, "min_price", -(2**63)), _price(call, "max_price", 2**63)
    rows = [
        row
        for row in call.world.bills.values()
        if first <= str(row.get("bill_date", FIRST_DATE)) <= last
        and low <= cast("int", row["price"]) <= high
    ]
    refuse_if(not rows and page[0] == 1, "EMPTY_SET")
    as_text = call.switches.bill_page_meta == "strings"
    return Reply(paged(rows, page), page=(str(page[0]), str(page[1])) if as_text else page)


def get_bill(call: OperationCall) -> Reply:
    """GET /v1/bill/{bill_id}: 403 CHECK_IP, unless the switch serves it."""
    refuse_if(call.switches.bill_detail == "denied", "CHECK_IP")
    live = _live(call)
    bills = {**call.world.bills, str(live["bill_id"]): live}
    return Reply([found(bills.get(call.ids[0]), "ID_INVALID", "bill_id")])


def _live(call: OperationCall) -> Row:
    """The estimate of the month to date."""
    return {
        "bill_id": "BILL-live",
        "start_date": print_date(month_start(call.now)),
        "end_date": print_date(call.now),
        "price": call.world.month_to_date(),
        "currency": "KRW",
    }


def _date(call: OperationCall, name: str, default: str) -> str:
    text = call.text(name) or default
    try:
        valid = date.fromisoformat(text).isoformat() == text
    except ValueError:
        valid = False
    refuse_if(not valid, "CHECK_PARAM", name)
    return text


def _price(call: OperationCall, name: str, default: int) -> int:
    text = call.text(name)
    return found(whole_number(text), "CHECK_PARAM", name) if text else default


# The kinds
# --------------------------------------------------------------------------------------------------


CATALOG = (
    Kind(
        name="zone",
        section="zones",
        key="zone_id",
        label="zone_name",
        routes=(Route("GET", "/v1/zones", "listZones", list_zones),),
    ),
    Kind(
        name="flavor",
        section="flavors",
        key="flavor_id",
        routes=(
            Route("GET", "/v1/flavors", "listFlavors", list_flavors),
            Route("GET", "/v1/flavors/{flavor_id}", "getFlavor", get_flavor),
        ),
    ),
    Kind(
        name="image",
        section="images",
        key="image_id",
        routes=(
            Route("GET", "/v1/images", "listImages", list_images),
            Route("GET", "/v1/images/{image_id}", "getImage", get_image),
        ),
    ),
    Kind(
        name="storage_type",
        section="storage_types",
        key="type",
        label="type",
        routes=(
            Route(
                "GET",
                "/v1/block-storages/types",
                "listBlockStorageTypes",
                list_storage_types,
                200,
                202,
            ),
        ),
    ),
    Kind(
        name="ssh_key",
        section="ssh_keys",
        key="ssh_key_id",
        routes=(
            Route(
                "GET",
                "/v1/auth/ssh_key",
                "listSshKeys",
                lambda call: _named_list(call, call.world.ssh_keys),
            ),
        ),
    ),
    Kind(
        name="user_script",
        section="user_scripts",
        key="user_script_id",
        routes=(Route("GET", "/v1/instance/script", "listUserScripts", list_user_scripts),),
    ),
    Kind(
        name="bill",
        section="bills",
        key="bill_id",
        prefix="BILL-",
        routes=(
            Route("GET", "/v1/bill/live", "getLiveBill", get_live_bill),
            Route("GET", "/v1/bill", "listBills", list_bills),
            Route("GET", "/v1/bill/{bill_id}", "getBill", get_bill),
        ),
    ),
)
