"""The table of backups: copies of an instance that the cloud keeps for some days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common import decoding
from reconciler.model.resource import LiveResource, Plain, Prices
from reconciler.model.resource_type import Call, Edit, Listing, Operation, Paging, ResourceType
from reconciler.resources import _fields, _texts
from reconciler.resources import _operations as common
from reconciler.resources._operations import Inputs

NAME, PATH = "backups", "/v1/backups"

_FIELDS = (
    _fields.name(Edit.IN_PLACE, "shop-nightly"),
    _fields.description(Edit.IN_PLACE, "Before the release"),
    _fields.whole_number(
        "keep_days",
        Edit.IN_PLACE,
        "For how many days the backup is kept.",
        low=1,
        high=365,
        examples=(30,),
        required=True,
    ),
    _fields.choice(
        "tier",
        Edit.REPLACE,
        "Where the backup is kept.",
        "hot",
        "cold",
        examples=("hot",),
        identity=True,
        required=True,
    ),
    _fields.link(
        "instance",
        Edit.REPLACE,
        "The instance that is copied: a key or address.",
        "instances",
        examples=("db",),
        required=True,
    ),
)


def decode(row: Any) -> LiveResource:
    """One row of the list or detail as a backup."""
    row = decoding.mapping(row, "a backup")
    id = decoding.path_id(row, "backup_id")
    name, before, nonce = _texts.read(row)
    attributes: dict[str, Plain] = {"id": id, "name": name, "description": before}
    attributes |= {each: row.get(each) for each in ("keep_days", "tier")}
    attributes["instance"] = decoding.optional_id(row.get("instance_id"))
    return LiveResource(
        NAME,
        id,
        attributes,
        ready=row.get("status") == "active",
        nonce=nonce,
        marked=before if nonce else None,
    )


def _identify(row: Any) -> str:
    return decoding.path_id(decoding.mapping(row, "a backup"), "backup_id")


def _create(target: str | None, inputs: Inputs) -> Call:
    names = ("name", "description", "tier", "keep_days")
    form = [(name, str(inputs[name])) for name in names if inputs.get(name) is not None]
    return Call("POST", PATH, form=(("instance_id", common.id_in(inputs, "instance")), *form))


def _update(target: str | None, inputs: Inputs) -> Call:
    form = tuple((name, str(value)) for name, value in inputs.items() if value is not None)
    return Call("PUT", common.path(PATH, target), form=form)


def _delete(target: str | None, inputs: Inputs) -> Call:
    return Call("DELETE", common.path(PATH, target))


def _receipt(result: Any) -> str | None:
    return decoding.made_id(result, "backup_id")


def _price(attributes: Mapping[str, Any], prices: Prices) -> int | None:
    days = attributes.get("keep_days")
    return 10 * days if isinstance(days, int) else None


_LISTED = common.lists(NAME)

BACKUP = ResourceType(
    name=NAME,
    singular="backup",
    fields={field.name: field for field in _FIELDS},
    attributes=("id", "name", "keep_days", "tier", "instance"),
    operations={
        operation.name: operation
        for operation in (
            Operation(
                "create",
                _create,
                _receipt,
                watches=_LISTED,
                settled_by=_LISTED,
                progress=common.made(NAME),
                seconds=(5, 10, 60),
                recheck=common.itself,
            ),
            Operation(
                "update",
                _update,
                common.no_receipt,
                watches=common.no_lists,
                settled_by=_LISTED,
                progress=common.shows(NAME, ("name", "description", "keep_days")),
                leaves=common.texts,
                recheck=common.itself,
            ),
            Operation(
                "delete",
                _delete,
                common.no_receipt,
                watches=_LISTED,
                settled_by=_LISTED,
                progress=common.gone(NAME),
                seconds=(2, 5, 30),
                recheck=common.itself,
                protected_as="delete",
            ),
        )
    },
    decode=decode,
    description="Backups: copies of an instance.",
    lists={
        NAME: Listing(
            PATH,
            identify=_identify,
            decode=lambda row, parent: decode(row),
            paging=Paging.WHOLE,
        )
    },
    detail=PATH + "/{id}",
    absent_errors=frozenset({"NOT_FOUND"}),
    order=5,
    spellings=("backup",),
    replaceable=True,
    zonal=False,
    price=_price,
    describe=lambda attributes: f"{attributes.get('tier')}, {attributes.get('keep_days')} days",
)
