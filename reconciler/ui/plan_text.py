"""A plan on a screen: what is dangerous first, one line an object, totals last (SPEC 4). It shows; it decides nothing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core import exits, plain
from reconciler.core.changes import Action, Cause, Change, Consent, FieldChange, Plan, Step
from reconciler.core.consent import Decision
from reconciler.core.model import Unknown
from reconciler.core.output_changes import OutputChange
from reconciler.ui import problems, rows, safe, words
from reconciler.ui.screen import Line, Look, Tone
from reconciler.ui.words import Words

_WAVES_MAX = 12
_CONSENTS_LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line tells besides the plan: the end of the access key, where the state lies, unix seconds of the reading.

    `saved` is the file in which the plan lies, where it is shown from there, and `id` its four characters, then kept in the file.
    """

    key_suffix: str
    state: str
    at: float
    simulated: bool = False
    provisional: str | None = None
    saved: str | None = None
    id: str | None = None


def plan_lines(
    plan: Plan, header: Header, look: Look, decision: Decision | None = None, outputs: Sequence[OutputChange] = ()
) -> Iterable[Line]:
    """The whole screen of a plan. `decision` tells what consent was given and is open, where it is known; `outputs` which will change."""
    head = _head(plan, header)
    if plan.is_empty and not plan.drift and not plan.problems and not outputs:
        yield Line(f" No changes. {_as_written(plan)}    {'    '.join(head)}", Tone.GOOD)
        return
    yield from _flow(" ", [*head, f"plan {header.id or plan_id(plan)}"], look, tone=Tone.TITLE, gap=4)
    if header.provisional is not None:
        yield Line(f" Provisional: {safe.outside(header.provisional)}", Tone.CARE)
    yield from _sections(plan, look)
    yield from _outputs(outputs, look)
    yield from _notes(plan, look)
    yield Line()
    if exits.stops(plan.problems):
        yield Line(f" No plan, and nothing is sent: {problems.tally(plan.problems)}.", Tone.DANGER)
        return
    if plan.is_empty:
        what = "No changes but to the outputs." if outputs else "No changes."
        yield Line(f" {what} {_as_written(plan)}", Tone.GOOD)
        return
    yield from _below(plan, look)
    yield from _totals(plan, look)
    yield from _consent(plan, decision, look)


def drift_lines(plan: Plan, header: Header, look: Look) -> Iterable[Line]:
    """The whole screen of `drift`."""
    yield from _flow(" ", _head(plan, header), look, tone=Tone.TITLE, gap=4)
    if header.provisional is not None:
        yield Line(f" Provisional: {safe.outside(header.provisional)}", Tone.CARE)
    yield from _sections(plan, look)
    yield from _notes(plan, look)
    if plan.drift:
        yield Line()
        yield Line(f" {words.count(len(plan.drift), 'object')} changed outside.", Tone.CARE)
    elif not plan.problems:
        yield Line()
        yield Line(" No drift: nothing that the stack manages was changed outside.", Tone.GOOD)


def plan_id(plan: Plan) -> str:
    """Four characters by which two screens can be told apart: the same changes and steps give the same."""
    return id_of(plan.title, plain.changes_exactly(plan), plain.steps_exactly(plan))


