"""The kinds of objects of the local cloud, one file each, and what the API can do with them.

`registry` says what a `Kind` is: its table in the world and section in a world file, its ids, its
routes, and what happens when background work on it ends. Each route names a handler, a function
from a `Call` to a `Reply`. To add a kind, write one file that ends with a `Kind` and put that into
`registry.KINDS`: it is then served, kept in world files and changed by `simulator do` like the
kinds below. Begin with `block_storages`.
"""

from __future__ import annotations

from reconciler.simulator.kinds.block_storages import BLOCK_STORAGE
from reconciler.simulator.kinds.catalog import CATALOG
from reconciler.simulator.kinds.firewalls import FIREWALL, MEMBERSHIP
from reconciler.simulator.kinds.instances import INSTANCE
from reconciler.simulator.kinds.registry import KINDS

KINDS.update(
    {kind.name: kind for kind in (INSTANCE, BLOCK_STORAGE, FIREWALL, MEMBERSHIP, *CATALOG)}
)
