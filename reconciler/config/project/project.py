"""What the file of a project says, as values. Nothing here reads a file or a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.model.diagnostics import Place
from reconciler.model.resource import EMPTY, title_of

if TYPE_CHECKING:
    from pathlib import Path

NO_PROJECT = "default"
"""The name of a project without a file."""

MINUTES_OF_DAY = 24 * 60


class ApplyMode(Enum):
    """When the plan of a pull request is applied: after its merge, before it, or by a person."""

    MERGED = "merged"
    APPROVED = "approved"
    BY_HAND = "by-hand"


class Prune(Enum):
    """What an automatic run does with objects that the files no longer have."""

    NEVER = "never"
    ASK = "ask"
    APPLY = "apply"


class QuotaKind(Enum):
    """Where the quota of an account is shared: on this machine only, in the database of the states,
    or by a fixed number of calls a minute for this machine.
    """

    LOCAL = "local"
    SHARED = "shared"
    SHARE = "share"


class DriftAnswer(Enum):
    """What `watch` does about drift that it does not revert."""

    REPORT = "report"
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, slots=True)
class QuotaSharing:
    """How the quota is shared. `share` is the calls a minute of this machine, if the kind is
    `SHARE`; `url` names another database than that of the states.
    """

    kind: QuotaKind = QuotaKind.LOCAL
    share: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week at which an apply may begin. `days` are 0 (Monday) to 6, `start` and `end`
    minutes of the day; an end at or before the start is on the next day. `zone` is a name of the
    IANA time zones.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What is done about drift. `every` is the interval of the checks in seconds; `revert` names
    what may be reverted: kinds of objects, `rules`, `power` or `exposure`.
    """

    every: float | None = None
    answer: DriftAnswer = DriftAnswer.REPORT
    revert: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the rules say about one stack and environment.

    `approvals` has the number of approvals by class of consent, and by `any` for every plan; None
    means never. Without `windows` an apply may begin at any time.
    """

    apply: ApplyMode = ApplyMode.MERGED
    approvals: Mapping[str, int | None] = field(default_factory=lambda: EMPTY)
    approvers: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    prune: Prune = Prune.ASK
    drift: Drift = Drift()


@dataclass(frozen=True, slots=True)
class ProjectRule:
    """What is set for the stacks whose title the pattern matches, such as `*/prod`. `given` has
    only what the rule says, by the names of the fields of `Settings`.
    """

    pattern: str
    given: Mapping[str, object]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class StackEntry:
    """A stack of the project. `path` is its file or folder, joined with that of the project's
    file. `environments` are those that a run of all stacks takes, empty if it has none; `promote`
    has the environment that must be applied before another.
    """

    name: str
    path: Path
    environments: tuple[str, ...] = ()
    promote: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    place: Place | None = None

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of what is applied of it: `shop/prod`, or `shop`."""
        return tuple(title_of(self.name, each) for each in self.environments or (None,))


@dataclass(frozen=True, slots=True)
class Notify:
    """Where a change of health is reported. `on` are healths of a stack; `to` is the name of an
    environment variable with the address, after `env:`. Without `language` the texts are in that of
    the command.
    """

    on: frozenset[str]
    to: str
    place: Place | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A text of the file and where it is."""

    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What the file of a project says. Without a file, its path is None and all else is default.

    `policies` are patterns of files, relative to that of the project.
    """

    name: str = NO_PROJECT
    file: Path | None = None
    state: Located | None = None
    quota: QuotaSharing = QuotaSharing()
    stacks: Mapping[str, StackEntry] = field(default_factory=lambda: EMPTY)
    rules: tuple[ProjectRule, ...] = ()
    policies: tuple[Located, ...] = ()
    notify: tuple[Notify, ...] = ()

    def settings(self, title: str) -> Settings:
        """The settings of the stack with that title, such as `shop/prod`. A later rule that matches
        replaces what an earlier one says about the same key.
        """
        given: dict[str, object] = {}
        for rule in self.rules:
            if fnmatchcase(title, rule.pattern):
                given |= rule.given
        return Settings(**given)  # type: ignore[arg-type]
