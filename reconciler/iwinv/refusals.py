"""What a refusal means to a person: the problem with its code, and the way out (contract#rules,
contract#authentication, contract#errors).
"""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Refused

DELAY_SECONDS = 10.0
"""The wait before the one retry of a read that was answered 403."""

CLOCK_SECONDS_MAX = 240.0
"""Beyond this difference to the cloud's clock a 401 is put down to the clock: signatures are good
for 300 s (contract#authentication).
"""


def is_no_list(what: str, answer: Refused) -> bool:
    """Whether the refusal says that there is no such list, which is not the same as an empty one.

    The script list is answered 404 where an account has none (contract#scripts); the rules of a
    deleted group 400 CHECK_PARAM, its members perhaps 404 (contract#security-groups). None of these
    proves that anything is absent.
    """
    name = what.partition(":")[0]
    if name == "user_scripts":
        return answer.status == 404
    return name in ("rules", "members") and answer.error_code in (
        "CHECK_PARAM",
        "ID_INVALID",
        "NOT_FOUND",
    )


def is_unknown_key(answer: Refused) -> bool:
    """Whether the cloud does not know the access key: signing anew changes nothing, unless the
    clock may be the reason.
    """
    return (
        answer.error_code == "CHECK_CREDENTIAL"
        and abs(answer.clock_ahead or 0.0) <= CLOCK_SECONDS_MAX
    )


def explain(answer: Refused, doing: str) -> Problem:
    """The problem that a refusal makes, while `doing`."""
    if answer.status == 401:
        return _unauthenticated(answer, doing)
    if answer.status == 403:
        return error(
            "credentials",
            msg(
                "the cloud refused this key or address while {doing} ({code})",
                doing=doing,
                code=answer.error_code or 403,
            ),
            hint=msg(
                "try again first: the cloud also gives this answer for temporary faults of its own; if it persists, add this machine's address to the key's list in the console"
            ),
        )
    if answer.status == 429:
        return error(
            "cloud",
            msg("the cloud kept answering `too many requests` while {doing}", doing=doing),
            hint=msg("another program is using this account's quota; wait until it ends"),
        )
    said = f": {answer.message}" if answer.message else ""
    return error(
        "cloud",
        msg(
            "the cloud refused {doing} ({code}){details}",
            doing=doing,
            code=answer.error_code or answer.status,
            details=said,
        ),
    )


def _unauthenticated(answer: Refused, doing: str) -> Problem:
    ahead = answer.clock_ahead
    if ahead is not None and abs(ahead) > CLOCK_SECONDS_MAX:
        side = "ahead of" if ahead > 0 else "behind"
        return error(
            "clock",
            msg(
                "this machine's clock is {ahead:.0f} s {side} the cloud's, and signatures are valid for 300 s",
                ahead=abs(ahead),
                side=side,
            ),
            hint=msg("set the clock (for example by NTP) and run again"),
        )
    known = "" if ahead is None else f"; this machine's clock is right to {abs(ahead):.0f} s"
    what = {
        "CHECK_CREDENTIAL": "the access key is not known to the cloud",
        "CHECK_SIGNATURE": "the signature was not accepted",
        "INVALID_SIGNATURE": "the signature does not match: the secret key is not the access key's, or the clock is wrong",
    }.get(answer.error_code or "", "the cloud did not accept the keys")
    return error(
        "credentials",
        msg("{what} ({code}){clock}", what=what, code=answer.error_code or 401, clock=known),
        hint=msg(
            "check IWINV_ACCESS_KEY and IWINV_SECRET_KEY, and this machine's clock if they are right"
        ),
    )
