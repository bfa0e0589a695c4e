"""What a step costs on the disk: an intent before it, an outcome after it, in stacks of different
sizes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from reconciler.model import ports
from reconciler.model.state import MADE, Entry, Intent, Note, Outcome, StateChange
from reconciler.store.folder_store import FileStore

STEPS = 300


@dataclass(frozen=True, slots=True)
class Durable:
    """Milliseconds a step (two records, each on the medium when it returns) with so many objects in
    the state.
    """

    objects: int
    wall_ms: float
    cpu_ms: float


def steps(objects: int, folder: Path) -> Durable:
    """Writes steps into a journal behind a state of that size."""
    store = FileStore(folder)
    holder = ports.Holder("bench", "bench", 1, "bench", 0.0)
    writer = store.open(holder, timeout_seconds=0, stack="bench", environment=None)
    try:
        known = tuple(StateChange(put=_entry(number, f"id-{number}")) for number in range(objects))
        writer.append(Note(1, "bench", "there", known))
        writer.commit()
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(objects, objects + STEPS):
            entry = _entry(number, MADE)
            intent = Intent(
                writer.state.sequence + 1,
                "bench",
                entry.address,
                entry.address,
                "instance.create",
                None,
                entry.applied,
                None,
                0,
                effects=(StateChange(put=entry),),
            )
            writer.append(intent)
            writer.append(
                Outcome(
                    writer.state.sequence + 1,
                    "bench",
                    intent.sequence,
                    "done",
                    intent.done(f"id-{number}"),
                )
            )
        return Durable(
            objects,
            (time.perf_counter() - wall) / STEPS * 1000,
            (time.process_time() - cpu) / STEPS * 1000,
        )
    finally:
        writer.close()


def _entry(number: int, id: str) -> Entry:
    applied = {
        "name": f"bench-{number}",
        "zone": "kr1-z01",
        "flavor": "std_2.4-g1",
        "image": "ubuntu",
        "firewall": "firewalls.web",
    }
    return Entry(f"instances.w{number:05}", "instances", id, applied=applied)
