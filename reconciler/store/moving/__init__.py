"""A state on its way to another place: what `state.json` in a folder contains meanwhile.

It may import what `store` may. Begin with `transit_format`.
"""
