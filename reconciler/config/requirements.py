"""What a stack must say where nothing of it is there yet: the limits that bind only what is to be
sent (stack-files#remote-names).

A plan looks at these with the account before it; without one, `validate` takes every object for new
unless the state knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common import validators
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Resource, Stack
from reconciler.model.resource_type import Edit
from reconciler.resources import all_kinds

_INDEX_DIGITS = 4
_KEY_CHARACTERS = 16
"""Room for the index or key at the end of a name: the longest there may be."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that is wrong only where it is sent.

    `field` is the attribute; `when` is `create` where it concerns only the making of the object,
    `send` where also an update that sends the field.
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
        # Under an index the name is left out, so that one mistake of a hundred objects is told
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
    """A name like the default one that fits, for all objects of its resource."""
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
            message = msg("{address} has no `{field}`", address=address, field=name)
            hint = msg(
                "write `{field}:` on it or under `defaults: {kind}:`", field=name, kind=kind.name
            )
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
