"""Steering: what `/_simulator/` answers. Outside quota and signature; the server lets only this
machine in.

- `world`: GET gives the whole world as YAML, or as JSON when asked; PUT continues with another one
- `do`: POST {action, kind, object, values} changes it from outside
- `advance`: POST {seconds} lets its time jump ahead
- `faults`: GET gives those in force and how often each has struck; PUT replaces them, POST adds,
  DELETE clears
- `switches`: GET gives those that are not at their default; PUT turns some
- `requests`: GET gives the last requests, newest last

Without a name, GET says what there is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model.http import Request, Response
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.edits import edit
from reconciler.simulator.errors import plain_response
from reconciler.simulator.faults import parse_faults, parse_script
from reconciler.simulator.worldfile import parsed, world_from_text, world_to_data, world_to_yaml

DONE = {"done": True}
YAML = ("Content-Type", "application/yaml; charset=utf-8")


def steer(cloud: Cloud, request: Request) -> Response:
    """Answer one request below `/_simulator/`."""
    noun = request.path.removeprefix("/_simulator/").strip("/")
    if noun not in _ACTS:
        return plain_response(404, {"message": f"there are {', '.join(sorted(_NAMES))}"})
    act = _ACTS[noun].get(request.method)
    if act is None:
        known = ", ".join(sorted(_ACTS[noun]))
        return plain_response(405, {"message": f"there are {known}"}, ("Allow", known))
    try:
        answer = act(cloud, request)
    except RecursionError:
        return plain_response(400, {"message": "the body is nested too deeply"})
    except ValueError as problem:
        return plain_response(400, {"message": str(problem)})
    if isinstance(answer, Response):
        return answer
    return plain_response(200, DONE if answer is None else answer)


def _get_world(cloud: Cloud, request: Request) -> object:
    world = cloud.snapshot()
    if "json" in (request.header("Accept") or "") or dict(request.query).get("format") == "json":
        return world_to_data(world)
    return Response(200, (YAML,), world_to_yaml(world).encode())


def _do(cloud: Cloud, request: Request) -> object:
    body = _mapping(request)
    unknown = sorted(set(body) - {"action", "kind", "object", "values"})
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; there are action, kind, object, values")
    action, kind = body.get("action"), body.get("kind")
    name, values = str(body.get("object", "")), body.get("values") or {}
    if not isinstance(action, str) or not isinstance(kind, str) or not isinstance(values, Mapping):
        raise ValueError("action and kind are texts, values is an object")
    key = cloud.change(lambda world: edit(world, action, kind, name, values))
    return {**DONE, "object": key}


def _get_faults(cloud: Cloud, _request: Request) -> object:
    counted = zip(cloud.faults.faults, cloud.faults.struck, strict=True)
    return {"faults": [{**fault.to_data(), "struck": struck} for fault, struck in counted]}


def _advance(cloud: Cloud, request: Request) -> object:
    seconds = _mapping(request).get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("seconds is a number")
    cloud.advance(seconds)
    return {**DONE, "time": cloud.world.time}


def _put_switches(cloud: Cloud, request: Request) -> object:
    cloud.set_switches(_mapping(request))
    return cloud.switches.changed()


def _put_world(cloud: Cloud, request: Request) -> None:
    cloud.replace_world(world_from_text(request.body.decode()))


_ACTS: dict[str, dict[str, Callable[[Cloud, Request], object]]] = {
    "": {"GET": lambda _cloud, _request: {"paths": {name: sorted(_ACTS[name]) for name in _NAMES}}},
    "world": {"GET": _get_world, "PUT": _put_world, "POST": _put_world},
    "do": {"POST": _do},
    "faults": {
        "GET": _get_faults,
        "PUT": lambda cloud, request: cloud.set_faults(
            *parse_script(parsed(request.body.decode()))
        ),
        "POST": lambda cloud, request: cloud.add_faults(
            *parse_faults(parsed(request.body.decode()))
        ),
        "DELETE": lambda cloud, _request: cloud.set_faults(()),
    },
    "advance": {"POST": _advance},
    "switches": {
        "GET": lambda cloud, _request: cloud.switches.changed(),
        "PUT": _put_switches,
        "POST": _put_switches,
    },
    "requests": {
        "GET": lambda cloud, _request: {
            "requests": [dataclasses.asdict(each) for each in cloud.entries()]
        },
    },
}
_NAMES: list[str] = [name for name in _ACTS if name]


def _mapping(request: Request) -> dict[str, Any]:
    body = parsed(request.body.decode())
    if not isinstance(body, dict):
        raise ValueError("the body is an object")
    return body
