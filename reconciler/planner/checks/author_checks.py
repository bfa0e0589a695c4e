"""The conditions under `assert` that read attributes: those that will be false after the plan, as
far as it is known (stack-files#checks).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config.checks import asserts
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Stack
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.compare.resolver import Resolver


def problems(stack: Stack, resolver: Resolver, options: PlanOptions) -> Iterator[Problem]:
    """An error for each condition that is false. They do not stop a destroy."""
    for check in () if options.destroy else stack.checks:
        found = asserts.violation(check, stack, resolver.attributes)
        if found is not None:
            yield found
