"""The official descriptions of the forges, cut down to the operations that we call."""

from __future__ import annotations

_REPOSITORY = "/repos/{owner}/{repo}"

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
}
"""The operations that each adaptor calls: paths, and their methods separated by spaces."""
