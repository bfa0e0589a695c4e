"""An account in which every value that must not leak is a canary, and answers that bring more of
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from reconciler.model import http
from reconciler.simulator import World
from reconciler.simulator.worldfile import packaged_world, world_from_data, world_to_data
from tests.clouds import Middle

CANARY = "CANARY"
_ID = re.compile(r"^([A-Z]+-)([A-Za-z0-9]{20,22})$")
_ACCOUNT_IDS = ("INSTANCE-", "FIREWALL-", "BLOCKSTORAGE-", "SSHKEY-", "SCRIPT-", "UIMAGE-", "BILL-")
_TEXTS = {"name", "description", "title", "content", "zone_name", "username"}
_AMOUNT = 987_654_321
_CANARIES = re.compile(
    r"CANARY|9876[,_]?54|198\.51\.100\.|10\.77\.|2031-1[012]-|canary-key|canary-secret",
    re.IGNORECASE,
)


def canaries_in(text: str) -> list[str]:
    """The canaries that a text shows."""
    return _CANARIES.findall(text)


def canary_world() -> World:
    """The company's account with canaries for names, texts, ids, addresses, amounts and dates."""
    data = world_to_data(packaged_world("company"))
    for section in (
        "instances",
        "block_storages",
        "firewalls",
        "ssh_keys",
        "user_scripts",
        "bills",
    ):
        data[section] = [_replaced(row) for row in data[section]]
    data["images"] = [
        _replaced(row) if row.get("visibility") == "private" else row for row in data["images"]
    ]
    for row in data["zones"]:
        row["content"] = [f"{CANARY} note"]
    # one server in two firewalls, as another attach mode allows
    return world_from_data(_renamed(data))


def _replaced(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, name) for item in value]
    if isinstance(value, str) and name in _TEXTS and value:
        return f"{CANARY} <&> {name}"[:25] if name in ("title", "content") else f"{CANARY}-{name}"
    if isinstance(value, str) and name.endswith("address"):
        return re.sub(r"^\d+\.\d+\.\d+", "198.51.100" if "public" in name else "10.77.3", value)
    if isinstance(value, str) and (name.endswith("date") or name.startswith("usage_")):
        return "2031-11-22" + value[10:]
    if isinstance(value, int) and name in ("price", "vat", "payment_price"):
        return _AMOUNT
    return value


