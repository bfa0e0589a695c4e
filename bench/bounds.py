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
ABSENCE_SECONDS = 10.0
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


def destroying_writes(servers: int) -> int:
    """One call a write: volumes detached and deleted, servers and groups deleted."""
    return 4 * servers + servers + stacks.firewalls_of(servers)


def looks(objects: int) -> int:
    """The fewest reads that prove the deletes of so many objects of a kind: two lists for all, and
    for the last one, of which no list has a control, two more lists and a read by its id. A few are
    read by their ids at once.
    """
    return min(2 + objects, 5)


def fewest_destroying_waits(servers: int) -> int:
    """The fewest reads of a destroy under its rules (safety#absence, planning#precondition).

    Before what cannot be undone each list is read again: volumes, servers, the members of each
    group; before a group is deleted the groups, its members and its rules. Volumes have left when
    two lists showed it, one after another on a server. Then come the looks.
    """
    firewalls = stacks.firewalls_of(servers)
    again = 1 + pages(servers) + firewalls + pages(firewalls) + 2 * firewalls
    return again + 2 + looks(2 * servers) + looks(servers) + looks(firewalls)


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


def destroying(servers: int, latency: float, reads: int) -> Bound:
    """The bound for planning, with so many reads, and deleting all of it, as `stacks` writes it.

    The path is that of one server: the reads of the plan and the lists before the first write, two
    volumes that leave it one after another, its delete, the two lists that prove it, the delete of
    its group, and the lists that prove that.

    Under the quota, the last call comes no earlier than the calls before let it. Neither does the
    last write on a volume or server, and after it come at least the seconds that the cloud takes
    for a volume, the two lists, and their answers.
    """
    firewalls = stacks.firewalls_of(servers)
    written, waits = destroying_writes(servers), fewest_destroying_waits(servers)
    before = reads + written - firewalls + 3 + pages(servers) + firewalls
    proof = DEFAULT_TICKS.volume + ABSENCE_SECONDS + 2 * latency
    quota = max(
        last_send(reads + written + waits, 0, 0.0) + latency,
        last_send(before, 0, 0.0) + latency + proof,
    )
    path = latency * math.ceil(reads / IN_FLIGHT) + latency
    path += 2 * (2 * latency + DEFAULT_TICKS.volume) + latency
    path += 2 * latency + DEFAULT_TICKS.delete + ABSENCE_SECONDS + latency
    path += 2 * latency + ABSENCE_SECONDS + 2 * latency
    return Bound(reads + written + waits, quota, path)


def last_send(early: int, late: int, released: float) -> float:
    """When the last of these calls can be sent under the quota, if `late` of them cannot be before
    a time.
    """
    times: list[float] = []
    for number in range(early + late):
        free = times[number - QUOTA_CALLS] + QUOTA_SECONDS if number >= QUOTA_CALLS else 0.0
        times.append(max(free, released if number >= early else 0.0))
    return times[-1]
