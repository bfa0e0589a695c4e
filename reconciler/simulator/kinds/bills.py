"""Bills: the estimate of this month, the list, and a detail that is always denied (contract#bill)."""

from __future__ import annotations

import re
from datetime import date
from typing import cast

from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.call import Call, Reply, paged, whole_number
from reconciler.simulator.kinds.charges import live_bill
from reconciler.simulator.kinds.records import Row
from reconciler.simulator.kinds.registry import Kind, Route


def get_live_bill(call: Call) -> Reply:
    """GET /v1/bill/live: this month so far, VAT excluded; it moves as days begin and objects come
    and go.
    """
    return Reply([_live(call)])


def list_bills(call: Call) -> Reply:
    """GET /v1/bill: nothing on the first page is EMPTY_SET, past the end is an empty list; page
    members are strings.
    """
    page = call.page()
    first, last = _date(call, "start_date", ""), _date(call, "end_date", "9999-99-99")
    low, high = _price(call, "min_price", -(2**63)), _price(call, "max_price", 2**63)
    rows = [
        row
        for row in call.world.bills.values()
        if first <= str(row.get("bill_date", "")) <= last
        and low <= cast("int", row["price"]) <= high
    ]
    refuse_if(not rows and page[0] == 1, "EMPTY_SET")
    return Reply(
        paged(rows, page), page=page, page_as_text=call.switches.bill_page_meta == "strings"
    )


def get_bill(call: Call) -> Reply:
    """GET /v1/bill/{bill_id}: 403 CHECK_IP, unless the switch serves it."""
    refuse_if(call.switches.bill_detail == "denied", "CHECK_IP")
    live = _live(call)
    bills = {**call.world.bills, str(live["bill_id"]): live}
    return Reply([found(bills.get(call.ids[0]), "ID_INVALID", "bill_id")])


def _live(call: Call) -> Row:
    return live_bill(call.now, call.world.month_to_date())


def _date(call: Call, name: str, default: str) -> str:
    text = call.text(name)
    if not text:
        return default
    refuse_if(not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text), "CHECK_PARAM", name)
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ApiError("CHECK_PARAM", name) from None
    return text


def _price(call: Call, name: str, default: int) -> int:
    text = call.text(name)
    return found(whole_number(text), "CHECK_PARAM", name) if text else default


BILL = Kind(
    name="bill",
    section="bills",
    key="bill_id",
    prefix="BILL-",
    routes=(
        Route("GET", "/v1/bill/live", "getLiveBill", get_live_bill),
        Route("GET", "/v1/bill", "listBills", list_bills),
        Route("GET", "/v1/bill/{bill_id}", "getBill", get_bill),
    ),
)
