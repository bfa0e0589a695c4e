"""The instances of a stack as hosts to log in to: name, address, user, and the resource that groups
them.
"""

from __future__ import annotations

import re
from collections import Counter

from reconciler.common.dataclass import dataclass
from reconciler.config.expand import default_name
from reconciler.model.address import Address, parse
from reconciler.model.resource import Account
from reconciler.model.state import State
from reconciler.resources import instance

_PLAIN = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*")
"""Names that need no quotes in any inventory."""


@dataclass(frozen=True, slots=True)
class Host:
    """One instance. `alias` is unique: its name in the cloud if that is plain ASCII. An address is
    None if the instance has none. `stopped`: it is not running.
    """

    address: Address
    alias: str
    name: str | None
    id: str
    public_ip: str | None
    private_ip: str | None
    windows: bool = False
    stopped: bool = False

    @property
    def reachable_at(self) -> str | None:
        """The public address, else the private one."""
        return self.public_ip or self.private_ip

    @property
    def user(self) -> str:
        """The first user of the images of the cloud."""
        return "Administrator" if self.windows else "root"


def hosts(state: State, account: Account) -> tuple[Host, ...]:
    """The instances that are in the state and in the account, sorted by address."""
    windows = {
        row["id"]
        for row in account.catalogue.images or ()
        if str(row.get("os") or "").upper().startswith("WINDOWS")
    }
    entries = [
        (address, entry)
        for text, entry in state.entries.items()
        if entry.kind == instance.NAME and (address := parse(text)) is not None
    ]
    taken: Counter[str] = Counter()
    found = []
    for address, entry in sorted(entries, key=lambda pair: pair[0].sort_key):
        live = account.find(instance.NAME, entry.id)
        if live is None:
            continue
        name = _text(live.attributes.get("name"))
        plain = name is not None and _PLAIN.fullmatch(name) is not None
        alias = str(name) if plain else default_name(state.stack, state.environment, address)
        taken[alias] += 1
        host = Host(
            address=address,
            alias=alias if taken[alias] == 1 else f"{alias}-{taken[alias]}",
            name=name,
            id=entry.id,
            public_ip=_text(live.attributes.get("public_ip")),
            private_ip=_text(live.attributes.get("private_ip")),
            windows=live.attributes.get("image") in windows,
            stopped=live.attributes.get("power") == "off",
        )
        found.append(host)
    return tuple(found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
