"""Small helpers without any knowledge of clouds or stacks: texts, secrets, a persistent map,
ranges of addresses, and the traffic that rules allow.

It imports nothing of ours, so every other package may use it. Begin with `text`, through which
every message for people is made.
"""
