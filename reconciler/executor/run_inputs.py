"""What a run is given: the plan, what it was made from, and the ports to the outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.common.dataclass import dataclass
from reconciler.executor.first_passwords import KeepPassword
from reconciler.model.events import Event
from reconciler.model.plan import Plan
from reconciler.model.ports import Client, Reads, StateWriter
from reconciler.model.resource import Account, Stack
from reconciler.model.resource_type import ResourceType


@dataclass(frozen=True, slots=True)
class RunInputs:
    """Everything that a run needs. `account` is what the plan was made from.

    `run_id` names the run in the records, and `nonce` gives a new marker for every create that is
    sent. `keep` takes the first passwords of new instances, which nobody keeps otherwise.
    `time_scale` divides the pauses of a simulated run.
    """

    plan: Plan
    stack: Stack
    account: Account
    kinds: Mapping[str, ResourceType]
    writer: StateWriter
    client: Client
    reads: Reads
    emit: Callable[[Event], None]
    run_id: str
    nonce: Callable[[], str]
    interrupted: Callable[[], bool]
    time_scale: float = 1.0
    account_digest: str | None = None
    endpoint: str | None = None
    keep: KeepPassword | None = None
