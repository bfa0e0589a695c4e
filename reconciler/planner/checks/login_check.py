"""Logins of new instances: without an SSH key the first password is the only one, and only one
answer of the API holds it (safety#secrets).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.plan import Plan
from reconciler.model.resource import Stack
from reconciler.model.resource_type import operation_of
from reconciler.resources import all_kinds


def without_login(plan: Plan, stack: Stack) -> Iterator[Problem]:
    """A warning for each instance that a plan creates without an SSH key, for runs in which nobody
    keeps the first passwords.
    """
    for step in plan.steps:
        login = operation_of(all_kinds(), step.operation).login_field
        if login is None or not step.calls or step.inputs.get(login):
            continue
        resource = stack.resources.get(step.address)
        yield warning(
            "no-login",
            msg(
                "{address} is created without {field}: its first password is the only login and "
                "is not stored",
                address=step.address,
                field=login,
            ),
            place=None if resource is None else resource.place,
            address=str(step.address),
            hint=msg(
                "add `{field}`, or run `reconciler apply --first-passwords FILE`", field=login
            ),
        )
