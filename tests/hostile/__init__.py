"""Text from outside that a screen would obey, and secrets that nobody may see: invariants 9, 10, 12
and 13, through every command.
"""
