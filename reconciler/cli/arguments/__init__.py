"""What the arguments of a command name besides files. It may import what `cli` may.

Begin with `piped_arguments`.
"""
