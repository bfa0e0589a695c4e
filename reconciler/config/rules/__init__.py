"""Rules that a stack file writes once for several addresses, ports or keys.

It may import what `config` may. Begin with `unfolding`, which `config.expand` asks for the rules of
each written one.
"""
