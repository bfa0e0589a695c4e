"""Plans made by hand for the views: each says only what its screen is about."""

from __future__ import annotations

from typing import Any

from reconciler.model import diagnostics
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Place
from reconciler.model.plan import (
    Action,
    CallBudget,
    Cause,
    Change,
    Consent,
    Cost,
    DataLoss,
    FieldChange,
    Impact,
    Plan,
    Reason,
    ReasonKind,
    RiskClass,
    Step,
    TrafficChange,
)
from reconciler.model.resource import Link, Ref, Unknown

NEW = Reason.of(ReasonKind.NEW)


def address(text: str) -> Address:
    """The address that a text spells."""
    found = parse(text)
    assert found is not None, text
    return found


def at(line: int, file: str = "stack.yaml") -> Place:
    """A place in a stack file."""
    return Place(file, line, 3)


def field(path: str, before: Any, after: Any, cause: Cause = Cause.YOU) -> FieldChange:
    """A field that changes."""
    return FieldChange(path, before, after, cause)


def needs(*pairs: tuple[RiskClass, str]) -> tuple[Consent, ...]:
    """Consents."""
    return tuple(Consent(risk, text) for risk, text in pairs)


def plan(*changes: Change, **members: Any) -> Plan:
    """A plan of shop/prod."""
    given: dict[str, Any] = {
        "stack": "shop",
        "environment": "prod",
        "digest": "d1",
        "lineage": "l1",
        "serial": 12,
        **members,
    }
    return Plan(changes=tuple(sorted(changes, key=lambda change: change.address.sort_key)), **given)


def mixed() -> Plan:
    """The sketch of planning#steps: something of everything."""
    db, old, web = address("instances.db"), address("instances.old"), address("instances.web[2]")
    resize = Impact(
        consents=needs((RiskClass.DOWNTIME, "instances.db")), downtime_seconds=(60, 360)
    )
    delete = Impact(
        consents=needs((RiskClass.DELETE, "instances.old")),
        data_loss=(DataLoss("instances.old", "root", 50),),
        reversible=False,
    )
    opens = Impact(opens=(TrafficChange("tcp/8080 from 10.0.0.0/8", "web[0], web[1], web[2]"),))
    steps = (
        Step(
            "rule.create firewalls.web.rules.api", address("firewalls.web.rules.api"), "rule.create"
        ),
        Step("instance.create instances.web[2]", web, "instance.create"),
        Step(
            "firewall.attach instances.web[2]",
            web,
            "firewall.attach",
            after=("instance.create instances.web[2]",),
        ),
        Step("instance.resize instances.db", db, "instance.resize", target="101"),
        Step("instance.delete instances.old", old, "instance.delete", target="102"),
    )
    return plan(
        Change(
            db, Action.RESIZE, "", (field("flavor", "std_4.8-g1", "std_8.16-g1"),), resize, at(31)
        ),
        Change(old, Action.DELETE, "left out of the file", (), delete),
        Change(
            web,
            Action.CREATE,
            NEW,
            (
                field("firewall", None, Link(address("firewalls.web"))),
                field("flavor", None, "std_2.4-g1"),
                field("image", None, "ubuntu 22.04"),
                field("name", None, "shop-prod-web-2"),
                field("zone", None, "kr1-z01"),
            ),
            Impact(),
            at(24),
        ),
        Change(
            address("firewalls.web.rules.api"),
            Action.CREATE,
            NEW,
            (
                field("cidr", None, "10.0.0.0/8"),
                field("direction", None, "in"),
                field("ports", None, "8080"),
                field("protocol", None, "tcp"),
            ),
            opens,
            at(15),
        ),
        steps=steps,
        drift=(
            Change(
                address("instances.web[1]"),
                Action.UPDATE,
                "",
                (field("name", "tmp", "shop-prod-web-1", Cause.OUTSIDE),),
            ),
        ),
        calls=CallBudget(read=7, write=5, wait=12),
        eta_seconds=110,
        cost=Cost(before=50000, after=61800),
        unmanaged=(3, 62400),
        unchanged=11,
    )


def first() -> Plan:
    """A new stack: a firewall with its rules, a server, a volume whose owner is known only after
    apply.
    """
    server, cidr = address("instances.db"), "203.0.113.7/32"
    unknown = Unknown((Ref(address("instances.web"), "private_ip"),))
    rule = (
        field("direction", None, "in"),
        field("ports", None, "22"),
        field("protocol", None, "tcp"),
    )
    return plan(
        Change(
            address("firewalls.db"),
            Action.CREATE,
            NEW,
            (field("icmp", None, True), field("name", None, "shop-db")),
            place=at(9),
        ),
        Change(
            address("firewalls.db.rules.ssh"),
            Action.CREATE,
            NEW,
            (field("cidr", None, cidr), *rule),
            place=at(11),
        ),
        Change(
            address("firewalls.db.rules.web"),
            Action.CREATE,
            NEW,
            (FieldChange("cidr", None, unknown, Cause.YOU, known_after_apply=True), *rule),
            place=at(12),
        ),
        Change(
            server,
            Action.CREATE,
            NEW,
            (
                field("flavor", None, "std_4.8-g1"),
                field("name", None, "데이터베이스 서버"),
                field("zone", None, "kr1-z01"),
            ),
            place=at(16),
        ),
        Change(
            address("block_storages.data"),
            Action.CREATE,
            NEW,
            (
                field("instance", None, Link(server)),
                field("size", None, 100),
                field("type", None, "ssd"),
            ),
            place=at(22),
        ),
        problems=(
            diagnostics.warning(
                "no-login",
                "the server gets no SSH key",
                place=at(16),
                address="instances.db",
                hint="add ssh_keys: [NAME], or keep the password",
            ),
        ),
        cost=Cost(before=0, after=48000, unknown=("block_storages.data",)),
        calls=CallBudget(read=4, write=6, wait=9),
        environment=None,
        serial=0,
    )


def replaced() -> Plan:
    """A replacement, something blocked, something to decide, hostile text from outside."""
    web = address('instances.web["seoul"]')
    impact = Impact(
        consents=needs((RiskClass.ADDRESS_CHANGE, str(web)), (RiskClass.DATA_LOSS, str(web))),
        data_loss=(DataLoss(str(web), "root", 100),),
        address_change=True,
        reversible=False,
    )
    return plan(
        Change(
            web,
            Action.REPLACE,
            "zone cannot be changed in place",
            (field("zone", "kr1-z01", "kr1-z02"),),
            impact,
            at(24),
        ),
        Change(
            address("instances.db"),
            Action.BLOCKED,
            "",
            (),
            Impact(blocked_by="protected from delete"),
            at(31),
        ),
        Change(
            address("instances.lost"),
            Action.DECIDE,
            "77 is missing from the account's list, and reconciler did not delete it",
        ),
        Change(
            address("firewalls.web"),
            Action.UPDATE,
            "",
            (
                field("name", "evil\x1b[2J\u202e::error::", "웹 서버", Cause.BOTH),
                field("icmp", False, True),
            ),
            Impact(exposure_seconds=20),
            at(5),
        ),
        calls=CallBudget(read=5, write=3),
    )
