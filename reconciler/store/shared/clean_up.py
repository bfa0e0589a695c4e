"""Removing what nobody needs any more, a little at each clean end: old snapshots, and the log
objects that only they replace. Fences stay, so that a writer that slept for months still finds that
its position is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.ports import StoreError
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_format import decode_log_object

SNAPSHOTS_KEPT = 20
KEPT_SECONDS = 30 * 24 * 3600
"""No log object younger than this is removed."""
_SNAPSHOTS_PER_CLOSE = 2
_BATCH = 100
_NAMES = 1000


def clean_up(objects: ObjectStore, keys: StackKeys, now: float) -> None:
    """Removes at most two snapshots beyond the newest ones, with the log before them. `now` is unix
    seconds. Raises `ObjectStoreError`, `StoreError`.
    """
    names = objects.names(keys.snapshots, limit=_NAMES)
    positions = [keys.snapshot_position(name) for name in names]
    surplus = positions[SNAPSHOTS_KEPT:][::-1]  # the oldest first
    for position in surplus[:_SNAPSHOTS_PER_CLOSE]:
        if not _remove_log(objects, keys, position, now - KEPT_SECONDS):
            return
        objects.remove(keys.snapshot(position))


def _remove_log(objects: ObjectStore, keys: StackKeys, until: int, before: float) -> bool:
    """Removes the log objects up to a position that begin no epoch, down to where that was done
    already. False, and nothing is removed, if one of them was written after `before`.
    """
    found: list[str] = []
    for batch in _downwards(until):
        removable = []
        for key, data in objects.read(*map(keys.log, batch)).items():
            try:
                each = decode_log_object(data, name=key)
            except StoreError:
                return False
            if each.header.at > before:
                return False
            if each.header.began != each.header.position:
                removable.append(key)
        if not removable:
            break
        found += removable
    # from the beginning, so that what an interruption leaves is found from the end again
    found.sort()
    for start in range(0, len(found), _BATCH):
        objects.remove(*found[start : start + _BATCH])
    return True


def _downwards(until: int) -> Iterator[range]:
    for last in range(until, 0, -_BATCH):
        yield range(max(last - _BATCH, 0) + 1, last + 1)
