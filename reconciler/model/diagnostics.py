"""Problems: mistakes and warnings as values, gathered and shown together, each with a place, a code
and a way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum

from reconciler.common.dataclass import dataclass


class Severity(Enum):
    """How much a problem weighs: an error stops the command, a warning and a notice do not."""

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
    """One thing the user should know: what, where, and what to do about it.

    `code` is one of `CODES`; `address` is the text of an address where the problem is about one
    object; `hint` says the way out.
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

    An error of one place that says the same of several objects is told once, of their resource if
    it is one (`count: 60`), else of none.
    """

    def key(problem: Problem) -> tuple[bool, str, int, int, str, str, str]:
        place = problem.place
        where = (False, place.file, place.line, place.column) if place else (True, "", 0, 0)
        return (*where, problem.address or "", problem.code, problem.message)

    return tuple(sorted(_together(problems), key=key))


def _together(problems: Iterable[Problem]) -> Iterator[Problem]:
    groups: dict[Problem, set[str | None]] = {}
    for problem in problems:
        shared = (
            problem.severity is Severity.ERROR
            and problem.place is not None
            and problem.address is not None
        )
        groups.setdefault(replace(problem, address=None) if shared else problem, set()).add(
            problem.address
        )
    for problem, addresses in groups.items():
        resources = {
            address if address is None or len(addresses) == 1 else address.partition("[")[0]
            for address in addresses
        }
        yield replace(problem, address=resources.pop() if len(resources) == 1 else None)


CODES: dict[str, str] = {
    # the file
    "file-missing": "The stack file or folder, or a file of the folder that may be part of the stack, does not exist or is not read.",
    "file-too-large": "A stack file is larger than 4 MiB.",
    "file-encoding": "A stack file is not UTF-8 text.",
    "yaml-syntax": "The text is not YAML.",
    "yaml-duplicate-key": "A key stands twice in one mapping, or in two files of a folder.",
    "yaml-tag": "A YAML tag is used; stack files know none.",
    "yaml-alias": "An alias is unknown, or the aliases unfold to too much.",
    "yaml-depth": "The YAML is nested too deeply.",
    "yaml-quote": "`${...}` inside a flow mapping or list must be quoted.",
    # the shape
    "unknown-key": "A key that the language does not know.",
    "missing-key": "A required key is not there.",
    "wrong-type": "A value of another type is wanted.",
    "not-allowed": "The value is not one of those allowed.",
    "out-of-bounds": "A number or size is outside what the field or the API takes.",
    "bad-format": "The text does not have the form wanted.",
    "bad-length": "A name or description is too long or too short for the API.",
    "bad-combination": "Two keys that do not go together.",
    # meaning
    "missing-reference": "A name or address that the stack does not define.",
    "bad-reference": "A reference spelled in a way the language does not know.",
    "unknown-attribute": "A resource of that kind has no such attribute.",
    "expression": "An expression cannot be read or evaluated.",
    "not-known": "A value that must be known before the plan depends on one known only after apply.",
    "cycle": "Objects wait for each other in a circle.",
    "duplicate-name": "Two objects of a kind have the same remote name.",
    "duplicate-rule": "Two rules of a firewall let the same traffic through.",
    "variable-missing": "A variable has neither a default nor a value.",
    "variable-value": "A value does not fit the variable's type or limits.",
    "variable-unknown": "A value is given for a variable that the stack does not declare.",
    "environment": "An environment is needed, or the one named does not exist.",
    "move": "The state cannot have an object under the address that it is moved to.",
    "rename": "A delete and a create look like one object under a new address.",
    # the account
    "lookup": "A flavor, image, zone, key, script or object of that name or id is not there, or there are several.",
    "newer-image": "The catalogue has a newer image of what a lookup asks for; servers stay on the one found before.",
    "not-offered": "The cloud does not offer that in the zone asked for.",
    "limit": "A limit of the server or the account is reached.",
    "cannot-change": "A field that is only set at create was edited; nothing will be done.",
    "cannot-clear": "A text was set and is now left out; the API cannot clear it.",
    "no-longer-managed": "A line is gone from the file; what it set is kept and no longer watched.",
    "foreign-volume": "A volume that this stack does not own is attached to a server that would be deleted.",
    "foreign-member": "A server that this stack does not own is a member of a firewall that would be deleted.",
    "lockout": "A step would take away access that the stack's guard keeps, or a new server will never have it.",
    "shared": "An object belongs to another stack as well, so each of the two could change or delete it.",
    "protected": "An object is protected from what the plan would do.",
    "missing-object": "A tracked object is not in the account's complete list, and we did not delete it.",
    "mass-absence": "So many tracked objects are missing that the list itself is doubted.",
    "state-missing": "Objects of this stack exist in the account, but the state knows nothing of them.",
    "untracked": "An object that this stack made, or may have made, stands in the account and not in its state.",
    "former-name": "The objects of this stack stand in the state of a name that no file uses any more.",
    "incomplete": "An object is not ready yet, or not proved gone yet; the next run continues with it.",
    "doubled": "Two objects of the account bear one marker: the cloud made something twice from one request.",
    "open-intent": "An earlier run left a request whose outcome is not known.",
    "object-error": "The cloud reports an object as failed.",
    "no-login": "A server would be made without an SSH key, so its first password is the only way in.",
    "absorb": "What was changed outside cannot be written into the file.",
    "billed": "Something goes on costing money although nothing uses it, or no stack shows it any more.",
    "drift": "An object was changed outside.",
    "consent": "Something needs consent that was not given.",
    "empty": "The plan would delete most of the stack.",
    # the surroundings
    "credentials": "Keys are missing, or the cloud refused them.",
    "clock": "The clock of this machine is too far from the cloud's.",
    "endpoint": "The endpoint is not one that keys may be sent to.",
    "account": "The key belongs to another account than the state.",
    "cloud": "The cloud did not answer as its contract says.",
    "quota": "The log of sends cannot be used.",
    "state-damaged": "The state or its journal cannot be read.",
    "state-newer": "The state was written by a newer version.",
    "state-write": "The record could not be written.",
    "locked": "Another process is working on this stack.",
    "plan-stale": "The saved plan is not what would be done now.",
    "plan-unreadable": "The saved plan cannot be read.",
    "usage": "Flags or arguments do not go together.",
    "interrupted": "The run was interrupted.",
    "not-shown": "What comes before a change could not be written to standard output, so the change was not made.",
    "step-failed": "A step of the plan failed.",
    "stays-off": "A server that an earlier run stopped is not started by this plan.",
    "exposed": "A running server has, or may have, no firewall: after a run that ended, or found standing.",
    "joined": "An object comes along in a narrowed plan, because one that was asked for needs it.",
    "output": "An output could not be computed.",
    "undo": "What an undo does not bring back, or leaves to the user.",
    "simulator": "The local cloud could not be started or steered.",
    "internal": "The program itself made a mistake; please report it.",
}
"""Every code a problem may have, with its meaning: a closed, documented list
(problems#problem-codes).
"""
