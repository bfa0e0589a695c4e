"""Objects that a stack uses and does not own (`existing`): found in the account by name or id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from reconciler.core import names
from reconciler.core.address import Address
from reconciler.core.model import EMPTY, Account, Existing, LiveResource, Stack
from reconciler.core.problems import Problem, error

Pins: TypeAlias = "Mapping[str, Mapping[str, Mapping[str, str]]]"
"""The ids that lookups gave: address to field to text to id."""


def objects(stack: Stack, account: Account, pins: Pins = EMPTY) -> tuple[dict[Address, LiveResource], list[Problem]]:
    """Each address below `existing` with the one object that it means, and a problem where it means none or several.

    One that a plan was shown with, which `pins` tells, is meant also where its name has passed to another object since.
    """
    found: dict[Address, LiveResource] = {}
    problems = []
    for address, wish in sorted(stack.existing.items(), key=lambda pair: pair[0].sort_key):
        rows = account.objects.get(address.kind, EMPTY)
        pinned = pins.get(str(address), EMPTY).get(wish.by, EMPTY).get(wish.value)
        matching = [
            row
            for row in rows.values()
            if row.id == (pinned or wish.value) or (not pinned and wish.by == "name" and row.attributes.get("name") == wish.value)
        ]
        if len(matching) == 1:
            found[address] = matching[0]
            continue
        what = address.kind.removesuffix("s").replace("_", " ")
        if matching:
            said = f"{len(matching)} {what}s are named {wish.value!r}"
            hint: str | None = "refer to one of them by id: " + ", ".join(sorted(row.id for row in matching))
        else:
            said = f"no {what} of this account has the {wish.by} {wish.value!r}"
            hint = _nearest(wish, rows.values())
        problems.append(error("lookup", said, place=wish.place, address=str(address), hint=hint))
    return found, problems


def deleted(stack: Stack, found: Mapping[Address, LiveResource], going: Mapping[str, str]) -> Iterator[Problem]:
    """Objects of the stack itself that it deletes (`going`, id to address) and refers to all the same: what uses them would lose them."""
    for address, live in found.items():
        if live.id in going:
            owner = going[live.id]
            message = f"{address} is {live.id}, the {owner} of this stack, which this plan would delete"
            hint = (
                f"keep it in the file and refer to it by its key; or, for another stack to own it: removed: [{{from: {owner}, keep: true}}]"
            )
            yield error("bad-combination", message, place=stack.existing[address].place, address=str(address), hint=hint)


def pins(stack: Stack, found: Mapping[Address, LiveResource]) -> dict[str, dict[str, dict[str, str]]]:
    """The ids of what was looked up by name, as a plan keeps them."""
    wishes = ((address, stack.existing[address]) for address in sorted(found, key=lambda address: address.sort_key))
    return {str(address): {wish.by: {wish.value: found[address].id}} for address, wish in wishes if wish.by == "name"}


def _nearest(wish: Existing, rows: Iterable[LiveResource]) -> str:
    known = [row.id if wish.by == "id" else str(row.attributes["name"]) for row in rows if wish.by == "id" or row.attributes.get("name")]
    return names.hint_for(wish.value, known) or "the account shows none"
