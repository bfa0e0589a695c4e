"""What a plan costs in calls, time and money, reckoned before anything is sent (SPEC 4: budget, cost)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reconciler.core import graph
from reconciler.core.address import Address
from reconciler.core.changes import CallBudget, Cost, Step
from reconciler.core.kind import Kind, operation_of
from reconciler.core.model import Account
from reconciler.core.survey import Fate, Item, Survey

CALLS_A_MINUTE = 60
"""The quota (contract 4)."""

CALL_SECONDS = 1.0
"""What a call takes where nothing is known: a quota of 60 a minute is one a second."""


def seconds_of(step: Step, kinds: Mapping[str, Kind]) -> float:
    """How long a step usually takes, its wait included."""
    name = step.operation.replace(".wait", ".create")
    return CALL_SECONDS + float(operation_of(kinds, name).seconds[1])


def budget(steps: Sequence[Step], account: Account, kinds: Mapping[str, Kind]) -> CallBudget:
    """Calls made for reading, to be sent as writes, and expected while waiting: two reads of each watched list for each level of waits."""
    waits: dict[str, int] = {}
    depth: dict[str, int] = {}
    for step in steps:
        slow = seconds_of(step, kinds) > CALL_SECONDS
        depth[step.key] = max((depth.get(key, 0) for key in step.after), default=0) + (1 if slow else 0)
        if slow:
            watched = "members" if step.operation.startswith("firewall.") else step.operation.split(".", 1)[0]
            waits[watched] = max(waits.get(watched, 0), depth[step.key])
    return CallBudget(read=account.calls, write=sum(step.calls for step in steps), wait=2 * sum(waits.values()))


def eta(steps: Sequence[Step], kinds: Mapping[str, Kind]) -> int | None:
    """Seconds that the steps take: the longer of the critical path and of the calls under the quota. None where there is no step."""
    if not steps:
        return None
    after = {step.key: step.after for step in steps}
    path = max(graph.tails(after, {step.key: seconds_of(step, kinds) for step in steps}).values())
    calls = sum(step.calls for step in steps)
    quota = 60.0 * (calls // CALLS_A_MINUTE)
    return math.ceil(max(path, quota))


def cost(seen: Survey, held: frozenset[Address]) -> Cost:
    """KRW a month of the stack's servers and volumes, before and after, VAT excluded; None where the catalogue was not read.

    What is held back costs afterwards what it costs now.
    """
    flavors = seen.account.catalogue.flavors
    if flavors is None:
        return Cost()
    prices = {str(row["id"]): row.get("price_month") for row in flavors}
    before, after, unknown = 0, 0, set()
    for address, item in seen.items.items():
        now, then = _monthly(seen, item, prices, live=True), _monthly(seen, item, prices, live=address in held)
        if now is None or then is None:
            unknown.add(str(address))
        before, after = before + (now or 0), after + (then or 0)
    return Cost(before, after, tuple(sorted(unknown)))


def _monthly(seen: Survey, item: Item, prices: Mapping[str, object], *, live: bool) -> int | None:
    if item.kind.name not in ("instances", "block_storages"):
        return 0
    if live and item.live is None:
        return 0
    if not live and item.fate in (Fate.DELETE, Fate.FORGET, Fate.GONE):
        return 0
    current = item.live.attributes if item.live is not None else {}
    attributes = current if live else {**current, **item.wanted}
    if item.kind.name == "instances":
        price = prices.get(str(attributes.get("flavor")))
        return int(price) if isinstance(price, int | float) else None
    each, size = seen.stack.prices.get(str(attributes.get("type"))), attributes.get("size")
    return each * size if isinstance(each, int) and isinstance(size, int) else None
