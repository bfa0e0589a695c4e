"""The states of other stacks and projects in the same place."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.store.objects.port import ObjectStore

_LAST = "\U0010ffff"

PROJECTS_MAX = 4
"""How many other projects are looked at for a stack of the same name: two operations each."""


def stacks(objects: ObjectStore, project: str) -> Iterator[str]:
    """The names `<stack>[.<env>]` below a project, ascending. One operation for each: the search
    jumps over the objects of a stack. What begins with a dot, as the audit log, is none. Raises
    `ObjectStoreError`.
    """
    prefix = f"{project}/"
    after = prefix
    while True:
        found = objects.names(prefix, after=after, limit=1)
        if not found:
            return
        name, slash, _ = found[0].removeprefix(prefix).partition("/")
        if slash and name and not name.startswith("."):
            yield name
        after = f"{prefix}{name}/{_LAST}" if slash else found[0]


def same_name_projects(objects: ObjectStore, project: str, name: str) -> Iterator[str]:
    """The other projects with a stack of that name, of the first few of the place. Raises
    `ObjectStoreError`.
    """
    after, seen = "", 0
    while seen < PROJECTS_MAX:
        found = objects.names("", after=after, limit=1)
        if not found:
            return
        other, slash, _ = found[0].partition("/")
        after = f"{other}/{_LAST}" if slash else other
        if not slash or other == project:
            continue
        seen += 1
        if objects.names(f"{other}/{name}/", limit=1):
            yield other
