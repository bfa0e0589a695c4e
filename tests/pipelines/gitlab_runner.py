"""Runs a `.gitlab-ci.yml` as it is: which jobs a pipeline has, their checkout, and their script in one
Bash, with the variables that GitLab and the owner of the project set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.pipelines.job_machine import JobMachine

_TERM = re.compile(r'^(?:\$(\w+)|"([^"]*)")$')


@dataclass(frozen=True)
class GitLabPipeline:
    """A pipeline. `refspec` is what GitLab fetches for it, `variables` are those of the pipeline,
    `payload` is the event of a webhook that triggered it.
    """

    source: str
    commit: str
    refspec: str
    variables: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class GitLabProject:
    """The project whose pipelines run. `secrets` are its variables by the scope of their
    environment; `job_token` is the password of the checkout.
    """

    path: str
    id: int
    url: str
    api_url: str
    git_address: str
    job_token: str
    secrets: Mapping[str, Mapping[str, str]]


class GitLabRunner:
    """Runs the pipelines of a file."""

    def __init__(self, file: Path, project: GitLabProject, machine: JobMachine) -> None:
        self.jobs = {
            name: job
            for name, job in yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader).items()
            if isinstance(job, dict)
        }
        self.project, self.machine = project, machine
        self._count = 0

    def send(self, pipeline: GitLabPipeline) -> dict[str, bool]:
        """Runs the jobs of a pipeline. Returns for each whether it succeeded."""
        known = self._known(pipeline)
        ended = {}
        for name, job in self.jobs.items():
            if name.startswith("."):
                continue
            if any(holds(rule["if"], known) for rule in job["rules"]):
                whole = {**self.jobs.get(job.get("extends", ""), {}), **job}
                ended[name] = self._job(name, whole, pipeline, known)
        return ended

    def _known(self, pipeline: GitLabPipeline) -> dict[str, str]:
        project = self.project
        return {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_API_V4_URL": project.api_url,
            "CI_SERVER_URL": project.url,
            "CI_PROJECT_PATH": project.path,
            "CI_PROJECT_ID": str(project.id),
            "CI_DEFAULT_BRANCH": "main",
            "CI_PIPELINE_SOURCE": pipeline.source,
            "CI_COMMIT_SHA": pipeline.commit,
            "CI_JOB_TOKEN": project.job_token,
            "GITLAB_USER_LOGIN": "arim",
            **pipeline.variables,
        }

    def _job(
        self, name: str, job: Mapping[str, Any], pipeline: GitLabPipeline, known: Mapping[str, str]
    ) -> bool:
        self._count += 1
        folder, variables = self.machine.begin()
        work = folder / "work"
        secrets = self.project.secrets.get(job.get("environment", {}).get("name", ""), {})
        variables |= {**known, **job.get("variables", {}), **secrets}
        variables["CI_JOB_URL"] = f"{self.project.url}/{self.project.path}/-/jobs/{self._count}"
        variables["CI_PROJECT_DIR"] = str(work)
        if pipeline.payload is not None:
            file = folder / "payload.json"
            file.write_text(json.dumps(pipeline.payload), encoding="utf-8")
            variables["TRIGGER_PAYLOAD"] = str(file)
        self._checkout(job, pipeline, work)
        script = "\n".join([*job.get("before_script", ()), *job["script"]])
        ran = self.machine.run(name, "script", script, work, variables, secrets)
        for path in job.get("artifacts", {}).get("paths", ()):
            self.machine.keep(f"{name}-{self._count}", work, path)
        return ran.code == 0

    def _checkout(self, job: Mapping[str, Any], pipeline: GitLabPipeline, work: Path) -> None:
        assert job["variables"]["GIT_DEPTH"] == "0", "a checkout without history"
        project = self.project
        url = f"http://gitlab-ci-token:{project.job_token}@{project.git_address}/{project.path}.git"
        work.mkdir()
        self.machine.git("init", "-q", cwd=work)
        self.machine.git("remote", "add", "origin", url, cwd=work)
        self.machine.git("fetch", "-q", "origin", pipeline.refspec, cwd=work)
        self.machine.git("checkout", "-q", "--detach", pipeline.commit, cwd=work)


def holds(condition: str, variables: Mapping[str, str]) -> bool:
    """Whether the `if` of a rule holds: comparisons that are joined by `&&`."""
    return all(_holds(part, variables) for part in condition.split(" && "))


def _holds(comparison: str, variables: Mapping[str, str]) -> bool:
    left, sign, right = comparison.split()
    one, other = _value(left, variables), _value(right, variables)
    return {"==": one == other, "!=": one != other}[sign]


def _value(term: str, variables: Mapping[str, str]) -> str | None:
    found = _TERM.match(term)
    assert found is not None, term
    return variables.get(found[1]) if found[1] else found[2]
