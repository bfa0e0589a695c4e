"""What GitHub's answers mean: rows of its REST API as values of the port. A row that is not as
described raises `ValueError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    ForgeComment,
    ForgeIssue,
    Person,
    PullRequest,
    PullState,
    StatusState,
)

DELETED = Person("(deleted)")
"""The author of what an account wrote that was deleted since. No account has this name."""

_BOT = "[bot]"
_STATES = {
    "pending": StatusState.PENDING,
    "success": StatusState.SUCCESS,
    "failure": StatusState.FAILURE,
    "error": StatusState.FAILURE,
}


@dataclass(frozen=True, slots=True)
class GitHubAccount:
    """The account of a token. `id` is None for a bot, of which only the name is known."""

    name: str
    id: int | None = None

    def wrote(self, row: Mapping[str, Any]) -> bool:
        """Whether a comment or issue is from this account. Names of bots are compared with and
        without `[bot]`: the REST API has it, and the GraphQL API may not.
        """
        user = row.get("user")
        if not isinstance(user, Mapping):
            return False
        if self.id is not None:
            return user.get("id") == self.id
        name = user.get("login")
        is_bot = user.get("type") == "Bot" and isinstance(name, str)
        return is_bot and _plain(str(name)) == _plain(self.name)


def _plain(name: str) -> str:
    return name.removesuffix(_BOT).casefold()


def account(data: Any) -> GitHubAccount:
    """The account of a personal token."""
    return GitHubAccount(_text(data, "login"), _number(data, "id"))


def pull(row: Any) -> PullRequest:
    """A pull request."""
    head, base = _part(row, "head"), _part(row, "base")
    # The repository of the head is null if it was deleted: it was a fork.
    fork = head.get("repo")
    is_fork = fork is None or _number(fork, "id") != _number(_part(base, "repo"), "id")
    state = PullState.OPEN
    if _text(row, "state") != "open":
        state = PullState.CLOSED if row.get("merged_at") is None else PullState.MERGED
    # For a pull request that is not merged, the commit is one of a trial merge.
    merged_as = _text(row, "merge_commit_sha") if state is PullState.MERGED else None
    return PullRequest(
        _number(row, "number"),
        _text(row, "title"),
        person(row),
        _text(head, "sha"),
        _text(head, "ref"),
        _text(base, "ref"),
        state,
        is_fork=is_fork,
        merged_as=merged_as,
        url=_text(row, "html_url"),
    )


def moment(row: Any, member: str) -> float:
    """A time in unix seconds."""
    return datetime.fromisoformat(_text(row, member)).timestamp()


def comment(row: Any, account: GitHubAccount) -> ForgeComment:
    """A comment of an issue or a pull request. Times are whole seconds: an edit within the second
    in which the comment was written is not noticed.
    """
    return ForgeComment(
        str(_number(row, "id")),
        person(row),
        _text(row, "body"),
        moment(row, "created_at"),
        is_edited=row.get("updated_at") != row.get("created_at"),
        is_own=account.wrote(row),
    )


def status(row: Any) -> CommitStatus:
    """A status of a commit."""
    state = _STATES.get(_text(row, "state"))
    if state is None:
        raise ValueError(msg("{member} is not usable", member="state"))
    return CommitStatus(
        _text(row, "context"),
        state,
        _optional(row, "description"),
        _optional(row, "target_url"),
    )


def issue(row: Any, account: GitHubAccount) -> ForgeIssue:
    """An issue."""
    return ForgeIssue(
        str(_number(row, "number")),
        _text(row, "title"),
        _optional(row, "body"),
        is_open=_text(row, "state") == "open",
        is_own=account.wrote(row),
        url=_text(row, "html_url"),
    )


def labels(row: Any) -> frozenset[str]:
    """The names of an issue's labels."""
    found = row.get("labels") if isinstance(row, Mapping) else None
    if not isinstance(found, list):
        raise ValueError(msg("{member} is not usable", member="labels"))
    return frozenset(one if isinstance(one, str) else _text(one, "name") for one in found)


def login(row: Any) -> str:
    """The name of an account."""
    return _text(row, "login")


def person(row: Any) -> Person:
    """Who wrote a pull request, a comment or an issue."""
    user = row.get("user") if isinstance(row, Mapping) else None
    if user is None:
        return DELETED
    return Person(login(user), is_bot=_text(user, "type") == "Bot")


def _part(row: Any, member: str) -> Mapping[str, Any]:
    found = row.get(member) if isinstance(row, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError(msg("{member} is not usable", member=member))
    return found


def _text(row: Any, member: str) -> str:
    """A text. Half of a surrogate pair, which JSON can have and files cannot, is replaced."""
    found = row.get(member) if isinstance(row, Mapping) else None
    if not isinstance(found, str):
        raise ValueError(msg("{member} is not usable", member=member))
    return found.encode("utf-8", "replace").decode()


def _optional(row: Any, member: str) -> str:
    """A text; empty for null."""
    return "" if row.get(member) is None else _text(row, member)


def _number(row: Any, member: str) -> int:
    found = row.get(member) if isinstance(row, Mapping) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise ValueError(msg("{member} is not usable", member=member))
    return found
