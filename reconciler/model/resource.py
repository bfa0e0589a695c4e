"""The values of a stack and of the account, both in one normal form.

Normal form of attributes: text without marker and unescaped, `None` for "none attached", integers
for sizes, `True`/`False`, tuples for lists; a reference to another object is a `Link`. Equal
meanings are equal values, so comparing needs no rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place


class _Empty(Mapping[str, Any]):
    """An empty mapping that is hashable, because the default of a field of a dataclass must be (a
    mappingproxy is not before 3.12).
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and not other

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


EMPTY: Mapping[str, Any] = _Empty()


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to an object by address (`firewall: web`), compared by the id of the address if
    it has one.
    """

    address: Address

    def __str__(self) -> str:
        return str(self.address)


STACKS = "stacks"
"""The root of the outputs of other stacks, and the kind in an address of such an output."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One attribute of a resource that an expression reads, or one output of another stack.

    `address` may lack the index. `attribute` is None if the whole object is read.
    """

    address: Address
    attribute: str | None = None

    def __str__(self) -> str:
        return str(self.address) if self.attribute is None else f"{self.address}.{self.attribute}"

    @property
    def stack(self) -> str | None:
        """The title of the stack, if this is an output of another stack."""
        return self.address.name if self.address.kind == STACKS else None


@dataclass(frozen=True, slots=True)
class Deferred:
    """A text with `${...}` that reads attributes of other resources; its value needs the account,
    or an apply.

    `text` is the scalar as written; `scope` holds the names that the file itself decides (`vars`,
    `count`, `self` ...), shared between all values of a resource; `place` is the scalar's.
    """

    text: str
    references: tuple[Ref, ...]
    scope: Mapping[str, Any] = field(default=EMPTY, compare=False, repr=False)
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is known only after apply; `source` names the attributes it waits for,
    sorted.
    """

    source: tuple[Ref, ...]
    deferred: Deferred | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        names = ", ".join(sorted({ref.stack or str(ref.address) for ref in self.source}))
        return msg("known after apply of {names}", names=names)


def output_of(title: str, name: str) -> Unknown:
    """An output of another stack that is known only after the apply of that stack."""
    return Unknown((Ref(Address(STACKS, title), name),))


@dataclass(frozen=True, slots=True)
class NoValue:
    """An output that cannot be computed, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A name in the catalog, as people write it.

    `catalogue` is `zones`, `flavors`, `images`, `ssh_keys` or `user_scripts`. `by` is `id` (taken
    as it is), `any` (an id or a name) or `os` (then `value` is the os word and `version` the
    version wanted). `key` is the canonical text under which a result is pinned.
    """

    catalogue: str
    by: str
    value: str
    version: str | None = None
    place: Place | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        return (
            f"{self.by}:{self.value}"
            if self.version is None
            else f"{self.by}:{self.value}:{self.version}"
        )

    def __str__(self) -> str:
        return self.value if self.version is None else f"{self.value} {self.version}"


Plain: TypeAlias = str | int | float | bool | tuple[Any, ...] | Mapping[str, Any] | None
Value: TypeAlias = Plain | Link | Deferred | Unknown | Lookup

PROTECT_ALL: tuple[str, ...] = ("delete", "detach", "rebuild", "replace")
"""What `protect: true` protects from (stack-files#lifecycle)."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How an object may be treated. `protect` is None if the file does not set it, else a sorted
    tuple of actions (`()` removes the protection).
    """

    protect: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    on_image_change: str = "rebuild"
    resize: str = "as_is"
    replace: str = "create_first"
    retain: bool = False
    marker: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """One object that a stack file asks for.

    `attributes` holds only what the file (or a default of the file) writes, in normal form;
    `at_create` what counts only when the object is made (default names, schema defaults). `places`
    gives the place of each written attribute.
    """

    address: Address
    attributes: Mapping[str, Value]
    at_create: Mapping[str, Value] = EMPTY
    lifecycle: Lifecycle = Lifecycle()
    depends_on: tuple[Address, ...] = ()
    place: Place | None = None
    places: Mapping[str, Place] = EMPTY
    import_id: str | None = None


