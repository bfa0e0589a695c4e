"""The bench: how many calls, how long, how much memory, against what arithmetic allows. `python -m
bench` runs all of it.
"""
