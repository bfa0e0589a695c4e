"""Moves: the state under the addresses that the file uses now. Nothing is sent for them
(stack-files#moved-and-removed, refactoring).

`moved` of the file is followed. Without it, a single object that gets a `count` becomes its `[0]`,
and back. Lines that exchange objects, or that fill a gap, would move again with every plan. The
state therefore notes that they were applied, together with what they moved (decisions/moves).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Move, Removal, Stack
from reconciler.model.state import State, StateChange
from reconciler.recovery.addresses import Moved, renamed
from reconciler.recovery.move_lines import MoveLines, is_about

APPLIED = "moved"
"""The fact with the lines that were applied and must not be applied again, as a JSON list."""


class Followed(NamedTuple):
    """The lines of a file that still count for a state. `once` are those of them that count only
    once; `applied` are all that must be noted as applied. `done` are lines of objects that were.
    """

    owners: MoveLines
    rules: MoveLines
    once: tuple[Move, ...]
    applied: frozenset[str]
    done: MoveLines

    def line(self, text: str) -> Move | None:
        """The line that is about an address."""
        return next(
            (
                move
                for lines in (self.rules, self.owners)
                for move in lines
                if is_about(text, move.source)
            ),
            None,
        )


def move(stack: Stack, state: State) -> Moved:
    """The state under the addresses of the file."""
    followed = _followed(stack, state)
    targets = {
        text: str(target)
        for text, target in _targets(stack, state, followed, state.entries)
        if str(target) != text
    }
    problems = tuple(_retired(stack, targets)) or (
        *_contradictions(stack, state, followed),
        *_unsettled_exchanges(state, followed),
    )
    if problems:
        return Moved(state, problems=problems)
    freed = _freed(stack, state, followed, targets)
    for text in sorted(state.entries) if freed else ():
        address = parse(text)
        if address is not None and text not in targets and address.owner in freed:
            place = freed[address.owner]
            targets[text] = str(place if address.rule is None else place.with_rule(address.rule))
    made = renamed(state, targets) if targets else Moved(state)
    if made.problems:
        placed = (_placed(problem, targets, followed) for problem in made.problems)
        return replace(made, problems=tuple(placed))
    return replace(
        made,
        effects=(*made.effects, *_notes(stack, state, followed, freed)),
        removals=tuple(_removals(stack, state, followed, freed)),
    )


def place(stack: Stack, state: State, text: str) -> str:
    """The address that the file has now for an object at another one, also for an unsettled create,
    which has no entry in the state.
    """
    found = _targets(stack, state, _followed(stack, state), (text,))
    return next((str(target) for _, target in found), text)


def before_binding(stack: Stack, state: State) -> tuple[StateChange, ...]:
    """What is recorded before an object is bound to an address of the file: the lines that would
    later take it for an object from before they were written.
    """
    effects = move(stack, state).effects
    return effects if any(change.fact is not None for change in effects) else ()


def noted(state: State) -> frozenset[str]:
    """The lines that a state notes as applied."""
    try:
        found = json.loads(state.facts.get(APPLIED, "[]"))
    except ValueError:
        return frozenset()
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def _spelled(line: Move) -> str:
    return f"{line.source} -> {line.target}"


def _followed(stack: Stack, state: State) -> Followed:
    """The lines that still count. Of a cycle, all addresses must have an object: with one missing
    there is nothing to exchange, and the others are where they belong.
    """
    applied = noted(state)
    # A single object that gets an index leaves its address, which then means all of them.
    indexed = {line.source for line in stack.moved if line.target.index is not None}

    def defined(address: Address) -> bool:
        is_resource = address.index is None and address.rule is None and address not in indexed
        return address in stack.resources or (
            is_resource and (address.kind, address.name) in stack.cardinalities
        )

    counting = [line for line in stack.moved if not line.past]
    lines = [line for line in counting if _spelled(line) not in applied]
    done = [line for line in counting if _spelled(line) in applied and line.source.rule is None]
    owners = MoveLines((line for line in lines if line.source.rule is None), defined)
    rules = MoveLines((line for line in lines if line.source.rule is not None), defined)
    once = [line for found in (owners, rules) for group in found.groups() for line in group]
    known = frozenset(map(_spelled, stack.moved)) & applied
    if once:
        owners = owners.without(_incomplete(state, owners, MoveLines((), defined)))
        rules = rules.without(_incomplete(state, rules, owners))
    noted_now = known | frozenset(map(_spelled, once))
    return Followed(owners, rules, tuple(once), noted_now, MoveLines(done, defined))


def _incomplete(state: State, lines: MoveLines, owners: MoveLines) -> Iterator[Move]:
    """The lines of cycles of which an address has no object. `owners` are the lines that the
    firewalls of rules follow.
    """
    for line in lines.reused():
        if not all(_is_there(state, address, owners) for address in lines.cycle(line.source)):
            yield line


def _is_there(state: State, source: Address, owners: MoveLines | None = None) -> bool:
    """Whether the state has an object that a line is about."""
    if str(source) in state.entries or any(is_about(text, source) for text in state.entries):
        return True
    if source.rule is None or owners is None:
        return False
    rules = (address for text in state.entries if (address := parse(text)) and address.rule)
    return any(
        address.rule == source.rule and owners.end(address.owner) == source.owner
        for address in rules
    )


def _notes(
    stack: Stack, state: State, followed: Followed, freed: Mapping[Address, Address]
) -> Iterator[StateChange]:
    """The note of the lines that were applied, if it changes. A line that has left the file is no
    longer noted.
    """
    chains = {
        _spelled(line)
        for start in freed.values()
        for line in followed.owners
        if followed.owners.first(line.source) == start
    }
    lines = sorted(followed.applied | chains)
    if set(lines) != noted(state):
        yield StateChange(fact=(APPLIED, json.dumps(lines, ensure_ascii=False)))


def _freed(
    stack: Stack, state: State, followed: Followed, targets: Mapping[str, str]
) -> dict[Address, Address]:
    """The new address of each object that has to give up its own to a moved one: the first of the
    chain, which becomes free and which the file does not define, so that it is deleted.

    This is what closing a gap of a `count` means. Elsewhere the file must state it with `removed`.
    """
    removals = {removal.address for removal in stack.removed}
    found: dict[Address, Address] = {}
    for text, target in targets.items():
        address, source = parse(target), parse(text)
        if (
            address is None
            or source is None
            or address.rule is not None
            or target not in state.entries
            or target in targets
        ):
            continue
        closes_gap = (
            isinstance(address.index, int)
            and isinstance(source.index, int)
            and address.resource == source.resource
        )
        start = followed.owners.first(address)
        if (closes_gap or address in removals) and start not in stack.resources:
            found[address] = start
    return found


def _removals(
    stack: Stack, state: State, followed: Followed, freed: Mapping[Address, Address]
) -> Iterator[Removal]:
    """The removals of the file whose objects gave up their address: now, or when the lines were
    applied, if no run has done the rest since (it was not chosen, or the run was stopped).
    """
    for removal in stack.removed:
        start = freed.get(removal.address)
        if start is None and removal.address in stack.resources:
            before = followed.done.first(removal.address)
            is_left = before not in stack.resources and str(before) in state.entries
            start = before if is_left and before != removal.address else None
        if start is not None:
            yield Removal(start, removal.keep, removal.place)


def _contradictions(stack: Stack, state: State, followed: Followed) -> Iterator[Problem]:
    """An error for each object that would leave an address that the file still defines, and that no
    line fills.
    """
    if not followed.once:
        return
    filled = followed.owners.filled() | followed.rules.filled()
    for line in (*followed.owners.reused(), *followed.rules.reused()):
        if line.source not in filled and _is_there(state, line.source):
            yield error(
                "move",
                msg("`{source}` moves, but the file still contains it", source=line.source),
                place=line.place,
                address=str(line.source),
                hint=msg("remove one of the two"),
            )


def _unsettled_exchanges(state: State, followed: Followed) -> Iterator[Problem]:
    """An error for each request of unknown outcome at an address whose objects are exchanged:
    afterwards the address would mean another object.
    """
    for intent, result in state.open.values() if followed.once else ():
        if result == "accepted" or intent.address in state.entries:
            continue  # of an object in the state, `_problems` reports it
        line = next((line for line in followed.once if is_about(intent.address, line.source)), None)
        if line is not None:
            yield error(
                "move",
                msg(
                    "{source} cannot become {target} while the outcome of {operation}, sent by an "
                    "earlier run, is not known",
                    source=line.source,
                    target=line.target,
                    operation=intent.operation,
                ),
                place=line.place,
                address=intent.address,
                hint=msg("settle it first: reconciler recover"),
            )


def _retired(stack: Stack, targets: Mapping[str, str]) -> Iterator[Problem]:
    """An error for each line that would move an object to an address that the file does not define:
    the object would be deleted, which a typing error must not do.
    """
    lines = {line.target: line for line in stack.moved if line.retired}
    for text, target in sorted(targets.items()) if lines else ():
        address = parse(target)
        if address is None:
            continue
        line = lines.get(address)
        if line is None and address.rule is None:
            line = lines.get(address.resource)
        if line is None:
            continue
        if address.rule is None:
            known = {name for kind, name in stack.cardinalities if kind == address.kind}
        else:
            known = {
                other.rule
                for other in stack.resources
                if other.rule is not None and other.owner == address.owner
            }
        spelled = hint_for(address.rule or address.name, known)
        hint = msg(
            "correct the line, or state what happens to the object: removed: "
            "[{{from: '{target}', keep: false}}]",
            target=target,
        )
        message = msg(
            "`{source}` moves to `{target}`, which the stack does not define",
            source=text,
            target=target,
        )
        yield error(
            "missing-reference",
            message,
            place=line.place,
            address=text,
            hint=msg("{spelled}; {hint}", spelled=spelled, hint=hint) if spelled else hint,
        )


def _placed(problem: Problem, targets: Mapping[str, str], followed: Followed) -> Problem:
    """The problem at the line that moves an object to its address."""
    texts = (text for text, target in targets.items() if target == problem.address)
    line = next((line for text in texts if (line := followed.line(text)) is not None), None)
    return problem if line is None else replace(problem, place=line.place)


# Which entry moves where
# --------------------------------------------------------------------------------------------------


def _targets(
    stack: Stack, state: State, followed: Followed, texts: Iterable[str]
) -> Iterator[tuple[str, Address]]:
    owners, rules = followed.owners, followed.rules
    for text in texts:
        address = parse(text)
        if address is None:
            continue
        owner = owners.end(address.owner)
        owner = _counted(stack, state, owner) if owner == address.owner else owner
        if address.rule is None:
            yield text, owner
            continue
        here = rules.end(address)
        there = owner.with_rule(here.rule or "")
        # A line of a rule can name the firewall as it was or as it is.
        has_arrived = here != address and (there == here or there in stack.resources)
        yield text, there if has_arrived else owner.with_rule(rules.end(there).rule or "")


def _counted(stack: Stack, state: State, owner: Address) -> Address:
    """A single object that got a `count` is its first, and the first of a count that is gone is the
    single one.
    """
    shape = stack.cardinalities.get((owner.kind, owner.name), ())
    if owner.index is None and isinstance(shape, int):
        other = Address(owner.kind, owner.name, 0)
    elif owner.index == 0 and shape is None:
        other = owner.resource
    else:
        return owner
    wanted = other in stack.resources and str(other) not in state.entries
    return other if wanted else owner
