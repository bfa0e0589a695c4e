"""The state of a stack in a place that many machines see: a log of objects, of which each position
has one writer, and snapshots that are derived from it (docs/decisions/shared-state.md).

It may import `model`, `common` and the rest of `store`. Begin with `shared_store`, which implements
the port `Store` over an `ObjectStore`.
"""
