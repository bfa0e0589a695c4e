"""Distortions: whole answers made strange, the way a fault asks for (contract#switches, end)."""

from __future__ import annotations

import json
from collections.abc import Callable

from reconciler.model.http import Response
from reconciler.simulator.faults import Fault

Body = dict[str, object]
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def distort(
    response: Response, faults: list[Fault], previous_page: Callable[[], list[object]]
) -> Response:
    """The answer with these distortions; only successes in the envelope are touched.

    `previous_page` gives the rows of the page before, an empty list on the first page.
    """
    makers = [(fault, _MAKERS[fault.instant]) for fault in faults if fault.instant in _MAKERS]
    if not makers:
        return response
    body = json.loads(response.body)
    if not isinstance(body, dict) or body.get("error_code") != "SUCCESS":
        return response
    for fault, make in makers:
        make(body, fault, previous_page)
    return Response(
        response.status, response.headers, json.dumps(body, ensure_ascii=False).encode()
    )


def _rows(body: Body) -> list[Body]:
    result = body.get("result")
    return [row for row in result if isinstance(row, dict)] if isinstance(result, list) else []


def _duplicate_rows(body: Body, fault: Fault, previous_page: Callable[[], list[object]]) -> None:
    """As when a row was put in front while somebody walks the pages."""
    before, result = previous_page(), body.get("result")
    if not before or not isinstance(result, list):
        return
    repeated = before[-fault.count :]
    full = len(result) == body.get("page_size")
    body["result"] = repeated + (result[: -len(repeated)] if full else result)
    body["count"] = len(repeated) + len(result) - (len(repeated) if full else 0)


def _changed_total(body: Body, fault: Fault, previous_page: Callable[[], list[object]]) -> None:
    if isinstance(body.get("total"), int) and previous_page():
        body["total"] = int(str(body["total"])) + fault.count


def _unknown_status(body: Body, fault: Fault, _: Callable[[], list[object]]) -> None:
    for row in _rows(body):
        if "status" in row:
            row["status"] = fault.message or "migrating"


def _extra_members(body: Body, fault: Fault, _: Callable[[], list[object]]) -> None:
    body["request_time"] = 0.012
    for row in _rows(body):
        row["x_future"] = {
            "note": fault.message or "예고 없이 추가된 항목",
            "values": [1, None, "a"],
        }


def _null_lists(body: Body, fault: Fault, _: Callable[[], list[object]]) -> None:
    del fault
    for row in _rows(body):
        for name, value in row.items():
            if isinstance(value, list):
                row[name] = None
    if body.get("result") == []:
        body["result"] = None


def _numbers_as_text(body: Body, fault: Fault, _: Callable[[], list[object]]) -> None:
    del fault
    body.update({name: _as_text(value) for name, value in body.items()})


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return (
        {name: _as_text(each) for name, each in value.items()} if isinstance(value, dict) else value
    )


def _masked_password(body: Body, fault: Fault, _: Callable[[], list[object]]) -> None:
    del fault
    for row in _rows(body):
        account = row.get("default_account")
        if isinstance(account, dict) and "password" in account:
            account["password"] = "********"  # noqa: S105 - a mask, not a password


_MAKERS: dict[str, Callable[[Body, Fault, Callable[[], list[object]]], None]] = {
    "duplicate_rows": _duplicate_rows,
    "changed_total": _changed_total,
    "unknown_status": _unknown_status,
    "extra_members": _extra_members,
    "null_lists": _null_lists,
    "numbers_as_text": _numbers_as_text,
    "masked_password": _masked_password,
}
