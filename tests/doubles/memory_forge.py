"""The port `Forge` in memory: several accounts, and operations that fail before or after they take
effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    STATUS_CHARACTERS_MAX,
    CommitStatus,
    ForgeComment,
    ForgeError,
    ForgeIssue,
    Person,
    PullRequest,
)
from tests.forges.forge_world import (
    CommentRecord,
    ForgeWorld,
    IssueRecord,
    PullRecord,
    Refused,
    StatusRecord,
    Why,
)

DAYS_30 = 30 * 86_400
PULLS_MAX = 100

Listener = Callable[[str, str], None]


@dataclass
class Faults:
    """What is to fail, for all accounts. Each entry is used up by one call of its operation."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    calls: list[tuple[str, str]] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)


class MemoryForge:
    """A forge in memory, as one account sees it.

    `forge.world` arranges what people do (`open_pull`, `push`, `merge`, `comment`, `teams`, `now`).
    `forge.as_("bob")` is the same forge with the token of another account.
    """

    def __init__(self, world: ForgeWorld | None = None, account: str = "reconciler[bot]") -> None:
        self.world = world or ForgeWorld()
        self.account = self.world.account(account)
        self._faults = Faults()

    def as_(self, person: Person | str) -> MemoryForge:
        """The same forge, with the token of another account."""
        name, is_bot = (person, False) if isinstance(person, str) else (person.name, person.is_bot)
        self.world.account(name, is_bot=is_bot)
        other = MemoryForge(self.world, name)
        other._faults = self._faults
        return other

    # faults

    def fail(self, operation: str, *, times: int = 1, is_done: bool = False) -> None:
        """Lets the next calls of an operation raise `ForgeError`, by whichever account. With
        `is_done` the operation takes effect first, as if only its answer were lost.
        """
        assert callable(getattr(MemoryForge, operation)), operation
        with self.world.lock:
            (self._faults.after if is_done else self._faults.before)[operation] += times

    def heal(self) -> None:
        """Lets no further call fail."""
        with self.world.lock:
            self._faults.before.clear()
            self._faults.after.clear()

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The calls until now, as (account, operation)."""
        with self.world.lock:
            return list(self._faults.calls)

    def listen(self, listener: Listener) -> None:
        """Calls `listener(account, operation)` before each operation takes effect, without the
        world's lock: it may do what another account does at that moment, or raise.
        """
        self._faults.listeners.append(listener)

    @contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        with self.world.lock:
            self._faults.calls.append((self.account.name, name))
            listeners = tuple(self._faults.listeners)
        for listener in listeners:
            listener(self.account.name, name)
        with self.world.lock:
            self._raise(self._faults.before, name, "the forge does not answer")
            try:
                yield
            except Refused as refused:
                raise ForgeError(f"{self.place} refused {name}: {refused}") from None
            self._raise(self._faults.after, name, "the answer of the forge was lost")

    @staticmethod
    def _raise(wanted: Counter[str], name: str, text: str) -> None:
        if wanted[name] > 0:
            wanted[name] -= 1
            raise ForgeError(f"{text} ({name})", hint="run the command again")

    # the port

    @property
    def place(self) -> str:
        return f"forge.example/{self.world.project}"

    def pull(self, number: int) -> PullRequest:
        with self._operation("pull"):
            return self._pull(self.world.pull(number))

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        with self._operation("open_pulls"):
            return tuple(map(self._pull, self.world.open_pulls(base)))

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        with self._operation("merged_pulls"):
            since = self.world.now - DAYS_30
            merged = [one for one in self.world.merged_pulls(base) if (one.closed or 0) >= since]
            return tuple(map(self._pull, merged[:PULLS_MAX]))

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        with self._operation("pulls_of"):
            return tuple(map(self._pull, self.world.pulls_of(commit)))

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        with self._operation("comments"):
            self.world.pull(number)
            return tuple(map(self._comment, self.world.comments_of(number)))

    def add_comment(self, number: int, body: str) -> ForgeComment:
        with self._operation("add_comment"):
            self._check_length(body)
            self.world.pull(number)
            return self._comment(self.world.comment(number, self.account.name, body))

    def edit_comment(self, number: int, id: str, body: str) -> None:
        with self._operation("edit_comment"):
            self._check_length(body)
            self._own_comment(number, id)
            self.world.edit_comment(int(id), body)

    def remove_comment(self, number: int, id: str) -> None:
        with self._operation("remove_comment"):
            if int(id) in self.world.comments:
                self._own_comment(number, id)
                self.world.remove_comment(int(id))

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        with self._operation("statuses"):
            latest: dict[str, CommitStatus] = {}
            for one in self.world.statuses_of(commit):
                latest.setdefault(one.name, self._status(one))
            return latest

    def set_status(self, commit: str, status: CommitStatus) -> None:
        with self._operation("set_status"):
            if len(status.text) > STATUS_CHARACTERS_MAX:
                raise Refused(Why.INVALID, "the text of the status is too long")
            name, state, text, url = status.name, status.state, status.text, status.url
            self.world.set_status(commit, self.account.name, name, state, text, url)

    def team(self, name: str) -> frozenset[str]:
        with self._operation("team"):
            return frozenset(self.world.team(name))

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        with self._operation("issues"):
            return tuple(map(self._issue, self.world.issues_with(label)))

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        with self._operation("add_issue"):
            self._check_length(body)
            return self._issue(self.world.open_issue(self.account.name, title, body, [label]))

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        with self._operation("edit_issue"):
            self._check_length(body)
            self.world.edit_issue(int(id), title=title, body=body, is_open=is_open)

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        with self._operation("add_pull"):
            made = self.world.open_pull(
                self.account.name, branch=branch, base=base, title=title, body=body
            )
            return self._pull(made)

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        with self._operation("edit_pull"):
            self.world.edit_pull(number, title=title, body=body, is_open=is_open)

    # values of the port

    @staticmethod
    def _check_length(body: str) -> None:
        if len(body) > COMMENT_CHARACTERS_MAX:
            raise Refused(Why.INVALID, "the text is too long")

    def _own_comment(self, number: int, id: str) -> None:
        found = self.world.comments.get(int(id))
        if found is None or found.number != number:
            raise Refused(Why.MISSING, f"no comment {id}")
        if found.author != self.account.name:
            raise Refused(Why.FORBIDDEN, "it is another account's comment")

    def _person(self, name: str) -> Person:
        return Person(name, is_bot=self.world.account(name).is_bot)

    def _pull(self, one: PullRecord) -> PullRequest:
        return PullRequest(
            one.number,
            one.title,
            self._person(one.author),
            one.head,
            one.branch,
            one.base,
            one.state,
            is_fork=one.is_fork,
            merged_as=one.merged_as,
            url=f"https://{self.place}/pull/{one.number}",
        )

    def _comment(self, one: CommentRecord) -> ForgeComment:
        return ForgeComment(
            str(one.id),
            self._person(one.author),
            one.body,
            one.created,
            is_edited=one.updated != one.created,
            is_own=one.author == self.account.name,
        )

    @staticmethod
    def _status(one: StatusRecord) -> CommitStatus:
        return CommitStatus(one.name, one.state, one.text, one.url)

    def _issue(self, one: IssueRecord) -> ForgeIssue:
        return ForgeIssue(
            str(one.number),
            one.title,
            one.body,
            is_open=one.is_open,
            is_own=one.author == self.account.name,
            url=f"https://{self.place}/issues/{one.number}",
        )
