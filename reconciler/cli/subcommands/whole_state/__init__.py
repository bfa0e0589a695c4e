"""Commands on a state as a whole: a copy of it out and in, its history, another place for it.

It may import what `cli` may. Begin with `copy_commands`.
"""
