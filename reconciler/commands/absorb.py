"""`absorb`: writes what somebody changed outside into the stack's files, in place. The new text is
read again before it is kept.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.commands import context, session
from reconciler.commands.context import Connection
from reconciler.commands.plan import plan
from reconciler.commands.plan_file import replace_file
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import text_edits, yaml_reader
from reconciler.config.inputs import piped
from reconciler.config.loader import Loaded
from reconciler.config.text_edits import CannotEdit, Conflict, TextChange
from reconciler.importing.absorb import Absorber, CannotAbsorb, Source
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Change, Plan, unstated
from reconciler.model.resource import RefreshScope, Resource, Stack
from reconciler.planner import planner as planning
from reconciler.planner.compare.assessment import PlanOptions


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What was absorbed: the rows of drift, the files with their texts before and after, and the
    problems with the rest.
    """

    changes: tuple[Change, ...]
    texts: Mapping[str, tuple[str, str]]
    problems: tuple[Problem, ...] = ()

    def difference(self) -> list[str]:
        """The lines that change, as in a patch."""
        found: list[str] = []
        for file, (before, after) in sorted(self.texts.items()):
            found += difflib.unified_diff(
                before.splitlines(), after.splitlines(), file, file, n=1, lineterm=""
            )
        return found


def absorb(
    stack: Stack,
    addresses: tuple[Address, ...],
    connection: Connection,
    store: ports.StateReader,
    load: Callable[[Mapping[str, str]], Loaded],
) -> Absorbed:
    """The files with the drift of these addresses in them. Nothing is written.

    Stops if an address is not in the stack. What cannot be absorbed is reported, and nothing of its
    address is changed.
    """
    _check(stack, addresses)
    planned = plan(stack, connection, store, PlanOptions())
    rows = tuple(
        change for change in unstated(planned.plan.drift) if _is_selected(change.address, addresses)
    )
    sources = _Sources()
    absorber = Absorber(stack, planned.account, sources.read)
    wanted: dict[str, list[TextChange]] = {}
    taken: list[Change] = []
    problems: list[Problem] = []
    for change in rows:
        try:
            mine = list(absorber.edits(change))
        except CannotAbsorb as failure:
            problems.append(failure.problem)
            continue
        taken.append(change)
        for file, desired in mine:
            wanted.setdefault(file, []).append(desired)
    texts = {
        file: (sources.read(file).text, _edited(file, sources.read(file), found, taken))
        for file, found in wanted.items()
    }
    if texts:
        after = _read_back(load, {file: text for file, (_, text) in texts.items()})
        _prove(stack, after, taken, connection, store, planned)
    return Absorbed(tuple(taken), texts, tuple(problems))


def write(absorbed: Absorbed) -> None:
    """Replaces the old texts by the new ones, each file as a whole. Stops if a file was changed
    meanwhile, or cannot be written.
    """
    for file, (before, after) in sorted(absorbed.texts.items()):
        path = Path(file).resolve()  # A link stays a link: the file that it points to is replaced.
        try:
            mark, now = _text(path)
            if now != before:
                message = msg(
                    "{file} changed in the meantime; nothing was written to it", file=file
                )
                raise Abort(error("absorb", message, hint=msg("run `absorb` again")))
            replace_file(path, (mark + after).encode("utf-8"))
        except OSError as failure:
            reason = failure.strerror or failure
            message = msg("{file} cannot be written: {reason}", file=file, reason=reason)
            raise Abort(error("state-write", message)) from failure


class _Sources:
    def __init__(self) -> None:
        self._known: dict[str, Source] = {}

    def read(self, file: str) -> Source:
        if file not in self._known:
            _, text = _text(Path(file))
            self._known[file] = Source(text, yaml_reader.layout(text))
        return self._known[file]


def _text(path: Path) -> tuple[str, str]:
    """The byte order mark, if there is one, and the text with its line ends unchanged."""
    if piped.is_named(path):
        message = msg("a stack from a pipe cannot be edited; nothing was written")
        raise Abort(error("absorb", message, hint=msg("write the stack to a file first")))
    whole = path.read_bytes().decode("utf-8")
    text = whole.removeprefix("\ufeff")
    return whole[: len(whole) - len(text)], text


