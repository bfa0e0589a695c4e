"""Problems: errors, warnings and notices as values, collected and shown together, each with a code,
a place and a hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text, msg


class Severity(Enum):
    """An error stops the command; a warning and a notice do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point in a stack file: the file as the user named it, line and column counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do about it.

    `code` is one of `CODES`; `address` is the text of an address if the problem is about one
    object; `hint` says what to do.
    """

    severity: Severity
    code: str
    message: str
    place: Place | None = None
    address: str | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise AssertionError(f"undocumented problem code {self.code!r}")


def error(
    code: str,
    message: str,
    *,
    place: Place | None = None,
    address: str | None = None,
    hint: str | None = None,
) -> Problem:
    """An error, which stops the command before anything is sent."""
    return Problem(Severity.ERROR, code, message, place, address, hint)


def warning(
    code: str,
    message: str,
    *,
    place: Place | None = None,
    address: str | None = None,
    hint: str | None = None,
) -> Problem:
    """A warning, shown and not stopping."""
    return Problem(Severity.WARNING, code, message, place, address, hint)


def notice(
    code: str,
    message: str,
    *,
    place: Place | None = None,
    address: str | None = None,
    hint: str | None = None,
) -> Problem:
    """A notice: something that will not happen although the file may suggest it."""
    return Problem(Severity.NOTICE, code, message, place, address, hint)


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether any of the problems stops the command."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems without repetition, sorted by file, line, column, then code and text.

    An error of one place that is equal for several objects is reported once, for their resource if
    they have one (`count: 60`), else for none.
    """

    def key(problem: Problem) -> tuple[bool, str, int, int, str, str, str]:
        place = problem.place
        where = (False, place.file, place.line, place.column) if place else (True, "", 0, 0)
        return (*where, problem.address or "", problem.code, problem.message)

    return tuple(sorted(_together(problems), key=key))


def _together(problems: Iterable[Problem]) -> Iterator[Problem]:
    groups: dict[Problem, list[Problem]] = {}
    for problem in problems:
        shared = (
            problem.severity is Severity.ERROR
            and problem.place is not None
            and problem.address is not None
        )
        groups.setdefault(_of_resource(problem) if shared else problem, []).append(problem)
    found = []
    for common, members in groups.items():
        addresses = {problem.address for problem in members}
        resources = {_resource(address) for address in addresses}
        if len(addresses) == 1:
            found.append((members[0], 1))
        else:
            address = resources.pop() if len(resources) == 1 else None
            found.append((replace(common, address=address), len(addresses)))
    yield from _alike(found)


_ALIKE_MAX = 3
"""How many errors of one place that differ only in their values are reported one by one, if they
are not those of the objects of one resource.
"""


def _alike(problems: Iterable[tuple[Problem, int]]) -> Iterator[Problem]:
    """The problems, with one in the place of many errors of one place that differ only in their
    values, as those of the objects of a `count` do. The numbers are how many each stands for.
    """
    groups: dict[object, list[tuple[Problem, int]]] = {}
    for problem, number in problems:
        alike: object = id(problem)
        is_error = problem.severity is Severity.ERROR
        if is_error and problem.place is not None and isinstance(problem.message, Text):
            alike = (
                problem.code,
                problem.place,
                problem.message.template,
                _resource(problem.address),
            )
        groups.setdefault(alike, []).append((problem, number))
    for members in groups.values():
        first, _ = members[0]
        if len(members) <= (_ALIKE_MAX if first.address is None else 1):
            yield from (problem for problem, _ in members)
            continue
        message = msg(
            "{message} (and {count} more in this place)",
            message=first.message,
            count=sum(number for _, number in members) - 1,
        )
        yield replace(first, message=message, address=_resource(first.address))


def _resource(address: str | None) -> str | None:
    """The address without its index."""
    return None if address is None else address.partition("[")[0]


