"""An object that is proposed as the one of an address."""

from __future__ import annotations

from reconciler.common.dataclass import dataclass
from reconciler.model.address import Address
from reconciler.model.resource import LiveResource
from reconciler.model.state import Entry


@dataclass(frozen=True, slots=True)
class Binding:
    """An object that is proposed as the one of an address, after a lost state."""

    address: Address
    live: LiveResource
    entry: Entry
