"""Instances: virtual servers with their flavor, image and power (contract#instances)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common import decoding
from reconciler.model.resource import Catalogue, LiveResource, Plain, Prices
from reconciler.model.resource_type import (
    ANYTHING,
    NOTHING,
    Call,
    Edit,
    Listing,
    ObjectSummary,
    Operation,
    Progress,
    ResourceType,
    View,
)
from reconciler.resources import _fields, _instance_rows, _texts
from reconciler.resources import _operations as common
from reconciler.resources._operations import Inputs

NAME, SINGULAR = "instances", "instance"
CREATE, DELETE = "instance.create", "instance.delete"
START, STOP, REBOOT = "instance.start", "instance.stop", "instance.reboot"
RESIZE, REBUILD = "instance.resize", "instance.rebuild"
REINSTALL = "instance.reinstall"  # a rebuild to the same image
FIREWALL = "firewall"  # the field that makes it a member
PATH = "/v1/instances"

MASK = "44927"
"""Every member except the password, the console link, monitoring and traffic (contract#fields)."""

_AT_REST = frozenset({"active", "off"})
_POWER: Mapping[str | None, str] = {"active": "on", "off": "off"}


def kind(firewall_api: str) -> ResourceType:
    """The kind `instances`, which is the same in both forms of the firewall API."""
    return ResourceType(
        name=NAME,
        singular=SINGULAR,
        fields={field.name: field for field in _FIELDS},
        attributes=(
            "id",
            "name",
            "status",
            "zone",
            "flavor",
            "image",
            "public_ip",
            "private_ip",
            "firewall",
        ),
        operations={operation.name: operation for operation in _OPERATIONS},
        decode=decode,
        lists={
            NAME: Listing(
                PATH, identify=_identify, decode=_decode_unless_gone, query=(("fields", MASK),)
            )
        },
        description="Instances: virtual servers.",
        detail=PATH + "/{id}",
        recreated="new id, new addresses, and an empty disk",
        absent_errors=frozenset({"NOT_FOUND", "ID_INVALID"}),
        console=PATH + "/{id}/remote-console",
        order=1,
        spellings=("instance", "server", "servers"),
        replaceable=True,
        folded=True,
        price=_price,
        describe=_describe,
        disk="root",
        disk_gb=_disk_gb,
        summary=ObjectSummary(("flavor", "image", "zone")),
    )


_OS_AND_VERSION: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["os", "version"],
    "properties": {
        "os": {
            "description": "The operating system as the catalog spells it, in any case.",
            "type": "string",
            "minLength": 1,
            "examples": ["ubuntu", "rockylinux", "debian"],
        },
        "version": {
            "description": "The version, complete or its beginning.",
            **_fields.TEXT,
            "examples": ["22.04"],
        },
    },
}

_FIELDS = (
    _fields.name(Edit.IN_PLACE, "shop-web"),
    _fields.description(Edit.IN_PLACE, "Orders and customers"),
    _fields.lookup(
        "zone",
        Edit.REPLACE,
        "The zone, by id or by its name in the console.",
        "zones",
        examples=("kr1-z01",),
        identity=True,
        required=True,
        shared=True,
        offered_in="zones",
    ),
    _fields.lookup(
        "flavor",
        Edit.RESIZE,
        "The size: processors, memory and disk.",
        "flavors",
        examples=("std_1.2-g1", "std_2.4-g1"),
        identity=True,
        required=True,
        offered_in="flavors",
    ),
    _fields.lookup(
        "image",
        Edit.REBUILD,
        "The image that the disk is created from: a name or id, `{id: ...}` used unchecked, or "
        "`{os, version}` for the newest public image of it in the zone.",
        "images",
        more_forms=(_OS_AND_VERSION,),
        examples=({"os": "ubuntu", "version": "22.04"},),
        identity=True,
        required=True,
        written=lambda id: {"id": id},
        offered_in="images",
    ),
    _fields.lookups(
        "ssh_keys",
        Edit.CREATE_ONLY,
        "SSH keys of the account that can log in, by name or id. Without one, iwinv creates a "
        "first password.",
        "ssh_keys",
        examples=(["deploy"],),
        returned=False,
    ),
    _fields.lookup(
        "user_script",
        Edit.CREATE_ONLY,
        "A script saved in the console, run at the first start: its name or id, never its text.",
        "user_scripts",
        examples=("setup",),
        returned=False,
    ),
    _fields.link(
        "firewall",
        Edit.MEMBER,
        "The firewall that protects it: a key or address, `existing.firewalls.NAME`, or `none`. "
        "An instance has at most one.",
        "firewalls",
        examples=("web", "web[0]", "existing.firewalls.office", "none"),
        facet="membership",
    ),
    _fields.choice(
        "power",
        Edit.POWER,
        "Whether it runs. A stop is a power cut, and a stopped instance is still billed.",
        "on",
        "off",
        examples=("on", "off"),
        keyword=True,
        shared=True,
        facet="power",
        decides=("status",),
    ),
)


