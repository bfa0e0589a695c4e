"""A process that writes a store, for the tests with several: `race FOLDER NAME TIMES` or `hold
FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reconciler.model.ports import Holder, StoreError
from reconciler.model.state import Entry, Intent, Note, StateChange
from reconciler.store.folder_store import FileStore
from reconciler.store.folder_writer import FileWriter


def _open(folder: str) -> FileWriter:
    holder = Holder(user="kim", host="build-7", pid=1, command="worker", since=0.0)
    return FileStore(Path(folder)).open(holder, timeout_seconds=60, stack="shop", environment=None)


def _note(writer: FileWriter, name: str) -> None:
    writer.append(
        Note(
            writer.state.sequence + 1,
            name,
            "made",
            (StateChange(put=Entry(name, "instances", name)),),
        )
    )


def race(folder: str, name: str, times: str) -> None:
    """Takes the lock again and again; tells the serial of each commit."""
    for number in range(int(times)):
        writer = _open(folder)
        _note(writer, f"{name}-{number}")
        print(writer.commit().serial)
        writer.close()


def hold(folder: str) -> None:
    """Holds the lock with an open intent; records once more when told to."""
    writer = _open(folder)
    writer.append(
        Intent(
            1,
            "run",
            "instance.create instances.web",
            "instances.web",
            "instance.create",
            None,
            {},
            None,
            0,
        )
    )
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        _note(writer, "late")
    except StoreError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    if sys.argv[1] == "race":
        race(*sys.argv[2:])
    else:
        hold(*sys.argv[2:])
