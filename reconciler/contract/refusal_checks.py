"""Checks that provoke a refusal, each only if a person asks for it: a provider may count them
against the key (contract#authentication, contract#limits).
"""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.contract import shape
from reconciler.contract.check import (
    AnswerSet,
    CheckRead,
    ContractCheck,
    Judgement,
    Verdict,
    judged,
    refused_as,
)
from reconciler.model.resource_type import Call

_ZONES = Call("GET", "/v1/zones")
_STALE_SECONDS = 600
RATE_CALLS_MAX = 130
"""After so many quick reads without a 429 no more are sent."""


def _stale(answers: AnswerSet) -> Judgement:
    answer = answers["stale_stamp"]
    verdict = Verdict.SETTLES if answer.status == 401 else Verdict.DIFFERS
    return judged(
        verdict,
        status=answer.status,
        error=answer.error or ("SUCCESS" if answer.is_success else None),
        result=None if answer.is_success else shape.error_form(answer),
    )


def _too_many(answers: AnswerSet) -> Judgement:
    answer = answers["too_many"]
    if answer.status != 429:
        return judged(Verdict.DIFFERS, status=answer.status, error=answer.error or "SUCCESS")
    headers = {name.lower() for name, _ in answer.headers}
    return judged(
        Verdict.SETTLES,
        status=answer.status,
        body=shape.body_form(answer),
        error=answer.error,
        retry_after="retry-after" in headers,
    )


REFUSAL_CHECKS = (
    ContractCheck(
        "stale_stamp",
        msg("a stamp 600 s old"),
        "contract#authentication",
        msg("401; the error is open"),
        _stale,
        lambda answers: (CheckRead("stale_stamp", _ZONES, seconds_ago=_STALE_SECONDS),),
        ("stale_stamp",),
        1,
    ),
    ContractCheck(
        "wrong_signature",
        msg("a wrong signature"),
        "contract#errors",
        "401 INVALID_SIGNATURE",
        lambda answers: refused_as(answers["wrong_signature"], 401, "INVALID_SIGNATURE"),
        lambda answers: (CheckRead("wrong_signature", _ZONES, forged=True),),
        ("wrong_signature",),
        1,
    ),
)

RATE_CHECK = ContractCheck(
    "too_many",
    msg("too many calls"),
    "contract#limits",
    msg("429; its body and headers are open"),
    _too_many,
    lambda answers: (CheckRead("too_many", _ZONES, calls=RATE_CALLS_MAX),),
    (),
    61,
)
"""Runs last, because the key is idle for a minute afterwards."""
