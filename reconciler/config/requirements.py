"""What a stack must contain if its objects are to be created, and limits that matter only for
values that are sent (stack-files#remote-names).

A plan checks these with the account. `validate` assumes that every object is new, unless the state
contains it.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common import validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.attributes import null_hint
from reconciler.config.expand import Places
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Resource, Stack
from reconciler.model.resource_type import Edit
from reconciler.resources import all_kinds

_INDEX_DIGITS = 4
_KEY_CHARACTERS = 16
"""The space for the longest index or key at the end of a name."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A mistake that matters only if something is sent.

    `field` is the attribute. `when` is `create` if only a create is affected, and `send` if every
    write of the field is.
    """

    address: Address
    field: str
    when: str
    problem: Problem


def demands(stack: Stack) -> tuple[Demand, ...]:
    """Every demand that the stack does not meet, sorted by address."""
    return tuple(demand for resource in stack.resources.values() for demand in of(resource))


def of(resource: Resource) -> Iterator[Demand]:
    """The demands that one resource does not meet."""
    address = resource.address
    if address.rule is None and resource.import_id is None:
        yield from _missing(resource)
    fields = all_kinds().of(address).fields
    for field, value in resource.attributes.items():
        if fields[field].limited and isinstance(value, str):
            wrong = fields[field].problem_with(value, marked=resource.lifecycle.marker)
            if wrong is not None:
                place = resource.places.get(field, resource.place)
                yield Demand(
                    address,
                    field,
                    "send",
                    error("bad-length", wrong, place=place, address=str(address)),
                )
    name = resource.at_create.get("name")
    wrong = None if name is None else fields["name"].problem_with(str(name))
    if wrong is not None:
        # With an index, the message omits the name, so that a mistake of many objects is reported
        # once.
        message = msg(
            "the default name{name} is not valid: {reason}",
            name="" if address.index is not None else f" `{name}`",
            reason=wrong,
        )
        hint = msg("write `name: {name}`", name=_fitting(address, name))
        problem = error(
            "bad-length", message, place=resource.place, address=str(address), hint=hint
        )
        yield Demand(address, "name", "create", problem)


def _fitting(address: Address, name: object) -> str:
    """A valid name similar to the default one, for all objects of its resource."""
    text = str(name)
    if len(text) < validators.FIREWALL_NAME_MIN:
        return f"{text}-firewall"
    if address.index is None:
        return text[: validators.NAME_MAX].rstrip("-_")
    end = str(address.index)
    tail, room = (
        ("${count.index}", _INDEX_DIGITS)
        if isinstance(address.index, int)
        else ("${each.key}", _KEY_CHARACTERS)
    )
    return f'"{text.removesuffix(f"-{end}")[: validators.NAME_MAX - room - 1].rstrip("-_")}-{tail}"'


def _missing(resource: Resource) -> Iterator[Demand]:
    address, kind = resource.address, all_kinds().of(resource.address)
    for name in kind.required:
        place, code = resource.place, "missing-key"
        if name not in resource.attributes:
            if name in resource.places:
                continue  # it could not be read, which is reported
            message = msg("{address} has no `{field}`", address=address, field=name)
            hint: str = msg(
                "write `{field}:` on it or under `defaults: {kind}:`", field=name, kind=kind.name
            )
            if isinstance(resource.places, Places) and name in resource.places.nulls:
                node = resource.places.nulls[name]
                place, hint = node.place, null_hint(node)
        elif kind.fields[name].edit is Edit.ATTACH and resource.attributes[name] is None:
            place, code = resource.places.get(name, place), "bad-combination"
            message = msg(
                "{address} cannot be created without an {field}: iwinv creates {nouns} attached",
                address=address,
                field=name,
                nouns=kind.nouns,
            )
            hint = msg(
                "name its first {field}; after the create, `{field}: none` detaches the {noun}",
                field=name,
                noun=kind.noun,
            )
        else:
            continue
        problem = error(code, message, place=place, address=str(address), hint=hint)
        yield Demand(address, name, "create", problem)
