"""What arithmetic allows: the fewest calls and the shortest time for the stacks of the bench
(quota#quota, contract#limits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench import stacks
from reconciler.simulator.switches import DEFAULT_TICKS

QUOTA_CALLS, QUOTA_SECONDS = 60, 60.0
PAGE = 100
IN_FLIGHT = 4
CATALOGUE = ("zones", "flavors", "images", "ssh_keys", "storage_types")
"""The lists of the catalogue that creating the stack looks at."""


def pages(rows: int) -> int:
    """The calls that a paged list takes: it is at its end when a page has fewer rows than asked."""
    return rows // PAGE + 1


def empty_plan_reads(servers: int) -> int:
    """The fewest reads of a plan that finds nothing to do: instances, volumes, firewalls, and of
    each firewall rules and members.
    """
    firewalls = stacks.firewalls_of(servers)
    return pages(servers) + 1 + pages(firewalls) + 2 * firewalls


def per_resource_reads(servers: int) -> int:
    """The reads of a tool that refreshes object by object: each server, volume, firewall, rule and
    membership by itself.
    """
    firewalls = stacks.firewalls_of(servers)
    return servers + 2 * servers + firewalls + 2 * firewalls + servers


def writes(servers: int) -> int:
    """One call a write: servers, volumes, groups, two rules each, and a membership for each
    server.
    """
    firewalls = stacks.firewalls_of(servers)
    return servers + 2 * servers + firewalls + 2 * firewalls + servers


def fewest_waits(servers: int) -> int:
    """Every end is seen once: in the list of servers, in that of volumes (two one after another on
    a server), in each group's members.
    """
    return pages(servers) + 2 + stacks.firewalls_of(servers)


@dataclass(frozen=True, slots=True)
class Bound:
    """The shortest time for a number of calls: `quota` seconds because of it, `path` because one
    thing comes after another.
    """

    calls: int
    quota: float
    path: float

    @property
    def seconds(self) -> float:
        """The longer of both."""
        return max(self.quota, self.path)


def creating(servers: int, latency: float) -> Bound:
    """The bound for planning and applying all of it in an empty account.

    The path is that of the server made last: the waves of reads, the waves of creates (so many in
    flight at once), its birth and the list that shows it; then, since one thing is done at a time
    on a server, its membership with the list of members, and two volumes, each with the list that
    shows it. Under the quota no call comes before the one 60 places earlier is a minute old, and
    nothing that needs a server before the first one is born.
    """
    reads, firewalls = 3 + len(CATALOGUE), stacks.firewalls_of(servers)
    early = reads + servers + 3 * firewalls
    calls = reads + writes(servers) + fewest_waits(servers)
    begin = latency * math.ceil(reads / IN_FLIGHT)
    born = 2 * latency + DEFAULT_TICKS.create
    path = begin + latency * (math.ceil(servers / IN_FLIGHT) - 1) + born
    path += (2 * latency + DEFAULT_TICKS.group) + 2 * (2 * latency + DEFAULT_TICKS.volume)
    return Bound(calls, last_send(early, calls - early, begin + born) + latency, path)


def last_send(early: int, late: int, released: float) -> float:
    """When the last of these calls can be sent under the quota, if `late` of them cannot be before
    a time.
    """
    times: list[float] = []
    for number in range(early + late):
        free = times[number - QUOTA_CALLS] + QUOTA_SECONDS if number >= QUOTA_CALLS else 0.0
        times.append(max(free, released if number >= early else 0.0))
    return times[-1]
