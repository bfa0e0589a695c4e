"""Applying a plan: walks its steps and decides nothing new.

`loop` is the one loop with effects, a single thread that takes answers as values; `task` is a step on its way; `values` fills in what is
known only now; `waits` reads lists for everything in flight; `records` says what an answer makes of the state.
"""

from reconciler.apply.loop import Result, run

__all__ = ["Result", "run"]
