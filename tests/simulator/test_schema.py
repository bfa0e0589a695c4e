"""A property-based API test over the served API: whatever openapi.yaml allows or forbids, the
answers keep to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from reconciler.simulator import Cloud, SimulatorServer, World
from reconciler.simulator.worldfile import packaged_world
from tests import extent
from tests.simulator.harness import FLAVOR, IMAGE, ZONE, openapi, operations, signature

EXAMPLES = extent.examples(20)
ABSENT = ("getFlavor", "getSecurityGroup", "getFirewall")
"""Details that answer 200 with an empty list for whatever id is not there (contract#absence)."""


def wrong_data_is_rejected(context: Any, response: Any, case: Any) -> bool | None:
    """schemathesis' own check, but for what the contract allows beyond any schema.

    An id that is merely absent, and an empty filter, which means none (contract#pagination,
    contract#absence).
    """
    if (
        case.operation.definition.raw["operationId"] in ABSENT
        and response.json().get("result") == []
    ):
        return None
    if "" in dict(parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)).values():
        return None
    answer: bool | None = negative_data_rejection(context, response, case)
    return answer


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    wrong_data_is_rejected,
    unsupported_method,
]


class Signer(AuthBase):
    """Signs the path as it goes over the wire."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        timestamp = str(int(time.time()))
        path = urlsplit(request.url or "").path
        request.headers["X-iwinv-Timestamp"] = timestamp
        request.headers["X-iwinv-Credential"] = self.server.access_key
        request.headers["X-iwinv-Signature"] = signature(
            self.server.secret_key, timestamp, str(path)
        )
        return request


def unauthenticated() -> dict[str, Any]:
    """The contract without its security: requests are signed by us, always."""
    plain = {name: value for name, value in openapi().items() if name != "security"}
    components = {
        name: value for name, value in plain["components"].items() if name != "securitySchemes"
    }
    return {**plain, "components": components}


FITTING = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE, "type": "ssd", "size": 20}
"""Members of bodies that must go together for anything to be made."""
REFERENCES = ("ssh_key_id", "user_script_id", "security_group")
IDS = ("instance_id",)


def existing(world: World, name: str, value: str, others: Mapping[str, Any]) -> str:
    """An object of the world in place of an invented id, the same one for the same id."""
    ids = {
        "instance_id": list(world.instances),
        "block_storage_id": list(world.block_storages),
        "firewall_id": list(world.firewalls),
        "flavor_id": list(world.flavors),
        "image_id": list(world.images),
        "bill_id": list(world.bills),
    }
    if name == "rule_id":
        group = world.firewalls.get(str(others.get("firewall_id")))
        candidates = [str(rule.rule_id) for rule in group.rules] if group else []
    else:
        candidates = ids[name]
    return candidates[sum(value.encode()) % len(candidates)] if candidates else value


schema = schemathesis.openapi.from_dict(unauthenticated())


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    """A populated world, without a quota, in which things are done at once."""
    ticks = dict.fromkeys(
        ("create", "start", "shutdown", "reboot", "rebuild", "resize", "delete", "volume"), 0
    )
    with SimulatorServer(
        Cloud(packaged_world("company"), switches={"rate_limit": "off", "ticks": ticks})
    ) as running:
        yield running


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_served_api_keeps_to_its_schema(case: Any, server: SimulatorServer) -> None:
    """Valid and invalid requests for every operation, about objects that exist wherever the ids are
    valid ones.
    """
    ids = case.meta.components.get(ParameterLocation.PATH)
    if ids is not None and ids.mode.is_positive:
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = existing(
                server.cloud.world, name, str(value), case.path_parameters
            )
    body = case.meta.components.get(ParameterLocation.BODY)
    if body is not None and body.mode.is_positive and isinstance(case.body, dict):
        known = {
            name: FITTING.get(name, value)
            for name, value in case.body.items()
            if name not in REFERENCES
        }
        case.body = {
            name: existing(server.cloud.world, name, str(value), {}) if name in IDS else value
            for name, value in known.items()
        }
    case.call_and_validate(base_url=server.endpoint, auth=Signer(server), checks=CHECKS, timeout=10)


def test_every_operation_is_tried() -> None:
    """The property above runs over all of them."""
    assert len(list(schema.get_all_operations())) == len(operations())
