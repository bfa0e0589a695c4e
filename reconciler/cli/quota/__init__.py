"""Which quota is in force for a command, and with which priority.

It may import what `cli` may. Begin reading in `quota_choice`.
"""
