"""What authors demand of their own stacks. It may import what `config` may.

Begin with `asserts`.
"""
