"""Charges: begun days and the bill of a month (contract#bill, contract#prices). Amounts are integers
of KRW without VAT unless a name says otherwise.
"""

from __future__ import annotations

from reconciler.simulator.clock import DAY, month_start, print_date
from reconciler.simulator.kinds.records import Row


def due_days(charged_until: float, now: float) -> int:
    """Days begun and not charged yet; an object that existed for a moment has begun one."""
    return 0 if now < charged_until else int((now - charged_until) // DAY) + 1


def monthly_bill(bill_id: str, end: float, price: int) -> Row:
    """The regular bill of the month that ended at this moment; not paid yet."""
    start = month_start(end - 1)
    vat = price // 10
    year, month, _ = print_date(start).split("-")
    return {
        "bill_id": bill_id,
        "usage_start": print_date(start),
        "usage_end": print_date(end - 1),
        "bill_date": print_date(end),
        "type": "regular",
        "payment_status": "unpaid",
        "name": f"{year}년 {int(month)}월 정기 청구",
        "price": price,
        "vat": vat,
        "payment_price": price + vat,
        "currency": "KRW",
        "date_paid": "",
    }


def live_bill(now: float, price: int) -> Row:
    """The estimate of the month to date."""
    return {
        "bill_id": "BILL-live",
        "start_date": print_date(month_start(now)),
        "end_date": print_date(now),
        "price": price,
        "currency": "KRW",
    }
