"""`adopt`: reads an account and returns the stack that asks for exactly what exists. Only reads are
sent, and no state is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.context import Connection
from reconciler.common import suggestions
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing import adopt as adoption
from reconciler.importing.adopt import Adoption, AdoptRequest
from reconciler.importing.named_objects import Naming
from reconciler.model import owners
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.owners import Elsewhere
from reconciler.model.ports import RefreshScope
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import FIREWALLS, RULES
from reconciler.model.state import State


@dataclass(frozen=True, slots=True)
class AdoptSelection:
    """What a person asked for: everything, or the objects that `texts` name by id, name or IP
    address. `zones` limits both. `accept` are the addresses, in the new stack, of objects that may
    also belong to another one. `command` gives the command that adopts an object by its id.
    """

    everything: bool = False
    texts: tuple[str, ...] = ()
    zones: frozenset[str] = frozenset()
    accept: frozenset[str] = frozenset()
    command: Callable[[str], str] = str


def adopt(
    connection: Connection, desired: AdoptSelection, *, stack: str, elsewhere: Elsewhere = EMPTY
) -> tuple[Adoption, Account, tuple[Problem, ...]]:
    """The stack, the account that it was made from, and notices. Stops if something that was asked
    for does not exist, is ambiguous, or belongs to another stack without consent.
    """
    account = read(connection)
    zones = frozenset(_zone(account, text) for text in desired.zones)
    state = State("", 0, stack, None)
    kinds = connection.kinds.sections
    named = Naming(account, kinds, desired.command, state, elsewhere)
    found = [named.find(text) for text in dict.fromkeys(desired.texts)]
    _stop_for(each for each in found if isinstance(each, Problem))
    ids = frozenset(each.id for each in found if isinstance(each, LiveResource))
    request = AdoptRequest(desired.everything, ids, zones)
    adopted = adoption.adopt(account, request, stack=stack, elsewhere=elsewhere)
    _stop_for(
        owners.shared(address, live, sharer)
        for address, (live, sharer) in adopted.shared.items()
        if address not in desired.accept
    )
    is_empty = not any(account.objects.get(kind) for kind in kinds)
    return adopted, account, (_nothing_listed(),) if is_empty else ()


def _stop_for(problems: Iterable[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise Abort(*found)


def read(connection: Connection) -> Account:
    """Everything that the API shows of an account: every list, and the rules and the members of
    every firewall.
    """
    lists = RefreshScope(
        kinds=frozenset(connection.kinds.sections),
        catalogue=frozenset({"zones", "flavors", "images"}),
    )
    account = session.read_account(connection, lists)
    firewalls = frozenset(account.objects.get(FIREWALLS, EMPTY))
    if not firewalls:
        return account
    scope = RefreshScope(kinds=frozenset({FIREWALLS}), rules_of=firewalls, members_of=firewalls)
    more = session.read_account(connection, scope)
    objects = {
        **account.objects,
        FIREWALLS: more.objects[FIREWALLS],
        RULES: more.objects.get(RULES, EMPTY),
    }
    return replace(account, objects=objects, members=more.members, calls=account.calls + more.calls)


def _zone(account: Account, text: str) -> str:
    """The id of a zone that is named by id or console name, in any case."""
    rows = account.catalogue.zones or ()
    for row in rows:
        if text.casefold() in (str(row["id"]).casefold(), str(row.get("name") or "").casefold()):
            return str(row["id"])
    hint = suggestions.hint_for(text, [str(row["id"]) for row in rows])
    raise Abort(error("lookup", msg("the zone {zone} does not exist", zone=text), hint=hint))


def _nothing_listed() -> Problem:
    message = msg("the key works, but the API lists no instance, block storage or firewall")
    hint = msg(
        "check that the key belongs to the right account, and that its instances are "
        "in zones that the API covers"
    )
    return notice("cloud", message, hint=hint)
