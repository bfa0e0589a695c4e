"""`doctor --contract` and its write probe: questions, report and file.

It may import what `cli` may. Begin reading in `contract_check`.
"""
