"""Bills: the estimate of this month, the list, and a detail that is always denied (contract#bill)."""

from __future__ import annotations

import re
from datetime import date
from typing import cast

from reconciler.simulator.call import Call, Reply, paged, whole_number
from reconciler.simulator.charges import live_bill
from reconciler.simulator.errors import ApiError
from reconciler.simulator.records import Row


def get_live_bill(call: Call) -> Reply:
    """GET /v1/bill/live: this month so far, VAT excluded; it moves as days begin and things come
    and go.
    """
    return Reply([live_bill(call.now, call.world.month_to_date())])


def list_bills(call: Call) -> Reply:
    """GET /v1/bill: nothing on the first page is EMPTY_SET, past the end is an empty list; page
    members are strings.
    """
    page = call.page()
    first, last = _date(call, "start_date"), _date(call, "end_date")
    low, high = _price(call, "min_price", -(2**63)), _price(call, "max_price", 2**63)
    rows = [
        row
        for row in call.world.bills.values()
        if (not first or str(row["bill_date"]) >= first)
        and (not last or str(row["bill_date"]) <= last)
        and low <= cast("int", row["price"]) <= high
    ]
    if not rows and page[0] == 1:
        raise ApiError("EMPTY_SET")
    return Reply(
        paged(rows, page), page=page, page_as_text=call.switches.bill_page_meta == "strings"
    )


def get_bill(call: Call) -> Reply:
    """GET /v1/bill/{bill_id}: 403 CHECK_IP, unless the switch serves it."""
    if call.switches.bill_detail == "denied":
        raise ApiError("CHECK_IP")
    live = live_bill(call.now, call.world.month_to_date())
    row: Row | None = live if call.ids[0] == live["bill_id"] else call.world.bills.get(call.ids[0])
    if row is None:
        raise ApiError("ID_INVALID", "bill_id")
    return Reply([row])


def _date(call: Call, name: str) -> str:
    text = call.text(name)
    if not text:
        return ""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise ApiError("CHECK_PARAM", name) from None
    return text


def _price(call: Call, name: str, default: int) -> int:
    text = call.text(name)
    if not text:
        return default
    number = whole_number(text)
    if number is None:
        raise ApiError("CHECK_PARAM", name)
    return number
