"""The port `Forge` over GitHub and GitHub Enterprise Server.

Texts of reviews are not read: their description has no time of an edit, so that nobody could say
whether an approval in one is as its author wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote, urlsplit

from reconciler.common.text import msg
from reconciler.forge import github_rows as rows
from reconciler.forge.forge_checks import checked_commit, checked_number, checked_text
from reconciler.forge.forge_retry import ForgeRefusal, ForgeWaits
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.github_errors import GitHubAction, explained
from reconciler.forge.github_link import GitHubLimits, GitHubLink
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    ForgeComment,
    ForgeError,
    ForgeIssue,
    PullRequest,
    PullState,
)

GITHUB_API_URL = "https://api.github.com"
ACTIONS_ACCOUNT = "github-actions[bot]"
"""Who writes with the token that GitHub Actions gives to a job."""

MERGED_DAYS_MAX = 30
MERGED_PULLS_MAX = 100

_CLOSED_PAGES_MAX = 10
_PROJECT = re.compile(r"[A-Za-z0-9][\w-]*/[\w.-]+", re.ASCII)
_LABEL_COLOR = "ededed"


class GitHubForge:
    """A repository on GitHub. `api_url` has no `/` at its end; `project` is `OWNER/REPOSITORY`."""

    def __init__(
        self,
        api_url: str,
        project: str,
        token: ForgeToken,
        *,
        waits: ForgeWaits | None = None,
        limits: GitHubLimits | None = None,
    ) -> None:
        if not _PROJECT.fullmatch(project) or project.endswith(("/.", "/..")):
            text = msg("{project} is not a repository of GitHub", project=project)
            raise ForgeError(text, hint=msg("write it as OWNER/REPOSITORY, such as acme/infra"))
        self._project, self._token_name = project, token.name
        self._waits = waits or ForgeWaits()
        self._link = GitHubLink(
            api_url, token, place=self._place_of(api_url), waits=self._waits, limits=limits
        )
        self._place = self._place_of(api_url)
        self._account: rows.GitHubAccount | None = None

    def _place_of(self, api_url: str) -> str:
        host = urlsplit(api_url).netloc.rpartition("@")[2].removeprefix("api.")
        return f"{host}/{self._project}"

    @property
    def place(self) -> str:
        return self._place

    # pull requests

    def pull(self, number: int) -> PullRequest:
        with self._doing(_reading_pull(number)):
            return rows.pull(self._link.get(self._path(f"/pulls/{number}")).data)

    def open_pulls(self, base: str) -> tuple[PullRequest, ...]:
        action = msg("listing the open pull requests for {branch}", branch=base)
        with self._doing(GitHubAction(action, "pull-requests: read")):
            wanted = {"state": "open", "base": base, "sort": "created", "direction": "asc"}
            found = map(rows.pull, self._link.rows(self._path("/pulls"), wanted))
            open_ = {
                one.number: one for one in found if one.state is PullState.OPEN and one.base == base
            }
        return tuple(open_[number] for number in sorted(open_))

    def merged_pulls(self, base: str) -> tuple[PullRequest, ...]:
        # A pull request was updated when it was merged or later, so no older page has one.
        since = self._waits.now() - MERGED_DAYS_MAX * 86_400
        merged: dict[int, tuple[float, PullRequest]] = {}
        wanted = {"state": "closed", "base": base, "sort": "updated", "direction": "desc"}
        action = msg("listing the merged pull requests of {branch}", branch=base)
        with self._doing(GitHubAction(action, "pull-requests: read")):
            for page in self._link.pages(self._path("/pulls"), wanted, pages_max=_CLOSED_PAGES_MAX):
                for row in page:
                    one = rows.pull(row)
                    if one.state is PullState.MERGED and one.base == base:
                        merged[one.number] = rows.moment(row, "merged_at"), one
                if page and rows.moment(page[-1], "updated_at") < since:
                    break
        recent = [(when, one.number) for when, one in merged.values() if when >= since]
        latest = sorted(recent, reverse=True)[:MERGED_PULLS_MAX]
        return tuple(merged[number][1] for _, number in latest)

    def pulls_of(self, commit: str) -> tuple[PullRequest, ...]:
        # For a commit that is not on the default branch, GitHub lists open pull requests too.
        action = msg("listing the pull requests of commit {commit}", commit=commit[:12])
        with self._doing(GitHubAction(action, "contents: read and pull-requests: read")):
            path = self._path(f"/commits/{checked_commit(commit)}/pulls")
            found = map(rows.pull, self._link.rows(path))
            merged = {one.number: one for one in found if one.state is PullState.MERGED}
        return tuple(merged[number] for number in sorted(merged))

    def add_pull(self, branch: str, base: str, title: str, body: str) -> PullRequest:
        action = msg("opening a pull request for {branch}", branch=branch)
        with self._doing(GitHubAction(action, "pull-requests: write", is_repeatable=False)):
            data = {"head": branch, "base": base, "title": title, "body": checked_text(body)}
            made = self._link.write("POST", self._path("/pulls"), data, is_repeatable=False)
            return rows.pull(made.data)

    def edit_pull(self, number: int, *, title: str, body: str, is_open: bool) -> None:
        action = msg("editing pull request {number}", number=number)
        data = {"title": title, "body": checked_text(body), "state": _state(is_open)}
        self._patch(f"/pulls/{number}", data, GitHubAction(action, "pull-requests: write"))

    # comments

    def comments(self, number: int) -> tuple[ForgeComment, ...]:
        action = msg("reading the comments of pull request {number}", number=number)
        with self._doing(GitHubAction(action, "pull-requests: read")):
            found = self._link.rows(self._path(f"/issues/{number}/comments"))
            if not found:
                return ()
            account = self._own_account()
            read = {one.id: one for one in (rows.comment(row, account) for row in found)}
        return tuple(sorted(read.values(), key=lambda one: int(one.id)))

    def add_comment(self, number: int, body: str) -> ForgeComment:
        action = _writing_comment(number, is_repeatable=False)
        with self._doing(action):
            path = self._path(f"/issues/{number}/comments")
            made = self._link.write("POST", path, {"body": checked_text(body)}, is_repeatable=False)
            return rows.comment(made.data, _author_of(made.data))

    def edit_comment(self, number: int, id: str, body: str) -> None:
        data = {"body": checked_text(body)}
        self._patch(f"/issues/comments/{checked_number(id)}", data, _writing_comment(number))

    def remove_comment(self, number: int, id: str) -> None:
        action = msg("removing a comment of pull request {number}", number=number)
        with self._doing(GitHubAction(action, "pull-requests: write")):
            path = self._path(f"/issues/comments/{checked_number(id)}")
            try:
                self._link.write("DELETE", path, None, is_repeatable=True)
            except ForgeRefusal as refusal:
                if refusal.status not in (404, 410):
                    raise

    # statuses

    def statuses(self, commit: str) -> Mapping[str, CommitStatus]:
        action = msg("reading the statuses of commit {commit}", commit=commit[:12])
        latest: dict[str, CommitStatus] = {}
        with self._doing(GitHubAction(action, "statuses: read")):
            # The latest are the first. The combined status would have no more than this list.
            path = self._path(f"/commits/{checked_commit(commit)}/statuses")
            for row in self._link.rows(path):
                one = rows.status(row)
                latest.setdefault(one.name, one)
        return latest

    def set_status(self, commit: str, status: CommitStatus) -> None:
        action = msg("setting the status {name}", name=status.name)
        data = {"state": status.state.value, "context": status.name, "description": status.text}
        if status.url:
            data["target_url"] = status.url
        with self._doing(GitHubAction(action, "statuses: write")):
            path = self._path(f"/statuses/{checked_commit(commit)}")
            self._link.write("POST", path, data, is_repeatable=True)

    # teams

    def team(self, name: str) -> frozenset[str]:
        action = msg("reading the members of team {name}", name=name)
        with self._doing(GitHubAction(action, "members: read of the organization")):
            owner = self._project.partition("/")[0]
            path = f"/orgs/{quote(owner, safe='')}/teams/{quote(name, safe='')}/members"
            return frozenset(map(rows.login, self._link.rows(path)))

    # issues

    def issues(self, label: str) -> tuple[ForgeIssue, ...]:
        action = msg("listing the issues with label {label}", label=label)
        with self._doing(GitHubAction(action, "issues: read")):
            wanted = {"labels": label, "state": "all", "sort": "created", "direction": "asc"}
            found = self._link.rows(self._path("/issues"), wanted)
            # GitHub lists pull requests among the issues.
            found = [
                row
                for row in found
                if label in rows.labels(row) and row.get("pull_request") is None
            ]
            if not found:
                return ()
            account = self._own_account()
            read = {one.id: one for one in (rows.issue(row, account) for row in found)}
        return tuple(sorted(read.values(), key=lambda one: int(one.id)))

    def add_issue(self, title: str, body: str, label: str) -> ForgeIssue:
        checked_text(body)
        self._make_label(label)
        action = msg("opening an issue")
        with self._doing(GitHubAction(action, "issues: write", is_repeatable=False)):
            data = {"title": title, "body": body, "labels": [label]}
            made = self._link.write("POST", self._path("/issues"), data, is_repeatable=False)
            issue = rows.issue(made.data, _author_of(made.data))
            if label in rows.labels(made.data):
                return issue
        # GitHub drops labels silently if the token has no right to write to the repository.
        self.edit_issue(issue.id, title=title, body=body, is_open=False)
        text = msg(
            "{place}: issue {id} was opened without its label {label}, and closed again",
            place=self.place,
            id=issue.id,
            label=label,
        )
        raise ForgeError(
            text,
            hint=msg(
                "give the token in {name} the permission issues: write", name=self._token_name
            ),
        )

    def edit_issue(self, id: str, *, title: str, body: str, is_open: bool) -> None:
        action = msg("editing issue {id}", id=id)
        data = {"title": title, "body": checked_text(body), "state": _state(is_open)}
        self._patch(f"/issues/{checked_number(id)}", data, GitHubAction(action, "issues: write"))

    def _make_label(self, label: str) -> None:
        """Makes a label if the repository has none of that name."""
        action = msg("creating label {label}", label=label)
        with self._doing(GitHubAction(action, "issues: write")):
            try:
                self._link.get(self._path(f"/labels/{quote(label, safe='')}"))
                return
            except ForgeRefusal as refusal:
                if refusal.status != 404:
                    raise
            try:
                data = {"name": label, "color": _LABEL_COLOR}
                self._link.write("POST", self._path("/labels"), data, is_repeatable=True)
            except ForgeRefusal as refusal:
                if refusal.status != 422 or "already_exists" not in refusal.text:
                    raise

    # what the methods share

    def _own_account(self) -> rows.GitHubAccount:
        """The account of the token, asked for once.

        The token of an app, also that of GitHub Actions, may not read `/user`. The GraphQL API
        names its account; if that refuses too, it is taken for the one of GitHub Actions.
        """
        if self._account is None:
            action = msg("reading the account of the token")
            with self._doing(GitHubAction(action, "metadata: read")):
                try:
                    self._account = rows.account(self._link.get("/user").data)
                except ForgeRefusal as refusal:
                    if refusal.status not in (403, 404):
                        raise
                    self._account = rows.GitHubAccount(self._app_name() or ACTIONS_ACCOUNT)
        return self._account

    def _app_name(self) -> str | None:
        query = {"query": "query { viewer { login } }"}
        try:
            url = self._link.graphql_url
            data = self._link.write("POST", url, query, is_repeatable=True).data
        except ForgeRefusal as refusal:
            if not 400 <= refusal.status < 500:
                raise
            return None
        viewer = (data or {}).get("data") or {}
        return rows.login(viewer["viewer"]) if viewer.get("viewer") else None

    def _path(self, rest: str) -> str:
        return f"/repos/{self._project}{rest}"

    def _doing(self, action: GitHubAction) -> AbstractContextManager[None]:
        return explained(self.place, self._token_name, action)

    def _patch(self, rest: str, data: Mapping[str, Any], action: GitHubAction) -> None:
        with self._doing(action):
            self._link.write("PATCH", self._path(rest), data, is_repeatable=True)


def _reading_pull(number: int) -> GitHubAction:
    return GitHubAction(msg("reading pull request {number}", number=number), "pull-requests: read")


def _writing_comment(number: int, *, is_repeatable: bool = True) -> GitHubAction:
    action = msg("writing a comment on pull request {number}", number=number)
    return GitHubAction(action, "pull-requests: write", is_repeatable=is_repeatable)


def _author_of(row: Any) -> rows.GitHubAccount:
    """The account that wrote what was just written: our own."""
    user = row.get("user") if isinstance(row, Mapping) else None
    return rows.account(user)


def _state(is_open: bool) -> str:
    return "open" if is_open else "closed"
