"""The envelope: which answers say that a call was done, which that it was not, and which say
nothing (contract#envelope, contract#errors, safety#requests).
"""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.common.secret import Secret
from reconciler.iwinv import envelope, errors
from reconciler.iwinv.envelope import judge
from reconciler.model import http
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused

FIXTURES = Path(__file__).parents[2] / "docs" / "api" / "fixtures"
OK = {"code": "0x00", "error_code": "SUCCESS", "message": "", "result": []}


def answer(status: int, body: Any, *headers: tuple[str, str]) -> Answer:
    raw = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    return judge(http.Response(status, headers, raw))


def failure(name: str, code: object, **members: Any) -> dict[str, Any]:
    return {"code": code, "error_code": name, "message": "m", "result": "error", **members}


def samples() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        (FIXTURES / "errors.json").read_text(encoding="utf-8")
    )
    return found


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_needs_status_code_name_and_result(status: int) -> None:
    assert answer(status, OK) == Accepted(status, [], {})
    for member in ("code", "error_code", "result"):
        assert isinstance(
            answer(status, {name: value for name, value in OK.items() if name != member}), NoAnswer
        )
    assert isinstance(answer(status, OK | {"code": "0x0"}), NoAnswer)
    assert isinstance(answer(status, OK | {"error_code": "success"}), NoAnswer)
    assert isinstance(answer(400, OK), NoAnswer)
    assert isinstance(answer(302, OK, ("Location", "https://elsewhere.example")), NoAnswer)


def test_the_message_may_be_missing_and_unknown_members_are_ignored() -> None:
    body = {"code": "0x00", "error_code": "SUCCESS", "result": "success", "extra": {"x": 1}}
    assert answer(200, body) == Accepted(200, "success", {})


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(10, 10), ("10", 10), (None, None), ("ten", None), (True, None), (1.5, None)],
)
def test_page_metadata_given_as_text_is_numbers(value: Any, wanted: int | None) -> None:
    found = answer(200, OK | {"page_size": value, "total": value})
    assert isinstance(found, Accepted)
    assert found.meta == ({} if wanted is None else {"page_size": wanted, "total": wanted})


NOT_REFUSED = {"DEV_CHECK_RETURN", "unknown_code", "method_not_allowed_405", "gateway_502_html"}


@pytest.mark.parametrize("name", sorted(samples()))
def test_each_sample_of_a_failure_is_refused_or_unknown_as_the_contract_allows(name: str) -> None:
    sample = samples()[name]
    found = answer(sample["http_status"], sample["body"], *sample.get("headers", {}).items())
    if name in NOT_REFUSED:
        assert isinstance(found, NoAnswer)
        assert found.sent
        return
    assert isinstance(found, Refused)
    bare = name in ("rate_limited_429_no_envelope", "validation_422_no_envelope")
    assert found.error_code == (None if bare else sample["body"]["error_code"])


