"""What `recover` found, as lines: what is settled, what is open side by side with its candidates,
and the exact commands to answer with.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.model.resource_type import deletes
from reconciler.recovery.manual import Binding, Case, Proposal, Recovered, Settled, UnsettledRow
from reconciler.recovery.signature_fence import fence
from reconciler.render import escape, format
from reconciler.render import problem_text as problem_view
from reconciler.render.run.screen import Line, Style, Tone

CANDIDATES_SHOWN_MAX = 12
_SIDE_BY_SIDE = 3
_CELLS_MAX = 36


def recovered_lines(found: Recovered, look: Style, *, command: str, go_on: str) -> Iterable[Line]:
    """The end of `recover`. `command` is the line to answer with, to which options are added;
    `go_on` the one that does the rest.
    """
    for settled in found.settled:
        yield _settled(settled)
    if found.bound:
        yield Line(f" {format.count(len(found.bound), 'object')} bound.", Tone.GOOD)
    for one in found.cases:
        yield Line()
        yield from case_lines(one, command=command, go_on=go_on)
    if found.problems:
        yield Line()
        yield from problem_view.problems_lines(found.problems, look)
    if not (found.settled or found.bound or found.cases or found.problems):
        yield Line(" Nothing is unsettled: the outcome of every request is known.", Tone.GOOD)
    elif not found.cases and not found.problems:
        yield Line()
        yield Line(f" Nothing is unsettled. To do the rest:  {escape.outside(go_on)}", Tone.GOOD)


def proposal_lines(found: Proposal, look: Style, *, title: str) -> Iterable[Line]:
    """What `--rebuild` would bind, and what it would leave."""
    yield Line(
        f" {escape.outside(title)}: these objects are missing from the state; they would be bound as they are",
        Tone.TITLE,
    )
    for binding in found.bindings:
        yield Line(f" =  {_bound(binding)}")
    if found.left:
        yield Line()
        yield Line(
            " Not proved, so left as they are (bind them with --adopt ADDRESS=ID):", Tone.CARE
        )
        for problem in found.left:
            yield from problem_view.problem_lines(problem, look, indent="  ")


def case_lines(one: Case, *, command: str, go_on: str) -> Iterable[Line]:
    """One open request: what was asked beside what each candidate shows, and the commands that say
    what became of it.
    """
    intent = one.intent
    yield Line(
        f" ?  {escape.outside(intent.address)}    {format.deed(intent.operation)}, sent {format.moment(intent.signed)}",
        Tone.CARE,
    )
    yield Line(f"    {escape.outside(one.reason)}")
    shown = one.candidates[:CANDIDATES_SHOWN_MAX]
    for start in range(0, max(len(shown), 1), _SIDE_BY_SIDE):
        yield from _table(one.rows, shown, start, start + _SIDE_BY_SIDE)
    if len(one.candidates) > len(shown):
        yield Line(f"    and {format.count(len(one.candidates) - len(shown), 'candidate')} more")
    if deletes(intent.operation):
        yield Line(f"    it was done:  {_command(go_on, '--accept', f'gone={intent.address}')}")
    else:
        for place, id in enumerate(
            shown or ((intent.target,) if intent.target is not None else ("ID",))
        ):
            label = "it was done: " if place == 0 else "          or "
            yield Line(f"    {label} {_command(command, '--adopt', f'{intent.address}={id}')}")
    yield Line(f"    it was not:   {_command(command, '--not-created', intent.address)}")
    until = one.until if one.until is not None and one.until > fence(intent) else fence(intent)
    yield Line(
        f"    until {format.moment(until)} an earlier request may still be accepted; before that, it cannot be declared not created",
        Tone.FAINT,
    )


def _table(
    rows: Sequence[UnsettledRow], candidates: Sequence[str], start: int, end: int
) -> Iterable[Line]:
    table = [("", "asked", *candidates[start:end])]
    table += [
        (row.name, _cell(row.asked), *(_cell(value) for value in row.shown[start:end]))
        for row in rows
    ]
    safe_rows = [
        tuple(escape.cut(escape.outside(cell), _CELLS_MAX) for cell in row) for row in table
    ]
    widths = [
        max(escape.width(row[column]) for row in safe_rows) for column in range(len(table[0]))
    ]
    for row in safe_rows:
        yield Line(
            f"      {'  '.join(escape.pad(cell, width) for cell, width in zip(row, widths, strict=True))}".rstrip()
        )


def _cell(value: Any) -> str:
    return "" if value is None else format.value(value)


def _settled(one: Settled) -> Line:
    what = "done" if one.done else "not done"
    who = ", as you decided" if one.by_word else ""
    text = f" {'+' if one.done else 'x'}  {escape.outside(one.address)}    {format.deed(one.operation)}: {what}{who}"
    reason = "" if one.by_word or not one.reason else f" ({escape.outside(one.reason)})"
    return Line(text + reason, Tone.GOOD)


def _bound(binding: Binding) -> str:
    name = binding.live.attributes.get("name")
    said = "" if name is None else f"  {format.value(name)}"
    return f"{escape.outside(binding.address)}  {escape.outside(binding.live.id)}{said}"


def _command(command: str, option: str, value: str) -> str:
    return escape.outside(f"{command} {option} {shlex.quote(value)}")
