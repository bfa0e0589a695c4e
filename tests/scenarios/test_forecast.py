"""What a plan says of its time and its calls, against what then happens in the harness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.executor import Result
from reconciler.model.plan import Plan
from reconciler.model.resource import Stack
from tests.cloud_harness import CloudHarness

EXAMPLES = Path(__file__).parents[2] / "examples" / "stacks"
TIME_PERCENT = 15
"""By how much the estimate may be off; within 25 is promised."""

WAITS_OFF = 2
DAY_SECONDS = 86_400
LATENCIES = (0.1, 0.5, 2.0)


def example(name: str) -> str:
    """The text of an example stack."""
    return (EXAMPLES / name / "stack.yaml").read_text(encoding="utf-8")


def applied(
    harness: CloudHarness, stack: Stack, *, destroy: bool = False
) -> tuple[Plan, Result, int, int]:
    """The plan that an apply showed, what became of it, and how many writes and reads it sent."""
    before = len(harness.sends)
    result = harness.apply(stack, destroy=destroy)
    assert result.exit_code == 0
    plan = harness.plans[-1].plan
    sent = [request.method for _, request in harness.sends[before:]]
    writes = sum(1 for method in sent if method != "GET")
    return plan, result, writes, len(sent) - writes - plan.calls.read


def holds(harness: CloudHarness, stack: Stack, *, destroy: bool = False) -> None:
    """Applies a stack, and compares what was said with what happened."""
    plan, result, writes, waits = applied(harness, stack, destroy=destroy)
    assert plan.eta_seconds is not None
    assert abs(plan.eta_seconds - result.seconds) <= 1 + result.seconds * TIME_PERCENT / 100, (
        plan.eta_seconds,
        result.seconds,
    )
    assert plan.calls.write == writes
    assert abs(plan.calls.wait - waits) <= WAITS_OFF, (plan.calls.wait, waits)


ALONE = [
    *((name, None) for name in ("single", "web-tier", "app/network", "components")),
    *(
        (name, environment)
        for name in ("environments", "fleet")
        for environment in ("staging", "prod")
    ),
]
"""The examples that read no other stack."""


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize(("name", "environment"), ALONE)
def test_the_examples_take_as_long_as_their_plans_say(
    name: str, environment: str | None, latency: float
) -> None:
    # Goal: made and removed, in time and calls, with answers fast and slow.
    harness = CloudHarness(latency_seconds=latency)
    stack = harness.stack_in(EXAMPLES / name, environment=environment)
    holds(harness, stack)
    harness.clock.advance_to(harness.clock.monotonic() + 300)
    holds(harness, stack, destroy=True)


@pytest.mark.parametrize("latency", LATENCIES)
def test_a_mixed_change_takes_as_long_as_its_plan_says(tmp_path: Path, latency: float) -> None:
    # Goal: a resize, two more servers, a rule, a volume replaced; then two servers less and another
    # firewall, the quota still half used.
    harness = CloudHarness(latency_seconds=latency)
    text = example("web-tier")
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    for before, after in (
        ("flavor: std_4.8-g1", "flavor: mio_4.16-g1"),
        ("default: 2\n", "default: 4\n"),
        (
            "      http: {",
            "      alt: {direction: in, protocol: tcp, ports: 8080, cidr: 10.0.0.0/8}\n      "
            "http: {",
        ),
        ("size: 100", "size: 200"),
    ):
        assert before in text
        text = text.replace(before, after)
    holds(harness, harness.stack(text, tmp_path))
    text = text.replace("default: 4\n", "default: 2\n").replace(
        "    firewall: db\n", "    firewall: web\n"
    )
    holds(harness, harness.stack(text, tmp_path))


def test_a_plan_larger_than_the_quota_takes_as_long_as_it_says(tmp_path: Path) -> None:
    # Goal: 60 in any 60 seconds, with the calls that were made just before.
    harness = CloudHarness(latency_seconds=0.2)
    text = (
        "version: 1\nstack: many\ninstances:\n"
        '  s: {count: 90, zone: kr1-z01, flavor: std_1.1-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}\n'
    )
    stack = harness.stack(text, tmp_path)
    holds(harness, stack)
    holds(harness, stack, destroy=True)


def test_the_bill_matches_the_cost_in_the_plan(tmp_path: Path) -> None:
    # Goal: the cost of the plan is what the cloud then charges: ten days of the bill, three times.
    harness = CloudHarness()
    stack = harness.stack(example("web-tier"), tmp_path)
    assert harness.apply(stack).exit_code == 0
    cost = harness.plans[-1].plan.cost
    harness.clock.advance_to(harness.clock.monotonic() + DAY_SECONDS / 2)
    before = charged(harness)
    harness.clock.advance_to(harness.clock.monotonic() + 10 * DAY_SECONDS)
    assert (cost.before, cost.after, cost.unknown) == (0, 3 * (charged(harness) - before), ())


def charged(harness: CloudHarness) -> int:
    """The bill of the month so far, KRW without VAT."""
    harness.cloud.forget_quota()
    answer = harness.cloud.handle(harness.cloud.signed("GET", "/v1/bill/live"))
    return int(json.loads(answer.body)["result"][0]["price"])
