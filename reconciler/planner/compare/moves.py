"""Moves: the state under the addresses that the file uses now. Nothing is sent for them
(stack-files#moved-and-removed, refactoring).

`moved` of the file is followed. Without it, a single object that gets a `count` becomes its `[0]`,
and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import EMPTY, Stack
from reconciler.model.state import Deposed, Entry, State, StateChange


@dataclass(frozen=True, slots=True)
class Moved:
    """The state after all moves. `places` maps each new address to the old one, both as texts;
    `effects` record it.
    """

    state: State
    places: Mapping[str, str] = EMPTY
    effects: tuple[StateChange, ...] = ()
    problems: tuple[Problem, ...] = ()


def move(stack: Stack, state: State) -> Moved:
    """The state under the addresses of the file."""
    targets = {
        text: str(target)
        for text, target in _targets(stack, state, state.entries)
        if str(target) != text
    }
    problems = tuple(_retired(stack, targets))
    if problems:
        return Moved(state, problems=problems)
    return _renamed(state, targets) if targets else Moved(state)


def place(stack: Stack, state: State, text: str) -> str:
    """The address that the file has now for an object at another one, also for an unsettled create,
    which has no entry in the state.
    """
    return next((str(target) for _, target in _targets(stack, state, (text,))), text)


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


def rename(state: State, source: Address, target: Address) -> Moved:
    """The state with one object, or all of a resource, under another address: `state mv`."""
    apart = source.rule is not None and source.owner != target.owner
    if source == target:
        return Moved(
            state,
            problems=(
                error(
                    "move",
                    msg("{source} has that address already", source=source),
                    address=str(source),
                ),
            ),
        )
    if source.kind != target.kind or apart or (source.rule is None) != (target.rule is None):
        message = msg(
            "{source} cannot become {target}: the kind must be the same, and a rule stays in its "
            "firewall",
            source=source,
            target=target,
        )
        return Moved(state, problems=(error("move", message, address=str(source)),))
    known = {
        *state.entries,
        *(intent.address for intent, result in state.open.values() if result != "accepted"),
    }
    targets = {
        text: str(found)
        for text in sorted(known)
        if (found := _by(text, source, target)) is not None
    }
    # numbers become keys, or keys numbers
    one_by_one = source.resource == target.resource and None not in (source.index, target.index)
    mixed = () if one_by_one else tuple(_mixed(known - set(targets), targets))
    return Moved(state, problems=mixed) if mixed else _renamed(state, targets)


def _mixed(staying: Iterable[str], targets: Mapping[str, str]) -> Iterator[Problem]:
    """An error for each object whose index would have another form than others of its resource: no
    file can define `c` and `c[0]`, or `c[0]` and `c["a"]`.
    """
    forms: dict[tuple[str, str], dict[type, str]] = {}
    for text in sorted(staying):
        if (address := parse(text)) is not None:
            forms.setdefault((address.kind, address.name), {}).setdefault(
                type(address.index), str(address.owner)
            )
    for text, target in targets.items():
        if (address := parse(target)) is not None and address.rule is None:
            there = forms.get((address.kind, address.name), {})
            other_form = next(
                (other for form, other in there.items() if form is not type(address.index)), None
            )
            if other_form is not None:
                message = msg(
                    "{source} cannot become {target} beside {other_form}: a file cannot define "
                    "both",
                    source=text,
                    target=target,
                    other_form=other_form,
                )
                yield error(
                    "move",
                    message,
                    address=text,
                    hint=msg(
                        "move {other_form} first, or choose an address of the same form",
                        other_form=other_form,
                    ),
                )


def _renamed(state: State, asked: Mapping[str, str]) -> Moved:
    targets = {text: target for text, target in asked.items() if target != text}
    problems = tuple(_problems(state, targets))
    if problems:
        return Moved(state, problems=problems)
    whole = _resources(targets)
    entries = {
        targets.get(text, text): _entry(entry, targets, whole)
        for text, entry in state.entries.items()
    }
    deposed = {id: _deposed(old, targets) for id, old in state.deposed.items()}
    effects = [StateChange(drop=text) for text in sorted(targets)]
    effects += [
        StateChange(put=entries[text])
        for text in sorted(entries)
        if state.entries.get(text) != entries[text]
    ]
    effects += [
        StateChange(depose=old) for id, old in sorted(deposed.items()) if state.deposed[id] != old
    ]
    places = {target: text for text, target in sorted(targets.items())}
    return Moved(replace(state, entries=entries, deposed=deposed), places, tuple(effects))


def _entry(entry: Entry, targets: Mapping[str, str], whole: Mapping[str, Set[str]]) -> Entry:
    """The entry with every address in it as it is now; the same object if none has changed."""
    applied = {name: _value(value, targets) for name, value in entry.applied.items()}
    waits = tuple(sorted(_reference(text, targets, whole) for text in entry.depends_on))
    address = targets.get(entry.address, entry.address)
    made = replace(entry, address=address, applied=applied, depends_on=waits)
    return entry if made == entry else made


def _deposed(old: Deposed, targets: Mapping[str, str]) -> Deposed:
    return replace(old, address=targets[old.address]) if old.address in targets else old


def _value(value: Any, targets: Mapping[str, str]) -> Any:
    return targets.get(value, value) if isinstance(value, str) else value


def _reference(text: str, targets: Mapping[str, str], whole: Mapping[str, Set[str]]) -> str:
    """A dependency may name a resource without its index: it follows where all of it goes to one
    resource.
    """
    if text in targets:
        return targets[text]
    found = whole.get(text, frozenset())
    return next(iter(found)) if len(found) == 1 else text


def _resources(targets: Mapping[str, str]) -> dict[str, set[str]]:
    """For each resource of which something moves, the resources that it goes to."""
    found: dict[str, set[str]] = {}
    for source, target in targets.items():
        found.setdefault(_resource(source), set()).add(_resource(target))
    return found


def _resource(text: str) -> str:
    address = parse(text)
    return text if address is None else str(address.resource)


def _problems(state: State, targets: Mapping[str, str]) -> Iterator[Problem]:
    unsettled = {
        intent.address: intent.operation
        for intent, result in state.open.values()
        if result != "accepted"
    }
    taken: dict[str, str] = {}
    for text, target in sorted(targets.items()):
        operation = unsettled.get(text) or unsettled.get(target)
        other = taken.setdefault(target, text)
        if operation is not None:
            message = msg(
                "{source} cannot become {target} while the outcome of {operation}, sent by an "
                "earlier run, is not known",
                source=text,
                target=target,
                operation=operation,
            )
            yield error(
                "move", message, address=target, hint=msg("settle it first: reconciler recover")
            )
        elif other != text:
            yield error(
                "move",
                msg(
                    "both {other} and {source} would become {target}",
                    other=other,
                    source=text,
                    target=target,
                ),
                address=target,
                hint=msg("move one of them elsewhere"),
            )
        elif target in state.entries and target not in targets:
            message = msg(
                "{source} cannot become {target}: the state holds both, {source_id} and "
                "{target_id}",
                source=text,
                target=target,
                source_id=state.entries[text].id,
                target_id=state.entries[target].id,
            )
            hint = msg(
                "remove the line from `moved`, or forget one of them: reconciler state forget "
                "'{target}'",
                target=target,
            )
            yield error("move", message, address=target, hint=hint)


# Which entry moves where
# --------------------------------------------------------------------------------------------------


def _targets(stack: Stack, state: State, texts: Iterable[str]) -> Iterator[tuple[str, Address]]:
    lines = {move.source: move.target for move in stack.moved}
    rules = {source: target for source, target in lines.items() if source.rule is not None}
    owners = {source: target for source, target in lines.items() if source.rule is None}
    ends: dict[Address, Address] = {}
    for text in texts:
        address = parse(text)
        if address is None:
            continue
        owner = _followed(address.owner, owners, ends)
        owner = _counted(stack, state, owner) if owner == address.owner else owner
        if address.rule is None:
            yield text, owner
        else:
            here = _followed(address, rules, ends)
            yield (
                text,
                owner.with_rule(
                    _followed(owner.with_rule(here.rule or ""), rules, ends).rule or ""
                ),
            )


def _followed(
    address: Address, lines: Mapping[Address, Address], ends: dict[Address, Address]
) -> Address:
    """Where a chain of moves ends, noted in `ends` for each of its links. Circles were refused when
    the file was read.
    """
    chain: dict[Address, None] = {}
    while address not in ends and address not in chain:
        chain[address] = None
        after = next(
            (
                found
                for source, target in _near(address, lines)
                if (found := _by(str(address), source, target)) is not None
            ),
            None,
        )
        address = address if after is None else after
    end = ends.get(address, address)
    ends.update(dict.fromkeys(chain, end))
    return end


def _near(address: Address, lines: Mapping[Address, Address]) -> Iterator[tuple[Address, Address]]:
    """The lines that may be about an address: its own first, then that of its resource."""
    for source in (address, address.resource):
        if source in lines:
            yield source, lines[source]


def _by(text: str, source: Address, target: Address) -> Address | None:
    """Where one line moves an address, None if the line is not about it. A firewall takes its rules
    along.
    """
    address = parse(text)
    if address is None or address.kind != source.kind:
        return None
    if source.rule is not None or target.rule is not None:
        return target if address == source else None
    if address.owner == source:
        found = target
    elif (
        source.index is None
        and target.index is None
        and (address.kind, address.name) == (source.kind, source.name)
    ):
        found = Address(target.kind, target.name, address.index)
    else:
        return None
    return found if address.rule is None else found.with_rule(address.rule)


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
