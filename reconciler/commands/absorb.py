"""`absorb`: writes what somebody changed outside into the stack's files, in place. The new text is
read again before it is kept.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TypeAlias

from reconciler.commands import context, session
from reconciler.commands.context import Connection
from reconciler.commands.plan import plan
from reconciler.commands.saved_plans.plan_file import replace_file
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
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.model.kinds import Kinds
from reconciler.model.plan import Change, Plan, unstated
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import Resource, Stack
from reconciler.model.state import State
from reconciler.planner import planner as planning
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.steps import targeting


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


Choose: TypeAlias = "Callable[[tuple[Change, ...]], tuple[Change, ...]]"
"""Which of the rows of drift are to be absorbed."""


def absorb(
    stack: Stack,
    patterns: tuple[str, ...],
    connection: Connection,
    store: ports.StateReader,
    load: Callable[[Mapping[str, str]], Loaded],
    choose: Choose = tuple,
) -> Absorbed:
    """The files with the drift of these addresses in them, all of it without patterns. Nothing is
    written.

    Stops if a pattern fits nothing in the stack. What cannot be absorbed is reported, and nothing
    of its address is changed.
    """
    _check(stack, patterns)
    planned = plan(stack, connection, store, PlanOptions())
    rows = choose(
        tuple(
            change
            for change in unstated(planned.plan.drift)
            if not patterns or _is_selected(change.address, patterns)
        )
    )
    work = _Absorption(stack, planned, connection, store, load)
    work.add_all(rows)
    return Absorbed(tuple(work.taken), work.texts, tuple(work.problems))


@dataclass(slots=True)
class _Absorption:
    """The rows that are absorbed so far, the texts with them, and the problems with others."""

    stack: Stack
    planned: context.Planned
    connection: Connection
    store: ports.StateReader
    load: Callable[[Mapping[str, str]], Loaded]
    taken: list[Change] = field(default_factory=list)
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add_all(self, rows: tuple[Change, ...]) -> None:
        """Takes all rows together. If that is not possible, takes those of one resource after the
        other, and reports the rest. Stops with the reason if nothing can be taken.
        """
        sources = _Sources()
        absorber = Absorber(self.stack, self.planned.account, sources.read)
        edits: list[tuple[Change, list[tuple[str, TextChange]]]] = []
        for change in rows:
            try:
                edits.append((change, list(absorber.edits(change))))
            except CannotAbsorb as failure:
                self.problems.append(failure.problem)
        if not edits:
            return
        try:
            self._take(sources, edits)
            return
        except Abort as stop:
            groups = {change.address.resource for change, _ in edits}
            if len(groups) == 1 or any(each.code != "absorb" for each in stop.problems):
                raise
            first = stop
        kept: list[tuple[Change, list[tuple[str, TextChange]]]] = []
        for resource in sorted(groups):
            mine = [each for each in edits if each[0].address.resource == resource]
            try:
                self._take(sources, kept + mine)
                kept += mine
            except Abort as stop:
                self.problems += [
                    replace(each, address=each.address or str(resource)) for each in stop.problems
                ]
        if not kept:
            raise first

    def _read_lists(self, after: Stack, state: State | None) -> None:
        """Reads what the new text may look up and the earlier plan did not need."""
        known = self.planned.account.catalogue
        lists = planning.refresh_scope(after, state, PlanOptions()).catalogue
        missing = frozenset(name for name in lists if getattr(known, name) is None)
        if missing:
            read = session.read_account(self.connection, RefreshScope(catalogue=missing)).catalogue
            more = {name: getattr(read, name) for name in missing}
            account = replace(self.planned.account, catalogue=replace(known, **more))
            self.planned = replace(self.planned, account=account)

    def _take(
        self, sources: _Sources, edits: list[tuple[Change, list[tuple[str, TextChange]]]]
    ) -> None:
        """Makes the texts with these edits. Stops if they do not say just that."""
        taken = [change for change, _ in edits]
        wanted: dict[str, list[TextChange]] = {}
        for file, desired in (each for _, found in edits for each in found):
            wanted.setdefault(file, []).append(desired)
        texts = {
            file: (sources.read(file).text, _edited(file, sources.read(file), found, taken))
            for file, found in wanted.items()
        }
        after = _read_back(self.load, {file: text for file, (_, text) in texts.items()})
        state = session.read_state(self.store)
        self._read_lists(after, state)
        _prove(self.stack, after, taken, state, self.planned, self.connection.kinds)
        self.taken, self.texts = taken, texts


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


def _check(stack: Stack, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        if not any(_is_selected(known, (pattern,)) for known in stack.resources):
            message = msg("{address} is not in the stack file", address=pattern)
            hint = suggestions.hint_for(pattern, [str(one) for one in stack.resources])
            raise Abort(error("missing-reference", message, hint=hint))


def _is_selected(address: Address, patterns: tuple[str, ...]) -> bool:
    return any(targeting.matches(address, pattern) for pattern in patterns)


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
    state: State | None,
    planned: context.Planned,
    kinds: Kinds,
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
    made = planning.make(
        stack=after, state=state, account=planned.account, kinds=kinds, options=PlanOptions()
    )
    left = _left(made, taken, known=frozenset(map(_anywhere, planned.plan.problems)))
    if left:
        message = msg(
            "the edit would not match what is live ({fields}); nothing was written",
            fields=", ".join(left),
        )
        raise Abort(error("absorb", message, hint=msg("write it by hand")))


def _anywhere(problem: Problem) -> Problem:
    """A problem without its place, which moves with the lines of a file."""
    return replace(problem, place=None)


def _left(made: Plan, taken: list[Change], known: frozenset[Problem]) -> list[str]:
    """The fields of the drift that still differ with the new files, and the errors that are not in
    `known`, the problems of the earlier plan.
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
        if problem.severity is Severity.ERROR and _anywhere(problem) not in known
    ]


def _content(resource: Resource | None) -> object:
    return None if resource is None else replace(resource, place=None, places={})
