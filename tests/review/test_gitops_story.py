"""The story of `examples/gitops` as a person runs it: the forge on loopback, a repository, the local
cloud, and each job as a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.servers("the story of pull requests")
def test_the_story_is_as_it_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "examples/gitops/story.py", "--no-wait"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("The end.\n"), done.stdout + done.stderr
    assert "token-of-" not in done.stdout + done.stderr