def test_every_code_of_the_table_is_known_by_name_and_number() -> None:
    found = {name: body["body"] for name, body in samples().items() if name in errors.ERRORS}
    assert found.keys() == errors.ERRORS.keys()
    assert all(
        errors.documented(body["error_code"], body["code"]) == name for name, body in found.items()
    )


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (400, failure("CHECK_PARAM", "0xe"), True),
        (400, failure("CHECK_PARAM", "0xE"), True),
        (400, failure("CHECK_PARAM", "0x0e"), True),
        (400, failure("CHECK_PARAM", "0xf"), False),
        (400, failure("CHECK_PARAM", 14), False),
        (400, failure("SOMETHING", "0xe"), False),
        (400, failure("SUCCESS", "0x00"), False),
        (404, failure("NOT_FOUND", "0x1"), True),
        (404, {"message": "no such route"}, False),
        (404, "", False),
        (405, failure("CHECK_PARAM", "0xe"), True),
        (409, failure("CHECK_PARAM", "0xe"), False),
        (418, failure("CHECK_PARAM", "0xe"), False),
        (403, failure("CHECK_IP", "0x9", result={"code": 9, "message": "일시적"}), True),
        (401, "", True),
        (401, failure("INVALID_SIGNATURE", "0x8"), True),
        (401, "<html>", True),
        (429, "", True),
        (429, "<html>", True),
        (429, failure("LIMIT_EXCEEDED", "0x17"), True),
        (200, failure("CHECK_PARAM", "0xe"), True),
        (202, failure("DEV_CHECK_RETURN", "0xc"), False),
        (400, failure("DEV_CHECK_RETURN", "0xc"), False),
        (200, failure("SOMETHING_NEW", "0x99"), False),
        (500, failure("CHECK_PARAM", "0xe"), False),
        (500, failure("DEV_CHECK_RETURN", "0xc"), False),
        (503, "", False),
        (422, {"message": "m", "errors": {"name": ["required"]}}, True),
        (422, {"message": "m", "errors": {}}, False),
        (422, {"message": "m", "errors": {"name": "required"}}, False),
        (422, {"message": "m", "errors": ["x"]}, False),
        (422, {"errors": {"name": ["required"]}}, False),
        (204, "", False),
    ],
)
def test_refused_is_only_what_the_contract_gives_before_execution(
    status: int, body: Any, refused: bool
) -> None:
    found = answer(status, body)
    assert isinstance(found, Refused if refused else NoAnswer)


def test_a_5xx_keeps_its_error_name_for_the_message() -> None:
    found = answer(500, failure("DEV_CHECK_RETURN", "0xc"))
    assert found == NoAnswer(
        "the cloud answered with status 500 (DEV_CHECK_RETURN)", 500, "DEV_CHECK_RETURN"
    )


@pytest.mark.parametrize(
    ("result", "message", "wanted"),
    [
        ("error", "outer", "outer"),
        ({"code": 9, "message": "일시적인 오류"}, "", "일시적인 오류"),
        (7, None, ""),
        ({"message": 5}, None, ""),
    ],
)
def test_the_message_of_the_cloud_is_the_outer_or_the_inner_one(
    result: Any, message: Any, wanted: str
) -> None:
    found = answer(400, failure("CHECK_PARAM", "0xe", message=message, result=result))
    assert isinstance(found, Refused)
    assert found.message == wanted


def test_a_long_message_is_cut() -> None:
    found = answer(400, failure("CHECK_PARAM", "0xe", message="x" * 100_000))
    assert isinstance(found, Refused)
    assert len(found.message) == 300


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("17", 17.0),
        ("0", 0.0),
        ("999999", 3600.0),
        ("9" * 400, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_whole_seconds_or_nothing(value: str, wanted: float | None) -> None:
    found = answer(429, "", ("retry-after", value))
    assert isinstance(found, Refused)
    assert found.retry_after == wanted


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 0.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 3600.0),
        ("soon", None),
    ],
)
def test_a_date_to_retry_after_is_compared_with_the_clouds_own(
    date: str, wanted: float | None
) -> None:
    found = answer(429, "", ("Retry-After", "Thu, 01 Jan 2026 00:00:30 GMT"), ("Date", date))
    assert isinstance(found, Refused) and found.retry_after == wanted


BROKEN: list[tuple[str, bytes, str]] = [
    ("empty", b"", "empty"),
    ("html", b"<html><body>bad gateway</body></html>", "not JSON"),
    ("truncated", b'{"code": "0x00", "error_code": "SUC', "not JSON"),
    ("not utf-8", b'{"code": "\xff\xfe"}', "not UTF-8"),
    ("nested too deeply", b"[" * 200_000, "nested too deeply"),
    ("NaN", b'{"code": "0x00", "error_code": "SUCCESS", "result": NaN}', "NaN"),
    ("infinity", b'{"code": "0x00", "error_code": "SUCCESS", "result": -Infinity}', "Infinity"),
    (
        "a duplicate member",
        b'{"code": "0x00", "error_code": "SUCCESS", "result": [], "result": [1]}',
        "duplicate",
    ),
    (
        "a nested member twice",
        b'{"code": "0x00", "error_code": "SUCCESS", "result": [{"a": 1, "a": 2}]}',
        "duplicate",
    ),
    (
        "a number of too many digits",
        b'{"code": "0x00", "error_code": "SUCCESS", "result": ' + b"9" * 5000 + b"}",
        "not JSON",
    ),
    ("a list", b"[]", "not an object"),
    ("a text", b'"0x00"', "not an object"),
    ("two values", b"{}{}", "not JSON"),
]


