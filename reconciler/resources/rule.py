"""Rules: the traffic that a firewall allows (contract#security-groups). In the older form of the
API they have no calls: see `firewalls`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common import decoding, validators
from reconciler.common.text import msg
from reconciler.model.resource import LiveResource, Plain
from reconciler.model.resource_type import (
    Call,
    Edit,
    Listing,
    ObjectSummary,
    Operation,
    Paging,
    ResourceType,
)
from reconciler.resources import _fields, _rule_rows, firewall
from reconciler.resources import _operations as common
from reconciler.resources._operations import Inputs

NAME, SINGULAR = _rule_rows.NAME, "rule"
OWNER = firewall.SINGULAR
"""The attribute of a live rule, and the input of its requests, that is its firewall's id."""

CREATE, UPDATE, DELETE = "rule.create", "rule.update", "rule.delete"


def kind(firewall_api: str) -> ResourceType:
    """The kind `rules`. It has operations only in the newer form."""
    older = firewall_api == "firewall"
    return ResourceType(
        name=NAME,
        singular=SINGULAR,
        fields={field.name: field for field in _FIELDS},
        attributes=("id",),
        operations={} if older else {operation.name: operation for operation in _OPERATIONS},
        decode=decode,
        lists={NAME: _OLDER_LIST if older else _NEWER_LIST},
        description=(
            "All rules of the firewall. A rule that is not listed here is deleted, unless "
            "`lifecycle: {ignore: [rules]}` is set."
        ),
        key_pattern="^[a-z0-9][a-z0-9._-]{0,24}$",
        key_rule="use a-z, 0-9, ., _ and -, starting with a letter or digit, at most 25 characters",
        order=4,
        owner=firewall.NAME,
        owner_attribute=OWNER,
        summary=ObjectSummary(tuple(field.name for field in _FIELDS), _summary),
    )


def _summary(values: Mapping[str, str]) -> Iterator[str]:
    traffic = f"{values.get('protocol', 'tcp')}/{values.get('ports', '?')}"
    if values.get("direction") == "out":
        yield msg("out {traffic} to {cidr}", traffic=traffic, cidr=values.get("cidr", "?"))
    else:
        yield msg("in {traffic} from {cidr}", traffic=traffic, cidr=values.get("cidr", "?"))


def _as_number(ports: Plain) -> Plain:
    """A single port is written as a number."""
    return int(ports) if isinstance(ports, str) and ports.isdecimal() else ports


_PORTS: tuple[Mapping[str, Any], ...] = (
    {"type": "integer", "minimum": 1, "maximum": 65535},
    {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$",
        "patternErrorMessage": "write one port (443) or a range (10000-10002)",
    },
    {"$ref": "#/$defs/expression"},
)
_SINGLE_PORT = re.compile(r"\A([0-9]+)-\1\Z")

_FIELDS = (
    _fields.choice(
        "direction",
        Edit.IN_PLACE,
        "Whether the traffic goes to the instances or comes from them.",
        "in",
        "out",
        required=True,
    ),
    _fields.choice(
        "protocol",
        Edit.IN_PLACE,
        "The protocol. Ping is allowed with `icmp` on the firewall.",
        "tcp",
        "udp",
        required=True,
    ),
    _fields.fixed_text(
        "ports",
        Edit.IN_PLACE,
        "One port, or an ascending range. A list gives one rule for each.",
        forms=_PORTS,
        listed=True,
        examples=(443, "10000-10002"),
        required=True,
        check=validators.ports,
        code="out-of-bounds",
        # A range of one port is that port (contract#security-groups shows `"443"`).
        normal=lambda ports: _SINGLE_PORT.sub(r"\1", ports),
        written=_as_number,
    ),
    _fields.text(
        "cidr",
        Edit.IN_PLACE,
        "The addresses on the other side: an IPv4 range with its mask. A list gives one rule for "
        "each.",
        listed=True,
        examples=("0.0.0.0/0", "203.0.113.7/32", "${instances.web[0].private_ip}/32"),
        required=True,
        check=validators.cidr,
        code="bad-format",
    ),
    _fields.fixed_text(
        "title",
        Edit.IN_PLACE,
        "A title of 1-25 characters, instead of the key.",
        examples=("웹에서 앱으로",),
        from_key=True,
        clearable=False,
        check=validators.rule_title,
        limited=True,
    ),
    _fields.text(
        "description",
        Edit.IN_PLACE,
        "A text of at most 25 characters.",
        empty=True,
        clearable=False,
        check=validators.rule_description,
        limited=True,
    ),
)


