"""A state under other addresses: `state mv`, and the moves of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import EMPTY, Removal
from reconciler.model.state import Deposed, Entry, State, StateChange
from reconciler.recovery.move_lines import by_line


@dataclass(frozen=True, slots=True)
class Moved:
    """The state after all moves. `places` maps each new address to the old one, both as texts;
    `effects` record it. `removals` are those of the file whose objects gave up their address.
    """

    state: State
    places: Mapping[str, str] = EMPTY
    effects: tuple[StateChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    removals: tuple[Removal, ...] = ()


def rename(state: State, source: Address, target: Address, *, exchange: bool = False) -> Moved:
    """The state with one object, or all of a resource, under another address: `state mv`. With
    `exchange` what is at `target` gets the address of `source`.
    """
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
        if (found := _line_of(text, source, target)) is not None
    }
    if exchange:
        back = {
            text: str(found)
            for text in sorted(known)
            if (found := _line_of(text, target, source)) is not None
        }
        for address, texts in ((source, targets), (target, back)):
            if not texts:
                missing = error(
                    "missing-reference",
                    msg("{address} is not in the state", address=address),
                    address=str(address),
                    hint=hint_for(str(address), state.entries),
                )
                return Moved(state, problems=(missing,))
        targets |= back
    # numbers become keys, or keys numbers
    one_by_one = source.resource == target.resource and None not in (source.index, target.index)
    mixed = () if one_by_one else tuple(_mixed(known - set(targets), targets))
    return Moved(state, problems=mixed) if mixed else renamed(state, targets)


def _line_of(text: str, source: Address, target: Address) -> Address | None:
    address = parse(text)
    return None if address is None else by_line(address, source, target)


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


def renamed(state: State, asked: Mapping[str, str]) -> Moved:
    """The state with other addresses for some of its objects, or the problems with that."""
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
                "remove the line from `moved`, delete the other object with removed: [{{from: "
                "'{target}', keep: false}}], or forget one of them: reconciler state forget "
                "'{target}'",
                target=target,
            )
            yield error("move", message, address=target, hint=hint)
