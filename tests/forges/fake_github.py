"""A fake of GitHub's REST API, as far as we call it, over a `ForgeWorld`.

What an answer must have and nobody reads is filled in from the official description. Accounts
whose name ends in `[bot]` are apps: their tokens may not read `/user`, and what they may not do is
in `Account.may_not`, by the names of permissions: `statuses`, `issues`, `pull_requests`, `members`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from reconciler.model.ports.forge_ports import PullState, StatusState
from tests.forges import pages
from tests.forges.described import description
from tests.forges.fake_server import Answer, FakeForge, Request
from tests.forges.forge_world import (
    START,
    Account,
    CommentRecord,
    ForgeWorld,
    IssueRecord,
    PullRecord,
    Refused,
    StatusRecord,
    Why,
)

GRAPHQL = "/api/graphql"
VIEWER = "query { viewer { login } }"
_STATUSES = {Why.MISSING: 404, Why.FORBIDDEN: 403}
_BODY_MAX = 65_536
_ROUTES: list[tuple[str, re.Pattern[str], str]] = []

Handler = Callable[["FakeGitHub", Request, Account, Sequence[str]], Answer]
_HANDLERS: dict[str, Handler] = {}


def _route(method: str, path: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        pattern = re.compile(path.replace("{}", "([^/]+)").replace("{repo}", "/repos/[^/]+/[^/]+"))
        _ROUTES.append((method, pattern, handler.__name__))
        _HANDLERS[handler.__name__] = handler
        return handler

    return add


class FakeGitHub(FakeForge):
    """GitHub Enterprise Server at `url`, with its API at `api_url`."""

    prefix = "/api/v3"

    def __init__(self, world: ForgeWorld, *, port: int = 0) -> None:
        super().__init__(world, description("github"), port=port)
        self._schemas: Mapping[str, Any] = self.description.schemas
        self.has_graphql = True

    # who sends

    def sender(self, request: Request) -> Account | Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = self.account_of(token) if scheme.lower() in ("token", "bearer") else None
        return account or Answer(401, {"message": "Bad credentials"})

    def answer(self, request: Request, account: Account) -> Answer:
        for method, pattern, name in _ROUTES:
            found = pattern.fullmatch(request.path)
            if method == request.method and found is not None:
                if request.path.startswith("/repos/") and not request.path.startswith(
                    f"/repos/{self.world.project}/"
                ):
                    return Answer(404, {"message": "Not Found"})
                try:
                    return _HANDLERS[name](
                        self, request, account, list(map(unquote, found.groups()))
                    )
                except Refused as refused:
                    if refused.why is Why.INVALID:
                        return _invalid("Resource", "base", str(refused))
                    return Answer(_STATUSES[refused.why], {"message": str(refused)})
        return Answer(404, {"message": "Not Found"})

    def page(self, request: Request) -> Answer:
        if request.path == GRAPHQL and request.method == "POST":
            return self._graphql(request)
        return pages.page(self.world, request.path, pull_word="pull")

    def _graphql(self, request: Request) -> Answer:
        """The one query that we send; GraphQL has no place in the description of the REST API."""
        with self._lock:
            self.requests.append("POST /graphql")
            fault = self._next_fault("POST /graphql")
        if fault is not None:
            return fault.answer
        account = self.sender(request)
        if isinstance(account, Answer):
            return account
        if not self.has_graphql:
            return Answer(403, {"message": "Resource not accessible by integration"})
        if request.data != {"query": VIEWER}:
            self.violations.append(f"GraphQL: {request.data}")
            return Answer(400, {"message": "Problems parsing JSON"})
        return Answer(200, {"data": {"viewer": {"login": account.name}}})

    @_route("GET", "/user")
    def _user_of_token(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if account.is_bot:
            return _forbidden("metadata=read")
        return Answer(200, self._filled("public-user", self._user(account.name)))

    # pull requests

    @_route("GET", "{repo}/pulls")
    def _list_pulls(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        state = request.one("state", "open")
        found = [
            one
            for one in self.world.all_pulls()
            if (state == "all" or (one.state is PullState.OPEN) == (state == "open"))
            and one.base == request.one("base", one.base)
        ]
        if request.one("sort") == "updated":
            found.sort(key=lambda one: one.updated)
        # For `created`, which is the default, GitHub begins with the latest.
        if request.one("direction", "desc") == "desc":
            found.reverse()
        return self._paged(request, found, lambda one: self._pull(one, "pull-request-simple"))

    @_route("GET", "{repo}/pulls/{}")
    def _get_pull(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        return Answer(200, self._pull(self.world.pull(int(parts[0])), "pull-request"))

    @_route("POST", "{repo}/pulls")
    def _add_pull(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if "pull_requests" in account.may_not:
            text = "GitHub Actions is not permitted to create or approve pull requests."
            return Answer(403, {"message": text})
        given = request.data
        made = self.world.open_pull(
            account.name,
            branch=given["head"],
            base=given["base"],
            title=given.get("title", ""),
            body=given.get("body", ""),
        )
        return Answer(201, self._pull(made, "pull-request"))

    @_route("PATCH", "{repo}/pulls/{}")
    def _edit_pull(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if "pull_requests" in account.may_not:
            return _forbidden("pull_requests=write")
        found, given = self.world.pull(int(parts[0])), request.data
        made = self.world.edit_pull(
            found.number,
            title=given.get("title", found.title),
            body=given.get("body", found.body),
            is_open=given.get("state", found.state.value) == "open",
        )
        return Answer(200, self._pull(made, "pull-request"))

    @_route("GET", "{repo}/commits/{}/pulls")
    def _pulls_of(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        found = self.world.pulls_of(parts[0])
        found += [one for one in self.world.all_pulls() if one.head == parts[0]]
        return self._paged(request, found, lambda one: self._pull(one, "pull-request-simple"))

    # comments

    @_route("GET", "{repo}/issues/{}/comments")
    def _list_comments(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        return self._paged(request, self.world.comments_of(int(parts[0])), self._comment)

    @_route("POST", "{repo}/issues/{}/comments")
    def _add_comment(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if {"issues", "pull_requests"} <= account.may_not:
            return _forbidden("issues=write; pull_requests=write")
        body = _body(request.data["body"])
        return Answer(201, self._comment(self.world.comment(int(parts[0]), account.name, body)))

    @_route("PATCH", "{repo}/issues/comments/{}")
    def _edit_comment(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        body = _body(request.data["body"])
        return Answer(200, self._comment(self.world.edit_comment(int(parts[0]), body)))

    @_route("DELETE", "{repo}/issues/comments/{}")
    def _remove_comment(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        self.world.remove_comment(int(parts[0]))
        return Answer(204)

    # statuses

    @_route("GET", "{repo}/commits/{}/statuses")
    def _list_statuses(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        return self._paged(request, self.world.statuses_of(parts[0]), self._status)

    @_route("POST", "{repo}/statuses/{}")
    def _set_status(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if "statuses" in account.may_not:
            return _forbidden("statuses=write")
        given = request.data
        text = given.get("description") or ""
        if len(text) > 140:
            return _invalid("Status", "description", "is too long (maximum is 140 characters)")
        if given.get("target_url") == "":
            return _invalid("Status", "target_url", "must use http(s) scheme")
        made = self.world.set_status(
            parts[0],
            account.name,
            given.get("context", "default"),
            StatusState("failure" if given["state"] == "error" else given["state"]),
            text,
            given.get("target_url") or "",
        )
        return Answer(201, self._status(made))

    # teams

    @_route("GET", "/orgs/{}/teams/{}/members")
    def _members(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if "members" in account.may_not:
            return _forbidden("members=read")
        if parts[0] != self.world.project.partition("/")[0]:
            return Answer(404, {"message": "Not Found"})
        return self._paged(request, self.world.team(parts[1]), self._user)

    # issues

    @_route("GET", "{repo}/issues")
    def _list_issues(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        wanted = set(filter(None, request.one("labels").split(",")))
        state = request.one("state", "open")
        every: list[IssueRecord | PullRecord] = [*self.world.issues.values()]
        every += self.world.all_pulls()
        found = [
            one
            for one in every
            if wanted <= set(one.labels) and (state == "all" or _is_open(one) == (state == "open"))
        ]
        found.sort(key=lambda one: one.number, reverse=request.one("direction", "desc") == "desc")
        return self._paged(request, found, self._issue)

    @_route("POST", "{repo}/issues")
    def _add_issue(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        given = request.data
        labels = [] if "issues" in account.may_not else list(given.get("labels", ()))
        body = _body(given.get("body", ""))
        return Answer(
            201, self._issue(self.world.open_issue(account.name, given["title"], body, labels))
        )

    @_route("PATCH", "{repo}/issues/{}")
    def _edit_issue(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        found, given = self.world.issue(int(parts[0])), request.data
        made = self.world.edit_issue(
            found.number,
            title=given.get("title", found.title),
            body=_body(given.get("body", found.body)),
            is_open=given.get("state", "open" if found.is_open else "closed") == "open",
        )
        return Answer(200, self._issue(made))

    @_route("GET", "{repo}/labels/{}")
    def _get_label(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        if parts[0] not in self.world.labels:
            return Answer(404, {"message": "Not Found"})
        return Answer(200, self._label(parts[0]))

    @_route("POST", "{repo}/labels")
    def _add_label(self, request: Request, account: Account, parts: Sequence[str]) -> Answer:
        name = request.data["name"]
        if "issues" in account.may_not:
            return _forbidden("issues=write; pull_requests=write")
        if name in self.world.labels:
            return _invalid("Label", "name", code="already_exists")
        self.world.labels.append(name)
        return Answer(201, self._label(name))

    # values of the API

    def _paged(
        self, request: Request, found: Sequence[Any], shown: Callable[[Any], object]
    ) -> Answer:
        size = min(int(request.one("per_page", "30")), 100)
        number = int(request.one("page", "1"))
        with self.world.lock:
            rows = [shown(one) for one in found[(number - 1) * size : number * size]]
        headers = {}
        if number * size < len(found):
            following = f"{self.api_url}{request.path}?per_page={size}&page={number + 1}"
            headers = {"Link": f'<{following}>; rel="next"'}
        return Answer(200, rows, headers)

    def _filled(self, schema: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """The values, and what the schema requires beside them."""
        found = self._schemas[schema]
        rest = {
            name: _any_value(found["properties"][name], f"{self.api_url}/{name}")
            for name in found.get("required", ())
            if name not in known
        }
        return {**rest, **known}

    def _user(self, name: str) -> dict[str, Any]:
        account = self.world.account(name)
        return self._filled(
            "simple-user",
            {
                "login": name,
                "id": account.id,
                "type": "Bot" if account.is_bot else "User",
                "html_url": f"{self.url}/{name}",
            },
        )

    def _repository(self, *, is_fork: bool) -> dict[str, Any]:
        owner, _, name = self.world.project.partition("/")
        owner = "mallory" if is_fork else owner
        return self._filled(
            "repository",
            {
                "id": 2 if is_fork else 1,
                "name": name,
                "full_name": f"{owner}/{name}",
                "owner": self._user(owner),
                "fork": is_fork,
                "default_branch": "main",
            },
        )

    def _pull(self, one: PullRecord, schema: str) -> dict[str, Any]:
        is_merged = one.state is PullState.MERGED
        ends = {
            name: {
                "label": f"acme:{branch}",
                "ref": branch,
                "sha": commit,
                "user": self._user(one.author),
                "repo": self._repository(is_fork=is_fork),
            }
            for name, branch, commit, is_fork in (
                ("head", one.branch, one.head, one.is_fork),
                ("base", one.base, "0" * 40, False),
            )
        }
        known: dict[str, Any] = {
            "id": one.id,
            "number": one.number,
            "title": one.title,
            "body": one.body or None,
            "user": self._user(one.author),
            "state": "open" if one.state is PullState.OPEN else "closed",
            "created_at": _moment(one.created),
            "updated_at": _moment(one.updated),
            "closed_at": None if one.closed is None else _moment(one.closed),
            "merged_at": _moment(one.closed or 0) if is_merged else None,
            # that of a trial merge, before the merge
            "merge_commit_sha": one.merged_as or "f" * 40,
            "html_url": f"{self.url}/{self.world.project}/pull/{one.number}",
            "labels": [],
            "author_association": "CONTRIBUTOR",
            "auto_merge": None,
            "_links": {
                name: {"href": self.api_url}
                for name in (
                    "comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self",
                )
            },
            **ends,
        }  # fmt: skip
        if schema == "pull-request":
            known["merged"] = is_merged
        return self._filled(schema, known)

    def _comment(self, one: CommentRecord) -> dict[str, Any]:
        return self._filled(
            "issue-comment",
            {
                "id": one.id,
                "body": one.body,
                "user": self._user(one.author),
                "created_at": _moment(one.created),
                "updated_at": _moment(one.updated),
            },
        )

    def _status(self, one: StatusRecord) -> dict[str, Any]:
        return self._filled(
            "status",
            {
                "id": one.id,
                "state": one.state.value,
                "context": one.name,
                "description": one.text or None,
                "target_url": one.url or None,
                "created_at": _moment(one.created),
                "updated_at": _moment(one.created),
                "creator": self._user(one.author),
            },
        )

    def _issue(self, one: IssueRecord | PullRecord) -> dict[str, Any]:
        is_pull = isinstance(one, PullRecord)
        is_open = _is_open(one)
        place = f"{self.url}/{self.world.project}/{'pull' if is_pull else 'issues'}/{one.number}"
        known: dict[str, Any] = {
            "id": one.id,
            "number": one.number,
            "title": one.title,
            "body": one.body or None,
            "user": self._user(one.author),
            "labels": [self._label(label) for label in one.labels],
            "state": "open" if is_open else "closed",
            "created_at": _moment(one.created),
            "updated_at": _moment(one.updated),
            "closed_at": None if is_open else _moment(one.updated),
            "html_url": place,
        }
        if is_pull:
            urls = ("url", "html_url", "diff_url", "patch_url")
            known["pull_request"] = dict.fromkeys(urls, place)
        return self._filled("issue", known)

    def _label(self, name: str) -> dict[str, Any]:
        return self._filled("label", {"id": 7, "name": name, "color": "ededed"})


def _any_value(schema: Mapping[str, Any], url: str) -> Any:
    """Some value of a schema: null if that is allowed."""
    kinds = schema.get("type")
    if "anyOf" in schema or "$ref" in schema or (isinstance(kinds, list) and "null" in kinds):
        return None
    if schema.get("format") == "date-time":
        return _moment(START)
    return {"string": url, "boolean": False, "integer": 0, "array": [], "object": {}}[str(kinds)]


def _is_open(one: IssueRecord | PullRecord) -> bool:
    return one.state is PullState.OPEN if isinstance(one, PullRecord) else one.is_open


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _body(text: str) -> str:
    if len(text) > _BODY_MAX:
        raise Refused(Why.INVALID, "body is too long (maximum is 65536 characters)")
    return text


def _forbidden(accepted: str) -> Answer:
    return Answer(
        403,
        {"message": "Resource not accessible by integration", "status": "403"},
        {"X-Accepted-GitHub-Permissions": accepted},
    )


def _invalid(resource: str, field: str, text: str | None = None, code: str = "custom") -> Answer:
    error = {"resource": resource, "field": field, "code": code}
    if text is not None:
        error["message"] = text
    return Answer(
        422,
        {"message": "Validation Failed", "errors": [error], "documentation_url": "https://docs"},
    )
