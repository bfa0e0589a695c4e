"""The text of a project's file as values, and what is wrong with it beyond its form. What has the
wrong form is left out here, because the schema reports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from reconciler.common.suggestions import hint_for
from reconciler.common.text import enumerated, msg
from reconciler.common.timing import QUOTA_CALLS
from reconciler.config.document import Node, Scalar, Sequence, Table, is_null
from reconciler.config.project.project import (
    MINUTES_OF_DAY,
    NO_PROJECT,
    ApplyMode,
    Drift,
    DriftAnswer,
    Located,
    Notify,
    Project,
    ProjectRule,
    Prune,
    QuotaKind,
    QuotaSharing,
    StackEntry,
    Window,
)
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import RiskClass
from reconciler.model.resource import EMPTY
from reconciler.model.watching import Health

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLASSES = frozenset(each.value for each in RiskClass)
_HEALTHS = {each.value: each for each in Health}
_LANGUAGES = ("en", "ko")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_PASSWORD = re.compile(r"://[^?#]*:[^?#]*@|password\s*=", re.IGNORECASE)
"""A password in a URL, also one that is not written as it should be."""


def values(root: Table, file: Path, problems: list[Problem]) -> Project:
    """The project that the file describes. Adds the mistakes that no schema can find."""
    problems += _expressions(root)
    name, state = root.get("project"), _text(root.get("state"))
    return Project(
        name.text if isinstance(name, Scalar) else NO_PROJECT,
        file,
        None if state is None else Located(state.text, state.place),
        _quota(root.get("quota"), problems),
        _stacks(root, file.parent, problems),
        tuple(_rules(root, problems)),
        tuple(Located(each.text, each.place) for each in _policies(root, problems)),
        tuple(_notify(root, problems)),
    )


def hidden_values(root: Table) -> Iterator[Node]:
    """The values that may be a secret by mistake, so that no message quotes them: their mistakes
    are reported here alone.
    """
    notify = root.get("notify")
    yield from filter(None, (root.get("quota"),))
    if notify is not None and not isinstance(notify, Sequence):
        yield notify
    for item in notify.items if isinstance(notify, Sequence) else ():
        if not isinstance(item, Table):
            yield item
            continue
        on = item.get("on")
        yield from filter(None, (item.get("to"),))
        yield from on.items if isinstance(on, Sequence) else filter(None, (on,))


def _expressions(root: Table) -> Iterator[Problem]:
    for each in _scalars(root):
        if "${" in each.text:
            message = msg("the file of a project has no expressions: texts are taken as written")
            hint = msg("write the value itself")
            if each is root.get("state"):
                hint = msg("set the variable RECONCILER_STATE instead")
            yield error("bad-format", message, place=each.place, hint=hint)


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    else:
        for each in node.items if isinstance(node, Sequence) else node.entries.values():
            yield from _scalars(each)


def _quota(node: Node | None, problems: list[Problem]) -> QuotaSharing:
    if node is None:
        return QuotaSharing()
    message = msg(
        "`quota` must be local, shared, {form} or the URL of a PostgreSQL database",
        form="{share: 20}",
    )
    hint = msg("to share it in the database of the states, write `quota: shared`")
    if isinstance(node, Table) and "share" in node.entries:
        share = node.get("share")
        number = share.value if isinstance(share, Scalar) else None
        if type(number) is int and 1 <= number <= QUOTA_CALLS:
            return QuotaSharing(QuotaKind.SHARE, number)
        message = msg("`share` must be 1 to {limit}, the requests a minute", limit=QUOTA_CALLS)
        hint = msg("divide {limit} by the number of machines", limit=QUOTA_CALLS)
        node = share or node
    text = _text(node)
    if text is not None and not isinstance(text.value, int | float):
        if text.text in (QuotaKind.LOCAL.value, QuotaKind.SHARED.value):
            return QuotaSharing(QuotaKind(text.text))
        if text.text.startswith(("postgres://", "postgresql://")):
            if _PASSWORD.search(unquote_plus(text.text)) is None:
                return QuotaSharing(QuotaKind.SHARED, url=text.text)
            message = msg("`quota` contains a password")
            hint = msg("take it out of the file: set the variable PGPASSWORD, or use ~/.pgpass")
    problems.append(error("bad-format", message, place=node.place, hint=hint))
    return QuotaSharing()


def _stacks(root: Table, folder: Path, problems: list[Problem]) -> Mapping[str, StackEntry]:
    section = root.get("stacks")
    found: dict[str, StackEntry] = {}
    for name, place, node in section.keyed() if isinstance(section, Table) else ():
        if not isinstance(node, Table):
            continue
        environments = tuple(each.text for each in _texts(node.get("environments")))
        promote = _promotion(node, environments, problems)
        path = _text(node.get("path"))
        if path is not None:
            found[name] = StackEntry(name, folder / path.text, environments, promote, place)
    return found or EMPTY


def _promotion(
    node: Table, environments: tuple[str, ...], problems: list[Problem]
) -> Mapping[str, str]:
    section = node.get("promote")
    found: dict[str, str] = {}
    for after, place, inner in section.keyed() if isinstance(section, Table) else ():
        before = _text(inner)
        if before is None:
            continue
        wrong = [
            (each, where)
            for each, where in ((after, place), (before.text, before.place))
            if each not in environments
        ]
        for each, where in wrong:
            message = msg(
                "`promote` names the environment `{name}`, which is not listed", name=each
            )
            hint = hint_for(each, environments) or msg("list it: `environments: [...]`")
            problems.append(error("missing-reference", message, place=where, hint=hint))
        if not wrong:
            found[after] = before.text
    return found or EMPTY


def _rules(root: Table, problems: list[Problem]) -> Iterator[ProjectRule]:
    for node in _tables(root.get("rules")):
        pattern = _text(node.get("for"))
        if pattern is not None:
            given = dict(_settings(node, problems))
            yield ProjectRule(pattern.text, given or EMPTY, pattern.place)


def _settings(node: Table, problems: list[Problem]) -> Iterator[tuple[str, object]]:
    apply, prune = _text(node.get("apply")), _text(node.get("prune"))
    if apply is not None and apply.text in {mode.value for mode in ApplyMode}:
        yield "apply", ApplyMode(apply.text)
    if prune is not None and prune.text in {answer.value for answer in Prune}:
        yield "prune", Prune(prune.text)
    approvals = node.get("approvals")
    if isinstance(approvals, Table):
        yield "approvals", dict(_approvals(approvals, problems))
    if isinstance(node.get("approvers"), Sequence):
        yield "approvers", tuple(each.text for each in _texts(node.get("approvers")))
    if isinstance(node.get("windows"), Sequence):
        found = [_window(each, problems) for each in _tables(node.get("windows"))]
        yield "windows", tuple(each for each in found if each is not None)
    drift = node.get("drift")
    if isinstance(drift, Table):
        yield "drift", _drift(drift)


def _approvals(node: Table, problems: list[Problem]) -> Iterator[tuple[str, int | None]]:
    for name, each in node.entries.items():
        if not isinstance(each, Scalar):
            continue
        if each.text == "never":
            yield name, None
        elif type(each.value) is int and each.value < 1 and name in _CLASSES:
            message = msg("`{name}` needs at least 1 approval", name=name)
            hint = msg(
                "write 1 to 20, or never: a class of consent is not applied without an approval"
            )
            problems.append(error("out-of-bounds", message, place=each.place, hint=hint))
        elif type(each.value) is int:
            yield name, each.value


def _window(node: Table, problems: list[Problem]) -> Window | None:
    from reconciler.config.project import windows  # time zones are for those who name one

    days = node.get("days")
    listed = _texts(days) if isinstance(days, Sequence) else filter(None, [_text(days)])
    chosen = frozenset[int]() if days is not None else frozenset(range(7))
    for each in listed:
        chosen |= _days(each.text)
    start, end = _minutes(node.get("from"), 0), _minutes(node.get("to"), MINUTES_OF_DAY)
    zone = _text(node.get("zone"))
    if zone is None or start is None or end is None or not chosen:
        return None
    if not windows.is_zone(zone.text):
        message = msg("there is no time zone `{zone}`", zone=zone.text[:60])
        hint = hint_for(zone.text, windows.zones())
        problems.append(error("not-allowed", message, place=zone.place, hint=hint))
        return None
    return Window(chosen, start, end, zone.text)


def _days(text: str) -> frozenset[int]:
    """The days of `mon`, or of a range such as `sat-mon`, which may pass the end of the week."""
    first, _, last = text.partition("-")
    last = last or first
    if first not in DAYS or last not in DAYS:
        return frozenset()
    begin = DAYS.index(first)
    count = (DAYS.index(last) - begin) % 7 + 1
    return frozenset((begin + each) % 7 for each in range(count))


def _minutes(node: Node | None, default: int) -> int | None:
    if is_null(node):
        return default
    match = re.fullmatch(r"(\d\d):(\d\d)", node.text) if isinstance(node, Scalar) else None
    return None if match is None else int(match[1]) * 60 + int(match[2])


def _drift(node: Table) -> Drift:
    every, then = _text(node.get("every")), _text(node.get("then"))
    found: dict[str, Any] = {}
    if every is not None and re.fullmatch(r"\d{1,4}[mhd]", every.text):
        found["every"] = int(every.text[:-1]) * _SECONDS[every.text[-1]]
    if then is not None and then.text in {answer.value for answer in DriftAnswer}:
        found["answer"] = DriftAnswer(then.text)
    revert = frozenset(each.text for each in _texts(node.get("revert")))
    return Drift(**found, revert=revert)


def _policies(root: Table, problems: list[Problem]) -> Iterator[Scalar]:
    for each in _texts(root.get("policies")):
        if each.text.startswith("/") or ".." in each.text.split("/"):
            message = msg("`{pattern}` leaves the folder of the project", pattern=each.text[:60])
            hint = msg("write a pattern such as policies/*.yaml, relative to this file")
            problems.append(error("bad-format", message, place=each.place, hint=hint))
        else:
            yield each


def _notify(root: Table, problems: list[Problem]) -> Iterator[Notify]:
    section = root.get("notify")
    if section is not None and not isinstance(section, Sequence):
        problems.append(_no_variable(section))
        return
    for node in () if section is None else section.items:
        if not isinstance(node, Table):
            problems.append(_no_variable(node))
            continue
        given, on = node.get("to"), node.get("on")
        if given is None or on is None:
            continue
        to, healths = _text(given), frozenset(each.text for each in _texts(on))
        if to is None or re.fullmatch("env:[A-Za-z_][A-Za-z0-9_]*", to.text) is None:
            problems.append(_no_variable(given))
        elif not healths or healths - _HEALTHS.keys():
            message = msg("`on` must be a list of {names}", names=enumerated(list(_HEALTHS)))
            wrong = sorted(healths - _HEALTHS.keys())
            hint = hint_for(wrong[0], _HEALTHS) if wrong else None
            problems.append(error("not-allowed", message, place=on.place, hint=hint))
        else:
            yield Notify(healths, to.text, to.place, _language(node.get("language"), problems))


def _language(node: Node | None, problems: list[Problem]) -> str | None:
    """A language of the program. Any other is a mistake."""
    found = _text(node)
    if node is not None and (found is None or found.text not in _LANGUAGES):
        message = msg("`language` must be one of {names}", names=", ".join(_LANGUAGES))
        problems.append(error("not-allowed", message, place=node.place))
        return None
    return None if found is None else found.text


def _no_variable(node: Node) -> Problem:
    message = msg("`to` must name an environment variable: the address is a secret")
    hint = msg("write `to: env:TEAM_WEBHOOK`, and set the variable TEAM_WEBHOOK")
    return error("bad-format", message, place=node.place, hint=hint)


def _text(node: Node | None) -> Scalar | None:
    """A value that is a text or a number as it is written; None if it is missing or another."""
    is_text = isinstance(node, Scalar) and isinstance(node.value, str | int | float)
    return node if isinstance(node, Scalar) and is_text and node.text else None


def _texts(node: Node | None) -> Iterable[Scalar]:
    found = node.items if isinstance(node, Sequence) else ()
    return [each for each in map(_text, found) if each is not None]


def _tables(node: Node | None) -> Iterable[Table]:
    found = node.items if isinstance(node, Sequence) else ()
    return [each for each in found if isinstance(each, Table)]
