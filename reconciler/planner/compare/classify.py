"""Classify: each address with what the file wants, what the state remembers and what is live, and
from that its disposition.

Nothing is decided here about steps, and nothing is read. Values that wait for other objects are
resolved by `resolver`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import in_yaml, pasted
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error
from reconciler.model.kinds import Kinds
from reconciler.model.owners import owner_of
from reconciler.model.plan import Reason, ReasonKind
from reconciler.model.resource import (
    Account,
    Link,
    LiveResource,
    Resource,
    Stack,
    Value,
)
from reconciler.model.resource_type import Edit, ResourceType
from reconciler.model.state import Deposed, Entry, Phase, State
from reconciler.planner.compare import data_sources, safety_stops, unsettled
from reconciler.planner.compare.assessment import (
    Assessment,
    Disposition,
    ManagedObject,
    PlanOptions,
    link_text,
)
from reconciler.planner.compare.classify_rules import classify_rules
from reconciler.planner.compare.pinned_lookups import PinnedLookups


def classify(
    *,
    stack: Stack,
    state: State,
    account: Account,
    kinds: Kinds,
    options: PlanOptions,
) -> Assessment:
    """The assessment of every address, with the problems of the whole (mass absence)."""
    problems = [
        *safety_stops.mass_absence(state, account, options.accept),
        *safety_stops.doubled(state, account),
    ]
    existing, missing = data_sources.objects(stack, account, options.pinned)
    problems += [] if options.destroy else missing
    problems += _not_replaceable(state, options, kinds)
    resources = {} if options.destroy else stack.resources
    classifier = _Classifier(
        stack, state, account, kinds, options, problems, unsettled.of(stack, state, options)
    )
    items = {
        address: classifier.desired(resource)
        for address, resource in resources.items()
        if address.rule is None
    }
    for text in sorted(state.entries):
        address = parse(text)
        if address is not None and address.rule is None and address not in items:
            items[address] = classifier.remembered(address, state.entries[text])
    going = {
        item.live.id: str(address)
        for address, item in items.items()
        if item.disposition is Disposition.DELETE and item.live is not None
    }
    going.update({old.id: old.address for old in state.deposed.values()})
    problems += [] if options.destroy else data_sources.deleted(stack, existing, going)
    if options.destroy:
        _keep_what_is_protected(items)
    known = Assessment(
        stack,
        state,
        account,
        kinds,
        options,
        items,
        existing,
        {},
        (),
        _names(items, existing, state.deposed.values()),
    )
    rules, unmanaged_rules = classify_rules(known, classifier.unsettled)
    items.update(rules)
    problems += classifier.unsettled.problems(items)
    ordered = {address: items[address] for address in sorted(items, key=lambda a: a.sort_key)}
    return replace(known, items=ordered, unmanaged_rules=unmanaged_rules, problems=tuple(problems))


def _not_replaceable(state: State, options: PlanOptions, kinds: Kinds) -> Iterator[Problem]:
    for text in sorted(options.replace):
        address = parse(text)
        if address is None or text not in state.entries:
            continue
        kind = kinds.of(address)
        if not kind.replaceable:
            message = msg(
                "{text} cannot be replaced: all fields of a {noun} change in place",
                text=text,
                noun=kind.noun,
            )
            yield error(
                "usage",
                message,
                address=text,
                hint=msg("remove --replace {text}", text=pasted(text)),
            )


def _names(
    items: Mapping[Address, ManagedObject],
    existing: Mapping[Address, LiveResource],
    deposed: Iterable[Deposed],
) -> dict[str, str]:
    names = {
        item.entry.id: str(address)
        for address, item in items.items()
        if item.entry is not None and address.rule is None
    }
    names.update(
        {
            item.live.id: str(address)
            for address, item in items.items()
            if item.live is not None and address.rule is None
        }
    )
    names.update(
        {live.id: str(address) for address, live in existing.items() if live.id not in names}
    )
    names.update({old.id: old.address for old in deposed if old.id not in names})
    return names


@dataclass(frozen=True, slots=True)
class _Classifier:
    stack: Stack
    state: State
    account: Account
    kinds: Kinds
    options: PlanOptions
    problems: list[Problem]
    unsettled: unsettled.UnsettledRequests

    def desired(self, resource: Resource) -> ManagedObject:
        address, text = resource.address, str(resource.address)
        kind, entry = self.kinds[address.kind], self.state.entries.get(text)
        bound = (
            None
            if entry is not None or resource.import_id is None
            else self.account.find(kind.name, resource.import_id)
        )
        live = None if entry is None else self.account.find(kind.name, entry.id)
        found = PinnedLookups(resource, entry, bound or live, self.account, self.options).resolve()
        self.problems.extend(found.problems)
        wanted, lookups = found.wanted, found.pins
        disposition, reason = self._disposition(resource, kind, entry, live, wanted)
        if disposition is Disposition.BIND and resource.import_id is not None:
            live = bound
            if live is None:
                self.problems.append(
                    data_sources.unknown_import(
                        self.account, kind.name, resource.import_id, text, place=resource.place
                    )
                )
                disposition, reason = (
                    Disposition.UNSETTLED,
                    msg("{id} is not in the account", id=resource.import_id),
                )
            else:
                self.problems.extend(self._taken(resource, live))
        return ManagedObject(
            address,
            kind,
            disposition,
            resource,
            entry,
            live,
            wanted,
            lookups,
            reason,
            self._protect(text, resource, entry),
        )

    def _taken(self, resource: Resource, live: LiveResource) -> Iterator[Problem]:
        """Why an object cannot be imported: it belongs to another address already, whose changes
        would change it too.
        """
        text, place = str(resource.address), resource.place
        owner = owner_of(self.state, live)
        if owner is not None:
            hint = (
                msg(
                    "to give it this address: moved: [{{from: {owner}, to: {text}}}], without "
                    "`import`",
                    owner=in_yaml(owner),
                    text=in_yaml(text),
                )
                if parse(owner)
                else None
            )
            yield error(
                "bad-combination",
                msg("{live_id} already belongs to {owner}", live_id=live.id, owner=owner),
                place=place,
                address=text,
                hint=hint,
            )
            return
        importers = [
            a
            for a, r in self.stack.resources.items()
            if r.import_id == live.id and a.kind == resource.address.kind
        ]
        first = min(
            (a for a in importers if str(a) not in self.state.entries),
            key=lambda address: address.sort_key,
        )
        if first != resource.address:
            yield error(
                "bad-combination",
                msg("{live_id} is imported as {first} too", live_id=live.id, first=first),
                place=place,
                address=text,
            )

    def remembered(self, address: Address, entry: Entry) -> ManagedObject:
        kind, live = self.kinds[entry.kind], self.account.find(entry.kind, entry.id)
        gone: str = (
            msg("left out of the file")
            if self.options.undo is None
            else msg("not present at serial {serial}", serial=self.options.undo)
        )
        disposition, reason = (
            Disposition.DELETE,
            gone if not self.options.destroy else Reason.of(ReasonKind.DESTROY),
        )
        if entry.address in self.unsettled.reasons:
            disposition, reason = Disposition.UNSETTLED, self.unsettled.reasons[entry.address]
        elif live is None:
            disposition, reason = self._missing(entry, accepted=Disposition.FORGET)
        elif entry.retain and not self._removed(address, keep=False):
            disposition, reason = Disposition.FORGET, msg("left out of the file, retained")
        elif self._removed(address, keep=True):
            reason_text = (
                msg("removed from the stack")
                if self.options.undo is None
                else msg("{gone} and imported since", gone=gone)
            )
            disposition, reason = (
                Disposition.FORGET,
                msg("{reason}, kept in the account", reason=reason_text),
            )
        return ManagedObject(
            address,
            kind,
            disposition,
            None,
            entry,
            live,
            reason=reason,
            protect=self._protect(entry.address, None, entry),
        )

    def _removed(self, address: Address, *, keep: bool) -> bool:
        """Whether the file states this removal, with this `keep`."""
        removals = {removal.address: removal.keep for removal in self.stack.removed}
        return removals.get(address, removals.get(address.resource)) is keep

    def _missing(self, entry: Entry, *, accepted: Disposition) -> tuple[Disposition, str]:
        if (
            entry.phase is Phase.DELETING
            and entry.kind in self.account.complete
            and entry.id not in self.options.unproved
        ):
            return Disposition.GONE, msg("deleted by an earlier run")
        if self.options.accepts("gone", entry.address):
            return accepted, Reason.of(ReasonKind.ACCEPTED_AS_GONE)
        if entry.phase is Phase.DELETING:
            return (
                Disposition.UNSETTLED,
                msg(
                    "an earlier run deleted {id}, and a second check must confirm that it is gone",
                    id=entry.id,
                ),
            )
        if entry.phase is Phase.INCOMPLETE:
            return (
                Disposition.UNSETTLED,
                msg(
                    "{id} was created by an earlier run, and the account does not list it yet",
                    id=entry.id,
                ),
            )
        missing = msg(
            "{id} is missing from the account's list, and reconciler did not delete it", id=entry.id
        )
        return Disposition.UNSETTLED, missing

    def _disposition(
        self,
        resource: Resource,
        kind: ResourceType,
        entry: Entry | None,
        live: LiveResource | None,
        wanted: Mapping[str, Value],
    ) -> tuple[Disposition, str]:
        """The disposition of an address that the file has, and why."""
        text = str(resource.address)
        if text in self.unsettled.reasons:
            return Disposition.UNSETTLED, self.unsettled.reasons[text]
        if entry is None and resource.import_id:
            return Disposition.BIND, Reason.of(ReasonKind.IMPORT)
        if entry is None:
            same = self.unsettled.same_object(resource, wanted, self.state)
            if same is not None:
                return Disposition.UNSETTLED, same
            return Disposition.CREATE, Reason.of(ReasonKind.NEW)
        if live is None:
            disposition, reason = self._missing(entry, accepted=Disposition.CREATE)
            return (Disposition.CREATE if disposition is Disposition.GONE else disposition), reason
        if entry.phase is Phase.DELETING:
            reason = msg("an earlier run is deleting it, and the account still lists it")
            return (Disposition.REPLACE if kind.replaceable else Disposition.UNSETTLED), reason
        if live.failed:
            return Disposition.REPLACE, msg("the cloud reports it as failed")
        forced = sorted(
            name for name in wanted if self._forces(resource, kind, name, wanted[name], live, entry)
        )
        if forced:
            return Disposition.REPLACE, msg(
                "{fields} cannot be changed in place", fields=", ".join(forced)
            )
        return (
            (Disposition.REPLACE, msg("requested by --replace"))
            if text in self.options.replace
            else (Disposition.KEEP, "")
        )

    def _forces(
        self,
        resource: Resource,
        kind: ResourceType,
        name: str,
        value: Value,
        live: LiveResource,
        entry: Entry,
    ) -> bool:
        """Whether a field asks for a value that only a new object can have."""
        edit = kind.fields[name].edit
        if edit is Edit.REBUILD and resource.lifecycle.on_image_change == "replace":
            edit = Edit.REPLACE
        if edit is not Edit.REPLACE or name in resource.lifecycle.ignore or value is None:
            return False
        if isinstance(value, Link):
            target = self.state.entries.get(str(value.address))
            if target is None or name not in live.attributes:
                return bool(link_text(value) != entry.applied.get(name))
            return bool(target.id != live.attributes[name])
        # What the cloud does not return is taken as it was left: nothing is replaced on a guess.
        return bool(value != live.attributes.get(name, entry.applied.get(name, value)))

    def _protect(
        self, text: str, resource: Resource | None, entry: Entry | None
    ) -> tuple[str, ...]:
        """The stricter of state and file (stack-files#lifecycle); `--unprotect` lifts both for one
        run.
        """
        if text in self.options.unprotect:
            return ()
        of_file = resource.lifecycle.protect if resource is not None else None
        of_state = entry.protect if entry is not None else ()
        return tuple(sorted({*of_state, *(of_file or ())}))


def _keep_what_is_protected(items: dict[Address, ManagedObject]) -> None:
    """Keeps in a destroy what is protected, the instance of a block storage that is protected from
    `detach`, and the firewall of a kept instance.
    """

    def keep(address: Address, reason: str) -> None:
        # What is missing or unsettled has no object that could be kept.
        if items[address].disposition is Disposition.DELETE:
            items[address] = replace(items[address], disposition=Disposition.KEEP, reason=reason)

    by_id = {item.live.id: address for address, item in items.items() if item.live is not None}
    for address, item in list(items.items()):
        if item.disposition is Disposition.DELETE and "delete" in item.protect:
            keep(address, msg("protected from delete"))
    for address, item in list(items.items()):
        attached = item.live.attributes.get(item.kind.attachment or "") if item.live else None
        owner = by_id.get(str(attached))
        if "detach" in item.protect and owner is not None:
            keep(owner, msg("{address} on it is protected from detach", address=address))
    for item in list(items.values()):
        if item.disposition is Disposition.KEEP and item.entry is not None:
            firewall = parse(str(item.entry.applied.get(item.kind.membership or "") or ""))
            if firewall in items:
                keep(firewall, msg("{address} is kept and needs it", address=item.address))