def id_of(*parts: object) -> str:
    """Four characters for the parts of a plan."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:4]


def _flow(label: str, parts: Sequence[str], look: Look, *, tone: Tone = Tone.PLAIN, gap: int = 4) -> Iterable[Line]:
    """A labelled line of parts that goes on below its first part where the screen is too narrow."""
    lines = rows.flow(parts, 10_000 if look.width is None else max(look.width - len(label), 20), gap=" " * gap)
    for number, text in enumerate(lines):
        yield Line(f"{label if number == 0 else ' ' * len(label)}{text}", tone)


def _head(plan: Plan, header: Header) -> list[str]:
    parts = [
        safe.outside(plan.title),
        "simulated" if header.simulated else "",
        f"saved in {safe.outside(header.saved)}" if header.saved is not None else "",
        f"key ..{safe.outside(header.key_suffix)}" if header.key_suffix else "",
        f"state {safe.outside(header.state)} (serial {plan.serial})",
        f"read {words.count(plan.calls.read, 'call')}",
        words.moment(header.at),
    ]
    return [part for part in parts if part]


def _as_written(plan: Plan) -> str:
    if plan.destroy:
        return "There is nothing to destroy."
    return f"{words.count(plan.unchanged, 'object')} as the file says."


def _sections(plan: Plan, look: Look) -> Iterable[Line]:
    changes, folded = _fold_rules([_named(change, plan) for change in plan.changes if look.verbose or change.action is not Action.NONE])
    attention = sorted((change for change in changes if rows.is_dangerous(change)), key=_gravity)
    reverts = [change for change in changes if change not in attention and _is_revert(change)]
    others = [change for change in changes if change not in attention and change not in reverts]
    left = _left_alone(plan)
    for title, found in (("ATTENTION", attention), ("CHANGES", others), ("DRIFT   changed outside; this apply reverts it", reverts)):
        if found:
            yield Line()
            yield Line(f" {title}", Tone.TITLE)
            yield from rows.table([rows.row(change, extra=folded.get(str(change.address), "")) for change in found], look)
    if left:
        yield Line()
        yield Line(" DRIFT   changed outside, and left as it is" if plan.changes else " DRIFT   changed outside", Tone.TITLE)
        yield from rows.table([rows.drift_row(change) for change in left], look)


def _is_revert(change: Change) -> bool:
    """Whether a change only puts back what somebody else changed."""
    return change.action is Action.UPDATE and bool(change.fields) and all(field.cause is Cause.OUTSIDE for field in change.fields)


def _left_alone(plan: Plan) -> list[Change]:
    """The drift that no change takes up: each difference is told once."""
    taken = {(change.address, field.path) for change in plan.changes for field in change.fields}
    gone = {change.address for change in plan.changes if change.action in (Action.DELETE, Action.REPLACE)}
    found = []
    for change in plan.drift:
        fields = tuple(field for field in change.fields if (change.address, field.path) not in taken)
        if change.address not in gone and (fields or not change.fields):
            found.append(replace(change, fields=fields))
    return found


def _named(change: Change, plan: Plan) -> Change:
    """The change with ids of the catalogue as the file calls them: `ubuntu 22.04` for an image found by that."""
    pins = plan.lookups.get(str(change.address))
    if not pins:
        return change
    called = {(name, id): _called(text) for name, found in pins.items() for text, id in found.items()}

    def name_of(field: FieldChange) -> FieldChange:
        after = field.after
        if isinstance(after, (tuple, list)):
            return replace(field, after=tuple(called.get((field.path, part), part) for part in after))
        return replace(field, after=called.get((field.path, after), after)) if isinstance(after, str) else field

    return replace(change, fields=tuple(name_of(field) for field in change.fields))


def _called(text: str) -> Words:
    """What a pin's text (`os:ubuntu:22.04`, `any:deploy`) says to people."""
    return Words(text.partition(":")[2].replace(":", " "))


def _gravity(change: Change) -> tuple[int, object]:
    return (list(Action).index(change.action), change.address.sort_key)


def _fold_rules(changes: Sequence[Change]) -> tuple[list[Change], Mapping[str, str]]:
    """Rules that come or go with their whole firewall are told in its line; one that needs consent keeps its own."""
    whole = {change.address: change.action for change in changes if change.action in (Action.CREATE, Action.DELETE)}
    kept: list[Change] = []
    told: dict[str, list[str]] = {}
    for change in changes:
        owner = change.address.owner
        with_owner = change.address.rule is not None and whole.get(owner) is change.action
        if with_owner and not change.impact.consents:
            said = rows.made("rules", {field.path: field for field in change.fields}) if change.action is Action.CREATE else ""
            told.setdefault(str(owner), []).append(said or safe.outside(change.address.rule))
        else:
            kept.append(change)
    return kept, {owner: f"with {words.count(len(texts), 'rule')}: {', '.join(texts)}" for owner, texts in told.items()}


def _outputs(changes: Sequence[OutputChange], look: Look) -> Iterable[Line]:
    if not changes:
        return
    yield Line()
    yield Line(" OUTPUTS", Tone.TITLE)
    name = max(safe.width(safe.outside(change.name)) for change in changes)
    for change in changes:
        after = _awaited(change.after) if isinstance(change.after, Unknown) else words.value(change.after)
        symbol, said = ("+", after) if change.before is None else ("~", f"{words.value(change.before)} -> {after}")
        yield from _flow(f"  {symbol}  {safe.pad(safe.outside(change.name), name)}  ", [said], look)


def _awaited(value: Unknown) -> str:
    names = [words.short(address) for address in plain.sources(value)]
    return f"known after apply of {safe.outside(_some(names, ', '))}"


def _notes(plan: Plan, look: Look) -> Iterable[Line]:
    if plan.problems:
        yield Line()
        yield Line(" ERRORS" if exits.stops(plan.problems) else " NOTES", Tone.TITLE)
        for item in plan.problems:
            yield from problems.problem_lines(item, look, indent="  ")


