"""Moving objects to another stack (`state move`): what moves, what speaks against it, and the
writes to both states, in an order that can be stopped anywhere (`recovery.hand_over`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.commands.relocation.references import links, received, resource_of, rewritten
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.owners import SHARED
from reconciler.model.resource import Stack
from reconciler.model.state import SWITCHED_OFF, Entry, Note, Phase, State, StateChange
from reconciler.planner.compare import moves
from reconciler.recovery import hand_over
from reconciler.recovery.hand_over import HandOver, Side


@dataclass(frozen=True, slots=True)
class Party:
    """One of the two stacks: its resources, its state, how the other state names the place of it,
    and its path from the folder of the other stack.
    """

    stack: Stack
    state: State
    place: str
    file: str

    @property
    def side(self) -> Side:
        """The party as a hand-over names it."""
        name, environment = self.stack.name, self.stack.environment
        return Side(name, environment, self.state.lineage, self.place, self.file)


@dataclass(frozen=True, slots=True)
class Moving:
    """The objects that move, by their address in the source: their entries as the target will have
    them, rules after their firewall. `problems` speak against it; notices are among them.
    """

    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...] = ()


def plan(
    source: Party, target: Party, addresses: Sequence[Address], name: Address | None
) -> Moving:
    """What moves if these addresses of the source do; `name` is the address that the only one of
    them gets in the target.
    """
    places, problems = dict[str, str](), list[Problem]()
    for address in addresses:
        found = dict(_places(source.state, address, name or address))
        places.update(found)
        if not found:
            problems.append(_absent(source, target, address))
    problems += _of_account(source, target)
    problems += _of_source(source, places)
    problems += _of_target(target, source.state, places)
    entries = {
        text: _as_received(source.state.entries[text], places, source.state, target.state)
        for text in places
    }
    return Moving(entries, (*problems, *_references(source, places)))


def is_moved(address: Address, name: Address, source: State, target: State) -> bool:
    """Whether the objects of an address were moved from one state to the other."""
    there = [target.entries[text] for text, _ in _places(target, name, name)]
    given = [entry for entry in there if hand_over.MOVED + entry.id in source.facts]
    return bool(given) and not any(_places(source, address, name))


def _places(state: State, address: Address, name: Address) -> Iterator[tuple[str, str]]:
    """The addresses in the state that an address stands for, each with its new one."""
    for text in sorted(state.entries, key=_order):
        found = parse(text)
        if found is None or found.kind != address.kind:
            continue
        if found.owner == address:
            new = name
        elif address.index is None and found.resource == address:
            new = Address(name.kind, name.name, found.index)
        else:
            continue
        yield text, str(new if found.rule is None else new.with_rule(found.rule))


def _order(text: str) -> Any:
    address = parse(text)
    return (1, text) if address is None else (0, address.sort_key)


def _absent(source: Party, target: Party, address: Address) -> Problem:
    message = msg(
        "{address} is not in the state of {stack}", address=address, stack=source.stack.title
    )
    hint = hint_for(str(address), source.state.entries)
    if str(address) in target.state.entries:
        hint = msg("{stack} has it already", stack=target.stack.title)
    return error("missing-reference", message, address=str(address), hint=hint)


def _of_account(source: Party, target: Party) -> Iterator[Problem]:
    one, other = source.state, target.state
    if None not in (one.endpoint, other.endpoint) and one.endpoint != other.endpoint:
        yield error(
            "account",
            msg(
                "{source} is at {source_endpoint}, {target} at {target_endpoint}",
                source=source.stack.title,
                source_endpoint=one.endpoint,
                target=target.stack.title,
                target_endpoint=other.endpoint,
            ),
        )
    elif None not in (one.account, other.account) and one.account != other.account:
        message = msg(
            "{source} and {target} were applied with different access keys",
            source=source.stack.title,
            target=target.stack.title,
        )
        hint = msg("if both are of one account, apply both with the same key first")
        yield error("account", message, hint=hint)


def _of_source(source: Party, places: Mapping[str, str]) -> Iterator[Problem]:
    state = source.state
    now = {moves.place(source.stack, state, text) for text in places}
    for address, resource in source.stack.resources.items():
        if str(address) in now and address.rule is None:
            message = msg(
                "the file of {stack} still contains {address}: its next apply would create it "
                "again",
                stack=source.stack.title,
                address=address,
            )
            hint = msg(
                "remove it from the file first; nothing changes before this command or an apply"
            )
            yield error("move", message, place=resource.place, address=str(address), hint=hint)
    requests = {intent.address for intent, _ in state.open.values()}
    replaced = {old.address for old in state.deposed.values()}
    for text in places:
        if text in requests:
            message = msg("{address} has a request whose outcome is not recorded", address=text)
            hint = msg("settle it first: reconciler recover")
        elif text in replaced:
            message = msg("the object that {address} replaced is not deleted yet", address=text)
            hint = msg("complete it first: reconciler apply")
        elif state.entries[text].phase is Phase.DELETING:
            message = msg("{address} is being deleted by an earlier run", address=text)
            hint = msg("complete it first: reconciler apply")
        else:
            continue
        yield error("move", message, address=text, hint=hint)


def _of_target(target: Party, source: State, places: Mapping[str, str]) -> Iterator[Problem]:
    state, title = target.state, target.stack.title
    asked = {str(address) for address in target.stack.resources}
    taken = {
        *(intent.address for intent, _ in state.open.values()),
        *(old.address for old in state.deposed.values()),
        *state.entries,
    }
    owned = {entry.id: entry.address for entry in state.entries.values()}
    owned |= {id: old.address for id, old in state.deposed.items()}
    for text, new in places.items():
        entry = source.entries[text]
        address = parse(new)
        is_rule = address is not None and address.rule is not None
        if not is_rule and entry.id in owned:
            message = msg(
                "{stack} already has {id}, as {address}",
                stack=title,
                id=entry.id,
                address=owned[entry.id],
            )
            hint = msg(
                "take it out of one of the two: `removed: [{{from: ADDRESS, keep: true}}]` in its "
                "file and an apply"
            )
        elif new in taken:
            message = msg("{stack} already has an object at {address}", stack=title, address=new)
            hint = msg("choose another address with --as")
        elif not is_rule and new not in asked:
            message = msg(
                "the file of {stack} does not contain {address}: its next apply would delete it",
                stack=title,
                address=new,
            )
            hint = msg("write it there first, or choose another address with --as")
        else:
            continue
        yield error("move", message, address=text, hint=hint)


def _references(source: Party, places: Mapping[str, str]) -> Iterator[Problem]:
    """A notice for each reference between what moves and what stays."""
    for text, entry in source.state.entries.items():
        for other in sorted(set(links(entry).values()) & source.state.entries.keys()):
            if (text in places) != (other in places):
                message = msg(
                    "{address} refers to {other}, which will be in another stack: the state "
                    "keeps its id",
                    address=text,
                    other=other,
                )
                hint = msg(
                    "in the file, name it under `existing:`, or read its id with `stacks:` from "
                    "an output"
                )
                yield notice("move", message, address=text, hint=hint)


def _as_received(entry: Entry, places: Mapping[str, str], source: State, target: State) -> Entry:
    """An entry as the target will have it: references to what comes along or is there already by
    address, to what stays by id.
    """
    there = {other.id: other.address for other in target.entries.values()}
    applied = dict(entry.applied)
    for name, value in links(entry).items():
        if value in places:
            applied[name] = places[value]
        else:
            id = source.entries[value].id if value in source.entries else value
            applied[name] = there.get(id, id)
    resources = {resource_of(text): resource_of(new) for text, new in places.items()}
    waits = {places.get(text) or resources.get(text) for text in entry.depends_on}
    return replace(
        entry,
        address=places[entry.address],
        applied=applied,
        depends_on=tuple(sorted(text for text in waits if text is not None)),
    )


def carry_out(
    source: tuple[ports.StateWriter, Party],
    target: tuple[ports.StateWriter, Party],
    moving: Moving,
    *,
    run: str,
    token: str,
) -> None:
    """Hands the objects over. Stopped anywhere, the same command, or the next one on either stack,
    does the rest. Raises `StoreError`.
    """
    (giver, one), (taker, other) = source, target
    entries = tuple(moving.entries.values())
    facts = tuple(_facts(giver.state, entries))
    made = HandOver(token, one.side, other.side, tuple(moving.entries), entries, facts)
    if one.state.account is not None and one.state.endpoint is not None:
        taker.belong(account=one.state.account, endpoint=one.state.endpoint)
    # Without them, lines of the target's file would take what it gets for objects of before.
    before = [*moves.move(other.stack, taker.state).effects]
    before += [
        StateChange(fact=(hand_over.INCOMING + old.token, None))
        for old in hand_over.incoming(taker.state)
        if old.ids & made.ids
    ]
    ids = {text: entry.id for text, entry in zip(made.given, entries, strict=True)}
    left = rewritten(giver.state, ids, made.given)
    record(taker, run, "hand-over announced", (*before, *made.announce()))
    taker.check()
    record(giver, run, "handed over", (*made.give(), *left))
    record(taker, run, "received", received(made, taker.state))
    record(giver, run, "hand-over completed", [_closed(hand_over.OUTGOING, token)])
    record(taker, run, "hand-over completed", [_closed(hand_over.RECEIVED, token)])
    taker.commit()
    giver.commit()


def _facts(state: State, entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """What a state knows of objects besides their entries."""
    for entry in entries:
        for name in (SHARED + entry.id, SWITCHED_OFF + entry.id) if entry.parent is None else ():
            if name in state.facts:
                yield name, state.facts[name]


def take_again(giver: ports.StateWriter, taker: ports.StateWriter, run: str) -> tuple[str, ...]:
    """Hands over what was given and is in neither state, to the state that it was given to. Returns
    the addresses.

    It does not use the places that were recorded: the folder of a stack may have moved since.
    """
    found: list[str] = []
    for each in hand_over.outgoing(giver.state):
        stage = hand_over.stage_of_outgoing(each, taker.state)
        if stage is hand_over.Stage.UNKNOWN:
            continue
        if stage is not hand_over.Stage.RECEIVED:
            record(taker, run, "received", received(each, taker.state))
            found += each.given
        record(giver, run, "hand-over completed", [_closed(hand_over.OUTGOING, each.token)])
    return tuple(found)


def _closed(prefix: str, token: str) -> StateChange:
    return StateChange(fact=(prefix + token, None))


def record(
    writer: ports.StateWriter, run: str, reason: str, effects: Iterable[StateChange]
) -> None:
    """Records changes of a state durably."""
    writer.append(Note(writer.state.sequence + 1, run, reason, tuple(effects)))
