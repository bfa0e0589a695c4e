"""What can be reached from where: the traffic that firewall rules allow, and the difference of two
such sets as few lines (planning#firewalls-by-meaning).

The order of rules, overlaps, repetitions and host bits make no difference here. Assumed until it is
known: no firewall allows everything in, and a firewall without a matching rule allows nothing in.
What no firewall or no rule means for outgoing traffic is unknown (contract#security-groups, open),
so that direction is compared only if both sides have a firewall, by what its rules name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from reconciler.common import validators
from reconciler.common.dataclass import dataclass
from reconciler.common.ranges import (
    ADDRESS_MAX,
    PORT_MAX,
    PORT_MIN,
    Intervals,
    Ranges,
    combine,
    common,
    intervals,
    minus,
    turned,
    union,
)
from reconciler.common.text import msg

Traffic: TypeAlias = Mapping[str, Intervals]
"""By protocol, sorted; a protocol with nothing is not in it."""

PROTOCOLS = ("tcp", "udp")

MANAGEMENT_PORTS = (22, 3306, 3389, 5432, 6379, 27017)
"""Management and database ports: to open one to the whole internet on a server that exists needs
consent (consent#exposure).
"""

EVERYWHERE: Ranges = ((0, ADDRESS_MAX),)


@dataclass(frozen=True, slots=True, order=True)
class Awaited:
    """A rule whose range is known only after apply, or cannot be read: it is shown as such and
    allows nothing.
    """

    direction: str
    protocol: str
    ports: str
    source: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What may reach an instance, and leave it. `outward` and `ping` are None if nothing is
    known.
    """

    inward: Traffic
    outward: Traffic | None = None
    ping: bool | None = None
    awaited: frozenset[Awaited] = frozenset()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing in it to show."""
        return not (self.inward or self.outward or self.ping or self.awaited)


NOTHING = Reach({}, {}, False)
"""An instance that does not exist, or a firewall without rules."""

UNGUARDED = Reach(dict.fromkeys(PROTOCOLS, ((PORT_MIN, PORT_MAX, EVERYWHERE),)), None, True)
"""An instance without a firewall: everything may come in."""


def from_rules(rules: Iterable[Mapping[str, Any]], icmp: bool | None) -> Reach:
    """What a firewall with these rules allows. A rule is a mapping of `direction`,
    `protocol`, `ports`, `cidr` in normal form.
    """
    pieces: dict[tuple[str, str], list[tuple[int, int, Ranges]]] = {}
    awaited = set()
    for rule in rules:
        direction, protocol = str(rule.get("direction")), str(rule.get("protocol"))
        ports, addresses = port_range(rule.get("ports")), cidr_range(rule.get("cidr"))
        if ports is None or addresses is None:
            awaited.add(
                Awaited(direction, protocol, str(rule.get("ports")), _source(rule.get("cidr")))
            )
        else:
            pieces.setdefault((direction, protocol), []).append((*ports, (addresses,)))
    found = {key: intervals(pieces[key]) for key in sorted(pieces)}
    inward = {
        protocol: those for (direction, protocol), those in found.items() if direction == "in"
    }
    outward = {
        protocol: those for (direction, protocol), those in found.items() if direction == "out"
    }
    return Reach(inward, outward, icmp, frozenset(awaited))


def of_rule(rule: Mapping[str, Any] | None) -> Reach:
    """What one rule allows; None stands for no rule."""
    return NOTHING if rule is None else from_rules([rule], False)


def _source(cidr: Any) -> str:
    """The range of a rule as text; a value that is known only after apply says so itself."""
    if isinstance(cidr, str | None):
        return msg("the range {cidr}", cidr=cidr)
    return msg("an address {cidr}", cidr=cidr)


def port_range(ports: Any) -> tuple[int, int] | None:
    """The first and last port that a rule names, or None if they cannot be read."""
    if not isinstance(ports, str) or validators.ports(ports) is not None:
        return None
    low, _, high = ports.partition("-")
    return int(low), int(high or low)


def cidr_range(cidr: Any) -> tuple[int, int] | None:
    """The first and last address of an IPv4 range without its host bits, or None if it is not one
    (yet).
    """
    if not isinstance(cidr, str) or validators.cidr(cidr) is not None:
        return None
    address, _, mask = cidr.partition("/")
    number = 0
    for octet in address.split("."):
        number = number * 256 + int(octet)
    size: int = 2 ** (32 - int(mask))
    first = number - number % size
    return first, first + size - 1


def difference(first: Reach, second: Reach) -> Reach:
    """What the first allows and the second does not: what is opened by going from the second to the
    first.
    """
    outward = (
        None
        if first.outward is None or second.outward is None
        else _each(first.outward, second.outward, minus)
    )
    # Ping is gained only where both are known: nothing is claimed on a guess.
    ping = bool(first.ping) and second.ping is False
    return Reach(
        _each(first.inward, second.inward, minus), outward, ping, first.awaited - second.awaited
    )


def shared(first: Reach, second: Reach) -> Reach:
    """What both allow."""
    outward = (
        None
        if first.outward is None or second.outward is None
        else _each(first.outward, second.outward, common)
    )
    return Reach(
        _each(first.inward, second.inward, common),
        outward,
        bool(first.ping and second.ping),
        first.awaited & second.awaited,
    )


def _each(first: Traffic, second: Traffic, operation: Any) -> Traffic:
    found = {
        p: combine(first.get(p, ()), second.get(p, ()), operation)
        for p in sorted({*first, *second})
    }
    return {protocol: those for protocol, those in found.items() if those}


def admitted(cidrs: Iterable[str], ports: Iterable[str]) -> Reach:
    """What a guard requires: these TCP ports, reached from every address of these ranges."""
    addresses: Ranges = ()
    for cidr in cidrs:
        found = cidr_range(cidr)
        addresses = addresses if found is None else union(addresses, (found,))
    asked = [port_range(text) for text in ports]
    return Reach(
        {"tcp": intervals((*pair, addresses) for pair in asked if pair is not None)}, {}, False
    )


PRIVATE_CIDRS = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8"),
    *("169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
)
"""What is not the internet: a rule that excludes only these opens to all of it (RFC 6890)."""


def _internet() -> Ranges:
    taken: Ranges = ()
    for cidr in PRIVATE_CIDRS:
        found = cidr_range(cidr)
        taken = taken if found is None else union(taken, (found,))
    return minus(EVERYWHERE, taken)


INTERNET: Ranges = _internet()


def public_ports(reach: Reach) -> frozenset[int]:
    """The management and database ports that the whole internet reaches."""
    return frozenset(
        port
        for port in MANAGEMENT_PORTS
        for those in reach.inward.values()
        if not minus(INTERNET, _sources(those, port))
    )


def touches(reach: Reach, ports: Iterable[int]) -> bool:
    """Whether anything comes in to one of these ports."""
    return any(_sources(those, port) for port in ports for those in reach.inward.values())


def _sources(found: Intervals, port: int) -> Ranges:
    return next((addresses for low, high, addresses in found if low <= port <= high), ())


PING = "ping"
"""The line of ping, which has no ports."""


def lines(reach: Reach) -> tuple[str, ...]:
    """The traffic in as few lines as it needs: `tcp/8080 from 10.0.0.0/8`, `tcp/443 to 0.0.0.0/0`,
    `ping`.
    """
    found = _lines(reach.inward, inward=True) + _lines(reach.outward or {}, inward=False)
    found += [PING] if reach.ping else []
    for one in sorted(reach.awaited):
        found.append(_line(f"{one.protocol}/{one.ports}", one.direction == "in", one.source))
    return tuple(found)


def _line(ports: str, inward: bool, addresses: str) -> str:
    return msg(
        "{ports} from {addresses}" if inward else "{ports} to {addresses}",
        ports=ports,
        addresses=addresses,
    )


def _lines(traffic: Traffic, *, inward: bool) -> list[str]:
    """By ports with the addresses of each, or by addresses with the ports of each: whichever is
    shorter.
    """
    by_ports, by_addresses = pieces(traffic)
    ways = [
        [_line(_ports(ports), inward, _addresses(addresses)) for ports, addresses in way]
        for way in (by_ports, by_addresses)
    ]
    return min(ways, key=lambda way: (len(way), sum(map(len, way))))


Ports: TypeAlias = "tuple[tuple[str, int, int], ...]"
Piece: TypeAlias = "tuple[Ports, Ranges]"


def pieces(traffic: Traffic) -> tuple[list[Piece], list[Piece]]:
    """The traffic as pieces of (ports, addresses), each piece whole: every one of its ports from
    every one of its addresses.
    """
    by_addresses: dict[Ranges, list[tuple[str, int, int]]] = {}
    for protocol, found in traffic.items():
        for low, high, addresses in found:
            by_addresses.setdefault(addresses, []).append((protocol, low, high))
    return [(tuple(ports), addresses) for addresses, ports in by_addresses.items()], _by_ports(
        traffic
    )


def _by_ports(traffic: Traffic) -> list[Piece]:
    around = {protocol: turned(found) for protocol, found in traffic.items()}
    cuts = sorted(
        {edge for found in around.values() for low, high, _ in found for edge in (low, high + 1)}
    )
    gathered: dict[Ports, Ranges] = {}
    for low, after in pairwise(cuts):
        ports = tuple(
            (protocol, *pair) for protocol, found in around.items() for pair in _sources(found, low)
        )
        if ports:
            gathered[ports] = union(gathered.get(ports, ()), ((low, after - 1),))
    return list(gathered.items())


def _ports(ports: Ports) -> str:
    if ports == tuple((protocol, PORT_MIN, PORT_MAX) for protocol in PROTOCOLS):
        return msg("every port")
    return ", ".join(f"{protocol}/{_range(low, high)}" for protocol, low, high in ports)


def _range(low: int, high: int) -> str:
    if (low, high) == (PORT_MIN, PORT_MAX):
        return "any"
    return str(low) if low == high else f"{low}-{high}"


def _addresses(addresses: Ranges) -> str:
    """Ranges as people write them; all but a few small ones as `0.0.0.0/0 except 10.0.0.0/8`, where
    that is all in the usual form.
    """
    whole = ((addresses[0][0], addresses[-1][1]),)
    left_out = minus(whole, addresses)
    plain = [_cidr(low, high) for low, high in addresses]
    if (
        left_out
        and None in plain
        and _cidr(*whole[0]) is not None
        and all(_cidr(*pair) is not None for pair in left_out)
    ):
        return msg("{ranges} except {others}", ranges=_ranges(whole), others=_ranges(left_out))
    return _ranges(addresses)


def _ranges(addresses: Ranges) -> str:
    return ", ".join(
        _cidr(low, high) or f"{_dotted(low)}-{_dotted(high)}" for low, high in addresses
    )


def _cidr(low: int, high: int) -> str | None:
    size = high - low + 1
    if size & (size - 1) or low % size:
        return None
    return f"{_dotted(low)}/{32 - (size.bit_length() - 1)}"


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
