"""Runs the workflows of GitHub and Forgejo as they are: which jobs an event starts, their checkout,
their steps in order, the variables and secrets that they get, and the rights of their token.
"""

from __future__ import annotations

import base64
import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.pipelines import expressions
from tests.pipelines.job_machine import JobMachine


@dataclass(frozen=True)
class ActionsEvent:
    """An event of the forge. `ref` is the branch or merge that it is about, `commit` its id.
    `is_fork` is whether it is about a pull request of another repository.
    """

    name: str
    payload: Mapping[str, Any]
    ref: str
    commit: str
    is_fork: bool = False


@dataclass(frozen=True)
class ActionsForge:
    """What the forge of a runner is: the prefix of its variables, its addresses, the token of a job
    and the secrets of the repository.
    """

    prefixes: tuple[str, ...]
    markers: tuple[str, ...]
    project: str
    url: str
    api_url: str
    git_url: str
    token: str
    secrets: Mapping[str, str] = field(default_factory=dict)


class ActionsRunner:
    """Runs what is in a folder of workflows. `grant` is called with the permissions of a job before
    it begins.
    """

    def __init__(
        self, workflows: Path, forge: ActionsForge, machine: JobMachine, grant: Any = None
    ) -> None:
        self.files = {
            path.name: yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
            for path in sorted(workflows.glob("*.yml"))
        }
        self.forge, self.machine, self._grant = forge, machine, grant
        self._runs = 0

    def send(self, event: ActionsEvent) -> dict[str, bool]:
        """Runs the jobs that an event starts. Returns for each whether it succeeded."""
        ended = {}
        for workflow in self.files.values():
            if not _starts(workflow["on"], event):
                continue
            for name, job in workflow["jobs"].items():
                contexts = self._contexts(event)
                if expressions.holds(job.get("if", "true"), contexts):
                    if self._grant is not None:
                        is_read = event.is_fork and event.name == "pull_request"
                        rights = job.get("permissions", workflow.get("permissions", {}))
                        self._grant(dict.fromkeys(rights, "read") if is_read else rights)
                    ended[name] = self._job(name, workflow, job, event)
        return ended

    def _contexts(self, event: ActionsEvent) -> dict[str, Any]:
        is_stranger = event.is_fork and event.name == "pull_request"
        pull = event.payload.get("pull_request", {})
        known = {
            "event": event.payload,
            "event_name": event.name,
            "repository": self.forge.project,
            "ref": event.ref,
            "base_ref": pull.get("base", {}).get("ref", ""),
            "sha": event.commit,
            "token": self.forge.token,
        }
        secrets = {} if is_stranger else self.forge.secrets
        inputs = event.payload.get("inputs", {})
        return {"github": known, "forgejo": known, "secrets": secrets, "inputs": inputs}

    def _job(
        self, name: str, workflow: Mapping[str, Any], job: Mapping[str, Any], event: ActionsEvent
    ) -> bool:
        self._runs += 1
        contexts = self._contexts(event)
        folder, variables = self.machine.begin()
        work, path = folder / "work", folder / "path"
        path.touch()
        variables |= self._variables(event, contexts, folder)
        for own in (workflow.get("env", {}), job.get("env", {})):
            variables |= {key: expressions.filled(text, contexts) for key, text in own.items()}
        is_good = True
        for number, step in enumerate(job["steps"], 1):
            condition = step.get("if", "true")
            if not is_good and not expressions.STATUS.search(condition):
                continue
            if not expressions.holds(condition, contexts):
                continue
            given = {
                key: expressions.filled(text, contexts)
                for key, text in step.get("with", {}).items()
            }
            if "uses" in step:
                action = step["uses"].partition("@")[0]
                if action.endswith("actions/checkout"):
                    self._checkout(given, event, work)
                elif action.endswith("actions/upload-artifact"):
                    self.machine.keep(f"{name}-{self._runs}", work, given["path"])
                else:
                    raise AssertionError(f"unknown action {action}")
                continue
            own = {
                key: expressions.filled(text, contexts) for key, text in step.get("env", {}).items()
            }
            title = step.get("name", f"step {number}")
            ran = self.machine.run(name, title, step["run"], work, variables, own)
            is_good = is_good and ran.code == 0
            added = path.read_text(encoding="utf-8").split()
            variables["PATH"] = ":".join([*added, variables["PATH"]])
            path.write_text("", encoding="utf-8")
        return is_good

    def _variables(
        self, event: ActionsEvent, contexts: Mapping[str, Any], folder: Path
    ) -> dict[str, str]:
        file = folder / "event.json"
        file.write_text(json.dumps(event.payload), encoding="utf-8")
        known = {
            "REPOSITORY": self.forge.project,
            "SERVER_URL": self.forge.url,
            "API_URL": self.forge.api_url,
            "RUN_ID": str(9000 + self._runs),
            "RUN_NUMBER": str(self._runs),
            "ACTOR": "arim",
            "EVENT_NAME": event.name,
            "EVENT_PATH": str(file),
            "REF": event.ref,
            "BASE_REF": contexts["github"]["base_ref"],
            "SHA": event.commit,
            "WORKSPACE": str(folder / "work"),
            "PATH": str(folder / "path"),
        }
        return {
            "CI": "true",
            **dict.fromkeys(self.forge.markers, "true"),
            **{f"{p}_{key}": text for p in self.forge.prefixes for key, text in known.items()},
        }

    def _checkout(self, given: Mapping[str, str], event: ActionsEvent, work: Path) -> None:
        assert given.get("fetch-depth") == "0", "a checkout without history"
        token = given.get("token", self.forge.token)
        code = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        header = f"Authorization: Basic {code}"
        git = self.machine.git
        git(
            "clone",
            "-q",
            "--no-checkout",
            self.forge.git_url,
            str(work),
            cwd=work.parent,
            header=header,
        )
        ref = given.get("ref") or event.ref
        if ref.startswith("refs/pull/"):
            git("fetch", "-q", "origin", f"+{ref}:refs/remotes/{ref[5:]}", cwd=work, header=header)
            ref = f"refs/remotes/{ref[5:]}"
        else:
            ref = f"refs/remotes/origin/{ref.removeprefix('refs/heads/')}"
        git("checkout", "-q", "--detach", ref, cwd=work)
        if given.get("persist-credentials") != "false":
            git("config", "http.extraheader", header, cwd=work)


def _starts(on: Any, event: ActionsEvent) -> bool:
    """Whether an event starts a workflow."""
    if event.name not in on:
        return False
    filters = (on[event.name] if isinstance(on, dict) else None) or {}
    if event.name == "schedule":
        return any(each["cron"] == event.payload["schedule"] for each in filters)
    if event.name == "pull_request":
        branch = event.payload["pull_request"]["base"]["ref"]
    else:
        branch = event.ref.removeprefix("refs/heads/")
    named = filters.get("branches", ["*"])
    types = filters.get("types", ["opened", "synchronize", "reopened"])
    return any(fnmatch.fnmatch(branch, each) for each in named) and (
        event.payload.get("action", types[0]) in types
    )
