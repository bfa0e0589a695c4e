"""Firewalls: sets of rules, with the instances that are their members (contract#security-groups,
contract#older-firewall).

In the newer form of the API, rules have their own calls. In the older form, rules are sent with
their firewall, and an edit replaces all of them: `create` and `update` then have `rules`, the
complete set, and the kind `rules` has no operations.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.common import decoding, validators
from reconciler.common.text import msg
from reconciler.model import marker
from reconciler.model.resource import EMPTY, LiveResource, Plain
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
from reconciler.resources import _fields, _rule_rows
from reconciler.resources import _operations as common
from reconciler.resources._operations import Inputs

NAME, SINGULAR, MEMBERS = "firewalls", "firewall", "members"
CREATE, UPDATE, DELETE = "firewall.create", "firewall.update", "firewall.delete"
ATTACH, DETACH = "firewall.attach", "firewall.detach"
INSTANCE = "instance"  # the input that names the member
NEWER = "/v1/security-groups"
OLDER = "/v1/firewall"

NO_FIREWALL = frozenset({"CHECK_PARAM", "ID_INVALID", "NOT_FOUND"})
"""Errors of the lists of a firewall that was deleted: its rules are answered with 400 CHECK_PARAM,
its members perhaps with 404 (contract#security-groups).
"""


def kind(firewall_api: str) -> ResourceType:
    """The kind `firewalls` in the newer or the older form of the API."""
    older = firewall_api == "firewall"
    path = OLDER if older else NEWER
    return ResourceType(
        name=NAME,
        singular=SINGULAR,
        fields={field.name: field for field in _FIELDS},
        attributes=("id", "name", "icmp"),
        operations={operation.name: operation for operation in _operations(path, older)},
        decode=decode,
        lists={NAME: _listing(path, older), MEMBERS: _MEMBERS},
        description="Firewalls with their rules.",
        detail=path + "/{id}",
        recreated="other id",
        order=3,
        spellings=("firewall",),
        zonal=False,
        summary=ObjectSummary(("icmp",), _summary),
    )


PING_ALLOWED = msg("ping allowed")


def _summary(values: Mapping[str, str]) -> Iterator[str]:
    if "icmp" in values:
        yield PING_ALLOWED if values["icmp"] == "true" else msg("ping not allowed")


_FIELDS = (
    _fields.name(Edit.IN_PLACE, "shop-web", check=validators.firewall_name),
    _fields.description(Edit.IN_PLACE, "Orders and customers"),
    _fields.boolean(
        "icmp", Edit.IN_PLACE, "Whether ping is answered.", examples=(True,), at_create=False
    ),
)


def decode(row: Mapping[str, Any]) -> LiveResource:
    """One row of the list, detail or receipt as a firewall, without its rules. Raises ValueError if
    it has no id or is not an object.
    """
    row = decoding.mapping(row, "a firewall")
    id = decoding.path_id(row, "firewall_id")
    content = decoding.text(row.get("content"))
    # Only this text comes back HTML-escaped; unescaping once keeps a literal `&amp;`
    # (contract#values).
    before, nonce = marker.split(html.unescape(content) if content else None)
    attributes: dict[str, Plain] = {
        "id": id,
        "name": decoding.text(row.get("title")),
        "description": before,
    }
    icmp = row.get("icmp")
    if icmp in ("Y", "N"):
        attributes["icmp"] = icmp == "Y"
    return LiveResource(NAME, id, attributes, nonce=nonce, marked=before if nonce else None)


def _identify(row: Any) -> str:
    return decoding.path_id(decoding.mapping(row, "a firewall"), "firewall_id")


def _listing(path: str, older: bool) -> Listing:
    return Listing(
        path,
        identify=_identify,
        decode=lambda row, parent: decode(row),
        paging=Paging.UNSTATED if older else Paging.PAGES,
        inline=_rules_of_row if older else None,
    )


def _rules_of_row(row: Any) -> tuple[str, Any]:
    """In the older form each firewall contains its rules: the name of their list, and its rows."""
    return f"rules:{_identify(row)}", decoding.mapping(row, "a firewall").get("rules")


def _member(row: Any) -> str:
    # The shape of these rows is not known: texts or objects (contract#security-groups).
    return decoding.path_id(
        row if isinstance(row, Mapping) else {"instance_id": row}, "instance_id"
    )


# Membership is listed in the newer form only; both forms speak of the same groups (contract#values,
# contract#security-groups).
_MEMBERS = Listing(
    NEWER + "/{parent}/instances",
    identify=_member,
    decode=lambda row, parent: _member(row),
    paging=Paging.UNSTATED,
    missing_errors=NO_FIREWALL,
)


def _body(inputs: Inputs) -> dict[str, Any]:
    body: dict[str, Any] = {"title": inputs["name"]}
    # An empty text is accepted but damages or keeps the old one (contract#security-groups), so it
    # is never sent.
    if inputs.get("description"):
        body["content"] = inputs["description"]
    if "icmp" in inputs:
        body["icmp"] = "Y" if inputs["icmp"] else "N"
    return body


def _encode_create(path: str, older: bool) -> Callable[[str | None, Inputs], Call]:
    def encode(target: str | None, inputs: Inputs) -> Call:
        # Without a text, or without `icmp`, the newer create is refused or undefined
        # (contract#security-groups).
        body = {"content": marker.UNMARKED_FIREWALL, "icmp": "N"} | _body(inputs)
        if older:
            body["rules"] = [_rule_rows.body(rule) for rule in inputs.get("rules", ())]
        return Call("POST", path, json=body)

    return encode


def _encode_update(path: str, older: bool) -> Callable[[str | None, Inputs], Call]:
    def encode(target: str | None, inputs: Inputs) -> Call:
        body = _body(inputs)
        if older:
            # This call removes every rule that is not in its body (contract#older-firewall), so the
            # complete set is required.
            body["rules"] = [_rule_rows.body(rule) for rule in inputs["rules"]]
        return Call("PUT", common.path(path, target), json=body)

    return encode


def _encode_member(path: str, verb: str) -> Callable[[str | None, Inputs], Call]:
    def encode(target: str | None, inputs: Inputs) -> Call:
        place = common.path(path, common.id_in(inputs, "firewall"), verb)
        return Call("POST", place, json={"instance_id": common.id_in(inputs, "instance")})

    return encode


def _members_of(target: str | None, inputs: Inputs) -> tuple[str, ...]:
    return (f"members:{inputs['firewall']}",)


def _membership(wanted: bool) -> common.Judge:
    def judge(target: str | None, inputs: Inputs, view: View) -> Progress:
        shown = view.members.get(inputs["firewall"])
        return (
            Progress.DONE
            if shown is not None and (inputs["instance"] in shown) is wanted
            else Progress.WAITING
        )

    return judge


def _updated(target: str | None, inputs: Inputs, view: View) -> Progress:
    edited = common.shows(NAME, common.edited_in_place(_FIELDS))(target, inputs, view)
    if edited is not Progress.DONE or "rules" not in inputs:
        return edited
    shown = [
        rule
        for rule in view.objects.get(_rule_rows.NAME, EMPTY).values()
        if rule.attributes.get("firewall") == target
    ]
    same = sorted(map(_rule_rows.meaning, (rule.attributes for rule in shown))) == sorted(
        map(_rule_rows.meaning, inputs["rules"])
    )
    return Progress.DONE if same else Progress.WAITING


def _updated_lists(older: bool) -> common.Watches:
    return lambda target, inputs: (
        (NAME, f"rules:{target}") if older and target is not None else (NAME,)
    )


def _made(inputs: Inputs) -> dict[str, Any]:
    """The attributes of a new firewall. Its create always sends `icmp`."""
    return {"icmp": False, **inputs}


def _receipt(result: Any) -> str | None:
    return decoding.made_id(result, "firewall_id")


def _itself_and_rules(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    """Its rules only if they are sent with it (the older form)."""
    rules = (f"rules:{fingerprint['id']}",) if "rules" in fingerprint else ()
    return (*common.itself(fingerprint, inputs), *rules)


def _itself_and_all(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    id = fingerprint["id"]
    return (*common.itself(fingerprint, inputs), f"members:{id}", f"rules:{id}")


def _instance_and_members(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    return (*common.itself(fingerprint, inputs), f"members:{inputs.get('firewall')}")


def _instance_and_former(fingerprint: Mapping[str, Any], inputs: Inputs) -> tuple[str, ...]:
    former = (f"members:{inputs['former']}",) if "former" in inputs else ()
    return (*common.itself(fingerprint, inputs), *former)


def _operations(path: str, older: bool) -> tuple[Operation, ...]:
    seen = common.lists(NAME)
    written = _updated_lists(older)
    # Changes of groups are immediate in the newer form (contract#security-groups). In the older one
    # the rules get new ids, which must be read.
    watched = written if older else common.no_lists
    return (
        Operation(
            "create",
            _encode_create(path, older),
            _receipt,
            watches=watched,
            settled_by=written,
            progress=_updated if older else common.made(NAME),
            answered=_made,
            deadline_seconds=900,
        ),
        Operation(
            "update",
            _encode_update(path, older),
            common.no_receipt,
            watches=watched,
            settled_by=written,
            progress=_updated,
            leaves=common.texts,
            recheck=_itself_and_rules,
        ),
        Operation(
            "delete",
            lambda target, inputs: Call("DELETE", common.path(path, target)),
            common.no_receipt,
            watches=common.no_lists,
            settled_by=seen,
            progress=common.gone(NAME),
            recheck=_itself_and_all,
            protected_as="delete",
            refusal_hints={"IN_USE": "an instance is still attached to it: find it in the console"},
        ),
        Operation(
            "attach",
            _encode_member(path, "attach"),
            common.no_receipt,
            watches=_members_of,
            settled_by=_members_of,
            progress=_membership(wanted=True),
            seconds=(0, 2, 30),
            recheck=_instance_and_former,
        ),
        Operation(
            "detach",
            _encode_member(path, "detach"),
            common.no_receipt,
            watches=_members_of,
            settled_by=_members_of,
            progress=_membership(wanted=False),
            seconds=(0, 2, 30),
            recheck=_instance_and_members,
        ),
    )
