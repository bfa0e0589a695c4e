"""A report: what the checks found, as a value, as JSON, and read from a file that may be hostile.

It consists of names of checks, verdicts and facts. Reading one checks every value, so a file cannot
bring any other text onto the screen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.contract.check import Verdict
from reconciler.contract.report_values import CatalogCode, Fact, Printable, decode, encode

CONTRACT_VERSION = "2026-11"
"""The edition of docs/api/iwinv-api.md that the checks compare with."""

BYTES_MAX = 256 * 1024
"""A longer file is not a report."""

_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}([a-z0-9.+-]{0,12})")
_EDITION = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CHECK = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CHECKS_MAX = 100


class NotAReport(ValueError):
    """A document that is not a report of the contract; the text says why, without its content."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. Raises ValueError for a name that no check could have."""

    check: str
    verdict: Verdict
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        if _CHECK.fullmatch(self.check) is None:
            raise ValueError("not the name of a check")

    def fact(self, name: str) -> Printable | None:
        """The value of a fact, or None."""
        return next((fact.value for fact in self.facts if fact.name == name), None)


@dataclass(frozen=True, slots=True)
class ContractReport:
    """All results of one day. `version` is the product's, `contract` the edition of the contract,
    `day` as YYYY-MM-DD. Raises ValueError if these have another form.
    """

    version: str
    day: str
    results: tuple[CheckResult, ...]
    contract: str = CONTRACT_VERSION

    def __post_init__(self) -> None:
        forms = ((_VERSION, self.version), (_EDITION, self.contract), (_DAY, self.day))
        if any(form.fullmatch(text) is None for form, text in forms):
            raise ValueError("not the head of a report")
        if len(self.results) > _CHECKS_MAX:
            raise ValueError("too many checks")

    def result(self, check: str) -> CheckResult | None:
        """What that check found, or None."""
        return next((result for result in self.results if result.check == check), None)


def without_catalog(results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """The results without codes of zones and flavors."""
    return tuple(
        CheckResult(
            result.check,
            result.verdict,
            tuple(fact for fact in result.facts if not _has_code(fact.value)),
        )
        for result in results
    )


def _has_code(value: Printable) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(part, CatalogCode) for part in parts)


def members(report: ContractReport) -> dict[str, Any]:
    """The members of the JSON document."""
    return {
        "version": report.version,
        "contract": report.contract,
        "day": report.day,
        "checks": [
            {
                "check": result.check,
                "verdict": result.verdict.value,
                "facts": {fact.name: encode(fact.value) for fact in result.facts},
            }
            for result in report.results
        ],
    }


def read(document: object) -> ContractReport:
    """The report in a JSON document. Raises `NotAReport`."""
    if not isinstance(document, Mapping) or document.get("type") != "contract":
        raise NotAReport(msg("it is not a report of `reconciler doctor --contract`"))
    if str(document.get("format_version", "")).partition(".")[0] != "1":
        raise NotAReport(msg("it was written by a newer reconciler"))
    try:
        return ContractReport(
            str(document["version"]),
            str(document["day"]),
            tuple(_result(found) for found in document["checks"]),
            str(document["contract"]),
        )
    except (ValueError, TypeError, LookupError, AttributeError) as failure:
        raise NotAReport(
            msg("it contains something that no report contains; it was edited or damaged")
        ) from failure


def _result(found: Mapping[str, Any]) -> CheckResult:
    facts = tuple(Fact(str(name), decode(value)) for name, value in found["facts"].items())
    return CheckResult(str(found["check"]), Verdict(found["verdict"]), facts)
