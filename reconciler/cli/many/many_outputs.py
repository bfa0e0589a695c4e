"""`output` of several stacks: what each of them gave at its last apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.cli.many.chosen_stacks import ChosenStack, ChosenStacks
from reconciler.commands import session as opening
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model import exit_codes, serialize
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.render import escape, state_text
from reconciler.render.documents import state_json
from reconciler.render.documents.json_document import DocumentType, document
from reconciler.render.run.screen import Line, Tone


@dataclass(frozen=True, slots=True)
class _StackOutputs:
    """The outputs of one stack that were asked for, or why they cannot be read."""

    chosen: ChosenStack
    outputs: Mapping[str, tuple[Any, str | None]]
    problems: Sequence[Problem] = ()


def output(chosen: ChosenStacks, name: str | None) -> int:
    """Prints the outputs of all stacks, or one of each that has it. Returns the exit code."""
    console = chosen.console
    found = [_read(each, name) for each in chosen.stacks]
    problems = [problem for each in found for problem in each.problems]
    code = exit_codes.of_problems(problems)
    if name is not None and not problems and not any(each.outputs for each in found):
        raise Abort(error("output", msg("no stack has the output {name}", name=name)))
    if console.json:
        members = {
            "project": chosen.name,
            "stacks": [_row(each) for each in found],
            "exit_code": code,
        }
        console.result_json(document(DocumentType.PROJECT_OUTPUTS, members))
        return code
    shown = [each for each in found if each.outputs]
    for number, each in enumerate(shown):
        lines = [
            Line(f"  {escape.outside(key)} = {state_text.text(*value)}")
            for key, value in each.outputs.items()
        ]
        title = Line(escape.outside(each.chosen.title), Tone.TITLE)
        console.result([*([Line()] if number else []), title, *lines])
    if not shown and not problems:
        text = msg("There are no outputs; they are computed at the end of an apply.")
        console.note([Line(text)])
    console.problems(problems)
    return code


def _read(each: ChosenStack, name: str | None) -> _StackOutputs:
    session = each.session
    try:
        if each.stop is not None:
            raise each.stop
        state = opening.read_state(session.store(each.name, each.environment))
    except Abort as stop:
        return _StackOutputs(each, {}, tuple(map(session.pasteable, stop.problems)))
    kept = opening.outputs(state, None)
    return _StackOutputs(each, {key: kept[key] for key in kept if name in (None, key)})


def _row(each: _StackOutputs) -> dict[str, Any]:
    return {
        "title": each.chosen.title,
        "stack": each.chosen.name,
        "environment": each.chosen.environment,
        "outputs": state_json.output_rows(each.outputs),
        "problems": [serialize.problem(problem) for problem in each.problems],
    }
