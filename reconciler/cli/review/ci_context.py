"""What the variables of a CI job say: the forge and its repository, the pull request or branch, and
the run. Each forge is a table of where its values are.

The sources, as their documentation names them:
docs.github.com/en/actions/reference/variables-reference (`GITHUB_*`; the payload of the event is in
`GITHUB_EVENT_PATH`), docs.gitlab.com/ci/variables/predefined_variables (`CI_*`),
docs.gitea.com/usage/actions/variables and forgejo.org/docs/latest/user/actions/reference (the names
of GitHub, and since version 7 of the runner also `FORGEJO_*`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.common import paths
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.resource import EMPTY

FORGE_FOLDER = "RECONCILER_FORGE_DIR"
"""The variable with the folder that takes the place of a forge."""

EVENT_BYTES_MAX = 25 * 1024 * 1024
"""The maximum size of the payload of an event: that of GitHub's webhooks."""

_EVENT = "event:"
"""A source that begins with it is a path in the payload of the event."""

_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~%]{1,500}")
_FORMS = {
    "project": re.compile(r"[\w.-]{1,200}(?:/[\w.-]{1,200}){1,20}"),
    "api_url": _URL,
    "run_url": _URL,
    "pull": re.compile("[1-9][0-9]{0,8}"),
    "base": re.compile(r"(?!-)[^\x00-\x20\x7f-\x9f~^:?*\[\\]{1,250}"),
    "head": re.compile("[0-9a-f]{40}|[0-9a-f]{64}"),
    "before": re.compile("[0-9a-f]{40}|[0-9a-f]{64}"),
    "commit": re.compile("[0-9a-f]{40}|[0-9a-f]{64}"),
    "actor": re.compile(r"[\w.\[\]-]{1,100}"),
}
"""The form of each value."""

_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,250}")
_HOSTS = {
    "github": (("github.com",), "/api/v3"),
    "gitlab": (("gitlab.com",), "/api/v4"),
    "forgejo": (("codeberg.org",), "/api/v1"),
}
"""By kind: the public hosts, and the path of the API on any other."""


@dataclass(frozen=True, slots=True)
class ForgePlace:
    """A repository on a forge. `kind` is one of `KINDS`, `project` its path there, such as
    `acme/infra`; for `files` it is a folder. `api_url` is empty for the forge's own.
    """

    kind: str
    project: str
    api_url: str = ""


@dataclass(frozen=True, slots=True)
class CiContext:
    """What a CI job is for. A value is None if the job's variables do not say it.

    `pull` is the number of a pull request. `base` is the branch that it changes, or the branch of
    the job without a pull request. `head` is the commit that is proposed, or that of the branch.
    `before` is the commit of the branch before a push. `is_fork` is whether the pull request is
    from another repository.
    """

    place: ForgePlace
    pull: int | None = None
    base: str | None = None
    head: str | None = None
    before: str | None = None
    run_url: str | None = None
    actor: str | None = None
    is_fork: bool | None = None


@dataclass(frozen=True, slots=True)
class CiGiven:
    """What the options of a command say instead of the variables. `remote` is the URL of the
    repository, which tells the forge outside of a job.
    """

    forge: str | None = None
    pull: int | None = None
    base: str | None = None
    before: str | None = None
    remote: str | None = None


NOTHING_GIVEN = CiGiven()


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the values of a forge are. `markers` are the variables of which one is `true` in its
    jobs, `event` those with the path of the payload. The values are tried in order; `push`
    has the name of the event, which is `push` if there is a `before`. `same` are the two values
    that differ for a fork.
    """

    kind: str
    markers: tuple[str, ...]
    event: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    run: tuple[str, ...]
    push: tuple[str, ...] | None
    same: tuple[tuple[str, ...], tuple[str, ...]]

    def is_job(self, environ: Mapping[str, str]) -> bool:
        """Whether the variables are those of a job of this forge."""
        return any(environ.get(name) == "true" for name in self.markers)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are known to be of this kind."""
        return _HOSTS[self.kind][0]

    @property
    def api(self) -> str:
        """The path of the API on a host of its own."""
        return _HOSTS[self.kind][1]