def _check(stack: Stack, addresses: tuple[Address, ...]) -> None:
    for address in addresses:
        if not any(_is_selected(known, (address,)) for known in stack.resources):
            message = msg("{address} is not in the stack file", address=address)
            hint = suggestions.hint_for(str(address), [str(one) for one in stack.resources])
            raise Abort(error("missing-reference", message, hint=hint))


def _is_selected(address: Address, addresses: tuple[Address, ...]) -> bool:
    return any(one in (address, address.owner, address.resource) for one in addresses)


def _edited(
    file: str, source: Source, desired_values: list[TextChange], taken: list[Change]
) -> str:
    try:
        return text_edits.applied(
            source.text, text_edits.resolved(source.text, source.pieces, desired_values)
        )
    except Conflict:
        raise Abort(_shared(taken)) from None
    except CannotEdit as failure:
        message = msg(
            "the drift cannot be written to {file}: {reason}; nothing was written",
            file=file,
            reason=failure,
        )
        raise Abort(error("absorb", message, hint=msg("write it by hand"))) from failure


def _read_back(load: Callable[[Mapping[str, str]], Loaded], texts: Mapping[str, str]) -> Stack:
    """The stack of the new texts. The old ones had no mistake, so a mistake in the new ones comes
    from the edit, not from the user.
    """
    try:
        return load(texts).stack
    except Abort as stop:
        message = msg(
            "the edited stack would not be valid ({mistakes}), so {files} was left unchanged",
            mistakes="; ".join(problem.message for problem in stop.problems[:3]),
            files=", ".join(sorted(texts)),
        )
        raise Abort(error("absorb", message, hint=msg("write it by hand"))) from stop


def _shared(changes: list[Change]) -> Problem:
    addresses = ", ".join(str(change.address) for change in changes)
    message = msg("{addresses} need different values at one place of the file", addresses=addresses)
    hint = msg(
        "several objects share a line that can have only one value: write the difference by hand"
    )
    return error("absorb", message, hint=hint)


def _prove(
    before: Stack,
    after: Stack,
    taken: list[Change],
    connection: Connection,
    store: ports.StateReader,
    planned: context.Planned,
) -> None:
    """Stops unless the new files match the account for what was absorbed, and equal the old files
    for everything else.
    """
    touched = {change.address for change in taken} | {change.address.owner for change in taken}
    others = [
        a
        for a in {*before.resources, *after.resources}
        if a not in touched and a.owner not in touched
    ]
    moved = sorted(
        str(a)
        for a in others
        if _content(before.resources.get(a)) != _content(after.resources.get(a))
    )
    if moved:
        hint = msg(
            "the line is shared, by count, for_each or an alias: write the difference by hand"
        )
        message = msg(
            "the edit would also change {addresses}; nothing was written",
            addresses=", ".join(moved[:5]),
        )
        raise Abort(error("absorb", message, hint=hint))
    state = session.read_state(store)
    # The new text may contain lookups for which the earlier plan read no list.
    lists = planning.refresh_scope(after, state, PlanOptions()).catalogue
    catalogue = session.read_account(connection, RefreshScope(catalogue=lists)).catalogue
    account = replace(planned.account, catalogue=catalogue)
    made = planning.make(
        stack=after, state=state, account=account, kinds=connection.kinds, options=PlanOptions()
    )
    left = _left(made, taken, known=frozenset(problem.message for problem in planned.plan.problems))
    if left:
        message = msg(
            "the edit would not match what is live ({fields}); nothing was written",
            fields=", ".join(left),
        )
        raise Abort(error("absorb", message, hint=msg("write it by hand")))


def _left(made: Plan, taken: list[Change], known: frozenset[str]) -> list[str]:
    """The fields of the drift that still differ with the new files, and the errors that are not in
    `known`, the messages of the earlier plan.
    """
    wanted = {(change.address, field.path) for change in taken for field in change.fields}
    found = [
        f"{c.address} {f.path}"
        for c in made.changes
        for f in c.fields
        if (c.address, f.path) in wanted
    ]
    return found + [
        problem.message
        for problem in made.problems
        if problem.severity.value == "error" and problem.message not in known
    ]


def _content(resource: Resource | None) -> object:
    return None if resource is None else replace(resource, place=None, places={})
