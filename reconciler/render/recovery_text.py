"""What `recover` found, as lines: what is settled, each open request next to its candidates, and
the commands that settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.common.suggestions import pasted
from reconciler.model.plan import Action
from reconciler.model.resource_type import deletes
from reconciler.recovery.manual import Binding, Case, Proposal, Recovered, Settled, UnsettledRow
from reconciler.recovery.signature_fence import fence
from reconciler.render import escape, format, problem_text
from reconciler.render.format import phrase
from reconciler.render.layout import columns
from reconciler.render.run.screen import Line, Style, Tone

CANDIDATES_SHOWN_MAX = 12
_SIDE_BY_SIDE = 3
_CELLS_MAX = 36


def recovered_lines(found: Recovered, style: Style, *, command: str, resume: str) -> Iterable[Line]:
    """The end of `recover`. `command` is the command that settles a request, to which options are
    added; `resume` the one that does the rest.
    """
    for settled in found.settled:
        yield _settled(settled)
    if found.bound:
        objects = format.count(len(found.bound), "object")
        yield Line(" " + phrase("{objects} bound.", objects=objects), Tone.GOOD)
    for one in found.cases:
        yield Line()
        yield from case_lines(one, command=command, resume=resume)
    if found.problems:
        yield Line()
        yield from problem_text.problems_lines(found.problems, style)
    if not (found.settled or found.bound or found.cases or found.problems):
        text = phrase("Nothing is unsettled: the outcome of every request is known.")
        yield Line(f" {text}", Tone.GOOD)
        yield Line(f" {phrase('To do what is left:  {command}', command=resume)}")
    elif not found.cases and not found.problems:
        yield Line()
        text = phrase("Nothing is unsettled. To do the rest:  {command}", command=resume)
        yield Line(f" {text}", Tone.GOOD)


def proposal_lines(found: Proposal, style: Style, *, title: str) -> Iterable[Line]:
    """What `--rebuild` would bind, and what it would leave."""
    text = phrase(
        "{stack}: these objects are missing from the state; they would be bound as they are",
        stack=title,
    )
    yield Line(f" {text}", Tone.TITLE)
    for binding in found.bindings:
        yield Line(f" {format.SYMBOLS[Action.IMPORT]}  {_bound(binding)}")
    if found.left:
        yield Line()
        text = phrase("Not proved, so left as they are (bind them with --adopt ADDRESS=ID):")
        yield Line(f" {text}", Tone.CARE)
        for problem in found.left:
            yield from problem_text.problem_lines(problem, style, indent="  ")


def case_lines(one: Case, *, command: str, resume: str) -> Iterable[Line]:
    """One open request: what was requested next to what each candidate shows, and the commands that
    say what became of it.
    """
    intent = one.intent
    text = phrase(
        "{address}    {operation}, sent {moment}",
        address=intent.address,
        operation=format.operation(intent.operation),
        moment=format.moment(intent.signed),
    )
    yield Line(f" {format.SYMBOLS[Action.DECIDE]}  {text}", Tone.CARE)
    yield Line(f"    {escape.outside(one.reason)}")
    shown = one.candidates[:CANDIDATES_SHOWN_MAX]
    for start in range(0, max(len(shown), 1), _SIDE_BY_SIDE):
        yield from _table(one.rows, shown, start, start + _SIDE_BY_SIDE)
    if len(one.candidates) > len(shown):
        more = format.count(len(one.candidates) - len(shown), "candidate")
        yield Line("    " + phrase("and {candidates} more", candidates=more))
    yield from _answers(one, shown, command, resume)
    until = format.moment(max(one.until or 0, fence(intent)))
    text = phrase(
        "until {moment} an earlier request may still be accepted; before that, it cannot be "
        "declared not created",
        moment=until,
    )
    yield Line(f"    {text}", Tone.FAINT)


def _answers(one: Case, shown: Sequence[str], command: str, resume: str) -> Iterable[Line]:
    """The commands with which a person says what became of a request."""
    intent = one.intent
    done = phrase("it was done:")
    if deletes(intent.operation):
        answers = [(done, _command(resume, "--accept", f"gone={intent.address}"))]
    else:
        ids = shown or ("ID" if intent.target is None else intent.target,)
        answers = [
            (
                done if number == 0 else phrase("         or"),
                _command(command, "--adopt", f"{intent.address}={id}"),
            )
            for number, id in enumerate(ids)
        ]
    answers.append((phrase("it was not:"), _command(command, "--not-created", intent.address)))
    for label, text in answers:
        yield Line(f"    {escape.pad(label, 12)}  {text}")


def _table(
    rows: Sequence[UnsettledRow], candidates: Sequence[str], start: int, end: int
) -> Iterable[Line]:
    table = [("", phrase("asked"), *candidates[start:end])]
    table += [
        (row.name, _cell(row.asked), *(_cell(value) for value in row.shown[start:end]))
        for row in rows
    ]
    safe = [[escape.cut(escape.outside(cell), _CELLS_MAX) for cell in row] for row in table]
    yield from (Line(f"      {row}") for row in columns(safe))


def _cell(value: Any) -> str:
    return "" if value is None else format.value(value)


def _settled(one: Settled) -> Line:
    text = phrase(
        "{address}    {operation}: {outcome}[, {by_person}][ ({reason})]",
        address=one.address,
        operation=format.operation(one.operation),
        outcome=phrase("done") if one.done else phrase("not done"),
        by_person=phrase("as you decided") if one.by_person else "",
        reason="" if one.by_person else one.reason,
    )
    symbol = format.SYMBOLS[Action.CREATE if one.done else Action.FORGET]
    return Line(f" {symbol}  {text}", Tone.GOOD)


def _bound(binding: Binding) -> str:
    name = binding.live.attributes.get("name")
    return phrase(
        "{address}  {id}[  {name}]",
        address=binding.address,
        id=binding.live.id,
        name=None if name is None else format.value(name),
    )


def _command(command: str, option: str, value: str) -> str:
    return escape.outside(f"{command} {option} {pasted(value)}")
