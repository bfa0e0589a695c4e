"""The consent that a plan needs and the command that applies it, ready to paste."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.model.plan import Consent, Plan, RiskClass
from reconciler.planner.checks.approval import Decision, accept_options
from reconciler.render import escape
from reconciler.render.format import phrase
from reconciler.render.layout import sentence
from reconciler.render.run.screen import Line, Style, Tone

_INDENT = "  "
_CONTINUED = " \\"
"""At the end of a line that a shell joins with the next one."""

_OPTION = re.compile(r" (?=--)")


def lines(
    plan: Plan, decision: Decision | None, style: Style, command: str | None
) -> Iterable[Line]:
    """What was consented to, and the command that gives the rest. Without a command, as in a run
    that asks, only the options. No command if it would do nothing.
    """
    needed, given = open_and_given(plan, decision)
    if given:
        text = phrase("Consent already given: {options}.", options=options(given))
        yield from sentence(text, style, tone=Tone.FAINT)
    if stop := held_by(needed):
        yield from sentence(stop, style, tone=Tone.CARE)
    if command is not None and (needed or not plan.is_held_back):
        yield Line()
        yield Line(command_title(needed), Tone.TITLE)
        yield from pasted(whole_command(command, plan, decision), style)
    elif needed:
        yield Line()
        yield Line(phrase("Needs consent:"), Tone.TITLE)
        yield from pasted(options(needed), style, tone=Tone.CARE)


def open_and_given(
    plan: Plan, decision: Decision | None
) -> tuple[Sequence[Consent], Sequence[Consent]]:
    """The consent that is still needed, and the one that was given."""
    return (plan.consents, ()) if decision is None else (decision.open, decision.given)


def options(found: Sequence[Consent]) -> str:
    """Consent as options of a command."""
    return escape.outside(accept_options(found))


def command_title(needed: Sequence[Consent]) -> str:
    """What the command does."""
    return phrase("To apply it anyway:" if held_by(needed) else "To apply this plan:")


def whole_command(command: str, plan: Plan, decision: Decision | None) -> str:
    """The command with all consent that it needs."""
    needed, _ = open_and_given(plan, decision)
    refused = None if decision is None or decision.problem is None else decision.problem.code
    more = [options(needed)] if needed else []
    more += ["--allow-empty"] if refused == "empty" else []
    return " ".join([escape.outside(command), *more])


def pasted(command: str, style: Style, *, tone: Tone = Tone.PLAIN) -> Iterable[Line]:
    """A command in one line or, on a narrow screen, in several that a shell reads as one."""
    room = None if style.width is None else style.width - len(_INDENT)
    if room is None or escape.width(command) <= room:
        yield Line(f"{_INDENT}{command}", tone)
        return
    lines = [""]
    for part in _OPTION.split(command):
        joined = f"{lines[-1]} {part}" if lines[-1] else part
        if not lines[-1] or escape.width(joined + _CONTINUED) <= room:
            lines[-1] = joined
        else:
            lines.append(f"{_INDENT}{part}")
    for line in lines[:-1]:
        yield Line(f"{_INDENT}{line}{_CONTINUED}", tone)
    yield Line(f"{_INDENT}{lines[-1]}", tone)


def held_by(needed: Sequence[Consent]) -> str:
    """That nothing of the plan is done, the harmless part included, before a class is accepted by
    name; else nothing.
    """
    found = sorted(
        {
            item.risk.value
            for item in needed
            if item.risk in (RiskClass.LOCKOUT, RiskClass.DUPLICATE)
        }
    )
    if not found:
        return ""
    return phrase(
        "Nothing is sent until {classes} is accepted by name or the file avoids it.",
        classes=phrase(" and ").join(found),
    )
