"""The port to a forge: where pull requests, their comments and statuses are.

A forge holds what people see and say. Nothing that decides an apply is read back from our own
comments; of other comments only approvals count.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from reconciler.common.dataclass import dataclass

COMMENT_CHARACTERS_MAX = 60_000
"""What a comment has at most: less than the 65,536 that GitHub takes."""

STATUS_CHARACTERS_MAX = 140
"""What the text of a status has at most, as GitHub takes it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote something: the name of an account, without `@`."""

    name: str
    is_bot: bool = False


class PullState(Enum):
    """Whether a pull request is open, was merged, or was closed without a merge."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, which GitLab calls a merge request. `head` is the commit that it proposes,
    `base` the name of the branch that it wants to change. `merged_as` is the commit on that branch
    after a merge. `is_fork` is whether its branch is in another repository.
    """

    number: int
    title: str
    author: Person
    head: str
    branch: str
    base: str
    state: PullState = PullState.OPEN
    is_fork: bool = False
    merged_as: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class ForgeComment:
    """A comment of a pull request. `created` is in unix seconds. `is_edited` is whether its text
    may have changed since; `is_own` whether the account of our token wrote it.
    """

    id: str
    author: Person
    body: str
    created: float
    is_edited: bool = False
    is_own: bool = False


class StatusState(Enum):
    """What a status of a commit says."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A status of a commit, known by its `name`. A later one of that name replaces it."""

    name: str
    state: StatusState
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ForgeIssue:
    """An issue of the repository."""

    id: str
    title: str
    body: str
    is_open: bool = True
    is_own: bool = False
    url: str = ""


class ForgeError(Exception):
    """A forge refused a request or cannot be reached. `hint` says what to do. The text has no token
    and nothing that a token could be in.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Forge(Protocol):
    """One repository on a forge. Every method raises `ForgeError`."""

    @property
    def place(self) -> str:
        """The repository, for people: `github.com/acme/infra`."""
        ...

    def pull(self, number: int) -> PullRequest:
        """A pull request as it is now."""
        ...

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        """The open pull requests for a branch, in the order of their numbers."""
        ...

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        """The pull requests merged into a branch, the latest first; those of the last 30 days, and
        100 at most.
        """
        ...

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        """The pull requests that a commit of the base branch came from."""
        ...

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        """The comments of a pull request, the oldest first."""
        ...

    def add_comment(self, number: int, body: str) -> ForgeComment:
        """Writes a comment."""
        ...

    def edit_comment(self, number: int, id: str, body: str) -> None:
        """Replaces the text of an own comment."""
        ...

    def remove_comment(self, number: int, id: str) -> None:
        """Removes an own comment. It does nothing if the comment is gone."""
        ...

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        """The latest status of each name that a commit has."""
        ...

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Sets a status of a commit."""
        ...

    def team(self, name: str) -> frozenset[str]:
        """The names of the accounts in a team: of the organization on GitHub and Forgejo, a group
        on GitLab.
        """
        ...

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        """The issues with a label, open and closed, the oldest first."""
        ...

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        """Opens an issue with a label, which is made if the repository has none of that name."""
        ...

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        """Replaces an issue's title and text, and opens or closes it."""
        ...

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Opens a pull request for a branch of the repository."""
        ...

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        """Replaces a pull request's title and text, and opens or closes it."""
        ...
