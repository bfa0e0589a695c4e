"""A fake of GitLab's REST API, as far as we call it, over a `ForgeWorld`.

It has the habits of GitLab that matter: quick actions are taken out of texts, white space at the
end is removed, every merge request has a note of the system, and a status that is pending cannot be
set to pending again. `Account.may_not` has `statuses` for a token without the role for them.
"""

from __future__ import annotations

import re
from typing import Any
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

PROJECT_ID, FORK_ID = 7, 8
_STATUSES = {Why.MISSING: 404, Why.FORBIDDEN: 403, Why.INVALID: 409}
_COMMANDS = "approve|unapprove|close|reopen|merge|label|assign|title|draft|shrug"
_QUICK = re.compile(
    r"(?P<kept>^```.+?\n```$|^<[^>]+?>\n.+?\n</[^>]+?>$|^>>>.+?\n>>>$)"
    rf"|^/(?P<name>{_COMMANDS})(?: [^\n]*)?(?:\s*\n|$)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_STATES = {
    "pending": StatusState.PENDING,
    "running": StatusState.PENDING,
    "success": StatusState.SUCCESS,
}
_MERGE_REQUESTS = r"/projects/{}/merge_requests"


class FakeGitLab(RoutedForge):
    """GitLab at `url`, with its API at `api_url`. `quick_actions` has those that were done.
    `takes_pending_again` is as since GitLab 18.3.
    """

    prefix = "/api/v4"

    def __init__(self, world: ForgeWorld, *, port: int = 0) -> None:
        super().__init__(world, description("gitlab"), port=port)
        self.quick_actions: list[str] = []
        self.takes_pending_again = False
        self.marks_bots_of_pulls = True
        self._raw: dict[int, str] = {}

    # who sends

    def sender(self, request: Request) -> Account | Answer:
        account = self.account_of(request.headers.get("private-token", ""))
        return account or Answer(401, {"message": "401 Unauthorized"})

    def refusal(self, why: Why, text: str) -> Answer:
        return Answer(_STATUSES[why], {"message": f"{_STATUSES[why]} {text}"})

    def page(self, request: Request) -> Answer:
        return pages.page(self.world, request.path, pull_word="merge_requests")

    def page_headers(self, page: int, size: int, total: int) -> dict[str, str]:
        following = str(page + 1) if page * size < total else ""
        return {"X-Page": str(page), "X-Per-Page": str(size), "X-Next-Page": following}

    def _check_project(self, id: str) -> None:
        if unquote(id) not in (self.world.project, str(PROJECT_ID)):
            raise Refused(Why.MISSING, "Project Not Found")

    # accounts

    @route("GET", r"/user")
    def _own_user(self, request: Request, account: Account) -> Answer:
        return Answer(200, self._user(account.name, "APIEntitiesUserPublic", with_bot=True))

    @route("GET", r"/users/{}")
    def _one_user(self, request: Request, account: Account, id: str) -> Answer:
        for one in self.world.accounts.values():
            if one.id == int(id):
                return Answer(200, self._user(one.name, "APIEntitiesUser", with_bot=True))
        raise Refused(Why.MISSING, "User Not Found")

    @route("GET", r"/groups/{}/members")
    def _members(self, request: Request, account: Account, id: str) -> Answer:
        members = self.world.team(unquote(id))
        return self.paged(
            request,
            members,
            lambda name: self._user(name, "APIEntitiesMember") | {"access_level": 30},
        )

    def _user(
        self, name: str, kind: str = "APIEntitiesUserBasic", *, with_bot: bool = False
    ) -> dict[str, Any]:
        account = self.world.account(name)
        value = {
            "id": account.id,
            "username": name,
            "name": name.title(),
            "state": "active",
            "locked": False,
            "web_url": f"{self.url}/{name}",
        }
        if with_bot:
            value["bot"] = account.is_bot
        found = known(value, self.description.schemas[kind])
        if not with_bot:
            found.pop("bot", None)
        return found

    # merge requests

    @route("GET", _MERGE_REQUESTS)
    def _list_pulls(self, request: Request, account: Account, id: str) -> Answer:
        self._check_project(id)
        state, base = request.one("state", "all"), request.one("target_branch")
        found = [
            one
            for one in self.world.pulls.values()
            if state in ("all", _state(one)) and base in ("", one.base)
        ]
        if after := request.one("updated_after"):
            found = [one for one in found if iso(one.updated) >= after]
        by_update = request.one("order_by") == "updated_at"
        found.sort(key=lambda one: one.updated if by_update else one.created)
        if request.one("sort", "desc") == "desc":
            found.reverse()
        return self.paged(request, found, self._pull)

    @route("POST", _MERGE_REQUESTS)
    def _add_pull(self, request: Request, account: Account, id: str) -> Answer:
        self._check_project(id)
        given = request.data
        made = self.world.open_pull(
            account.name,
            branch=given["source_branch"],
            base=given["target_branch"],
            title=given["title"],
            body=self._stored(given.get("description", "")),
        )
        return Answer(201, self._pull(made, "APIEntitiesMergeRequest"))

    @route("GET", _MERGE_REQUESTS + r"/{}")
    def _get_pull(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        return Answer(200, self._pull(self.world.pull(int(number)), "APIEntitiesMergeRequest"))

    @route("PUT", _MERGE_REQUESTS + r"/{}")
    def _edit_pull(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        given, record = request.data, self.world.pull(int(number))
        event = given.get("state_event")
        changed = self.world.edit_pull(
            record.number,
            title=given.get("title", record.title),
            body=self._stored(given.get("description", record.body)),
            is_open=event == "reopen" if event else record.state is PullState.OPEN,
        )
        return Answer(200, self._pull(changed, "APIEntitiesMergeRequest"))

    @route("GET", r"/projects/{}/repository/commits/{}/merge_requests")
    def _pulls_of(self, request: Request, account: Account, id: str, commit: str) -> Answer:
        self._check_project(id)
        # GitLab also gives those that only contain the commit.
        found = [one for one in self.world.pulls.values() if commit in (one.head, one.merged_as)]
        return self.paged(request, found, self._pull)

    def _pull(self, one: PullRecord, kind: str = "APIEntitiesMergeRequestBasic") -> dict[str, Any]:
        is_merged = one.state is PullState.MERGED
        author = self._user(
            one.author, "APIEntitiesMergeRequestAuthor", with_bot=self.marks_bots_of_pulls
        )
        value = {
            "id": one.id,
            "iid": one.number,
            "project_id": PROJECT_ID,
            "title": one.title,
            "description": one.body,
            "state": _state(one),
            "created_at": iso(one.created, digits=3),
            "updated_at": iso(one.updated, digits=3),
            "merged_at": iso(one.closed or 0, digits=3) if is_merged else None,
            "closed_at": None if is_merged or not one.closed else iso(one.closed, digits=3),
            "target_branch": one.base,
            "source_branch": one.branch,
            "author": author,
            "assignees": [],
            "reviewers": [],
            "labels": [],
            "source_project_id": FORK_ID if one.is_fork else PROJECT_ID,
            "target_project_id": PROJECT_ID,
            "draft": False,
            "sha": one.head,
            "merge_commit_sha": one.merged_as,
            "web_url": f"{self.url}/{self.world.project}/-/merge_requests/{one.number}",
        }
        return known(value, self.description.schemas[kind])

    # notes

    @route("GET", _MERGE_REQUESTS + r"/{}/notes")
    def _list_notes(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        pull = self.world.pull(int(number))
        system = CommentRecord(
            pull.id, pull.number, pull.author, "changed the description", pull.created, pull.created
        )
        rows = [(system, True)] + [(one, False) for one in self.world.comments_of(pull.number)]
        if request.one("sort", "desc") == "desc":
            rows.reverse()
        return self.paged(request, rows, lambda row: self._note(row[0], is_system=row[1]))

    @route("POST", _MERGE_REQUESTS + r"/{}/notes")
    def _add_note(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        body = self._stored(request.data["body"])
        if not body.strip():
            self.world.pull(int(number))
            return Answer(202, {"commands_changes": {}, "summary": ["Applied."]})
        made = self.world.comment(int(number), account.name, body)
        return Answer(201, self._note(made))

    @route("PUT", _MERGE_REQUESTS + r"/{}/notes/{}")
    def _edit_note(
        self, request: Request, account: Account, id: str, number: str, note: str
    ) -> Answer:
        self._check_project(id)
        self._own(account, number, note)
        return Answer(
            200, self._note(self.world.edit_comment(int(note), self._stored(request.data["body"])))
        )

    @route("DELETE", _MERGE_REQUESTS + r"/{}/notes/{}")
    def _delete_note(
        self, request: Request, account: Account, id: str, number: str, note: str
    ) -> Answer:
        self._check_project(id)
        self._own(account, number, note)
        self.world.remove_comment(int(note))
        return Answer(204)

    def _own(self, account: Account, number: str, note: str) -> None:
        found = self.world.comments.get(int(note))
        if found is None or found.number != int(number):
            raise Refused(Why.MISSING, "Note Not Found")
        if found.author != account.name:
            raise Refused(Why.FORBIDDEN, "Forbidden")

    def _stored(self, text: str) -> str:
        """What GitLab keeps of a text."""

        def done(found: re.Match[str]) -> str:
            if found["kept"]:
                return found["kept"]
            self.quick_actions.append(found["name"].lower())
            return ""

        return _QUICK.sub(done, text.replace("\r", "")).rstrip()

    def _note(self, one: CommentRecord, *, is_system: bool = False) -> dict[str, Any]:
        value = {
            "id": one.id,
            "body": one.body,
            "author": self._user(one.author),
            "created_at": iso(one.created, digits=3),
            # The time of a system note is set by hand, so the two differ by some milliseconds.
            "updated_at": iso(one.updated + (0.003 if is_system else 0), digits=3),
            "system": is_system,
            "noteable_id": one.number,
            "noteable_type": "MergeRequest",
            "noteable_iid": one.number,
            "project_id": PROJECT_ID,
            "resolvable": False,
            "confidential": False,
            "internal": False,
            "imported": False,
            "imported_from": "none",
            "commands_changes": {},
        }
        return known(value, self.description.schemas["APIEntitiesNote"])

    # statuses

    @route("GET", r"/projects/{}/repository/commits/{}/statuses")
    def _list_statuses(self, request: Request, account: Account, id: str, commit: str) -> Answer:
        self._check_project(id)
        latest: dict[str, StatusRecord] = {}
        for one in self.world.statuses_of(commit):
            latest.setdefault(one.name, one)
        return self.paged(request, list(latest.values()), self._status)

    @route("POST", r"/projects/{}/statuses/{}")
    def _set_status(self, request: Request, account: Account, id: str, commit: str) -> Answer:
        self._check_project(id)
        if "statuses" in account.may_not:
            raise Refused(Why.FORBIDDEN, "Forbidden")
        given = request.data
        name, raw = given.get("name", "default"), given["state"]
        state = _STATES.get(raw, StatusState.FAILURE)
        with self.world.lock:
            active = next(
                (
                    one
                    for one in self.world.statuses_of(commit)
                    if (one.name, one.author) == (name, account.name)
                    and self._raw.get(one.id) in ("pending", "running")
                ),
                None,
            )
            if active is None:
                text, url = given.get("description", ""), given.get("target_url", "")
                active = self.world.set_status(commit, account.name, name, state, text, url)
            elif raw == "pending" and not self.takes_pending_again:
                text = (
                    f"Cannot transition status via :enqueue from :{self._raw[active.id]} "
                    '(Reason(s): Status cannot transition via "enqueue")'
                )
                return Answer(400, {"message": text})
            active.state = state
            active.text = given.get("description", active.text)
            active.url = given.get("target_url", active.url)
            self._raw[active.id] = raw
        return Answer(201, self._status(active))

    def _status(self, one: StatusRecord) -> dict[str, Any]:
        raw = self._raw.get(one.id) or {StatusState.FAILURE: "failed"}.get(
            one.state, one.state.value
        )
        value = {
            "id": one.id,
            "sha": one.commit,
            "ref": "main",
            "status": raw,
            "name": one.name,
            "target_url": one.url or None,
            "description": one.text or None,
            "created_at": iso(one.created, digits=3),
            "allow_failure": False,
            "pipeline_id": 1,
            "author": self._user(one.author),
        }
        return known(value, self.description.schemas["APIEntitiesCommitStatus"])

    # issues

    @route("GET", r"/projects/{}/issues")
    def _list_issues(self, request: Request, account: Account, id: str) -> Answer:
        self._check_project(id)
        label = request.one("labels")
        found = [
            one
            for _, one in sorted(self.world.issues.items())
            if {"none": not one.labels, "any": bool(one.labels)}.get(
                label.lower(), label in one.labels
            )
        ]
        if request.one("sort", "desc") == "desc":
            found.reverse()
        return self.paged(request, found, self._issue)

    @route("POST", r"/projects/{}/issues")
    def _add_issue(self, request: Request, account: Account, id: str) -> Answer:
        self._check_project(id)
        given = request.data
        labels = [label for label in given.get("labels", "").split(",") if label]
        body = self._stored(given.get("description", ""))
        made = self.world.open_issue(account.name, given["title"], body, labels)
        return Answer(201, self._issue(made))

    @route("GET", r"/projects/{}/issues/{}")
    def _get_issue(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        return Answer(200, self._issue(self.world.issue(int(number))))

    @route("PUT", r"/projects/{}/issues/{}")
    def _edit_issue(self, request: Request, account: Account, id: str, number: str) -> Answer:
        self._check_project(id)
        given, record = request.data, self.world.issue(int(number))
        event = given.get("state_event")
        changed = self.world.edit_issue(
            record.number,
            title=given.get("title", record.title),
            body=self._stored(given.get("description", record.body)),
            is_open=event == "reopen" if event else record.is_open,
        )
        return Answer(200, self._issue(changed))

    def _issue(self, one: IssueRecord) -> dict[str, Any]:
        value = {
            "id": one.id,
            "iid": one.number,
            "project_id": PROJECT_ID,
            "title": one.title,
            "description": one.body,
            "state": "opened" if one.is_open else "closed",
            "created_at": iso(one.created, digits=3),
            "updated_at": iso(one.updated, digits=3),
            "labels": one.labels,
            "assignees": [],
            "author": self._user(one.author),
            "web_url": f"{self.url}/{self.world.project}/-/issues/{one.number}",
        }
        return known(value, self.description.schemas["APIEntitiesIssue"])


def _state(one: PullRecord) -> str:
    return "opened" if one.state is PullState.OPEN else one.state.value
