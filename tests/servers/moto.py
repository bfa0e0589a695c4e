"""Moto, an S3 emulator in memory, as a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import Unavailable
from tests.servers.s3 import Endpoint
from tests.servers.server import Server

ROOT = Path(__file__).parents[2]


class Moto(Server):
    """A running moto server. `is_conditional=False`: it overlooks the conditions of requests.

    It holds everything in memory: after `kill` and `start` it is empty.
    """

    name = "moto"

    def __init__(self, *, is_conditional: bool = True) -> None:
        if importlib.util.find_spec("moto") is None:
            raise Unavailable("moto is not installed: run .ci/setup dev")
        self._options = [] if is_conditional else ["--unconditional"]
        super().__init__()

    @property
    def endpoint(self) -> Endpoint:
        """Its address and credentials; it accepts any other credentials too."""
        return Endpoint(f"http://127.0.0.1:{self.port}")

    def _command(self) -> Sequence[str | Path]:
        module = ["-m", "tests.servers.moto_process", str(self.port)]
        return [sys.executable, *module, *self._options]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def _is_ready(self) -> bool:
        return self.endpoint.is_ready()
