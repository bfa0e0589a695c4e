"""What a plan says about firewalls: by meaning, for each change, and on which servers."""

from __future__ import annotations

import pytest

from reconciler.model.address import Address
from reconciler.model.resource import Deferred, Ref
from reconciler.model.state import State
from tests.builders import OMIT, Case, at, firewall, nothing, rule, server, settled, told


def base() -> Case:
    """Two servers behind a firewall that lets in tcp/443 from everywhere and tcp/22 from one
    address.
    """
    return settled(
        server("web[0]", firewall="web"),
        server("web[1]", firewall="web"),
        firewall("web"),
        rule("web", "https"),
        rule("web", "ssh", ports="22", cidr="203.0.113.7/32"),
    )


def said(case: Case) -> dict[str, list[str]]:
    """What each change opens (`+`) and closes (`-`)."""
    found = {}
    for change in case.plan().changes:
        lines = [f"+{text}" for text in change.impact.opens] + [
            f"-{text}" for text in change.impact.closes
        ]
        if lines:
            found[str(change.address)] = lines
    return found


RULES = [
    (
        "a rule more",
        base().add(rule("web", "api", ports="8080", cidr="10.0.0.0/8")),
        {"firewalls.web.rules.api": ["+tcp/8080 from 10.0.0.0/8 on web[0], web[1]"]},
    ),
    (
        "a rule less",
        base().leave_out("firewalls.web.rules.https"),
        {"firewalls.web.rules.https": ["-tcp/443 from 0.0.0.0/0 on web[0], web[1]"]},
    ),
    (
        "a narrower range",
        base().edit("firewalls.web.rules.https", cidr="10.0.0.0/8"),
        {
            "firewalls.web.rules.https": [
                "-tcp/443 from 0.0.0.0/0 except 10.0.0.0/8 on web[0], web[1]"
            ]
        },
    ),
    (
        "another port",
        base().edit("firewalls.web.rules.https", ports="8443"),
        {
            "firewalls.web.rules.https": [
                "+tcp/8443 from 0.0.0.0/0 on web[0], web[1]",
                "-tcp/443 from 0.0.0.0/0 on web[0], web[1]",
            ]
        },
    ),
    (
        "a rule within another opens nothing",
        base().add(rule("web", "inner", ports="443", cidr="10.0.0.0/8")),
        {},
    ),
    (
        "a rule that another covers closes nothing",
        base().add(rule("web", "wide", ports="400-500")).leave_out("firewalls.web.rules.https"),
        {
            "firewalls.web.rules.wide": [
                "+tcp/400-442, tcp/444-500 from 0.0.0.0/0 on web[0], web[1]"
            ]
        },
    ),
    ("a title alone is not traffic", base().edit("firewalls.web.rules.https", title="web"), {}),
    (
        "ping",
        base().edit("firewalls.web", icmp=False),
        {"firewalls.web": ["-ping on web[0], web[1]"]},
    ),
    ("a firewall that nobody is behind", settled(firewall("web")).add(rule("web", "https")), {}),
    (
        "a rule of nobody that apply removes",
        base().foreign_object(
            "rules",
            "r9",
            firewall="f-web",
            direction="in",
            protocol="udp",
            ports="53",
            cidr="0.0.0.0/0",
            title="dns",
        ),
        {"firewalls.web": ["-udp/53 from 0.0.0.0/0 on web[0], web[1]"]},
    ),
    (
        "a server that is not ours is behind it as well",
        base()
        .join("f-web", "i-web-0", "i-web-1", "i-theirs")
        .add(rule("web", "api", ports="8080")),
        {"firewalls.web.rules.api": ["+tcp/8080 from 0.0.0.0/0 on web[0], web[1], i-theirs"]},
    ),
    (
        "many servers",
        settled(firewall("web"), *(server(f"web[{n}]", firewall="web") for n in range(12))).add(
            rule("web", "https")
        ),
        {
            "firewalls.web.rules.https": [
                "+tcp/443 from 0.0.0.0/0 on web[0], web[1], web[2], web[3] and 8 more"
            ]
        },
    ),
]


@pytest.mark.parametrize(("what", "case", "wanted"), RULES, ids=[row[0] for row in RULES])
def test_edits_of_rules_show_what_they_open_and_close(
    what: str, case: Case, wanted: dict[str, list[str]]
) -> None:
    # Goal: one firewall change is one short line; what does not change what is reachable says
    # nothing.
    assert said(case) == wanted


def test_a_rule_without_effect_is_reported() -> None:
    # Goal: redundant rules are recognised, and told from rules of a firewall that nobody is behind.
    case = base().add(
        rule("web", "inner", ports="443", cidr="10.0.0.0/8"), rule("web", "wide", ports="400-500")
    )
    reasons = {
        str(c.address): c.reason for c in case.leave_out("firewalls.web.rules.https").plan().changes
    }
    assert reasons["firewalls.web.rules.inner"] == "opens nothing: other rules let that in already"
    assert (
        reasons["firewalls.web.rules.https"]
        == "left out of the file; closes nothing: other rules let that in as well"
    )
    assert reasons["firewalls.web.rules.wide"] == "new"
    alone = (
        settled(firewall("web"), rule("web", "https"))
        .add(rule("web", "inner", ports="443", cidr="10.0.0.0/8"))
        .plan()
    )
    assert [c.reason for c in alone.changes if c.address == at("firewalls.web.rules.inner")] == [
        "new"
    ]


def two() -> Case:
    """A server behind one firewall, and another firewall that lets in tcp/80."""
    return settled(
        server("web", firewall="web"),
        firewall("web"),
        rule("web", "https"),
        firewall("db", icmp=False),
        rule("db", "http", ports="80"),
    )


