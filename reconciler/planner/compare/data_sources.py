"""Objects that a file names by id or name (`existing`, `import`), found in the account, and a
suggestion if there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY, Account, LiveResource, Stack
from reconciler.resources import all_kinds

Pins: TypeAlias = "Mapping[str, Mapping[str, Mapping[str, str]]]"
"""The ids that lookups gave: address to field to text to id."""


def objects(
    stack: Stack, account: Account, pins: Pins = EMPTY
) -> tuple[dict[Address, LiveResource], list[Problem]]:
    """Each address below `existing` with its object, and a problem if there is none or there are
    several.

    `pins` are the ids that a plan was shown with: they count even if the name has passed to another
    object since.
    """
    found: dict[Address, LiveResource] = {}
    problems = []
    for address, desired in sorted(stack.existing.items(), key=lambda pair: pair[0].sort_key):
        rows = account.objects.get(address.kind, EMPTY)
        pinned = pins.get(str(address), EMPTY).get(desired.by, EMPTY).get(desired.value)
        matching = [
            row
            for row in rows.values()
            if row.id == (pinned or desired.value)
            or (
                not pinned
                and desired.by == "name"
                and suggestions.same(row.attributes.get("name"), desired.value)
            )
        ]
        if len(matching) == 1:
            found[address] = matching[0]
            continue
        what = one_of(address.kind)
        if matching:
            message = msg(
                "{count} {kind}s are named {name!r}",
                count=len(matching),
                kind=what,
                name=desired.value,
            )
            hint: str | None = msg(
                "refer to one of them by id: {ids}",
                ids=", ".join(sorted(row.id for row in matching)),
            )
        else:
            message = msg(
                "no {kind} of this account has the {by} {value!r}",
                kind=what,
                by=desired.by,
                value=desired.value,
            )
            hint = suggestion(account, address.kind, desired.value, by=desired.by) or msg(
                "the account has none"
            )
        problems.append(
            error("lookup", message, place=desired.place, address=str(address), hint=hint)
        )
    return found, problems


def deleted(
    stack: Stack, found: Mapping[Address, LiveResource], going: Mapping[str, str]
) -> Iterator[Problem]:
    """An error for each object that the stack deletes (`going`, id to address) and refers to under
    `existing`: what uses it would lose it.
    """
    for address, live in found.items():
        if live.id in going:
            owner = going[live.id]
            message = msg(
                "{address} is {id}, the {owner} of this stack, which this plan would delete",
                address=address,
                id=live.id,
                owner=owner,
            )
            hint = msg(
                "keep it in the file and refer to it by its key; or, to hand it to another stack: "
                "removed: [{{from: {owner}, keep: true}}]",
                owner=suggestions.in_yaml(owner),
            )
            yield error(
                "bad-combination",
                message,
                place=stack.existing[address].place,
                address=str(address),
                hint=hint,
            )


def pins(
    stack: Stack, found: Mapping[Address, LiveResource]
) -> dict[str, dict[str, dict[str, str]]]:
    """The ids of what was found by name, as a plan keeps them."""
    desired_values = (
        (address, stack.existing[address])
        for address in sorted(found, key=lambda address: address.sort_key)
    )
    return {
        str(address): {desired.by: {desired.value: found[address].id}}
        for address, desired in desired_values
        if desired.by == "name"
    }


def unknown_import(
    account: Account, kind: str, id: str, address: str, *, place: Place | None = None
) -> Problem:
    """The problem of an `import` whose id the account does not show: nothing can be planned for
    that address, nor for what needs it.
    """
    message = msg(
        "{address} cannot be imported: no {kind} of this account has the id {id!r}",
        address=address,
        kind=one_of(kind),
        id=id,
    )
    hint = suggestion(account, kind, id)
    if hint is None:
        hint = msg("if the object is gone, remove the `import` line: a new one is then created")
    return error("lookup", message, place=place, address=address, hint=hint)


def suggestion(account: Account, kind: str, value: str, *, by: str = "id") -> str | None:
    """A suggestion for an id (or a name) that no object of the kind has: an id of another kind, a
    name, or a near miss.
    """
    rows = account.objects.get(kind, EMPTY).values()
    found = next(
        (other for other in all_kinds().sections if account.find(other, value) is not None), None
    )
    if found is not None:
        return (
            msg("`{value}` is an id, not a name: write `id`", value=value)
            if found == kind
            else msg("`{value}` is an id of `{kind}`: write it there", value=value, kind=found)
        )
    named = sorted(row.id for row in rows if suggestions.same(row.attributes.get("name"), value))
    if named:
        return msg(
            "`{value}` is a name; write the id: {ids}", value=value, ids=suggestions.listed(named)
        )
    return suggestions.hint_for(
        value,
        [
            known
            for row in rows
            if isinstance(known := row.id if by == "id" else row.attributes.get("name"), str)
        ],
    )


def one_of(kind: str) -> str:
    """What one object of a kind is called: `block storage`."""
    return all_kinds()[kind].noun
