"""Problems as a JUnit report, which GitLab and other CI systems show: a test case for each problem,
and one for each stack without errors.

https://docs.gitlab.com/ci/testing/unit_test_reports/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from reconciler.model.diagnostics import Problem, Severity
from reconciler.render import escape
from reconciler.render.format import phrase
from reconciler.render.problem_text import subject
from reconciler.render.problems.report_paths import relative

_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_SUITE = "reconciler.validate"


def text(problems: Sequence[Problem], stacks: Sequence[str], root: str) -> str:
    """The report. `stacks` are the names of the stacks that were checked; `root` is the folder of
    the checkout. Warnings and notices do not fail.
    """
    failures = sum(problem.severity is Severity.ERROR for problem in problems)
    passed = [] if failures else stacks
    counts = {
        "tests": str(len(problems) + len(passed)),
        "failures": str(failures),
        "errors": "0",
    }
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _SUITE, **counts})
    for problem in problems:
        _add(suite, problem, root)
    for name in passed:
        ElementTree.SubElement(suite, "testcase", {"classname": _SUITE, "name": _safe(name)})
    ElementTree.indent(suites)
    report: str = ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
    return report + "\n"


def _add(suite: ElementTree.Element, problem: Problem, root: str) -> None:
    place = problem.place
    file = "" if place is None else relative(place.file, root)
    where = None if place is None else f"{file}:{place.line}:{place.column}"
    message = _safe(
        phrase("[{address}: ]{message}", address=subject(problem), message=problem.message)
    )
    attributes = {
        "classname": problem.code,
        "name": _safe(phrase("[{place} ]{message}", place=where, message=message)),
    }
    if file:
        attributes["file"] = _safe(file)
    case = ElementTree.SubElement(suite, "testcase", attributes)
    is_error = problem.severity is Severity.ERROR
    found = ElementTree.SubElement(
        case,
        "failure" if is_error else "system-out",
        {"type": problem.code, "message": message} if is_error else {},
    )
    found.text = _safe(
        phrase("[{place}: ]{message}[ ({hint})]", place=where, message=message, hint=problem.hint)
    )


def _safe(text: str) -> str:
    """The text as one line of characters that XML can contain."""
    return _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", escape.outside(text))
