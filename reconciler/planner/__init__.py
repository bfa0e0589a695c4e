"""From a stack, a state and an account to a plan: changes for people, steps for the executor, both
from one decision.

It may import `recovery`, `config`, `resources`, `model` and `common`; its functions are pure. Begin
with `planner`, the pipeline that calls the packages below in order.
"""