def decode(row: Mapping[str, Any]) -> LiveResource:
    """One row of a firewall's rules, to which `firewall_id` was added. Raises ValueError if it has
    no id or is not an object.
    """
    row = decoding.mapping(row, "a rule")
    id = decoding.path_id(row, "rule_id")
    attributes: dict[str, Plain] = {
        "id": id,
        "firewall": decoding.optional_id(row.get("firewall_id")),
        "direction": _lower(row.get("bound")),
        "protocol": _lower(row.get("protocol")),
        "ports": decoding.optional_id(row.get("port")),
        "cidr": _rule_rows.masked(decoding.text(row.get("ip"))),
        "title": decoding.text(row.get("title")),
        "description": decoding.text(row.get("content")),
    }
    return LiveResource(NAME, id, attributes)


def _lower(value: Any) -> str | None:
    found = decoding.text(value)
    return found.lower() if found is not None else None


def _identify(row: Any) -> str:
    return decoding.path_id(decoding.mapping(row, "a rule"), "rule_id")


def _decode_in(row: Any, parent: str | None) -> LiveResource:
    return decode({**decoding.mapping(row, "a rule"), "firewall_id": parent})


def _rules_of_firewall(result: Any) -> list[Any] | None:
    """The rules in a firewall's detail. None if the answer is empty, which means that the firewall
    does not exist (contract#absence).
    """
    if result == []:
        return None
    found = decoding.only_row(result, "firewall").get("rules")
    if not isinstance(found, list):
        raise ValueError(msg("the firewall is returned without its rules"))
    return found


_NEWER_LIST = Listing(
    firewall.NEWER + "/{parent}/rules",
    identify=_identify,
    decode=_decode_in,
    paging=Paging.WHOLE,
    missing_errors=firewall.NO_FIREWALL,
)
_OLDER_LIST = Listing(
    firewall.OLDER + "/{parent}",
    identify=_identify,
    decode=_decode_in,
    paging=Paging.WHOLE,
    unpack=_rules_of_firewall,
    missing_errors=firewall.NO_FIREWALL,
)


def _path(inputs: Inputs) -> str:
    return common.path(firewall.NEWER, common.id_in(inputs, "firewall"), "rules")


def _create(target: str | None, inputs: Inputs) -> Call:
    return Call("POST", _path(inputs), json=_rule_rows.body(inputs))


def _update(target: str | None, inputs: Inputs) -> Call:
    return Call("PUT", common.path(_path(inputs), target), json=_rule_rows.body(inputs))


def _delete(target: str | None, inputs: Inputs) -> Call:
    return Call("DELETE", common.path(_path(inputs), target))


def _receipt(result: Any) -> str | None:
    return decoding.made_id(result, "rule_id")


def _of_firewall(target: str | None, inputs: Inputs) -> tuple[str, ...]:
    return (f"rules:{inputs['firewall']}",)


def _rechecked(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    """An edit sends only the values that differ. If somebody has edited the rule since, it could
    open what no plan has shown.
    """
    return (f"{NAME}:{inputs.get('firewall')}",)


# Changes of rules are immediate (contract#security-groups): the answer is the end, and the list is
# read only to settle a doubt.
_OPERATIONS = (
    Operation(
        "create",
        _create,
        _receipt,
        watches=common.no_lists,
        settled_by=_of_firewall,
        progress=common.made(NAME),
        deadline_seconds=900,
        refusal_hints={
            "CHECK_PARAM": "the firewall may have an equal rule already: `reconciler plan` shows it"
        },
    ),
    Operation(
        "update",
        _update,
        common.no_receipt,
        watches=common.no_lists,
        settled_by=_of_firewall,
        progress=common.shows(NAME, common.edited_in_place(_FIELDS)),
        recheck=_rechecked,
    ),
    Operation(
        "delete",
        _delete,
        common.no_receipt,
        watches=common.no_lists,
        settled_by=_of_firewall,
        progress=common.gone(NAME),
        recheck=_rechecked,
    ),
)
