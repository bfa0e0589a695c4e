"""The workflows of the project's host name only what exists, and cover what the package promises."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        yield from job["steps"]


def test_tests_run_on_each_promised_python_on_linux_and_macos() -> None:
    checks = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text("utf-8"))
    matrix = checks["jobs"]["tests"]["strategy"]["matrix"]
    promised = [
        found[1]
        for line in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    ]
    assert matrix == {"os": ["ubuntu-latest", "macos-latest"], "python": promised}
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert {"lint", "tests", "package", "container", "docs"} <= set(checks["jobs"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_few_rights_and_names_only_what_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    locked = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    tools = {"python", "reconciler", *re.findall(r"^([\w-]+)==", locked, re.MULTILINE)}
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"[\w-]+/[\w-]+@[\w./-]+", step.get("uses", "a/b@v1"))
        run = step.get("run", "")
        assert set(re.findall(r"(?<!/)\.venv/bin/([\w-]+)", run)) <= tools
        for name in re.findall(r"(?:tests|requirements|\.ci|schemas)/[\w./-]+|Containerfile", run):
            assert (ROOT / name).exists() or name.startswith("schemas/"), name
