"""GitLab: a merge request is a pull request, its notes are the comments (the extra `gitlab`).

GitLab takes a line that begins with `/` for a quick action: it removes the line from a note and
does what it says, and `/approve` is one of them. Such a line is therefore written with a backslash
before it, which is removed when the note is read.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import gitlab as library

from reconciler.common.text import msg
from reconciler.forge.forge_checks import (
    checked_commit,
    checked_number,
    checked_status,
    checked_text,
)
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.forge.forge_rows import ForgeRow, all_rows
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.forge_wire import ROWS_MAX, ForgeStatusError, ForgeWire, WireLimits, json_of
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

GITLAB_API_URL = "https://gitlab.com/api/v4"

_API = "/api/v4"
_DAYS_SECONDS = 30 * 86_400.0
_PULLS_MAX = 100
_PAGE_ROWS = 100
_URL_CHARACTERS_MAX = 255
_END = "<!-- end -->"
"""Follows a text that ends with white space, which GitLab would remove."""

_PROJECT = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)+", re.ASCII)
_COMMAND = re.compile(r"^(\\*)/", re.MULTILINE)
_HIDDEN_COMMAND = re.compile(r"^\\(\\*)/", re.MULTILINE)
_BOT_NAME = re.compile(r"(?:project|group)_\d+_bot\w*|service_account_\w+", re.IGNORECASE)

_STATES = {
    "opened": PullState.OPEN,
    "locked": PullState.OPEN,  # while it is merged
    "merged": PullState.MERGED,
    "closed": PullState.CLOSED,
}
_TO_STATUS = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
}
_FROM_STATUS = {
    "pending": StatusState.PENDING,
    "running": StatusState.PENDING,
    "created": StatusState.PENDING,
    "success": StatusState.SUCCESS,
}
"""Everything else, such as `canceled`, is a failure."""


class GitLabForge:
    """A project on GitLab. `api_url` has no `/` at its end; `project` has all its groups."""

    def __init__(
        self,
        api_url: str,
        project: str,
        token: ForgeToken,
        *,
        waits: ForgeWaits | None = None,
        limits: WireLimits | None = None,
    ) -> None:
        if not _PROJECT.fullmatch(project):
            text = msg("{project} is not a project of GitLab", project=project)
            raise ForgeError(text, hint=msg("write it with its groups, such as acme/infra"))
        url = api_url.removesuffix(_API)
        self._place = f"{urlsplit(url).netloc}{urlsplit(url).path}/{project}"
        self._waits = waits or ForgeWaits()
        wire = ForgeWire(url + _API, token, place=self._place, waits=self._waits, limits=limits)
        self._library = library.Gitlab(
            url,
            private_token=token.reveal(),
            session=wire,
            user_agent="reconciler",
        )
        self._project = f"/projects/{quote(project, safe='')}"
        self._own_id: int | None = None
        self._bots: dict[int, bool] = {}

    def __repr__(self) -> str:
        return f"GitLabForge({self._place!r})"

    @property
    def place(self) -> str:
        return self._place

    # pull requests

    def pull(self, number: int) -> PullRequest:
        try:
            return self._pull(self._call("get", f"{self._project}/merge_requests/{number}"))
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise
            raise ForgeError(
                msg("{place} has no merge request {number}", place=self._place, number=number),
                hint=msg("check the number, and that the token may read the project"),
            ) from None

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        query = {"state": "opened", "target_branch": base, "order_by": "created_at", "sort": "asc"}
        found = map(self._pull, self._list(f"{self._project}/merge_requests", query))
        return tuple(sorted(found, key=lambda one: one.number))

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        since = self._waits.now() - _DAYS_SECONDS
        query = {
            "state": "merged",
            "target_branch": base,
            "order_by": "updated_at",
            "sort": "desc",
            "updated_after": _iso(since),
        }
        rows = [
            (row.moment("merged_at"), row)
            for row in self._list(f"{self._project}/merge_requests", query)
            if "merged_at" in row
        ]
        rows = [(merged, row) for merged, row in rows if merged >= since]
        rows.sort(key=lambda pair: -pair[0])
        return tuple(self._pull(row) for _, row in rows[:_PULLS_MAX])

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        path = f"{self._project}/repository/commits/{checked_commit(commit)}/merge_requests"
        found = map(self._pull, self._list(path))
        return tuple(one for one in found if one.state is PullState.MERGED)

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        data = {
            "source_branch": branch,
            "target_branch": base,
            "title": title,
            "description": _written(body),
        }
        return self._pull(self._call("post", f"{self._project}/merge_requests", data))

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        path = f"{self._project}/merge_requests/{number}"
        state = _STATES.get(self._call("get", path).name("state"), PullState.CLOSED)
        self._edit(path, title, body, is_open=is_open, was_open=state is PullState.OPEN)

    # comments

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        query = {"sort": "asc", "order_by": "created_at"}
        rows = [row for row in self._list(self._notes(number), query) if not row.flag("system")]
        by_id = {row.number("id"): self._comment(row) for row in rows}
        return tuple(sorted(by_id.values(), key=lambda one: (one.created, int(one.id))))

    def add_comment(self, number: int, body: str) -> ForgeComment:
        made = self._call("post", self._notes(number), {"body": _written(body)})
        if "id" not in made:  # all of it was taken for quick actions
            raise ForgeError(
                msg("{place} made no comment of the text", place=self._place),
                hint=msg("begin no line with `/`"),
            )
        return self._comment(made)

    def edit_comment(self, number: int, id: str, body: str) -> None:
        self._call("put", f"{self._notes(number)}/{checked_number(id)}", {"body": _written(body)})

    def remove_comment(self, number: int, id: str) -> None:
        try:
            self._answer("delete", f"{self._notes(number)}/{checked_number(id)}", {}, None)
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise

    def _notes(self, number: int) -> str:
        return f"{self._project}/merge_requests/{number}/notes"

    # statuses

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        path = f"{self._project}/repository/commits/{checked_commit(commit)}/statuses"
        latest: dict[str, ForgeRow] = {}
        for row in self._list(path):
            name = row.name("name")
            if name not in latest or latest[name].number("id") < row.number("id"):
                latest[name] = row
        return {name: _status(row) for name, row in latest.items()}

    def set_status(self, commit: str, status: CommitStatus) -> None:
        checked_status(status)
        if len(status.url) > _URL_CHARACTERS_MAX:
            raise ForgeError(
                msg(
                    "GitLab takes no address of more than {most} characters in a status: {url}",
                    most=_URL_CHARACTERS_MAX,
                    url=status.url,
                )
            )
        path = f"{self._project}/statuses/{checked_commit(commit)}"
        data = {"name": status.name, "state": _TO_STATUS[status.state], "description": status.text}
        if status.url:
            data["target_url"] = status.url
        try:
            self._call("post", path, data)
        except ForgeStatusError as refusal:
            if refusal.status != 400 or "transition" not in str(refusal).lower():
                raise
            # Before 18.3, a status that is pending cannot be set to pending again; one that ended
            # is replaced.
            self._call("post", path, {"name": status.name, "state": "canceled"})
            self._call("post", path, data)

    # teams

    def team(self, name: str) -> frozenset[str]:
        path = f"/groups/{quote(name.strip('/'), safe='')}/members"
        try:
            rows = list(self._list(path))
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise
            raise ForgeError(
                msg("{place} shows no group {name}", place=self._place, name=name),
                hint=msg("write `team:` with the whole path of the group"),
            ) from None
        return frozenset(
            row.name("username")
            for row in rows
            if row.text("state") in ("", "active")
            and row.text("membership_state") in ("", "active")
        )

    # issues

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        query = {"labels": label, "state": "all", "order_by": "created_at", "sort": "asc"}
        rows = [
            row
            for row in self._list(f"{self._project}/issues", query)
            if label in row.texts("labels")
        ]
        rows.sort(key=lambda row: row.number("iid"))
        return tuple(map(self._issue, rows))

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        data = {"title": title, "description": _written(body), "labels": label}
        return self._issue(self._call("post", f"{self._project}/issues", data))

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        path = f"{self._project}/issues/{checked_number(id)}"
        was_open = self._call("get", path).name("state") == "opened"
        self._edit(path, title, body, is_open=is_open, was_open=was_open)

    def _edit(self, path: str, title: str, body: str, *, is_open: bool, was_open: bool) -> None:
        data = {"title": title, "description": _written(body)}
        if is_open != was_open:
            data["state_event"] = "reopen" if is_open else "close"
        self._call("put", path, data)

    # requests

    def _answer(
        self, verb: str, path: str, query: Mapping[str, Any], data: Mapping[str, Any] | None
    ) -> Any:
        # Of the library its objects and lists are not used: they fail in their own ways at an
        # answer of another form, and lists go to whatever address the forge names.
        return self._library.http_request(
            verb,
            path,
            query_data=dict(query),
            post_data=None if data is None else dict(data),
            obey_rate_limit=False,
        )

    def _call(self, verb: str, path: str, data: Mapping[str, Any] | None = None) -> ForgeRow:
        return ForgeRow(json_of(self._answer(verb, path, {}, data)), self._place)

    def _list(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[ForgeRow]:
        """All rows. A page of notes may be smaller than others although there are more."""
        for page in range(1, ROWS_MAX // _PAGE_ROWS + 1):
            asked = {**(query or {}), "page": page, "per_page": _PAGE_ROWS}
            answer = self._answer("get", path, asked, None)
            yield from all_rows(json_of(answer), self._place)
            if 'rel="next"' not in answer.headers.get("Link", ""):
                return
        raise ForgeError(msg("{place} has more than {most} rows", place=self._place, most=ROWS_MAX))

    def _me(self) -> int:
        if self._own_id is None:
            self._own_id = self._call("get", "/user").number("id")
        return self._own_id

    # values of the port

    def _pull(self, row: ForgeRow) -> PullRequest:
        state = _STATES.get(row.name("state"), PullState.CLOSED)
        merged_as = row.text("merge_commit_sha") or row.text("squash_commit_sha") or row.text("sha")
        return PullRequest(
            row.number("iid"),
            row.text("title"),
            self._person(row.row("author")),
            row.name("sha"),
            row.name("source_branch"),
            row.name("target_branch"),
            state,
            # null if the fork is gone
            is_fork="source_project_id" not in row
            or row.number("source_project_id") != row.number("target_project_id"),
            merged_as=merged_as if state is PullState.MERGED else None,
            url=row.text("web_url"),
        )

    def _comment(self, row: ForgeRow) -> ForgeComment:
        created = row.moment("created_at")
        return ForgeComment(
            str(row.number("id")),
            self._person(row.row("author")),
            _read(row.text("body")),
            created,
            # Resolving a thread changes it too, and looks the same as an edit.
            is_edited=row.moment("updated_at") != created,
            is_own=row.row("author").number("id") == self._me(),
        )

    def _issue(self, row: ForgeRow) -> ForgeIssue:
        return ForgeIssue(
            str(row.number("iid")),
            row.text("title"),
            _read(row.text("description")),
            is_open=row.name("state") == "opened",
            is_own=row.row("author").number("id") == self._me(),
            url=row.text("web_url"),
        )

    def _person(self, row: ForgeRow) -> Person:
        name, id = row.name("username"), row.number("id")
        if "bot" in row:
            self._bots[id] = row.flag("bot")
        elif id not in self._bots:
            self._bots[id] = _BOT_NAME.fullmatch(name) is not None or self._is_bot(id)
        return Person(name, is_bot=self._bots[id])

    def _is_bot(self, id: int) -> bool:
        """Whether an account is a bot or a service account. Authors of notes have no such mark."""
        try:
            return self._call("get", f"/users/{id}").flag("bot")
        except ForgeStatusError as refusal:
            if refusal.status not in (403, 404):
                raise
            return True  # an account that nobody can look at is not taken for a person


def _written(body: str) -> str:
    """A text as it is sent: without lines that GitLab would do, and with its end."""
    text = _COMMAND.sub(r"\\\1/", checked_text(body).replace("\r\n", "\n").replace("\r", "\n"))
    return text + _END if text != text.rstrip() or text.endswith(_END) else text


def _read(body: str) -> str:
    """The text that was meant."""
    return _HIDDEN_COMMAND.sub(r"\1/", body.removesuffix(_END))


def _status(row: ForgeRow) -> CommitStatus:
    return CommitStatus(
        row.name("name"),
        _FROM_STATUS.get(row.name("status"), StatusState.FAILURE),
        row.text("description"),
        row.text("target_url"),
    )


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
