"""`ci drift`: an issue or a pull request about the drift of each stack.

It may import what `cli` may, except the commands themselves. Begin with `ci_drift`.
"""
