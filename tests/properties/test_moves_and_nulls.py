"""Random stacks whose keys are exchanged and renamed by `moved`, with fields that are null: nothing
is sent for a move, every object is where the lines say, and the next plan is empty.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.resource import Stack
from tests.cloud_harness import CloudHarness, said, shown
from tests.properties.strategies import FLAVORS, ZONE
from tests.properties.test_random_stacks import FEW, harness
from tests.scenarios.world import world_of

KEYS = ("a", "b", "c", "d", "e")
PORTS = ("22", "80", "443", "3306")
NULL = "${vars.none == null ? null : 'x'}"


@st.composite
def servers(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Instances with all that an address may be part of: a firewall, a rule with their private
    address, a disk, and what they depend on. Fields that are left out may be written as null.
    """
    found: dict[str, dict[str, Any]] = {}
    for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)):
        body: dict[str, Any] = {"name": f"name-{key}", "flavor": draw(st.sampled_from(FLAVORS))}
        body["firewall"] = draw(st.sampled_from(("fw", "none")))
        for field in ("description", "power", "user_script"):
            if draw(st.booleans()):
                body[field] = NULL
        body["ssh_keys"] = draw(st.sampled_from((["deploy"], ["deploy", NULL], NULL)))
        if draw(st.booleans()) and found:
            body["depends_on"] = [f"instances.{draw(st.sampled_from(sorted(found)))}", NULL]
        found[key] = body
    return found


def text(
    bodies: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], rules: Mapping[str, str]
) -> str:
    """The stack file with each key under its name, and the lines that lead there."""

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(item) for item in value]
        kind, _, key = str(value).partition("instances.")
        return f"{kind}instances.{names[key]}" if key in names else value

    body = {
        "version": 1,
        "stack": "shop",
        "variables": {"none": {"type": "string", "default": None}},
        "defaults": {
            "instances": {"zone": ZONE, "image": {"os": "ubuntu", "version": "24.04"}},
        },
        "instances": {
            names[key]: {
                field: named(value) if field == "depends_on" else value
                for field, value in each.items()
            }
            for key, each in bodies.items()
        },
        "block_storages": {
            f"disk_{names[key]}": {
                "type": "ssd",
                "size": 20,
                "name": f"disk-{key}",
                "instance": names[key],
            }
            for key in bodies
        },
        "firewalls": {
            "fw": {
                "rules": {
                    rules[port]: {
                        "title": f"port-{port}",
                        "direction": "in",
                        "protocol": "tcp",
                        "ports": port,
                        "cidr": f"${{instances.{names[key]}.private_ip}}/32",
                        "description": NULL,
                    }
                    for port, key in zip(PORTS, bodies, strict=False)
                }
            }
        },
        "moved": [
            {"from": prefix + old, "to": prefix + new}
            for prefix, pairs in (
                ("instances.", names),
                ("block_storages.disk_", names),
                ("firewalls.fw.rules.", {f"r{port}": rules[port] for port in PORTS}),
            )
            for old, new in pairs.items()
            if old != new and (prefix != "firewalls.fw.rules." or old[1:] in PORTS[: len(bodies)])
        ],
    }
    return json.dumps(body, indent=1)


def stack_of(made: CloudHarness, written: str) -> Stack:
    with tempfile.TemporaryDirectory() as folder:
        return made.stack(written, Path(folder))


def ids(made: CloudHarness) -> dict[str, str]:
    state = made.state
    assert state is not None
    return {address: entry.id for address, entry in state.entries.items()}


@settings(FEW, max_examples=8)
@given(servers(), st.permutations(KEYS), st.permutations(PORTS))
def test_moves_send_nothing_and_each_is_applied_once(
    bodies: dict[str, dict[str, Any]], order: list[str], ports: list[str]
) -> None:
    made = harness()
    used = PORTS[: len(bodies)]
    same = {key: key for key in bodies}
    unmoved = {port: f"r{port}" for port in PORTS}
    first = text(bodies, same, unmoved)
    assert made.apply(stack_of(made, first)).exit_code == 0, first
    before, world = ids(made), world_of(made.cloud)
    names = dict(zip(KEYS, order, strict=True))
    names = {key: names[key] for key in bodies}
    # of the rules only those that there are change places
    rules = dict(zip(used, (f"r{port}" for port in ports if port in used), strict=True))
    second = text(bodies, names, {**unmoved, **rules})
    stack = stack_of(made, second)
    for number in range(2):
        plan = made.plan(stack)
        assert not plan.steps and not said(plan.problems), f"{second}\n{shown(plan)}"
        assert bool(plan.moves) == (number == 0 and (names != same or rules != _of(unmoved, used)))
        assert made.apply(stack).exit_code == 0
        after = ids(made)
        for key, name in names.items():
            assert after[f"instances.{name}"] == before[f"instances.{key}"], second
            assert after[f"block_storages.disk_{name}"] == before[f"block_storages.disk_{key}"]
        for port, rule in rules.items():
            assert after[f"firewalls.fw.rules.{rule}"] == before[f"firewalls.fw.rules.r{port}"]
        assert world_of(made.cloud) == world
    plan = made.plan(stack)
    assert plan.is_empty and not plan.records, f"{second}\n{shown(plan)}"


def _of(rules: Mapping[str, str], used: tuple[str, ...]) -> dict[str, str]:
    return {port: rules[port] for port in used}


@settings(FEW, max_examples=8)
@given(st.integers(2, 5), st.data())
def test_a_gap_costs_one_delete(count: int, data: st.DataObject) -> None:
    made = harness()
    gap = data.draw(st.integers(0, count - 1))

    def written(number: int, lines: list[dict[str, str]]) -> str:
        web = {
            "count": number,
            "name": "${vars.none}",
            "flavor": FLAVORS[0],
            "image": {"os": "ubuntu", "version": "24.04"},
            "zone": ZONE,
            "lifecycle": {"ignore": ["name"]},
            "ssh_keys": ["deploy"],
        }
        return json.dumps(
            {
                "version": 1,
                "stack": "shop",
                "variables": {"none": {"type": "string", "default": None}},
                "instances": {"web": web},
                "moved": lines,
            }
        )

    assert made.apply(stack_of(made, written(count, []))).exit_code == 0
    before = ids(made)
    lines = [
        {"from": f"instances.web[{n}]", "to": f"instances.web[{n - 1}]"}
        for n in range(gap + 1, count)
    ]
    stack = stack_of(made, written(count - 1, lines))
    plan = made.plan(stack)
    assert [step.target for step in plan.steps] == [before[f"instances.web[{gap}]"]], shown(plan)
    result = made.apply(stack)
    assert result.exit_code == 0, said(result.problems)
    left = [before[f"instances.web[{n}]"] for n in range(count) if n != gap]
    assert ids(made) == {f"instances.web[{n}]": id for n, id in enumerate(left)}
    again = made.plan(stack)
    assert again.is_empty and not again.records, shown(again)
