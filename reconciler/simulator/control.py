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
import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from reconciler.model.http import Request, Response
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.edits import EditError, edit
from reconciler.simulator.errors import plain_response
from reconciler.simulator.faults import FaultError, parse_faults
from reconciler.simulator.switches import SwitchError
from reconciler.simulator.worldfile import (
    WorldFileError,
    world_from_text,
    world_to_data,
    world_to_yaml,
)

MISTAKES = (EditError, FaultError, SwitchError, WorldFileError, ValueError, yaml.YAMLError)


class ControlError(ValueError):
    """A steering request that makes no sense."""


def steer(cloud: Cloud, request: Request) -> Response:
    """Answer one request below `/_simulator/`."""
    noun = request.path.removeprefix("/_simulator/").strip("/")
    if noun not in _ACTS:
        known = ", ".join(sorted(each for each in _ACTS if each))
        return plain_response(404, {"message": f"there are {known}"})
    act = _ACTS[noun].get(request.method)
    if act is None:
        known = ", ".join(sorted(_ACTS[noun]))
        return plain_response(405, {"message": f"there are {known}"}, ("Allow", known))
    try:
        return act(cloud, request)
    except RecursionError:
        return plain_response(400, {"message": "the body is nested too deeply"})
    except MISTAKES as problem:
        return plain_response(400, {"message": str(problem)})


def _get_world(cloud: Cloud, request: Request) -> Response:
    world = cloud.snapshot()
    if "json" in (request.header("Accept") or "") or dict(request.query).get("format") == "json":
        return plain_response(200, world_to_data(world))
    return Response(
        200, (("Content-Type", "application/yaml; charset=utf-8"),), world_to_yaml(world).encode()
    )


def _put_world(cloud: Cloud, request: Request) -> Response:
    cloud.replace_world(world_from_text(request.body.decode()))
    return _done()


def _do(cloud: Cloud, request: Request) -> Response:
    body = _mapping(request)
    unknown = sorted(set(body) - {"action", "kind", "object", "values"})
    if unknown:
        raise ControlError(f"unknown: {', '.join(unknown)}; there are action, kind, object, values")
    action, kind = body.get("action"), body.get("kind")
    name, values = str(body.get("object", "")), body.get("values") or {}
    if not isinstance(action, str) or not isinstance(kind, str) or not isinstance(values, Mapping):
        raise ControlError("action and kind are texts, values is an object")
    key = cloud.change(lambda world: edit(world, action, kind, name, values))
    return plain_response(200, {"done": True, "object": key})


def _get_faults(cloud: Cloud, _request: Request) -> Response:
    counted = zip(cloud.faults.faults, cloud.faults.struck, strict=True)
    faults = [{**fault.to_data(), "struck": struck} for fault, struck in counted]
    return plain_response(200, {"faults": faults})


def _put_faults(cloud: Cloud, request: Request) -> Response:
    script = _parsed(request)
    seed = script.get("seed") if isinstance(script, Mapping) else None
    cloud.set_faults(parse_faults(script), seed=seed if isinstance(seed, int) else None)
    return _done()


def _post_faults(cloud: Cloud, request: Request) -> Response:
    cloud.add_faults(*parse_faults(_parsed(request)))
    return _done()


def _delete_faults(cloud: Cloud, _request: Request) -> Response:
    cloud.set_faults(())
    return _done()


def _advance(cloud: Cloud, request: Request) -> Response:
    seconds = _mapping(request).get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ControlError("seconds is a number")
    cloud.advance(seconds)
    return plain_response(200, {"done": True, "time": cloud.world.time})


def _get_switches(cloud: Cloud, _request: Request) -> Response:
    return plain_response(200, cloud.switches.changed())


def _put_switches(cloud: Cloud, request: Request) -> Response:
    cloud.set_switches(_mapping(request))
    return plain_response(200, cloud.switches.changed())


def _get_requests(cloud: Cloud, _request: Request) -> Response:
    return plain_response(200, {"requests": [dataclasses.asdict(each) for each in cloud.entries()]})


def _help(_cloud: Cloud, _request: Request) -> Response:
    paths = {noun: sorted(methods) for noun, methods in _ACTS.items() if noun}
    return plain_response(200, {"paths": paths})


_ACTS: dict[str, dict[str, Callable[[Cloud, Request], Response]]] = {
    "": {"GET": _help},
    "world": {"GET": _get_world, "PUT": _put_world, "POST": _put_world},
    "do": {"POST": _do},
    "faults": {
        "GET": _get_faults,
        "PUT": _put_faults,
        "POST": _post_faults,
        "DELETE": _delete_faults,
    },
    "advance": {"POST": _advance},
    "switches": {"GET": _get_switches, "PUT": _put_switches, "POST": _put_switches},
    "requests": {"GET": _get_requests},
}


def _done() -> Response:
    return plain_response(200, {"done": True})


def _parsed(request: Request) -> object:
    """The body as JSON, or as YAML, which fault scripts are written in."""
    text = request.body.decode()
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def _mapping(request: Request) -> dict[str, Any]:
    parsed = _parsed(request)
    if not isinstance(parsed, dict):
        raise ControlError("the body is an object")
    return parsed
