"""The local cloud: an iwinv API on loopback, for trying stacks and for tests.

It is written from the contract alone and imports only `model.http` from reconciler, so that one
mistake cannot be on both sides. `Cloud` is the complete cloud in one process, `SimulatorServer`
serves it over HTTP, and `kinds` describes each kind of object by one table.
Begin reading in `cloud`, whose `exchange` takes a request through quota, faults, signature and
route, or in `kinds.block_storages` for what the API does.
"""

from __future__ import annotations

from reconciler.simulator.clock import VirtualClock
from reconciler.simulator.cloud import ACCESS_KEY, SECRET_KEY, Cloud
from reconciler.simulator.faults import Fault
from reconciler.simulator.server import SimulatorServer, serve
from reconciler.simulator.switches import Switches
from reconciler.simulator.world import World

__all__ = [
    "ACCESS_KEY",
    "SECRET_KEY",
    "Cloud",
    "Fault",
    "SimulatorServer",
    "Switches",
    "VirtualClock",
    "World",
    "serve",
]
