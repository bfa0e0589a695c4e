"""The pipelines of `examples/ci` as files: what their formats allow, and what is never in them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines import expressions
from tests.pipelines.job_machine import JobMachine

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "examples" / "ci"
WORKFLOWS = sorted(PIPELINES.glob("*/.*/workflows/*.yml"))
GITLAB = PIPELINES / "gitlab" / ".gitlab-ci.yml"
COMPONENT = PIPELINES / "gitlab" / "templates" / "reconciler.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
ACTION = PIPELINES / "github" / "action" / "action.yml"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SECRETS = re.compile(r"secrets\.|github\.token")
WRITES = {
    "plan": {"pull-requests", "statuses"},
    "approve": {"pull-requests", "statuses"},
    "apply": {"pull-requests", "statuses"},
    "drift": {"issues"},
    "validate-fork": set(),
}
"""By job: what its token may write."""


def read(path: Path) -> Any:
    """A YAML file whose values are all texts."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def jobs() -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """All jobs of the workflows."""
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield path, name, job


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", [ACTION]),
        ("vendor.gitlab-ci", [GITLAB]),
    ],
)
def test_fits_the_published_schema(schema: str, files: list[Path]) -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [program, "--builtin-schema", schema, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_nothing_of_a_user_is_inside_a_script() -> None:
    scripts = [step["run"] for _, _, job in jobs() for step in job["steps"] if "run" in step]
    scripts += [step["run"] for step in read(ACTION)["runs"]["steps"]]
    assert len(scripts) >= 11
    assert not [script for script in scripts if "${{" in script]


def test_workflows_of_strangers_get_no_secrets() -> None:
    for path in WORKFLOWS:
        assert "pull_request_target" not in read(path)["on"], path
    for path, name, job in jobs():
        if name == "validate-fork":
            assert not SECRETS.search(str(job)), path


def test_secrets_are_in_the_step_that_runs_reconciler_only() -> None:
    for path in WORKFLOWS:
        assert not SECRETS.search(str(read(path).get("env", "")))
    for path, name, job in jobs():
        assert "env" not in job, path
        for step in job["steps"]:
            if SECRETS.search(str(step)):
                assert step["run"].startswith("reconciler ci "), (path, name, step)
                assert not SECRETS.search(str({**step, "env": ""}))


def test_actions_are_two_and_pinned() -> None:
    pinned = re.compile(r"actions/(checkout|upload-artifact)@[0-9a-f]{40}")
    for path, name, job in jobs():
        for step in job["steps"]:
            if "uses" in step:
                assert pinned.fullmatch(step["uses"]), (path, name)
            if "checkout" in step.get("uses", ""):
                assert step["with"]["fetch-depth"] == "0"
                assert step["with"]["persist-credentials"] == "false"


def test_rights_are_the_least() -> None:
    for path, name, job in jobs():
        if ".github" not in path.parts:
            continue
        assert read(path)["permissions"] == {}, path
        rights = job["permissions"]
        assert {key for key, each in rights.items() if each == "write"} == WRITES[name]
        assert set(rights) == {"contents"} | WRITES[name]


def test_applies_are_never_cancelled() -> None:
    for path, name, _ in jobs():
        if name in ("plan", "validate-fork"):
            continue
        assert read(path)["concurrency"]["cancel-in-progress"] == "false", path


def test_version_is_that_of_the_project() -> None:
    files = [path for path in PIPELINES.rglob("*") if path.suffix in (".yml", ".md")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"iwinv-reconciler(?:\[[\w,]+\])?==([\w.]+)", text))
        assert found <= {VERSION}, path
    assert read(ACTION)["inputs"]["version"]["default"] == VERSION


def test_jobs_of_gitlab_get_secrets_by_their_environment_only() -> None:
    jobs = {name: job for name, job in read(GITLAB).items() if isinstance(job, dict)}
    assert jobs[".reconciler"]["environment"]["name"] == "reconciler"
    assert "environment" not in jobs["validate-fork"]
    assert "extends" not in jobs["validate-fork"]
    for name in ("approve", "apply", "drift"):
        assert jobs[name]["interruptible"] == "false"
        assert jobs[name]["resource_group"]


def test_component_of_gitlab_has_the_same_jobs() -> None:
    head, text = COMPONENT.read_text(encoding="utf-8").split("---\n", 1)
    inputs = yaml.load(head, yaml.BaseLoader)["spec"]["inputs"]
    named = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text))
    assert named == set(inputs)
    for name, each in inputs.items():
        text = text.replace(f"$[[ inputs.{name} ]]", each["default"])
    whole = read(GITLAB)
    del whole["stages"]
    assert yaml.load(text, yaml.BaseLoader) == whole
    assert inputs["version"]["default"] == VERSION


def test_hooks_run_commands_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    text = "version: 1\nstack: shop\nvariables:\n     size:   {type: string, default: small}\n"
    codes = {}
    for hook in read(HOOKS):
        words = [sys.executable, "-m", *hook["entry"].split(), str(file)]
        file.write_text(text, encoding="utf-8")
        codes[hook["id"]] = subprocess.run(words, capture_output=True, check=False).returncode
    assert codes == {"reconciler-fmt": 0, "reconciler-validate": 0, "reconciler-fmt-check": 2}


def test_action_installs_the_version_that_is_asked_for(tmp_path: Path) -> None:
    [step] = read(ACTION)["runs"]["steps"]
    machine = JobMachine(tmp_path / "machine", {})
    folder, variables = machine.begin()
    path = folder / "path"
    variables["GITHUB_PATH"] = str(path)
    for version, code in ((VERSION, 0), ("9.9.9", 65)):
        inputs = {"extras": "postgres,github", "version": version}
        own = {
            key: expressions.filled(text, {"inputs": inputs}) for key, text in step["env"].items()
        }
        assert machine.run("job", "Install", step["run"], folder, variables, own).code == code
    assert (Path(path.read_text(encoding="utf-8").strip()) / "reconciler").exists()
