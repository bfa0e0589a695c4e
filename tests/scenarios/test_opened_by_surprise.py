"""A range that is known only after apply, and turns out to be everything: nobody said yes to that,
so it is not sent (stack-files#unknown-until-apply, consent#exposure).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.executor import Result, late_exposure
from reconciler.executor.late_values import Known
from reconciler.model.plan import Step
from reconciler.model.resource import Account, LiveResource, Stack
from tests.builders import at
from tests.cloud_harness import CloudHarness
from tests.scenarios.world import world_of

HEAD = """
version: 1
stack: shop
environments: {calm: {}, bold: {accept: [exposure]}}
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_2.4-g1}
"""
BEFORE = """
instances:
  api: {firewall: wall}
firewalls:
  wall:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
"""
AFTER = """
instances:
  api: {firewall: wall}
  jump: {firewall: none}
firewalls:
  wall:
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      %s
"""
SSH = 'ssh: {direction: in, protocol: tcp, ports: "20-25", cidr: "${instances.jump.private_ip}/%s"}'


def applied(
    tmp_path: Path, rules: str, *accept: str, environment: str = "calm"
) -> tuple[Result, list[str]]:
    """An apply that makes the jump host and the rules, after one that made the rest; and the rules
    that the cloud then holds.
    """
    harness = CloudHarness()
    assert (
        harness.apply(harness.stack(HEAD + BEFORE, tmp_path, environment=environment)).exit_code
        == 0
    )
    result = harness.apply(
        harness.stack(HEAD + AFTER % rules, tmp_path, environment=environment), accept=accept
    )
    (group,) = world_of(harness.cloud)["firewalls"].values()
    return result, group["rules"]


def test_a_rule_that_becomes_everything_is_not_sent(tmp_path: Path) -> None:
    # Goal: the step fails with the way to say yes; the server is made.
    result, rules = applied(tmp_path, SSH % 0)

    assert result.exit_code == 3 and len(rules) == 1, rules
    (failure,) = result.failed.values()
    assert (
        "tcp/22 to 0.0.0.0/0 on instances.api" in failure.message
        and "--accept exposure=instances.api" in failure.message
    )
    assert "instance.create instances.jump" in result.done


def test_two_halves_are_everything(tmp_path: Path) -> None:
    # Goal: what a rule opens is judged with those beside it, made in the same run.
    low = "low: {direction: in, protocol: tcp, ports: 22, cidr: 0.0.0.0/1}\n      "
    high = """high: {direction: in, protocol: tcp, ports: 22, cidr: '${instances.jump.private_ip != "" ? "128.0.0.0/1" : "10.0.0.0/8"}'}"""
    result, rules = applied(tmp_path, low + high)

    assert result.exit_code == 3 and len(rules) == 2, rules


@pytest.mark.parametrize(
    ("rules", "accept", "environment"),
    [
        (SSH % 32, (), "calm"),
        (SSH.replace('"20-25"', "8080") % 0, (), "calm"),
        (SSH.replace("in, ", "out, ") % 0, (), "calm"),
        (SSH % 0, ("exposure=instances.api",), "calm"),
        (SSH % 0, ("exposure",), "calm"),
        (SSH % 0, (), "bold"),
    ],
    ids=[
        "one address",
        "another port",
        "outward",
        "accepted by name",
        "accepted as a class",
        "accepted in the file",
    ],
)
def test_a_range_that_opens_nothing_or_has_consent_is_sent(
    tmp_path: Path, rules: str, accept: tuple[str, ...], environment: str
) -> None:
    # Goal: only what nobody said yes to is held back.
    result, made = applied(tmp_path, rules, *accept, environment=environment)

    assert result.exit_code == 0 and len(made) == 2, (result.failed, made)


def test_nor_is_a_server_that_is_there_brought_behind_it(tmp_path: Path) -> None:
    # Goal: the firewall is new and has no member yet when its rule is made, but the plan brings a
    # server that exists there.
    harness = CloudHarness()
    assert (
        harness.apply(
            harness.stack(
                HEAD + "instances:\n  api: {firewall: none}\n", tmp_path, environment="calm"
            )
        ).exit_code
        == 0
    )
    result = harness.apply(
        harness.stack(HEAD + AFTER % (SSH % 0), tmp_path, environment="calm"), accept=()
    )

    (group,) = world_of(harness.cloud)["firewalls"].values()
    assert result.exit_code == 3 and not any("20-25" in rule for rule in group["rules"]), group


def test_a_server_that_is_new_as_well_asks_for_nothing(tmp_path: Path) -> None:
    # Goal: as in a plan, the consent is about servers that exist (consent#exposure).
    harness = CloudHarness()
    result = harness.apply(
        harness.stack(HEAD + AFTER % (SSH % 0), tmp_path, environment="calm"), accept=()
    )

    assert result.exit_code == 0


def test_a_firewall_that_is_written_whole_is_judged_whole() -> None:
    # Goal: the older form of the API, in which rules travel with their group; what was open before
    # is not newly opened.
    step = Step(
        "firewall.update firewalls.wall",
        at("firewalls.wall"),
        "firewall.update",
        not_to_all=("instances.api",),
    )
    ssh = {
        "direction": "in",
        "protocol": "tcp",
        "ports": "22",
        "cidr": "10.0.0.5/0",
        "title": "ssh",
    }

    def said(there: Mapping[str, LiveResource], rules: tuple[Mapping[str, str], ...]) -> str | None:
        known = Known(Stack("shop", None, {}), Account({"rules": there}), {}, {})
        return late_exposure.exposure(step, "f-1", {"rules": rules}, known)

    open_already = {"r-1": LiveResource("rules", "r-1", {**ssh, "firewall": "f-1"})}
    elsewhere = {"r-1": LiveResource("rules", "r-1", {**ssh, "firewall": "f-2"})}
    assert (
        said(open_already, (ssh,)) is None and said({}, ({**ssh, "cidr": "10.0.0.5/32"},)) is None
    )
    for there in ({}, elsewhere):
        assert "tcp/22 to 0.0.0.0/0 on instances.api" in (said(there, (ssh,)) or "")


@pytest.mark.parametrize("api", ["security-groups", "firewall"])
@pytest.mark.parametrize("late", ["null", "'banana'"])
def test_an_invalid_late_range_is_not_sent(late: str, api: str, tmp_path: Path) -> None:
    # Goal: a request without a range may mean every range; in the older form the rules are checked
    # as well.
    harness = CloudHarness(firewall_api=api)
    cidr = f"${{instances.api.public_ip.size() > 50 ? '10.0.0.0/8' : {late}}}"
    rule = f'{{direction: in, protocol: tcp, ports: 22, cidr: "{cidr}"}}'
    stack = harness.stack(
        HEAD + f"instances: {{api: {{}}}}\nfirewalls: {{wall: {{rules: {{ssh: {rule}}}}}}}\n",
        tmp_path,
        environment="calm",
    )
    result = harness.apply(stack)
    assert result.exit_code == 3 and [
        failure.message.partition(":")[0] for failure in result.failed.values()
    ] == ["cidr became " + late]
    assert not any(
        b"22" in (request.body or b"")
        for _, request in harness.sends
        if request.path.startswith(("/v1/sec", "/v1/fire"))
    )
