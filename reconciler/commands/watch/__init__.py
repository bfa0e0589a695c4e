"""`watch`: one pass over a stack reads, settles, reports drift, and reverts what the rules of the
project list.

It may import what `commands` may. Begin with `decide`, the table of what a pass may do. `sight`
says what a pass saw, and `watch_pass` does the pass.
"""
