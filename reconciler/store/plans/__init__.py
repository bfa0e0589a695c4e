"""The saved plans beside a state, in a folder and in a place of objects.

It may import what `store` may. Begin with `plan_names`: the names that plans have in both.
"""
