"""The ports to the outside. Reading and writing are separate; planning only gets readers.

It may import the rest of `model`. Begin with `state_ports`: the state of a stack and its place;
`cloud_ports` has all that a run needs of the cloud.
"""

from reconciler.model.ports.cloud_ports import (
    Accepted,
    AccountCache,
    Answer,
    Client,
    Clock,
    Network,
    NoAnswer,
    QuotaLog,
    Reading,
    Reads,
    Refused,
    Rows,
    Seen,
)
from reconciler.model.ports.state_ports import (
    Held,
    Holder,
    Locked,
    LostLock,
    NameTaken,
    PlaceUnusable,
    RecordFailed,
    StateDamaged,
    StateNewer,
    StatePlace,
    StateReader,
    StateWriter,
    Store,
    StoreError,
    Waiting,
)

__all__ = (
    "Accepted",
    "AccountCache",
    "Answer",
    "Client",
    "Clock",
    "Held",
    "Holder",
    "Locked",
    "LostLock",
    "NameTaken",
    "Network",
    "NoAnswer",
    "PlaceUnusable",
    "QuotaLog",
    "Reading",
    "Reads",
    "RecordFailed",
    "Refused",
    "Rows",
    "Seen",
    "StateDamaged",
    "StateNewer",
    "StatePlace",
    "StateReader",
    "StateWriter",
    "Store",
    "StoreError",
    "Waiting",
)
