"""Objects of the account that a person names, by id, name or IP address, and what is reported if
there is none, or more than one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from reconciler import resources
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import joined, msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.owners import Elsewhere, owner_of, sharer_of
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.state import State

ADDRESSES = ("public_ip", "private_ip")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]*)+")
_LISTED_MAX = 12


@dataclass(frozen=True, slots=True)
class Naming:
    """How objects are named in one command. `kinds` are those that may be meant; `command` gives
    the command that names an object by its id. `state` and `elsewhere` say whose an object is.
    """

    account: Account
    kinds: tuple[str, ...]
    command: Callable[[str], str]
    state: State
    elsewhere: Elsewhere

    def find(self, text: str) -> LiveResource | Problem:
        """The only object that a text names, or the problem with it."""
        found = self._matching(text)
        if len(found) == 1:
            return found[0]
        return self._ambiguous(text, found) if found else self._missing(text)

    def _matching(self, text: str) -> list[LiveResource]:
        """The objects with that id, else those with that name or IP address."""
        rows = list(self._rows(self.kinds))
        by_id = [live for live in rows if live.id == text]
        return by_id or [live for live in rows if text.strip() and _is_named(live, text)]

    def _rows(self, kinds: Iterable[str]) -> Iterable[LiveResource]:
        for kind in kinds:
            yield from self.account.objects.get(kind, EMPTY).values()

    def _ambiguous(self, text: str, found: list[LiveResource]) -> Problem:
        message = msg("{text!r} names {count} objects of the account", text=text, count=len(found))
        lines = [
            msg(
                "{object}: `{command}`", object=self._described(live), command=self.command(live.id)
            )
            for live in sorted(found, key=lambda live: (live.kind, live.id))[:_LISTED_MAX]
        ]
        head = msg("name one of them by its id:")
        return error("lookup", message, hint=joined("\n", (head, *lines)))

    def _described(self, live: LiveResource) -> str:
        """Kind, id, name, zone, addresses and owner, as far as they are known."""
        shown = (live.attributes.get(name) for name in ("name", "zone", *ADDRESSES))
        parts: list[str] = [str(value) for value in shown if value]
        sharer = sharer_of(self.state, live, self.elsewhere)
        owner = owner_of(self.state, live)
        if sharer is not None:
            parts.append(msg("of the stack {stack}", stack=sharer.title))
        elif owner is not None:
            parts.append(owner)
        else:
            parts.append(msg("of no stack"))
        noun = resources.all_kinds()[live.kind].noun
        return msg("{noun} {id}, {parts}", noun=noun, id=live.id, parts=joined(", ", parts))

    def _missing(self, text: str) -> Problem:
        nouns = (resources.all_kinds()[kind].nouns for kind in self.kinds)
        message = msg(
            "nothing in this account has the id, name or IP address {text!r} (searched: {kinds})",
            text=text,
            kinds=joined(", ", nouns),
        )
        lines: list[str] = [
            msg("{object} has it, and the kind must be the same", object=self._described(live))
            for live in self._rows(resources.all_kinds().sections)
            if live.kind not in self.kinds and (live.id == text or _is_named(live, text))
        ]
        near = suggestions.hint_for(text, self._names(text))
        lines += [] if lines or near is None else [near]
        lines.append(
            msg("objects in zones that the API does not cover are not listed: see the console")
        )
        return error("lookup", message, hint=joined("\n", lines[-_LISTED_MAX:]))

    def _names(self, text: str) -> set[str]:
        """What a text can be a misspelling of: IP addresses, ids and names, or names."""
        rows = list(self._rows(self.kinds))
        if _ADDRESS.fullmatch(text):
            found = {live.attributes.get(name) for live in rows for name in ADDRESSES}
        else:
            found = {live.attributes.get("name") for live in rows}
            found |= {live.id for live in rows} if text[:1].isupper() else set()
        return {value for value in found if isinstance(value, str)}


def _is_named(live: LiveResource, text: str) -> bool:
    return suggestions.same(live.attributes.get("name"), text) or any(
        live.attributes.get(name) == text for name in ADDRESSES
    )
