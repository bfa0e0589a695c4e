"""Reports: which documents a command makes them of, and where they are written.

It may import what `cli` may, except the commands themselves. Begin with `report_output`.
"""
