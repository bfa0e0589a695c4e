"""A fake of Forgejo's REST API, as far as we call it, over a `ForgeWorld`.

It has the habits of Forgejo that matter: a label that it does not know filters nothing, an instance
may give smaller pages than asked for, and a pull request may come without a branch (`agit`).
`Account.may_not` has `statuses` for a token without that permission.
"""

from __future__ import annotations

import zlib
from typing import Any, ClassVar
from urllib.parse import unquote

from reconciler.model.ports.forge_ports import PullState, StatusState
from tests.forges import pages
from tests.forges.described import description
from tests.forges.fake_routes import RoutedForge, iso, known, route
from tests.forges.fake_server import Answer, Request
from tests.forges.forge_world import (
    Account,
    CommentRecord,
    ForgeWorld,
    IssueRecord,
    PullRecord,
    Refused,
    StatusRecord,
    Why,
)

REPOSITORY_ID, FORK_ID = 7, 8
_STATUSES = {Why.MISSING: 404, Why.FORBIDDEN: 403, Why.INVALID: 409}
_REPOSITORY = r"/repos/{}/{}"


class FakeForgejo(RoutedForge):
    """Forgejo at `url`, with its API at `api_url`. `agit` has the pull requests that were pushed
    without a branch.
    """

    prefix = "/api/v1"
    page_sizes: ClassVar[tuple[int, int]] = (30, 50)
    page_names: ClassVar[tuple[str, str]] = ("page", "limit")

    def __init__(self, world: ForgeWorld, *, port: int = 0) -> None:
        super().__init__(world, description("forgejo"), port=port)
        self.agit: set[int] = set()

    # who sends

    def sender(self, request: Request) -> Account | Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = self.account_of(token) if scheme.lower() == "token" else None
        return account or Answer(401, {"message": "invalid username, password or token"})

    def refusal(self, why: Why, text: str) -> Answer:
        value = {"message": text, "url": f"{self.url}/api/swagger"}
        return Answer(_STATUSES[why], value)

    def page(self, request: Request) -> Answer:
        return pages.page(self.world, request.path, pull_word="pulls")

    def _check(self, owner: str, name: str) -> None:
        if f"{unquote(owner)}/{unquote(name)}" != self.world.project:
            raise Refused(Why.MISSING, "The target couldn't be found.")

    # accounts

    @route("GET", r"/user")
    def _own_user(self, request: Request, account: Account) -> Answer:
        return Answer(200, self._user(account.name))

    @route("GET", r"/orgs/{}/teams")
    def _list_teams(self, request: Request, account: Account, org: str) -> Answer:
        if unquote(org) != self.world.project.partition("/")[0]:
            raise Refused(Why.MISSING, "The target couldn't be found.")
        return self.paged(request, ["Owners", *sorted(self.world.teams)], self._team)

    @route("GET", r"/teams/{}/members")
    def _team_members(self, request: Request, account: Account, id: str) -> Answer:
        for name in self.world.teams:
            if _number(name) == int(id):
                return self.paged(request, self.world.team(name), self._user)
        raise Refused(Why.MISSING, "The target couldn't be found.")

    def _team(self, name: str) -> dict[str, Any]:
        value = {"id": _number(name), "name": name, "permission": "write", "units": []}
        return known(value, self.description.schemas["Team"])

    def _user(self, name: str) -> dict[str, Any]:
        account = self.world.account(name)
        value = {
            "id": account.id,
            "login": name,
            "full_name": "",
            "html_url": f"{self.url}/{name}",
            "active": True,
        }
        return known(value, self.description.schemas["User"])

    # pull requests

    @route("GET", _REPOSITORY + r"/pulls")
    def _list_pulls(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        state = request.one("state", "open")
        found = [
            one
            for one in self.world.pulls.values()
            if state == "all" or (one.state is PullState.OPEN) == (state == "open")
        ]
        if request.one("sort") == "recentupdate":
            found.sort(key=lambda one: -one.updated)
        else:
            found.sort(key=lambda one: -one.created)
        return self.paged(request, found, self._pull)

    @route("POST", _REPOSITORY + r"/pulls")
    def _add_pull(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        given = request.data
        made = self.world.open_pull(
            account.name,
            branch=given["head"],
            base=given["base"],
            title=given["title"],
            body=given.get("body", ""),
        )
        return Answer(201, self._pull(made))

    @route("GET", _REPOSITORY + r"/pulls/{}")
    def _get_pull(
        self, request: Request, account: Account, owner: str, name: str, number: str
    ) -> Answer:
        self._check(owner, name)
        return Answer(200, self._pull(self.world.pull(int(number))))

    @route("PATCH", _REPOSITORY + r"/pulls/{}")
    def _edit_pull(
        self, request: Request, account: Account, owner: str, name: str, number: str
    ) -> Answer:
        self._check(owner, name)
        given, record = request.data, self.world.pull(int(number))
        if "state" in given and record.state is PullState.MERGED:
            return Answer(412, {"message": "cannot change state of a merged pull request"})
        changed = self.world.edit_pull(
            record.number,
            title=given.get("title", record.title),
            body=given.get("body", record.body),
            is_open=given.get("state", record.state.value) == "open",
        )
        return Answer(201, self._pull(changed))

    @route("GET", _REPOSITORY + r"/commits/{}/pull")
    def _pull_of(
        self, request: Request, account: Account, owner: str, name: str, commit: str
    ) -> Answer:
        self._check(owner, name)
        for one in self.world.pulls_of(commit):
            return Answer(200, self._pull(one))
        raise Refused(Why.MISSING, "The target couldn't be found.")

    def _pull(self, one: PullRecord) -> dict[str, Any]:
        is_merged, is_agit = one.state is PullState.MERGED, one.number in self.agit
        head = {
            "label": one.branch,
            "ref": f"refs/pull/{one.number}/head" if is_agit else one.branch,
            "sha": one.head,
            "repo_id": FORK_ID if one.is_fork else REPOSITORY_ID,
        }
        base = {"label": one.base, "ref": one.base, "sha": "0" * 40, "repo_id": REPOSITORY_ID}
        branch = self.description.schemas["PrBranchInfo"]
        value = {
            "id": one.id,
            "number": one.number,
            "title": one.title,
            "body": one.body,
            "user": self._user(one.author),
            "labels": [],
            "state": "open" if one.state is PullState.OPEN else "closed",
            "merged": is_merged,
            "merged_at": iso(one.closed or 0) if is_merged else None,
            "merge_commit_sha": one.merged_as,
            "head": known(head, branch),
            "base": known(base, branch),
            "flow": 1 if is_agit else 0,
            "created_at": iso(one.created),
            "updated_at": iso(one.updated),
            "closed_at": None if one.closed is None else iso(one.closed),
            "html_url": f"{self.url}/{self.world.project}/pulls/{one.number}",
        }
        return known(value, self.description.schemas["PullRequest"])

    # comments

    @route("GET", _REPOSITORY + r"/issues/{}/comments")
    def _list_comments(
        self, request: Request, account: Account, owner: str, name: str, number: str
    ) -> Answer:
        self._check(owner, name)
        return Answer(200, [self._comment(one) for one in self.world.comments_of(int(number))])

    @route("POST", _REPOSITORY + r"/issues/{}/comments")
    def _add_comment(
        self, request: Request, account: Account, owner: str, name: str, number: str
    ) -> Answer:
        self._check(owner, name)
        made = self.world.comment(int(number), account.name, request.data["body"])
        return Answer(201, self._comment(made))

    @route("PATCH", _REPOSITORY + r"/issues/comments/{}")
    def _edit_comment(
        self, request: Request, account: Account, owner: str, name: str, id: str
    ) -> Answer:
        self._check(owner, name)
        self._own(account, id)
        return Answer(200, self._comment(self.world.edit_comment(int(id), request.data["body"])))

    @route("DELETE", _REPOSITORY + r"/issues/comments/{}")
    def _delete_comment(
        self, request: Request, account: Account, owner: str, name: str, id: str
    ) -> Answer:
        self._check(owner, name)
        self._own(account, id)
        self.world.remove_comment(int(id))
        return Answer(204)

    def _own(self, account: Account, id: str) -> None:
        found = self.world.comments.get(int(id))
        if found is None:
            raise Refused(Why.MISSING, "The target couldn't be found.")
        if found.author != account.name:
            raise Refused(Why.FORBIDDEN, "user should have permission to edit the comment")

    def _comment(self, one: CommentRecord) -> dict[str, Any]:
        value = {
            "id": one.id,
            "body": one.body,
            "user": self._user(one.author),
            "created_at": iso(one.created),
            "updated_at": iso(one.updated),
            "assets": [],
            "original_author": "",
            "original_author_id": 0,
        }
        return known(value, self.description.schemas["Comment"])

    # statuses

    @route("GET", _REPOSITORY + r"/statuses/{}")
    def _list_statuses(
        self, request: Request, account: Account, owner: str, name: str, commit: str
    ) -> Answer:
        self._check(owner, name)
        return self.paged(request, self.world.statuses_of(commit), self._status)

    @route("POST", _REPOSITORY + r"/statuses/{}")
    def _set_status(
        self, request: Request, account: Account, owner: str, name: str, commit: str
    ) -> Answer:
        self._check(owner, name)
        if "statuses" in account.may_not:
            raise Refused(Why.FORBIDDEN, "token does not have at least one of required scope(s)")
        given = request.data
        made = self.world.set_status(
            commit,
            account.name,
            given["context"],
            StatusState(given["state"]),
            given.get("description", ""),
            given.get("target_url", ""),
        )
        return Answer(201, self._status(made))

    def _status(self, one: StatusRecord) -> dict[str, Any]:
        value = {
            "id": one.id,
            "context": one.name,
            "status": one.state.value,
            "description": one.text,
            "target_url": one.url,
            "created_at": iso(one.created),
            "updated_at": iso(one.created),
            "creator": self._user(one.author),
        }
        return known(value, self.description.schemas["CommitStatus"])

    # issues

    @route("GET", _REPOSITORY + r"/issues")
    def _list_issues(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        labels = set(request.one("labels").split(",")) & set(self.world.labels)
        found = [
            one for one in self.world.issues.values() if not labels or labels & set(one.labels)
        ]
        return self.paged(request, sorted(found, key=lambda one: -one.number), self._issue)

    @route("POST", _REPOSITORY + r"/issues")
    def _add_issue(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        given = request.data
        names = [label for label in self.world.labels if _number(label) in given["labels"]]
        made = self.world.open_issue(account.name, given["title"], given.get("body", ""), names)
        return Answer(201, self._issue(made))

    @route("PATCH", _REPOSITORY + r"/issues/{}")
    def _edit_issue(
        self, request: Request, account: Account, owner: str, name: str, number: str
    ) -> Answer:
        self._check(owner, name)
        given, record = request.data, self.world.issue(int(number))
        changed = self.world.edit_issue(
            record.number,
            title=given.get("title", record.title),
            body=given.get("body", record.body),
            is_open=given.get("state", "open" if record.is_open else "closed") == "open",
        )
        return Answer(201, self._issue(changed))

    def _issue(self, one: IssueRecord) -> dict[str, Any]:
        value = {
            "id": one.id,
            "number": one.number,
            "title": one.title,
            "body": one.body,
            "user": self._user(one.author),
            "labels": [self._label(label) for label in one.labels],
            "state": "open" if one.is_open else "closed",
            "created_at": iso(one.created),
            "updated_at": iso(one.updated),
            "html_url": f"{self.url}/{self.world.project}/issues/{one.number}",
        }
        return known(value, self.description.schemas["Issue"])

    @route("GET", _REPOSITORY + r"/labels")
    def _list_labels(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        return self.paged(request, sorted(self.world.labels), self._label)

    @route("POST", _REPOSITORY + r"/labels")
    def _add_label(self, request: Request, account: Account, owner: str, name: str) -> Answer:
        self._check(owner, name)
        with self.world.writing():
            self.world.labels.append(request.data["name"])
        return Answer(201, self._label(request.data["name"]))

    def _label(self, name: str) -> dict[str, Any]:
        value = {"id": _number(name), "name": name, "color": "4183c4"}
        return known(value, self.description.schemas["Label"])


def _number(name: str) -> int:
    return zlib.crc32(name.encode()) + 1
