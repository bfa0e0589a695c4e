"""What the machine around the program may be: links, pipes, a generous umask, odd settings, a
folder that is gone.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from reconciler.store.folder_writer import HISTORY_STATES_MAX
from tests.processes.bridge import LAUNCHER, PYTHON, Desk, Ended, desk, ended


def in_shell(place: Desk, line: str) -> Ended:
    """Runs a line of shell in which `reconciler` is the program."""
    text = f'reconciler() {{ "{PYTHON}" "{LAUNCHER}" "$@"; }}; {line}'
    pipe = subprocess.PIPE
    return ended(
        subprocess.Popen(
            ["bash", "-c", text],
            cwd=place.folder,
            env=place.environment,
            text=True,
            stdout=pipe,
            stderr=pipe,
        )
    )


@pytest.mark.parametrize("linked", ["shop", "shop/history"])
def test_no_state_is_written_through_a_link(linked: str, tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        theirs, link = tmp_path / "theirs", tmp_path / "state" / linked
        theirs.mkdir(mode=0o755)
        for serial in range(HISTORY_STATES_MAX + 5):
            (theirs / f"{serial}.json").write_text("theirs")
        link.parent.mkdir(parents=True)
        link.symlink_to(theirs)

        found = place.apply()

        assert (
            found.code == 7 and "symbolic link" in found.err and "RECONCILER_STATE" in found.err
        ), found.text
        assert (
            stat.S_IMODE(theirs.stat().st_mode) == 0o755
            and len(list(theirs.iterdir())) == HISTORY_STATES_MAX + 5
        )
        assert all(request.method == "GET" for request in place.cloud.requests)


def test_a_named_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        assert place.apply().code == 0
        os.mkfifo(tmp_path / "x.plan")
        for arguments in (
            ("apply", "--plan", "x.plan", "shop.yaml"),
            ("show", "x.plan", "--stack", "shop.yaml"),
        ):
            found = place.run(*arguments)
            assert found.code == 1 and "it is not a regular file" in found.err, found.text
        journal = tmp_path / "state" / "shop" / "journal"
        journal.unlink()
        os.mkfifo(journal)
        found = place.run("plan", "shop.yaml")
        assert (
            found.code == 1
            and "error[state-damaged]" in found.text
            and "it is not a regular file" in found.text
        )


def test_a_generous_umask_makes_no_file_that_everybody_may_write(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        found = in_shell(
            place,
            "umask 0; reconciler apply shop.yaml --yes && reconciler adopt --all --out new/a.yaml "
            "--stack shop.yaml",
        )
        assert found.code == 0, found.text
        files = [
            *(tmp_path / "new").rglob("*"),
            *(tmp_path / "home").rglob("*"),
            *(tmp_path / "state").rglob("*"),
        ]
        assert [str(file) for file in files if file.stat().st_mode & stat.S_IWOTH] == []
        cached = list((tmp_path / "home" / "cache").rglob("*.json"))
        assert cached and {stat.S_IMODE(file.stat().st_mode) for file in cached} == {0o600}


def test_a_tilde_in_the_folder_of_states_is_the_home(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        found = place.run("apply", "shop.yaml", "--yes", more={"RECONCILER_STATE_DIR": "~/states"})
        assert found.code == 0, found.text
        assert (tmp_path / "home" / "states" / "shop" / "state.json").is_file() and not (
            tmp_path / "~"
        ).exists()


def test_a_deleted_current_folder_is_a_message(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        found = in_shell(
            place,
            f"mkdir gone && cd gone && rmdir ../gone && reconciler plan {place.folder}/shop.yaml",
        )
        assert found.code == 64 and "the current folder was deleted" in found.err, found.text
        found = in_shell(
            place,
            f"mkdir gone && cd gone && rmdir ../gone && reconciler --chdir {place.folder} plan "
            f"shop.yaml",
        )
        assert found.code == 0, found.text
