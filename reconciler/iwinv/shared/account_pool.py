"""What one run has read of an account, kept for the other stacks of the run (quota#many-stacks).

A list counts only as long as nothing speaks against it: it is young, no write of the run touched
it, it was begun after the state that is compared with it was known, and it is at least as complete
as a reading of its own would be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import field

from reconciler.common.dataclass import dataclass
from reconciler.iwinv import catalog
from reconciler.iwinv.list_reader import Need
from reconciler.model.ports import Client, RefreshScope, Seen
from reconciler.model.resource import LiveResource

AGE_SECONDS_MAX = 300.0
"""The age from which a list is read again."""

_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Begin:
    """When a reading began: its place in the order of what happened to the pool, the second of the
    monotonic clock, and the unix second.
    """

    tick: int
    now: float
    unix: float


@dataclass(frozen=True, slots=True)
class PooledList:
    """A list that was read, and how. `seen` is None if it could not be read. `ids` are those of its
    objects.
    """

    seen: Seen | None
    begin: Begin
    need: Need
    ids: frozenset[str]

    def satisfies(self, need: Need) -> bool:
        """Whether a reading for that need would show nothing more. An id that the list lacks counts
        as looked for if the reading looked for it up to an empty page.
        """
        if self.seen is None:
            return need.optional
        return need.tracked - self.ids <= self.need.tracked and (self.need.whole or not need.whole)


@dataclass(frozen=True, slots=True)
class Claim:
    """What becomes of the lists that a stack needs: those that are `found`; `own`, which it reads
    itself; and `busy`, which another thread reads now.
    """

    found: Mapping[str, PooledList]
    own: tuple[str, ...]
    busy: tuple[str, ...]
    begin: Begin


@dataclass(slots=True)
class AccountPool:
    """The lists of one account that a run has read, by name. Stacks that are applied side by side
    share it. `reading` are the lists that are being read now; `written` are groups of lists with
    the place of the last write to them; `states` are the versions of the states, each with the
    place at which it was first known.
    """

    lists: dict[str, PooledList] = field(default_factory=dict)
    reading: dict[str, Begin] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    states: dict[str, tuple[Hashable, int]] = field(default_factory=dict)
    _tick: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def view(self, title: str, version: Hashable) -> PoolView:
        """The pool for the stack of that title, whose state has that version. Lists from before
        this version was first known are not used: another run may have changed the objects.
        """
        with self._changed:
            known = self.states.get(title)
            if known is None or known[0] != version:
                self._tick += 1
                known = self.states[title] = (version, self._tick)
            return PoolView(self, known[1])

    def fresh(self) -> PoolView:
        """The pool for a reading that uses nothing read so far, apart from the catalog. What it
        reads is kept.
        """
        with self._changed:
            self._tick += 1
            return PoolView(self, self._tick)

    def touched(self, groups: Iterable[str]) -> None:
        """Forgets the lists of these groups, because writes may have changed them: those that were
        read, and those that are being read now. A group is a kind, `rules` or `members`.

        Called after every run that may have sent a write, however it ended.
        """
        with self._changed:
            self._tick += 1
            self.written |= dict.fromkeys(groups, self._tick)

    def claim(self, needs: Mapping[str, Need], since: int, client: Client) -> Claim:
        """Which of the lists can be used, must be read, or are being read. Those to be read are
        this caller's until `release`.
        """
        with self._changed:
            self._tick += 1
            begin = Begin(self._tick, client.now(), client.unix())
            found, own, busy = dict[str, PooledList](), list[str](), list[str]()
            for name, need in needs.items():
                kept = self.lists.get(name)
                if (
                    kept is not None
                    and self._counts(name, kept.begin, since, begin.now)
                    and kept.satisfies(need)
                ):
                    found[name] = kept
                elif name in self.reading and self._counts(
                    name, self.reading[name], since, begin.now
                ):
                    busy.append(name)
                else:
                    own.append(name)
            self.reading |= dict.fromkeys(own, begin)
            return Claim(found, tuple(own), tuple(busy), begin)

    def found(self, names: Iterable[str], since: int, client: Client) -> Mapping[str, Seen]:
        """Those of the lists that can be used without a call, for no need in particular."""
        with self._changed:
            now = client.now()
            kept = {name: self.lists[name] for name in names if name in self.lists}
            return {
                name: each.seen
                for name, each in kept.items()
                if each.seen is not None and self._counts(name, each.begin, since, now)
            }

    def _counts(self, name: str, begin: Begin, since: int, now: float) -> bool:
        """Whether a list that was begun then still counts. The catalog does not depend on states
        and writes.
        """
        if not 0.0 <= now - begin.now <= AGE_SECONDS_MAX:
            return False
        return name in catalog.LISTS or begin.tick > max(
            since, self.written.get(name.partition(":")[0], 0)
        )

    def keep(self, name: str, seen: Seen | None, need: Need, begin: Begin) -> None:
        """Keeps what was read. A list of objects that is not complete proves something about one
        stack only, and is not kept; a list that could not be read is kept as such.
        """
        if seen is not None and not seen.complete and name not in catalog.LISTS:
            return
        rows = () if seen is None else seen.rows
        ids = frozenset(row.id for row in rows if isinstance(row, LiveResource))
        with self._changed:
            kept = self.lists.get(name)
            if kept is None or kept.begin.tick < begin.tick:
                self.lists[name] = PooledList(seen, begin, need, ids)

    def release(self, claim: Claim) -> None:
        """Ends the readings of a claim, whether they succeeded or not."""
        with self._changed:
            for name in claim.own:
                if self.reading.get(name) is claim.begin:
                    del self.reading[name]
            self._changed.notify_all()

    def wait(self, names: Collection[str]) -> None:
        """Waits until none of the lists is being read."""
        with self._changed:
            while any(name in self.reading for name in names):
                self._changed.wait(_WAIT_SECONDS)


@dataclass(frozen=True, slots=True)
class PoolView:
    """The pool as one stack may use it: lists that were begun after `since`."""

    pool: AccountPool
    since: int

    def claim(self, needs: Mapping[str, Need], client: Client) -> Claim:
        """As `AccountPool.claim`."""
        return self.pool.claim(needs, self.since, client)

    def found(self, names: Iterable[str], client: Client) -> Mapping[str, Seen]:
        """Those of the lists that can be used without a call."""
        return self.pool.found(names, self.since, client)


def joined(scopes: Iterable[RefreshScope]) -> RefreshScope:
    """One scope with all that the scopes ask for."""
    found = list(scopes)
    tracked: dict[str, frozenset[str]] = {}
    for scope in found:
        for kind, ids in scope.tracked.items():
            tracked[kind] = tracked.get(kind, frozenset()) | ids

    def all_of(member: Callable[[RefreshScope], frozenset[str]]) -> frozenset[str]:
        return frozenset().union(*map(member, found))

    return RefreshScope(
        kinds=all_of(lambda scope: scope.kinds),
        tracked=tracked,
        rules_of=all_of(lambda scope: scope.rules_of),
        rules_named=all_of(lambda scope: scope.rules_named),
        members_of=all_of(lambda scope: scope.members_of),
        members_for=all_of(lambda scope: scope.members_for),
        whole=all_of(lambda scope: scope.whole),
        catalogue=all_of(lambda scope: scope.catalogue),
        optional=all_of(lambda scope: scope.optional),
    )
