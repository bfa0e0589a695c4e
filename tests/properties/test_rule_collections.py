"""Random collections of rules against the local cloud in virtual time: what is applied is there, the
next plan is empty, and an edit leaves every rule alone whose traffic stays.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.resource import Stack
from tests.cloud_harness import CloudHarness, said, shown

FEW = settings(
    max_examples=8,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.0.2.7/32", "203.0.113.0/24")
SERVER = {"zone": "kr1-z01", "flavor": "std_1.1-g1", "image": {"os": "ubuntu", "version": "22.04"}}
OF_WEB = "${instances.web.map(k, instances.web[k].private_ip + '/32')}"
OF_VALUES = "${values(instances.web).map(w, w.private_ip + '/32')}"


@st.composite
def cidrs(draw: st.DrawFn) -> Any:
    """What `cidr` may be: one range, a list, or an expression for one."""
    known = draw(st.permutations(RANGES))[: draw(st.integers(0, 3))]
    form = draw(st.sampled_from(("list", "list", "single", "variable", "web", "mixed", "added")))
    nulls = [None] if draw(st.booleans()) else []
    return {
        "list": [*known, *nulls],
        "single": RANGES[draw(st.integers(0, 3))],
        "variable": "${vars.ranges}",
        "web": draw(st.sampled_from((OF_WEB, OF_VALUES))),
        "mixed": [*nulls, *known, OF_WEB],
        "added": f"${{{json.dumps(known)} + instances.web.map(k, instances.web[k].private_ip + '/32')}}",
    }[form]


@st.composite
def stacks(draw: st.DrawFn) -> Mapping[str, Any]:
    """A firewall with two written rules, and up to three instances that they may read."""
    keys = draw(st.sets(st.sampled_from("abc"), max_size=3))
    ports = st.sampled_from((22, [22], [22, "8000-8010"], ["8000-8010", 443, 22], []))
    rules = {
        key: {"direction": "in", "protocol": protocol, "ports": draw(ports), "cidr": draw(cidrs())}
        for key, protocol in (("one", "tcp"), ("two", "udp"))
    }
    rules["loop"] = {
        "for_each": sorted(draw(st.sets(st.sampled_from(("80", "81", "82"))))),
        "direction": "out",
        "protocol": "tcp",
        "ports": "${each.key}",
        "cidr": "0.0.0.0/0",
    }
    return {
        "version": 1,
        "stack": "shop",
        "variables": {"ranges": {"type": "list", "default": draw(st.permutations(RANGES))[:2]}},
        "firewalls": {"web": {"rules": rules}},
        "instances": {"web": {"for_each": sorted(keys), **SERVER}},
    }


def read(made: CloudHarness, desired: Mapping[str, Any]) -> Stack:
    with tempfile.TemporaryDirectory() as folder:
        return made.stack(json.dumps(desired), Path(folder))


def live(made: CloudHarness) -> dict[tuple[str, ...], str]:
    """The id of each rule in the account, by what it is."""
    (group,) = made.cloud.snapshot().firewalls.values()
    return {(r.bound, r.protocol, r.port, r.ip, r.title): str(r.rule_id) for r in group.rules}


@pytest.mark.parametrize("firewall_api", ["security-groups", "firewall"])
@given(lives=st.lists(stacks(), min_size=2, max_size=4))
@FEW
def test_an_edit_of_a_collection_touches_only_what_differs(
    firewall_api: str, lives: list[Mapping[str, Any]]
) -> None:
    made = CloudHarness(firewall_api=firewall_api)
    before: dict[tuple[str, ...], str] = {}
    for desired in lives:
        stack = read(made, desired)
        result = made.apply(stack)
        context = f"{desired}\n{shown(made.plans[-1].plan)}\n{said(result.problems)}"
        assert result.exit_code == 0, context
        again = made.plan(stack)
        assert again.is_empty and not again.drift and not again.records, (context, shown(again))
        after = live(made)
        wanted = [one for one in stack.resources if one.rule is not None]
        assert len(after) == len(wanted), context
        if firewall_api == "security-groups":
            stays = before.keys() & after.keys()
            assert {key: after[key] for key in stays} == {key: before[key] for key in stays}
            writes = [step for step in result.done if step.startswith("rule.")]
            gone, new = before.keys() - after.keys(), after.keys() - before.keys()
            replaced = {id for id in before.values() if id in after.values()} - {
                before[key] for key in stays
            }
            assert len(writes) == len(gone) + len(new) - len(replaced), context
        before = after
