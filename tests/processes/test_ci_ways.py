"""The two ways of `docs/how-to/ci.md`, by the very scripts that stand there: fresh checkouts, a
runner that dies, a push that never came.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes.bridge import LAUNCHER, PYTHON, STACK, TIMEOUT_SECONDS, Desk, Ended, desk
from tests.scenarios.world import world_of

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("bash") is None, reason="needs git and bash"
)


def block(kind: str, name: str) -> str:
    """A script or file of the page, as it stands there."""
    found = re.search(rf"<!-- {kind}: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


def run(place: Desk, folder: Path, *command: str, more: dict[str, str] | None = None) -> Ended:
    """A command as a runner would run it: the program is on its path, and git knows who it is."""
    tools = place.folder / "tools"
    if not tools.exists():
        tools.mkdir()
        (tools / "reconciler").write_text(f'#!/bin/sh\nexec {PYTHON} {LAUNCHER} "$@"\n')
        (tools / "reconciler").chmod(0o755)
    who = {
        f"GIT_{role}_{what}": "ci@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    alone = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
    }
    environment = {
        **place.environment,
        **who,
        **alone,
        "PATH": f"{tools}:{place.environment['PATH']}",
        **(more or {}),
    }
    found = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Ended(found.returncode, found.stdout, found.stderr)


def checkout(place: Desk, name: str, origin: Path) -> Path:
    """A fresh clone."""
    assert (
        run(
            place, place.folder, "git", "clone", "--quiet", "--branch", "main", str(origin), name
        ).code
        == 0
    )
    return place.folder / name


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with the stack in it."""
    first, bare = tmp_path / "first", tmp_path / "origin.git"
    (first / "infra").mkdir(parents=True)
    (first / "infra" / "stack.yaml").write_text(STACK, encoding="utf-8")
    (first / "infra" / ".gitignore").write_text(block("file", "stack.gitignore"))
    (first / "apply.sh").write_text(block("script", "git"))
    (first / "kept.sh").write_text(block("script", "kept-folder"))
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "-A"),
        (
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.org",
            "commit",
            "--quiet",
            "-m",
            "The stack",
        ),
        ("clone", "--quiet", "--bare", ".", str(bare)),
    ):
        subprocess.run(["git", *command], cwd=first, check=True, capture_output=True)
    return bare


def test_a_kept_folder_carries_the_state_from_checkout_to_checkout(
    tmp_path: Path, origin: Path
) -> None:
    with desk(tmp_path) as place:
        more = {"RECONCILER_STATE_DIR": str(tmp_path / "kept")}
        first = run(place, checkout(place, "a", origin), "bash", "kept.sh", more=more)
        assert first.code == 0, first.text
        before = len(place.cloud.requests)
        second = run(place, checkout(place, "b", origin), "bash", "kept.sh", more=more)
        assert second.code == 0, second.text
        assert all(request.method == "GET" for request in place.cloud.requests[before:])
        assert (tmp_path / "kept" / "shop" / "state.json").is_file() and not (
            tmp_path / "b" / "infra" / "state" / "shop"
        ).exists()


