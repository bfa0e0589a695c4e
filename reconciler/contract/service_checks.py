"""Checks of the envelope, the catalog and refusals (contract#envelope, contract#errors)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    refused_as,
)
from reconciler.contract.report_words import ENUMERATIONS, HEADERS
from reconciler.contract.shape import WireAnswer

UNKNOWN_FLAVOR = "zzz_0.0-g0"
UNKNOWN_IMAGE = "PIMAGE-" + "0" * 22

_CLOCK = ((1.0, "within_1_s"), (30.0, "within_30_s"), (300.0, "within_300_s"))
_FLAVOR_MEMBERS = frozenset(
    {"flavor_id", "name", "provide", "status", "spec", "supporting_images", "zone", "price"}
)
_SPEC = frozenset({"type", "vcpu", "memory", "disk", "network", "gpu"})


def _envelope(answers: AnswerSet) -> Judgement:
    plain, queried = answers["zones"], answers["zones_query"]
    members = shape.members_of([plain.body])
    right = (
        all(answer.status == 200 and answer.is_success for answer in (plain, queried))
        and isinstance(plain.body.get("result"), list)
        and plain.body.get("count") == len(plain.body["result"])
        and type(plain.body.get("count")) is int
    )
    return as_documented(
        right,
        status=plain.status,
        error=plain.error,
        error_with_query=queried.error or None,
        envelope=members,
    )


def _headers(answers: AnswerSet) -> Judgement:
    names = {name.lower(): value for name, value in answers["zones"].headers}
    present = tuple(name for name in HEADERS if name.lower() in names)
    rates = {
        name.lower().replace("-", "_"): shape.small(names[name.lower()])
        for name in present
        if "Limit" in name
    }
    verdict = Verdict.SETTLES if rates else Verdict.NOTHING
    return judged(verdict, headers=present, **rates)


def _clock(answers: AnswerSet) -> Judgement:
    if answers.clock_ahead is None:
        return judged(Verdict.NOTHING)
    off = abs(answers.clock_ahead)
    word = next((word for most, word in _CLOCK if off <= most), "more_than_300_s")
    return as_documented(off <= 300.0, clock=word)


def _zones(answers: AnswerSet) -> Judgement:
    rows = answers["zones"].rows
    members = shape.members_of(rows)
    right = members.types("zone_id") == ("text",) and {"zone_name", "status"} <= members.names
    separators = tuple(
        word
        for word, sign in (("hyphen", "-"), ("underscore", "_"))
        if shape.has(rows, "zone_id", lambda text, sign=sign: sign in text)  # type: ignore[misc]
    )
    return as_documented(
        right,
        rows=shape.size_class(len(rows)),
        members=members,
        separators=separators,
        status_words=shape.words_of(rows, "status"),
        zones=shape.codes(rows, "zone_id"),
    )


def _flavor_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    reads = [
        get("flavors", "/v1/flavors", page_size=100, fields=255),
        get("flavors_1", "/v1/flavors", page_size=10, fields=1),
        get("flavors_10", "/v1/flavors", page_size=10),
        get("flavor_unknown", f"/v1/flavors/{UNKNOWN_FLAVOR}"),
    ]
    first = next(iter(answers["flavors"].rows), {})
    known = shape.text_of(first, "flavor_id")
    if known is not None and shape.is_path_id(known):
        reads.append(get("flavor", f"/v1/flavors/{known}"))
    return reads


def _flavor_pages(answers: AnswerSet) -> Judgement:
    large, small = answers["flavors"], answers["flavors_10"]
    right = (
        type(small.body.get("total")) is int
        and type(small.body.get("page_size")) is int
        and small.body.get("count") == len(small.rows)
    )
    return as_documented(
        right,
        rows=shape.size_class(len(large.rows)),
        total=shape.type_of(small.body["total"]) if "total" in small.body else "missing",
        page_size_type=shape.type_of(small.body.get("page_size")),
        page_size=shape.small(large.body.get("page_size")),
    )


def _flavor_mask(answers: AnswerSet) -> Judgement:
    members = shape.members_of(answers["flavors_1"].rows)
    alone = members.names == {"flavor_id"}
    return judged(
        Verdict.SETTLES,
        mask="honoured" if alone else "ignored",
        members=shape.members_of(answers["flavors"].rows),
    )


def _flavor_rows(answers: AnswerSet) -> Judgement:
    rows = answers["flavors"].rows or answers["flavors_10"].rows
    members, specs = shape.members_of(rows), shape.inner(rows, "spec")
    prices = [*shape.inner(shape.inner(rows, "price"), "full")]
    amounts = sorted({shape.type_of(price.get("KRW")) for price in prices})
    right = members.names >= _FLAVOR_MEMBERS and shape.members_of(specs).names >= _SPEC
    images = shape.items_of(rows, "supporting_images", ENUMERATIONS["image_type"])
    return as_documented(
        right and set(amounts) <= {"integer", "number", "text", "object"},
        members=members,
        spec=shape.members_of(specs),
        price_type=tuple(amounts),
        types=shape.words_of(specs, "type"),
        supporting_images=images,
        status_words=shape.words_of(rows, "status"),
        flavors=shape.codes(rows, "flavor_id"),
    )


def _flavor_detail(answers: AnswerSet) -> Judgement:
    absent = answers["flavor_unknown"]
    right = absent.status == 200 and absent.is_empty
    if answers["flavor"].is_usable:
        right = right and len(answers["flavor"].rows) == 1
    return as_documented(right, unknown_status=absent.status, unknown=absence(absent))


def absence(answer: WireAnswer) -> str:
    """How the API answers for an id that does not exist: `empty`, `rows`, `id_invalid`, `not_found`
    or `other_error`.
    """
    if answer.is_empty:
        return "empty"
    if answer.is_success:
        return "rows"
    words = {"ID_INVALID": "id_invalid", "NOT_FOUND": "not_found"}
    return words.get(answer.error, "other_error")


def _image_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    return (
        get("images", "/v1/images", page_size=100),
        get("image_unknown", f"/v1/images/{UNKNOWN_IMAGE}"),
    )


def _image_rows(answers: AnswerSet) -> Judgement:
    rows = answers["images"].rows
    public = [row for row in rows if row.get("visibility") == "public"]
    private = [row for row in rows if row.get("visibility") == "private"]
    members = shape.members_of(public)
    right = {"image_id", "visibility", "os", "image_type"} <= members.names
    systems = shape.inner(rows, "os")
    facts: dict[str, Any] = {
        "rows": shape.size_class(len(rows)),
        "public": members,
        "ids": shape.id_forms(public, "image_id"),
        "image_types": shape.words_of(rows, "image_type"),
        "os_types": shape.words_of(systems, "os_type"),
        "visibility": shape.words_of(rows, "visibility"),
    }
    if not private:
        return as_documented(right, **facts)
    return judged(
        Verdict.SETTLES if right else Verdict.DIFFERS,
        private=shape.members_of(private),
        private_ids=shape.id_forms(private, "image_id"),
        **facts,
    )


def _storage_types(answers: AnswerSet) -> Judgement:
    rows, unknown = answers["storage_types"].rows, answers["storage_type_unknown"]
    members = shape.members_of(rows)
    right = {"type", "min", "max", "zones"} <= members.names
    refused = unknown.status == 400 and unknown.error == "CHECK_PARAM"
    return as_documented(
        right and refused,
        members=members,
        types=shape.words_of(rows, "type"),
        unknown_status=unknown.status,
        unknown=unknown.error or "SUCCESS",
        refusal=None if unknown.is_success else shape.body_form(unknown),
        refusal_result=None if unknown.is_success else shape.error_form(unknown),
    )


def _ssh_keys(answers: AnswerSet) -> Judgement:
    rows = answers["ssh_keys"].rows
    members = shape.members_of(rows)
    right = {"ssh_key_id", "name"} <= members.names
    return judged(
        Verdict.SETTLES if right else Verdict.DIFFERS,
        rows=shape.size_class(len(rows)),
        members=members,
        ids=shape.id_forms(rows, "ssh_key_id"),
    )


def _scripts(answers: AnswerSet) -> Judgement:
    answer = answers["scripts"]
    if answer.rows:
        return judged(
            Verdict.SETTLES,
            rows=shape.size_class(len(answer.rows)),
            members=shape.members_of(answer.rows),
            ids=shape.id_forms(answer.rows, "user_script_id"),
        )
    right = answer.status == 404 and answer.error == "NOT_FOUND"
    return as_documented(
        right, status=answer.status, error=answer.error, without_scripts=absence(answer)
    )


def _error_result(answers: AnswerSet) -> Judgement:
    """The forms of `result` in two refusals whose form is known (contract#errors)."""
    text, denied = answers["image_unknown"], answers["bill_detail"]
    forms = {"id_invalid": shape.error_form(text)}
    if denied.is_usable and not denied.is_success:
        forms["check_ip"] = shape.error_form(denied)
    right = forms["id_invalid"] == "error_text" and forms.get("check_ip", "object") == "object"
    return as_documented(right, status=text.status, **forms)


SERVICE_CHECKS = (
    ContractCheck(
        "envelope",
        msg("signature and envelope"),
        "contract#envelope",
        msg("200, `0x00`, `SUCCESS`, a list, and its number of rows; a query is not signed"),
        _envelope,
        lambda answers: (get("zones", "/v1/zones"), get("zones_query", "/v1/zones", page_no=1)),
        ("zones", "zones_query"),
        2,
    ),
    ContractCheck(
        "headers",
        msg("headers about the rate"),
        "contract#limits",
        msg("open: none are recorded"),
        _headers,
        needs=("zones",),
    ),
    ContractCheck(
        "clock",
        msg("clock"),
        "contract#authentication",
        msg("at most 300 s apart"),
        _clock,
        needs=("zones",),
    ),
    ContractCheck(
        "zones",
        msg("zones"),
        "contract#zones",
        "zone_id, zone_name, status",
        nothing_if(lambda answers: answers["zones"].is_empty, _zones),
        needs=("zones",),
    ),
    ContractCheck(
        "unknown_route",
        msg("unknown route"),
        "contract#errors",
        "404 NOT_FOUND",
        lambda answers: refused_as(answers["unknown_route"], 404, "NOT_FOUND"),
        lambda answers: (get("unknown_route", "/v1/zones/unknown/route"),),
        ("unknown_route",),
        1,
    ),
    ContractCheck(
        "flavor_pages",
        msg("pages of flavors"),
        "contract#pagination",
        msg("numbers as integers, with a total"),
        _flavor_pages,
        _flavor_reads,
        ("flavors", "flavors_10"),
        5,
    ),
    ContractCheck(
        "flavor_mask",
        msg("mask of flavors"),
        "contract#fields",
        msg("open: ignored, or bits in the order of the members"),
        nothing_if(lambda answers: not answers["flavors_1"].rows, _flavor_mask),
        needs=("flavors", "flavors_1"),
    ),
    ContractCheck(
        "flavor_rows",
        msg("flavors"),
        "contract#flavors",
        msg("eight members, and a price in KRW"),
        nothing_if(lambda answers: not answers["flavors_10"].rows, _flavor_rows),
        needs=("flavors", "flavors_10"),
    ),
    ContractCheck(
        "flavor_detail",
        msg("one flavor, and an unknown one"),
        "contract#absence",
        msg("one row; 200 and an empty list"),
        _flavor_detail,
        needs=("flavor_unknown",),
    ),
    ContractCheck(
        "image_rows",
        msg("images"),
        "contract#images",
        msg("image_id, visibility, os, image_type; private rows are open"),
        nothing_if(lambda answers: answers["images"].is_empty, _image_rows),
        _image_reads,
        ("images",),
        2,
    ),
    ContractCheck(
        "image_absent",
        msg("an unknown image"),
        "contract#absence",
        "400 ID_INVALID",
        lambda answers: refused_as(answers["image_unknown"], 400, "ID_INVALID"),
        needs=("image_unknown",),
    ),
    ContractCheck(
        "storage_types",
        msg("types of block storage, and an unknown one"),
        "contract#block-storages",
        "type, min, max, zones; 400 CHECK_PARAM",
        _storage_types,
        lambda answers: (
            get("storage_types", "/v1/block-storages/types"),
            get("storage_type_unknown", "/v1/block-storages/types", type="unknown"),
        ),
        ("storage_types", "storage_type_unknown"),
        2,
    ),
    ContractCheck(
        "ssh_keys",
        msg("SSH keys"),
        "contract#ssh-keys",
        msg("ssh_key_id, name; the form of the id is open"),
        nothing_if(lambda answers: answers["ssh_keys"].is_empty, _ssh_keys),
        lambda answers: (get("ssh_keys", "/v1/auth/ssh_key", page_size=100),),
        ("ssh_keys",),
        1,
    ),
    ContractCheck(
        "scripts",
        msg("user scripts"),
        "contract#scripts",
        msg("404 without scripts; the members of a row are open"),
        _scripts,
        lambda answers: (get("scripts", "/v1/instance/script", page_size=100),),
        ("scripts",),
        1,
    ),
)

ERROR_CHECK = ContractCheck(
    "error_result",
    msg("`result` of a refusal"),
    "contract#errors",
    msg("the text `error`; an object with CHECK_IP"),
    _error_result,
    needs=("image_unknown",),
)
"""Judged last: it compares refusals of several checks."""
