"""The commands, in a module for each or for a group. `program` loads the one that is called.

It may import what `cli` may.
Begin with `stack_commands`.
"""