def _actions(kind: str, prefixes: tuple[str, ...], markers: tuple[str, ...], run: str) -> _Source:
    """A forge whose jobs have the variables of GitHub Actions."""

    def of(name: str) -> tuple[str, ...]:
        return tuple(f"{prefix}_{name}" for prefix in prefixes)

    pull = f"{_EVENT}pull_request"
    values = {
        "project": of("REPOSITORY"),
        "api_url": of("API_URL"),
        "pull": (f"{pull}.number", f"{_EVENT}issue.number"),
        "base": (f"{pull}.base.ref", *of("BASE_REF")),
        "branch": of("REF"),
        "head": (f"{pull}.head.sha",),
        "commit": of("SHA"),
        "before": (f"{_EVENT}before",),
        "actor": of("ACTOR"),
    }
    return _Source(
        kind,
        markers,
        of("EVENT_PATH"),
        values,
        tuple(
            f"{{{prefix}_SERVER_URL}}/{{{prefix}_REPOSITORY}}/actions/runs/{{{prefix}_{run}}}"
            for prefix in prefixes
        ),
        of("EVENT_NAME"),
        ((f"{pull}.head.repo.full_name",), of("REPOSITORY")),
    )


_GITLAB = _Source(
    "gitlab",
    ("GITLAB_CI",),
    (),
    {
        "project": ("CI_MERGE_REQUEST_PROJECT_PATH", "CI_PROJECT_PATH"),
        "api_url": ("CI_API_V4_URL",),
        "pull": ("CI_MERGE_REQUEST_IID",),
        "base": ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME",),
        "branch": ("CI_COMMIT_BRANCH",),
        # the first is set in a pipeline of merged results, where the other is the merge
        "head": ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
        "commit": ("CI_COMMIT_SHA",),
        "before": ("CI_COMMIT_BEFORE_SHA",),
        "actor": ("GITLAB_USER_LOGIN",),
    },
    ("{CI_JOB_URL}",),
    None,
    (("CI_MERGE_REQUEST_SOURCE_PROJECT_ID",), ("CI_MERGE_REQUEST_PROJECT_ID",)),
)

# The runners of Gitea and Forgejo set the variables of GitHub too, so they are looked at first.
# Their pages of runs are known by the number of the run, GitHub's by its id.
_SOURCES = (
    _actions("forgejo", ("FORGEJO", "GITHUB"), ("FORGEJO_ACTIONS", "GITEA_ACTIONS"), "RUN_NUMBER"),
    _actions("github", ("GITHUB",), ("GITHUB_ACTIONS",), "RUN_ID"),
    _GITLAB,
)

FILES = "files"
KINDS = ("github", "gitlab", "forgejo", FILES)
"""The kinds of forges."""


def read(environ: Mapping[str, str], given: CiGiven = NOTHING_GIVEN) -> CiContext:
    """What the variables and the options say. Raises `Abort` if they do not tell the forge and its
    repository, or a value has the wrong form.
    """
    folder = environ.get(FORGE_FOLDER)
    if given.forge == FILES or (given.forge is None and folder):
        if not folder:
            message = msg("the files of the forge have no folder")
            raise _stop(message, msg("set {variable} to a folder", variable=FORGE_FOLDER))
        return CiContext(ForgePlace(FILES, folder), given.pull, given.base, before=given.before)
    source = _source(environ, given)
    job = _Job(source, environ, given.pull)
    place = _place(source, job, given.remote)
    if not source.is_job(environ):
        return CiContext(place, given.pull, given.base, before=given.before)
    return _of_job(place, job, given)


def _of_job(place: ForgePlace, job: _Job, given: CiGiven) -> CiContext:
    try:
        own = job.pull()
    except Abort:
        if given.pull is None:
            raise
        own = None
    pull = own if given.pull is None else given.pull
    base = head = None
    if pull is None:
        base, head = job.branch(), job.value("commit")
    elif pull == own:
        base, head = job.value("base"), job.value("head")
    return CiContext(
        place,
        pull,
        given.base or base,
        head,
        given.before or job.before(),
        job.run_url(),
        job.value("actor"),
        job.is_fork() if pull is not None and pull == own else None,
    )


