"""Reads besides the lists of a plan: whether an object exists, by its id (contract#absence), the
bills (contract#bill), and the link to an instance's console (contract#instances).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.common import decoding
from reconciler.common.dataclass import dataclass
from reconciler.common.secret import Secret
from reconciler.common.text import msg
from reconciler.iwinv import errors
from reconciler.iwinv.driver import ReadDriver, ReadFailed
from reconciler.iwinv.list_reader import ListQuery, ListReading
from reconciler.iwinv.reading import BaseReading
from reconciler.model.diagnostics import error
from reconciler.model.events import Activity
from reconciler.model.ports import Accepted, Answer, Client, Refused, Seen
from reconciler.model.resource_type import Call, Listing, ResourceType

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[\x21-\x7e]+")
"""A link is printed unchanged, so it must not contain control characters."""


def absence_call(kind: ResourceType, id: str) -> Call:
    """The detail read of one object. Raises ValueError for a kind without one (a rule: the list of
    its firewall shows it).
    """
    if kind.detail is None:
        raise ValueError(f"the API has no detail of one {kind.singular}")
    return Call("GET", kind.detail.replace("{id}", id), query=kind.lists[kind.name].query)


def shows_absent(kind: ResourceType, id: str, answer: Answer) -> bool:
    """Whether the answer is the documented not-found for that id.

    Three answers prove that the object is absent: a success without rows, a single row of that id
    that marks the object as deleted, and an error code that the contract documents for the kind,
    in the documented body. A 404 without that body, another refusal, or no answer proves nothing.
    """
    if isinstance(answer, Refused):
        return answer.error_code in kind.absent_errors and errors.is_about_the_call(answer)
    if not isinstance(answer, Accepted) or not isinstance(answer.result, list):
        return False
    if not answer.result:
        return bool(answer.meta.get("count", 0) == 0)
    return len(answer.result) == 1 and _is_deleted(kind, id, answer.result[0])


def _is_deleted(kind: ResourceType, id: str, row: object) -> bool:
    listing = kind.lists[kind.name]
    if not isinstance(row, Mapping):
        return False
    try:
        return (
            decoding.optional_id(listing.identify(row)) == id and listing.decode(row, None) is None
        )
    except ValueError:
        return False


class DetailReading(BaseReading):
    """Reads one object to see whether it exists. The first answer that proves either ends the
    reading.

    Raises ValueError, when made, for a kind without a detail.
    """

    def __init__(self, kind: ResourceType, id: str, *, time_scale: float = 1.0) -> None:
        super().__init__(kind.name, msg("reading {kind} {id}", kind=kind.noun, id=id), time_scale)
        self._kind = kind
        self._id = id
        self._detail = absence_call(kind, id)

    def _call(self, now: float) -> Call:
        return self._detail

    def _accept(self, answer: Accepted, now: float) -> None:
        if shows_absent(self._kind, self._id, answer):
            self.seen = Seen(complete=True, absent=True)
            return
        live = self._kind.decode(decoding.only_row(answer.result, self._kind.singular))
        if live.id != self._id:
            raise ValueError("the answer is about another object")
        self.seen = Seen((live,), complete=True, absent=False)

    def _refuse(self, answer: Refused) -> bool:
        if not errors.is_about_the_call(answer):
            return False
        # An error that proves nothing, "busy" among them, does not show the object absent.
        absent = shows_absent(self._kind, self._id, answer)
        self.seen = Seen(complete=absent, absent=absent)
        return True


class _ResultReading(BaseReading):
    """Reads the result of one call, of any shape."""

    def __init__(self, call: Call, doing: str, time_scale: float) -> None:
        super().__init__(call.path, doing, time_scale)
        self._only_call = call

    def _call(self, now: float) -> Call:
        return self._only_call

    def _accept(self, answer: Accepted, now: float) -> None:
        self.seen = Seen((answer.result,), complete=True)


@dataclass(frozen=True, slots=True)
class LiveBill:
    """The month so far: an estimate without VAT. `price` in whole units of `currency`; dates as
    the cloud writes them.
    """

    price: int
    currency: str
    start: str | None
    end: str | None


def live_bill(
    client: Client,
    *,
    time_scale: float = 1.0,
    notify: Callable[[Activity], None] = lambda activity: None,
) -> LiveBill:
    """This month's bill. Raises `ReadFailed`. `notify` takes how far the reading is."""
    what = msg("bill of this month")
    row = _only_row(ReadDriver(client, notify), Call("GET", "/v1/bill/live"), what, time_scale)
    price = decoding.integer(row.get("price"))
    if price is None:
        raise _undocumented(what, msg("it has no price"))
    return LiveBill(
        price,
        decoding.text(row.get("currency")) or "KRW",
        decoding.text(row.get("start_date")),
        decoding.text(row.get("end_date")),
    )


