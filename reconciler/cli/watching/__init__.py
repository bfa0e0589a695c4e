"""What `watch` does outside: notices, metrics, and a branch with absorbed drift.

It may import what `cli` may. Begin with `watch_run`, which makes the passes of one command.
"""
