"""Commands that look at what is there.

It may import what `cli` may.
Begin with `ls_command`.
"""
