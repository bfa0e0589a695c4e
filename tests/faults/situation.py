"""Where a broken run has left everything: two breaks that leave the same situation have the same
future, which the suite tries once.
"""

from __future__ import annotations

import hashlib
import pickle
from itertools import product

from tests.doubles.memory_store import Kept
from tests.faults.bench import Bench, Ended
from tests.faults.operator import ANSWERED


def of(bench: Bench, ended: Ended) -> bytes | None:
    """All that the next run, the person and the checks depend on: the account with its delayed
    requests, the disk with and without what was not synced, the time, the nonces, and how the run
    ended. Only the times of single requests within the last minute are left out. None where the
    state is not on a disk.
    """
    if type(bench) is not Bench:
        return None
    cloud, disk = bench.cloud, bench.store.disk
    executed = [
        (entry.operation, entry.status, entry.faults)
        for entry in cloud.entries()
        if not entry.operation.startswith(("list", "get"))
    ]
    left_to_a_person = [
        f"{problem.code} {problem.address} {problem.message}"
        for problem in ended.problems
        if problem.code in ANSWERED
    ]
    parts = (
        cloud.snapshot(),
        cloud.delayed,
        executed,
        [disk.files_after_crash(names=names, data=data) for names, data in _VIEWS],
        bench.clock.monotonic(),
        bench.nonces,
        bench.check.known,
        ended.exit_code,
        left_to_a_person,
    )
    return hashlib.sha256(pickle.dumps(parts)).digest()


_VIEWS = tuple(product((True, False), (Kept.ALL, Kept.NOTHING)))
