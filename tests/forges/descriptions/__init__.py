"""The official descriptions of the forges, cut down to the operations that we call."""

from __future__ import annotations

_REPOSITORY = "/repos/{owner}/{repo}"
_PROJECT = "/projects/{id}"

USED: dict[str, dict[str, str]] = {
    "github": {
        "/user": "get",
        "/orgs/{org}/teams/{team_slug}/members": "get",
        f"{_REPOSITORY}/pulls": "get post",
        f"{_REPOSITORY}/pulls/{{pull_number}}": "get patch",
        f"{_REPOSITORY}/commits/{{commit_sha}}/pulls": "get",
        f"{_REPOSITORY}/commits/{{ref}}/statuses": "get",
        f"{_REPOSITORY}/statuses/{{sha}}": "post",
        f"{_REPOSITORY}/issues": "get post",
        f"{_REPOSITORY}/issues/{{issue_number}}": "patch",
        f"{_REPOSITORY}/issues/{{issue_number}}/comments": "get post",
        f"{_REPOSITORY}/issues/comments/{{comment_id}}": "patch delete",
        f"{_REPOSITORY}/labels": "post",
        f"{_REPOSITORY}/labels/{{name}}": "get",
    },
    "gitlab": {
        "/user": "get",
        "/users/{id}": "get",
        "/groups/{id}/members": "get",
        f"{_PROJECT}/merge_requests": "get post",
        f"{_PROJECT}/merge_requests/{{merge_request_iid}}": "get put",
        f"{_PROJECT}/merge_requests/{{noteable_id}}/notes": "get post",
        f"{_PROJECT}/merge_requests/{{noteable_id}}/notes/{{note_id}}": "put delete",
        f"{_PROJECT}/repository/commits/{{sha}}/merge_requests": "get",
        f"{_PROJECT}/repository/commits/{{sha}}/statuses": "get",
        f"{_PROJECT}/statuses/{{sha}}": "post",
        f"{_PROJECT}/issues": "get post",
        f"{_PROJECT}/issues/{{issue_iid}}": "get put",
    },
    "forgejo": {
        "/user": "get",
        "/orgs/{org}/teams": "get",
        "/teams/{id}/members": "get",
        f"{_REPOSITORY}/pulls": "get post",
        f"{_REPOSITORY}/pulls/{{index}}": "get patch",
        f"{_REPOSITORY}/commits/{{sha}}/pull": "get",
        f"{_REPOSITORY}/statuses/{{sha}}": "get post",
        f"{_REPOSITORY}/issues": "get post",
        f"{_REPOSITORY}/issues/{{index}}": "patch",
        f"{_REPOSITORY}/issues/{{index}}/comments": "get post",
        f"{_REPOSITORY}/issues/comments/{{id}}": "patch delete",
        f"{_REPOSITORY}/labels": "get post",
    },
}
"""The operations that each adaptor calls: paths, and their methods separated by spaces."""
