"""Small helpers without any knowledge of clouds or stacks: texts, secrets, a persistent map,
ranges of addresses, and the traffic that rules allow.

It imports only libraries, so every other package may use it. Begin with `text`, which makes every
message for people.
"""
