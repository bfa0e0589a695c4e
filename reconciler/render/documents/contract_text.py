"""A report of the contract as text: a line for each check, and its differences as lines of the
contract (contract#rules).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.common.text import joined, msg
from reconciler.contract import table
from reconciler.contract.check import Verdict
from reconciler.contract.decided import SwitchDecision
from reconciler.contract.report import CheckResult, ContractReport
from reconciler.contract.report_values import CatalogCode, IdForm, MemberTypes, Part, Printable
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

_TITLES = {
    Verdict.AS_DOCUMENTED: msg("as the contract says"),
    Verdict.DIFFERS: msg("differs"),
    Verdict.SETTLES: msg("settles an open point"),
    Verdict.NOTHING: msg("nothing to see"),
    Verdict.UNANSWERED: msg("no usable answer"),
}
_TONES = {Verdict.DIFFERS: Tone.CARE, Verdict.UNANSWERED: Tone.CARE}
_PARTS_MAX = 6


def result_lines(report: ContractReport) -> list[Line]:
    """One line for each check: its verdict, its name and the short facts."""
    verdicts = {verdict: escape.outside(title) for verdict, title in _TITLES.items()}
    width = max(map(escape.width, verdicts.values())) + 2
    titles = {result.check: escape.outside(_title(result)) for result in report.results}
    name_width = max(map(escape.width, titles.values()), default=0) + 2
    return [
        Line(
            f" {escape.pad(verdicts[result.verdict], width)}"
            f"{escape.pad(titles[result.check], name_width)}{_facts(result)}".rstrip(),
            _TONES.get(result.verdict, Tone.PLAIN),
        )
        for result in report.results
    ]


def summary(report: ContractReport) -> str:
    """How many checks have each verdict."""
    counts = {
        verdict: sum(1 for result in report.results if result.verdict is verdict)
        for verdict in Verdict
    }
    parts = [
        msg("{count} {verdict}", count=count, verdict=_TITLES[verdict])
        for verdict, count in counts.items()
        if count
    ]
    return joined(", ", parts)


def difference_lines(report: ContractReport) -> list[Line]:
    """What a report changes in the contract: each check that differs or settles an open point,
    with the section, what the contract says and what was seen.
    """
    lines: list[Line] = []
    for result in report.results:
        check = table.BY_NAME.get(result.check)
        if check is None or result.verdict not in (Verdict.DIFFERS, Verdict.SETTLES):
            continue
        mark = f"[live, report {report.day}]"
        seen = msg("   seen:      {facts}  {mark}", facts=_all(result), mark=mark)
        head = f" {check.section}  {escape.outside(_title(result))}"
        lines += [
            Line(head, _TONES.get(result.verdict, Tone.PLAIN)),
            Line(escape.outside(msg("   contract:  {text}", text=check.stated))),
            Line(escape.outside(seen)),
        ]
    return lines


def _title(result: CheckResult) -> str:
    check = table.BY_NAME.get(result.check)
    return result.check if check is None else check.title


def _facts(result: CheckResult) -> str:
    """The facts that fit a line."""
    shown = [
        f"{fact.name} {_text(fact.value)}"
        for fact in result.facts
        if not isinstance(fact.value, MemberTypes) and not _has_members(fact.value)
    ]
    return ", ".join(shown[:_PARTS_MAX])


def _has_members(value: Printable) -> bool:
    return isinstance(value, tuple) and any(isinstance(part, MemberTypes) for part in value)


def _all(result: CheckResult) -> str:
    return "; ".join(f"{fact.name} {_text(fact.value)}" for fact in result.facts)


def _text(value: Printable) -> str:
    if isinstance(value, tuple):
        more = len(value) - _PARTS_MAX
        shown = "|".join(map(_part, value[:_PARTS_MAX]))
        return f"{shown}|+{more}" if more > 0 else shown
    return _part(value)


def _part(value: Part) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case IdForm():
            return f"{value.prefix}+{value.length}({value.alphabet})"
        case CatalogCode():
            return value.code
        case MemberTypes():
            return _members(value)
    return str(value)


def _members(value: MemberTypes) -> str:
    known = [f"{name}:{'|'.join(types)}" for name, types in value.known]
    others = [f"+{value.others}"] if value.others else []
    return "{" + " ".join([*known, *others]) + "}"


def switch_lines(found: Sequence[SwitchDecision], others: Sequence[str]) -> list[Line]:
    """The switches that a report sets, and the checks that no switch can show."""
    settings = " ".join(f"{each.switch}={each.value}" for each in found)
    lines = [Line(escape.outside(msg(" As in the report: {switches}", switches=settings)))]
    if others:
        names = joined(
            ", ", [table.BY_NAME[name].title if name in table.BY_NAME else name for name in others]
        )
        lines.append(
            Line(
                escape.outside(msg(" Without a switch: {checks}", checks=names)),
                Tone.FAINT,
            )
        )
    return lines


def document_text(document: Mapping[str, Any]) -> str:
    """A report as JSON with one check on each line."""
    head = {name: value for name, value in document.items() if name != "checks"}
    checks = ",\n  ".join(escape.json_text(check) for check in document["checks"])
    return f'{escape.json_text(head)[:-1]}, "checks": [\n  {checks}\n]}}\n'
