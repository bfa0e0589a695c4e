"""A file of a project in any shape gives a project or mistakes with places, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from reconciler.config.project import project_file, selection
from reconciler.config.project.project import Project
from reconciler.model.abort import Abort
from tests.config.test_project_file import WHOLE

VALUES = (
    "", "null", "[]", "{}", "true", "1", "1.5", "-1", "''", "'*'", "~", "[[]]", "{a: 1}", "[1, null]",
    "&a [*a]", "!!binary x", "'${a}'", "2026-12-01", "10:00", "1e9", "'" + "x" * 300 + "'", "서울", "\\x00",
)  # fmt: skip
TOKENS = (":", "{", "}", "[", "]", ",", "\n", "  ", "-", '"', "'", "#", "*", "&", "\t", "?", "|")


def damaged(random: Random) -> str:
    """The whole file, with some values replaced, lines removed or repeated, or letters changed."""
    lines = WHOLE.splitlines()
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(lines))
        what = random.randrange(5)
        line = lines[at]
        if what == 0 and ": " in line:
            lines[at] = f"{line.partition(': ')[0]}: {random.choice(VALUES)}"
        elif what == 1:
            del lines[at]
        elif what == 2:
            lines.insert(at, random.choice(lines))
        elif what == 3:
            place = random.randrange(len(line) + 1)
            lines[at] = line[:place] + random.choice(TOKENS) + line[place:]
        else:
            words = line.split(" ")
            words[random.randrange(len(words))] = random.choice(VALUES)
            lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_never_ends_in_a_traceback(root: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(15):
        text = damaged(random)
        Path("reconciler.yaml").write_text(text, encoding="utf-8")
        try:
            project = project_file.load(Path())
        except Abort as stop:
            assert stop.problems
            for problem in stop.problems:
                assert problem.place is not None, (text, problem)
                assert problem.place.line <= text.count("\n") + 1
        else:
            assert isinstance(project, Project)
            for entry in project.stacks.values():
                for title in entry.titles:
                    project.settings(title)
            assert all(each.code for each in selection.mistakes(project))