@dataclass(frozen=True, slots=True)
class Existing:
    """An object that the stack refers to but does not own, found by exact `id` or by `name`."""

    address: Address
    by: str
    value: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A named value that is computed at the end of an apply."""

    name: str
    value: Value
    description: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A condition of the author, and the text if it is false. `address` is `self`, if any."""

    value: Value
    message: Value
    address: Address | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Move:
    """An object that has another address in the file now; the state follows. Without an index,
    `source` and `target` are resources.

    `retired`: the file does not define `target`. That is an error only if the state still has the
    object. `past`: the line is not followed; the state only keeps that it was applied.
    """

    source: Address
    target: Address
    place: Place | None = field(default=None, compare=False)
    retired: bool = field(default=False, compare=False)
    past: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Removal:
    """An object that was removed from the file on purpose: forgotten with `keep`, else deleted.
    Without an index, all objects of a resource.
    """

    address: Address
    keep: bool
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Guard:
    """Who must always reach which ports (planning#guard): TCP `ports` (`22`, `8000-8010`) from
    every address of the `admin` ranges.

    `instances` are the addresses that it is about, sorted; empty means every server of the stack.
    """

    admin: tuple[str, ...]
    ports: tuple[str, ...]
    instances: tuple[Address, ...] = ()
    place: Place | None = field(default=None, compare=False)


def title_of(stack: str, environment: str | None) -> str:
    """The name of a stack for people: `shop`, or `shop/prod`. A person types it to consent."""
    return stack if environment is None else f"{stack}/{environment}"


CardinalityByResource: TypeAlias = "Mapping[tuple[str, str], int | tuple[str, ...] | None]"
"""By kind and name: the `count`, the keys of `for_each`, or None for a single object."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A whole stack, expanded: every `count` unfolded, every reference named.

    `resources` is sorted by address (rules included, each after its firewall). `cardinalities`
    tells for each (kind, name) whether it is single (None), counted (an integer), or keyed (a tuple
    of keys). `environments` are all that the file defines, `emptied` the written rules with an
    empty list. `digest` is a hex SHA-256 over the meaning of the files, the environment and the
    variable values. `checks` read attributes.
    """

    name: str
    environment: str | None
    resources: Mapping[Address, Resource]
    cardinalities: CardinalityByResource = EMPTY  # type: ignore[assignment]
    existing: Mapping[Address, Existing] = EMPTY  # type: ignore[assignment]
    outputs: tuple[Output, ...] = ()
    variables: Mapping[str, Plain] = EMPTY
    accept: tuple[str, ...] = ()
    prices: Mapping[str, int] = EMPTY
    guard: Guard | None = None
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
    environments: tuple[str, ...] = ()
    emptied: tuple[Address, ...] = ()
    digest: str = ""
    checks: tuple[Assertion, ...] = ()

    @property
    def title(self) -> str:
        """The name and the environment, for people."""
        return title_of(self.name, self.environment)

    def addresses(self, address: Address) -> tuple[Address, ...]:
        """The addresses that a reference without index stands for, in order."""
        shape = self.cardinalities.get((address.kind, address.name))
        if address.index is not None or address.rule is not None or shape is None:
            return (address,)
        keys: tuple[int | str, ...] = tuple(range(shape)) if isinstance(shape, int) else shape
        return tuple(Address(address.kind, address.name, key) for key in keys)

    def rules(self, written: Address) -> tuple[Address, ...]:
        """The rules that the address of a written rule stands for: those of each firewall, and each
        element of the collections of the rule.
        """
        owners = [owner.with_rule(written.rule or "") for owner in self.addresses(written.owner)]
        return tuple(
            found
            for one in owners
            for found in (
                (one,)
                if one in self.resources
                else tuple(each for each in self.resources if one.covers(each))
            )
        )


