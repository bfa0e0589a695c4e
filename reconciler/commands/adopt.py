"""`adopt`: reads an account and gives the stack that asks for just what is there. Nothing is sent
but reads, and no state is touched.
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
from reconciler.model.resource import EMPTY, Account, RefreshScope
from reconciler.resources import all_kinds


def adopt(
    connection: Connection, desired: AdoptRequest, *, stack: str
) -> tuple[Adoption, Account, tuple[Problem, ...]]:
    """The stack, the account that it was made of, and what is worth knowing. Stops where what is
    wished is not there.
    """
    account = read(connection)
    zones = frozenset(_zone(account, text) for text in desired.zones)
    _check(account, desired)
    found = adoption.adopt(account, replace(desired, zones=zones), stack=stack)
    return found, account, tuple(_told(account))


def read(connection: Connection) -> Account:
    """All that the API shows of an account: every list, and of every firewall the rules and the
    members.
    """
    lists = RefreshScope(
        kinds=frozenset(connection.kinds.sections),
        catalogue=frozenset({"zones", "flavors", "images"}),
    )
    account = session.read_account(connection, lists)
    firewalls = frozenset(account.objects.get("firewalls", EMPTY))
    if not firewalls:
        return account
    more = session.read_account(
        connection,
        RefreshScope(kinds=frozenset({"firewalls"}), rules_of=firewalls, members_of=firewalls),
    )
    objects = {
        **account.objects,
        "firewalls": more.objects["firewalls"],
        "rules": more.objects.get("rules", EMPTY),
    }
    return replace(account, objects=objects, members=more.members, calls=account.calls + more.calls)


def _zone(account: Account, text: str) -> str:
    """The id of a zone that is named by id or console name, in any case."""
    rows = account.catalogue.zones or ()
    for row in rows:
        if text.casefold() in (str(row["id"]).casefold(), str(row.get("name") or "").casefold()):
            return str(row["id"])
    known = [str(row["id"]) for row in rows]
    raise Abort(
        error(
            "lookup",
            msg("the zone {zone} does not exist", zone=text),
            hint=suggestions.hint_for(text, known),
        )
    )


def _check(account: Account, desired: AdoptRequest) -> None:
    """Every name that was given means something."""
    rows = [
        row for kind in all_kinds().build_order for row in account.objects.get(kind, EMPTY).values()
    ]
    known = {row.id for row in rows} | {
        name for row in rows if isinstance(name := row.attributes.get("name"), str)
    }
    for text in sorted(desired.named - known):
        raise Abort(
            error(
                "missing-object",
                msg("the account has no object with the name or id {name}", name=text),
                hint=suggestions.hint_for(text, known),
            )
        )


def _told(account: Account) -> list[Problem]:
    if any(account.objects.get(kind) for kind in all_kinds().build_order):
        return []
    hint = msg(
        "check that the key belongs to the right account, and that its instances are "
        "in zones that the API covers"
    )
    return [
        notice(
            "cloud",
            msg("the key works, but the API lists no instance, block storage or firewall"),
            hint=hint,
        )
    ]
