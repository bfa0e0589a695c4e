"""Reading an account: the lists that a run needs, each once, side by side (quota#lists)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.iwinv import catalog
from reconciler.iwinv.driver import ReadDriver, ReadFailed
from reconciler.iwinv.list_reader import ListReading, Need, reading
from reconciler.iwinv.single_reader import DetailReading
from reconciler.model.diagnostics import error
from reconciler.model.events import Activity
from reconciler.model.kinds import Kinds
from reconciler.model.ports import Client, RefreshScope, Seen
from reconciler.model.resource import Account, Catalogue, LiveResource
from reconciler.model.resource_type import FIREWALLS, MEMBERS, RULES

if TYPE_CHECKING:
    from reconciler.iwinv.shared.account_pool import PoolView

_MEMBER_LISTS_AT_ONCE = 4


def _nothing(what: str) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class CloudReads:
    """Makes readings of one account: the port `Reads` over the cloud. `time_scale` divides their
    waits.

    `tracked` gives the ids that a list should show, by the name of the list: if one is missing, the
    list is read to an empty page (quota#lists).
    """

    kinds: Kinds
    time_scale: float = 1.0
    tracked: Callable[[str], frozenset[str]] = _nothing

    def listing(self, what: str) -> ListReading:
        """The reading of a list. Raises ValueError if there is no such list."""
        return reading(what, self.kinds, tracked=self.tracked(what), time_scale=self.time_scale)

    def absence(self, kind: str, id: str) -> DetailReading:
        """The reading of one object by its id. Raises ValueError for a kind without a detail."""
        return DetailReading(self.kinds[kind], id, time_scale=self.time_scale)


def read_account(
    client: Client,
    scope: RefreshScope,
    kinds: Kinds,
    *,
    time_scale: float = 1.0,
    notify: Callable[[Activity], None] = lambda activity: None,
    pool: PoolView | None = None,
) -> Account:
    """The account as far as the scope asks for it. Raises `ReadFailed`. What could not be listed at
    all is left out (`complete`, `Catalogue`).

    The lists are read at about the same time, not at one instant: a change in between shows in some
    and not in others. `notify` takes how far the reading is and what it waits for. Lists that the
    `pool` has are not read again.
    """
    sent, begun = client.sent, client.unix()
    lists = _Lists(client, kinds, time_scale, notify, pool)
    reader = _AccountReader(lists, scope, kinds)
    reader.read_lists()
    reader.read_members()
    return reader.account(calls=client.sent - sent, at=min((begun, *lists.begun)))


def prepare(
    client: Client,
    scopes: Iterable[RefreshScope],
    kinds: Kinds,
    pool: PoolView,
    *,
    time_scale: float = 1.0,
    notify: Callable[[Activity], None] = lambda activity: None,
) -> None:
    """Reads what several stacks need into the pool, each list once. Raises `ReadFailed` if a list
    cannot be read that all of them need; any other is left to the stack that needs it.
    """
    from reconciler.iwinv.shared.account_pool import joined

    scope = joined(scopes)
    needed = {name for name in kinds.sections if name in scope.kinds}
    lists = _Lists(client, kinds, time_scale, notify, pool, needed)
    reader = _AccountReader(lists, scope, kinds)
    reader.read_lists()
    reader.read_members()


@dataclass(slots=True)
class _Lists:
    """Reads lists by name, or takes them from the pool. `needed` are those without which the
    reading fails, None for all that are not optional. `begun` are the unix seconds at which lists
    of the pool were begun.
    """

    client: Client
    kinds: Kinds
    time_scale: float
    notify: Callable[[Activity], None]
    pool: PoolView | None = None
    needed: Collection[str] | None = None
    begun: list[float] = field(default_factory=list)
    driver: ReadDriver = field(init=False)

    def __post_init__(self) -> None:
        self.driver = ReadDriver(self.client, self.notify)

    def read(self, needs: Mapping[str, Need], *, later: int) -> dict[str, Seen]:
        """The lists, without those that may be missing and could not be read. `later` is how many
        calls are expected after them.
        """
        if self.needed is not None:
            needs = {
                name: replace(need, optional=name not in self.needed)
                for name, need in needs.items()
            }
        if self.pool is None:
            return {name: seen for name, seen in self._ask(needs, later) if seen is not None}
        found: dict[str, Seen] = {}
        while needs:
            claim = self.pool.claim(needs, self.client)
            try:
                own = {name: needs[name] for name in claim.own}
                for name, seen in self._ask(own, later) if own else ():
                    self.pool.pool.keep(name, seen, own[name], claim.begin)
                    found.update({} if seen is None else {name: seen})
            finally:
                self.pool.pool.release(claim)
            for name, kept in claim.found.items():
                if kept.seen is not None:
                    found[name] = kept.seen
                    self.begun += () if name in catalog.LISTS else (kept.begin.unix,)
            self.pool.pool.wait(claim.busy)
            needs = {name: needs[name] for name in claim.busy}
        return found

    def _ask(self, needs: Mapping[str, Need], later: int) -> Iterator[tuple[str, Seen | None]]:
        """Reads the lists."""
        readings = [
            reading(
                name,
                self.kinds,
                tracked=need.tracked,
                whole=need.whole,
                time_scale=self.time_scale,
            )
            for name, need in needs.items()
        ]
        optional = [one for one in readings if needs[one.what].optional]
        self.driver.run(readings, optional=optional, later=later)
        yield from ((one.what, one.seen) for one in readings)

    def kept(self, names: Sequence[str]) -> Mapping[str, Seen]:
        """Those of the lists that the pool has."""
        return {} if self.pool is None else self.pool.found(names, self.client)


@dataclass(slots=True)
class _AccountReader:
    """Reads the lists of a scope in turn. `asked` are the lists that were asked for."""

    lists: _Lists
    scope: RefreshScope
    kinds: Kinds
    found: dict[str, Seen] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def read_lists(self) -> None:
        """Reads the lists that are known beforehand, then the rules of firewalls that are asked for
        by name. In the older form the firewalls bring their rules.
        """
        scope = self.scope
        names = [
            name
            for name in self.kinds.sections
            if name in scope.kinds or (name == FIREWALLS and scope.members_for)
        ]
        inline = FIREWALLS in names and self.kinds[FIREWALLS].lists[FIREWALLS].inline is not None
        rules = [f"{RULES}:{id}" for id in sorted(scope.rules_of)]
        names += sorted(scope.catalogue | scope.optional)
        names += [] if inline else rules
        members = [f"{MEMBERS}:{id}" for id in sorted(scope.members_of)]
        self._read([*names, *members], later=len(scope.rules_named) + bool(scope.members_for))
        for part in [part for part in self.found.values() if part.inline]:
            for name, rows in part.inline.items():
                self.found[name] = Seen(rows, complete=True)
        self._read(
            [name for name in (*rules, *self._rules_named()) if name not in self.found],
            later=len(self._members_wanted()[:_MEMBER_LISTS_AT_ONCE]),
        )

    def _rules_named(self) -> list[str]:
        """The lists of rules of firewalls that are wanted by name: their ids are known once the
        firewalls are.
        """
        named = self.scope.rules_named
        return sorted(
            f"{RULES}:{firewall.id}"
            for firewall in self._firewalls()
            if firewall.attributes.get("name") in named
        )

    def _firewalls(self) -> tuple[LiveResource, ...]:
        return self.found[FIREWALLS].rows if FIREWALLS in self.found else ()

    def read_members(self) -> None:
        """Reads the members of more firewalls as long as an instance of `members_for` is in none:
        membership shows from the firewall's side only. Lists of the pool that show one come first.
        """
        missing = self.scope.members_for - _members_in(self.found.values())
        kept = self.lists.kept(self._members_wanted())
        self._read([name for name, seen in kept.items() if not missing.isdisjoint(seen.rows)])
        while others := self._members_wanted():
            self._read(others[:_MEMBER_LISTS_AT_ONCE])

    def _members_wanted(self) -> list[str]:
        """The lists of members that may show an instance of `members_for` that none shows yet."""
        if self.scope.members_for <= _members_in(self.found.values()):
            return []
        names = (f"{MEMBERS}:{firewall.id}" for firewall in self._firewalls())
        return [name for name in names if name not in self.asked]

    def _read(self, names: list[str], *, later: int = 0) -> None:
        """Reads these lists. `later` is how many calls are expected after them."""
        if not names:
            return
        scope, optional = self.scope, self.scope.optional - self.scope.catalogue
        self.asked.update(names)
        needs = {
            name: Need(scope.tracked.get(name, frozenset()), name in scope.whole, name in optional)
            for name in names
        }
        found = self.lists.read(needs, later=later)
        self.found |= {name: found[name] for name in names if name in found}

    def account(self, *, calls: int, at: float) -> Account:
        """The account that the lists show."""
        objects: dict[str, Mapping[str, LiveResource]] = {
            name: MappingProxyType({row.id: row for row in self.found[name].rows})
            for name in self.kinds.sections
            if name in self.found
        }
        rules, members = self._by_firewall(RULES), self._by_firewall(MEMBERS)
        if rules:
            objects[RULES] = MappingProxyType(
                {row.id: row for part in rules.values() for row in part.rows}
            )
        complete = {name for name in self.kinds.sections if self._is_complete(name)}
        if self.scope.rules_of and all(
            self._is_complete(f"{RULES}:{id}") for id in self.scope.rules_of
        ):
            complete.add(RULES)
        return Account(
            objects=MappingProxyType(objects),
            members=MappingProxyType(
                {id: part.rows for id, part in sorted(members.items()) if part.complete}
            ),
            complete=frozenset(complete),
            ruled=frozenset(id for id, part in rules.items() if part.complete),
            catalogue=self._catalogue(),
            calls=calls,
            at=at,
            paged=frozenset(name for name in complete if self._has_pages(name)),
        )

    def _has_pages(self, name: str) -> bool:
        """Whether more than the first page of a list had rows."""
        seen = self.found.get(name)
        return seen is not None and seen.page_rows is not None and len(seen.rows) > seen.page_rows

    def _is_complete(self, name: str) -> bool:
        return name in self.found and self.found[name].complete

    def _by_firewall(self, what: str) -> Mapping[str, Seen]:
        """The lists of that name by the id of their firewall. A firewall that the account lists
        must show its rules and members too, or nothing is known about them.
        """
        parts = {
            name.partition(":")[2]: part
            for name, part in self.found.items()
            if name.startswith(f"{what}:")
        }
        listed = {firewall.id for firewall in self._firewalls()}
        for id, part in sorted(parts.items()):
            if id in listed and not part.complete:
                message = msg(
                    "the {what} of {id} could not be listed, although the list of firewalls "
                    "shows it",
                    what=what,
                    id=id,
                )
                raise ReadFailed(error("cloud", message, hint=msg("try again")))
        return parts

    def _catalogue(self) -> Catalogue:
        lists: dict[str, Any] = {
            field.name: tuple(sorted(self.found[field.name].rows, key=lambda row: str(row["id"])))
            for field in fields(Catalogue)
            if self._is_complete(field.name)
        }
        return Catalogue(**lists)


def _members_in(parts: Iterable[Seen]) -> set[str]:
    return {row for part in parts for row in part.rows if isinstance(row, str)}