_EDITED = common.edited_in_place(_FIELDS)


def decode(row: Mapping[str, Any]) -> LiveResource:
    """One row of the list or detail as an instance. Raises ValueError if it has no id or is not an
    object.

    `status` is the cloud's text, `power` "on" or "off" if the status determines it, `disk_gb` the
    size of the root disk. `firewall` is missing: only the firewall's side shows membership.
    """
    row = decoding.mapping(row, "an instance")
    id = decoding.path_id(row, "instance_id")
    status = decoding.text(row.get("status"))
    name, before, nonce = _texts.read(row)
    attributes: dict[str, Plain] = {"id": id, "name": name, "description": before}
    attributes |= {
        "status": status,
        "power": _POWER.get(status),
        "made": decoding.text(row.get("start_date")),
    }
    for member, found in (
        ("zone", decoding.embedded_id(row, "zone", "zone_id")),
        ("flavor", decoding.embedded_id(row, "flavor", "flavor_id")),
        ("image", decoding.embedded_id(row, "image", "image_id")),
        ("volumes", decoding.ids(row.get("block_storage"), "block_storage_id")),
    ):
        if found is not None:
            attributes[member] = found
    attributes |= (
        _instance_rows.addresses(row.get("ip"))
        | _instance_rows.limits(row.get("connection_limit"))
        | _instance_rows.disk(row.get("flavor"))
    )
    return LiveResource(
        NAME,
        id,
        attributes,
        ready=status in _AT_REST,
        failed=status == "error",
        nonce=nonce,
        marked=before if nonce else None,
    )


def _price(attributes: Mapping[str, Any], prices: Prices) -> int | None:
    price = (prices.flavors or {}).get(str(attributes.get("flavor")))
    return int(price) if isinstance(price, int | float) else None


def _describe(attributes: Mapping[str, Any]) -> str:
    shown = (attributes.get(name) for name in ("flavor", "zone", "status"))
    return " ".join(str(value) for value in shown if value)


def _disk_gb(attributes: Mapping[str, Any], catalogue: Catalogue) -> int | None:
    """The size of the root disk: as the instance's row says it, otherwise as the catalog says of
    its flavor, if that was read.
    """
    size = attributes.get("disk_gb")
    if size is None:
        flavor = attributes.get("flavor")
        rows = (row for row in catalogue.flavors or () if row["id"] == flavor)
        size = next((row.get("disk_gb") for row in rows), None)
    return size if isinstance(size, int) else None


def _identify(row: Any) -> str:
    return decoding.path_id(decoding.mapping(row, "an instance"), "instance_id")


def _decode_unless_gone(row: Any, parent: str | None) -> LiveResource | None:
    # A row with a stop date is the tombstone of a deleted instance (contract#instances).
    return None if decoding.mapping(row, "an instance").get("stop_date") else decode(row)


def _create(target: str | None, inputs: Inputs) -> Call:
    form = [(f"{name}_id", common.id_in(inputs, name)) for name in ("zone", "image", "flavor")] + [
        ("count", "1")
    ]
    form += common.form(inputs, _EDITED)
    if inputs.get("ssh_keys"):
        form.append(("ssh_key_id", ",".join(inputs["ssh_keys"])))
    if inputs.get("user_script"):
        form.append(("user_script_id", inputs["user_script"]))
    return Call("POST", PATH, form=tuple(form))


def _update(target: str | None, inputs: Inputs) -> Call:
    # The mask keeps the password out of the row that an edit answers with (contract#fields).
    query = (("fields", MASK),)
    return Call("PUT", common.path(PATH, target), query=query, form=common.form(inputs, _EDITED))


