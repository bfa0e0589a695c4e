"""Where saved plans are written and found again: in files, and in the store of a state.

It may import what `commands` may. Begin with `kept_plans`.
"""
