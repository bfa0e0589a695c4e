"""The real thing, wired: an exchange over threads and HTTP, with the quota that all processes of a user share."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.cloud.clock import SystemClock
from reconciler.cloud.endpoint import Endpoint
from reconciler.cloud.exchange import IN_FLIGHT_MAX, HttpExchange
from reconciler.cloud.network import ThreadNetwork
from reconciler.cloud.quota import FileQuotaLog
from reconciler.cloud.signing import Keys
from reconciler.cloud.transport import HttpTransport
from reconciler.core.problems import Problem


def connect(
    endpoint: Endpoint,
    keys: Keys,
    *,
    quota_folder: Path | None = None,
    limit: int = IN_FLIGHT_MAX,
    time_scale: float = 1.0,
    on_problem: Callable[[Problem], None] | None = None,
) -> HttpExchange:
    """An exchange with that endpoint; close it at the end. Nothing is sent yet.

    `quota_folder` is where the log of sends lies, by default the user's (`default_quota_folder`). `time_scale` is for loopback alone.
    `on_problem` is told once where that log cannot be written.
    """
    folder = default_quota_folder(os.environ) if quota_folder is None else quota_folder
    quota = FileQuotaLog(folder, keys.digest, time_scale=time_scale, on_problem=on_problem)
    network = ThreadNetwork(HttpTransport(endpoint), limit)
    return HttpExchange(network, SystemClock(), keys, quota, limit=limit, time_scale=time_scale, jitter=random.random)


def default_quota_folder(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/reconciler/quota`, by default below `~/.local/state` (SPEC 6)."""
    base = environment.get("XDG_STATE_HOME", "")
    home = Path(base) if base and Path(base).is_absolute() else Path("~/.local/state").expanduser()
    return home / "reconciler" / "quota"
