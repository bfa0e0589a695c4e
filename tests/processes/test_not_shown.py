"""What cannot be shown is not done: a full, a closed and a deserted standard output, before each
command that changes something.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.simulator.world import World
from tests.processes.bridge import LAUNCHER, PYTHON, Desk, Ended, desk, ended, names
from tests.scenarios.world import world_of

SINKS = {"full": ">/dev/full", "closed": ">&-", "gone": "> >(exec true)"}
"""Redirections of standard output that take nothing."""


def into(place: Desk, sink: str, *arguments: str) -> Ended:
    """Runs the program with that standard output."""
    wait = "sleep 0.2; " if sink == "gone" else ""  # until the reader is gone
    line = (
        f'exec 3>&1 {SINKS[sink]}; {wait}exec "$@" 3>&-'
        if sink != "closed"
        else f'exec "$@" {SINKS[sink]}'
    )
    command = ["bash", "-c", line, "bash", PYTHON, str(LAUNCHER), *arguments]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    return ended(
        subprocess.Popen(
            command,
            cwd=place.folder,
            env=place.environment,
            text=True,
            stdin=nothing,
            stdout=pipe,
            stderr=pipe,
        )
    )


def kept(place: Desk) -> dict[str, bytes]:
    """Every file of the state and of the stack, but those of the lock."""
    files = [
        path for path in place.folder.rglob("*") if path.is_file() and "home" not in path.parts
    ]
    return {
        str(path): path.read_bytes()
        for path in files
        if path.name not in ("lock", "holder", "epoch")
    }


def describe(world: World) -> None:
    """Somebody describes the server in the console in another way."""
    (server,) = world.instances.values()
    world.put(replace(server, description=f"api {server.description}"))


CHANGES = [
    ("apply", "shop.yaml", "--yes"),
    ("apply", "shop.yaml", "--yes", "--format", "json"),
    ("destroy", "shop.yaml", "--yes", "--accept", "delete", "--accept", "exposure"),
    (
        "destroy",
        "shop.yaml",
        "--yes",
        "--accept",
        "delete",
        "--accept",
        "exposure",
        "--format",
        "json",
    ),
    ("server", "reboot", "instances.web", "--stack", "shop.yaml", "--yes", "--accept", "downtime"),
    ("state", "forget", "instances.web", "--stack", "shop.yaml", "--yes"),
    ("state", "mv", "instances.web", "instances.front", "--stack", "shop.yaml", "--yes"),
    ("absorb", "instances.web", "--stack", "shop.yaml"),
    ("plan", "shop.yaml", "--out", "shop.plan"),
]


TRIALS = [(words, "full") for words in CHANGES] + [
    (words, sink) for words in CHANGES[:2] for sink in ("closed", "gone")
]


@pytest.mark.parametrize(
    ("arguments", "sink"),
    TRIALS,
    ids=lambda found: found if isinstance(found, str) else "-".join(found),
)
def test_what_cannot_be_shown_is_not_done(
    arguments: tuple[str, ...], sink: str, tmp_path: Path
) -> None:
    with desk(tmp_path) as place:
        assert place.apply().code == 0
        place.cloud.change(describe)
        before, sent, world = kept(place), len(place.cloud.requests), world_of(place.cloud)

        found = into(place, sink, *arguments)

        assert (
            found.code == 1
            and "error[not-shown]" in found.err
            and "so nothing was changed" in found.err
        ), found.text
        assert all(line.startswith("GET ") for line in names(place.cloud.requests[sent:]))
        assert kept(place) == before and world_of(place.cloud) == world
