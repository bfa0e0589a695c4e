"""Commands for teams that review plans: `ci`, `report`, `audit`.

It may import what `cli` may.
Begin with the module of the command that is meant.
"""
