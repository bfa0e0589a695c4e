"""The use cases on many stacks of one project: they are planned from one reading of the account,
and applied in the order in which they need each other.

It may import what `commands` may. Begin with `plan_all` and `apply_all`.
"""
