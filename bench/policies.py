"""What policies take: fifty of them over a plan of 1,000 changes, and one that loops."""

from __future__ import annotations

import time

from reconciler.policies.policy_set import PolicySet
from tests.policies.plans import plan
from tests.policies.test_limits import EACH, EXPLOSIONS, RULES, large, policies

REPEATS = 5


def figures() -> dict[str, float]:
    """Processor seconds, the lowest of several runs."""
    many = PolicySet((*policies(*RULES * 5).policies, *policies(*EACH * 5, each=True).policies))
    document = large() | {"digest": "a" * 60_000}
    many.judge(plan(), "shop")
    slowest = max(_seconds(policies(expression), document, 1) for expression in EXPLOSIONS.values())
    return {"fifty": _seconds(many, document, REPEATS), "slowest": slowest}


def _seconds(found: PolicySet, document: dict[str, object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        found.judge(document, "shop/prod")
        taken.append(time.process_time() - began)
    return min(taken)
