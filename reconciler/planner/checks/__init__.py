"""Reasons to refuse a plan or to warn about it: impossible combinations, name conflicts,
renames, a lost state, consent.

It may import `planner.kinds`, `planner.steps` and `planner.compare`. Begin with `approval`, which
compares the risks of a plan with the consent given.
"""
