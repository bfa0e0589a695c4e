"""What the command line does with a local cloud: make one from options, show a world, change one
from outside.

Nothing here parses arguments or prints; `reconciler simulator` does.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.simulator.answers import text_in
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.edits import EditError
from reconciler.simulator.faults import FaultError, parse_script
from reconciler.simulator.server import ServerError, is_loopback, keys_from_environment
from reconciler.simulator.switches import SwitchError, Switches
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import (
    WorldFileError,
    WorldInUse,
    WorldNotKept,
    default_world,
    load_world,
    packaged_world,
    read_file,
)

# What a command line shows as one line and exit code 64 or 1: the text is for people.
MISTAKES = (
    ServerError,
    SwitchError,
    FaultError,
    WorldFileError,
    EditError,
    WorldInUse,
    WorldNotKept,
)

REQUEST_SECONDS_MAX = 30.0


class SteeringError(RuntimeError):
    """A running simulator could not be controlled; the text is the reason."""


def make_cloud(
    *,
    world: str | None = None,
    seed: int = 0,
    time_scale: float = 1.0,
    settings: Sequence[str] = (),
    switches_file: Path | None = None,
    faults_file: Path | None = None,
) -> Cloud:
    """A cloud from the options of `simulator serve`, with the keys of the environment or the fixed
    local ones.

    `world` is a file, or the name of a packaged world (`default`, `company`); `settings` are
    `SWITCH=VALUE` texts, which win over the file of switches.
    """
    switches = Switches() if switches_file is None else read_file(switches_file, Switches.parse)
    access_key, secret_key = keys_from_environment()
    cloud = Cloud(
        _world(world, seed),
        time_scale=time_scale,
        switches=Switches.parse_texts(settings, switches),
        access_key=access_key,
        secret_key=secret_key,
        seed=seed,
    )
    if faults_file is not None:
        cloud.set_faults(*read_file(faults_file, parse_script))
    return cloud


def _world(name: str | None, seed: int) -> World:
    if name is None or name == "default":
        return default_world(seed=seed)
    return packaged_world(name) if name == "company" else load_world(Path(name))


def fetch_world(endpoint: str) -> str:
    """The world of a running simulator, as YAML."""
    return _steer(endpoint, "GET", "world")


def do(
    endpoint: str, action: str, kind: str, name: str, values: Mapping[str, object] | None = None
) -> str:
    """Change the world of a running simulator from outside; gives the id of the object."""
    body = {"action": action, "kind": kind, "object": name, "values": dict(values or {})}
    return str(json.loads(_steer(endpoint, "POST", "do", body))["object"])


def advance(endpoint: str, seconds: float) -> None:
    """Let the time of a running simulator jump ahead."""
    _steer(endpoint, "POST", "advance", {"seconds": seconds})


def set_faults(endpoint: str, script: str) -> None:
    """Put the faults of a script, YAML or JSON, in force in a running simulator instead of those
    there.
    """
    _steer(endpoint, "PUT", "faults", script)


def _steer(endpoint: str, method: str, noun: str, body: object = None) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or parts.hostname is None or not is_loopback(parts.hostname):
        raise SteeringError(f"{endpoint} is not a simulator on this machine")
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    content = None if body is None else text.encode()
    headers = {} if content is None else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port or 80, timeout=REQUEST_SECONDS_MAX
    )
    try:
        connection.request(method, f"/_simulator/{noun}", content, headers)
        response = connection.getresponse()
        answer = response.read().decode()
    except (OSError, http.client.HTTPException) as problem:
        raise SteeringError(f"no simulator answers at {endpoint}: {problem}") from None
    finally:
        connection.close()
    if response.status != 200:
        refused = f"the simulator at {endpoint} answered {response.status}"
        raise SteeringError(text_in(answer, "message") or refused)
    return answer
