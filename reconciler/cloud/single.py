"""Single reads that belong to no list: this month's bill, and the link to a server's console (contract 14 and 19)."""

from __future__ import annotations

import re

from reconciler.cloud.patience import Patience
from reconciler.cloud.reader import ReadFailed
from reconciler.core import rows
from reconciler.core.dataclass import dataclass
from reconciler.core.kind import Call
from reconciler.core.problems import Problem, error
from reconciler.core.secret import Secret
from reconciler.ports import Accepted, Answer, Exchange, NoAnswer, Refused

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[\x21-\x7e]+")
"""A link goes to stdout as it is, so nothing may stand in it that a terminal would obey."""

_TOKEN = 1
_WAIT_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class LiveBill:
    """The month so far: an estimate, VAT excluded. `price` in whole units of `currency`; dates as the cloud writes them."""

    price: int
    currency: str
    start: str | None
    end: str | None


def live_bill(exchange: Exchange, *, time_scale: float = 1.0) -> LiveBill:
    """This month's bill. Raises `ReadFailed`."""
    answer = read_one(exchange, Call("GET", "/v1/bill/live"), "reading this month's bill", time_scale=time_scale)
    try:
        row = rows.only_row(answer.result, "bill")
        price = rows.integer(row.get("price"))
        if price is None:
            raise ValueError("the bill has no price")
    except ValueError as failure:
        raise ReadFailed(error("cloud", f"this month's bill is not as documented: {failure}")) from failure
    return LiveBill(price, rows.text(row.get("currency")) or "KRW", rows.text(row.get("start_date")), rows.text(row.get("end_date")))


def console_link(exchange: Exchange, instance_id: str, *, time_scale: float = 1.0) -> Secret:
    """The link to a server's console: a credential, to be shown on stdout and nowhere else. Raises `ReadFailed`."""
    call = Call("GET", f"/v1/instances/{instance_id}/remote-console")
    answer = read_one(exchange, call, f"asking for the console of {instance_id}", time_scale=time_scale)
    try:
        link = rows.only_row(answer.result, "console").get("link")
    except ValueError as failure:
        raise ReadFailed(error("cloud", f"the console of {instance_id} is not as documented: {failure}")) from failure
    if not isinstance(link, Secret) or not isinstance(text := link.reveal(), str) or _LINK.fullmatch(text) is None:
        raise ReadFailed(error("cloud", f"the cloud gave no console link for {instance_id}"))
    return link


def read_one(exchange: Exchange, call: Call, doing: str, *, time_scale: float = 1.0) -> Accepted:
    """One read with nothing else in flight, asked again as `patience` allows. Raises `ReadFailed`; `doing` is for its message."""
    if call.is_write or exchange.in_flight:
        raise AssertionError("a single read is a read, and alone")
    patience = Patience(doing, time_scale)
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


def _ask(exchange: Exchange, call: Call) -> Answer:
    while (wait := exchange.ready_in()) > 0.0:
        exchange.next(min(wait, _WAIT_SECONDS_MAX))
    exchange.send(_TOKEN, call)
    while (arrived := exchange.next(_WAIT_SECONDS_MAX)) is None:
        pass
    return arrived[1]
