"""The values that all packages share, and the ports to the outside: addresses, resources, state,
plan, events, problems.

It may import only `common`; it does no I/O and decides nothing. Begin with `resource` (what a stack
and an account are made of), then `plan` and `state`.
"""
