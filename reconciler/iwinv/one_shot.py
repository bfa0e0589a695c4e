"""Single reads that belong to no list: this month's bill, and the link to a server's console
(contract#instances, contract#bill).
"""

from __future__ import annotations

import re

from reconciler.common import decoding
from reconciler.common.dataclass import dataclass
from reconciler.common.secret import Secret
from reconciler.common.text import msg
from reconciler.iwinv.refresh import ReadFailed
from reconciler.iwinv.retry import Retry
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports import Accepted, Answer, Client, NoAnswer, Refused
from reconciler.model.resource_type import Call

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[\x21-\x7e]+")
"""A link goes to stdout as it is, so nothing may stand in it that a terminal would obey."""

_TOKEN = 1
_WAIT_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class LiveBill:
    """The month so far: an estimate, VAT excluded. `price` in whole units of `currency`; dates as
    the cloud writes them.
    """

    price: int
    currency: str
    start: str | None
    end: str | None


def live_bill(exchange: Client, *, time_scale: float = 1.0) -> LiveBill:
    """This month's bill. Raises `ReadFailed`."""
    answer = read_one(
        exchange, Call("GET", "/v1/bill/live"), "reading this month's bill", time_scale=time_scale
    )
    try:
        row = decoding.only_row(answer.result, "bill")
        price = decoding.integer(row.get("price"))
        if price is None:
            raise ValueError("the bill has no price")
    except ValueError as failure:
        raise ReadFailed(
            error(
                "cloud", msg("this month's bill is not as documented: {failure}", failure=failure)
            )
        ) from failure
    return LiveBill(
        price,
        decoding.text(row.get("currency")) or "KRW",
        decoding.text(row.get("start_date")),
        decoding.text(row.get("end_date")),
    )


def console_link(exchange: Client, instance_id: str, *, time_scale: float = 1.0) -> Secret:
    """The link to a server's console: a credential, to be shown on stdout and nowhere else. Raises
    `ReadFailed`.
    """
    call = Call("GET", f"/v1/instances/{instance_id}/remote-console")
    answer = read_one(
        exchange, call, f"asking for the console of {instance_id}", time_scale=time_scale
    )
    try:
        link = decoding.only_row(answer.result, "console").get("link")
    except ValueError as failure:
        raise ReadFailed(
            error(
                "cloud",
                msg(
                    "the console of {instance_id} is not as documented: {failure}",
                    instance_id=instance_id,
                    failure=failure,
                ),
            )
        ) from failure
    if (
        not isinstance(link, Secret)
        or not isinstance(text := link.reveal(), str)
        or _LINK.fullmatch(text) is None
    ):
        raise ReadFailed(
            error(
                "cloud",
                msg("the cloud gave no console link for {instance_id}", instance_id=instance_id),
            )
        )
    return link


def read_one(exchange: Client, call: Call, doing: str, *, time_scale: float = 1.0) -> Accepted:
    """One read with nothing else in flight, asked again as `patience` allows. Raises `ReadFailed`;
    `doing` is for its message.
    """
    if call.is_write or exchange.in_flight:
        raise AssertionError("a single read is a read, and alone")
    patience = Retry(doing, time_scale)
    while True:
        answer = _ask(exchange, call)
        match answer:
            case Accepted():
                return answer
            case Refused():
                verdict = patience.after_refusal(answer, exchange.now())
            case NoAnswer():
                verdict = patience.after_silence(answer, exchange.now())
        if isinstance(verdict, Problem):
            raise ReadFailed(verdict)
        exchange.next(max(verdict - exchange.now(), 0.0))


def _ask(exchange: Client, call: Call) -> Answer:
    while (wait := exchange.ready_in()) > 0.0:
        exchange.next(min(wait, _WAIT_SECONDS_MAX))
    exchange.send(_TOKEN, call)
    while (arrived := exchange.next(_WAIT_SECONDS_MAX)) is None:
        pass
    return arrived[1]
