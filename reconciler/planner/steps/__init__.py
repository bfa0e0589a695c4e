"""The parts that make a plan: the builder that gathers changes and steps, their order, and what
each does to the state.

It may import `planner.compare`. Begin with `plan_builder`, then `graph`.
"""
