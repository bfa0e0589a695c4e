"""rclone's S3 server over a folder. It overlooks the conditions of requests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import Unavailable
from tests.servers.s3 import ACCESS_KEY, SECRET_KEY, Endpoint
from tests.servers.server import Server


class Rclone(Server):
    """A running `rclone serve s3`."""

    name = "rclone"

    def __init__(self) -> None:
        beside = Path(sys.executable).parent / "rclone"
        found = str(beside) if beside.exists() else shutil.which("rclone")
        if found is None:
            raise Unavailable("rclone is not installed: run .ci/setup dev")
        self._program = found
        super().__init__()

    @property
    def endpoint(self) -> Endpoint:
        """Its address and credentials."""
        return Endpoint(f"http://127.0.0.1:{self.port}")

    def _prepare(self) -> None:
        (self.folder / "buckets").mkdir()

    def _command(self) -> Sequence[str | Path]:
        address = ["--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
        return [self._program, "serve", "s3", *address, self.folder / "buckets"]

    def _environment(self) -> dict[str, str]:
        return {"RCLONE_CONFIG": str(self.folder / "none"), "HOME": str(self.folder)}

    def _is_ready(self) -> bool:
        return self.endpoint.is_ready()
