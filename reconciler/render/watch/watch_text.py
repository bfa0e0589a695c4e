"""A pass as lines, and as the text of a notice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.common.text import Text, msg
from reconciler.locale import language
from reconciler.model.watching import Health, Passed
from reconciler.render import escape, format, problem_text
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Style, Tone

_ADDRESSES_MAX = 10

NAMES: Mapping[Health, Text] = {
    Health.CLEAN: msg("clean"),
    Health.DRIFTED: msg("drifted"),
    Health.WAITING: msg("waiting"),
    Health.BLOCKED: msg("blocked"),
    Health.STALE: msg("stale"),
    Health.FAILED: msg("failed"),
}
_TONES: Mapping[Health, Tone] = {
    Health.CLEAN: Tone.GOOD,
    Health.DRIFTED: Tone.CARE,
    Health.WAITING: Tone.CARE,
    Health.BLOCKED: Tone.DANGER,
    Health.STALE: Tone.DANGER,
    Health.FAILED: Tone.DANGER,
}


def pass_lines(passed: Passed, style: Style, *, drift: str, plan: str) -> Iterable[Line]:
    """A pass over one stack: its health and the reason, then what drifted, each with what was done
    about it. `drift` and `plan` are commands that show more.
    """
    head = phrase(
        "{stack}  {health}: {reason}  ({calls})",
        stack=escape.outside(passed.title),
        health=NAMES[passed.health],
        reason=escape.outside(passed.decision.reason),
        calls=format.count(passed.calls, "api-call"),
    )
    yield Line(head, _TONES[passed.health])
    for address in passed.drifted:
        yield Line(f"  {_row(passed, address)}")
    if passed.branch is not None:
        text = phrase(
            "Written to the branch {branch}; open a pull request with it.",
            branch=escape.outside(passed.branch),
        )
        yield Line(f"  {text}")
    if passed.health is not Health.CLEAN and passed.drifted:
        yield Line(f"  {phrase('See the drift:  {command}', command=escape.outside(drift))}")
    elif passed.health is Health.WAITING:
        yield Line(f"  {phrase('See the plan:  {command}', command=escape.outside(plan))}")
    if passed.problems and passed.health in (Health.FAILED, Health.STALE, Health.BLOCKED):
        yield from problem_text.problems_lines(passed.problems, style)


def _row(passed: Passed, address: str) -> str:
    name = escape.outside(address)
    if address in passed.reverted:
        return phrase("{address}  reverted", address=name)
    reason = passed.decision.left.get(address, msg("not reverted"))
    return phrase("{address}  left: {reason}", address=name, reason=escape.outside(reason))


def notice(
    passed: Passed, project: str, *, command: str, simulated: bool = False
) -> tuple[str, str]:
    """The title and the text of a notice, in the language of the process. It has names, addresses
    of resources and reasons, and no value of any field.
    """
    title = msg(
        "{project}: {stack} is {health}",
        project=project,
        stack=passed.title,
        health=NAMES[passed.health],
    )
    if simulated:
        title = msg("{title} (simulated)", title=title)
    lines = [str(escape.outside(passed.decision.reason))]
    lines += [_row(passed, address) for address in passed.drifted[:_ADDRESSES_MAX]]
    more = len(passed.drifted) - _ADDRESSES_MAX
    if more > 0:
        lines.append(phrase("and {count} more", count=more))
    lines.append(escape.outside(command))
    return language.translated(title), "\n".join(lines)
