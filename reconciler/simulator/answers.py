"""Answers: what goes back for a request, as the API writes it or as a fault spoils it
(contract#envelope, contract#switches).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.model.http import Response
from reconciler.simulator.errors import (
    CODES,
    envelope_error,
    plain_response,
    result_shape,
    too_many,
)
from reconciler.simulator.faults import Fault
from reconciler.simulator.kinds.call import Reply
from reconciler.simulator.switches import Switches

Body = dict[str, object]
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
CUT_AFTER = "the connection was cut after the request was executed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a response, perhaps late, perhaps only its first bytes, or nothing at all.

    `keep` is the number of body bytes that are sent before the connection is cut; a response of
    None is cut at once.
    """

    response: Response | None
    reason: str = ""
    delay: float = 0.0
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the request log."""

    number: int
    time: float
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    operation: str
    status: int | None
    error_code: str
    faults: tuple[str, ...]


def text_in(body: bytes | str, member: str) -> str:
    """A member of a JSON body as text, or an empty text if there is none."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return ""
    return str(parsed.get(member, "")) if isinstance(parsed, dict) else ""


def success(reply: Reply, status: int) -> Response:
    """A success in the envelope (contract#envelope)."""
    body: Body = {
        "code": "0x00",
        "error_code": "SUCCESS",
        "message": "",
        "result": reply.result,
    }
    if isinstance(reply.result, list):
        body["count"] = len(reply.result)
    if reply.page is not None:
        body["page_no"], body["page_size"] = reply.page
    if reply.total is not None:
        body["total"] = reply.total
    return plain_response(status, body)


def refusal(fault: Fault, switches: Switches) -> Response:
    """The answer that a fault asks for instead of execution."""
    if fault.body is not None or ((fault.status or 0) >= 500 and not fault.code):
        return failure(fault)
    if fault.instant == "unknown_code" or fault.code:
        name = fault.code or "SOMETHING_NEW"
        known = CODES.get(name)
        status = fault.status or (known.status if known else 400)
        message = fault.message or (known.message if known else "알 수 없는 오류입니다.")
        return envelope_error(
            status, hex(fault.code_number), name, message, result_shape(known, switches)
        )
    if fault.status == 429:
        message = fault.message or "요청 한도를 초과하였습니다."
        return too_many(int(fault.seconds) or 5, switches, message=message)
    if fault.status == 422:
        message = fault.message or "입력값을 확인해 주세요."
        return plain_response(422, {"message": message, "errors": {"name": [message]}})
    return plain_response(fault.status or 500, {"message": fault.message or "일시적인 오류입니다."})


def failure(fault: Fault) -> Response:
    """A 5xx as a gateway writes it, or the body that the fault brings along."""
    body = HTML if fault.body is None else fault.body
    kind = "text/html" if body.lstrip().startswith("<") or not body.strip() else "application/json"
    return Response(fault.status or 502, (("Content-Type", kind),), body.encode())


def spoilt(response: Response, fault: Fault) -> Answer:
    """What becomes of the answer to a request that was executed."""
    match fault.instant:
        case "answer_lost":
            return Answer(None, CUT_AFTER)
        case "executed_then_5xx":
            return Answer(failure(fault))
        case "answer_cut":
            reason = "the connection was cut in the middle of the answer"
            return Answer(response, reason, keep=len(response.body) // 2)
        case "answer_garbled":
            body = (HTML if fault.body is None else fault.body).encode()
            return Answer(Response(fault.status or response.status, response.headers, body))
        case "answer_slow":
            return Answer(response, delay=fault.seconds)
    return Answer(response)


def distort(
    response: Response, faults: list[Fault], previous_page: Callable[[], list[object]]
) -> Response:
    """The answer with these distortions; only successes in the envelope are touched.

    `previous_page` gives the rows of the page before, an empty list on the first page.
    """
    distorting = [fault for fault in faults if fault.instant in _DISTORTIONS]
    if not distorting:
        return response
    body = json.loads(response.body)
    if not isinstance(body, dict) or body.get("error_code") != "SUCCESS":
        return response
    for fault in distorting:
        before = previous_page() if fault.instant in {"duplicate_rows", "changed_total"} else []
        _DISTORTIONS[fault.instant](body, fault, before)
    return Response(
        response.status, response.headers, json.dumps(body, ensure_ascii=False).encode()
    )


def _rows(body: Body) -> list[Body]:
    result = body.get("result")
    return [row for row in result if isinstance(row, dict)] if isinstance(result, list) else []


def _duplicate_rows(body: Body, fault: Fault, before: list[object]) -> None:
    """As if a row was inserted at the front while a client reads the pages."""
    result = body.get("result")
    if not before or not isinstance(result, list):
        return
    repeated = before[-fault.count :]
    if len(result) == body.get("page_size"):
        result = result[: -len(repeated)]
    body["result"] = repeated + result
    body["count"] = len(repeated + result)


def _changed_total(body: Body, fault: Fault, before: list[object]) -> None:
    if isinstance(body.get("total"), int) and before:
        body["total"] = int(str(body["total"])) + fault.count


def _unknown_status(body: Body, fault: Fault, _before: list[object]) -> None:
    for row in _rows(body):
        if "status" in row:
            row["status"] = fault.message or "migrating"


def _extra_members(body: Body, fault: Fault, _before: list[object]) -> None:
    body["request_time"] = 0.012
    note = fault.message or "예고 없이 추가된 항목"
    for row in _rows(body):
        row["x_future"] = {"note": note, "values": [1, None, "a"]}


def _null_lists(body: Body, _fault: Fault, _before: list[object]) -> None:
    for row in _rows(body):
        row.update({name: None for name, value in row.items() if isinstance(value, list)})
    if body.get("result") == []:
        body["result"] = None


def _as_text(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_text(each) for name, each in value.items()}
    return value


def _masked_password(body: Body, _fault: Fault, _before: list[object]) -> None:
    for row in _rows(body):
        account = row.get("default_account")
        if isinstance(account, dict) and "password" in account:
            account["password"] = "********"  # noqa: S105 - a mask, not a password


_DISTORTIONS: dict[str, Callable[[Body, Fault, list[object]], None]] = {
    "duplicate_rows": _duplicate_rows,
    "changed_total": _changed_total,
    "unknown_status": _unknown_status,
    "extra_members": _extra_members,
    "null_lists": _null_lists,
    "numbers_as_text": lambda body, _fault, _before: body.update(
        {name: _as_text(value) for name, value in body.items()}
    ),
    "masked_password": _masked_password,
}
