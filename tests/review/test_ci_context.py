"""What the variables of a CI job say about the forge and the pull request. The values are those of
the documentation of each forge.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.review import ci_context
from reconciler.cli.review.ci_context import CiContext, CiGiven, ForgePlace
from reconciler.model.abort import Abort

HEAD, BEFORE, MERGE = "a" * 40, "b" * 40, "c" * 40

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "octocat/Hello-World",
    "GITHUB_RUN_ID": "1658821493",
    "GITHUB_RUN_NUMBER": "3",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": MERGE,
}
"""docs.github.com/en/actions/reference/variables-reference"""

GITEA = {
    **GITHUB,
    "GITEA_ACTIONS": "true",
    "GITHUB_API_URL": "https://gitea.com/api/v1",
    "GITHUB_REPOSITORY": "gitea/docs",
    "GITHUB_SERVER_URL": "https://gitea.com",
}
"""docs.gitea.com/usage/actions/variables"""

GITLAB = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.com/api/v4",
    "CI_COMMIT_BEFORE_SHA": "0" * 40,
    "CI_COMMIT_SHA": HEAD,
    "CI_JOB_URL": "https://gitlab.com/acme/group/infra/-/jobs/379424655",
    "CI_PROJECT_PATH": "acme/group/infra",
    "GITLAB_USER_LOGIN": "kim",
}
"""docs.gitlab.com/ci/variables/predefined_variables"""

MERGE_REQUEST = {
    **GITLAB,
    "CI_MERGE_REQUEST_IID": "12",
    "CI_MERGE_REQUEST_PROJECT_ID": "51",
    "CI_MERGE_REQUEST_PROJECT_PATH": "acme/group/infra",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "51",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}


def pull_event(repository: str, head: str | None) -> dict[str, Any]:
    """The payload of `pull_request`, as far as it is read. `head` is the head's repository."""
    return {
        "number": 7,
        "before": BEFORE,
        "pull_request": {
            "number": 7,
            "head": {"sha": HEAD, "repo": None if head is None else {"full_name": head}},
            "base": {"ref": "main", "repo": {"full_name": repository}},
        },
    }


def with_event(environ: dict[str, str], name: str, payload: object, folder: Path) -> dict[str, str]:
    """The variables of a job of that event."""
    file = folder / "event.json"
    file.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    prefix = "FORGEJO" if "FORGEJO_ACTIONS" in environ else "GITHUB"
    return {**environ, f"{prefix}_EVENT_NAME": name, f"{prefix}_EVENT_PATH": str(file)}


def test_a_pull_request_on_github(tmp_path: Path) -> None:
    payload = pull_event("octocat/Hello-World", "octocat/Hello-World")
    environ = with_event(GITHUB, "pull_request", payload, tmp_path)
    assert ci_context.read({**environ, "GITHUB_REF": "refs/pull/7/merge"}) == CiContext(
        ForgePlace("github", "octocat/Hello-World", "https://api.github.com"),
        pull=7,
        base="main",
        head=HEAD,
        before=None,
        run_url="https://github.com/octocat/Hello-World/actions/runs/1658821493",
        actor="octocat",
        is_fork=False,
    )


@pytest.mark.parametrize("head", ["stranger/Hello-World", None])
def test_a_pull_request_from_a_fork(tmp_path: Path, head: str | None) -> None:
    payload = pull_event("octocat/Hello-World", head)
    environ = with_event(GITHUB, "pull_request_target", payload, tmp_path)
    assert ci_context.read(environ).is_fork is True


def test_a_push_on_github(tmp_path: Path) -> None:
    environ = with_event(GITHUB, "push", {"before": BEFORE, "after": MERGE}, tmp_path)
    found = ci_context.read({**environ, "GITHUB_REF": "refs/heads/release/1"})
    assert (found.pull, found.base, found.head) == (None, "release/1", MERGE)
    assert (found.before, found.is_fork) == (BEFORE, None)


@pytest.mark.parametrize(
    ("payload", "pull"),
    [
        ({"issue": {"number": 7, "pull_request": {"url": "x"}}}, 7),
        ({"issue": {"number": 7, "pull_request": None}, "is_pull": True}, 7),
        ({"issue": {"number": 7}}, None),
    ],
)
def test_a_comment_is_for_a_pull_request_only(
    tmp_path: Path, payload: dict[str, Any], pull: int | None
) -> None:
    environ = with_event(GITHUB, "issue_comment", payload, tmp_path)
    found = ci_context.read({**environ, "GITHUB_REF": "refs/heads/main"})
    assert found.pull == pull
    if pull is not None:  # the commit and the branch of the job are not those of the pull request
        assert (found.base, found.head, found.is_fork) == (None, None, None)


def test_a_job_for_a_tag_has_no_branch() -> None:
    assert ci_context.read({**GITHUB, "GITHUB_REF": "refs/tags/v1"}).base is None


def test_gitea_is_known_by_its_own_variable(tmp_path: Path) -> None:
    payload = pull_event("gitea/docs", "gitea/docs")
    found = ci_context.read(with_event(GITEA, "pull_request", payload, tmp_path))
    assert found.place == ForgePlace("forgejo", "gitea/docs", "https://gitea.com/api/v1")
    assert found.run_url == "https://gitea.com/gitea/docs/actions/runs/3"