@dataclass(frozen=True, slots=True)
class LiveResource:
    """One object of the account, in the normal form of `Resource`.

    `attributes` are all that were read (see `model.resource_type`). `nonce` is the nonce of the
    marker at the end of the description, and `marked` the text before that marker; both are None
    without a marker. `ready` is False while the cloud works on the object, and `failed` is True if
    the cloud reports an error.
    """

    kind: str
    id: str
    attributes: Mapping[str, Plain]
    ready: bool = True
    failed: bool = False
    nonce: str | None = None
    marked: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The catalog. Each list is None if it was not read; rows are as the client decoded them,
    sorted by id.

    zones: `{id, name, available, notes}`; flavors: `{id, name, available, zones, vcpu, memory_mb,
    disk_gb, price_day, price_month, type, gpus, network_gbps, images}` (what it supports, types of
    images or ids); images: `{id, name, os, version, public, available, zones, type}`; ssh_keys:
    `{id, name, created}`; user_scripts: `{id, name}`; storage_types: `{id, min_gb, max_gb, zones}`
    (zones None = not stated).
    """

    zones: tuple[Mapping[str, Any], ...] | None = None
    flavors: tuple[Mapping[str, Any], ...] | None = None
    images: tuple[Mapping[str, Any], ...] | None = None
    ssh_keys: tuple[Mapping[str, Any], ...] | None = None
    user_scripts: tuple[Mapping[str, Any], ...] | None = None
    storage_types: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The known prices, in KRW a month without VAT. `flavors` maps a flavor to the price of one
    instance, and is None if the catalog was not read; `per_gb` maps a type of block storage to the
    price of one GB.
    """

    flavors: Mapping[str, Any] | None
    per_gb: Mapping[str, int]

    @classmethod
    def known(cls, catalogue: Catalogue, per_gb: Mapping[str, int]) -> Prices:
        """The prices of flavors by the catalog, those of block storage as given."""
        rows = catalogue.flavors
        flavors = None if rows is None else {str(row["id"]): row.get("price_month") for row in rows}
        return cls(flavors, per_gb)


@dataclass(frozen=True, slots=True)
class Account:
    """What one plan has read of the account.

    `objects` maps kind to id to object; the attribute `firewall` of a rule is its firewall's id.
    `members` maps a firewall id to the ids of its instances, if its members were read. `complete`
    are the kinds whose list was read to its end, `ruled` the firewalls whose rules were read.
    `cached` are lists of the catalog from an earlier run, `paged` kinds with rows after page one.
    `at` is the unix second before the first of the lists of objects was asked for.
    """

    objects: Mapping[str, Mapping[str, LiveResource]]
    members: Mapping[str, tuple[str, ...]] = EMPTY
    complete: frozenset[str] = frozenset()
    ruled: frozenset[str] = frozenset()
    catalogue: Catalogue = Catalogue()
    calls: int = 0
    cached: frozenset[str] = frozenset()
    paged: frozenset[str] = frozenset()
    at: float = field(default=0.0, compare=False)
    _grouped: dict[tuple[str, str], dict[Any, list[LiveResource]]] = field(
        init=False, repr=False, compare=False
    )
    _firewalls_of: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grouped", {})
        object.__setattr__(self, "_firewalls_of", {})

    def find(self, kind: str, id: str) -> LiveResource | None:
        """The object of that kind and id, or None if the list does not contain it."""
        return self.objects.get(kind, EMPTY).get(id)

    def having(self, kind: str, attribute: str, value: str) -> Sequence[LiveResource]:
        """The objects of a kind with that value of an attribute (the block storages of an
        instance). They are grouped once, so that asking for each instance costs no search.
        """
        groups = self._grouped.get((kind, attribute))
        if groups is None:
            groups = self._grouped[kind, attribute] = {}
            for row in self.objects.get(kind, EMPTY).values():
                groups.setdefault(row.attributes.get(attribute), []).append(row)
        return groups.get(value, ())

    def firewalls_of(self, instance: str) -> Sequence[str]:
        """The ids of the firewalls that have the instance as a member, of those whose members were
        read.
        """
        if not self._firewalls_of:
            for firewall, members in self.members.items():
                for id in members:
                    self._firewalls_of.setdefault(id, []).append(firewall)
        return self._firewalls_of.get(instance, ())
