"""Forgejo and Gitea, without a library of theirs (decisions/forges#libraries)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

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
from reconciler.forge.forge_wire import (
    ROWS_MAX,
    ForgeStatusError,
    ForgeWire,
    TokenHeader,
    WireLimits,
    json_of,
)
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

FORGEJO_API_URL = "https://codeberg.org/api/v1"

_API = "/api/v1"
_DAYS_SECONDS = 30 * 86_400.0
_PULLS_MAX = 100
_PAGE_ROWS = 50
"""The largest page that an instance gives unless it is set up otherwise."""

_PROJECT = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][\w.-]*", re.ASCII)
_LABEL_COLOR = "#4183c4"
_AGIT = 1
"""The `flow` of a pull request that was pushed without a branch: everyone who may read the
repository can do that.
"""

_PULL_REF = "refs/pull/"
_BOT_ENDS = ("[bot]", "-bot", "_bot", ".bot")
_ACTIONS = ("forgejo-actions", "gitea-actions")
_TO_STATUS = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failure",
}
_FROM_STATUS = {text: state for state, text in _TO_STATUS.items()}
"""Everything else, such as `error`, is a failure."""


class ForgejoForge:
    """A repository on Forgejo or Gitea. `api_url` has no `/` at its end; `project` is
    `OWNER/REPOSITORY`.
    """

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
            text = msg("{project} is not a repository of Forgejo", project=project)
            raise ForgeError(text, hint=msg("write it as OWNER/REPOSITORY, such as acme/infra"))
        url = api_url.removesuffix(_API)
        self._place = f"{urlsplit(url).netloc}{urlsplit(url).path}/{project}"
        self._waits = waits or ForgeWaits()
        self._wire = ForgeWire(
            url + _API, token, place=self._place, waits=self._waits, limits=limits
        )
        self._auth = TokenHeader("Authorization", "token ", token)
        self._owner, _, name = project.partition("/")
        self._repository = f"/repos/{quote(self._owner, safe='')}/{quote(name, safe='')}"
        self._own_id: int | None = None

    def __repr__(self) -> str:
        return f"ForgejoForge({self._place!r})"

    @property
    def place(self) -> str:
        return self._place

    # pull requests

    def pull(self, number: int) -> PullRequest:
        try:
            return self._pull(self._call("GET", f"/pulls/{number}"))
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise
            raise ForgeError(
                msg("{place} has no pull request {number}", place=self._place, number=number),
                hint=msg("check the number, and that the token may read the repository"),
            ) from None

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        found = map(self._pull, self._list("/pulls", {"state": "open"}))
        return tuple(sorted((one for one in found if one.base == base), key=lambda one: one.number))

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        since = self._waits.now() - _DAYS_SECONDS
        rows: list[tuple[float, ForgeRow]] = []
        for row in self._list("/pulls", {"state": "closed", "sort": "recentupdate"}):
            if row.moment("updated_at") < since:
                break
            if row.flag("merged") and row.row("base").text("ref") == base:
                rows.append((row.moment("merged_at"), row))
        rows = [(merged, row) for merged, row in rows if merged >= since]
        rows.sort(key=lambda pair: -pair[0])
        return tuple(self._pull(row) for _, row in rows[:_PULLS_MAX])

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        try:
            found = self._call("GET", f"/commits/{checked_commit(commit)}/pull")
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise
            return ()
        made = self._pull(found)
        return (made,) if made.state is PullState.MERGED else ()

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        data = {"head": branch, "base": base, "title": title, "body": checked_text(body)}
        return self._pull(self._call("POST", "/pulls", data))

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        data = {"title": title, "body": checked_text(body)}
        if self.pull(number).state is not PullState.MERGED or is_open:
            data["state"] = "open" if is_open else "closed"
        self._call("PATCH", f"/pulls/{number}", data)

    # comments

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        rows = all_rows(self._json("GET", f"/issues/{number}/comments"), self._place)
        return tuple(sorted(map(self._comment, rows), key=lambda one: (one.created, int(one.id))))

    def add_comment(self, number: int, body: str) -> ForgeComment:
        return self._comment(
            self._call("POST", f"/issues/{number}/comments", {"body": checked_text(body)})
        )

    def edit_comment(self, number: int, id: str, body: str) -> None:
        self._call("PATCH", f"/issues/comments/{checked_number(id)}", {"body": checked_text(body)})

    def remove_comment(self, number: int, id: str) -> None:
        try:
            self._json("DELETE", f"/issues/comments/{checked_number(id)}")
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise

    # statuses

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        latest: dict[str, ForgeRow] = {}
        for row in self._list(f"/statuses/{checked_commit(commit)}", {}):
            name = row.name("context")
            if name not in latest or latest[name].number("id") < row.number("id"):
                latest[name] = row
        return {name: _status(row) for name, row in latest.items()}

    def set_status(self, commit: str, status: CommitStatus) -> None:
        checked_status(status)
        data = {
            "context": status.name,
            "state": _TO_STATUS[status.state],
            "description": status.text,
            "target_url": status.url,
        }
        self._call("POST", f"/statuses/{checked_commit(commit)}", data)

    # teams

    def team(self, name: str) -> frozenset[str]:
        path = f"/orgs/{quote(self._owner, safe='')}/teams"
        try:
            ids = [
                row.number("id")
                for row in self._list(path, {}, is_of_repository=False)
                if row.name("name").lower() == name.lower()
            ]
        except ForgeStatusError as refusal:
            if refusal.status != 404:
                raise
            ids = []
        if not ids:
            raise ForgeError(
                msg(
                    "{owner} has no team {name} that the token can see",
                    owner=self._owner,
                    name=name,
                )
            )
        members = self._list(f"/teams/{ids[0]}/members", {}, is_of_repository=False)
        return frozenset(row.name("login") for row in members)

    # issues

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        # A label that the repository has not is ignored: then all issues come back.
        query = {"state": "all", "type": "issues", "labels": label}
        rows = [
            row
            for row in self._list("/issues", query)
            if label in {one.text("name") for one in row.rows("labels")}
            and "pull_request" not in row
        ]
        rows.sort(key=lambda row: row.number("number"))
        return tuple(map(self._issue, rows))

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        data = {"title": title, "body": checked_text(body), "labels": [self._label(label)]}
        return self._issue(self._call("POST", "/issues", data))

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        data = {
            "title": title,
            "body": checked_text(body),
            "state": "open" if is_open else "closed",
        }
        self._call("PATCH", f"/issues/{checked_number(id)}", data)

    def _label(self, name: str) -> int:
        for row in self._list("/labels", {}):
            if row.text("name") == name:
                return row.number("id")
        return self._call("POST", "/labels", {"name": name, "color": _LABEL_COLOR}).number("id")

    # requests

    def _json(
        self,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        is_of_repository: bool = True,
    ) -> Any:
        answer = self._answer(method, path, data, is_of_repository=is_of_repository)
        return json_of(answer)

    def _call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> ForgeRow:
        return ForgeRow(self._json(method, path, data), self._place)

    def _answer(
        self,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        is_of_repository: bool = True,
    ) -> Any:
        place = self._repository + path if is_of_repository else path
        return self._wire.request(
            method, self._wire.base + place, params=query, json=data, auth=self._auth
        )

    def _list(
        self, path: str, query: Mapping[str, Any], *, is_of_repository: bool = True
    ) -> Iterator[ForgeRow]:
        """All rows. An instance may give smaller pages than it is asked for."""
        count, page = 0, 1
        while count < ROWS_MAX:
            answer = self._answer(
                "GET",
                path,
                query={**query, "page": page, "limit": _PAGE_ROWS},
                is_of_repository=is_of_repository,
            )
            rows = list(all_rows(json_of(answer), self._place))
            yield from rows
            count += len(rows)
            total = answer.headers.get("X-Total-Count", "")
            if not rows or (total.isdecimal() and count >= int(total)):
                return
            page += 1
        raise ForgeError(msg("{place} has more than {most} rows", place=self._place, most=ROWS_MAX))

    def _me(self) -> int:
        if self._own_id is None:
            found = self._json("GET", "/user", is_of_repository=False)
            self._own_id = ForgeRow(found, self._place).number("id")
        return self._own_id

    # values of the port

    def _pull(self, row: ForgeRow) -> PullRequest:
        head, base, is_merged = row.row("head"), row.row("base"), row.flag("merged")
        if is_merged:
            state = PullState.MERGED
        else:
            state = PullState.OPEN if row.name("state") == "open" else PullState.CLOSED
        return PullRequest(
            row.number("number"),
            row.text("title"),
            _person(row.row("user")),
            head.name("sha"),
            head.name("ref"),
            base.name("ref"),
            state,
            is_fork=_is_fork(row, head, base),
            merged_as=row.text("merge_commit_sha") or None if is_merged else None,
            url=row.text("html_url"),
        )

    def _comment(self, row: ForgeRow) -> ForgeComment:
        created = row.moment("created_at")
        return ForgeComment(
            str(row.number("id")),
            _person(row.row("user")),
            row.text("body"),
            created,
            is_edited=row.moment("updated_at") != created,
            is_own=row.row("user").number("id") == self._me(),
        )

    def _issue(self, row: ForgeRow) -> ForgeIssue:
        return ForgeIssue(
            str(row.number("number")),
            row.text("title"),
            row.text("body"),
            is_open=row.name("state") == "open",
            is_own=row.row("user").number("id") == self._me(),
            url=row.text("html_url"),
        )


def _is_fork(row: ForgeRow, head: ForgeRow, base: ForgeRow) -> bool:
    """Whether somebody else than who may write the repository can have pushed the head."""
    if "flow" in row and row.number("flow") == _AGIT:
        return True
    if not row.flag("merged") and head.text("ref").startswith(_PULL_REF):
        return True  # pushed without a branch, or the branch is gone
    return "repo_id" not in head or head.number("repo_id") != base.number("repo_id")


def _person(row: ForgeRow) -> Person:
    """Forgejo marks no bots. Its own accounts have ids below zero; the others go by their name."""
    name = row.name("login")
    is_bot = row.number("id") < 0 or name in _ACTIONS or name.lower().endswith(_BOT_ENDS)
    return Person(name, is_bot=is_bot)


def _status(row: ForgeRow) -> CommitStatus:
    return CommitStatus(
        row.name("context"),
        _FROM_STATUS.get(row.name("status"), StatusState.FAILURE),
        row.text("description"),
        row.text("target_url"),
    )
