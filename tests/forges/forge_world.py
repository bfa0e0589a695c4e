"""What a forge holds, in memory: accounts, teams, pull requests, comments, statuses and issues of
one repository. `MemoryForge` and the fake servers show the same world, each in its own way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from reconciler.model.ports.forge_ports import PullState, StatusState

START = 1_790_000_000.0
"""When a world begins, in unix seconds: a fixed moment of 2026."""

PROJECT = "acme/infra"


class Why(Enum):
    """Why a world refuses something."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"


class Refused(Exception):
    """A world refuses what an account asks for."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why


@dataclass
class Account:
    """Who acts. `may_not` has the names of what its token has no permission for, as the fake
    server in question calls them, for example `statuses`.
    """

    id: int
    name: str
    is_bot: bool = False
    may_not: set[str] = field(default_factory=set)


@dataclass
class PullRecord:
    """A pull request. Times are unix seconds."""

    number: int
    id: int
    title: str
    body: str
    author: str
    head: str
    branch: str
    base: str
    created: float
    updated: float
    state: PullState = PullState.OPEN
    is_fork: bool = False
    merged_as: str | None = None
    closed: float | None = None
    labels: list[str] = field(default_factory=list)


@dataclass
class CommentRecord:
    """A comment of a pull request."""

    id: int
    number: int
    author: str
    body: str
    created: float
    updated: float


@dataclass
class StatusRecord:
    """A status of a commit."""

    id: int
    commit: str
    name: str
    state: StatusState
    text: str
    url: str
    author: str
    created: float


@dataclass
class IssueRecord:
    """An issue."""

    number: int
    id: int
    title: str
    body: str
    author: str
    labels: list[str]
    created: float
    updated: float
    is_open: bool = True


class ForgeWorld:
    """One repository and the accounts that act on it. Safe for many threads. Each write takes a
    second of its own clock, so that no two have the same time.
    """

    def __init__(self, project: str = PROJECT, *, start: float = START) -> None:
        self.project = project
        self.lock = threading.RLock()
        self.now = start
        self.accounts: dict[str, Account] = {}
        self.teams: dict[str, list[str]] = {}
        self.pulls: dict[int, PullRecord] = {}
        self.comments: dict[int, CommentRecord] = {}
        self.statuses: list[StatusRecord] = []
        self.issues: dict[int, IssueRecord] = {}
        self.labels: list[str] = []
        self._last_id = 1000
        self._last_number = 0

    @contextmanager
    def writing(self) -> Iterator[float]:
        """Holds the world for a write and gives its time."""
        with self.lock:
            self.now += 1
            yield self.now

    def new_id(self) -> int:
        """An id that nothing else has."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def new_number(self) -> int:
        """A number that no pull request and no issue has."""
        with self.lock:
            self._last_number += 1
            return self._last_number

    def wait(self, seconds: float) -> None:
        """Lets time go by."""
        with self.lock:
            self.now += seconds

    # accounts

    def account(self, name: str, *, is_bot: bool = False) -> Account:
        """An account, made at its first mention. A name that ends in `[bot]` is a bot's."""
        with self.lock:
            if name not in self.accounts:
                is_bot = is_bot or name.endswith("[bot]")
                self.accounts[name] = Account(self.new_id(), name, is_bot)
            return self.accounts[name]

    def team(self, name: str) -> list[str]:
        """The members of a team."""
        with self.lock:
            if name not in self.teams:
                raise Refused(Why.MISSING, f"no team {name}")
            return list(self.teams[name])

    # pull requests

    def pull(self, number: int) -> PullRecord:
        """A pull request."""
        with self.lock:
            if number not in self.pulls:
                raise Refused(Why.MISSING, f"no pull request {number}")
            return self.pulls[number]

    def open_pull(
        self,
        author: str = "alice",
        *,
        branch: str = "",
        base: str = "main",
        title: str = "Grow the shop",
        body: str = "",
        is_fork: bool = False,
    ) -> PullRecord:
        """A new pull request with a head commit of its own. Its branch is `change-NUMBER` unless
        named.
        """
        with self.writing() as now:
            self.account(author)
            branch = branch or f"change-{self._last_number + 1}"
            same = [
                one.number
                for one in self.pulls.values()
                if one.state is PullState.OPEN
                and (one.branch, one.base, one.is_fork) == (branch, base, is_fork)
            ]
            if same:
                raise Refused(Why.INVALID, f"a pull request already exists for {branch}: {same[0]}")
            head = self.head_of(branch)
            number = self.new_number()
            record = PullRecord(
                number, self.new_id(), title, body, author, head, branch, base, now, now
            )
            record.is_fork = is_fork
            self.pulls[number] = record
            return record

    def push(self, number: int) -> str:
        """Adds a commit to a pull request's branch, and returns it."""
        with self.writing() as now:
            record = self.pull(number)
            record.head = self._new_commit(f"{record.head}+{now}")
            record.updated = now
            return record.head

    def merge(self, number: int) -> str:
        """Merges a pull request, and returns the commit on its base."""
        with self.writing() as now:
            record = self.pull(number)
            record.merged_as = self._new_commit(f"merge {number} {record.head}")
            record.state, record.closed, record.updated = PullState.MERGED, now, now
            return record.merged_as

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> PullRecord:
        """Replaces title and text, and opens or closes. A merged one cannot be opened again."""
        with self.writing() as now:
            record = self.pull(number)
            if record.state is PullState.MERGED and is_open:
                raise Refused(Why.INVALID, "a merged pull request cannot be opened again")
            record.title, record.body, record.updated = title, body, now
            if record.state is not PullState.MERGED:
                record.state = PullState.OPEN if is_open else PullState.CLOSED
                record.closed = None if is_open else now
            return record

    def close(self, number: int) -> None:
        """Closes a pull request without a merge."""
        record = self.pull(number)
        self.edit_pull(number, title=record.title, body=record.body, is_open=False)

    def all_pulls(self) -> list[PullRecord]:
        """All pull requests, by number."""
        with self.lock:
            return [one for _, one in sorted(self.pulls.items())]

    def open_pulls(self, base: str) -> list[PullRecord]:
        """The open pull requests for a branch, by number."""
        found = self.all_pulls()
        return [one for one in found if one.state is PullState.OPEN and one.base == base]

    def merged_pulls(self, base: str) -> list[PullRecord]:
        """All pull requests merged into a branch, the latest first."""
        with self.lock:
            merged = [
                one
                for one in self.pulls.values()
                if one.state is PullState.MERGED and one.base == base
            ]
            return sorted(merged, key=lambda one: -(one.closed or 0))

    def pulls_of(self, commit: str) -> list[PullRecord]:
        """The pull requests that a commit of the base branch came from."""
        with self.lock:
            return [one for _, one in sorted(self.pulls.items()) if one.merged_as == commit]

    def head_of(self, branch: str) -> str:
        """The commit of the branch of a new pull request."""
        return self._new_commit(f"{branch} {self.now}")

    @staticmethod
    def _new_commit(seed: str) -> str:
        return hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()

    # comments

    def comments_of(self, number: int) -> list[CommentRecord]:
        """The comments of a pull request or an issue, the oldest first."""
        with self.lock:
            if number not in self.issues:
                self.pull(number)
            return [one for _, one in sorted(self.comments.items()) if one.number == number]

    def comment(self, number: int, author: str, body: str) -> CommentRecord:
        """A new comment."""
        with self.writing() as now:
            if number not in self.issues:
                self.pull(number)
            self.account(author)
            if not body.strip():
                raise Refused(Why.INVALID, "the body is empty")
            record = CommentRecord(self.new_id(), number, author, body, now, now)
            self.comments[record.id] = record
            return record

    def edit_comment(self, id: int, body: str) -> CommentRecord:
        """Replaces the text of a comment, whoever wrote it."""
        with self.writing() as now:
            if id not in self.comments:
                raise Refused(Why.MISSING, f"no comment {id}")
            record = self.comments[id]
            record.body, record.updated = body, now
            return record

    def remove_comment(self, id: int) -> None:
        """Removes a comment."""
        with self.writing():
            if self.comments.pop(id, None) is None:
                raise Refused(Why.MISSING, f"no comment {id}")

    # statuses

    def set_status(
        self, commit: str, author: str, name: str, state: StatusState, text: str, url: str
    ) -> StatusRecord:
        """A new status of a commit."""
        with self.writing() as now:
            record = StatusRecord(self.new_id(), commit, name, state, text, url, author, now)
            self.statuses.append(record)
            return record

    def statuses_of(self, commit: str) -> list[StatusRecord]:
        """All statuses of a commit, the latest first."""
        with self.lock:
            return [one for one in reversed(self.statuses) if one.commit == commit]

    # issues

    def issue(self, number: int) -> IssueRecord:
        """An issue."""
        with self.lock:
            if number not in self.issues:
                raise Refused(Why.MISSING, f"no issue {number}")
            return self.issues[number]

    def open_issue(self, author: str, title: str, body: str, labels: list[str]) -> IssueRecord:
        """A new issue. Labels that the repository has not are made."""
        with self.writing() as now:
            self.account(author)
            self.labels += [label for label in labels if label not in self.labels]
            number = self.new_number()
            record = IssueRecord(number, self.new_id(), title, body, author, labels, now, now)
            self.issues[number] = record
            return record

    def edit_issue(self, number: int, *, title: str, body: str, is_open: bool) -> IssueRecord:
        """Replaces title and text, and opens or closes."""
        with self.writing() as now:
            record = self.issue(number)
            record.title, record.body, record.is_open, record.updated = title, body, is_open, now
            return record

    def issues_with(self, label: str) -> list[IssueRecord]:
        """The issues with a label, the oldest first."""
        with self.lock:
            return [one for _, one in sorted(self.issues.items()) if label in one.labels]
