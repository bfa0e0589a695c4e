"""What a write probe shows: judgements of the requests that it sent and of what came for them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.common.text import msg
from reconciler.contract import shape
from reconciler.contract.check import (
    AnswerSet,
    ContractCheck,
    Exchange,
    Judgement,
    Verdict,
    as_documented,
    judged,
    nothing_if,
)
from reconciler.contract.firewall_checks import rule_facts
from reconciler.contract.probe.probe_stack import FIREWALL_TEXT, INSTANCE_TEXT
from reconciler.contract.shape import Row

_GROUP = r"/v1/(?:security-groups|firewall)"
_SECONDS = ((10, "within_10_s"), (60, "within_60_s"), (600, "within_600_s"))
_INSTANCE, _STORAGE = "/v1/instances", "/v1/block-storages"


def _sent(answers: AnswerSet, method: str, path: str) -> list[Exchange]:
    """The requests of a method whose whole path matches."""
    pattern = re.compile(path)
    return [
        each
        for each in answers.exchanges
        if each.method == method and pattern.fullmatch(each.path) and each.answer.status is not None
    ]


def _created(answers: AnswerSet, path: str, member: str) -> list[str]:
    """The ids in the receipts of creates, and those that were deleted: a receipt may be lost."""
    rows = [row for each in _sent(answers, "POST", path) for row in each.answer.rows]
    deleted = _sent(answers, "DELETE", path + "/[^/]+")
    return [
        *(known for row in rows if (known := shape.text_of(row, member)) is not None),
        *(each.path.rpartition("/")[2] for each in deleted),
    ]


def _own(answers: AnswerSet, path: str, member: str, ids: Sequence[object]) -> list[Row]:
    """The rows of the probe's own objects in reads, in the order of time."""
    rows = [row for each in _sent(answers, "GET", path) for row in each.answer.rows]
    return [row for row in rows if row.get(member) in ids]


def _statuses(exchanges: Iterable[Exchange]) -> tuple[int, ...]:
    return tuple(sorted({each.answer.status or 0 for each in exchanges if each.answer.is_success}))