@pytest.mark.parametrize(("name", "body", "said"), BROKEN, ids=[row[0] for row in BROKEN])
def test_an_ambiguous_body_proves_nothing_about_the_call(name: str, body: bytes, said: str) -> None:
    found = answer(200, body)
    assert isinstance(found, NoAnswer)
    assert said in found.reason
    assert found.status == 200


def test_a_body_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "BODY_BYTES_MAX", 10)
    found = answer(200, OK)
    assert isinstance(found, NoAnswer)
    assert "too large" in found.reason


@pytest.mark.parametrize("part", [b"[],", b"[1],", b"{},", b'{"a":1},', b"9.9,", b'"ab",'])
def test_a_body_of_the_largest_size_takes_little_memory_whatever_it_holds(part: bytes) -> None:
    # Goal: an empty list takes two bytes of a body and sixty-four of memory.
    head, tail = b'{"code": "0x00", "error_code": "SUCCESS", "result": [', b"0]}"
    body = head + part * ((envelope.BODY_BYTES_MAX - len(head) - len(tail)) // len(part)) + tail
    tracemalloc.start()
    try:
        answer(200, body)
        assert tracemalloc.get_traced_memory()[1] < 160 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_byte_order_mark_does_no_harm() -> None:
    assert answer(200, b"\xef\xbb\xbf" + json.dumps(OK).encode()) == Accepted(200, [], {})


def test_passwords_and_links_are_wrapped_when_the_answer_is_decoded() -> None:
    row = {
        "instance_id": "I",
        "default_account": {"username": "root", "password": "canary"},
        "vnc": {"link": "canary", "type": "novnc"},
    }
    found = answer(202, OK | {"result": [row]})
    assert isinstance(found, Accepted)
    assert "canary" not in repr(found)
    password = found.result[0]["default_account"]["password"]
    assert isinstance(password, Secret)
    assert password.reveal() == "canary"


def test_half_characters_are_replaced_and_whole_ones_kept() -> None:
    found = answer(
        200,
        b'{"code": "0x00", "error_code": "SUCCESS", "result": ["\\ud800", "\\ud55c\\uae00", "\\ud83d\\ude00"]}',
    )
    assert isinstance(found, Accepted)
    assert found.result == ["�", "한글", "😀"]


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_bytes_are_one_of_the_three_answers_and_never_a_success(
    status: int, body: bytes
) -> None:
    assert isinstance(answer(status, body), Refused | NoAnswer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["0x00", "0xe", "0x1"]) | JSON,
        "error_code": st.sampled_from(["SUCCESS", "CHECK_PARAM", "NOT_FOUND"]) | JSON,
        "message": JSON,
        "result": JSON,
        "count": JSON,
        "page_size": JSON,
        "errors": JSON,
    },
)


@given(st.sampled_from([200, 202, 302, 400, 401, 403, 404, 422, 429, 500]), ENVELOPES)
def test_any_envelope_is_one_of_the_three_answers_and_can_be_shown(
    status: int, body: dict[str, Any]
) -> None:
    found = answer(status, body)
    repr(found).encode()
    if isinstance(found, Accepted):
        assert (body["code"], body["error_code"], status // 100) == ("0x00", "SUCCESS", 2)
    elif isinstance(found, Refused):
        assert status in (200, 202, 400, 401, 403, 404, 422, 429)
