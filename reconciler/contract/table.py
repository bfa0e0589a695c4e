"""The table of all checks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.contract.check import ContractCheck
from reconciler.contract.firewall_checks import FIREWALL_CHECKS, GROUPS_READ_MAX
from reconciler.contract.instance_checks import INSTANCE_CHECKS
from reconciler.contract.probe.probe_checks import FIREWALL_PROBE, SERVER_PROBE
from reconciler.contract.refusal_checks import RATE_CHECK, REFUSAL_CHECKS
from reconciler.contract.service_checks import ERROR_CHECK, SERVICE_CHECKS
from reconciler.contract.storage_checks import BILL_CHECKS, STORAGE_CHECKS

READ_CHECKS: tuple[ContractCheck, ...] = (
    *SERVICE_CHECKS,
    *INSTANCE_CHECKS,
    *STORAGE_CHECKS,
    *FIREWALL_CHECKS,
    *BILL_CHECKS,
    ERROR_CHECK,
)
"""The checks of every report."""

CALLS = sum(check.calls for check in READ_CHECKS)
"""How many calls they need in an account with few firewalls."""

FIREWALL_CALLS_MAX = GROUPS_READ_MAX
"""How many more calls firewalls may need: one each."""

ALL_CHECKS = (*READ_CHECKS, *REFUSAL_CHECKS, RATE_CHECK, *FIREWALL_PROBE, *SERVER_PROBE)
BY_NAME: Mapping[str, ContractCheck] = {check.name: check for check in ALL_CHECKS}
"""All checks by name, with those that are made only when asked for."""


def chosen(*, refusals: bool, rate: bool) -> tuple[ContractCheck, ...]:
    """The checks of a run: those of every report, and the ones that provoke refusals if asked
    for.
    """
    return (
        *READ_CHECKS,
        *(REFUSAL_CHECKS if refusals else ()),
        *((RATE_CHECK,) if rate else ()),
    )
