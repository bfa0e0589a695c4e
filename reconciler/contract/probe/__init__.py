"""The write probe: its stack file, and what its requests and answers show.

It may import what `contract` may. Begin reading in `probe_stack`.
"""