def _renamed(value: Any) -> Any:
    """The same with a canary in every id of the account, whose form stays."""
    if isinstance(value, dict):
        return {_renamed(key): _renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    found = _ID.match(value) if isinstance(value, str) else None
    if found is None or found[1] not in _ACCOUNT_IDS:
        return value
    return found[1] + CANARY + found[2][len(CANARY) :]


Change = Callable[[Any], Any]


def _leaves(change: Change) -> Change:
    """A body in which each value that is not an object or list is changed."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return change(value)

    return walk


def _in_rows(change: Callable[[dict[str, Any]], Any]) -> Change:
    def rows(body: Any) -> Any:
        if isinstance(body, dict) and isinstance(body.get("result"), list):
            body["result"] = [
                change(row) if isinstance(row, dict) else row for row in body["result"]
            ]
        return body

    return rows


def _deep(depth: int) -> Any:
    value: Any = CANARY
    for _ in range(depth):
        value = [value]
    return value


STRANGE_BODIES: dict[str, Change] = {
    "texts_for_numbers": _leaves(lambda v: f"{CANARY}{v}" if isinstance(v, int) else v),
    "numbers_for_texts": _leaves(lambda v: _AMOUNT if isinstance(v, str) else v),
    "every_text": _leaves(lambda v: CANARY if isinstance(v, str) else v),
    "every_value": _leaves(lambda v: CANARY),
    "floats": _leaves(lambda v: float(_AMOUNT) if isinstance(v, int) else v),
    "nulls": _leaves(lambda v: None),
    "extra_members": _in_rows(lambda row: {**row, CANARY: CANARY, f"{CANARY}_id": {CANARY: 1}}),
    "keyed_by_name": _in_rows(lambda row: {CANARY: row}),
    "status": _in_rows(lambda row: {**row, "status": f"{CANARY}_status", "type": CANARY}),
    "prefix": _in_rows(lambda row: {**row, "instance_id": f"{CANARY}-1", "flavor_id": CANARY}),
    "code_like": _in_rows(lambda row: {**row, "zone_id": "canary_1", "flavor_id": "canary_12"}),
    "ids_as_objects": _in_rows(lambda row: {**row, "instance_id": {CANARY: CANARY}, "ip": CANARY}),
    "lists_of_names": _in_rows(
        lambda row: {**row, "supporting_images": [CANARY], "block_storage": [CANARY, {CANARY: 1}]}
    ),
    "rows_are_texts": lambda body: {**body, "result": [CANARY, _AMOUNT]},
    "result_is_text": lambda body: {**body, "result": CANARY},
    "result_is_object": lambda body: {**body, "result": {CANARY: CANARY}},
    "pages": lambda body: {**body, "page_size": _AMOUNT, "page_no": CANARY, "total": CANARY},
    "code": lambda body: {**body, "code": CANARY, "error_code": CANARY, "message": CANARY},
    "many_rows": lambda body: {**body, "result": [{CANARY: n} for n in range(300)]},
    "deep": lambda body: {**body, "result": [{"name": _deep(400), "status": _deep(400)}]},
    "deep_rows": _in_rows(lambda row: {**row, "description": _deep(300), "zone": _deep(300)}),
    "list_body": lambda body: [CANARY],
    "text_body": lambda body: CANARY,
    "password_members": _in_rows(
        lambda row: {**row, "password": CANARY, "link": CANARY, "default_account": {CANARY: 1}}
    ),
}


def _changed(change: Change) -> Middle:
    def middle(request: http.Request, send: http.Send) -> http.Response:
        response = send(request)
        try:
            body = json.loads(response.body)
        except ValueError:
            return response
        headers = (*response.headers, ("X-Canary", CANARY), ("X-RateLimit-Limit", CANARY))
        data = change(body) if isinstance(body, dict) else body
        return http.Response(response.status, headers, json.dumps(data).encode())

    return middle


def _always(status: int, body: bytes) -> Middle:
    return lambda request, send: http.Response(status, (("X-RateLimit-Limit", CANARY),), body)


def _cut(request: http.Request, send: http.Send) -> http.Response:
    raise http.WireError(f"{CANARY} was cut", sent=True)


def _after(first: int, middle: Middle) -> Middle:
    """The first answers are right, and all later ones strange."""
    seen = [0]

    def passing(request: http.Request, send: http.Send) -> http.Response:
        seen[0] += 1
        return send(request) if seen[0] <= first else middle(request, send)

    return passing


HTML = f"<html><title>{CANARY}</title><script>alert('{CANARY}')</script></html>".encode()


def strange() -> Iterator[tuple[str, Middle]]:
    """Every strange cloud, by name."""
    for name, change in STRANGE_BODIES.items():
        yield name, _changed(change)
    message = json.dumps({"message": CANARY, "errors": {CANARY: [CANARY]}}).encode()
    yield "html_500", _after(2, _always(500, HTML))
    yield "html_200", _after(2, _always(200, HTML))
    yield "empty_200", _after(2, _always(200, b""))
    yield "message_422", _after(2, _always(422, message))
    yield "redirect", _after(2, _always(302, HTML))
    yield "denied", _after(2, _always(403, message))
    yield "unknown_status", _after(2, _always(299, message))
    yield "binary", _after(2, _always(200, b"\xff\xfe" + CANARY.encode()))
    yield "huge_number", _after(2, _always(200, b'{"result": ' + b"9" * 5000 + b"}"))
    yield "cut", _after(2, _cut)
