"""Ways into a new server: without an SSH key its first password is the only one, and that is in one
answer only (safety#secrets).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.plan import Plan
from reconciler.model.resource import Stack


def without_login(plan: Plan, stack: Stack) -> Iterator[Problem]:
    """A warning for each server that a plan makes without an SSH key: to be told where nobody keeps
    the first passwords.
    """
    for step in plan.steps:
        if step.operation != "instance.create" or step.inputs.get("ssh_keys"):
            continue
        resource = stack.resources.get(step.address)
        yield warning(
            "no-login",
            msg(
                "{address} is created without ssh_keys: its first password is the only login and is not stored",
                address=step.address,
            ),
            place=None if resource is None else resource.place,
            address=str(step.address),
            hint=msg("add `ssh_keys`, or run `apply --first-passwords FILE`"),
        )
