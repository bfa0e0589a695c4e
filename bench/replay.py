"""`reconciler` itself, with answers from a file in place of the network: `python -m bench.replay
FOLDER plan ...`.

Everything else is as in the product: the process, its imports, the quota's log, the state's files,
what is printed.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.iwinv import transport
from reconciler.model import http

RECORDING = "answers.pickle"

Recording: TypeAlias = "Mapping[tuple[str, tuple[tuple[str, str], ...]], http.Response]"


def variables(folder: Path) -> dict[str, str]:
    """The environment under which a recording is played: keys that nobody asks for, a quota that
    passes in no time.
    """
    return {
        "IWINV_ENDPOINT": "http://127.0.0.1:9",
        "IWINV_ACCESS_KEY": "local-access-key",
        "IWINV_SECRET_KEY": "local-secret-key",
        "RECONCILER_TIME_SCALE": "10000",
        "RECONCILER_STATE_DIR": str(folder / "state"),
        "XDG_STATE_HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


class _Player:
    """Stands for the transport."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __call__(self, request: http.Request) -> http.Response:
        return self._recording[request.path, request.query]


def main() -> None:
    """Plays the recording of the folder named first to the command line that follows."""
    folder = Path(sys.argv.pop(1))
    recording: Recording = pickle.loads((folder / RECORDING).read_bytes())
    os.environ.update(variables(folder))

    def player(*given: Any, **named: Any) -> _Player:
        return _Player(recording)

    # the only difference from the product
    transport.HttpTransport = player  # type: ignore[misc,assignment]
    from reconciler.__main__ import main as reconciler

    reconciler()


if __name__ == "__main__":
    main()
