"""Feasibility: what the contract is sure the cloud would refuse, found before the first call
(planning#feasibility).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.config import requirements
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.resource import Deferred, Link, Lookup, Unknown, Value
from reconciler.model.resource_type import Edit, Field
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject

SIZE_STEP_GB = 10
"""The console accepts sizes in tens; whether the API requires them is unknown
(contract#block-storages), so it is a warning.
"""


def check(
    assessment: Assessment, item: ManagedObject, wanted: Mapping[str, Value], edited: frozenset[str]
) -> Iterator[Problem]:
    """What would certainly make a create or an edit fail. `edited` are the fields that the plan
    would send.
    """
    made = item.disposition in (Disposition.CREATE, Disposition.REPLACE)
    if made or edited:
        yield from _Check(assessment, item, wanted, edited, made).problems()


@dataclass(frozen=True, slots=True)
class _Check:
    assessment: Assessment
    item: ManagedObject
    wanted: Mapping[str, Value]
    edited: frozenset[str]
    made: bool

    def problems(self) -> Iterator[Problem]:
        yield from self._requirements()
        yield from self._filled_in()
        for field in self.item.kind.fields.values():
            if field.name in self.wanted and self._is_sent(field.name):
                yield from self._listed(field)
        yield from self._smaller_disk()
        yield from self._unsupported_image()
        if self.made:
            yield from self._sizes()

    def _is_sent(self, name: str) -> bool:
        return self.made or name in self.edited

    def _problem(
        self, report: Any, code: str, name: str, message: Text, hint: str | None = None
    ) -> Problem:
        resource = self.item.resource
        place = None if resource is None else resource.places.get(name, resource.place)
        problem: Problem = report(
            code, message, place=place, address=str(self.item.address), hint=hint
        )
        return problem

    def _row(self, name: str, value: Any) -> Mapping[str, Any] | None:
        """The row of the catalog for a value of a field, None if the list was not read or
        lacks it.
        """
        rows = self._rows(self.item.kind.fields[name])
        return next((row for row in rows or () if row["id"] == value), None)

    def _rows(self, field: Field) -> tuple[Mapping[str, Any], ...] | None:
        listed = field.offered_in or field.lookup
        catalogue = self.assessment.account.catalogue
        return None if listed is None else getattr(catalogue, listed)

    def _live(self, name: str) -> Any:
        return None if self.item.live is None else self.item.live.attributes.get(name)

    def _zone(self) -> Any:
        """The zone of the object: its own, or that of the object that it is attached to."""
        owner = self.wanted.get(self.item.kind.attachment or "")
        if not isinstance(owner, Link):
            return self.wanted.get("zone", self._live("zone"))
        item = self.assessment.items.get(owner.address)
        if item is None:
            return None
        return item.wanted.get("zone", item.live.attributes.get("zone") if item.live else None)

    def _requirements(self) -> Iterator[Problem]:
        """What the file must define, and how long texts may be. They bind only if the object or the
        text is sent, and lengths count after references are filled in (stack-files#remote-names).
        """
        if self.item.resource is None:
            return
        for required in requirements.of(replace(self.item.resource, attributes=self.wanted)):
            # The planner of an attached object checks the attachment itself: it may be known from
            # the live object.
            if required.field == self.item.kind.attachment:
                continue
            if self.made or (required.when == "send" and required.field in self.edited):
                yield required.problem

    def _filled_in(self) -> Iterator[Problem]:
        """A value that an expression gives is checked like one that is written: an apply would
        refuse it too.
        """
        written = self.item.resource.attributes if self.item.resource is not None else {}
        for name, value in sorted(self.wanted.items()):
            field = self.item.kind.fields[name]
            if not isinstance(written.get(name), Deferred) or isinstance(
                value, Unknown | Deferred | Link | Lookup
            ):
                continue
            wrong = None if field.limited else field.problem_with(value)
            if wrong is not None and self._is_sent(name):
                message = msg(
                    "{name} became {result!r}: {problem}", name=name, result=value, problem=wrong
                )
                yield self._problem(error, "bad-format", name, message)

    def _listed(self, field: Field) -> Iterator[Problem]:
        """Whether the catalog shows a value, and offers it in the zone. Nothing is concluded from a
        list that was not read.
        """
        rows, value, name = self._rows(field), self.wanted[field.name], field.name
        for id in value if isinstance(value, tuple) else (value,):
            if not rows or not isinstance(id, str):
                continue
            row = next((row for row in rows if row["id"] == id), None)
            if row is not None and field.offered_in is not None:
                yield from self._offered(field, row, rows)
            elif row is None and field.lookup is None:
                message = msg(
                    "there is no {noun} {name} {id!r}", noun=self.item.kind.noun, name=name, id=id
                )
                known = ", ".join(str(row["id"]) for row in rows)
                hint = msg("the catalog has {known}", known=known)
                yield self._problem(error, "not-offered", name, message, hint)
            elif row is None:
                message = msg(
                    "{name} {id} is not in the account's list of {catalog}; it is used as given",
                    name=name,
                    id=id,
                    catalog=str(field.lookup).replace("_", " "),
                )
                yield self._problem(warning, "not-offered", name, message)

    def _offered(
        self, field: Field, row: Mapping[str, Any], rows: tuple[Mapping[str, Any], ...]
    ) -> Iterator[Problem]:
        name, id, zone = field.name, row["id"], self._zone()
        if not row.get("available", True):
            message = msg("{name} {id} is no longer offered", name=name, id=id)
            others = ", ".join(str(row["id"]) for row in rows if row.get("available", True))
            hint = msg("offered: {others}", others=others) if others else None
            yield self._problem(error, "not-offered", name, message, hint)
        # A row without zones does not state where it is offered (contract#flavors,
        # contract#images).
        zones = row.get("zones")
        if zones and zone is not None and zone not in zones:
            message = msg("{name} {id} is not offered in zone {zone}", name=name, id=id, zone=zone)
            hint = msg("it is offered in {zones}", zones=", ".join(zones))
            yield self._problem(error, "not-offered", name, message, hint)

    def _smaller_disk(self) -> Iterator[Problem]:
        resized = [field for field in self.item.kind.fields.values() if field.edit is Edit.RESIZE]
        for name in (field.name for field in resized if field.name in self.edited):
            before = self._row(name, self._live(name)) or {}
            after = self._row(name, self.wanted.get(name)) or {}
            sizes = before.get("disk_gb"), after.get("disk_gb")
            if self.item.disposition is Disposition.REPLACE or not sizes[0] or not sizes[1]:
                continue
            if sizes[1] < sizes[0]:
                message = msg(
                    "{name} {after} has a smaller disk ({after_gb} GB) than {before} ({before_gb} "
                    "GB)",
                    name=name,
                    after=after["id"],
                    after_gb=sizes[1],
                    before=before["id"],
                    before_gb=sizes[0],
                )
                hint = msg(
                    "the API does not say whether a disk can shrink; --replace {address} creates "
                    "a new instance instead",
                    address=pasted(self.item.address),
                )
                yield self._problem(warning, "not-offered", name, message, hint)

    def _unsupported_image(self) -> Iterator[Problem]:
        """A flavor that names the images that it supports, and not this one. What the names mean is
        unknown, so it is a warning (contract#flavors).
        """
        if not {"flavor", "image"} <= self.item.kind.fields.keys():
            return
        if not self.made and not self.edited & {"flavor", "image"}:
            return
        flavor = self._row("flavor", self.wanted.get("flavor", self._live("flavor"))) or {}
        image = self._row("image", self.wanted.get("image", self._live("image"))) or {}
        if not flavor.get("images") or image.get("type") is None:
            return
        if not {image["id"], image["type"]} & set(flavor["images"]):
            message = msg(
                "flavor {flavor} supports only {supported} images, and image {image} is {type}",
                flavor=flavor["id"],
                supported=", ".join(flavor["images"]),
                image=image["id"],
                type=image["type"],
            )
            hint = msg(
                "choose a flavor for this image type: `reconciler catalog flavors` lists them"
            )
            yield self._problem(warning, "not-offered", "image", message, hint)

    def _sizes(self) -> Iterator[Problem]:
        """Sizes that the type of a block storage does not have."""
        size, kind = self.wanted.get("size"), self.item.kind
        row = self._row("type", self.wanted.get("type")) if "type" in kind.fields else None
        if row is None or not isinstance(size, int):
            return
        if not row["min_gb"] <= size <= row["max_gb"]:
            message = msg(
                "{type} {noun} must have {low} to {high} GB, not {size}",
                type=row["id"],
                noun=kind.noun,
                low=row["min_gb"],
                high=row["max_gb"],
                size=size,
            )
            yield self._problem(error, "out-of-bounds", "size", message)
        elif size % SIZE_STEP_GB:
            message = msg(
                "{size} GB is not a multiple of {step}; the console accepts only multiples",
                size=size,
                step=SIZE_STEP_GB,
            )
            yield self._problem(warning, "out-of-bounds", "size", message)
