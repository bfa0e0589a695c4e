"""A forge of files, for plain Git and any CI: a folder with pull requests, comments, statuses and
issues.

Who may write the folder may write comments as anybody, and so may approve. It belongs where only
the pipeline and the approvers can write, and never in the repository whose changes it is about.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.forge.folder.review_folder import ReviewFolder
from reconciler.forge.folder.review_members import ReviewMembers
from reconciler.forge.forge_checks import checked_commit, checked_status, checked_text
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    ForgeComment,
    ForgeError,
    ForgeIssue,
    Person,
    PullRequest,
    PullState,
    StatusState,
)

_DAYS_SECONDS = 30 * 86_400.0
_PULLS_MAX = 100
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_COMMENT = re.compile(r"([0-9]{4,9})\.json")
_FILE_NAME_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True)
class FolderOutside:
    """What a folder does not know by itself: who writes, the commit of a branch, the time, and how
    the content of an open file is brought to the medium.
    """

    person: Person
    head_of: Callable[[str], str]
    waits: ForgeWaits = field(default_factory=ForgeWaits)
    sync: Callable[[int], None] = os.fsync


class FilesForge:
    """A folder in place of a forge. Every method raises `ForgeError`."""

    def __init__(self, root: Path, name: str, outside: FolderOutside) -> None:
        self._name, self._outside = name, outside
        self._folder = ReviewFolder(root, outside.waits.wait, outside.sync)

    @property
    def place(self) -> str:
        return self._name

    # pull requests

    def pull(self, number: int) -> PullRequest:
        return self._pull(number)[0]

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        return tuple(
            pull for pull, _ in self._pulls() if pull.base == base and pull.state is PullState.OPEN
        )

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        since = self._outside.waits.now() - _DAYS_SECONDS
        merged = [
            (moment, pull)
            for pull, moment in self._pulls()
            if pull.base == base and pull.state is PullState.MERGED and moment >= since
        ]
        merged.sort(key=lambda pair: (-pair[0], -pair[1].number))
        return tuple(pull for _, pull in merged[:_PULLS_MAX])

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        return tuple(pull for pull, _ in self._pulls() if pull.merged_as == commit)

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        head = self._outside.head_of(branch)
        with self._folder.locked():
            pulls = [pull for pull, _ in self._pulls()]
            if any(one.branch == branch and one.state is PullState.OPEN for one in pulls):
                raise ForgeError(
                    msg(
                        "{place} already has an open pull request for the branch {branch}",
                        place=self._name,
                        branch=branch,
                    )
                )
            number = max((one.number for one in pulls), default=0) + 1
            value = {
                "number": number,
                "title": title,
                "author": self._outside.person.name,
                "head": head,
                "branch": branch,
                "base": base,
                "state": PullState.OPEN.value,
                "body": body,
            }
            self._folder.write_document(value, "pulls", str(number), "pull.json")
        return self.pull(number)

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        with self._folder.locked():
            pull, _ = self._pull(number)
            path, value = self._document(number)
            changed = {**value, "title": title, "body": body}
            if pull.state is PullState.MERGED and is_open:
                raise ForgeError(
                    msg(
                        "{place}: pull request {number} is merged and cannot be opened again",
                        place=self._name,
                        number=number,
                    )
                )
            if pull.state is not PullState.MERGED:
                changed["state"] = (PullState.OPEN if is_open else PullState.CLOSED).value
            # JSON is YAML, too, so the file keeps its name.
            self._folder.write_document(changed, "pulls", str(number), path.name)

    def _document(self, number: int) -> tuple[Path, Mapping[str, Any]]:
        found = self._folder.hand_written("pulls", str(number), "pull")
        if found is None:
            raise ForgeError(
                msg("{place} has no pull request {number}", place=self._name, number=number),
                hint=msg(
                    "the pipeline writes it to {file} (docs/reference/forges.md)",
                    file=self._folder.root / "pulls" / str(number) / "pull.yaml",
                ),
            )
        return found

    def _pulls(self) -> list[tuple[PullRequest, float]]:
        numbers = sorted(
            int(name) for name in self._folder.names("pulls") if _NUMBER.fullmatch(name)
        )
        return [
            self._pull(number)
            for number in numbers
            if self._folder.hand_written("pulls", str(number), "pull") is not None
        ]

    def _pull(self, number: int) -> tuple[PullRequest, float]:
        """A pull request, and when it was merged, in unix seconds; 0 if it was not."""
        path, value = self._document(number)
        read = ReviewMembers(self._folder, path, value)
        if read.text("number", str(number)) != str(number):
            raise self._folder.damaged(path, msg("its number is not that of its folder"))
        state = read.choice("state", PullState, PullState.OPEN)
        merged_as = read.commit("merged_as") if "merged_as" in value else None
        if (merged_as is not None) != (state is PullState.MERGED):
            reason = msg(
                "`merged_as` belongs to a pull request with `state: merged`, and only there"
            )
            raise self._folder.damaged(path, reason)
        head = read.commit("head")
        pull = PullRequest(
            number,
            read.text("title", ""),
            Person(read.text("author"), is_bot=read.flag("author_is_bot")),
            head,
            read.text("branch", head),
            read.text("base"),
            state,
            is_fork=read.flag("is_fork"),
            merged_as=merged_as,
            url=read.text("url", ""),
        )
        return pull, read.moment("merged_at") if state is PullState.MERGED else 0.0

    # comments

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        self._document(number)
        found = (
            self._comment(number, match[1])
            for name in self._folder.names("pulls", str(number), "comments")
            if (match := _COMMENT.fullmatch(name))
        )
        return tuple(
            sorted(
                (one for one in found if one is not None),
                key=lambda one: (one.created, int(one.id)),
            )
        )

    def add_comment(self, number: int, body: str) -> ForgeComment:
        checked_text(body)
        with self._folder.locked():
            self._document(number)
            names = self._folder.names("pulls", str(number), "comments")
            used = [int(name.partition(".")[0]) for name in names if name[:1].isdecimal()]
            id = f"{max(used, default=0) + 1:04}"
            head = {
                "author": self._outside.person.name,
                "author_is_bot": self._outside.person.is_bot,
                "created": _iso(self._outside.waits.now()),
                "sha256": _digest(body),
            }
            # A head without a text does not count, so nobody sees half of a comment.
            self._folder.write_document(head, *self._comment_file(number, id, "json"))
            self._folder.write(body, *self._comment_file(number, id, "md"))
            made = self._comment(number, id)
        assert made is not None
        return made

    def edit_comment(self, number: int, id: str, body: str) -> None:
        checked_text(body)
        with self._folder.locked():
            head = self._own_head(number, id)
            if head is None:
                raise ForgeError(
                    msg(
                        "{place}: pull request {number} has no comment {id}",
                        place=self._name,
                        number=number,
                        id=id,
                    )
                )
            # First that it is edited, so that no edited text is ever shown as an original.
            changed = {**head, "edited": _iso(self._outside.waits.now()), "sha256": _digest(body)}
            self._folder.write_document(changed, *self._comment_file(number, id, "json"))
            self._folder.write(body, *self._comment_file(number, id, "md"))

    def remove_comment(self, number: int, id: str) -> None:
        with self._folder.locked():
            head = self._own_head(number, id)
            if head is None:
                return
            # The head stays, so that no later comment gets this number.
            self._folder.remove(*self._comment_file(number, id, "md"))
            gone = {"author": head.get("author"), "removed": _iso(self._outside.waits.now())}
            self._folder.write_document(gone, *self._comment_file(number, id, "json"))

    @staticmethod
    def _comment_file(number: int, id: str, ending: str) -> tuple[str, ...]:
        return "pulls", str(number), "comments", f"{id}.{ending}"

    def _comment(self, number: int, id: str) -> ForgeComment | None:
        head = self._folder.document(*self._comment_file(number, id, "json"))
        body = self._folder.text(*self._comment_file(number, id, "md"))
        if head is None or body is None or "removed" in head:
            return None
        path = self._folder.root.joinpath(*self._comment_file(number, id, "json"))
        read = ReviewMembers(self._folder, path, head)
        author = read.text("author")
        return ForgeComment(
            id,
            Person(author, is_bot=read.flag("author_is_bot")),
            body,
            read.moment("created"),
            is_edited="edited" in head or read.text("sha256", _digest(body)) != _digest(body),
            is_own=author == self._outside.person.name,
        )

    def _own_head(self, number: int, id: str) -> Mapping[str, Any] | None:
        """The head of an own comment; None if there is no such comment."""
        found = self._comment(number, id) if _COMMENT.fullmatch(f"{id}.json") else None
        if found is None:
            return None
        if not found.is_own:
            raise ForgeError(
                msg(
                    "{place}: comment {id} is from {author}",
                    place=self._name,
                    id=id,
                    author=found.author.name,
                )
            )
        return self._folder.document(*self._comment_file(number, id, "json"))

    # statuses

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        folder = self._commit_folder(commit)
        found: dict[str, CommitStatus] = {}
        for name in self._folder.names(*folder):
            if not name.endswith(".json") or name.startswith("."):
                continue
            value = self._folder.document(*folder, name)
            if value is None:
                continue
            read = ReviewMembers(self._folder, self._folder.root.joinpath(*folder, name), value)
            status = CommitStatus(
                read.text("name"),
                read.choice("state", StatusState),
                read.text("text", ""),
                read.text("url", ""),
            )
            found[status.name] = status
        return found

    def set_status(self, commit: str, status: CommitStatus) -> None:
        checked_status(status)
        value = {
            "name": status.name,
            "state": status.state.value,
            "text": status.text,
            "url": status.url,
            "author": self._outside.person.name,
            "written": _iso(self._outside.waits.now()),
        }
        with self._folder.locked():
            file = _file_name(status.name) + ".json"
            self._folder.write_document(value, *self._commit_folder(commit), file)

    @staticmethod
    def _commit_folder(commit: str) -> tuple[str, str]:
        return "statuses", checked_commit(commit)

    # teams

    def team(self, name: str) -> frozenset[str]:
        found = self._folder.hand_written("teams")
        members = None if found is None else found[1].get(name)
        if members is None:
            raise ForgeError(
                msg("{place} has no team {name}", place=self._name, name=name),
                hint=msg("list its members in {file}", file="teams.yaml"),
            )
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            assert found is not None
            raise self._folder.damaged(found[0], msg("{name} is not a list of names", name=name))
        return frozenset(members)

    # issues

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        return tuple(issue for issue, labels in self._issues() if label in labels)

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        checked_text(body)
        with self._folder.locked():
            id = str(max((int(issue.id) for issue, _ in self._issues()), default=0) + 1)
            value = {
                "title": title,
                "author": self._outside.person.name,
                "created": _iso(self._outside.waits.now()),
                "labels": [label],
                "state": "open",
                "body": body,
            }
            self._folder.write_document(value, "issues", f"{id}.json")
        return self._issue(id)[0]

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        checked_text(body)
        with self._folder.locked():
            value = self._issue_document(id)
            state = "open" if is_open else "closed"
            changed = {**value, "title": title, "body": body, "state": state}
            self._folder.write_document(changed, "issues", f"{id}.json")

    def _issues(self) -> Iterator[tuple[ForgeIssue, list[str]]]:
        names = [name.removesuffix(".json") for name in self._folder.names("issues")]
        for id in sorted((name for name in names if _NUMBER.fullmatch(name)), key=int):
            yield self._issue(id)

    def _issue(self, id: str) -> tuple[ForgeIssue, list[str]]:
        value = self._issue_document(id)
        read = ReviewMembers(self._folder, self._folder.root / "issues" / f"{id}.json", value)
        labels = value.get("labels", [])
        if not isinstance(labels, list):
            labels = []
        issue = ForgeIssue(
            id,
            read.text("title"),
            read.text("body", ""),
            is_open=read.text("state", "open") == "open",
            is_own=read.text("author") == self._outside.person.name,
        )
        return issue, labels

    def _issue_document(self, id: str) -> Mapping[str, Any]:
        value = self._folder.document("issues", f"{id}.json") if _NUMBER.fullmatch(id) else None
        if value is None:
            raise ForgeError(msg("{place} has no issue {id}", place=self._name, id=id))
        return value


def _file_name(name: str) -> str:
    """A name as part of a path: unlike names stay unlike."""
    quoted = quote(name, safe="").replace(".", "%2E", 1 if name.startswith(".") else 0)
    if len(quoted) <= _FILE_NAME_CHARACTERS_MAX:
        return quoted
    return quoted[:_FILE_NAME_CHARACTERS_MAX] + "-" + _digest(name)[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _iso(moment: float) -> str:
    found = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")