def test_forgejo_has_variables_of_its_own(tmp_path: Path) -> None:
    own = {
        "FORGEJO" + name.removeprefix("GITHUB"): text.replace("gitea.com", "codeberg.org")
        for name, text in GITEA.items()
        if name.startswith("GITHUB")
    }
    payload = pull_event("gitea/docs", "gitea/docs")
    environ = with_event({**own, "FORGEJO_ACTIONS": "true"}, "pull_request", payload, tmp_path)
    found = ci_context.read(environ)
    assert found.place == ForgePlace("forgejo", "gitea/docs", "https://codeberg.org/api/v1")
    assert (found.pull, found.head, found.is_fork) == (7, HEAD, False)


def test_a_merge_request_on_gitlab() -> None:
    assert ci_context.read(MERGE_REQUEST) == CiContext(
        ForgePlace("gitlab", "acme/group/infra", "https://gitlab.com/api/v4"),
        pull=12,
        base="main",
        head=HEAD,
        before=None,
        run_url="https://gitlab.com/acme/group/infra/-/jobs/379424655",
        actor="kim",
        is_fork=False,
    )


def test_merged_results_on_gitlab_name_the_commit_of_the_branch() -> None:
    environ = MERGE_REQUEST | {
        "CI_COMMIT_SHA": MERGE,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "99",
    }
    found = ci_context.read(environ)
    assert (found.head, found.is_fork) == (HEAD, True)


def test_a_push_on_gitlab() -> None:
    environ = {**GITLAB, "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": BEFORE}
    found = ci_context.read(environ)
    assert (found.pull, found.base, found.head, found.before) == (None, "main", HEAD, BEFORE)


def test_options_come_before_variables(tmp_path: Path) -> None:
    payload = pull_event("octocat/Hello-World", "octocat/Hello-World")
    environ = with_event(GITHUB, "pull_request", payload, tmp_path)
    found = ci_context.read(environ, CiGiven(pull=9, base="next", before=MERGE))
    assert (found.pull, found.base, found.before) == (9, "next", MERGE)
    assert (found.head, found.is_fork) == (None, None)  # those of the event are of number 7


def test_files_take_the_place_of_a_forge() -> None:
    environ = {**GITHUB, ci_context.FORGE_FOLDER: "/var/forge"}
    assert ci_context.read(environ).place == ForgePlace("files", "/var/forge")
    with pytest.raises(Abort, match="no folder"):
        ci_context.read(GITHUB, CiGiven(forge="files"))


@pytest.mark.parametrize(
    ("remote", "forge", "place"),
    [
        ("git@github.com:acme/infra.git", None, ForgePlace("github", "acme/infra")),
        (
            "https://kim:secret@gitlab.com/acme/group/infra.git",
            None,
            ForgePlace("gitlab", "acme/group/infra", "https://gitlab.com/api/v4"),
        ),
        (
            "ssh://git@git.example.com:2222/acme/infra",
            "forgejo",
            ForgePlace("forgejo", "acme/infra", "https://git.example.com/api/v1"),
        ),
        (
            "https://ghe.example.com/acme/infra",
            "github",
            ForgePlace("github", "acme/infra", "https://ghe.example.com/api/v3"),
        ),
    ],
)
def test_the_remote_tells_the_forge_outside_of_a_job(
    remote: str, forge: str | None, place: ForgePlace
) -> None:
    assert ci_context.read({}, CiGiven(forge=forge, remote=remote)).place == place


@pytest.mark.parametrize("remote", [None, "/var/infra.git", "ext::sh -c id", "https://[x"])
def test_an_unknown_environment_says_what_to_set(remote: str | None) -> None:
    with pytest.raises(Abort, match="not a CI job") as stop:
        ci_context.read({"CI": "true"}, CiGiven(remote=remote))
    assert "RECONCILER_FORGE_DIR" in str(stop.value.problems[0].hint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_REPOSITORY", "acme/infra?x=1"),
        ("GITHUB_API_URL", "file:///etc/passwd"),
        ("GITHUB_ACTOR", "kim\n@everyone"),
        ("GITHUB_REF", "refs/heads/--upload-pack=x"),
        ("GITHUB_SHA", "--output=x"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(name: str, text: str) -> None:
    environ = {**GITHUB, "GITHUB_REF": "refs/heads/main", name: text}
    with pytest.raises(Abort, match="of the CI job is not usable"):
        ci_context.read(environ)


def test_a_run_url_of_the_wrong_form_is_left_out() -> None:
    environ = {**GITHUB, "GITHUB_SERVER_URL": "javascript:alert(1)//"}
    assert ci_context.read(environ).run_url is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("1" * 10_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"pull_request": {"number": "7; rm"}}', "not usable"),
        (" " * (ci_context.EVENT_BYTES_MAX + 1), "larger than 25 MiB"),
    ],
)
def test_an_unreadable_event_is_refused(tmp_path: Path, payload: str, reason: str) -> None:
    environ = with_event(GITHUB, "pull_request", payload, tmp_path)
    with pytest.raises(Abort, match=reason):
        ci_context.read(environ)
    assert ci_context.read(environ, CiGiven(pull=7)).pull == 7


def test_an_event_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(Abort, match="cannot be read"):
        ci_context.read({**GITHUB, "GITHUB_EVENT_PATH": str(tmp_path / "none.json")})
