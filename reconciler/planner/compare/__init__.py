"""Comparing the account with the configuration: which lists to read, what becomes of each address,
which fields differ.

It may import what the planner may, but no other package of the planner. Begin with `classify`,
which gives each address its disposition.
"""
