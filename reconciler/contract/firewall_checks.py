"""Checks of firewalls, rules and members, in both forms (contract#security-groups,
contract#older-firewall).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
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
)
from reconciler.contract.service_checks import absence
from reconciler.contract.shape import Row

GROUPS, OLDER = "/v1/security-groups", "/v1/firewall"
ABSENT_ID = "FIREWALL-" + "0" * 22
GROUPS_READ_MAX = 20
"""Of how many firewalls the members are read, one call each."""

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0?39|#x27);")
_SPECIAL = re.compile(r"[<>\"']|&(?!(?:amp|lt|gt|quot|#0?39|#x27);)")
_RULE = frozenset({"rule_id", "bound", "protocol", "port", "ip", "title", "content"})


def _ids(answers: AnswerSet) -> list[str]:
    found = [shape.text_of(row, "firewall_id") for row in answers["groups"].rows]
    return [known for known in found if known is not None and shape.is_path_id(known)]


def _group_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    reads = [
        get("groups", GROUPS),
        get("groups_1", GROUPS, page_size=1, page_no=1),
        get("group_absent", f"{GROUPS}/{ABSENT_ID}"),
        get("rules_absent", f"{GROUPS}/{ABSENT_ID}/rules"),
    ]
    ids = _ids(answers)
    if ids:
        reads.append(get("group", f"{GROUPS}/{ids[0]}"))
    reads += [get(f"rules_{number}", f"{GROUPS}/{known}/rules") for number, known in _few(ids, 2)]
    reads += [
        get(f"group_members_{number}", f"{GROUPS}/{known}/instances")
        for number, known in _few(ids, GROUPS_READ_MAX)
    ]
    return reads


def _few(ids: list[str], most: int) -> list[tuple[int, str]]:
    return list(enumerate(ids[:most]))


def _group_pages(answers: AnswerSet) -> Judgement:
    answer, one = answers["groups"], answers["groups_1"]
    right = (
        answer.status == 200
        and type(answer.body.get("page_size")) is int
        and answer.body.get("page_size") == 50
        and len(one.rows) <= 1
    )
    return as_documented(
        right,
        status=answer.status,
        error=answer.error,
        rows=shape.size_class(len(answer.rows)),
        page_size=shape.small(answer.body.get("page_size")),
        page_of_one=shape.small(one.body.get("page_size")),
    )


def _group_rows(answers: AnswerSet) -> Judgement:
    rows, detail = answers["groups"].rows, answers["group"]
    members = shape.members_of(rows)
    right = {"firewall_id", "title", "content", "icmp"} <= members.names
    if detail.is_usable:
        right = right and detail.status == 200 and len(detail.rows) == 1
    return as_documented(
        right,
        detail_status=detail.status,
        members=members,
        ids=shape.id_forms(rows, "firewall_id"),
        icmp=shape.words_of(rows, "icmp"),
        with_rules="rules" in members.names,
    )


def _escaping(answers: AnswerSet) -> Judgement:
    rows = answers["groups"].rows
    plain = shape.has(rows, "content", lambda text: _SPECIAL.search(text) is not None)
    entities = shape.has(rows, "content", lambda text: _ENTITY.search(text) is not None)
    if not plain and not entities:
        return judged(Verdict.NOTHING)
    return as_documented(entities and not plain, content="plain" if plain else "escaped")


def _group_absent(answers: AnswerSet) -> Judgement:
    group, rules = answers["group_absent"], answers["rules_absent"]
    right = group.status == 200 and group.is_empty
    return as_documented(
        right and rules.status == 400 and rules.error == "CHECK_PARAM",
        status=group.status,
        absence=absence(group),
        rules_status=rules.status,
        rules=rules.error or "SUCCESS",
    )


def _rules(answers: AnswerSet) -> list[Row]:
    return [row for answer in answers.having("rules_") for row in answer.rows]


def _rule_rows(answers: AnswerSet) -> Judgement:
    rows = _rules(answers)
    facts = rule_facts(rows)
    members = shape.members_of(rows)
    bare = "bare_address" in facts["addresses"] or "all_addresses" in facts["addresses"]
    right = (
        members.names >= _RULE
        and members.types("rule_id") == ("integer",)
        and members.types("port") == ("text",)
        and "list" not in facts["ports"]
    )
    if not right:
        return judged(Verdict.DIFFERS, **facts)
    return judged(Verdict.SETTLES if bare else Verdict.AS_DOCUMENTED, **facts)


def rule_facts(rows: Sequence[Row]) -> dict[str, Any]:
    """How rules read: members, words, forms of ports and addresses."""
    return {
        "rows": shape.size_class(len(rows)),
        "members": shape.members_of(rows),
        "bound": shape.words_of(rows, "bound"),
        "protocol": shape.words_of(rows, "protocol"),
        "ports": _forms(rows, "port", _port),
        "addresses": _forms(rows, "ip", _address),
    }


def _forms(rows: Sequence[Row], name: str, form: Any) -> tuple[str, ...]:
    values = {row[name] for row in rows if isinstance(row.get(name), str)}
    return tuple(sorted({form(value) for value in values}))


def _port(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,5}", text):
        return "single"
    if re.fullmatch(r"[0-9]{1,5}-[0-9]{1,5}", text):
        return "range"
    return "list" if "," in text else "other"


def _address(text: str) -> str:
    if text == "0.0.0.0":  # noqa: S104  # a text to compare with
        return "all_addresses"
    if re.fullmatch(r"[0-9.]{7,15}/[0-9]{1,2}", text):
        return "mask"
    return "bare_address" if re.fullmatch(r"[0-9.]{7,15}", text) else "other"


def _members(answers: AnswerSet) -> list[list[Any]]:
    """The members of each firewall whose list came."""
    lists = []
    for answer in answers.having("group_members_"):
        result = answer.body.get("result") if answer.is_success else None
        lists.append(result if isinstance(result, list) else [])
    return lists


def _group_members(answers: AnswerSet) -> Judgement:
    lists = _members(answers)
    items = [item for one in lists for item in one]
    rows = [item for item in items if isinstance(item, Mapping)]
    texts = [{"instance_id": item} for item in items if isinstance(item, str)]
    owners = [{*filter(None, map(_member_id, one))} for one in lists]
    most = max(Counter(owner for one in owners for owner in one).values(), default=0)
    return judged(
        Verdict.SETTLES,
        rows=shape.size_class(len(items)),
        types=tuple(sorted({shape.type_of(item) for item in items})),
        members=shape.members_of(rows) if rows else None,
        ids=shape.id_forms([*rows, *texts], "instance_id"),
        firewalls_of_one=shape.size_class(most),
    )


def _member_id(item: object) -> str | None:
    if isinstance(item, Mapping):
        return shape.text_of(item, "instance_id")
    return item if isinstance(item, str) else None


def _older_reads(answers: AnswerSet) -> Sequence[CheckRead]:
    ids = _ids(answers) or [ABSENT_ID]
    return (get("older", OLDER), get("older_detail", f"{OLDER}/{ids[0]}"))


def _older(answers: AnswerSet) -> Judgement:
    answer, detail = answers["older"], answers["older_detail"]
    if not answer.is_success:
        return judged(Verdict.SETTLES, answers=False, status=answer.status, error=answer.error)
    same = shape.same_order(answer.rows, answers["groups"].rows, "firewall_id")
    return judged(
        Verdict.SETTLES,
        answers=True,
        status=answer.status,
        members=shape.members_of(answer.rows) if answer.rows else None,
        rules=shape.members_of(shape.inner(answer.rows, "rules")),
        same_objects=same if answer.rows else None,
        detail_status=detail.status,
        detail_rows=shape.size_class(len(detail.rows)),
    )


def _read_status(answers: AnswerSet) -> Judgement:
    """Reads that are documented with 202 and were seen with 200 (contract#statuses)."""
    names = {"types": "storage_types", "block_storages": "storages", "firewall": "group"}
    found = {fact: answers[name].status for fact, name in names.items() if answers[name].is_success}
    if not found:
        return judged(Verdict.NOTHING)
    return as_documented(set(found.values()) == {200}, **found)


FIREWALL_CHECKS = (
    ContractCheck(
        "firewall_pages",
        msg("pages of firewalls"),
        "contract#pagination",
        msg("50 rows by default"),
        _group_pages,
        _group_reads,
        ("groups", "groups_1"),
        7,
    ),
    ContractCheck(
        "firewall_rows",
        msg("firewalls"),
        "contract#security-groups",
        "firewall_id, title, content, icmp",
        nothing_if(lambda answers: not answers["groups"].rows, _group_rows),
        needs=("groups",),
    ),
    ContractCheck(
        "firewall_escaping",
        msg("descriptions of firewalls"),
        "contract#values",
        msg("come back HTML-escaped"),
        _escaping,
        needs=("groups",),
    ),
    ContractCheck(
        "firewall_absent",
        msg("a firewall that does not exist"),
        "contract#absence",
        msg("200 and an empty list; its rules 400 CHECK_PARAM"),
        _group_absent,
        needs=("group_absent", "rules_absent"),
    ),
    ContractCheck(
        "rule_rows",
        msg("rules"),
        "contract#rule",
        msg("an integer id, one port or range, an address with its mask"),
        nothing_if(lambda answers: not _rules(answers), _rule_rows),
    ),
    ContractCheck(
        "firewall_members",
        msg("members of firewalls"),
        "contract#attachment",
        msg("open: the form of a row, and how many firewalls an instance may have"),
        nothing_if(lambda answers: not any(_members(answers)), _group_members),
    ),
    ContractCheck(
        "older_firewall",
        msg("the older firewall API"),
        "contract#older-firewall",
        msg("open: whether it answers"),
        _older,
        _older_reads,
        ("older",),
        2,
    ),
    ContractCheck(
        "read_status",
        msg("HTTP status of reads"),
        "contract#statuses",
        msg("200"),
        _read_status,
    ),
)