def _of_resource(problem: Problem) -> Problem:
    """The problem without an address, and with the resource where its texts name the object."""
    message = _naming_resource(problem.message, problem.address)
    hint = None if problem.hint is None else _naming_resource(problem.hint, problem.address)
    return replace(problem, address=None, message=message, hint=hint)


def _naming_resource(text: str, address: str | None) -> str:
    if not isinstance(text, Text) or address is None:
        return text
    fields = {
        name: _resource(address) if str(value) == address else value
        for name, value in text.fields.items()
    }
    return Text(text.template, fields)


CODES: dict[str, str] = {
    # the file
    "file-missing": "The stack file or folder, or a file of the folder that may be part of the "
    "stack, does not exist or is not read.",
    "file-too-large": "A stack file is larger than 4 MiB.",
    "file-encoding": "A stack file is not UTF-8 text.",
    "yaml-syntax": "The text is not YAML, or a JSON file of variables is not JSON.",
    "yaml-duplicate-key": "A mapping, or a folder of files, contains a duplicate key.",
    "yaml-tag": "A YAML tag is used; stack files do not support tags.",
    "yaml-alias": "An alias is unknown, or the aliases expand to too much.",
    "yaml-merge": "A merge key `<<` has a value that is not a mapping.",
    "yaml-depth": "The YAML is nested too deeply.",
    "yaml-quote": "`${...}` inside a flow mapping or list must be quoted.",
    # the shape
    "unknown-key": "A key that the language does not define.",
    "missing-key": "A required key is missing.",
    "wrong-type": "A value has the wrong type.",
    "not-allowed": "The value is not one of those allowed.",
    "out-of-bounds": "A number or size is outside the range of the field or the API.",
    "bad-format": "A text does not have the required form.",
    "bad-length": "A name or description is too long or too short for the API.",
    "bad-combination": "Two keys are mutually exclusive.",
    # meaning
    "missing-reference": "A name or address that the stack does not define.",
    "bad-reference": "A reference has a form that the language does not support.",
    "unknown-attribute": "A resource of that kind has no such attribute.",
    "expression": "An expression cannot be read or evaluated.",
    "not-known": "A value that must be known before the plan depends on one known only after "
    "apply.",
    "waiting": "The stack can be planned only when another stack of the run is applied.",
    "cycle": "Objects depend on each other in a cycle.",
    "duplicate-name": "Two objects of a kind have the same remote name.",
    "duplicate-rule": "Two rules of a firewall allow the same traffic.",
    "variable-missing": "A variable has neither a default nor a value.",
    "variable-value": "A value does not fit the variable's type or limits.",
    "variable-unknown": "A value is given for a variable that the stack does not declare.",
    "assert": "A condition that the author of the stack wrote under `assert` is false.",
    "environment": "An environment is required, or the given one does not exist.",
    "move": "The state cannot have an object under the address that it is moved to.",
    "rename": "A delete and a create look like one object under a new address.",
    # the account
    "lookup": "A flavor, image, zone, key, script or object of that name or id is missing or "
    "ambiguous.",
    "newer-image": "The catalog has a newer image for a lookup; instances stay on the earlier one.",
    "not-offered": "The cloud does not offer this in the requested zone.",
    "restricted-zone": "A create got the answer of a zone in which this account may not create "
    "instances through the API.",
    "limit": "A limit of the instance or the account is reached.",
    "cannot-change": "A field that can only be set at creation was edited; the edit has no effect.",
    "cannot-clear": "A text was set and is no longer in the file; the API cannot clear it.",
    "no-longer-managed": "A line is no longer in the file; its value is kept and no longer "
    "checked for drift.",
    "foreign-volume": "A block storage that this stack does not own is attached to an instance "
    "that would be deleted.",
    "foreign-member": "An instance that this stack does not own is a member of a firewall that "
    "would be deleted.",
    "lockout": "A step would remove access that the stack's guard protects, or a new instance "
    "will not have it.",
    "shared": "An object also belongs to another stack, so each of the two could change or delete "
    "it.",
    "protected": "An object is protected from what the plan would do.",
    "missing-object": "A tracked object is missing from the account's complete list, and "
    "reconciler did not delete it.",
    "mass-absence": "So many tracked objects are missing that the list is not trusted.",
    "state-missing": "Objects of this stack exist in the account but are missing from the state.",
    "untracked": "An object that this stack created, or may have created, is in the account but "
    "not in its state.",
    "former-name": "The objects of this stack are in the state of a name that no file uses any "
    "more.",
    "name-taken": "A state cannot get a name under which there is a state with objects already.",
    "hand-over": "A move of objects between two stacks was interrupted.",
    "incomplete": "An object is not ready yet, or not yet confirmed as gone; the next run "
    "continues with it.",
    "doubled": "Two objects of the account carry one marker: the cloud created two objects from "
    "one request.",
    "open-intent": "An earlier run left a request whose outcome is unknown.",
    "object-error": "The cloud reports an object as failed.",
    "no-login": "An instance would be created without an SSH key, so its first password is the "
    "only login; or it would be rebuilt, and its login is then unknown.",
    "absorb": "A change made outside cannot be written into the file.",
    "billed": "An object is still billed although nothing uses it, or no stack lists it any more.",
    "drift": "An object was changed outside.",
    "consent": "The plan needs consent that was not given.",
    "policy": "A policy of the project denies the plan, warns of it or wants consent, or cannot be "
    "evaluated.",
    "empty": "The plan would delete most of the stack.",
    "frozen": "The stack is frozen, so nothing changes its objects.",
    "window": "The project does not let an apply begin at this time.",
    # the surroundings
    "credentials": "Keys are missing, or the cloud refused them.",
    "clock": "The clock of this machine differs too much from the cloud's.",
    "endpoint": "The endpoint is not one that keys may be sent to.",
    "account": "The key belongs to another account than the state.",
    "cloud": "The cloud did not answer as its contract specifies.",
    "quota": "The quota cannot be shared: its database or the request log is unavailable.",
    "state-damaged": "The state or its journal cannot be read.",
    "state-newer": "The state was written by a newer version.",
    "state-moved": "The state is in another place, or a move of it is not complete.",
    "push": "A file does not continue the state that it should become.",
    "state-write": "The state or its journal could not be written.",
    "state-place": "The place of the state cannot be used or reached.",
    "locked": "Another process is working on this stack.",
    "plan-stale": "The saved plan is stale: something changed since it was created.",
    "plan-unreadable": "The saved plan cannot be read.",
    "plan-unknown": "The store of the stack has no such saved plan.",
    "forge": "A forge refused a request or cannot be reached.",
    "pull-request": "The files of a pull request cannot be merged, or must not be read.",
    "usage": "Flags or arguments contradict each other.",
    "interrupted": "The run was interrupted.",
    "not-shown": "The plan could not be written to standard output, so nothing was changed.",
    "step-failed": "A step of the plan failed.",
    "stays-off": "An instance that an earlier run stopped is not started by this plan.",
    "powered-off": "An instance was switched off outside or by `server stop`, and its power is not "
    "managed or the plan starts it.",
    "exposed": "A running instance has, or may have, no firewall.",
    "joined": "An object is included in a narrowed plan because a requested one needs it.",
    "open-to-all": "A new instance will have no firewall, or one that lets the whole internet in.",
    "no-out-rule": "A new firewall has no rule for outgoing traffic.",
    "empty-rule": "A list of a rule is empty, so the rule creates nothing.",
    "output": "An output could not be computed.",
    "undo": "An undo does not restore this, or leaves it to the user.",
    "notify": "A notice of `watch` was not sent.",
    "audit": "An entry of the audit log was changed, moved or removed after it was written.",
    "metrics": "The file with the metrics of `watch` could not be written.",
    "simulator": "The local cloud could not be started or controlled.",
    "internal": "The program has a bug; please report it.",
}
"""Every code a problem may have, with its meaning: a closed, documented list
(problems#problem-codes).
"""
