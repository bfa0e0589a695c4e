"""Carrying out a plan: for every step the intent is recorded, the request is sent, and the outcome
is recorded. It decides nothing new.

It may import `planner` and everything below it, and reaches the cloud and the disk through ports.
Begin with `executor`; the states of a step are in `reconciler.schedule.step_state`.
"""

from reconciler.executor.executor import Result, run
from reconciler.executor.run_inputs import RunInputs

__all__ = ["Result", "RunInputs", "run"]
