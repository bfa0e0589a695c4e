"""Random drift of an applied stack, and a judgement of what passes of `watch` sent after it.

The judgement looks at requests and at the world, and shares nothing with the table that it checks.
"""

from __future__ import annotations

import random
import re
from ipaddress import ip_network
from pathlib import Path

from reconciler.model import http
from reconciler.model.watching import Health
from reconciler.simulator.kinds.records import Firewall
from reconciler.simulator.world import World
from tests.watch.watcher import Watcher

IN_PLACE = (
    re.compile(r"PUT /v1/security-groups/[^/]+/rules/[^/]+"),
    re.compile(r"PUT /v1/security-groups/[^/]+"),
    re.compile(r"POST /v1/security-groups/[^/]+/attach"),
    re.compile(r"PUT /v1/instances/[^/]+"),
    re.compile(r"POST /v1/instances/[^/]+/start"),
    re.compile(r"PUT /v1/block-storages/[^/]+"),
    re.compile(r"POST /v1/block-storages/[^/]+/attach/[^/]+"),
)
"""Requests that change something in place."""

NETWORKS = ("0.0.0.0/0", "203.0.113.0/24", "198.51.100.0/24", "10.0.0.0/8", "203.0.113.7/32")


def drift(watcher: Watcher, rng: random.Random) -> str:
    """Somebody changes something by hand. Returns what."""
    what = rng.choice(
        (
            "rule network",
            "rule port",
            "rule gone",
            "rule added",
            "ping",
            "description",
            "name",
            "no firewall",
            "stopped",
            "server gone",
            "disk gone",
            "detached",
            "firewall gone",
        )
    )
    match what:
        case "rule network":
            rule = rng.choice(("https", "ssh"))
            watcher.change("set", "rule", f"shop-web/{rule}", ip=rng.choice(NETWORKS))
        case "rule port":
            watcher.change(
                "set", "rule", "shop-web/ssh", port=rng.choice(("22", "1-65535", "2222"))
            )
        case "rule gone":
            watcher.change("delete", "rule", f"shop-web/{rng.choice(('https', 'ssh'))}")
        case "rule added":
            values = {"bound": "IN", "protocol": "TCP", "port": "3306", "ip": rng.choice(NETWORKS)}
            watcher.change("create", "rule", "shop-web/theirs", **values)
        case "ping":
            watcher.change("set", "firewall", "shop-web", icmp=rng.choice("YN"))
        case "description":
            name = rng.choice(("shop-web", "shop-db"))
            watcher.change("set", "instance", name, description=f"by hand {rng.random()}")
        case "name":
            watcher.change("set", "instance", "shop-db", name="shop-db-by-hand")
        case "no firewall":
            watcher.change("set", "instance", "shop-web", security_group="none")
        case "stopped":
            watcher.change("set", "instance", rng.choice(("shop-web", "shop-db")), status="stopped")
        case "server gone":
            watcher.change("delete", "instance", rng.choice(("shop-web", "shop-db")))
        case "disk gone":
            watcher.change("delete", "block_storage", "shop-data")
        case "detached":
            watcher.change("set", "block_storage", "shop-data", instance_id=None)
        case "firewall gone":
            watcher.change("delete", "firewall", "shop-web")
    return what


def opened(world: World) -> set[tuple[str, str, str, str]]:
    """What the firewalls let in: firewall, protocol, ports and network."""
    return {
        (firewall.firewall_id, rule.protocol, rule.port, rule.ip)
        for firewall in world.table(Firewall.kind).values()
        for rule in firewall.rules
        if rule.bound == "IN"
    } | {
        (firewall.firewall_id, "PING", "", "0.0.0.0/0")
        for firewall in world.table(Firewall.kind).values()
        if firewall.icmp == "Y"
    }


def _ports(text: str) -> set[int]:
    low, _, high = text.partition("-")
    return set(range(int(low), int(high or low) + 1)) if text else {0}


def is_within(one: tuple[str, str, str, str], allowed: set[tuple[str, str, str, str]]) -> bool:
    """Whether what a rule lets in was let in by one rule before."""
    firewall, protocol, ports, network = one
    return any(
        (firewall, protocol) == each[:2]
        and _ports(ports) <= _ports(each[2])
        and ip_network(network).subnet_of(ip_network(each[3]))  # type: ignore[arg-type]
        for each in allowed
    )


def wrong(watcher: Watcher, before: World, requests: list[http.Request]) -> list[str]:
    """What passes did that they may never do."""
    found = [
        f"sent {request.method} {request.path}"
        for request in requests
        if not any(each.fullmatch(f"{request.method} {request.path}") for each in IN_PLACE)
    ]
    allowed, after = opened(before), opened(watcher.harness.cloud.world)
    found += [f"opened {each}" for each in after if not is_within(each, allowed)]
    return found


def trial(seed: int, folder: Path) -> tuple[list[str], int, list[str]]:
    """One stack that drifts in one to three ways, and four passes over it: what drifted, how many
    resources were reverted, and what was wrong.
    """
    rng = random.Random(seed)
    watcher = Watcher(folder)
    whats, reverted, bad = list[str](), 0, list[str]()
    for _ in range(rng.choice((1, 1, 2, 3))):
        try:
            whats.append(drift(watcher, rng))
        except ValueError:
            continue  # of something that is gone already
    before, sent = watcher.harness.cloud.world, list[http.Request]()
    for number in range(4):
        passed = watcher.look()
        if number == 0 and watcher.writes:
            bad.append("reverted at the first sight")
        sent += watcher.writes
        reverted += len(passed.reverted)
        if passed.health is Health.FAILED:
            bad.append(f"failed: {passed.decision.reason}")
        watcher.wait(rng.choice((4, 6, 20)))
    return whats, reverted, bad + wrong(watcher, before, sent)