def _below(plan: Plan, look: Look) -> Iterable[Line]:
    parts = [f"{plan.unchanged} unchanged"] if plan.unchanged else []
    count, monthly = plan.unmanaged
    if count:
        parts.append(f"{count} not in any stack" + ("" if monthly is None else f" ({words.won(monthly)} a month)"))
    if parts:
        yield from _flow(" ", parts, look, tone=Tone.FAINT)
    if plan.steps:
        yield from _flow(" Order    ", _order(plan.steps), look, gap=3)


def _order(steps: Sequence[Step]) -> list[str]:
    """The steps in waves: `1 create db, create web   2 attach web`; equal numbers go side by side."""
    level: dict[str, int] = {}
    waves: dict[int, list[Step]] = {}
    for step in steps:
        level[step.key] = 1 + max((level.get(key, 0) for key in step.after), default=0)
        waves.setdefault(level[step.key], []).append(step)
    texts = [f"{number} {_wave(waves[number])}" for number in sorted(waves)[:_WAVES_MAX]]
    rest = len(waves) - len(texts)
    return [*texts, f"and {rest} more"] if rest > 0 else texts


def _wave(steps: Sequence[Step]) -> str:
    names: dict[str, list[str]] = {}
    for step in steps:
        names.setdefault(words.deed(step.operation), []).append(_brief(step))
    return ", ".join(f"{verb} {_some(found)}" for verb, found in names.items())


def _brief(step: Step) -> str:
    address = step.address
    return safe.outside(f"{words.short(str(address.owner))}.{address.rule}" if address.rule else words.short(str(address)))


def _some(names: Sequence[str], between: str = " ", *, most: int = 4) -> str:
    shown = names if len(names) <= most else [*names[: most - 1], f"and {len(names) - most + 1} more"]
    return between.join(shown)


def _totals(plan: Plan, look: Look) -> Iterable[Line]:
    counted = Counter(words.SYMBOLS[change.action] for change in plan.changes if change.action is not Action.NONE)
    symbols = dict.fromkeys(symbol for symbol in words.SYMBOLS.values() if symbol != " ")
    parts = [" ".join(f"{symbol}{counted[symbol]}" for symbol in reversed(symbols) if counted[symbol])]
    calls = words.count(plan.calls.write, "call")
    parts.append(calls + (f" + about {words.count(plan.calls.wait, 'wait')}" if plan.calls.wait else ""))
    if plan.eta_seconds is not None:
        parts.append(f"about {words.duration(plan.eta_seconds)}")
    yield from _flow(" Totals   ", [part for part in [*parts, _cost(plan)] if part], look)
    harm = _harm(plan)
    if harm:
        yield from _flow("          ", harm, look, tone=Tone.CARE)


def _cost(plan: Plan) -> str:
    cost = plan.cost
    if cost.before is None or cost.after is None:
        return "cost unknown" if cost.unknown else ""
    least = "at least " if cost.unknown else ""
    if cost.after == cost.before:
        return f"{least}{words.won(cost.after)} a month, as before, without VAT"
    return f"{least}{words.won(cost.after - cost.before, signed=True)} a month ({words.won(cost.after)} in all) without VAT"


def _harm(plan: Plan) -> list[str]:
    done = [change for change in plan.changes if change.action not in (Action.DECIDE, Action.BLOCKED)]
    down = [words.short(str(change.address)) for change in done if change.impact.downtime_seconds is not None]
    lost = [
        f"the {'disk' if loss.disk == 'root' else 'data'} of {words.short(loss.address)}"
        for change in done
        for loss in change.impact.data_loss
    ]
    final = [words.short(str(change.address)) for change in done if not change.impact.reversible]
    told = (("down:", down), ("lost:", lost), ("cannot be undone:", final))
    return [f"{word} {_some([safe.outside(name) for name in dict.fromkeys(names)], ', ', most=6)}" for word, names in told if names]


def _consent(plan: Plan, decision: Decision | None, look: Look) -> Iterable[Line]:
    still = plan.consents if decision is None else decision.open
    given = () if decision is None else decision.given
    if still:
        yield from _flow(" Consent  ", _consents(still), look, tone=Tone.CARE, gap=3)
    if given:
        yield from _flow("          " if still else " Consent  ", ["already given:", *_consents(given)], look, gap=3)


def _consents(consents: Sequence[Consent]) -> list[str]:
    """Each consent as `--accept` takes it; many of one class as a number, since each has its own line above."""
    counted = Counter(item.risk for item in consents)
    many = [f"{risk.value} of {number} objects" for risk, number in counted.items() if number > _CONSENTS_LISTED_MAX]
    few = [f"{c.risk.value}={safe.outside(c.address)}" for c in consents if counted[c.risk] <= _CONSENTS_LISTED_MAX]
    return [*many, *few]
