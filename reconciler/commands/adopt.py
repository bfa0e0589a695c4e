"""`adopt`: reads an account and returns the stack that asks for exactly what exists. Only reads are
sent, and no state is changed.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.commands import session
from reconciler.commands.context import Connection
from reconciler.common import suggestions
from reconciler.common.text import msg
from reconciler.importing import adopt as adoption
from reconciler.importing.adopt import Adoption, AdoptRequest
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.resource import EMPTY, Account, LiveResource, RefreshScope
from reconciler.model.resource_type import FIREWALLS, RULES


def adopt(
    connection: Connection, desired: AdoptRequest, *, stack: str
) -> tuple[Adoption, Account, tuple[Problem, ...]]:
    """The stack, the account that it was made from, and notices. Stops if something that was asked
    for does not exist.
    """
    account = read(connection)
    zones = frozenset(_zone(account, text) for text in desired.zones)
    rows = [
        row
        for kind in connection.kinds.build_order
        for row in account.objects.get(kind, EMPTY).values()
    ]
    _check_names(rows, desired)
    found = adoption.adopt(account, replace(desired, zones=zones), stack=stack)
    return found, account, () if rows else (_nothing_listed(),)


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


def _check_names(rows: list[LiveResource], desired: AdoptRequest) -> None:
    """Stops unless every name or id that was given is one of an object."""
    known = {row.id for row in rows}
    known |= {name for row in rows if isinstance(name := row.attributes.get("name"), str)}
    for text in sorted(desired.named - known):
        message = msg("the account has no object with the name or id {name}", name=text)
        raise Abort(error("missing-object", message, hint=suggestions.hint_for(text, known)))


def _nothing_listed() -> Problem:
    message = msg("the key works, but the API lists no instance, block storage or firewall")
    hint = msg(
        "check that the key belongs to the right account, and that its instances are "
        "in zones that the API covers"
    )
    return notice("cloud", message, hint=hint)
