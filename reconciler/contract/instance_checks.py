"""Checks of instances: mask, pages, absence and rows (contract#fields, contract#instances)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.common.text import msg
from reconciler.contract import shape
from reconciler.contract.check import (
    SAFE_MASK,
    SECRET_BITS,
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
from reconciler.contract.report_words import INSTANCE_MEMBERS
from reconciler.contract.service_checks import absence
from reconciler.contract.shape import Row

LIST = "/v1/instances"
ABSENT_ID = "INSTANCE-" + "0" * 22
BITS: Mapping[str, int] = {name: 1 << bit for bit, name in enumerate(INSTANCE_MEMBERS)}
"""The bit of each member (contract#fields)."""

_EIGHTEENTH = 131_072
_PROBED = tuple(
    name for name, bit in BITS.items() if name != "instance_id" and not bit & SECRET_BITS
)
"""The members whose bits are proved: all but the id, which every mask has, and the two secrets."""

MASKS = tuple(
    1 + sum(BITS[name] for number, name in enumerate(_PROBED, start=1) if number >> place & 1)
    for place in range(4)
)
"""Four masks in which each of those bits is set in another combination."""


def _no_rows(answers: AnswerSet) -> bool:
    return not answers["instances"].rows


def _mask_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    return [
        *(get(f"mask_{place}", LIST, page_size=1, fields=mask) for place, mask in enumerate(MASKS)),
        get("mask_18", LIST, page_size=1, fields=_EIGHTEENTH + 1),
        get("mask_without_id", LIST, page_size=1, fields=2),
    ]


def _default_fields(answers: AnswerSet) -> Judgement:
    members = shape.members_of(answers["instances_plain"].rows)
    mask = sum(bit for name, bit in BITS.items() if name in members.names)
    return judged(Verdict.SETTLES, mask=mask, members=members)


def _mask(answers: AnswerSet) -> Judgement:
    """Which members came for each combination of bits, against the table."""
    shown = [
        frozenset(name for row in answer.rows for name in row)
        for answer in (answers[f"mask_{place}"] for place in range(len(MASKS)))
    ]
    wrong = [
        name
        for number, name in enumerate(_PROBED, start=1)
        if any((number >> place & 1 == 1) != (name in found) for place, found in enumerate(shown))
    ]
    unasked = [name for name in ("default_account", "vnc") if any(name in one for one in shown)]
    return as_documented(
        not wrong and not unasked, members=tuple(wrong), unasked_secrets=tuple(unasked)
    )


def _eighteenth_bit(answers: AnswerSet) -> Judgement:
    answer = answers["mask_18"]
    return judged(
        Verdict.SETTLES,
        status=answer.status,
        error=answer.error,
        members=shape.members_of(answer.rows) if answer.rows else None,
    )


def _row_without_id(answers: AnswerSet) -> Judgement:
    answer = answers["mask_without_id"]
    return judged(
        Verdict.SETTLES,
        status=answer.status,
        error=answer.error,
        with_id=any("instance_id" in row for row in answer.rows) if answer.rows else None,
    )


def _page_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    return [
        get("instances", LIST, page_size=100, fields=SAFE_MASK),
        get("instances_1", LIST, page_size=1, fields=1),
        get("instances_1000", LIST, page_size=1000, fields=1),
        get("instances_past", LIST, page_size=100, page_no=9999, fields=1),
    ]


def _largest_page(answers: AnswerSet) -> Judgement:
    answer, hundred = answers["instances_1000"], answers["instances"]
    echoed = shape.small(answer.body.get("page_size"))
    return judged(
        Verdict.SETTLES,
        status=answer.status,
        error=answer.error,
        largest=echoed if answer.is_success else None,
        with_100=shape.small(hundred.body.get("page_size")) if hundred.is_success else None,
        rows=shape.size_class(len(answer.rows)) if answer.is_success else None,
    )


def _instance_pages(answers: AnswerSet) -> Judgement:
    one, past, many = answers["instances_1"], answers["instances_past"], answers["instances"]
    right = (
        one.body.get("page_size") == 1
        and len(one.rows) <= 1
        and past.is_empty
        and past.status == 200
        and shape.same_order(one.rows, many.rows, "instance_id")
    )
    return as_documented(
        right,
        rows=shape.size_class(len(many.rows)),
        page_of_one=shape.small(one.body.get("page_size")),
        past_end=absence(past),
        same_order=shape.same_order(one.rows, many.rows, "instance_id"),
    )


def _detail_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    reads = [get("instance_absent", f"{LIST}/{ABSENT_ID}", fields=9)]
    known = next((shape.text_of(row, "instance_id") for row in answers["instances"].rows), None)
    if known is not None and shape.is_path_id(known):
        reads.append(get("instance", f"{LIST}/{known}", fields=SAFE_MASK))
    return reads


def _detail(answers: AnswerSet) -> Judgement:
    answer = answers["instance"]
    listed, found = answers["instances"].rows[0], answer.rows
    differing = shape.differing(listed, found[0]) if len(found) == 1 else ()
    return as_documented(
        answer.status == 200 and len(found) == 1 and found[0].keys() == listed.keys(),
        status=answer.status,
        error=answer.error,
        rows=shape.size_class(len(found)),
        differing=tuple(differing),
    )


def _instance_absent(answers: AnswerSet) -> Judgement:
    answer = answers["instance_absent"]
    return judged(
        Verdict.SETTLES, status=answer.status, error=answer.error, absence=absence(answer)
    )


def _instance_rows(answers: AnswerSet) -> Judgement:
    rows = answers["instances"].rows
    members = shape.members_of(rows)
    wanted = frozenset(name for name, bit in BITS.items() if not bit & SECRET_BITS)
    addresses = shape.inner(rows, "ip")
    storage = shape.inner_types(rows, "block_storage")
    facts: dict[str, Any] = {
        "rows": shape.size_class(len(rows)),
        "members": members,
        "ids": shape.id_forms(rows, "instance_id"),
        "status_words": shape.words_of(rows, "status"),
        "provide": shape.words_of(rows, "provide"),
        "zone": shape.members_of(shape.inner(rows, "zone")),
        "flavor": shape.members_of(shape.inner(rows, "flavor")),
        "image": shape.members_of(shape.inner(rows, "image")),
        "ip": shape.members_of(addresses),
        "ip_types": shape.words_of(addresses, "type"),
        "public": shape.members_of(shape.inner(addresses, "public")),
        "without_address": _without_address(addresses),
        "limits": shape.members_of(shape.inner(rows, "connection_limit")),
        "traffic": shape.members_of(shape.inner(rows, "traffic")),
        "block_storage_rows": storage,
        "flavor_types": shape.words_of(shape.inner(rows, "flavor"), "type"),
    }
    if members.names != wanted or members.types("instance_id") != ("text",):
        return judged(Verdict.DIFFERS, **facts)
    settles = bool(storage or facts["without_address"])
    return judged(Verdict.SETTLES if settles else Verdict.AS_DOCUMENTED, **facts)


def _without_address(addresses: Sequence[Row]) -> tuple[str, ...]:
    """What `address` is where no public address is attached (contract#instances)."""
    public = shape.inner(addresses, "public")
    off = [row for row in public if row.get("attached") is not True]
    return tuple(sorted({shape.type_of(row.get("address")) for row in off}))


INSTANCE_CHECKS = (
    ContractCheck(
        "instance_pages",
        msg("pages of instances"),
        "contract#pagination",
        msg("pages of any size, an empty list past the end"),
        _instance_pages,
        _page_reads,
        ("instances", "instances_1", "instances_past"),
        4,
    ),
    ContractCheck(
        "largest_page",
        msg("largest page"),
        "contract#limits",
        msg("open: no limit is known"),
        _largest_page,
        needs=("instances_1000",),
    ),
    ContractCheck(
        "default_fields",
        msg("instances without a mask"),
        "contract#fields",
        msg("open: which members come"),
        nothing_if(lambda answers: not answers["instances_plain"].rows, _default_fields),
        lambda answers: (get("instances_plain", LIST, page_size=1),),
        ("instances_plain",),
        1,
    ),
    ContractCheck(
        "instance_mask",
        msg("bits of the mask"),
        "contract#fields",
        msg("17 members in the order of their bits"),
        nothing_if(_no_rows, _mask),
        _mask_reads,
        tuple(f"mask_{place}" for place in range(len(MASKS))),
        6,
    ),
    ContractCheck(
        "eighteenth_bit",
        msg("an eighteenth bit"),
        "contract#fields",
        msg("open: a bit 131072 may exist"),
        nothing_if(_no_rows, _eighteenth_bit),
        needs=("mask_18",),
    ),
    ContractCheck(
        "row_without_id",
        msg("a mask without the id"),
        "contract#fields",
        msg("open: whether the id is left out"),
        nothing_if(_no_rows, _row_without_id),
        needs=("mask_without_id",),
    ),
    ContractCheck(
        "instance_detail",
        msg("one instance against its row"),
        "contract#instances",
        msg("200 with one row, the same members"),
        nothing_if(lambda answers: "instance" not in answers, _detail),
        _detail_reads,
        (),
        2,
    ),
    ContractCheck(
        "instance_absent",
        msg("an instance that does not exist"),
        "contract#absence",
        msg("open: 400 ID_INVALID, 404 NOT_FOUND, or an empty list"),
        _instance_absent,
        needs=("instance_absent",),
    ),
    ContractCheck(
        "instance_rows",
        msg("instances"),
        "contract#instances",
        msg("15 members, and two secrets that are not asked for"),
        nothing_if(_no_rows, _instance_rows),
        needs=("instances",),
    ),
)
