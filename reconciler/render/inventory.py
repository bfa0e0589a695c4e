"""The servers of a stack as something to log in to: a name, an address, a user, and the group that
is their key.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.dataclass import dataclass
from reconciler.config.expand import default_name
from reconciler.model.address import Address, parse
from reconciler.model.resource import Account
from reconciler.model.state import State


@dataclass(frozen=True, slots=True)
class Host:
    """One server. `alias` is plain ASCII, and no other has it; `name` is what the cloud calls it.
    An address is None where it has none.
    """

    address: Address
    alias: str
    name: str | None
    id: str
    public_ip: str | None
    private_ip: str | None
    windows: bool = False

    @property
    def reachable_at(self) -> str | None:
        """The public address, else the private one."""
        return self.public_ip or self.private_ip

    @property
    def user(self) -> str:
        """Who the cloud's images let in at first."""
        return "Administrator" if self.windows else "root"


def hosts(state: State, account: Account) -> tuple[Host, ...]:
    """The servers that the state holds and the account shows, sorted by address."""
    windows = {
        row["id"]
        for row in account.catalogue.images or ()
        if str(row.get("os") or "").upper().startswith("WINDOWS")
    }
    taken: dict[str, int] = {}
    return tuple(_hosts(state, account, windows, taken))


def _hosts(
    state: State, account: Account, windows: set[str], taken: dict[str, int]
) -> Iterator[Host]:
    found = [
        (address, entry)
        for text, entry in state.entries.items()
        if entry.kind == "instances" and (address := parse(text)) is not None
    ]
    for address, entry in sorted(found, key=lambda pair: pair[0].sort_key):
        live = account.find("instances", entry.id)
        if live is None:
            continue
        alias = default_name(state.stack, state.environment, address)
        taken[alias] = taken.get(alias, 0) + 1
        says = live.attributes
        yield Host(
            address=address,
            alias=alias if taken[alias] == 1 else f"{alias}-{taken[alias]}",
            name=_text(says.get("name")),
            id=entry.id,
            public_ip=_text(says.get("public_ip")),
            private_ip=_text(says.get("private_ip")),
            windows=says.get("image") in windows,
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
