"""Each switch of the local cloud that reads can show is found by its check, and a report sets it
again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from reconciler.contract.check import Verdict
from reconciler.contract.decided import decisions, not_settable
from reconciler.contract.report import ContractReport
from reconciler.contract.table import CALLS, FIREWALL_CALLS_MAX
from reconciler.model import http
from reconciler.simulator import World
from reconciler.simulator.kinds.records import Membership
from reconciler.simulator.switches import Switches
from reconciler.simulator.worldfile import packaged_world
from tests.contract.checking import checked

DIFFERS, SETTLES, RIGHT = Verdict.DIFFERS, Verdict.SETTLES, Verdict.AS_DOCUMENTED

FOUND: tuple[tuple[str, str, str, Verdict], ...] = (
    ("default_fields", "543", "default_fields", SETTLES),
    ("default_fields", "15", "default_fields", SETTLES),
    ("default_fields", "131071", "default_fields", SETTLES),
    ("page_size_cap", "20", "largest_page", SETTLES),
    ("page_size_cap", "500", "largest_page", SETTLES),
    ("instance_absent", "empty", "instance_absent", SETTLES),
    ("instance_absent", "not_found", "instance_absent", SETTLES),
    ("instance_absent", "id_invalid", "instance_absent", SETTLES),
    ("block_storage_absent", "empty", "block_storage_absent", SETTLES),
    ("block_storage_absent", "not_found", "block_storage_absent", SETTLES),
    ("scripts_empty", "empty", "scripts", DIFFERS),
    ("scripts_empty", "404", "scripts", RIGHT),
    ("old_firewall_paths", "off", "older_firewall", SETTLES),
    ("bill_page_meta", "integers", "bill_pages", DIFFERS),
    ("bill_detail", "ok", "bill_detail", DIFFERS),
    ("escape_group_content", "off", "firewall_escaping", DIFFERS),
    ("flavor_fields", "sequence", "flavor_mask", SETTLES),
    ("http_status", "doc", "read_status", DIFFERS),
    ("error_http", "always_200", "image_absent", DIFFERS),
    ("error_result", "strings", "error_result", DIFFERS),
    ("error_result", "messages", "error_result", DIFFERS),
    ("error_result", "objects", "error_result", DIFFERS),
    ("validation_body", "bare_422", "storage_types", DIFFERS),
)
"""Switch, value, the check that shows it, and its verdict."""


@cache
def company() -> World:
    world = packaged_world("company")
    world.user_scripts.clear()
    return world


@cache
def usual() -> ContractReport:
    return checked(company().copy())[0]


def verdicts(report: ContractReport) -> Mapping[str, Verdict]:
    return {result.check: result.verdict for result in report.results}


@pytest.mark.parametrize(("switch", "value", "check", "verdict"), FOUND)
def test_a_switch_is_found_by_its_check(
    switch: str, value: str, check: str, verdict: Verdict
) -> None:
    report, _ = checked(company().copy(), switches={switch: value})

    assert verdicts(report)[check] is verdict
    # the report sets this switch again, and no other
    found = Switches.parse({each.switch: each.value for each in decisions(report)})
    assert found == Switches.parse({switch: value})


def test_the_default_cloud_differs_nowhere() -> None:
    assert not [check for check, found in verdicts(usual()).items() if found is DIFFERS]
    assert Switches.parse({each.switch: each.value for each in decisions(usual())}) == Switches()


def test_an_instance_in_two_firewalls_shows_the_attach_mode() -> None:
    world = company().copy()
    instance = next(iter(world.memberships))[1]
    for firewall in list(world.firewalls)[:2]:
        world.put(Membership(firewall, instance))
    report, _ = checked(world, switches={"attach_mode": "many"})

    assert ("attach_mode", "many") in {(each.switch, each.value) for each in decisions(report)}


def test_what_has_no_switch_is_named() -> None:
    assert "block_storage_rows" in not_settable(usual())
    assert "instance_absent" not in not_settable(usual())


def test_an_empty_account_has_nothing_to_see() -> None:
    report, side = checked(World())
    found = verdicts(report)

    assert {found[name] for name in ("zones", "instance_mask", "rule_rows", "ssh_keys")} == {
        Verdict.NOTHING
    }
    assert not [check for check, verdict in found.items() if verdict is Verdict.UNANSWERED]
    assert len(side.requests) <= CALLS


def test_the_calls_are_as_few_as_announced() -> None:
    world = company().copy()
    firewall = next(iter(world.firewalls.values()))
    for _ in range(30):
        world.put(replace(firewall, firewall_id=world.new_id("firewall")))
    _, side = checked(world)

    assert len(side.requests) <= CALLS + FIREWALL_CALLS_MAX
    assert side.clock.monotonic() < 120


def test_a_bit_of_the_mask_that_moved_is_named() -> None:
    # the cloud shows `traffic` for the bit of `monitoring`
    def middle(request: http.Request, send: http.Send) -> http.Response:
        response = send(request)
        mask = dict(request.query).get("fields")
        if request.path != "/v1/instances" or mask is None:
            return response
        body = json.loads(response.body)
        for row in body["result"]:
            row.pop("monitoring", None)
            if int(mask) & 4096:
                row["traffic"] = {}
        return http.Response(response.status, response.headers, json.dumps(body).encode())

    report, _ = checked(company().copy(), middle=middle)
    found = report.result("instance_mask")

    assert found is not None and found.verdict is DIFFERS
    assert found.fact("members") == ("monitoring", "traffic")
