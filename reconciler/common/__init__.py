"""Small helpers without any knowledge of clouds or stacks: texts, secrets, ranges of addresses, a
persistent map.

It imports nothing of ours, so every other package may use it. Begin with `text`, through which
every message for people is made.
"""