SERVERS = [
    (
        "another firewall",
        two().edit("instances.web", firewall="db"),
        {
            "instances.web": [
                "+tcp/80 from 0.0.0.0/0 on web",
                "-tcp/443 from 0.0.0.0/0 on web",
                "-ping on web",
            ]
        },
    ),
    (
        "none",
        two().edit("instances.web", firewall="none"),
        {"instances.web": ["+tcp/1-442, tcp/444-65535, udp/any from 0.0.0.0/0 on web"]},
    ),
    (
        "one, where there was none",
        settled(server("web", firewall="none"), firewall("web"), rule("web", "https")).edit(
            "instances.web", firewall="web"
        ),
        {"instances.web": ["-tcp/1-442, tcp/444-65535, udp/any from 0.0.0.0/0 on web"]},
    ),
    (
        "a new server behind an old firewall",
        two().add(server("api", firewall="web")),
        {"instances.api": ["+tcp/443 from 0.0.0.0/0 on api", "+ping on api"]},
    ),
    (
        "a new server without one",
        nothing(server("web")),
        {"instances.web": ["+every port from 0.0.0.0/0 on web", "+ping on web"]},
    ),
    (
        "a new server and a new rule",
        base().add(
            server("web[2]", firewall="web"), rule("web", "api", ports="8080", cidr="10.0.0.0/8")
        ),
        {
            "firewalls.web.rules.api": ["+tcp/8080 from 10.0.0.0/8 on web[0], web[1], web[2]"],
            "instances.web[2]": [
                "+tcp/22 from 203.0.113.7/32 on web[2]",
                "+tcp/443 from 0.0.0.0/0 on web[2]",
                "+ping on web[2]",
            ],
        },
    ),
    (
        "all of it new",
        nothing(server("web", firewall="web"), firewall("web"), rule("web", "https")),
        {
            "firewalls.web": ["+ping on web"],
            "firewalls.web.rules.https": ["+tcp/443 from 0.0.0.0/0 on web"],
        },
    ),
    ("replaced behind the same firewall", two().edit("instances.web", zone="z2"), {}),
    ("deleted", two().leave_out("instances.web"), {}),
    (
        "a line left out is no longer managed",
        two().edit("instances.web", firewall=OMIT),
        {},
    ),
]


@pytest.mark.parametrize(("what", "case", "wanted"), SERVERS, ids=[row[0] for row in SERVERS])
def test_servers_with_a_new_firewall_show_the_difference(
    what: str, case: Case, wanted: dict[str, list[str]]
) -> None:
    # Goal: no firewall lets all in, a firewall without a matching rule nothing
    # (planning#firewalls-by-meaning).
    assert said(case) == wanted


def test_a_range_known_only_after_apply_is_shown_as_unknown() -> None:
    # Goal: the reader sees that something opens, and what it waits for.
    ref = Ref(Address("instances", "api"), "private_ip")
    waiting = Deferred("${instances.api.private_ip}/32", (ref,))
    case = two().add(server("api", firewall="db"), rule("web", "api", ports="3306", cidr=waiting))
    assert said(case)["firewalls.web.rules.api"] == [
        "+tcp/3306 from an address known after apply of instances.api on web"
    ]


CONSENTS = [
    (
        "ssh to the internet",
        base().edit("firewalls.web.rules.ssh", cidr="0.0.0.0/0"),
        ["exposure=instances.web[0]", "exposure=instances.web[1]"],
    ),
    (
        "in two halves, one of which was there",
        base()
        .add(
            rule("web", "ssh-low", ports="22", cidr="0.0.0.0/1"),
            rule("web", "ssh-high", ports="20-30", cidr="128.0.0.0/1"),
        )
        .leave_out("firewalls.web.rules.ssh"),
        ["exposure=instances.web[0]", "exposure=instances.web[1]"],
    ),
    ("half of the internet", base().add(rule("web", "ssh-low", ports="22", cidr="0.0.0.0/1")), []),
    (
        "open before by another rule",
        settled(*base().file.values(), rule("web", "all", ports="1-100")).edit(
            "firewalls.web.rules.ssh", cidr="0.0.0.0/0"
        ),
        [],
    ),
    ("a port for users", base().add(rule("web", "http", ports="80")), []),
    ("outwards", base().add(rule("web", "out", direction="out", ports="22")), []),
    (
        "on a new server only",
        nothing(server("web", firewall="web"), firewall("web"), rule("web", "ssh", ports="22")),
        [],
    ),
]


@pytest.mark.parametrize(("what", "case", "wanted"), CONSENTS, ids=[row[0] for row in CONSENTS])
def test_management_ports_opened_to_the_internet_ask_by_meaning(
    what: str, case: Case, wanted: list[str]
) -> None:
    # Goal: exposure is asked for where the internet newly reaches such a port, however the rules
    # spell it, and only there.
    assert told(case.plan()).consents == wanted


def test_an_existing_firewall_that_was_not_read_is_reported() -> None:
    # Goal: nothing is claimed of rules that nobody has seen.
    from reconciler.model.resource import Existing, Link

    office = Address("firewalls", "office", existing=True)
    case = two().foreign_object("firewalls", "f-office", name="office")
    case = case.edit("instances.web", firewall=Link(office))
    case = Case(
        **{
            **{name: getattr(case, name) for name in Case.__dataclass_fields__},
            "extra": {"existing": {office: Existing(office, "name", "office")}},
        }
    )
    assert said(case) == {"instances.web": ["+what existing.firewalls.office allows was not read"]}
    assert isinstance(case.state(), State) and at("instances.web") in case.file
