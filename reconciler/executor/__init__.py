"""Applying a plan: walks its steps and decides nothing new; intent first, then the request, then
the outcome, for every step.

It may import `planner` and everything below it, and reaches the cloud and the disk through ports.
Begin with `executor`, the one loop with effects; `task` is a step on its way.
"""

from reconciler.executor.executor import Result, run

__all__ = ["Result", "run"]