def _action(verb: str, member: str | None = None, field: str | None = None) -> Any:
    def encode(target: str | None, inputs: Inputs) -> Call:
        form = (
            ((field, common.id_in(inputs, member)),)
            if member is not None and field is not None
            else None
        )
        return Call("POST", common.path(PATH, target, verb), form=form)

    return encode


def _delete(target: str | None, inputs: Inputs) -> Call:
    return Call("DELETE", common.path(PATH, target))


def _powered(power: str) -> common.Judge:
    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        found = common.find(view, NAME, target)
        return common.settled(found, found is not None and found.attributes["power"] == power)

    return judge


def _at_rest(target: str | None, inputs: Inputs, view: View) -> Progress:
    return common.settled(common.find(view, NAME, target), reached=True)


def _receipt(result: Any) -> str | None:
    return decoding.made_id(result, "instance_id")


def _reshaped(inputs: Inputs) -> Mapping[str, Any]:
    """It may be off afterwards (contract#statuses), and disk and limits may have changed."""
    return {**inputs, **dict.fromkeys(("power", "disk_gb", "volume_limit"), ANYTHING)}


def _itself_and_memberships(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    firewalls = (f"members:{firewall}" for firewall in fingerprint.get("firewalls", ()))
    return (*common.itself(fingerprint, inputs), *firewalls)


_SEEN = common.lists(NAME)

_OPERATIONS = (
    Operation(
        "create",
        encode=_create,
        receipt=_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=common.made(NAME),
        seconds=(20, 40, 180),
        deadline_seconds=900,
        recheck=common.itself,
        login_field="ssh_keys",
        refusal_hints={
            "DEV_CHECK_RETURN": "open the form for a new instance in the console: its category API "
            "has the zones in which this account can create through the API; if it is empty, ask "
            "iwinv to enable one"
        },
    ),
    # The answer contains the row after the edit; nothing changes afterwards (contract#instances).
    Operation(
        "update",
        encode=_update,
        receipt=common.no_receipt,
        watches=common.no_lists,
        settled_by=_SEEN,
        progress=common.shows(NAME, _EDITED),
        leaves=common.texts,
        recheck=common.itself,
    ),
    Operation(
        "start",
        _action("start"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_powered("on"),
        seconds=(5, 15, 60),
        leaves=lambda inputs: {"power": "on"},
        recheck=common.itself,
        disrupts=True,
    ),
    Operation(
        "stop",
        _action("shutdown"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_powered("off"),
        seconds=(5, 10, 60),
        leaves=lambda inputs: {"power": "off"},
        recheck=common.itself,
        protected_as="stop",
        disrupts=True,
        cuts_power=True,
    ),
    Operation(
        "reboot",
        _action("reboot"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_at_rest,
        seconds=(10, 20, 90),
        always_sent=True,
        disrupts=True,
    ),
    # Both may end powered off, which is a valid end (contract#statuses). The plan decides whether
    # the instance is then started.
    Operation(
        "resize",
        _action("resize", "flavor", "flavor_id"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=common.shows(NAME, ("flavor",)),
        seconds=(30, 45, 180),
        leaves=_reshaped,
        recheck=common.itself,
        protected_as="resize",
        disrupts=True,
        refusal_hints={
            "UNAVAILABLE_COMBINATION": "its image or disk does not fit that flavor: choose "
            "another, or --replace {address}"
        },
    ),
    Operation(
        "rebuild",
        _action("rebuild", "image", "image_id"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=common.shows(NAME, ("image",)),
        seconds=(30, 60, 300),
        leaves=_reshaped,
        recheck=common.itself,
        protected_as="rebuild",
        proved_by="image",
        disrupts=True,
        loses_disk=True,
    ),
    # The image that it has is sent by its id: what the call does without one is not documented
    # (contract#instances). The object shows the same before and after.
    Operation(
        "reinstall",
        _action("rebuild", "image", "image_id"),
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_at_rest,
        seconds=(30, 60, 300),
        leaves=_reshaped,
        always_sent=True,
        recheck=common.itself,
        protected_as="rebuild",
        proved_by=NOTHING,
        disrupts=True,
        loses_disk=True,
    ),
    Operation(
        "delete",
        _delete,
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=common.gone(NAME),
        seconds=(5, 15, 120),
        recheck=_itself_and_memberships,
        protected_as="delete",
        loses_disk=True,
    ),
)
