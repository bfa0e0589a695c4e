"""Questions: before a change of the state alone, and which changes made outside to absorb."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.console import Console
from reconciler.common.text import msg
from reconciler.model.abort import Abort, Cancelled
from reconciler.model.diagnostics import error
from reconciler.model.plan import Change
from reconciler.render import escape
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.cli.run_context import Session

_ASKED_MAX = 3
_PART = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def ask(console: Console, title: str, yes: bool, what: str) -> None:
    """Asks before a change of the state. Raises `Abort` without consent, or if what was shown could
    not be written.
    """
    console.begin()
    if yes:
        return
    if not console.can_ask:
        raise Abort(
            error(
                "consent",
                msg("cannot ask: there is no terminal, and --yes is not given"),
                hint=msg("add --yes to {action}", action=what),
            )
        )
    question = msg(
        "Type {stack} or yes to {action}, or no to cancel:",
        stack=escape.outside(title),
        action=what,
    )
    if not console.confirm(question, title):
        raise Cancelled(msg("Cancelled. Nothing was changed."))


class AbsorbChoice:
    """Shows the rows of drift and, at a terminal, asks which to absorb. `shown` are all rows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.shown: tuple[Change, ...] = ()

    def __call__(self, rows: tuple[Change, ...]) -> tuple[Change, ...]:
        """The rows that the user chose; none if nobody can be asked. Raises `Cancelled`."""
        self.shown = rows
        console = self._session.console
        if not rows or console.json:
            return ()
        console.result(list(_lines(rows)))
        if not console.can_ask:
            return ()
        for _ in range(_ASKED_MAX):
            answer = console.ask(msg("Which should be absorbed? Numbers, all, or no:"))
            if answer is None or answer.casefold() in ("no", "n"):
                break
            found = chosen(answer, len(rows))
            if found is not None:
                return tuple(rows[number - 1] for number in found)
            text = msg("Type numbers from 1 to {count} such as 1 3-5, all, or no.", count=len(rows))
            console.note([Line(f" {escape.outside(text)}", Tone.CARE)])
        raise Cancelled(msg("Cancelled. Nothing was changed."))

    def commands(self) -> Iterator[Line]:
        """The commands that absorb what was shown."""
        yield Line(msg(" Nothing was written. To absorb all of it:"))
        yield Line(f"   {escape.outside(self._session.again('absorb', '--all', by_option=True))}")
        resources = dict.fromkeys(str(change.address.owner) for change in self.shown)
        if len(resources) > 1:
            yield Line(msg(" Or a part of it:"))
        for address in resources if len(resources) > 1 else ():
            command = self._session.again("absorb", address, by_option=True)
            yield Line(f"   {escape.outside(command)}")


def chosen(answer: str, count: int) -> Sequence[int] | None:
    """The numbers that an answer names, each from 1 to `count`, or None if it is unclear."""
    if answer.casefold() == "all":
        return range(1, count + 1)
    found: set[int] = set()
    for part in re.split(r"[\s,]+", answer.strip()):
        match = _PART.fullmatch(part)
        if match is None:
            return None
        first = int(match[1])
        last = int(match[2] or first)
        if not 1 <= first <= last <= count:
            return None
        found.update(range(first, last + 1))
    return sorted(found)


def _lines(rows: Sequence[Change]) -> Iterator[Line]:
    from reconciler.render.plan import plan_rows

    digits = len(str(len(rows)))
    for number, change in enumerate(rows, 1):
        row = plan_rows.drift_row(change)
        yield Line(f" {number:>{digits}}  {row.address}  {', '.join(row.parts)}", row.tone)