def _results(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    found = [each.answer.body["result"] for each in exchanges if each.answer.is_success]
    return tuple(sorted({shape.type_of(result) for result in found}))


def _errors(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    return tuple(sorted({each.answer.error for each in exchanges if each.answer.error}))


def _no_firewall(answers: AnswerSet) -> bool:
    return not _sent(answers, "POST", _GROUP)


def _no_instance(answers: AnswerSet) -> bool:
    return not any(_sent(answers, method, _INSTANCE + ".*") for method in ("POST", "DELETE"))


def _no_storage(answers: AnswerSet) -> bool:
    return not _sent(answers, "POST", _STORAGE)


def _firewall_writes(answers: AnswerSet) -> Judgement:
    calls = {
        "create": _sent(answers, "POST", _GROUP),
        "edit": _sent(answers, "PUT", _GROUP + "/[^/]+"),
        "delete": _sent(answers, "DELETE", _GROUP + "/[^/]+"),
        "rule_create": _sent(answers, "POST", _GROUP + "/[^/]+/rules"),
        "rule_edit": _sent(answers, "PUT", _GROUP + "/[^/]+/rules/[^/]+"),
        "rule_delete": _sent(answers, "DELETE", _GROUP + "/[^/]+/rules/[^/]+"),
    }
    facts: dict[str, Any] = {f"{name}_status": _statuses(sent) for name, sent in calls.items()}
    facts |= {f"{name}_error": _errors(sent) for name, sent in calls.items()}
    facts |= {f"{name}_result": _results(calls[name]) for name in ("create", "delete")}
    receipts = [row for each in calls["create"] for row in each.answer.rows]
    found = {status for name in calls for status in facts[f"{name}_status"]}
    failed = any(facts[f"{name}_error"] for name in calls)
    older = any(each.path.startswith("/v1/firewall") for each in calls["create"])
    facts["receipt"] = shape.members_of(receipts)
    if older:
        return judged(Verdict.SETTLES, **facts)
    return as_documented(found == {200} and not failed, **facts)


def _rule_read(answers: AnswerSet) -> Judgement:
    path = _GROUP + "/[^/]+/rules"
    ids = [
        row["rule_id"]
        for each in _sent(answers, "POST", path)
        for row in each.answer.rows
        if isinstance(row.get("rule_id"), int | str)
    ]
    rows = _own(answers, path, "rule_id", ids)
    rows += [row for each in _sent(answers, "POST", path) for row in each.answer.rows]
    if not rows:
        return judged(Verdict.NOTHING)
    facts = rule_facts(rows)
    right = facts["addresses"] == ("mask",) and set(facts["ports"]) <= {"single", "range"}
    return as_documented(right, **facts)


def _firewall_text(answers: AnswerSet) -> Judgement:
    ids = _created(answers, _GROUP, "firewall_id")
    rows = _own(answers, _GROUP + "(?:/[^/]+)?", "firewall_id", ids)
    texts = [text for row in rows if (text := shape.text_of(row, "content")) is not None]
    forms = {_form(text, FIREWALL_TEXT) for text in texts}
    if not forms:
        return judged(Verdict.NOTHING)
    return as_documented(forms == {"escaped"}, content=min(forms))


def _form(text: str, sent: str) -> str:
    """How a text came back that was sent."""
    if text.startswith(sent):
        return "plain"
    if html.unescape(text).startswith(sent):
        return "escaped"
    return "none" if text.startswith(quote(sent)[:8]) else "changed"


def _receipt(answers: AnswerSet) -> Judgement:
    sent = _sent(answers, "POST", _INSTANCE)
    rows = [row for each in sent for row in each.answer.rows]
    failed = [each.answer for each in sent if not each.answer.rows]
    return judged(
        Verdict.SETTLES if rows else Verdict.UNANSWERED,
        status=tuple(sorted({each.answer.status or 0 for each in sent})),
        error=_errors(sent),
        result=tuple(sorted({shape.error_form(answer) for answer in failed})),
        members=shape.members_of(rows),
        ids=shape.id_forms(rows, "instance_id"),
        account=shape.members_of(shape.inner(rows, "default_account")),
        status_words=shape.words_of(rows, "status"),
    )


def _instance_text(answers: AnswerSet) -> Judgement:
    rows = _instances(answers)
    texts = [text for row in rows if (text := shape.text_of(row, "description")) is not None]
    forms = {_form(text, INSTANCE_TEXT) for text in texts}
    if not forms:
        return judged(Verdict.NOTHING)
    word = {"plain": "same"}.get(min(forms), min(forms))
    return judged(Verdict.SETTLES, description=word)


def _instances(answers: AnswerSet) -> list[Row]:
    ids = _created(answers, _INSTANCE, "instance_id")
    return _own(answers, _INSTANCE + "(?:/[^/]+)?", "instance_id", ids)


def _instance_life(answers: AnswerSet) -> Judgement:
    deletes = _sent(answers, "DELETE", _INSTANCE + "/[^/]+")
    receipts = [row for each in deletes for row in each.answer.rows]
    edits = _sent(answers, "PUT", _INSTANCE + "/[^/]+")
    return judged(
        Verdict.SETTLES,
        status_words=shape.words_of(_instances(answers), "status"),
        edit_status=_statuses(edits),
        edit_error=_errors(edits),
        delete_status=_statuses(deletes),
        delete_error=_errors(deletes),
        delete_receipt=shape.members_of(receipts),
        delete_words=shape.words_of(receipts, "status"),
        delete_gone=_gone(answers, deletes, "instance_id", _INSTANCE),
    )


def _gone(answers: AnswerSet, deletes: list[Exchange], member: str, path: str) -> str | None:
    """How long after an accepted delete the first list came that does not show the object."""
    accepted = next((each for each in deletes if each.answer.is_success), None)
    if accepted is None:
        return None
    key = accepted.path.rpartition("/")[2]
    for each in _sent(answers, "GET", path):
        shown = any(row.get(member) == key for row in each.answer.rows)
        if each.stamp >= accepted.stamp and each.answer.is_success and not shown:
            seconds = each.stamp - accepted.stamp
            return next((word for most, word in _SECONDS if seconds <= most), "more")
    return None


def _storage_verbs(answers: AnswerSet) -> Judgement:
    ids = _created(answers, _STORAGE, "block_storage_id")
    rows = _own(answers, _STORAGE + "(?:/[^/]+)?", "block_storage_id", ids)
    creates = _sent(answers, "POST", _STORAGE)
    detaches = _sent(answers, "POST", _STORAGE + "/[^/]+/detach")
    deletes = _sent(answers, "DELETE", _STORAGE + "/[^/]+")
    receipts = [row for each in creates for row in each.answer.rows]
    return judged(
        Verdict.SETTLES,
        create_status=_statuses(creates),
        create_error=_errors(creates),
        receipt=shape.members_of(receipts),
        ids=shape.id_forms(receipts, "block_storage_id"),
        members=shape.members_of(rows),
        status_words=shape.words_of(rows, "status"),
        owners=tuple(sorted({shape.type_of(row.get("instance_id")) for row in rows})),
        detach_status=_statuses(detaches),
        detach_error=_errors(detaches),
        delete_status=_statuses(deletes),
        delete_error=_errors(deletes),
        delete_gone=_gone(answers, deletes, "block_storage_id", _STORAGE),
    )


def _attach(answers: AnswerSet) -> Judgement:
    attaches = _sent(answers, "POST", _GROUP + "/[^/]+/attach(?:/[^/]+)?")
    detaches = _sent(answers, "POST", _GROUP + "/[^/]+/detach(?:/[^/]+)?")
    if not attaches:
        return judged(Verdict.NOTHING)
    return judged(
        Verdict.SETTLES,
        attach_status=_statuses(attaches),
        attach_error=_errors(attaches),
        attach_result=_results(attaches),
        detach_status=_statuses(detaches),
        detach_error=_errors(detaches),
    )


FIREWALL_PROBE = (
    ContractCheck(
        "probe_firewall",
        msg("writes of a firewall and a rule"),
        "contract#security-groups",
        msg("200 for each of them"),
        nothing_if(_no_firewall, _firewall_writes),
    ),
    ContractCheck(
        "probe_rule",
        msg("a rule that was sent"),
        "contract#rule",
        msg("comes back as it was sent, with its mask"),
        nothing_if(_no_firewall, _rule_read),
    ),
    ContractCheck(
        "probe_text",
        msg("a description of a firewall that was sent"),
        "contract#values",
        msg("comes back HTML-escaped"),
        nothing_if(_no_firewall, _firewall_text),
    ),
)

SERVER_PROBE = (
    ContractCheck(
        "probe_receipt",
        msg("receipt of a new instance"),
        "contract#instances",
        msg("open: a create was never seen to succeed"),
        nothing_if(lambda answers: not _sent(answers, "POST", _INSTANCE), _receipt),
    ),
    ContractCheck(
        "probe_instance_text",
        msg("a description of an instance that was sent"),
        "contract#values",
        msg("open: whether it is decoded once"),
        nothing_if(_no_instance, _instance_text),
    ),
    ContractCheck(
        "probe_instance",
        msg("edit and delete of an instance"),
        "contract#statuses",
        msg("open: statuses on the way, and how long a delete takes"),
        nothing_if(_no_instance, _instance_life),
    ),
    ContractCheck(
        "probe_storage",
        msg("writes of a block storage"),
        "contract#block-storages",
        msg("open: receipts, statuses, and the members of a row"),
        nothing_if(_no_storage, _storage_verbs),
    ),
    ContractCheck(
        "probe_attach",
        msg("attaching a firewall"),
        "contract#attachment",
        msg("202; never seen"),
        nothing_if(_no_instance, _attach),
    ),
)
