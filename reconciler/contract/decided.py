"""Which switches of the local cloud a report decides (contract#switches)."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.common.dataclass import dataclass
from reconciler.contract.check import Verdict
from reconciler.contract.report import CheckResult, ContractReport


@dataclass(frozen=True, slots=True)
class SwitchDecision:
    """A switch with its value as `simulator serve --set` takes it, and the check that decides."""

    switch: str
    value: str
    check: str


def _word(fact: str, **values: str) -> Callable[[CheckResult], str | None]:
    """A switch that a word of a fact decides."""
    return lambda result: values.get(str(result.fact(fact)))


_ABSENT = _word("absence", id_invalid="id_invalid", empty="empty", not_found="not_found")


def _default_fields(result: CheckResult) -> str | None:
    mask = result.fact("mask")
    return str(mask) if isinstance(mask, int) and mask > 0 else None


def _page_size_cap(result: CheckResult) -> str | None:
    largest = result.fact("largest")
    if isinstance(largest, bool) or not isinstance(largest, int) or largest < 1:
        return None
    return "off" if largest >= 1000 else str(largest)


def _old_paths(result: CheckResult) -> str | None:
    answers = result.fact("answers")
    if answers is True:
        return "on"
    return "off" if result.fact("error") == "NOT_FOUND" else None


def _bill_page_meta(result: CheckResult) -> str | None:
    types = result.fact("page_types")
    if types == ("text",):
        return "strings"
    return "integers" if types == ("integer",) else None


def _http_status(result: CheckResult) -> str | None:
    found = {fact.value for fact in result.facts}
    if not found or not found <= {200, 202}:
        return None
    return "live" if found == {200} else "doc"


def _error_http(result: CheckResult) -> str | None:
    if result.fact("error") != "ID_INVALID":
        return None
    return {200: "always_200", 400: "table"}.get(_status(result))


def _status(result: CheckResult) -> int:
    status = result.fact("status")
    return status if isinstance(status, int) else 0


_RESULTS = {
    ("error_text", "object"): "seen",
    ("error_text", "error_text"): "strings",
    ("message_text", "message_text"): "messages",
    ("object", "object"): "objects",
}


def _error_result(result: CheckResult) -> str | None:
    return _RESULTS.get((str(result.fact("id_invalid")), str(result.fact("check_ip"))))


def _attach_mode(result: CheckResult) -> str | None:
    return "many" if result.fact("firewalls_of_one") in ("2-10", "11-50", "more") else None


def _retry_after(result: CheckResult) -> str | None:
    given = result.fact("retry_after")
    return None if not isinstance(given, bool) else {True: "on", False: "off"}[given]


_RULES: tuple[tuple[str, str, Callable[[CheckResult], str | None]], ...] = (
    ("default_fields", "default_fields", _default_fields),
    ("page_size_cap", "largest_page", _page_size_cap),
    ("instance_absent", "instance_absent", _ABSENT),
    ("block_storage_absent", "block_storage_absent", _ABSENT),
    ("scripts_empty", "scripts", _word("without_scripts", empty="empty", not_found="404")),
    ("old_firewall_paths", "older_firewall", _old_paths),
    ("bill_page_meta", "bill_pages", _bill_page_meta),
    ("bill_detail", "bill_detail", _word("error", SUCCESS="ok", CHECK_IP="denied")),
    ("escape_group_content", "firewall_escaping", _word("content", escaped="on", plain="off")),
    ("escape_group_content", "probe_text", _word("content", escaped="on", plain="off")),
    ("instance_text_decoding", "probe_instance_text", _word("description", none="none")),
    ("flavor_fields", "flavor_mask", _word("mask", honoured="sequence", ignored="ignore")),
    ("http_status", "read_status", _http_status),
    ("error_http", "image_absent", _error_http),
    ("error_result", "error_result", _error_result),
    (
        "validation_body",
        "storage_types",
        _word("refusal", envelope="envelope", validation_form="bare_422"),
    ),
    ("attach_mode", "firewall_members", _attach_mode),
    ("rate_body", "too_many", _word("body", bare_message="bare", envelope="envelope")),
    ("retry_after", "too_many", _retry_after),
)
"""Switch, check that decides it, and how."""


def decisions(report: ContractReport) -> tuple[SwitchDecision, ...]:
    """The switches that a report decides, also those at their default."""
    found = []
    for switch, check, decide in _RULES:
        result = report.result(check)
        value = None if result is None else decide(result)
        if value is not None:
            found.append(SwitchDecision(switch, value, check))
    return tuple(found)


def not_settable(report: ContractReport) -> tuple[str, ...]:
    """The checks that found something new for which the local cloud has no switch."""
    known = {decision.check for decision in decisions(report)}
    new = (Verdict.DIFFERS, Verdict.SETTLES)
    return tuple(
        result.check
        for result in report.results
        if result.verdict in new and result.check not in known
    )
