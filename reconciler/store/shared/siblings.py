"""The states of other stacks in the same place."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.store.objects.port import ObjectStore

_LAST = "\U0010ffff"


def stacks(objects: ObjectStore, project: str) -> Iterator[str]:
    """The names `<stack>[.<env>]` below a project, ascending. One operation for each: the search
    jumps over the objects of a stack. Raises `ObjectStoreError`.
    """
    prefix = f"{project}/"
    after = prefix
    while True:
        found = objects.names(prefix, after=after, limit=1)
        if not found:
            return
        name, slash, _ = found[0].removeprefix(prefix).partition("/")
        if slash and name:
            yield name
        after = f"{prefix}{name}/{_LAST}" if slash else found[0]