def test_a_state_in_git_continues_from_its_commit_and_a_lost_push_creates_nothing_twice(
    tmp_path: Path, origin: Path
) -> None:
    with desk(tmp_path) as place:
        first = run(place, checkout(place, "a", origin), "bash", "apply.sh")
        assert first.code == 0, first.text
        listed = run(
            place, tmp_path / "a", "git", "ls-tree", "-r", "--name-only", "origin/main"
        ).out.splitlines()
        assert {
            f"infra/state/shop/{name}"
            for name in ("state.json", "journal", ".gitignore", ".gitattributes")
        } <= set(listed)
        assert not [name for name in listed if name.endswith(("/lock", "/epoch", "/holder"))]

        second = checkout(place, "b", origin)
        assert run(place, second, "bash", "apply.sh").code == 0
        # nothing changed, so nothing was committed
        assert run(place, second, "git", "log", "--oneline").out.count("\n") == 2
        plan = run(place, second, "reconciler", "plan", "infra", "--detailed-exitcode")
        assert plan.code == 0, plan.text

        # A runner that dies after its apply, before its push: another server is in the account, and
        # no commit knows of it.
        (second / "infra" / "more.yaml").write_text(
            STACK.partition("instances:")[2].join(("instances:", "")).replace("  web:", "  api:")
        )
        run(place, second, "git", "add", "infra/more.yaml")
        run(place, second, "git", "commit", "--quiet", "-m", "Another server")
        run(place, second, "git", "push", "--quiet", "origin", "HEAD:main")
        assert run(place, second, "reconciler", "apply", "infra", "--yes").code == 0

        third = checkout(place, "c", origin)
        stopped = run(place, third, "bash", "apply.sh")
        assert (
            stopped.code == 4
            and "error[state-missing]" in stopped.text
            and "recover infra --rebuild" in stopped.text
        ), stopped.text
        rebuilt = run(place, third, "reconciler", "recover", "infra", "--rebuild", "--yes")
        assert rebuilt.code == 0 and "1 object bound" in rebuilt.out, rebuilt.text
        assert run(place, third, "bash", "apply.sh").code == 0
        assert sorted(world_of(place.cloud)["instances"]) == ["shop-api", "shop-web"]


def test_git_neither_converts_nor_merges_a_state_nor_keeps_what_is_of_one_machine(
    tmp_path: Path, origin: Path
) -> None:
    with desk(tmp_path) as place:
        first = checkout(place, "a", origin)
        assert run(place, first, "bash", "apply.sh").code == 0
        assert (
            run(place, first, "reconciler", "plan", "infra", "--out", "infra/prod.plan").code == 0
        )
        assert run(place, first, "reconciler", "plan", "infra", "--simulate").code == 0
        assert run(place, first, "git", "status", "--porcelain").out == ""

        windows = (
            "git",
            "clone",
            "--quiet",
            "-c",
            "core.autocrlf=true",
            "--branch",
            "main",
            str(origin),
            "b",
        )
        assert run(place, tmp_path, *windows).code == 0
        assert b"\r\n" in (tmp_path / "b" / "infra" / "stack.yaml").read_bytes()
        assert (
            run(place, tmp_path / "b", "reconciler", "plan", "infra", "--detailed-exitcode").code
            == 0
        )

        state = first / "infra" / "state" / "shop" / "state.json"
        for side in ("one", "two"):
            run(place, first, "git", "checkout", "--quiet", "-b", side, "main")
            state.write_bytes(state.read_bytes() + side.encode())
            run(place, first, "git", "commit", "--quiet", "-am", side)
        assert run(place, first, "git", "merge", "one").code != 0
        assert b"<<<<<<<" not in state.read_bytes()


def test_the_way_back_from_converted_line_ends_works_as_it_is_printed(
    tmp_path: Path, origin: Path
) -> None:
    with desk(tmp_path) as place:
        first = checkout(place, "a", origin)
        assert run(place, first, "bash", "apply.sh").code == 0
        state = first / "infra" / "state" / "shop" / "state.json"
        state.write_bytes(state.read_bytes().replace(b"\n", b"\r\n"))
        found = run(place, first, "reconciler", "plan", "infra")
        assert found.code == 1 and "Windows line endings" in found.text, found.text
        hint = re.search(r"convert them: (.*)", found.text)
        assert hint is not None and run(place, first, "bash", "-c", hint[1]).code == 0
        assert run(place, first, "reconciler", "plan", "infra", "--detailed-exitcode").code == 0


def test_a_state_that_git_ignores_is_reported_by_the_script(tmp_path: Path, origin: Path) -> None:
    # Goal: `init` writes `state/` into .gitignore; whoever leaves it there learns it at once.
    with desk(tmp_path) as place:
        first = checkout(place, "a", origin)
        (first / "infra" / ".gitignore").write_text("state/\n*.plan\n")
        ended = run(place, first, "bash", "apply.sh")
        assert ended.code == 7 and "remove state/ from infra/.gitignore" in ended.text