class _Job:
    """The values of a job, from its variables and the payload of its event."""

    def __init__(self, source: _Source, environ: Mapping[str, str], pull: int | None) -> None:
        self._source = source
        self._environ = environ
        self._event = _event(source, environ, is_needed=pull is None)

    def value(self, name: str) -> str | None:
        """A value, or None. Raises `Abort` if it has the wrong form."""
        return self._first(self._source.values[name], _FORMS[name])

    def pull(self) -> int | None:
        """The number of the pull request that the job is for. A comment may be on an issue."""
        issue = self._event.get("issue")
        is_issue = isinstance(issue, Mapping) and not issue.get("pull_request")
        if is_issue and not self._event.get("is_pull"):
            return None
        found = self.value("pull")
        return None if found is None else int(found)

    def branch(self) -> str | None:
        """The branch that the job runs on; None for a tag."""
        ref = self._first(self._source.values["branch"], None)
        if ref is None:
            return None
        name = ref.removeprefix("refs/heads/")
        if name.startswith("refs/"):
            return None
        return _checked("branch", name, _FORMS["base"])

    def before(self) -> str | None:
        """The commit of the branch before the push; None if there was none."""
        push = self._source.push
        if push is not None and self._first(push, None) != "push":
            return None
        found = self.value("before")
        return None if found is None or not found.strip("0") else found

    def is_fork(self) -> bool | None:
        """Whether the pull request is from another repository, also from one that is gone. None if
        the job does not say it.
        """
        own, other = (self._first(each, None) for each in self._source.same)
        if own is None and "pull_request" not in self._event:
            return None
        return own != other

    def run_url(self) -> str | None:
        """The page of the run, or None."""
        for pattern in self._source.run:
            names = re.findall(r"\{(\w+)\}", pattern)
            if all(self._environ.get(name) for name in names):
                url = pattern.format_map({name: self._environ[name] for name in names})
                return url if _URL.fullmatch(url) is not None else None
        return None

    def _first(self, sources: tuple[str, ...], form: re.Pattern[str] | None) -> str | None:
        for source in sources:
            found = self._at(source)
            if found:
                return found if form is None else _checked(source, found, form)
        return None

    def _at(self, source: str) -> str | None:
        if not source.startswith(_EVENT):
            return self._environ.get(source)
        found: Any = self._event
        for step in source.removeprefix(_EVENT).split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return str(found) if type(found) in (str, int) else None


def _checked(source: str, text: str, form: re.Pattern[str]) -> str:
    if form.fullmatch(text) is not None:
        return text
    name = source.removeprefix(_EVENT)
    message = msg("`{name}` of the CI job is not usable: {text}", name=name, text=ascii(text[:80]))
    raise _stop(message, msg("correct the variable of the job, or give the value by an option"))


def _source(environ: Mapping[str, str], given: CiGiven) -> _Source:
    if given.forge is not None:
        return next(each for each in _SOURCES if each.kind == given.forge)
    for each in _SOURCES:
        if each.is_job(environ):
            return each
    host, _ = _remote(given.remote)
    for each in _SOURCES:
        if host in each.hosts:
            return each
    raise _stop(
        msg("this is not a CI job of GitHub, GitLab or Forgejo"),
        msg(
            "name the forge with --forge, or set {variable} to a folder to use files instead",
            variable=FORGE_FOLDER,
        ),
    )


def _place(source: _Source, job: _Job, remote: str | None) -> ForgePlace:
    project = job.value("project")
    if project is not None:
        return ForgePlace(source.kind, project, job.value("api_url") or "")
    host, path = _remote(remote)
    if _FORMS["project"].fullmatch(path) is None or _HOST.fullmatch(host) is None:
        names = " / ".join(source.values["project"])
        message = msg("the repository on the forge is not known")
        raise _stop(message, msg("set the variable {names}, such as acme/infra", names=names))
    is_public = host in source.hosts and source.kind == "github"
    return ForgePlace(source.kind, path, "" if is_public else f"https://{host}{source.api}")


def _remote(url: str | None) -> tuple[str, str]:
    """The host and the path of a remote repository: `https://host/path.git`, `ssh://git@host/path`
    or `git@host:path`. Empty if it has another form.
    """
    if not url:
        return "", ""
    short = re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)", url)
    if short is not None:
        host, path = short[1], short[2]
    else:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return "", ""
        if parts.scheme not in ("https", "ssh"):
            return "", ""
    return host.lower(), path.strip("/").removesuffix(".git")


def _event(source: _Source, environ: Mapping[str, str], *, is_needed: bool) -> Mapping[str, Any]:
    """The payload of the event, empty if there is none."""
    file = next((environ[name] for name in source.event if environ.get(name)), None)
    if file is None or not source.is_job(environ):
        return EMPTY
    reason: str
    try:
        data = paths.read_ordinary(Path(file), EVENT_BYTES_MAX + 1)
        if len(data) > EVENT_BYTES_MAX:
            reason = msg("it is larger than 25 MiB")
        else:
            found = json.loads(data)
            if isinstance(found, dict):
                return found
            reason = msg("it is not a JSON object")
    except OSError as failure:
        reason = failure.strerror or str(failure)
    except (ValueError, RecursionError):
        reason = msg("it is not JSON")
    if not is_needed:
        return EMPTY
    message = msg("the event of the CI job cannot be read: {reason}", reason=reason)
    raise _stop(message, msg("give the number of the pull request with --pull"))


def _stop(message: str, hint: str) -> Abort:
    return Abort(error("pull-request", message, hint=hint))
