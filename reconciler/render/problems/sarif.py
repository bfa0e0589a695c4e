"""Problems as SARIF 2.1.0, which code scanning of GitHub and other tools read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.model.diagnostics import CODES, Problem, Severity
from reconciler.render import escape
from reconciler.render.format import phrase
from reconciler.render.problem_text import subject
from reconciler.render.problems.report_paths import relative, uri
from reconciler.version import VERSION

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HELP = "https://iwinv-reconciler.github.io/reconciler/reference/problems.html"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def document(problems: Sequence[Problem], root: str) -> dict[str, Any]:
    """The report. `root` is the folder of the checkout."""
    rules = sorted({problem.code for problem in problems})
    driver = dict(  # noqa: C408  # one of the names is also that of a kind
        name="reconciler",
        version=VERSION,
        informationUri=_HELP,
        rules=[_rule(code) for code in rules],
    )
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(problem, rules.index(problem.code), root) for problem in problems
                ],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in code.split("-")),
        "shortDescription": {"text": CODES[code]},
        "fullDescription": {"text": CODES[code]},
        "help": {"text": CODES[code]},
        "helpUri": _HELP,
    }


def _result(problem: Problem, rule: int, root: str) -> dict[str, Any]:
    text = phrase(
        "[{address}: ]{message}[ ({hint})]",
        address=subject(problem),
        message=problem.message,
        hint=problem.hint,
    )
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": _LEVELS[problem.severity],
        "message": {"text": text},
        "locations": [],
    }
    if problem.place is not None:
        path = relative(problem.place.file, root)
        artifact = {"uri": escape.outside(uri(path))}
        if not path.startswith("/"):
            artifact["uriBaseId"] = "%SRCROOT%"
        region = {"startLine": problem.place.line, "startColumn": problem.place.column}
        result["locations"] = [
            {"physicalLocation": {"artifactLocation": artifact, "region": region}}
        ]
    return result
