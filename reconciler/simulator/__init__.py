"""A local iwinv: the other side of the wire, for trying stacks, for proving the tool, and for
learning.

`Cloud` is the whole cloud in process; `SimulatorServer` serves one over HTTP on loopback; `serve`
is that until Ctrl-C. It shares no code with the client: it is written from the contract alone, so
that a mistake made on both sides cannot cancel out.

    switches   what the cloud does where the contract leaves it open      world, records   what there is, and time passing in it
    routes     which operation answers what                               operations/      one module a resource family
    gate       quota, keys, clock, signature, source address              call, errors     taking requests apart, writing refusals
    faults, distort   what may go wrong, and strange answers              cloud            all of it as Request -> Response
    worldfile, edits  worlds as files, and changes from outside           server, control  HTTP, and the path that steers
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
