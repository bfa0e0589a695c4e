"""What the audit log keeps of an apply: who started it, from where, what it was, and what became of
it.

No field takes a free text: each has a form of its own that is checked when the value is made, and
none of them is that of a message, an answer of the cloud or a secret. `cleaned` and `cleaned_url`
bring a text from outside into its form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from reconciler.common.dataclass import dataclass

NAME_CHARACTERS_MAX = 200
URL_CHARACTERS_MAX = 500
LIST_MAX = 100
"""How many approvals, and how many classes, an entry has at most."""

HIDDEN = "(hidden)"
"""What is kept instead of a text that looks like a credential."""

_WHOLE_MAX = 2**53
_PLAN_ID = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RUN = re.compile(r"[0-9A-Za-z-]{1,64}")
_CLASS = re.compile(r"[a-z][a-z-]{0,39}")
_ACTION = re.compile(r"[a-z]+(?:[ -][a-z]+){0,3}")
_COMMENT = re.compile(r"[0-9A-Za-z._:/=-]{1,100}")
_CREDENTIAL = re.compile(
    r"gh[a-z]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas)-|eyJ|AKIA|ASIA"
    r"|(?i:bearer|basic|token|password)[ =:]"
)


class ActorKind(Enum):
    """How it is known who started a run: by the CI system, or by the user's account on a
    machine.
    """

    CI = "ci"
    USER = "user"


class AuditOutcome(Enum):
    """What became of an apply. `STARTED` is written before anything is sent, so that a run that was
    killed is seen: no other entry has its run id.
    """

    STARTED = "started"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class AuditActor:
    """Who started a run: the name of an account, or of a user; and `place`, from where: the URL of
    the run of the CI system, or the name of the machine.
    """

    kind: ActorKind
    name: str
    place: str

    def __post_init__(self) -> None:
        _require(self.name == cleaned(self.name), "name")
        _require(self.place == place_of_run(self.place), "place")


@dataclass(frozen=True, slots=True)
class AuditApproval:
    """The consent of a person to a plan: the id of the comment, and when it was written, in unix
    seconds.
    """

    person: str
    comment: str
    at: int

    def __post_init__(self) -> None:
        _require(self.person == cleaned(self.person), "person")
        _require(_COMMENT.fullmatch(self.comment), "comment")
        _require_whole(self.at, "at")


@dataclass(frozen=True, slots=True)
class AuditedPlan:
    """The plan: its whole id, None if there was no plan; who approved it, and to which classes of
    consequences they consented.
    """

    id: str | None = None
    approvals: tuple[AuditApproval, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.id is None or _PLAN_ID.fullmatch(self.id), "id")
        _require(len(self.approvals) <= LIST_MAX, "approvals")
        _require(len(self.classes) <= LIST_MAX, "classes")
        _require(all(map(_CLASS.fullmatch, self.classes)), "classes")


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """The run: its id in the records of the state, None if nothing was recorded; the exit code,
    None while it runs; and how many calls of the API it made.
    """

    id: str | None = None
    exit_code: int | None = None
    calls: int = 0

    def __post_init__(self) -> None:
        _require(self.id is None or _RUN.fullmatch(self.id), "id")
        _require(self.exit_code is None or 0 <= self.exit_code <= 255, "exit_code")
        _require_whole(self.calls, "calls")


@dataclass(frozen=True, slots=True)
class AuditedSource:
    """What the run took its files from: a commit, and the number of the pull request."""

    commit: str | None = None
    pull: int | None = None

    def __post_init__(self) -> None:
        _require(self.commit is None or _COMMIT.fullmatch(self.commit), "commit")
        if self.pull is not None:
            _require_whole(self.pull, "pull")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `at` is in unix seconds, `action` the command, such as `ci apply`, `title` the
    stack as `shop/prod`. Raises ValueError for a text that has not its form, as all of these.
    """

    at: int
    actor: AuditActor
    action: str
    outcome: AuditOutcome
    title: str
    plan: AuditedPlan = field(default_factory=AuditedPlan)
    run: AuditedRun = field(default_factory=AuditedRun)
    source: AuditedSource = field(default_factory=AuditedSource)

    def __post_init__(self) -> None:
        _require_whole(self.at, "at")
        _require(_ACTION.fullmatch(self.action), "action")
        _require(self.title == cleaned(self.title), "title")


def cleaned(text: str) -> str:
    """A text from outside as an entry may have it: one line that can be printed, cut to
    `NAME_CHARACTERS_MAX`; `(hidden)` if it looks like a credential.
    """
    if _CREDENTIAL.search(text):
        return HIDDEN
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown.strip()[:NAME_CHARACTERS_MAX].strip() or "?"


def cleaned_url(text: str) -> str:
    """A URL of a page without a user, a query and a fragment, in which a credential could be."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return HIDDEN
    if parts.scheme not in ("https", "http") or not host or _CREDENTIAL.search(parts.path):
        return HIDDEN
    host = f"[{host}]" if ":" in host else host
    url = urlunsplit((parts.scheme, host + port, parts.path, "", ""))
    return url if url.isprintable() and len(url) <= URL_CHARACTERS_MAX else HIDDEN


def place_of_run(text: str) -> str:
    """From where a run was started, as an entry may have it: the URL of a page, or a name."""
    return cleaned_url(text) if "://" in text else cleaned(text)


def classes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Classes of consequences as an entry has them: each once, sorted."""
    return tuple(sorted(set(names)))[:LIST_MAX]


def _require(holds: object, field: str) -> None:
    if not holds:
        raise ValueError(f"{field} has not the form of its field")


def _require_whole(value: int, field: str) -> None:
    _require(type(value) is int and 0 <= value < _WHOLE_MAX, field)
