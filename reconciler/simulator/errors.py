"""Errors: the contract's code table (section 6) and how a failure is written.

An operation raises `ApiError` with the name of a code; what it looks like on the wire (status,
shape of `result`, bare forms) is decided here, in one place, from the switches.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeVar

from reconciler.model.http import Response
from reconciler.simulator.switches import Switches

JSON = ("Content-Type", "application/json")
TOO_MANY = "요청 한도를 초과하였습니다. 잠시 후 다시 시도해 주세요."
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Code:
    """A published code: number, usual HTTP status, a message as the service would word it, and what
    provokes it here.

    `provoked_by` is empty where no documented request gives the code: then only a fault script can.
    """

    name: str
    number: int
    status: int
    message: str
    provoked_by: str
    shape: str = "string"


_TABLE = (
    Code(
        "NOT_FOUND",
        0x1,
        404,
        "요청하신 경로 또는 자원을 찾을 수 없습니다.",
        "a path that does not exist; scripts of an account without any",
    ),
    Code(
        "CIDR_NOT_VALID",
        0x2,
        400,
        "CIDR 형식이 올바르지 않습니다.",
        "a rule or an `ip` filter with a malformed range",
    ),
    Code("CIDR_NOT_REGISTERED", 0x3, 400, "등록되지 않은 IP 대역입니다.", ""),
    Code(
        "IPV6_NOT_SUPPORTED",
        0x4,
        400,
        "IPv6 주소는 지원하지 않습니다.",
        "a rule with an IPv6 range",
    ),
    Code(
        "CHECK_REQUEST_IP",
        0x5,
        403,
        "요청 IP를 확인해 주세요.<script>alert('요청 IP');</script>",
        "",
    ),
    Code(
        "CHECK_CREDENTIAL",
        0x6,
        401,
        "인증 정보(Credential)를 확인해 주세요.",
        "no access key, or one that is not known",
    ),
    Code(
        "CHECK_SIGNATURE",
        0x7,
        401,
        "서명(Signature)을 확인해 주세요.",
        "no signature or timestamp, or one that is not usable",
    ),
    Code(
        "INVALID_SIGNATURE",
        0x8,
        401,
        "서명이 일치하지 않습니다.",
        "a signature that does not match, or a clock too far off",
    ),
    Code(
        "CHECK_IP",
        0x9,
        403,
        "일시적인 오류입니다. 잠시 후 다시 시도해 주세요.",
        "a caller outside `allowlist`; a firewall created without a description; every bill detail",
        shape="object",
    ),
    Code("REQUIRED_GET_PARAM_MISSING", 0xA, 400, "필수 조회 항목이 누락되었습니다.", ""),
    Code(
        "REQUIRED_POST_PARAM_MISSING",
        0xB,
        400,
        "필수 입력 항목이 누락되었습니다.",
        "a write without a required member",
    ),
    Code(
        "DEV_CHECK_RETURN",
        0xC,
        500,
        "선택한 존에서 자원 사용이 제한되었습니다.<br/>",
        "an instance created in one of `restricted_zones`",
        shape="object",
    ),
    Code(
        "UNAVAILABLE_FLAVOR",
        0xD,
        400,
        "사용할 수 없는 사양입니다.",
        "a flavor that is unknown, sold out, or, in a resize, not in the zone",
    ),
    Code(
        "CHECK_PARAM",
        0xE,
        400,
        "요청 항목의 값이 올바르지 않습니다.",
        "a bad value, a duplicate rule, port 0, a bare address, rules of an absent firewall",
    ),
    Code(
        "CHECK_PARAM_ENUM",
        0xF,
        400,
        "허용되지 않은 값입니다.",
        "`inbound`, `tcp`, `ICMP`, an unknown block storage type in a create",
    ),
    Code(
        "UNAVAILABLE_COMBINATION",
        0x10,
        400,
        "선택한 존, 이미지, 사양을 함께 사용할 수 없습니다.",
        "zone, image, flavor or block storage that do not go together",
    ),
    Code(
        "CHECK_LENGTH", 0x11, 400, "입력한 글자 수를 확인해 주세요.", "a text too long or too short"
    ),
    Code(
        "UNAVAILABLE_SSH_KEY",
        0x12,
        400,
        "사용할 수 없는 SSH 키입니다.",
        "an instance created with an unknown key",
    ),
    Code(
        "DELETED_OR_WORKING_INSTANCE",
        0x13,
        400,
        "삭제되었거나 작업 중인 서버입니다.",
        "an operation on a busy or deleted object",
    ),
    Code(
        "EMPTY_SET",
        0x14,
        400,
        "조회된 내역이 없습니다.",
        "the first page of bills when none matches",
    ),
    Code("IN_USE", 0x15, 400, "사용 중인 자원입니다.", "an attached block storage or firewall"),
    Code("ID_INVALID", 0x16, 400, "유효하지 않은 ID입니다.", "a malformed or unknown id"),
    Code(
        "LIMIT_EXCEEDED",
        0x17,
        400,
        "사용 가능한 한도를 초과하였습니다.",
        "a fourth block storage on an instance; the `_max` switches",
    ),
    Code("CHECK_CONSOLE", 0x18, 400, "콘솔에서 확인해 주세요.", ""),
)
CODES = {code.name: code for code in _TABLE}


class ApiError(Exception):
    """A request that is refused with a code of the table; `field` names the member at fault where
    there is one.
    """

    def __init__(self, name: str, field: str = "", *, message: str = "") -> None:
        super().__init__(name)
        self.code = CODES[name]
        self.field = field
        self.message = message or self.code.message + (f" ({field})" if field else "")


def refuse_if(wrong: bool, name: str, field: str = "") -> None:
    """Raise the ApiError of this code if something about the request is wrong."""
    if wrong:
        raise ApiError(name, field)


def found(record: R | None, name: str, field: str = "") -> R:
    """The record. Raises the ApiError of this code if there is none."""
    if record is None:
        raise ApiError(name, field)
    return record


class MethodNotAllowed(Exception):
    """A path that exists, asked with another method than those that the text lists; answered 405
    without an envelope (contract#errors, contract#fixtures).
    """


PARAMETER_CODES = frozenset(
    {"REQUIRED_POST_PARAM_MISSING", "CHECK_PARAM", "CHECK_PARAM_ENUM", "CHECK_LENGTH"}
)


def error_response(error: ApiError, switches: Switches) -> Response:
    """How a refusal looks with these switches."""
    if (
        switches.validation_body == "bare_422"
        and error.code.name in PARAMETER_CODES
        and error.field
    ):
        return plain_response(
            422, {"message": error.message, "errors": {error.field: [error.message]}}
        )
    status = 200 if switches.error_http == "always_200" else error.code.status
    return envelope_error(
        status,
        hex(error.code.number),
        error.code.name,
        error.message,
        result_shape(error.code, switches),
    )


def result_shape(code: Code | None, switches: Switches) -> str:
    """How `result` of a failure is written: as seen with the code, or one shape for all."""
    return {
        "seen": code.shape if code is not None else "string",
        "strings": "string",
        "messages": "message",
        "objects": "object",
    }[switches.error_result]


def envelope_error(status: int, code: str, name: str, message: str, shape: str) -> Response:
    """A failure in the common envelope; `shape` is how `result` is written: string, message or
    object.
    """
    results: dict[str, object] = {
        "string": "error",
        "message": message,
        "object": {"code": int(code, 16), "message": message},
    }
    return plain_response(
        status, {"code": code, "error_code": name, "message": message, "result": results[shape]}
    )


def too_many(
    seconds: int, switches: Switches, *, message: str = TOO_MANY, envelope: bool = False
) -> Response:
    """A 429. `Retry-After` is in the cloud's own seconds, which a time scale shortens like every
    other wait.
    """
    headers = (("Retry-After", str(seconds)),) if switches.retry_after else ()
    if not envelope:
        return plain_response(429, {"message": message}, *headers)
    response = envelope_error(429, hex(429), "TOO_MANY_REQUESTS", message, "string")
    return Response(response.status, (*response.headers, *headers), response.body)


def plain_response(status: int, body: object, *headers: tuple[str, str]) -> Response:
    """Any JSON answer."""
    return Response(status, (JSON, *headers), json.dumps(body, ensure_ascii=False).encode())
