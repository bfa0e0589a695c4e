"""Checks of block storages and bills (contract#block-storages, contract#bill)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.common.text import msg
from reconciler.contract import shape
from reconciler.contract.check import (
    AnswerSet,
    CheckRead,
    ContractCheck,
    Judgement,
    Verdict,
    as_documented,
    get,
    judged,
    nothing_if,
)
from reconciler.contract.report_values import Part
from reconciler.contract.service_checks import absence
from reconciler.contract.shape import WireAnswer

STORAGES, BILLS = "/v1/block-storages", "/v1/bill"
ABSENT_ID = "BLOCKSTORAGE-" + "0" * 22

_BILL_MEMBERS = frozenset(
    {"bill_id", "usage_start", "usage_end", "bill_date", "type", "price", "vat", "currency"}
)


def _storage_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    reads = [
        get("storages", STORAGES),
        get("storages_2", STORAGES, page_no=2, page_size=1),
        get("storage_absent", f"{STORAGES}/{ABSENT_ID}"),
    ]
    known = next((shape.text_of(row, "block_storage_id") for row in answers["storages"].rows), None)
    if known is not None and shape.is_path_id(known):
        reads.append(get("storage", f"{STORAGES}/{known}"))
    return reads


def _storage_rows(answers: AnswerSet) -> Judgement:
    rows = answers["storages"].rows
    members = shape.members_of(rows)
    named = [row for row in rows if row.get("instance_id") is not None]
    return judged(
        Verdict.SETTLES if "block_storage_id" in members.names else Verdict.DIFFERS,
        rows=shape.size_class(len(rows)),
        members=members,
        ids=shape.id_forms(rows, "block_storage_id"),
        owners=shape.id_forms(named, "instance_id"),
        zone=shape.members_of(shape.inner(rows, "zone")),
        instance=shape.members_of(shape.inner(rows, "instance")),
        status_words=shape.words_of(rows, "status"),
        types=shape.words_of(rows, "type"),
    )


def _storage_pages(answers: AnswerSet) -> Judgement:
    """Whether a list that is not documented as paged ignores pages."""
    whole, second = answers["storages"], answers["storages_2"]
    if len(whole.rows) < 2:
        return judged(Verdict.NOTHING, page_size=_size(whole))
    same = len(second.rows) == len(whole.rows)
    return judged(Verdict.SETTLES, pages="ignored" if same else "honoured", page_size=_size(whole))


def _size(answer: WireAnswer) -> Part | None:
    return shape.small(answer.body["page_size"]) if "page_size" in answer.body else None


def _storage_detail(answers: AnswerSet) -> Judgement:
    answer, listed = answers["storage"], answers["storages"].rows[0]
    found = answer.rows
    return as_documented(
        len(found) == 1 and found[0].keys() == listed.keys(),
        status=answer.status,
        error=answer.error,
        differing=tuple(shape.differing(listed, found[0])) if len(found) == 1 else (),
    )


def _storage_absent(answers: AnswerSet) -> Judgement:
    answer = answers["storage_absent"]
    return judged(
        Verdict.SETTLES, status=answer.status, error=answer.error, absence=absence(answer)
    )


def _live_bill(answers: AnswerSet) -> Judgement:
    answer = answers["live_bill"]
    members = shape.members_of(answer.rows)
    right = (
        answer.status == 200
        and len(answer.rows) == 1
        and {"bill_id", "start_date", "end_date", "price", "currency"} <= members.names
        and members.types("price") == ("integer",)
    )
    return as_documented(
        right,
        status=answer.status,
        error=answer.error,
        members=members,
        currency=shape.words_of(answer.rows, "currency"),
    )


def _bill_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    bills = [shape.text_of(row, "bill_id") for row in answers["bills"].rows]
    known = next(
        (bill for bill in bills if bill is not None and shape.is_path_id(bill)), "BILL-live"
    )
    reads = [get("live_bill", f"{BILLS}/live"), get("bills", BILLS, page_size=100)]
    return [*reads, get("bill_detail", f"{BILLS}/{known}")] if "bills" in answers else reads


def _bill_pages(answers: AnswerSet) -> Judgement:
    answer = answers["bills"]
    if answer.error:
        known = answer.status == 400 and answer.error == "EMPTY_SET"
        return judged(
            Verdict.NOTHING if known else Verdict.DIFFERS, status=answer.status, error=answer.error
        )
    types = tuple(
        sorted({shape.type_of(answer.body.get(name)) for name in ("page_no", "page_size")})
    )
    return as_documented(
        types == ("text",) and answer.body.get("count") == len(answer.rows),
        status=answer.status,
        page_types=types,
        page_size=shape.small(answer.body.get("page_size")),
    )


def _bill_rows(answers: AnswerSet) -> Judgement:
    rows = answers["bills"].rows
    members = shape.members_of(rows)
    return as_documented(
        members.names >= _BILL_MEMBERS and members.types("price") == ("integer",),
        rows=shape.size_class(len(rows)),
        members=members,
        types=shape.words_of(rows, "type"),
        payment_status=shape.words_of(rows, "payment_status"),
        ids=shape.id_forms(rows, "bill_id"),
    )


def _bill_detail(answers: AnswerSet) -> Judgement:
    answer = answers["bill_detail"]
    return as_documented(
        answer.status == 403 and answer.error == "CHECK_IP",
        status=answer.status,
        error=answer.error or "SUCCESS",
        members=shape.members_of(answer.rows) if answer.rows else None,
    )


STORAGE_CHECKS = (
    ContractCheck(
        "block_storage_rows",
        msg("block storages"),
        "contract#block-storages",
        msg("open: the members of a row"),
        nothing_if(lambda answers: not answers["storages"].rows, _storage_rows),
        _storage_reads,
        ("storages",),
        4,
    ),
    ContractCheck(
        "block_storage_pages",
        msg("pages of block storages"),
        "contract#pagination",
        msg("open: no pages are documented"),
        _storage_pages,
        needs=("storages", "storages_2"),
    ),
    ContractCheck(
        "block_storage_detail",
        msg("one block storage against its row"),
        "contract#block-storages",
        msg("one row, the same members"),
        nothing_if(lambda answers: not answers["storage"].is_usable, _storage_detail),
    ),
    ContractCheck(
        "block_storage_absent",
        msg("a block storage that does not exist"),
        "contract#absence",
        msg("open: 400 ID_INVALID, 404 NOT_FOUND, or an empty list"),
        _storage_absent,
        needs=("storage_absent",),
    ),
)

BILL_CHECKS = (
    ContractCheck(
        "live_bill",
        msg("bill of this month"),
        "contract#bill",
        msg("one row with a whole price"),
        _live_bill,
        _bill_reads,
        ("live_bill",),
        3,
    ),
    ContractCheck(
        "bill_pages",
        msg("pages of bills"),
        "contract#pagination",
        msg("page_no and page_size as texts; 400 EMPTY_SET without bills"),
        _bill_pages,
        needs=("bills",),
    ),
    ContractCheck(
        "bill_rows",
        msg("bills"),
        "contract#bill",
        msg("members with whole prices"),
        nothing_if(lambda answers: not answers["bills"].rows, _bill_rows),
        needs=("bills",),
    ),
    ContractCheck(
        "bill_detail",
        msg("one bill"),
        "contract#bill",
        "403 CHECK_IP",
        _bill_detail,
        needs=("bill_detail",),
    ),
)