def bills(
    client: Client,
    query: tuple[tuple[str, str], ...],
    *,
    time_scale: float = 1.0,
    notify: Callable[[Activity], None] = lambda activity: None,
) -> tuple[Mapping[str, Any], ...]:
    """The bills that a query selects, all pages, by date and id: `{id, date, usage_start,
    usage_end, type, status, name, price, vat, total, currency, paid}`, amounts in whole units.

    Members about invoices and means of payment are not read (contract#bill). Raises `ReadFailed`.
    """
    # No bill at all is an error on the first page, and no page has it after that.
    listing = Listing(
        "/v1/bill", _bill_id, _bill, query=query, missing_errors=frozenset({"EMPTY_SET"})
    )
    reading = ListReading(ListQuery("bills", listing), time_scale=time_scale)
    ReadDriver(client, notify).run((reading,))
    assert reading.seen is not None
    return tuple(sorted(reading.seen.rows, key=lambda row: (row["date"] or "", row["id"])))


def _bill_id(row: Any) -> str:
    return decoding.identifier(decoding.mapping(row, "a bill"), "bill_id")


def _bill(row: Any, parent: str | None) -> Mapping[str, Any]:
    price, vat = decoding.integer(row.get("price")), decoding.integer(row.get("vat"))
    if price is None:
        raise ValueError(msg("{what} has no price", what="a bill"))
    total = decoding.integer(row.get("payment_price"))
    texts = {
        "date": "bill_date",
        "usage_start": "usage_start",
        "usage_end": "usage_end",
        "type": "type",
        "status": "payment_status",
        "name": "name",
        "paid": "date_paid",
    }
    return {
        "id": _bill_id(row),
        **{name: decoding.text(row.get(member)) for name, member in texts.items()},
        "price": price,
        "vat": vat,
        "total": total if total is not None or vat is None else price + vat,
        "currency": decoding.text(row.get("currency")) or "KRW",
    }


def console_link(client: Client, kind: ResourceType, id: str, *, time_scale: float = 1.0) -> Secret:
    """The link to the console of an object: a credential, to be shown on stdout and nowhere else.
    Raises `ReadFailed`, ValueError for a kind without a console.
    """
    if kind.console is None:
        raise ValueError(f"the API has no console of one {kind.singular}")
    call = Call("GET", kind.console.replace("{id}", id))
    what = msg("console of {id}", id=id)
    link = _only_row(ReadDriver(client), call, what, time_scale).get("link")
    text = link.reveal() if isinstance(link, Secret) else None
    if not isinstance(link, Secret) or not isinstance(text, str) or _LINK.fullmatch(text) is None:
        raise ReadFailed(error("cloud", msg("the cloud gave no console link for {id}", id=id)))
    return link


def _only_row(driver: ReadDriver, call: Call, what: str, time_scale: float) -> Mapping[str, Any]:
    """The one row of an answer. Raises `ReadFailed`; `what` is for its message."""
    reading = _ResultReading(call, msg("reading the {what}", what=what), time_scale)
    driver.run((reading,))
    assert reading.seen is not None
    try:
        return decoding.only_row(reading.seen.rows[0], what)
    except ValueError as failure:
        raise _undocumented(what, failure) from failure


def _undocumented(what: str, reason: object) -> ReadFailed:
    message = msg("the {what} is not as documented: {reason}", what=what, reason=reason)
    return ReadFailed(error("cloud", message))
