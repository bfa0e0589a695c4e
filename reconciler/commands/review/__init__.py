"""Pull requests: which approvals a plan needs and has, and what is written about it.

It may import what `commands` may. Begin with `approvals`.
"""
