"""To whom a change opens a port, read from the lines of the JSON plan (plan-format#a-change)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import Any

from reconciler.common.ranges import Ranges, minus
from reconciler.common.text import msg
from reconciler.config.functions import CallError

NAME = "opened_to"

_RANGE = r"[0-9.]+(?:/[0-9]+|-[0-9.]+)"
_PORT = r"(?:tcp|udp)/(?:any|[0-9]+(?:-[0-9]+)?)"
_LINE = re.compile(
    rf"(?:(?P<every>every port)|(?P<ports>{_PORT}(?:, {_PORT})*))"
    rf" from (?P<addresses>{_RANGE}(?:, {_RANGE})*)"
    rf"(?: except (?P<others>{_RANGE}(?:, {_RANGE})*))?(?: on .*)?",
    re.DOTALL,
)
_PORTS_MAX = 65_535
_WANTED = re.compile(r"(tcp|udp)/([0-9]{1,5})")


def opened_to(change: Any, port: Any) -> list[str]:
    """The IPv4 ranges from which a change lets a port be reached that could not reach it before,
    such as `["0.0.0.0/0"]`. `port` is `tcp/22`. A range that is known only after apply is not in
    it. Raises `CallError`.
    """
    protocol, number = _port(port) if isinstance(port, str) else ("", -1)
    if number < 0:
        raise CallError(msg("opened_to() needs a port such as tcp/22"))
    lines = _lines_of(change)
    if lines is None:
        raise CallError(msg("opened_to() needs a change of the plan"))
    return [text for line in lines for text in _opened(str(line), protocol, number)]


@lru_cache(maxsize=1024)
def _port(text: str) -> tuple[str, int]:
    """The protocol and the number, -1 if it is not a port."""
    found = _WANTED.fullmatch(text)
    return ("", -1) if found is None else (found[1], int(found[2]))


def count_of_lines(change: Any) -> int:
    """How many lines are read."""
    return len(_lines_of(change) or ())


def _lines_of(change: Any) -> Sequence[Any] | None:
    impact = change.get("impact") if isinstance(change, Mapping) else None
    lines = impact.get("opens") if isinstance(impact, Mapping) else None
    return lines if isinstance(lines, list | tuple) else None


@lru_cache(maxsize=4096)
def _opened(line: str, protocol: str, number: int) -> tuple[str, ...]:
    found = _LINE.fullmatch(line)
    if found is None or not (found["every"] or _has_port(found["ports"], protocol, number)):
        return ()
    addresses = minus(_ranges(found["addresses"]), _ranges(found["others"] or ""))
    return tuple(text for pair in addresses for text in _networks(*pair))


def _has_port(ports: str, protocol: str, number: int) -> bool:
    for text in ports.split(", "):
        name, _, span = text.partition("/")
        low, _, high = ("1", "-", str(_PORTS_MAX)) if span == "any" else span.partition("-")
        if name == protocol and int(low) <= number <= int(high or low):
            return True
    return False


def _ranges(text: str) -> Ranges:
    return tuple(sorted(map(_pair, text.split(", ")))) if text else ()


def _pair(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if dash:
        return int(IPv4Address(low)), int(IPv4Address(high))
    network = IPv4Network(text)
    return int(network.network_address), int(network.broadcast_address)


def _networks(low: int, high: int) -> Iterator[str]:
    for network in summarize_address_range(IPv4Address(low), IPv4Address(high)):
        yield str(network)
