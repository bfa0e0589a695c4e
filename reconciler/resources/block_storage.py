"""Block storages, which are always created attached to an instance (contract#block-storages)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common import decoding, validators
from reconciler.common.text import msg
from reconciler.model.resource import Catalogue, LiveResource, Plain, Prices
from reconciler.model.resource_type import (
    Call,
    Edit,
    Listing,
    ObjectSummary,
    Operation,
    Paging,
    Progress,
    ResourceType,
    View,
)
from reconciler.resources import _fields, _texts
from reconciler.resources import _operations as common
from reconciler.resources._operations import Inputs

NAME, SINGULAR = "block_storages", "block_storage"
CREATE, DELETE = "block_storage.create", "block_storage.delete"
ATTACH, DETACH = "block_storage.attach", "block_storage.detach"
INSTANCE = "instance"
"""The field, and the attribute of a live block storage, that names its instance."""

PATH = "/v1/block-storages"

_AT_WORK = frozenset({"pending", "building", "work", "deleting"})
"""Statuses of a block storage that is not ready. The set is not documented
(contract#block-storages), so any other text means ready.
"""


def kind(firewall_api: str) -> ResourceType:
    """The kind `block_storages`, which is the same in both forms of the firewall API."""
    return ResourceType(
        name=NAME,
        singular=SINGULAR,
        fields={field.name: field for field in _FIELDS},
        attributes=("id", "name", "type", "size", "instance"),
        operations={operation.name: operation for operation in _OPERATIONS},
        decode=decode,
        # No paging is documented for this list, and none was seen: the account read was empty
        # (contract#pagination, contract#block-storages).
        lists={
            NAME: Listing(
                PATH,
                identify=_identify,
                decode=lambda row, parent: decode(row),
                paging=Paging.UNSTATED,
            )
        },
        description="Block storages: disks of their own.",
        detail=PATH + "/{id}",
        recreated="new id, and empty",
        absent_errors=frozenset({"NOT_FOUND", "ID_INVALID"}),
        order=2,
        spellings=("block_storage", "volume", "volumes"),
        replaceable=True,
        price=_price,
        describe=_describe,
        disk="volume",
        disk_gb=_disk_gb,
        summary=ObjectSummary(("size", "type", "instance"), _summary),
    )


def _summary(values: Mapping[str, str]) -> Iterator[str]:
    if "size" in values:
        yield msg("{size} GB", size=values["size"])
    if "type" in values:
        yield values["type"]
    if "instance" in values:
        yield msg("on {instance}", instance=values["instance"])


_FIELDS = (
    _fields.name(Edit.CREATE_ONLY, "shop-data"),
    _fields.description(Edit.CREATE_ONLY, "Orders"),
    _fields.fixed_text(
        "type",
        Edit.REPLACE,
        "The type of disk.",
        examples=("ssd", "sata"),
        identity=True,
        required=True,
        offered_in="storage_types",
    ),
    _fields.whole_number(
        "size",
        Edit.REPLACE,
        "The size in GB.",
        low=1,
        high=20_000,
        unit="GB",
        examples=(100,),
        identity=True,
        required=True,
        check=validators.size,
    ),
    _fields.link(
        "instance",
        Edit.ATTACH,
        "The instance that it is attached to: a key or address, or `none` to detach it.",
        "instances",
        examples=("db", "web[0]", "none"),
        required=True,
        facet="attachment",
    ),
)


def decode(row: Mapping[str, Any]) -> LiveResource:
    """One row of the list or detail as a block storage. Raises ValueError if it has no id or is not
    an object.
    """
    row = decoding.mapping(row, "a block storage")
    id = decoding.path_id(row, "block_storage_id")
    status = decoding.text(row.get("status"))
    name, before, nonce = _texts.read(row)
    attributes: dict[str, Plain] = {"id": id, "name": name, "description": before, "status": status}
    attributes["made"] = decoding.text(row.get("start_date"))
    for member, found in (
        ("type", decoding.text(row.get("type"))),
        ("size", decoding.integer(row.get("size"))),
        ("zone", decoding.embedded_id(row, "zone", "zone_id")),
    ):
        if found is not None:
            attributes[member] = found
    if "instance_id" in row or "instance" in row:
        attributes["instance"] = decoding.optional_id(
            row.get("instance_id")
        ) or decoding.embedded_id(row, "instance", "instance_id")
    ready = status not in _AT_WORK and "instance" in attributes
    return LiveResource(
        NAME,
        id,
        attributes,
        ready=ready,
        failed=status == "error",
        nonce=nonce,
        marked=before if nonce else None,
    )


def _price(attributes: Mapping[str, Any], prices: Prices) -> int | None:
    each, size = prices.per_gb.get(str(attributes.get("type"))), attributes.get("size")
    return each * size if isinstance(each, int) and isinstance(size, int) else None


def _describe(attributes: Mapping[str, Any]) -> str:
    owner = attributes.get("instance")
    place = f" on {owner}" if owner else ", detached"
    return f"{attributes.get('size')} GB {attributes.get('type')}{place}"


def _disk_gb(attributes: Mapping[str, Any], catalogue: Catalogue) -> int | None:
    size = attributes.get("size")
    return size if isinstance(size, int) else None


def _identify(row: Any) -> str:
    return decoding.path_id(decoding.mapping(row, "a block storage"), "block_storage_id")


def _create(target: str | None, inputs: Inputs) -> Call:
    form = [
        ("instance_id", common.id_in(inputs, "instance")),
        ("type", inputs["type"]),
        ("size", str(inputs["size"])),
    ]
    form += [(name, inputs[name]) for name in ("name", "description") if inputs.get(name)]
    return Call("POST", PATH, form=tuple(form))


def _attach(target: str | None, inputs: Inputs) -> Call:
    return Call("POST", common.path(PATH, target, "attach", common.id_in(inputs, "instance")))


def _detach(target: str | None, inputs: Inputs) -> Call:
    return Call("POST", common.path(PATH, target, "detach"))


def _delete(target: str | None, inputs: Inputs) -> Call:
    return Call("DELETE", common.path(PATH, target))


def _owned(target: str | None, inputs: Inputs, view: View) -> Progress:
    """The owner is the proof, not the text of the status (contract#block-storages). Without an
    expected owner, the block storage only needs to be ready.
    """
    found = common.find(view, NAME, target)
    owned = "instance" not in inputs or (
        found is not None and found.attributes.get("instance") == inputs["instance"]
    )
    return common.settled(found, owned)


def _free(target: str | None, inputs: Inputs, view: View) -> Progress:
    found = common.find(view, NAME, target)
    return common.settled(
        found,
        found is not None
        and "instance" in found.attributes
        and found.attributes["instance"] is None,
    )


def _receipt(result: Any) -> str | None:
    return decoding.made_id(result, "block_storage_id")


_SEEN = common.lists(NAME)

_OPERATIONS = (
    Operation(
        "create",
        _create,
        _receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_owned,
        seconds=(4, 8, 60),
        deadline_seconds=900,
        recheck=common.itself,
    ),
    Operation(
        "attach",
        _attach,
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_owned,
        seconds=(4, 8, 60),
        recheck=common.itself,
    ),
    Operation(
        "detach",
        _detach,
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=_free,
        seconds=(4, 8, 60),
        leaves=lambda inputs: {"instance": None},
        recheck=common.itself,
        protected_as="detach",
    ),
    Operation(
        "delete",
        _delete,
        common.no_receipt,
        watches=_SEEN,
        settled_by=_SEEN,
        progress=common.gone(NAME),
        seconds=(4, 8, 60),
        recheck=common.itself,
        protected_as="delete",
        loses_disk=True,
        refusal_hints={"IN_USE": "it is still attached to an instance: find it in the console"},
    ),
)
