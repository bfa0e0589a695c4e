"""The fields of an adopted object as a stack file writes them; each follows its entry in the table
of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing.adopt_names import Names
from reconciler.importing.yaml_writer import Raw
from reconciler.model import marker
from reconciler.model.resource import Account, Catalogue, LiveResource, Lookup, Plain
from reconciler.model.resource_type import Edit, Field, ResourceType
from reconciler.planner.compare import lookup


@dataclass(slots=True)
class WrittenField:
    """The members of one adopted object. `notes` are about the whole object, `remarks` about single
    members.
    """

    account: Account
    names: Names
    body: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)

    def add(self, each: Field, live: LiveResource) -> None:
        """Writes one field as the account shows it, or a note if the file cannot say it."""
        shown = user_text(live) if each.is_marked else live_value(each, live, self.account)
        if each.link is not None:
            self._add_reference(each, each.link, shown)
        elif shown is None:
            if each.required:
                self.notes.append(msg("{name}: not shown by the API", name=each.name))
        else:
            self.body[each.name], remark = value(each, shown, self.account.catalogue)
            if remark:
                self.remarks[each.name] = remark

    def _add_reference(self, each: Field, kind: str, id: Any) -> None:
        found = None if id is None else self.names.reference(kind, str(id))
        if found is not None:
            self.body[each.name] = Raw(found)
        elif each.required and id is None:
            self.body[each.name] = Raw("none")
        elif each.required:
            self.notes.append(
                msg(
                    "{field}: it is attached to {id}, which the account does not list",
                    field=each.name,
                    id=id,
                )
            )

    def note_other_memberships(self, kind: ResourceType, live: LiveResource) -> None:
        """Says of which objects this one is a member besides the one that its field names."""
        for each in kind.fields.values():
            if each.edit is Edit.MEMBER:
                self.notes += [
                    msg(
                        "{name} is also a member of {id}; a stack gives each {noun} one {field}",
                        name=live.attributes.get("name"),
                        id=id,
                        noun=kind.noun,
                        field=each.name,
                    )
                    for id in _memberships(live, self.account)[1:]
                ]


def live_value(each: Field, live: LiveResource, account: Account) -> Any:
    """The value that the account shows; for a membership the id of the first object that has this
    one as a member.
    """
    if each.edit is Edit.MEMBER:
        return next(iter(_memberships(live, account)), None)
    return live.attributes.get(each.name)


def _memberships(live: LiveResource, account: Account) -> list[str]:
    return [id for id, members in account.members.items() if live.id in members]


def user_text(live: LiveResource) -> str | None:
    """The description that a person wrote. None if there is none, or only our marker with the
    owner's name.
    """
    text = live.attributes.get("description")
    if not isinstance(text, str) or (live.nonce is not None and marker.is_owner_text(text)):
        return None
    return text


def value(each: Field, shown: Plain, catalogue: Catalogue) -> tuple[Any, str]:
    """A value as the file writes it, and a remark on it or nothing."""
    if each.lookup is not None:
        rows = getattr(catalogue, each.lookup)
        return _FORMS.get(each.lookup, _by_id)(shown, rows or (), catalogue)
    return (Raw(shown) if each.keyword else each.written(shown)), ""


_Rows = tuple[Mapping[str, Any], ...]


def _by_id(id: Any, rows: _Rows, catalogue: Catalogue) -> tuple[Any, str]:
    """The id as a text if the catalog lists it, else as an id that is used unchecked."""
    return (id if any(row["id"] == id for row in rows) else {"id": id}), ""


def _image(id: Any, rows: _Rows, catalogue: Catalogue) -> tuple[Any, str]:
    """An image by operating system and version if these lead back to it, else by its id, with its
    name as a remark.
    """
    row = next((row for row in rows if row["id"] == id), None)
    if row is None:
        return {"id": id}, msg("no longer in the catalog")
    version, system = str(row.get("version") or "").removesuffix(".X"), lookup.os_name(row)
    if system is not None and version and row.get("available", True):
        desired = Lookup("images", "os", system, version)
        if lookup.satisfies(desired, catalogue, str(id)):
            return {"os": system, "version": version}, ""
    return {"id": id}, str(row.get("name") or "")


_FORMS: Mapping[str, Callable[[Any, _Rows, Catalogue], tuple[Any, str]]] = {"images": _image}
"""Catalogs whose rows have a form of their own in a stack file."""
